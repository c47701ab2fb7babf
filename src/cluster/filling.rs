//! How far a switch is: a bar on a terminal, a line every few seconds elsewhere.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Time between lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Tells on standard error how far a step is, in products.
pub(super) struct Filling {
    what: &'static str,
    total: u64,
    bar: Option<ProgressBar>,
    told: Instant,
}

impl Filling {
    /// For a step of about `total` products.
    pub(super) fn new(what: &'static str, total: usize) -> Self {
        let total = total as u64;
        let bar = stderr().is_terminal().then(|| {
            let template = "{msg:>9} {wide_bar} {pos}/{len} {per_sec} eta {eta}";
            // A template that does not parse costs its looks only.
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
            bar.with_style(style).with_message(what)
        });
        Self { what, total, bar, told: Instant::now() }
    }

    /// So many are done.
    pub(super) fn at(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        } else if self.told.elapsed() >= LINE_EVERY {
            self.told = Instant::now();
            eprintln!("{}: {} of {}", self.what, HumanCount(done), HumanCount(self.total));
        }
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
