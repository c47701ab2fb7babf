//! From records to verdicts.

use std::thread;
use std::time::Instant;

use anyhow::{Context as _, bail};

use super::answer::{Verdict, detail, reasons, verdicts};
use super::args::{ImportArgs, Kind};
use super::batch::{Batch, Item, Outgoing};
use super::columns;
use super::entry::{Entry, Problem, Records, Row};
use super::identity::Identity;
use super::input::{self, Input};
use super::progress::Progress;
use super::refusals::Refusals;
use super::report::ImportOutcome;
use super::sender::{Reply, Sender};
use super::{event, product};

/// Imports what `args` name; the outcome is true even if the import broke off.
pub(super) fn import(args: &ImportArgs) -> (ImportOutcome, anyhow::Result<()>) {
    let began = Instant::now();
    let mut outcome = ImportOutcome { kind: args.kind, dry_run: args.dry_run, ..ImportOutcome::default() };
    let result = input::open(args).and_then(|input| run(args, input, &mut outcome));
    outcome.took = began.elapsed();
    (outcome, result)
}

/// Imports an opened input.
pub(super) fn run(args: &ImportArgs, input: Input, outcome: &mut ImportOutcome) -> anyhow::Result<()> {
    let Input { mut records, length_bytes, identity } = input;
    let file = || args.file.display().to_string();
    if let Some(names) = records.columns() {
        outcome.kind = Some(header_kind(args.kind, names).with_context(file)?);
    }
    let mut import = Import {
        args,
        identity,
        unit: records.unit(),
        batch: Batch::default(),
        sender: if args.dry_run { None } else { Some(Sender::new(args)?) },
        answered: None,
        refusals: Refusals::new(records.unit(), args.rejects.as_deref(), &args.file)?,
        progress: Progress::new(length_bytes),
        outcome,
    };
    let result = import.all(records.as_mut());
    import.progress.finish();
    let hidden = import.refusals.finish();
    if let Ok(Some(line)) = &hidden {
        import.progress.say(line);
    }
    // What broke the import off matters more than a rejects file that could not be closed.
    result.and(hidden.map(|_| ()))
}

fn header_kind(said: Option<Kind>, names: &[String]) -> anyhow::Result<Kind> {
    let kind = said.or_else(|| columns::kind_of(names.iter().map(String::as_str)));
    let kind = kind.with_context(|| unclear_kind(names.iter().map(String::as_str)))?;
    columns::check_header(kind, names)?;
    Ok(kind)
}

fn unclear_kind<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.take(12).map(|name| name.chars().take(40).collect::<String>()).collect();
    format!("neither products nor events by the names `{}`: give `--kind`", names.join("`, `"))
}

struct Import<'a> {
    args: &'a ImportArgs,
    identity: Identity,
    unit: &'static str,
    /// What is read and not yet sent.
    batch: Batch,
    /// `None` in a dry run.
    sender: Option<Sender>,
    /// When the last batch was answered.
    answered: Option<Instant>,
    refusals: Refusals,
    progress: Progress,
    outcome: &'a mut ImportOutcome,
}

