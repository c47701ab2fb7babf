//! How far an import is: a bar on a terminal, a line every few seconds elsewhere.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::report::ImportOutcome;

/// Time between lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Records between two looks at the clock.
const LOOK_EVERY: u64 = 64;

/// Tells on standard error how far it is.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    length_bytes: Option<u64>,
    began: Instant,
    told: Instant,
}

impl Progress {
    /// For an input of `length_bytes`, if that is known.
    pub(super) fn new(length_bytes: Option<u64>) -> Self {
        let bar = stderr().is_terminal().then(|| bar(length_bytes));
        let now = Instant::now();
        Self { bar, length_bytes, began: now, told: now }
    }

    /// So much is read and answered for.
    pub(super) fn at(&mut self, consumed_bytes: u64, outcome: &ImportOutcome) {
        if !outcome.read.is_multiple_of(LOOK_EVERY) {
            return;
        }
        if let Some(bar) = &self.bar {
            bar.set_position(consumed_bytes);
            bar.set_message(self.counts(outcome));
        } else if self.told.elapsed() >= LINE_EVERY {
            self.told = Instant::now();
            let of =
                self.length_bytes.map(|length| format!(" of {}", HumanBytes(length))).unwrap_or_default();
            eprintln!("{}{of}: {}", HumanBytes(consumed_bytes), self.counts(outcome));
        }
    }

    fn counts(&self, outcome: &ImportOutcome) -> String {
        let rate = outcome.read as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        format!(
            "{} read, {} refused, {}/s",
            HumanCount(outcome.read),
            HumanCount(outcome.refused),
            HumanCount(rate as u64)
        )
    }

    /// Prints a line without tearing the bar.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(length_bytes: Option<u64>) -> ProgressBar {
    let template = match length_bytes {
        Some(_) => "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}  {msg}",
        None => "{spinner} {bytes} {bytes_per_sec} {elapsed}  {msg}",
    };
    // A template that does not parse costs its looks only.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(length_bytes, ProgressDrawTarget::stderr_with_hz(10)).with_style(style)
}
