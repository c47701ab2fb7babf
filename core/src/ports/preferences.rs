//! Preference vectors: cached, backed up, fenced.

mod fold;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

pub use self::fold::{Applied, Counted, Fold, FoldRules, FoldStep, Folded, Recall};
use super::StoreError;
use crate::likeness::Probe;
use crate::{ActionType, Earlier, Erasure, ModelId, Preference, ProductId, Timestamp, TraceId, UserId};

/// That, and by what, a shopper's preference changed: tells live views to look again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreferenceChange {
    /// The event.
    pub trace_id: TraceId,
    /// Whose preference.
    pub user_id: UserId,
    /// What they did.
    pub action_type: ActionType,
    /// With which product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<ProductId>,
    /// When they did it.
    pub event_at: Timestamp,
    /// When the event was durable in the log.
    pub logged_at: Timestamp,
    /// When the vector had moved.
    pub applied_at: Timestamp,
    /// Actions folded in so far.
    pub action_count: u64,
}

/// What became of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOutcome {
    /// It stands.
    Stored,
    /// What is there was changed by a later record: nothing was written.
    Stale,
}

/// A state to be stored, with the events that led to it since it was loaded.
#[derive(Clone, Debug)]
pub struct PreferenceWrite {
    /// The new state; its position fences the write.
    pub preference: Preference,
    /// What to announce once it stands, in order.
    pub changes: Vec<PreferenceChange>,
}

/// Most pairs of a product without a vector and a shopper whose actions wait for it.
pub const WAITING_MAX: usize = 200_000;

/// A product that actions of a shopper wait for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Waiting {
    /// The product without a vector.
    pub product_id: ProductId,
    /// Whose actions.
    pub user_id: UserId,
}

/// A page of what waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingPage {
    /// The pairs.
    pub items: Vec<Waiting>,
    /// Where the next page begins; opaque; `None` at the end.
    pub next: Option<String>,
    /// How many there are in all.
    pub total: usize,
}

/// A shopper whose taste is not whole under the connected model.
#[derive(Clone, Debug, PartialEq)]
pub struct Incomplete {
    /// The shopper.
    pub user_id: UserId,
    /// The model of their state.
    pub model: ModelId,
    /// Since when it is; see [`Preference::model_since`].
    pub model_since: Timestamp,
    /// What it lacks; `None` if it is of another model and lacked nothing under that.
    pub earlier: Option<Earlier>,
}

impl Incomplete {
    /// What `state` is, unless it is whole under `model`.
    pub fn of(state: &Preference, model: &ModelId) -> Option<Self> {
        let Preference { user_id, model_since, earlier, .. } = state;
        let is_whole = state.model == *model && earlier.is_none();
        (!is_whole).then(|| Self {
            user_id: user_id.clone(),
            model: state.model.clone(),
            model_since: *model_since,
            earlier: earlier.clone(),
        })
    }
}

/// A page of shoppers whose taste is not whole.
#[derive(Clone, Debug, PartialEq)]
pub struct IncompletePage {
    /// The shoppers.
    pub items: Vec<Incomplete>,
    /// Where the next page begins; opaque; `None` at the end.
    pub next: Option<String>,
    /// How many there are in all, or at least.
    pub total: usize,
}

/// Preference vectors.
///
/// - `store` is a compare-and-set by position: a state is taken only if its position is not covered by
///   that of the state that is there ([`crate::Position::is_covered_by`]), or of the last erasure.
/// - A taken state is seen at once by every `load`, and is durable no later than the next commit of the
///   group whose records it folds.
/// - An entry that nobody changed for the time to live (24 h) may leave the cache; `load` then finds it in
///   the backup. Absent (`None`) means never stored, or erased.
#[async_trait]
pub trait PreferenceStore: Send + Sync {
    /// The states of `users`, in their order.
    async fn load(&self, users: &[UserId]) -> Result<Vec<Option<Preference>>, StoreError>;

    /// Stores states and announces their changes; gives an outcome for each, in their order.
    async fn store(&self, writes: Vec<PreferenceWrite>) -> Result<Vec<StoreOutcome>, StoreError>;

    /// Remembers, settles what waited and folds actions into the states of shoppers, each shopper once, stores the
    /// states and announces their changes; returns an outcome for each, in their order.
    ///
    /// Idempotent: what a state covers already is not folded again, what was settled does not wait any longer, and what
    /// was remembered is not [`Earlier`] any longer. Neither settling nor remembering changes a position, and neither
    /// makes a state of somebody of whom nothing is known. After an error some may be folded.
    async fn fold(&self, folds: &[Fold<'_>], rules: &FoldRules<'_>) -> Result<Vec<Folded>, StoreError>;

    /// About `limit` products that actions of a shopper wait for, each with the shopper, from `cursor` on.
    ///
    /// Everything that waits throughout a walk is on one of its pages, also after a restart or the loss of a cache; what
    /// waits no longer may be there, too. At most [`WAITING_MAX`] pairs are kept, or a few more where several processes
    /// fold: beyond, actions do not wait. A limit of 0 only counts.
    async fn waiting(&self, cursor: Option<&str>, limit: usize) -> Result<WaitingPage, StoreError>;

    /// About `limit` shoppers who are [`Incomplete`], from `cursor` on.
    ///
    /// Whoever is, and was saved so a second before a walk, and stays so throughout it, is on one of its pages; who is
    /// whole by now may be there, too.
    async fn incomplete(&self, cursor: Option<&str>, limit: usize) -> Result<IncompletePage, StoreError>;

    /// Makes durable what was taken so far: for changes that no commit follows.
    async fn flush(&self) -> Result<(), StoreError>;

    /// Up to `k` shoppers whose vector is of the connected model and near enough for `probe`, and who acted at or after
    /// `since`, nearest first, each with [`Probe::score`].
    async fn nearest(
        &self,
        probe: &Probe,
        k: usize,
        since: Timestamp,
    ) -> Result<Vec<(UserId, f32)>, StoreError>;

    /// Up to `limit` shoppers, last changed first.
    async fn recent(&self, limit: usize) -> Result<Vec<Preference>, StoreError>;

    /// Forgets a shopper, cache and backup; whether there was something. What stays is `erasure`, under a hash of the id:
    /// what it covers, or the state covered, changes nothing from then on, however often and by whom it is read again.
    async fn erase(&self, user: &UserId, erasure: Erasure) -> Result<bool, StoreError>;

    /// The last erasure of each of `users`, in their order; `None` for those who never were erased.
    async fn erased(&self, users: &[UserId]) -> Result<Vec<Option<Erasure>>, StoreError>;

    /// Changes of one shopper from now on; one of a moment ago may be among them. A receiver that falls behind its bound
    /// loses the oldest and is told so. It is closed when something may have been missed otherwise.
    fn changes(&self, user: &UserId) -> broadcast::Receiver<PreferenceChange>;
}
