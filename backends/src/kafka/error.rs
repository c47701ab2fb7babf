//! What Kafka's errors mean to a caller of the port.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rep_core::ports::{StoreError, StoreErrorKind};

pub(super) use crate::error::{interrupted, invalid, unavailable};

/// `error`, met while doing `what`.
pub(super) fn store_error(what: &str, error: &KafkaError) -> StoreError {
    let kind = error.rdkafka_error_code().map_or(StoreErrorKind::Unavailable, kind_of);
    StoreError::new(kind, format!("{what}: {error}{}", advice(error)))
}

/// Only what a record itself is at fault for is [`StoreErrorKind::Invalid`]: whoever meets that gives the
/// record up. A missing topic, a refused password or a missing permission is mended by an operator, and the
/// same call succeeds then.
fn kind_of(code: RDKafkaErrorCode) -> StoreErrorKind {
    match code {
        RDKafkaErrorCode::MessageSizeTooLarge
        | RDKafkaErrorCode::InvalidRecord
        | RDKafkaErrorCode::InvalidTimestamp
        | RDKafkaErrorCode::InvalidArgument => StoreErrorKind::Invalid,
        RDKafkaErrorCode::BadMessage | RDKafkaErrorCode::BadCompression => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Unavailable,
    }
}

fn advice(error: &KafkaError) -> &'static str {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition,
        ) => "; `rep topics apply` creates what is missing",
        Some(RDKafkaErrorCode::NotEnoughReplicas | RDKafkaErrorCode::NotEnoughReplicasAfterAppend) => {
            "; fewer replicas are in sync than the topic's `min.insync.replicas`"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_record_at_fault_is_not_worth_another_try() {
        let kind = |code| store_error("append", &KafkaError::MessageProduction(code)).kind();
        assert_eq!(kind(RDKafkaErrorCode::MessageSizeTooLarge), StoreErrorKind::Invalid);
        for passing in [
            RDKafkaErrorCode::QueueFull,
            RDKafkaErrorCode::MessageTimedOut,
            RDKafkaErrorCode::AllBrokersDown,
            RDKafkaErrorCode::TopicAuthorizationFailed,
            RDKafkaErrorCode::UnknownTopicOrPartition,
            RDKafkaErrorCode::NotEnoughReplicas,
        ] {
            assert_eq!(kind(passing), StoreErrorKind::Unavailable, "{passing}");
        }
        let error = store_error("append", &KafkaError::MessageProduction(RDKafkaErrorCode::UnknownTopic));
        assert!(error.to_string().contains("rep topics apply"), "{error}");
    }
}
