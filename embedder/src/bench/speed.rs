//! How long calls take, by length of text and texts a call.

use std::time::{Duration, Instant};

use rep_core::ports::embedder::{EmbedError, TextKind};

use super::report::SpeedCase;
use super::{BenchOptions, milliseconds, texts};
use crate::TextModel;

/// A short query, a title, a short description, a long one.
const LENGTHS: [usize; 4] = [6, 20, 60, 200];
const CASE_TIME_MAX: Duration = Duration::from_secs(60);
const ROUNDS_MAX: usize = 1000;

pub(super) fn measure(
    model: &mut TextModel,
    options: &BenchOptions,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<SpeedCase>, EmbedError> {
    let mut cases = Vec::new();
    for tokens in LENGTHS {
        for &call_texts in &options.call_texts {
            progress(&format!("{}: {tokens} tokens, {call_texts} texts a call", model.manifest().id));
            cases.push(case(model, options, tokens, call_texts)?);
        }
    }
    Ok(cases)
}

fn case(
    model: &mut TextModel,
    options: &BenchOptions,
    tokens: usize,
    call_texts: usize,
) -> Result<SpeedCase, EmbedError> {
    let texts: Result<Vec<String>, String> =
        (0..call_texts).map(|number| texts::of_length(model, tokens, number)).collect();
    let texts = texts.map_err(EmbedError::Failed)?;
    let case_time = options.case_time.min(CASE_TIME_MAX);
    let mut took = Vec::new();
    let begun = Instant::now();
    while took.is_empty() || (begun.elapsed() < case_time && took.len() < ROUNDS_MAX) {
        let started = Instant::now();
        model.embed(&texts, TextKind::Query, options.batch_tokens_max)?;
        took.push(started.elapsed());
    }
    // The first round warms caches up; it counts only when there is no other.
    if took.len() > 1 {
        took.remove(0);
    }
    let total: Duration = took.iter().sum();
    Ok(SpeedCase {
        tokens,
        call_texts,
        rounds: took.len(),
        p50_ms: percentile_ms(&mut took, 50),
        p99_ms: percentile_ms(&mut took, 99),
        texts_per_s: (took.len() * call_texts) as f64 / total.as_secs_f64().max(f64::MIN_POSITIVE),
    })
}

/// Nearest-rank percentile; with few rounds the 99th is the slowest.
fn percentile_ms(took: &mut [Duration], percent: usize) -> f64 {
    took.sort_unstable();
    let rank = (took.len() * percent).div_ceil(100).clamp(1, took.len());
    milliseconds(took[rank - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_by_nearest_rank() {
        let mut took: Vec<Duration> = (1..=10).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile_ms(&mut took, 50), 5.0);
        assert_eq!(percentile_ms(&mut took, 99), 10.0);
        assert_eq!(percentile_ms(&mut took[..1], 99), 1.0);
    }
}
