//! Actions as documents, the events that were seen, and who cares about which product.
//!
//! Keyspaces: `behaviour` (user, time descending, event → document), `traces` (event → position, see [`events`]),
//! `interest` (see [`interest`]), `behaviour_count`. Nearly everything is written blind; only the events are read.
//! Interest has a database of its own, so that two calls write side by side; it is written first: what a crash leaves
//! without its document is written again with it.
//!
//! Ids stand in keys as hashes: the engine keeps keys of up to 20 bytes in place, and tells most of them apart by
//! their first 4, which is half the cost of a write. See [`super::id_hash`].

mod claims;
mod events;
mod filter;
mod interest;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use fjall::Keyspace;
use parking_lot::Mutex;
use rep_core::ports::StoreError;
use rep_core::ports::behaviour::{BehaviourDocument, BehaviourStore, HistoryPage, IndexOutcome, Interest};
use rep_core::{EventId, Position, ProductId, Timestamp, UserAction, UserId};

use self::claims::Claims;
use self::events::Events;
pub(crate) use self::interest::ENTRIES as INTERESTS;
use self::interest::Interests;
use super::codec::{decode, encode};
use super::db::Db;
use super::error::{interrupted, invalid, store_error};
use super::id_hash::IdHash;
use super::scrub;

const VERSION: u8 = 1;
/// The keyspace of documents.
pub(crate) const DOCUMENTS: &str = "behaviour";
/// Longest page of history, in documents.
const PAGE_MAX: usize = 1000;

/// The behaviour store of a data directory; cheap to clone.
#[derive(Clone)]
pub struct EmbeddedBehaviour {
    db: Db,
    ids: IdHash,
    documents: Keyspace,
    events: Events,
    interests: Interests,
    counts: Keyspace,
    /// Documents kept. Locked by whoever writes, so that what is stored never lags behind.
    count: Arc<Mutex<u64>>,
    claims: Arc<Claims>,
}

/// Key of the one entry of `behaviour_count`.
const COUNT_KEY: &str = "documents";

impl EmbeddedBehaviour {
    pub(crate) fn open(db: &Db, interests: &Db, ids: IdHash) -> Result<Self, StoreError> {
        let counts = db.keyspace("behaviour_count")?;
        let count = match counts.get(COUNT_KEY).map_err(store_error)? {
            Some(bytes) => decode(VERSION, &bytes, "the count of behaviour documents")?,
            None => 0,
        };
        let documents = db.keyspace(DOCUMENTS)?;
        Ok(Self {
            db: db.clone(),
            ids,
            events: Events::open(db, &documents, &counts)?,
            documents,
            interests: Interests::open(interests, ids)?,
            counts,
            count: Arc::new(Mutex::new(count)),
            claims: Arc::default(),
        })
    }

    fn index_blocking(&self, documents: &[BehaviourDocument]) -> Result<Vec<IndexOutcome>, StoreError> {
        let events: Vec<[u8; 16]> = documents.iter().map(|d| d.action.event_id().key().0).collect();
        // Of two calls with one event, the second waits until the first has written.
        let _claimed = self.claims.claim(&events);
        let (mut batch, mut new) = (self.db.batch(), Vec::with_capacity(documents.len()));
        let mut together: HashMap<[u8; 16], Position, ahash::RandomState> =
            HashMap::with_capacity_and_hasher(documents.len(), ahash::RandomState::new());
        let mut outcomes = Vec::with_capacity(documents.len());
        for (document, event) in documents.iter().zip(&events) {
            let known = match together.get(event) {
                Some(position) => Some(*position),
                None => self.events.position(document.action.event_id(), event)?,
            };
            let outcome = match known {
                Some(position) if position == document.position => IndexOutcome::Redelivered,
                Some(_) => IndexOutcome::Duplicate,
                None => {
                    together.insert(*event, document.position);
                    self.events.insert(&mut batch, event, document.position);
                    let key = document_key(self.ids, &document.action, event);
                    batch.insert(&self.documents, key, encode(VERSION, document)?);
                    new.push(&document.action);
                    IndexOutcome::Created
                }
            };
            outcomes.push(outcome);
        }
        self.interests.note(new.into_iter())?;
        if !together.is_empty() {
            let mut count = self.count.lock();
            let new_count = *count + together.len() as u64;
            batch.insert(&self.counts, COUNT_KEY, encode(VERSION, &new_count)?);
            self.db.write(batch)?;
            *count = new_count;
        }
        Ok(outcomes)
    }

