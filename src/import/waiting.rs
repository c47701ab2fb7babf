//! What an import still waits for: actions on products whose vectors are not there yet.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::args::ImportArgs;
/// Pause between two looks at the status.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How far the effects of an import are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    /// Events that are not processed yet.
    lag: u64,
    /// Actions that wait for the vector of their product.
    waiting: u64,
    /// Products without a vector.
    unembedded: u64,
}

impl Progress {
    fn read(status: &Value) -> Option<Self> {
        let lags = status["lag"].as_array()?.iter().filter(|lag| lag["group"] == "behaviour");
        let (total, embedded) =
            (status["products"]["total"].as_u64()?, status["products"]["embedded"].as_u64()?);
        Some(Self {
            lag: lags.filter_map(|lag| lag["lag"].as_u64()).sum(),
            waiting: status["waitingActions"].as_u64()?,
            unembedded: total.saturating_sub(embedded),
        })
    }

    /// Whether nothing more comes of what was imported. An action on a product that is in no catalog waits for its
    /// import, not for the model.
    fn is_over(self) -> bool {
        self.lag == 0 && self.unembedded == 0
    }

    fn line(self) -> String {
        match self {
            Self { lag: 1.., .. } => format!("{} events are not processed yet", self.lag),
            Self { waiting: 0, unembedded: 0, .. } => "every taste is up to date".to_owned(),
            Self { waiting, unembedded: 0, .. } => {
                format!(
                    "{waiting} actions are on products that are in no catalog; they count once those are imported"
                )
            }
            Self { waiting: 0, unembedded, .. } => format!("{unembedded} products wait for their vectors"),
            Self { waiting, unembedded, .. } => format!(
                "{waiting} actions wait for their products' vectors ({unembedded} to go) and count then"
            ),
        }
    }
}

/// Looks how far the effects of the import are, waits for them if `args` say so, and returns a line about it; `None` if
/// the API does not show its status to this caller.
pub(super) fn report(args: &ImportArgs) -> anyhow::Result<Option<String>> {
    let client = args.api.client()?;
    let began = Instant::now();
    loop {
        let (code, status) = client.ask("/status")?;
        let Some(progress) = Progress::read(&status).filter(|_| code == 200) else { return Ok(None) };
        let Some(wait) = args.wait.filter(|_| !progress.is_over()) else { return Ok(Some(progress.line())) };
        anyhow::ensure!(began.elapsed() < wait, "{}, after {} s of waiting", progress.line(), wait.as_secs());
        std::thread::sleep(LOOK_AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn says_what_is_still_to_come() {
        let progress = |lag, waiting, embedded| {
            let status = json!({
                "lag": [{ "group": "behaviour", "lag": lag }, { "group": "notify", "lag": 9 }],
                "waitingActions": waiting,
                "products": { "total": 5, "embedded": embedded },
            });
            Progress::read(&status).unwrap()
        };
        assert!(!progress(3, 0, 5).is_over() && !progress(0, 2, 4).is_over() && progress(0, 2, 5).is_over());
        assert_eq!(progress(0, 0, 5).line(), "every taste is up to date");
        assert!(progress(3, 0, 5).line().starts_with("3 events"));
        assert!(progress(0, 2, 4).line().starts_with("2 actions wait for their products' vectors (1 to go)"));
        assert!(progress(0, 2, 5).line().contains("no catalog"));
        assert_eq!(Progress::read(&json!({ "status": 403 })), None);
    }
}
