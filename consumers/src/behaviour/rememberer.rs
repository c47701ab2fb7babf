//! Gives shoppers their taste back after a change of model, from their documents, whether they act again or not.
//!
//! Who is not whole ([`Incomplete`]) takes the model first, and is remembered later, when all documents of before are
//! there to be read. What a state lacks is the token of its share: of several who remember it, one adds it.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use futures::future::join_all;
use rep_core::ports::StoreError;
use rep_core::ports::behaviour::BehaviourStore;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::embedder::Embedder;
use rep_core::ports::log::EventLog;
use rep_core::ports::preferences::{Fold, FoldRules, Folded, Incomplete, PreferenceStore, Recall};
use rep_core::{ModelId, Position, Remembered, TasteRules, Timestamp, Topic, UserId, partition_of};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::earlier::EarlierActions;
use super::{BehaviourDeps, GROUP};
use crate::RoleContext;

/// Pause between two walks over all who are not whole.
const WALK_INTERVAL: Duration = Duration::from_secs(5);
/// The same, after one on which nobody could be remembered.
const IDLE_INTERVAL: Duration = Duration::from_secs(30);
/// How long a walk goes on, and then pauses: those who serve have half of the time to themselves.
const WORK_MAX: Duration = Duration::from_secs(1);
/// Shoppers of one page.
const PAGE: usize = 100;
/// Shoppers whose documents are read at once.
const AT_ONCE: usize = 4;
/// How far documents may be behind the states that they led to, once their offsets are committed.
const DOCUMENTS_BEHIND: Duration = Duration::from_secs(5);
/// How long after a change of model nobody is remembered.
const AGE_MIN: Duration = Duration::from_secs(10);
/// After so long it no longer matters what is committed: the topic may be another one.
const UNCOMMITTED_MAX: Duration = Duration::from_secs(3600);
/// How long a shopper is left to the role that changed the model of their state while this one was running: it may be
/// of a newer model.
const LEFT_FOR: Duration = Duration::from_secs(3600);
/// So long it is waited for products to be embedded; what is about others is given up then.
const BARE_MAX: Duration = Duration::from_secs(24 * 3600);
/// A catalogue of which no more than one part in so many lacks a vector is embedded, as far as matters here.
const BARE_SHARE: usize = 20;

pub(super) struct Rememberer {
    context: RoleContext,
    log: Arc<dyn EventLog>,
    behaviour: Arc<dyn BehaviourStore>,
    preferences: Arc<dyn PreferenceStore>,
    catalog: Arc<dyn Catalog>,
    embedder: Arc<dyn Embedder>,
    model: ModelId,
    rules: TasteRules,
    started_at: Timestamp,
}

/// Where the walk over all who are not whole is.
#[derive(Default)]
struct Walk {
    cursor: Option<String>,
    actions: Option<EarlierActions>,
    /// Offsets that were committed at least [`DOCUMENTS_BEHIND`] ago.
    committed: AHashMap<u32, u64>,
    /// Those of the last look, and when it was.
    looked: Option<(Instant, AHashMap<u32, u64>)>,
    /// Somebody was met on this walk.
    met: bool,
    /// Of them somebody came further, or soon will.
    moved: bool,
}

impl Walk {
    fn is_committed(&self, position: Position) -> bool {
        self.committed.get(&position.partition).is_some_and(|next| *next > position.offset)
    }

    /// Begins a new walk.
    fn restart(&mut self) {
        (self.cursor, self.actions, self.met, self.moved) = (None, None, false, false);
    }
}

impl Rememberer {
    pub(super) fn new(context: RoleContext, deps: &BehaviourDeps, rules: TasteRules) -> Self {
        Self {
            log: Arc::clone(&deps.log),
            behaviour: Arc::clone(&deps.behaviour),
            preferences: Arc::clone(&deps.preferences),
            catalog: Arc::clone(&deps.catalog),
            embedder: Arc::clone(&deps.embedder),
            model: deps.embedder.model().clone(),
            rules,
            started_at: context.now(),
            context,
        }
    }