    fn history_blocking(
        &self,
        user: &UserId,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<HistoryPage, StoreError> {
        let prefix = self.ids.short(user.as_str());
        let limit = limit.clamp(1, PAGE_MAX);
        let range = match after {
            // The key of the last item itself ends the page before.
            Some(mut key) => {
                key.push(0);
                match prefix_end(prefix) {
                    Some(end) => self.documents.range(key..end.to_vec()),
                    None => self.documents.range(key..),
                }
            }
            None => self.documents.prefix(prefix),
        };
        let mut items = Vec::new();
        let mut last = Vec::new();
        let mut more = false;
        for entry in range {
            if items.len() == limit {
                more = true;
                break;
            }
            let (key, value) = entry.into_inner().map_err(store_error)?;
            let document: BehaviourDocument = decode(VERSION, &value, "a behaviour document")?;
            if document.action.user_id == *user {
                items.push(document);
                last = key[prefix.len()..].to_vec();
            }
        }
        let next = more.then(|| last.iter().map(|byte| format!("{byte:02x}")).collect());
        Ok(HistoryPage { items, next })
    }

    fn erase_blocking(&self, user: &UserId) -> Result<u64, StoreError> {
        let mut count = self.count.lock();
        let (mut batch, mut interest) = (self.db.batch(), self.interests.batch());
        let mut gone = 0;
        for entry in self.documents.prefix(self.ids.short(user.as_str())) {
            let (key, value) = entry.into_inner().map_err(store_error)?;
            match decode::<BehaviourDocument>(VERSION, &value, "a behaviour document") {
                Ok(document) if document.action.user_id != *user => continue,
                Ok(document) => {
                    if let Some(product) = &document.action.product_id {
                        self.interests.forget(&mut interest, product, user);
                    }
                }
                Err(error) => tracing::error!(%error, "an unreadable document is erased, its interest stays"),
            }
            batch.remove(&self.documents, key);
            gone += 1;
        }
        if gone > 0 {
            self.interests.write_removals(interest)?;
            let new_count = count.saturating_sub(gone);
            batch.insert(&self.counts, COUNT_KEY, encode(VERSION, &new_count)?);
            self.db.write_removals(batch)?;
            scrub::note(self.db.path())?;
            *count = new_count;
        }
        Ok(gone)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        tokio::task::spawn_blocking(move || work(&store)).await.map_err(interrupted)?
    }
}

#[async_trait]
impl BehaviourStore for EmbeddedBehaviour {
    async fn index(&self, documents: Vec<BehaviourDocument>) -> Result<Vec<IndexOutcome>, StoreError> {
        self.blocking(move |store| store.index_blocking(&documents)).await
    }

    async fn positions(&self, events: &[EventId<'_>]) -> Result<Vec<Option<Position>>, StoreError> {
        // Point reads behind bloom filters: microseconds each, but a batch may hold thousands.
        if events.len() <= 64 {
            return events.iter().map(|event| self.events.position(*event, &event.key().0)).collect();
        }
        let keys: Vec<_> = events.iter().map(|event| self.events.keys(*event)).collect();
        self.blocking(move |store| keys.iter().map(|keys| store.events.at(keys)).collect()).await
    }

    async fn history(
        &self,
        user: &UserId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<HistoryPage, StoreError> {
        let after = match cursor {
            Some(text) => Some([&self.ids.short(user.as_str())[..], &cursor_bytes(text)?].concat()),
            None => None,
        };
        let user = user.clone();
        self.blocking(move |store| store.history_blocking(&user, after, limit)).await
    }

    async fn interested(
        &self,
        product: &ProductId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Interest>, StoreError> {
        let product = product.clone();
        self.blocking(move |store| store.interests.interested(&product, since, limit)).await
    }

    async fn settled(
        &self,
        product: &ProductId,
        users: &[UserId],
        since: Timestamp,
    ) -> Result<HashSet<UserId>, StoreError> {
        let (product, users) = (product.clone(), users.to_vec());
        self.blocking(move |store| store.interests.settled(&product, &users, since)).await
    }

    async fn erase(&self, user: &UserId) -> Result<u64, StoreError> {
        let user = user.clone();
        self.blocking(move |store| store.erase_blocking(&user)).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(*self.count.lock())
    }
}

/// The first key behind all with that prefix; `None` if there is none.
fn prefix_end(prefix: [u8; 8]) -> Option<[u8; 8]> {
    u64::from_be_bytes(prefix).checked_add(1).map(u64::to_be_bytes)
}

/// User (8 bytes), time descending in milliseconds (6), event (6).
fn document_key(ids: IdHash, action: &UserAction, event: &[u8; 16]) -> [u8; 20] {
    // The sign bit flipped makes numbers sort as bytes; all bits flipped, the newest first. Two bytes less hold
    // 8,900 years.
    let newest_first = !(action.timestamp.as_ms().cast_unsigned() ^ (1 << 47));
    let mut key = [0; 20];
    key[..8].copy_from_slice(&ids.short(action.user_id.as_str()));
    key[8..14].copy_from_slice(&newest_first.to_be_bytes()[2..]);
    key[14..].copy_from_slice(&event[..6]);
    key
}

fn cursor_bytes(text: &str) -> Result<Vec<u8>, StoreError> {
    let bad = || invalid("the cursor is not one of ours");
    if text.len() != 24 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(bad());
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).map_err(|_| bad())).collect()
}
