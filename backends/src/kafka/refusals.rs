//! Why brokers refuse us. A call that finds no broker says only that; the reason comes beside it, as an event of the
//! client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rep_core::ports::StoreError;

/// How long a refusal is told of: the library says the same one again only after half a minute.
const TOLD: Duration = Duration::from_secs(60);
/// Events of a client that are looked at after one failure.
const EVENTS_MAX: usize = 100;

/// The last refusal that the clients of one log met; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Refusals(Arc<Mutex<Option<(Instant, String)>>>);

impl Refusals {
    /// Keeps a log line, or the reason of an error that belongs to no call, if it tells of a refusal. The library's
    /// lines hold no secrets.
    pub(super) fn note(&self, facility: &str, line: &str) {
        if let Some(reason) = reason(facility, line) {
            metrics::counter!("rep_kafka_refused_total").increment(1);
            *self.0.lock() = Some((Instant::now(), reason));
        }
    }

    /// `error`, with the reason if the brokers refused us lately.
    pub(super) fn explain(&self, error: StoreError) -> StoreError {
        match &*self.0.lock() {
            Some((at, reason)) if error.is_retryable() && at.elapsed() < TOLD => {
                error.noting(format_args!("{} s ago {reason}", at.elapsed().as_secs()))
            }
            _ => error,
        }
    }
}

/// Takes the events of a client that only asks: nobody else polls it.
pub(super) fn drain<C: ConsumerContext>(client: &BaseConsumer<C>) {
    for _ in 0..EVENTS_MAX {
        if client.poll(Duration::ZERO).is_none() {
            return;
        }
    }
}

/// What a failed connection failed for, if that will not mend itself.
fn reason(facility: &str, line: &str) -> Option<String> {
    let kinds = [
        ("SASL authentication error", "Kafka refused who we are: check user, password and `mechanism`"),
        ("certificate verify failed", "the broker's certificate is not trusted: `ca` names who signed it"),
        ("SSL handshake failed", "no TLS connection came about: check `security` and the port"),
        ("incorrect security.protocol", "the broker hung up: check `security` and the port"),
        ("SASL", "no authenticated connection came about: check `security`, `mechanism` and the port"),
    ];
    let (_, advice) = kinds.iter().find(|(sign, _)| facility == "FAIL" && line.contains(sign))?;
    // `[thrd:…]: sasl_ssl://host:port/…: what happened (after 1ms in state …)`
    let said = line.split_once("]: ").map_or(line, |(_, said)| said);
    let said = said.rsplit_once(" (after ").map_or(said, |(said, _)| said);
    Some(format!("{advice} ({})", said.chars().take(300).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use rep_core::ports::StoreErrorKind;

    use super::*;

    #[test]
    fn a_refusal_is_told_with_what_to_do_and_nothing_else_is() {
        let refusals = Refusals::default();
        let away = || StoreError::new(StoreErrorKind::Unavailable, "append: timed out");
        refusals.note(
            "FAIL",
            "[thrd:h:1/1]: h:1/1: Connect to ipv4#127.0.0.1:1 failed: refused (after 0ms in state)",
        );
        refusals.note("CONFWARN", "SASL authentication error");
        assert_eq!(refusals.explain(away()).to_string(), away().to_string());
        let line =
            "[thrd:x]: sasl_ssl://h:1/b: SASL authentication error: bad login (after 3ms in state AUTH_REQ)";
        refusals.note("FAIL", line);
        let told = refusals.explain(away());
        assert_eq!(
            told.to_string(),
            "store is unavailable: append: timed out; 0 s ago Kafka refused who we are: check user, password and \
             `mechanism` (sasl_ssl://h:1/b: SASL authentication error: bad login)"
        );
        assert!(told.is_retryable());
        let invalid = || StoreError::new(StoreErrorKind::Invalid, "too large");
        assert_eq!(refusals.explain(invalid()).to_string(), invalid().to_string());
    }
}