impl Import<'_> {
    fn all(&mut self, records: &mut dyn Records) -> anyhow::Result<()> {
        let limit = self.args.limit.unwrap_or(u64::MAX);
        while self.outcome.read < limit {
            match records.next_entry() {
                Ok(None) => break,
                Ok(Some(entry)) => self.take(entry)?,
                Err(error) => {
                    // What was read before is good.
                    self.flush()?;
                    return Err(error.context(self.args.file.display().to_string()));
                }
            }
            self.progress.at(records.consumed_bytes(), self.outcome);
        }
        self.flush()
    }

    fn take(&mut self, entry: Entry) -> anyhow::Result<()> {
        let Entry { line, raw, row } = entry;
        let fallback_id = self.identity.next_id(line, &raw);
        let item = match row {
            Ok(row) => self.item(row, &fallback_id)?,
            Err(problems) => Err(problems),
        };
        self.outcome.read += 1;
        match item {
            Err(problems) => self.refuse(line, &raw, &problems),
            Ok(_) if self.sender.is_none() => {
                self.outcome.accepted += 1;
                Ok(())
            }
            Ok(Outgoing { json, untimed }) => {
                // Counted before anything can fail: taken back with its verdict.
                self.outcome.unconfirmed += 1;
                let fits = self.batch.fits(&raw, &json, usize::from(self.args.batch));
                let full = if fits { Ok(()) } else { self.flush() };
                self.batch.push(line, raw, &json, untimed);
                full
            }
        }
    }

    /// What is sent of the item, or why there is none.
    fn item(&mut self, row: Row, fallback_id: &str) -> anyhow::Result<Result<Outgoing, Vec<Problem>>> {
        let kind = match self.outcome.kind {
            Some(kind) => kind,
            None => {
                let names = || row.iter().map(|(name, _)| name.as_str());
                let Some(kind) = columns::kind_of(names()) else {
                    bail!("{}: {}", self.args.file.display(), unclear_kind(names()))
                };
                *self.outcome.kind.insert(kind)
            }
        };
        Ok(match kind {
            Kind::Products => product::item(row).map(|json| Outgoing { json, untimed: None }),
            Kind::Events => event::item(row, fallback_id),
        })
    }

    fn refuse(&mut self, line: u64, raw: &[u8], problems: &[Problem]) -> anyhow::Result<()> {
        self.outcome.refused += 1;
        if let Some(text) = self.refusals.add(line, raw, problems)? {
            self.progress.say(&text);
        }
        Ok(())
    }

    /// Tells what was odd about an item that was taken.
    fn warn(&mut self, line: u64, warnings: &[String]) {
        if warnings.is_empty() {
            return;
        }
        self.outcome.warned += 1;
        if let Some(text) = self.refusals.warning(line, warnings) {
            self.progress.say(&text);
        }
    }

    /// Sends what is collected and counts the verdicts.
    fn flush(&mut self) -> anyhow::Result<()> {
        let (Some(kind), Some((first, last))) = (self.outcome.kind, self.batch.lines()) else {
            return Ok(());
        };
        let unit = self.unit;
        let mut waiting = vec![std::mem::take(&mut self.batch)];
        while let Some(batch) = waiting.pop() {
            match self.settle(kind, batch) {
                Ok(rest) => waiting.extend(rest),
                Err(error) if self.sender.as_ref().is_some_and(Sender::answered) => {
                    return Err(error.context(format!(
                        "broke off at {unit} {first} to {last}; what came before is accounted for, and running \
                         the same command again has no second effect"
                    )));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends one batch and counts its verdicts; gives back what is to be sent in other batches, last first.
    fn settle(&mut self, kind: Kind, batch: Batch) -> anyhow::Result<Vec<Batch>> {
        let Some(sender) = &mut self.sender else { bail!("a dry run sends nothing") };
        let progress = &self.progress;
        if let Some(answered) = self.answered {
            // The API dates events that have no time back from the present: not before those of the batch before.
            thread::sleep(batch.reaches_back().saturating_sub(answered.elapsed()));
        }
        let reply = sender.send(kind, batch.body(), &mut |line| progress.say(line))?;
        self.answered = Some(Instant::now());
        match reply {
            Reply::Results(body) => {
                let verdicts = verdicts(&body, batch.len())?;
                self.count(batch.into_items(), verdicts)?;
                Ok(Vec::new())
            }
            Reply::TooLarge(detail) if batch.len() == 1 => {
                let refused = Verdict::Refused(vec![Problem::of_record(format!("is too large: {detail}"))]);
                self.count(batch.into_items(), vec![refused])?;
                Ok(Vec::new())
            }
            Reply::TooLarge(_) => {
                let (first, second) = batch.halves();
                Ok(vec![second, first])
            }
            Reply::Invalid(body) => {
                let reasons = reasons(&body, batch.len());
                if reasons.is_empty() {
                    bail!("the API answered 400: {}", detail(&body));
                }
                // Those without a reason are asked about again.
                let (refused, rest) = batch.partition(|index| reasons.contains_key(&index));
                self.count(refused.into_items(), reasons.into_values().map(Verdict::Refused).collect())?;
                Ok(if rest.len() == 0 { Vec::new() } else { vec![rest] })
            }
        }
    }

    fn count(&mut self, items: Vec<Item>, verdicts: Vec<Verdict>) -> anyhow::Result<()> {
        self.outcome.unconfirmed -= items.len() as u64;
        let mut failed = Ok(());
        for (item, verdict) in items.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Accepted(warnings) => {
                    self.outcome.accepted += 1;
                    self.warn(item.line, &warnings);
                }
                Verdict::Duplicate => self.outcome.duplicates += 1,
                // A rejects file that cannot be written stops the import, but not the counting.
                Verdict::Refused(problems) => {
                    failed = failed.and(self.refuse(item.line, &item.raw, &problems))
                }
            }
        }
        failed
    }
}
