//! Which events were seen, and from which record: keyspace `traces`, key of the event → position.
//!
//! Release 0.1 knew events by their trace ids alone. A data directory of it is gone through once, when it is opened:
//! each document says whose its trace id was. What is left under trace ids alone is of shoppers who were erased before;
//! it goes on to tell their repeats.

use std::sync::Arc;

use fjall::{Keyspace, OwnedWriteBatch as WriteBatch};
use rep_core::ports::StoreError;
use rep_core::ports::behaviour::BehaviourDocument;
use rep_core::{EventId, Position, TraceId, stable_hash128};

use super::VERSION;
use super::filter::TraceFilter;
use crate::embedded::codec::{decode, encode};
use crate::embedded::db::Db;
use crate::embedded::error::{corrupt, store_error, unavailable};
use crate::embedded::id_hash::mixed;

/// Key, beside the count of documents, of how events are known.
const KNOWN_BY: &str = "events";
/// By their keys; nothing is left of before.
const BY_EVENT: u8 = 2;
/// By their keys, and some by trace ids alone.
const BY_EVENT_OR_TRACE: u8 = 1;
/// Documents gone through between two writes.
const STEP: usize = 10_000;

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Events {
    known: Keyspace,
    filter: Arc<TraceFilter>,
    /// Whether some may be known by their trace id alone.
    has_traces: bool,
}

/// Where an event may be noted: by its key, and by its trace id alone.
pub(super) type Keys = ([u8; 16], Option<[u8; 16]>);

impl Events {
    pub(super) fn open(db: &Db, documents: &Keyspace, marks: &Keyspace) -> Result<Self, StoreError> {
        let known = db.keyspace("traces")?;
        let mark = match marks.get(KNOWN_BY).map_err(store_error)? {
            Some(bytes) => decode(VERSION, &bytes, "how events are known")?,
            None => {
                let mark = complete(db, &known, documents)?;
                let mut batch = db.batch();
                batch.insert(marks, KNOWN_BY, encode(VERSION, &mark)?);
                db.write(batch)?;
                mark
            }
        };
        let filter = TraceFilter::over(known.clone()).map_err(unavailable)?;
        Ok(Self { known, filter: Arc::new(filter), has_traces: mark != BY_EVENT })
    }

    /// Where `event` may be noted.
    pub(super) fn keys(&self, event: EventId<'_>) -> Keys {
        (event.key().0, self.has_traces.then(|| trace_key(event.trace_id)))
    }

    /// The record that the event of `keys` was taken from.
    pub(super) fn at(&self, (event, trace): &Keys) -> Result<Option<Position>, StoreError> {
        match (self.find(event)?, trace) {
            (None, Some(trace)) => self.find(trace),
            (found, _) => Ok(found),
        }
    }

    /// The same, with `key` for the key of `event`.
    pub(super) fn position(
        &self,
        event: EventId<'_>,
        key: &[u8; 16],
    ) -> Result<Option<Position>, StoreError> {
        self.at(&(*key, self.has_traces.then(|| trace_key(event.trace_id))))
    }

    pub(super) fn insert(&self, batch: &mut WriteBatch, key: &[u8; 16], position: Position) {
        self.filter.insert(key);
        batch.insert(&self.known, *key, position_bytes(position));
    }

    fn find(&self, key: &[u8; 16]) -> Result<Option<Position>, StoreError> {
        if !self.filter.may_hold(key) {
            return Ok(None);
        }
        self.known.get(key).map_err(store_error)?.map(|bytes| position_from(&bytes)).transpose()
    }
}

/// Notes the events of all documents by their keys. Idempotent: a crash in between does no harm.
fn complete(db: &Db, known: &Keyspace, documents: &Keyspace) -> Result<u8, StoreError> {
    let (mut batch, mut gone_through) = (db.batch(), 0_usize);
    for entry in documents.iter() {
        let (_, value) = entry.into_inner().map_err(store_error)?;
        let document = match decode::<BehaviourDocument>(VERSION, &value, "a behaviour document") {
            Ok(document) => document,
            Err(error) => {
                tracing::error!(%error, "the event of an unreadable document goes on being known by its trace id");
                continue;
            }
        };
        let event = document.action.event_id();
        batch.insert(known, event.key().0, position_bytes(document.position));
        batch.remove(known, trace_key(event.trace_id));
        gone_through += 1;
        if gone_through.is_multiple_of(STEP) {
            db.write(std::mem::replace(&mut batch, db.batch()))?;
        }
    }
    db.write(batch)?;
    if gone_through == 0 && known.is_empty().map_err(store_error)? {
        return Ok(BY_EVENT);
    }
    tracing::info!(events = gone_through, "events are known by shopper and trace id from now on");
    Ok(BY_EVENT_OR_TRACE)
}