    /// Walks until `shutdown`. Idempotent, and safe to be cut off anywhere.
    pub(super) async fn run(self, shutdown: CancellationToken) {
        let mut walk = Walk::default();
        let mut pause = WALK_INTERVAL;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            let sweep = tokio::select! {
                () = shutdown.cancelled() => return,
                sweep = self.sweep(&mut walk) => sweep,
            };
            pause = sweep.unwrap_or_else(|error| {
                self.count_failure(&error);
                walk.restart();
                IDLE_INTERVAL
            });
        }
    }

    /// Goes on with the walk for a while; gives how long to pause.
    async fn sweep(&self, walk: &mut Walk) -> Result<Duration, StoreError> {
        let begun = Instant::now();
        loop {
            let page = self.preferences.incomplete(walk.cursor.as_deref(), PAGE);
            let page = self.context.bounded(page).await?;
            metrics::gauge!("rep_behaviour_incomplete_shoppers").set(page.total as f64);
            let mine: Vec<&Incomplete> =
                page.items.iter().filter(|shopper| self.is_mine(&shopper.user_id)).collect();
            if !mine.is_empty() {
                walk.met = true;
                self.look(walk).await?;
                self.take_model(walk, &mine).await?;
                self.remember(walk, &mine).await?;
            }
            walk.cursor = page.next;
            if walk.cursor.is_none() {
                let pause = if walk.met && !walk.moved { IDLE_INTERVAL } else { WALK_INTERVAL };
                walk.restart();
                return Ok(pause);
            }
            if begun.elapsed() >= WORK_MAX {
                return Ok(WORK_MAX);
            }
        }
    }

    /// The role that folds a shopper's actions also remembers them: others would only get in the way.
    fn is_mine(&self, user: &UserId) -> bool {
        let partition = partition_of(user.as_str().as_bytes(), Topic::UserAction.partitions());
        self.context.is_assigned(partition)
    }

    /// Learns what is committed: documents of that are durable, and a moment later found.
    async fn look(&self, walk: &mut Walk) -> Result<(), StoreError> {
        if walk.looked.as_ref().is_some_and(|(at, _)| at.elapsed() < DOCUMENTS_BEHIND) {
            return Ok(());
        }
        let offsets = self.context.bounded(self.log.offsets(Topic::UserAction, GROUP)).await?;
        let committed = offsets.iter().filter_map(|one| Some((one.partition, one.committed?))).collect();
        if let Some((_, before)) = walk.looked.replace((Instant::now(), committed)) {
            walk.committed = before;
        }
        Ok(())
    }

    async fn take_model(&self, walk: &mut Walk, shoppers: &[&Incomplete]) -> Result<(), StoreError> {
        let now = self.context.now();
        let is_left = |since: Timestamp| since > self.started_at && now.since(since) < LEFT_FOR;
        let folds: Vec<Fold<'_>> = shoppers
            .iter()
            .filter(|shopper| shopper.model != self.model && !is_left(shopper.model_since))
            .map(|shopper| Fold::recalling(&shopper.user_id, Recall::TakeModel))
            .collect();
        walk.moved |= !folds.is_empty();
        self.fold(&folds).await.map(drop)
    }

    async fn remember(&self, walk: &mut Walk, shoppers: &[&Incomplete]) -> Result<(), StoreError> {
        let ready = self.ready(walk, shoppers).await?;
        let mut later = ready.later;
        let mut found: Vec<(&UserId, Remembered)> = Vec::with_capacity(ready.shoppers.len());
        for part in ready.shoppers.chunks(AT_ONCE) {
            let actions: &EarlierActions = walk.actions.get_or_insert_with(|| self.actions());
            let of_part = part.iter().map(|shopper| {
                let gives_up = self.age(shopper) >= BARE_MAX;
                async move { (&shopper.user_id, actions.of(shopper, gives_up).await) }
            });
            for (user, outcome) in join_all(of_part).await {
                match outcome {
                    Ok(Some(remembered)) => found.push((user, remembered)),
                    Ok(None) => later += 1,
                    Err(error) if error.is_retryable() => return Err(error),
                    // Something of this shopper alone cannot be read: others go on.
                    Err(error) => self.count_failure(&error),
                }
            }
        }
        let folds: Vec<Fold<'_>> =
            found.iter().map(|(user, remembered)| Fold::recalling(user, Recall::Add(remembered))).collect();
        let folded = self.fold(&folds).await?;
        let added = folded.iter().filter(|folded| folded.remembered).count();
        walk.moved |= added > 0;
        let counts = [("added", added), ("overtaken", folded.len() - added), ("later", later)];
        for (outcome, count) in counts {
            metrics::counter!("rep_behaviour_remembered_total", "outcome" => outcome).increment(count as u64);
        }
        Ok(())
    }

    /// Those of `shoppers` who can be remembered now: their documents are all there, and most products have vectors.
    async fn ready<'a>(&self, walk: &mut Walk, shoppers: &[&'a Incomplete]) -> Result<Ready<'a>, StoreError> {
        let lacks = |shopper: &&&Incomplete| shopper.model == self.model && shopper.earlier.is_some();
        let lacking = shoppers.iter().filter(lacks).copied();
        let is_old = |shopper: &&Incomplete| {
            let committed = shopper.earlier.as_ref().is_some_and(|earlier| walk.is_committed(earlier.until));
            self.age(shopper) >= if committed { AGE_MIN } else { UNCOMMITTED_MAX }
        };
        let (mut old, young): (Vec<_>, Vec<_>) = lacking.partition(is_old);
        walk.moved |= !young.is_empty();
        let count = old.len();
        if count > 0 && !self.catalog_is_embedded().await? {
            old.retain(|shopper| self.age(shopper) >= BARE_MAX);
        }
        Ok(Ready { later: count - old.len(), shoppers: old })
    }

    fn age(&self, shopper: &Incomplete) -> Duration {
        self.context.now().since(shopper.model_since)
    }

    async fn catalog_is_embedded(&self) -> Result<bool, StoreError> {
        let summary = self.context.bounded(self.catalog.summary()).await?;
        let bare = summary.total.saturating_sub(summary.embedded);
        // Of an empty one it is not known what will be in it.
        Ok(summary.total > 0 && bare <= summary.total / BARE_SHARE)
    }

    fn actions(&self) -> EarlierActions {
        EarlierActions::new(
            self.context.clone(),
            Arc::clone(&self.behaviour),
            Arc::clone(&self.catalog),
            Arc::clone(&self.embedder),
            self.rules,
        )
    }

    /// Folds, and makes it durable: no commit may follow for long.
    async fn fold(&self, folds: &[Fold<'_>]) -> Result<Vec<Folded>, StoreError> {
        if folds.is_empty() {
            return Ok(Vec::new());
        }
        let rules = FoldRules { model: &self.model, taste: self.rules, applied_at: self.context.now() };
        let folded = self.context.bounded(self.preferences.fold(folds, &rules)).await?;
        self.context.bounded(self.preferences.flush()).await?;
        Ok(folded)
    }

    fn count_failure(&self, error: &StoreError) {
        metrics::counter!("rep_behaviour_remember_failures_total").increment(1);
        tracing::warn!(role = self.context.role(), %error, "what was done under another model is remembered later");
    }
}

/// Whom to remember.
struct Ready<'a> {
    shoppers: Vec<&'a Incomplete>,
    /// How many others wait for the catalogue.
    later: usize,
}
