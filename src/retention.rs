//! How long the log keeps what it took.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::ensure;
use serde::{Deserialize, Serialize};

use crate::duration::parse_duration;

/// Ten years.
const LONGEST: Duration = Duration::from_secs(3650 * 86_400);
/// Consumers must be given time to read.
const SHORTEST: Duration = Duration::from_secs(60);

/// From a minute to ten years, such as `12h` or `7d`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Retention {
    text: String,
    duration: Duration,
}

impl Retention {
    pub(crate) fn duration(&self) -> Duration {
        self.duration
    }
}

impl Default for Retention {
    /// A week.
    fn default() -> Self {
        Self { text: "7d".to_owned(), duration: Duration::from_secs(7 * 86_400) }
    }
}

impl FromStr for Retention {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let duration = parse_duration(text, LONGEST)?;
        ensure!(duration >= SHORTEST, "must be at least {} s", SHORTEST.as_secs());
        Ok(Self { text: text.to_owned(), duration })
    }
}

impl TryFrom<String> for Retention {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|error: anyhow::Error| format!("`{text}` {error}"))
    }
}

impl From<Retention> for String {
    fn from(retention: Retention) -> Self {
        retention.text
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_has_bounds() {
        assert_eq!(Retention::default(), "7d".parse().unwrap());
        assert_eq!("60s".parse::<Retention>().unwrap().duration(), SHORTEST);
        for bad in ["59s", "0", "3651d", "7", "week"] {
            assert!(bad.parse::<Retention>().is_err(), "{bad}");
        }
    }
}
