//! Actions as documents, the trace ids that were seen, and who cares about which product.
//!
//! Keyspaces: `behaviour` (user, time descending, trace id → document), `traces` (hash of trace id →
//! position), `interest` (product, user, reason → time), `behaviour_count`. Everything is written blind, in
//! one batch a call; only the trace ids are read.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use fjall::{Keyspace, OwnedWriteBatch as WriteBatch};
use parking_lot::Mutex;
use rep_core::ports::StoreError;
use rep_core::ports::behaviour::{BehaviourDocument, BehaviourStore, HistoryPage, IndexOutcome, Interest};
use rep_core::{
    ActionType, InterestReason, Position, ProductId, Timestamp, TraceId, UserAction, UserId, stable_hash128,
};

use super::codec::{decode, encode};
use super::db::Db;
use super::error::{corrupt, interrupted, invalid, store_error};

const VERSION: u8 = 1;
/// Longest page of history, in documents.
const PAGE_MAX: usize = 1000;

/// The behaviour store of a data directory; cheap to clone.
#[derive(Clone)]
pub struct EmbeddedBehaviour {
    db: Db,
    documents: Keyspace,
    traces: Keyspace,
    interest: Keyspace,
    counts: Keyspace,
    /// Documents kept. Locked by whoever writes, so that of two calls with one trace id one finds it new.
    count: Arc<Mutex<u64>>,
}

/// Key of the one entry of `behaviour_count`.
const COUNT_KEY: &str = "documents";

impl EmbeddedBehaviour {
    pub(crate) fn open(db: &Db) -> Result<Self, StoreError> {
        let counts = db.keyspace("behaviour_count")?;
        let count = match counts.get(COUNT_KEY).map_err(store_error)? {
            Some(bytes) => decode(VERSION, &bytes, "the count of behaviour documents")?,
            None => 0,
        };
        Ok(Self {
            db: db.clone(),
            documents: db.keyspace("behaviour")?,
            traces: db.keyspace("traces")?,
            interest: db.keyspace("interest")?,
            counts,
            count: Arc::new(Mutex::new(count)),
        })
    }

    fn index_blocking(&self, documents: &[BehaviourDocument]) -> Result<Vec<IndexOutcome>, StoreError> {
        // What needs no lock is made before it: keys and bytes.
        let encoded: Vec<([u8; 16], Vec<u8>)> = documents
            .iter()
            .map(|document| Ok((trace_key(&document.action.trace_id), encode(VERSION, document)?)))
            .collect::<Result<_, StoreError>>()?;
        let mut batch = self.db.batch();
        let mut together: HashMap<[u8; 16], Position, ahash::RandomState> =
            HashMap::with_capacity_and_hasher(documents.len(), ahash::RandomState::new());
        let mut outcomes = Vec::with_capacity(documents.len());
        let mut count = self.count.lock();
        for (document, (trace, bytes)) in documents.iter().zip(encoded) {
            let known = match together.get(&trace) {
                Some(position) => Some(*position),
                None => self.position(&trace)?,
            };
            let outcome = match known {
                Some(position) if position == document.position => IndexOutcome::Redelivered,
                Some(_) => IndexOutcome::Duplicate,
                None => {
                    together.insert(trace, document.position);
                    batch.insert(&self.traces, trace, position_bytes(document.position));
                    batch.insert(&self.documents, document_key(&document.action), bytes);
                    self.note_interest(&mut batch, &document.action);
                    IndexOutcome::Created
                }
            };
            outcomes.push(outcome);
        }
        if !together.is_empty() {
            let new_count = *count + together.len() as u64;
            batch.insert(&self.counts, COUNT_KEY, encode(VERSION, &new_count)?);
            self.db.write(batch)?;
            *count = new_count;
        }
        Ok(outcomes)
    }

    fn position(&self, trace: &[u8; 16]) -> Result<Option<Position>, StoreError> {
        self.traces.get(trace).map_err(store_error)?.map(|bytes| position_from(&bytes)).transpose()
    }

    fn note_interest(&self, batch: &mut WriteBatch, action: &UserAction) {
        let Some(product) = &action.product_id else { return };
        let reason = match action.action_type {
            ActionType::AddToCart => InterestReason::Carted,
            ActionType::Wishlist => InterestReason::Wishlisted,
            ActionType::View | ActionType::Click => InterestReason::Viewed,
            ActionType::Purchase | ActionType::RemoveFromCart | ActionType::Dislike => {
                for (_, code) in REASONS {
                    batch.remove(&self.interest, interest_key(product, &action.user_id, code));
                }
                return;
            }
            ActionType::Search | ActionType::Unknown => return,
        };
        for (known, code) in REASONS {
            if known == reason {
                let key = interest_key(product, &action.user_id, code);
                batch.insert(&self.interest, key, action.timestamp.as_ms().to_be_bytes());
            }
        }
    }

