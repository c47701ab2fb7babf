//! What the client library says, told to the log of the program.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use super::refusals::Refusals;

/// A client whose only callbacks are its log lines.
#[derive(Clone, Default)]
pub(super) struct Telling(pub(super) Refusals);

impl ClientContext for Telling {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.note(facility, message);
        tell(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.note("FAIL", reason);
        tell_error(&error, reason);
    }
}

impl ConsumerContext for Telling {}

/// A log line of the library. Its warnings are about single connections, which it mends by itself; what it
/// cannot mend reaches a caller as an error.
pub(super) fn tell(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, message, "Kafka's client");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            tracing::warn!(facility, message, "Kafka's client");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::debug!(facility, message, "Kafka's client");
        }
    }
}

/// An error that belongs to no single call.
pub(super) fn tell_error(error: &KafkaError, reason: &str) {
    metrics::counter!("rep_kafka_client_errors_total").increment(1);
    tracing::debug!(%error, reason, "Kafka's client met an error");
}
