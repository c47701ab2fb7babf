use std::fmt::Write;

use super::{Interval, Method, Outcome, ratio_interval, summary};
use crate::Draws;

/// What is compared.
type Take = fn(&super::Measured) -> f64;

const COMPARED: [(&str, Take); 2] = [("HR@10", |m| m.hit), ("NDCG@10", |m| m.ndcg)];

/// A table of an outcome, as Markdown. `draws` decides the bootstrap's samples.
pub fn table(outcome: &Outcome, draws: &mut Draws) -> String {
    let mut text = String::from(
        "| method | HR@10 | NDCG@10 | MRR@10 | coverage | HR, < 5 likes | HR, ≥ 5 likes | HR, new items |\n|---|---|---|---|---|---|---|---|\n",
    );
    for method in &outcome.methods {
        let of =
            |chosen: &dyn Fn(usize) -> bool| summary(&method.measured, &method.lists, outcome.items, chosen);
        let all = of(&|_| true);
        let group = |chosen: &dyn Fn(usize) -> bool| match of(chosen) {
            group if group.queries == 0 => "–".to_owned(),
            group => format!("{:.1} % of {}", 100.0 * group.mean.hit, group.queries),
        };
        let _ = writeln!(
            text,
            "| {} | {:.1} % | {:.4} | {:.4} | {:.1} % | {} | {} | {} |",
            method.name,
            100.0 * all.mean.hit,
            all.mean.ndcg,
            all.mean.reciprocal_rank,
            100.0 * all.coverage,
            group(&|query| outcome.is_few[query]),
            group(&|query| !outcome.is_few[query]),
            group(&|query| outcome.is_new[query]),
        );
    }
    text.push('\n');
    for (name, take) in COMPARED {
        let Some((best, ours)) = best_and_ours(outcome, take) else { continue };
        let interval = ratio_interval(&numbers(ours, take), &numbers(best, take), draws);
        let _ = writeln!(text, "{name}: {} × the best baseline, {}.", shown(interval), best.name);
    }
    text
}

/// The combination beside the best baseline of each log, over all logs: queries pooled, and each log counted the same.
pub fn pooled_table(outcomes: &[(String, Outcome)], draws: &mut Draws) -> String {
    let mut text =
        String::from("| measure | pooled over people | mean over logs | least log |\n|---|---|---|---|\n");
    for (name, take) in COMPARED {
        let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for (log, outcome) in outcomes {
            let Some((best, own)) = best_and_ours(outcome, take) else { continue };
            let (own, best) = (numbers(own, take), numbers(best, take));
            ratios.push((own.iter().sum::<f64>() / best.iter().sum::<f64>(), log));
            ours.extend(own);
            theirs.extend(best);
        }
        let mean = ratios.iter().map(|(ratio, _)| ratio).sum::<f64>() / ratios.len().max(1) as f64;
        let least = ratios.iter().min_by(|(a, _), (b, _)| a.total_cmp(b));
        let least = least.map_or("–".to_owned(), |(ratio, log)| format!("{ratio:.2} ({log})"));
        let _ = writeln!(
            text,
            "| {name} | {} | {mean:.2} | {least} |",
            shown(ratio_interval(&ours, &theirs, draws))
        );
    }
    text
}

fn best_and_ours(outcome: &Outcome, take: Take) -> Option<(&Method, &Method)> {
    let sum = |method: &&Method| method.measured.iter().map(take).sum::<f64>();
    let baselines = outcome.methods.iter().filter(|method| method.is_baseline);
    Some((baselines.max_by(|a, b| sum(a).total_cmp(&sum(b)))?, outcome.methods.last()?))
}

fn numbers(method: &Method, take: Take) -> Vec<f64> {
    method.measured.iter().map(take).collect()
}

fn shown(interval: Option<Interval>) -> String {
    match interval {
        Some(Interval { ratio, low, high }) => format!("{ratio:.2} ({low:.2}–{high:.2})"),
        None => "–".to_owned(),
    }
}