    fn history_blocking(
        &self,
        user: &UserId,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<HistoryPage, StoreError> {
        let prefix = user_prefix(user);
        let limit = limit.clamp(1, PAGE_MAX);
        let range = match after {
            // The key of the last item itself ends the page before.
            Some(mut key) => {
                key.push(0);
                self.documents.range(key..prefix_end(&prefix))
            }
            None => self.documents.prefix(&prefix),
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
            items.push(decode::<BehaviourDocument>(VERSION, &value, "a behaviour document")?);
            last = key[prefix.len()..].to_vec();
        }
        let next = more.then(|| last.iter().map(|byte| format!("{byte:02x}")).collect());
        Ok(HistoryPage { items, next })
    }

    fn interested_blocking(
        &self,
        product: &ProductId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Interest>, StoreError> {
        let prefix = [product.as_str().as_bytes(), &[0]].concat();
        let mut found: Vec<Interest> = Vec::new();
        let strongest_first = |a: &Interest, b: &Interest| {
            a.reason.cmp(&b.reason).then(b.at.cmp(&a.at)).then_with(|| a.user_id.cmp(&b.user_id))
        };
        let room = limit.saturating_mul(2).saturating_add(1024);
        for entry in self.interest.prefix(&prefix) {
            let (key, value) = entry.into_inner().map_err(store_error)?;
            let at = <[u8; 8]>::try_from(&value[..]).map_err(|_| corrupt("an interest has no time"))?;
            let at = Timestamp::from_ms(i64::from_be_bytes(at));
            if at < since {
                continue;
            }
            let (user, reason) = interest_of(&key[prefix.len()..])?;
            // Keys of one user stand together, the strongest reason first.
            match found.last_mut() {
                Some(last) if last.user_id.as_str() == user => last.at = last.at.max(at),
                _ => {
                    if found.len() >= room {
                        // All of one user are in by now, so those who cannot be among the first may go.
                        found.select_nth_unstable_by(limit, strongest_first);
                        found.truncate(limit);
                    }
                    let user_id = UserId::new(user).map_err(|_| corrupt("an interest key has no user"))?;
                    found.push(Interest { user_id, reason, at });
                }
            }
        }
        found.sort_unstable_by(strongest_first);
        found.truncate(limit);
        Ok(found)
    }

    fn erase_blocking(&self, user: &UserId) -> Result<u64, StoreError> {
        let mut count = self.count.lock();
        let mut batch = self.db.batch();
        let mut gone = 0;
        for entry in self.documents.prefix(user_prefix(user)) {
            let (key, value) = entry.into_inner().map_err(store_error)?;
            match decode::<BehaviourDocument>(VERSION, &value, "a behaviour document") {
                Ok(document) => {
                    if let Some(product) = &document.action.product_id {
                        for (_, code) in REASONS {
                            batch.remove(&self.interest, interest_key(product, user, code));
                        }
                    }
                }
                Err(error) => tracing::error!(%error, "an unreadable document is erased, its interest stays"),
            }
            batch.remove(&self.documents, key);
            gone += 1;
        }
        if gone > 0 {
            let new_count = count.saturating_sub(gone);
            batch.insert(&self.counts, COUNT_KEY, encode(VERSION, &new_count)?);
            self.db.write_removals(batch)?;
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

    async fn positions(&self, trace_ids: &[TraceId]) -> Result<Vec<Option<Position>>, StoreError> {
        // Point reads behind bloom filters: microseconds each, but a batch may hold thousands.
        if trace_ids.len() <= 64 {
            return trace_ids.iter().map(|id| self.position(&trace_key(id))).collect();
        }
        let keys: Vec<[u8; 16]> = trace_ids.iter().map(trace_key).collect();
        self.blocking(move |store| keys.iter().map(|key| store.position(key)).collect()).await
    }

    async fn history(
        &self,
        user: &UserId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<HistoryPage, StoreError> {
        let after = match cursor {
            Some(text) => Some([user_prefix(user), cursor_bytes(text)?].concat()),
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
        self.blocking(move |store| store.interested_blocking(&product, since, limit)).await
    }

    async fn erase(&self, user: &UserId) -> Result<u64, StoreError> {
        let user = user.clone();
        self.blocking(move |store| store.erase_blocking(&user)).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(*self.count.lock())
    }
}

const REASONS: [(InterestReason, u8); 3] =
    [(InterestReason::Carted, 1), (InterestReason::Wishlisted, 2), (InterestReason::Viewed, 3)];

fn trace_key(id: &TraceId) -> [u8; 16] {
    stable_hash128(id.as_str().as_bytes()).to_be_bytes()
}

fn user_prefix(user: &UserId) -> Vec<u8> {
    [user.as_str().as_bytes(), &[0]].concat()
}

/// The first key behind all with that prefix, which ends in a zero byte.
fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    if let Some(last) = end.last_mut() {
        *last = 1;
    }
    end
}

fn document_key(action: &UserAction) -> Vec<u8> {
    // The sign bit flipped makes numbers sort as bytes; all bits flipped, the newest first.
    let newest_first = !(action.timestamp.as_ms().cast_unsigned() ^ (1 << 63));
    let mut key = user_prefix(&action.user_id);
    key.extend_from_slice(&newest_first.to_be_bytes());
    key.extend_from_slice(action.trace_id.as_str().as_bytes());
    key
}

fn interest_key(product: &ProductId, user: &UserId, reason: u8) -> Vec<u8> {
    [product.as_str().as_bytes(), &[0], user.as_str().as_bytes(), &[0, reason]].concat()
}

fn interest_of(rest: &[u8]) -> Result<(&str, InterestReason), StoreError> {
    let bad = || corrupt("an interest key cannot be read");
    let [user @ .., 0, code] = rest else { return Err(bad()) };
    let user = std::str::from_utf8(user).map_err(|_| bad())?;
    let reason = REASONS.into_iter().find(|(_, known)| known == code).ok_or_else(bad)?.0;
    Ok((user, reason))
}

fn cursor_bytes(text: &str) -> Result<Vec<u8>, StoreError> {
    let bad = || invalid("the cursor is not one of ours");
    if text.len() < 18
        || text.len() > 512
        || !text.len().is_multiple_of(2)
        || !text.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return Err(bad());
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).map_err(|_| bad())).collect()
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
