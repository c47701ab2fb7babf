//! What an import came to.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use super::args::Kind;

/// What an import came to. Each record is counted once:
/// `read = accepted + duplicates + refused + unconfirmed`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImportOutcome {
    /// What the file holds; `None` if it held no readable record.
    pub(crate) kind: Option<Kind>,
    /// Whether nothing was sent: then `accepted` are those that could be.
    pub(crate) dry_run: bool,
    /// Records read; blank lines are none.
    pub(crate) read: u64,
    /// Items that the API made durable.
    pub(crate) accepted: u64,
    /// Those of them that it warned about.
    pub(crate) warned: u64,
    /// Events that it knew already: no second effect.
    pub(crate) duplicates: u64,
    /// Records refused here or by the API.
    pub(crate) refused: u64,
    /// Items without an answer when the import broke off: they may have taken effect or not.
    pub(crate) unconfirmed: u64,
    /// How long it took.
    pub(crate) took: Duration,
}

impl ImportOutcome {
    /// Exit status of the process: 0 if all was accepted or known, 2 if some was refused.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit_status())
    }

    pub(super) fn exit_status(&self) -> u8 {
        if self.refused == 0 { 0 } else { 2 }
    }

    /// Records a second.
    fn rate(&self) -> f64 {
        self.read as f64 / self.took.as_secs_f64().max(0.001)
    }
}

impl fmt::Display for ImportOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.map_or("records", Kind::name);
        let nothing_sent = if self.dry_run { " (dry run: nothing was sent)" } else { "" };
        writeln!(f, "{kind}{nothing_sent}")?;
        writeln!(f, "  read         {:>12}", self.read)?;
        writeln!(f, "  {:<12} {:>12}", if self.dry_run { "valid" } else { "accepted" }, self.accepted)?;
        if self.warned > 0 {
            writeln!(f, "  with warnings{:>12}", self.warned)?;
        }
        if !self.dry_run {
            writeln!(f, "  duplicates   {:>12}", self.duplicates)?;
        }
        writeln!(f, "  refused      {:>12}", self.refused)?;
        if self.unconfirmed > 0 {
            writeln!(f, "  unconfirmed  {:>12}", self.unconfirmed)?;
        }
        write!(f, "  took         {:>10.1} s, {:.0} a second", self.took.as_secs_f64(), self.rate())
    }
}

/// Prints the report to standard output.
pub(super) fn print(outcome: &impl fmt::Display) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{outcome}").context("cannot print the report")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_what_happened() {
        let outcome = ImportOutcome {
            kind: Some(Kind::Events),
            read: 10,
            accepted: 7,
            duplicates: 1,
            refused: 2,
            took: Duration::from_millis(2_000),
            ..ImportOutcome::default()
        };
        assert_eq!(
            outcome.to_string(),
            "events\n  read                   10\n  accepted                7\n  duplicates              1\n  \
             refused                 2\n  took                2.0 s, 5 a second"
        );
        assert_eq!(outcome.exit_status(), 2);
        assert_eq!(ImportOutcome::default().exit_status(), 0);
        let warned = ImportOutcome { warned: 3, ..outcome.clone() }.to_string();
        assert!(warned.contains("\n  with warnings           3\n"), "{warned}");
        let dry = ImportOutcome { dry_run: true, ..outcome }.to_string();
        assert!(dry.contains("valid") && !dry.contains("duplicates"), "{dry}");
    }
}
