//! Shoppers near to a vector: in memory, following what is stored.
//!
//! Redis finds no neighbours. Whoever asks for them reads the states that changed since they last asked, and compares
//! all that it has read: a product of numbers for each shopper who acted within the time to live.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rep_core::likeness::Probe;
use rep_core::ports::StoreError;
use rep_core::{ModelId, Preference, Timestamp, UnitVector, UserId};

use super::link::RedisLink;
use crate::erased::erased_name;
use crate::error::interrupted;

/// Sorted set: who was stored or erased when, in milliseconds.
pub(super) const CHANGED: &str = "preferences:changed";
/// How far writers' clocks may be apart, in milliseconds: so far back is looked again each time.
const CLOCKS_APART_MS: f64 = 5_000.0;
/// The vectors of one model, as far as they were read.
pub(super) struct Near {
    model: ModelId,
    known: Arc<Mutex<Known>>,
    /// One reads at a time.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    shoppers: HashMap<UserId, (UnitVector, Timestamp), ahash::RandomState>,
    /// Who was read at which change, of those that are looked at again.
    read_at: HashMap<UserId, f64, ahash::RandomState>,
    /// Erasures that were obeyed, of those that are listed again.
    obeyed: HashMap<String, f64, ahash::RandomState>,
    latest_ms: f64,
}

impl Near {
    pub(super) fn new(model: ModelId) -> Self {
        Self { model, known: Arc::default(), reading: tokio::sync::Mutex::default() }
    }

    /// To be held while changes are read: one reads at a time.
    pub(super) async fn reading(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.reading.lock().await
    }

    /// Who changed since the last time, and when.
    pub(super) async fn changed(&self, link: &RedisLink) -> Result<Vec<(UserId, f64)>, StoreError> {
        let from = self.known.lock().latest_ms - CLOCKS_APART_MS;
        let mut range = redis::cmd("ZRANGEBYSCORE");
        range.arg(link.key(CHANGED)).arg(from).arg("+inf").arg("WITHSCORES");
        let listed: Vec<(String, f64)> = link.run(range).await?;
        let mut known = self.known.lock();
        known.read_at.retain(|_, at| *at >= from);
        known.obeyed.retain(|_, at| *at >= from);
        let (mut stored, mut erased) = (Vec::new(), HashMap::default());
        for (member, at) in listed {
            match UserId::new(&member) {
                Ok(user) if known.read_at.get(&user) != Some(&at) => stored.push((user, at)),
                Err(_) if known.obeyed.get(&member) != Some(&at) => {
                    erased.insert(member, at);
                }
                _ => {}
            }
        }
        known.forget(erased);
        Ok(stored)
    }

    /// Takes what was read of those who changed.
    pub(super) fn take(&self, changed: &[(UserId, f64)], states: Vec<Option<(Preference, u64)>>) {
        let mut known = self.known.lock();
        for ((user, at), state) in changed.iter().zip(states) {
            let state = state.map(|(preference, _)| preference);
            known.take(user, state.filter(|preference| preference.model == self.model));
            known.read_at.insert(user.clone(), *at);
            known.latest_ms = known.latest_ms.max(*at);
        }
    }

    pub(super) fn forget(&self, user: &UserId) {
        self.known.lock().shoppers.remove(user);
    }

    pub(super) async fn nearest(
        &self,
        probe: &Probe,
        k: usize,
        since: Timestamp,
    ) -> Result<Vec<(UserId, f32)>, StoreError> {
        let (known, probe) = (Arc::clone(&self.known), probe.clone());
        let search = move || known.lock().nearest(&probe, k, since);
        let found = tokio::task::spawn_blocking(search).await;
        found.map_err(interrupted)
    }
}

impl Known {
    fn take(&mut self, user: &UserId, state: Option<Preference>) {
        match state.and_then(|state| Some((state.vector?, state.updated_at))) {
            Some(known) => {
                self.shoppers.insert(user.clone(), known);
            }
            None => {
                self.shoppers.remove(user);
            }
        }
    }

    fn forget(&mut self, erased: HashMap<String, f64, ahash::RandomState>) {
        if !erased.is_empty() {
            self.shoppers.retain(|user, _| !erased.contains_key(&erased_name(user)));
            self.obeyed.extend(erased);
        }
    }

    fn nearest(&self, probe: &Probe, k: usize, since: Timestamp) -> Vec<(UserId, f32)> {
        let lately = self.shoppers.iter().filter(|(_, (_, at))| *at >= since);
        let mut near: Vec<(&UserId, f32)> =
            lately.filter_map(|(user, (vector, _))| Some((user, probe.score(vector)?))).collect();
        near.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        near.truncate(k);
        near.into_iter().map(|(user, score)| (user.clone(), score)).collect()
    }
}
