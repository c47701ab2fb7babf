//! Refused records: the first ones on standard error, all of them in the rejects file. Beside them the first
//! warnings about records that were taken.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::entry::Problem;

/// How many are shown one by one.
const SHOWN_MAX: u64 = 20;

/// A line of the rejects file.
#[derive(Serialize)]
struct Reject<'a> {
    line: u64,
    raw: &'a str,
    errors: &'a [Problem],
}

/// Keeps what was refused.
pub(super) struct Refusals {
    unit: &'static str,
    count: u64,
    warned: u64,
    file: Option<BufWriter<File>>,
}

impl Refusals {
    /// Begins an empty rejects file, if one is wanted.
    ///
    /// # Errors
    /// When it cannot be written, or is the `input` itself.
    pub(super) fn new(unit: &'static str, rejects: Option<&Path>, input: &Path) -> anyhow::Result<Self> {
        let file = match rejects {
            None => None,
            Some(path) => {
                if let (Ok(one), Ok(other)) = (path.canonicalize(), input.canonicalize())
                    && one == other
                {
                    bail!("`--rejects` would overwrite the file that is imported");
                }
                let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
                Some(BufWriter::new(file))
            }
        };
        Ok(Self { unit, count: 0, warned: 0, file })
    }

    /// Keeps one; gives the text to show, if it is among the first.
    pub(super) fn add(
        &mut self,
        line: u64,
        raw: &[u8],
        errors: &[Problem],
    ) -> anyhow::Result<Option<String>> {
        self.count += 1;
        if let Some(file) = &mut self.file {
            serde_json::to_writer(&mut *file, &Reject { line, raw: &String::from_utf8_lossy(raw), errors })
                .map_err(std::io::Error::from)
                .and_then(|()| file.write_all(b"\n"))
                .context("cannot write to the rejects file")?;
        }
        if self.count > SHOWN_MAX {
            return Ok(None);
        }
        let reasons: Vec<_> = errors.iter().map(|error| printable(&error.to_string())).collect();
        Ok(Some(format!("{} {line}: {}", self.unit, reasons.join("; "))))
    }

    /// The text to show about a record that was taken with `warnings`, if it is among the first.
    pub(super) fn warning(&mut self, line: u64, warnings: &[String]) -> Option<String> {
        self.warned += 1;
        let said = || printable(&warnings.join("; "));
        (self.warned <= SHOWN_MAX).then(|| format!("{} {line}: warning: {}", self.unit, said()))
    }

    /// Writes out what is held; gives a line about what was not shown.
    pub(super) fn finish(&mut self) -> anyhow::Result<Option<String>> {
        if let Some(file) = &mut self.file {
            file.flush().context("cannot write to the rejects file")?;
        }
        let place = if self.file.is_some() { "" } else { " (`--rejects FILE` keeps them all)" };
        Ok(match (self.count.saturating_sub(SHOWN_MAX), self.warned.saturating_sub(SHOWN_MAX)) {
            (0, 0) => None,
            (refused, 0) => Some(format!("… and {refused} more refused{place}")),
            (0, warned) => Some(format!("… and {warned} more with warnings")),
            (refused, warned) => {
                Some(format!("… and {refused} more refused{place}, {warned} more with warnings"))
            }
        })
    }
}

/// A file must not be able to steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_shown_and_all_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects.jsonl");
        let mut refusals = Refusals::new("line", Some(&path), Path::new("-")).unwrap();
        let errors = [Problem::of("price", "is \u{1b}[31m bad"), Problem::of_record("odd")];
        let shown: Vec<_> =
            (1..=25).filter_map(|line| refusals.add(line, b"a\xff\"b", &errors).unwrap()).collect();
        assert_eq!(shown.len(), 20);
        assert_eq!(shown[0], "line 1: `price` is  [31m bad; odd");
        assert_eq!(refusals.finish().unwrap().unwrap(), "… and 5 more refused");
        let odd = ["`x` is\nodd".to_owned()];
        assert_eq!(refusals.warning(7, &odd).unwrap(), "line 7: warning: `x` is odd");
        assert_eq!((8..=29).filter_map(|line| refusals.warning(line, &odd)).count(), 19);
        assert_eq!(refusals.finish().unwrap().unwrap(), "… and 5 more refused, 3 more with warnings");
        let kept = std::fs::read_to_string(&path).unwrap();
        assert_eq!(kept.lines().count(), 25);
        let last: serde_json::Value = serde_json::from_str(kept.lines().last().unwrap()).unwrap();
        assert_eq!(
            last,
            serde_json::json!({"line": 25, "raw": "a\u{fffd}\"b", "errors": [
                {"field": "price", "message": "is \u{1b}[31m bad"}, {"message": "odd"}
            ]})
        );
        assert!(Refusals::new("line", Some(&path), &path).is_err());
    }
}
