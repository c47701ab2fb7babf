//! `recommender eval FILE…`: how good recommendations are on logs, beside other methods, as Markdown.
//! `recommender scale EVENTS SHOPPERS ITEMS`: what learning factors costs.

mod read;
mod scale;
mod texts;

use std::time::Instant;

use anyhow::{Context, Result, bail};
use rep_recommender::Draws;
use rep_recommender::eval::{EvalRules, Outcome, Protocol, evaluate, pooled_table, table};
use rep_recommender::text::TextVectors;

const USAGE: &str =
    "usage: recommender eval [--protocol last|time|both] [--queries N] [--seed N] [--weights] FILE[=TEXTS]…
       recommender scale EVENTS SHOPPERS ITEMS";

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("eval") => {
            let asked = Asked::parse(args)?;
            asked.protocols.iter().try_for_each(|protocol| asked.evaluate(*protocol))
        }
        Some("scale") => {
            let numbers: Vec<usize> = args.map(|arg| arg.parse().context(USAGE)).collect::<Result<_>>()?;
            let [events, shoppers, items] = numbers[..] else { bail!(USAGE) };
            scale::run(events, shoppers, items)
        }
        _ => bail!(USAGE),
    }
}

/// What `eval` is asked for.
struct Asked {
    protocols: Vec<Protocol>,
    rules: EvalRules,
    is_weights_shown: bool,
    files: Vec<String>,
}

impl Asked {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self> {
        let mut asked = Self {
            protocols: vec![Protocol::LeaveLast, Protocol::SplitInTime],
            rules: EvalRules::default(),
            is_weights_shown: false,
            files: Vec::new(),
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("`{arg}` needs a value"));
            match arg.as_str() {
                "--protocol" => match value()?.as_str() {
                    "last" => asked.protocols = vec![Protocol::LeaveLast],
                    "time" => asked.protocols = vec![Protocol::SplitInTime],
                    "both" => {}
                    other => bail!("no such protocol: `{other}`"),
                },
                "--queries" => {
                    asked.rules.queries_max = value()?.parse().context("`--queries` is a number")?
                }
                "--seed" => asked.rules.seed = value()?.parse().context("`--seed` is a number")?,
                "--weights" => asked.is_weights_shown = true,
                other if other.starts_with('-') => bail!("no such option: `{other}`\n{USAGE}"),
                file => asked.files.push(file.to_owned()),
            }
        }
        if asked.files.is_empty() {
            bail!(USAGE);
        }
        Ok(asked)
    }

    fn evaluate(&self, protocol: Protocol) -> Result<()> {
        let title = match protocol {
            Protocol::LeaveLast => "The last liked item of each shopper hidden",
            Protocol::SplitInTime => "The last fifth of the log hidden, all of a shopper's items counted",
        };
        println!("## {title}\n");
        let mut outcomes = Vec::new();
        for file in &self.files {
            let (file, texts) = match file.split_once('=') {
                Some((file, texts)) => (file, Some(texts)),
                None => (file.as_str(), None),
            };
            let name = file.rsplit('/').next().unwrap_or(file);
            println!("### {name}\n");
            if let Some(outcome) = self.evaluate_file(protocol, file, texts)? {
                outcomes.push((name.to_owned(), outcome));
            }
        }
        if outcomes.len() > 1 {
            let pooled = pooled_table(&outcomes, &mut Draws::new(self.rules.seed));
            println!("### All logs\n\nThe combination beside the best baseline of each log.\n\n{pooled}");
        }
        Ok(())
    }

    fn evaluate_file(&self, protocol: Protocol, file: &str, texts: Option<&str>) -> Result<Option<Outcome>> {
        let (log, items) = read::read(file).with_context(|| format!("cannot read `{file}`"))?;
        if protocol == Protocol::SplitInTime && !read::has_time(&log) {
            println!("Has no time: left out.\n");
            return Ok(None);
        }
        let texts = texts.map(|path| texts::read(path, &items)).transpose()?;
        let texts = texts.as_ref().map(|texts| texts as &dyn TextVectors);
        let began = Instant::now();
        let outcome = match evaluate(&log, protocol, &self.rules, texts) {
            Ok(outcome) => outcome,
            Err(error) => {
                println!("Left out: {error}.\n");
                return Ok(None);
            }
        };
        println!(
            "{} events, {} shoppers, {} items; {} queries; {:.0} s\n",
            log.events().len(),
            log.shoppers(),
            log.items(),
            outcome.is_few.len(),
            began.elapsed().as_secs_f32()
        );
        println!("{}", table(&outcome, &mut Draws::new(self.rules.seed)));
        if self.is_weights_shown {
            println!("{}\n", outcome.settings);
            outcome.weights.iter().for_each(|(name, weight)| println!("    {name}: {weight:.3}"));
            println!();
        }
        Ok(Some(outcome))
    }
}