/// A trace id's hash.
fn trace_key(id: &TraceId) -> [u8; 16] {
    let hash = stable_hash128(id.as_str().as_bytes());
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mixed(hash));
    key[8..].copy_from_slice(&(hash as u64).to_be_bytes());
    key
}

fn position_bytes(position: Position) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&position.epoch.to_be_bytes());
    bytes[4..8].copy_from_slice(&position.partition.to_be_bytes());
    bytes[8..].copy_from_slice(&position.offset.to_be_bytes());
    bytes
}

fn position_from(bytes: &[u8]) -> Result<Position, StoreError> {
    let bad = || corrupt("a trace id's position cannot be read");
    let bytes: [u8; 16] = bytes.try_into().map_err(|_| bad())?;
    let (head, offset) = bytes.split_first_chunk::<8>().ok_or_else(bad)?;
    let (epoch, partition) = head.split_first_chunk::<4>().ok_or_else(bad)?;
    Ok(Position {
        epoch: u32::from_be_bytes(*epoch),
        partition: u32::from_be_bytes(partition.try_into().map_err(|_| bad())?),
        offset: u64::from_be_bytes(offset.try_into().map_err(|_| bad())?),
    })
}

#[cfg(test)]
mod tests {
    use rep_core::ports::behaviour::{BehaviourStore, IndexOutcome};
    use rep_core::{ActionType, Timestamp, UserAction, UserId};

    use super::super::EmbeddedBehaviour;
    use super::*;
    use crate::SystemClock;
    use crate::embedded::db::DbConfig;
    use crate::embedded::id_hash::IdHash;

    fn document(user: &str, offset: u64) -> BehaviourDocument {
        let action = UserAction {
            trace_id: TraceId::new("order-17").unwrap(),
            user_id: UserId::new(user).unwrap(),
            action_type: ActionType::Search,
            product_id: None,
            search_query: Some("tent".to_owned()),
            session_id: None,
            timestamp: Timestamp::from_ms(1_000),
            metadata: Default::default(),
        };
        let position = Position { epoch: 1, partition: 0, offset };
        BehaviourDocument { action, position, appended_at: Timestamp::from_ms(1_001) }
    }

    /// What release 0.1 wrote: the position under the hash of the trace id alone.
    fn of_before(db: &Db, documents: &[BehaviourDocument], erased: &TraceId) {
        let (kept, traces) = (db.keyspace("behaviour").unwrap(), db.keyspace("traces").unwrap());
        let mut batch = db.batch();
        for document in documents {
            let trace = trace_key(&document.action.trace_id);
            batch.insert(&traces, trace, position_bytes(document.position));
            let key = super::super::document_key(IdHash::Plain, &document.action, &trace);
            batch.insert(&kept, key, encode(VERSION, document).unwrap());
        }
        let gone = Position { epoch: 1, partition: 0, offset: 99 };
        batch.insert(&traces, trace_key(erased), position_bytes(gone));
        db.write(batch).unwrap();
    }

    #[tokio::test]
    async fn events_of_release_0_1_are_known_by_their_shoppers() {
        let folder = tempfile::tempdir().unwrap();
        let (of_ann, of_ben) = (document("ann", 1), document("ben", 2));
        let erased = TraceId::new("erased-3").unwrap();
        for opening in 0..2 {
            let db = Db::open(folder.path(), DbConfig::default(), Arc::new(SystemClock)).unwrap();
            if opening == 0 {
                of_before(&db, std::slice::from_ref(&of_ann), &erased);
            }
            let interests = db.companion("interest").unwrap();
            let store = EmbeddedBehaviour::open(&db, &interests, IdHash::Plain).unwrap();
            assert_eq!(store.index(vec![of_ann.clone()]).await.unwrap(), [IndexOutcome::Redelivered]);
            let expected = if opening == 0 { IndexOutcome::Created } else { IndexOutcome::Redelivered };
            assert_eq!(store.index(vec![of_ben.clone()]).await.unwrap(), [expected], "opening {opening}");
            let unknown = EventId { user_id: &of_ann.action.user_id, trace_id: &erased };
            let found = store.positions(&[of_ann.action.event_id(), of_ben.action.event_id(), unknown]).await;
            let offsets = found.unwrap().into_iter().map(|position| position.map(|it| it.offset));
            assert_eq!(offsets.collect::<Vec<_>>(), [Some(1), Some(2), Some(99)]);
            drop(store);
        }
    }

    #[test]
    fn a_new_store_knows_events_by_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(folder.path(), DbConfig::default(), Arc::new(SystemClock)).unwrap();
        let (documents, marks) = (db.keyspace("behaviour").unwrap(), db.keyspace("behaviour_count").unwrap());
        assert!(!Events::open(&db, &documents, &marks).unwrap().has_traces);
        assert!(!Events::open(&db, &documents, &marks).unwrap().has_traces);
    }
}
