//! Traffic live: the one place of this crate that asks a clock.
//!
//! [`Simulator`] is the handle that routes and roles hold; a run is a task that keeps a schedule
//! ([`pacer`]), appends to the log in lanes ([`lanes`]) and counts what became durable ([`totals`]).

mod absent;
mod changes;
mod lanes;
mod meter;
mod pacer;
mod run;
mod settings;
mod totals;
mod traces;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rep_core::avro::{Codec, Event as _};
use rep_core::ports::StoreError;
use rep_core::ports::log::{EventLog, NewRecord};
use rep_core::{
    ActionType, Clock, FieldError, Position, ProductId, SessionId, Timestamp, Topic, TraceId, UserAction,
    UserId,
};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use settings::{
    CHANGE_RATE_DEFAULT, CHANGE_RATE_MAX, CHANGE_SHARE_MAX, RATE_DEFAULT, RATE_MAX, Settings,
};
pub use totals::{State, Status, Totals};

use crate::catalogue::Catalogue;
use crate::shop::Shop;
use run::Run;
use totals::Ledger;

/// What a simulator works with.
#[derive(Clone)]
pub struct Parts {
    /// The shop's products; the traffic is about them.
    pub catalogue: Arc<Catalogue>,
    /// Where events go.
    pub log: Arc<dyn EventLog>,
    /// How they are written.
    pub codec: Codec,
    /// Stamps live events.
    pub clock: Arc<dyn Clock>,
    /// Where changes of prices and stock go.
    pub shop: Arc<dyn Shop>,
}

/// Bounds of a simulator.
#[derive(Clone, Debug)]
pub struct RunnerConfig {
    /// What a start takes where it does not say.
    pub defaults: Settings,
    /// How often the schedule is looked at; 1 to 100 ms.
    pub tick: Duration,
    /// Most appends to the log at a time. A shopper's events go through one lane, in order.
    pub in_flight_max: usize,
    /// How far behind its schedule traffic may fall before events are given up, as missed.
    pub backlog_max: Duration,
    /// Longest wait for one append.
    pub append_timeout: Duration,
    /// Longest wait for what is under way when a run stops.
    pub drain_max: Duration,
    /// Share of actions that begin a recorded trace, 0 to 1; the others are part of none.
    pub trace_sample: f64,
}

impl Default for RunnerConfig {
    /// 5 ms, 4 appends, 1 s behind, 30 s an append, 10 s to drain, no traces.
    fn default() -> Self {
        Self {
            defaults: Settings::default(),
            tick: Duration::from_millis(5),
            in_flight_max: 4,
            backlog_max: Duration::from_secs(1),
            append_timeout: Duration::from_secs(30),
            drain_max: Duration::from_secs(10),
            trace_sample: 0.0,
        }
    }
}

/// What is asked of a start or a change; what is not said stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wish {
    /// Shoppers, 1 to [`crate::USERS_MAX`]; only a start can change them.
    pub users: Option<u32>,
    /// Events per second, over 0 up to [`RATE_MAX`].
    pub rate: Option<f64>,
    /// The course of events.
    pub scenario: Option<crate::Scenario>,
    /// Of the traffic; only a start can change it.
    pub seed: Option<u64>,
    /// Price and stock changes per second, 0 to [`CHANGE_RATE_MAX`].
    pub change_rate: Option<f64>,
}

/// One action of one shopper, by hand.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// Who.
    pub user_id: UserId,
    /// What.
    pub action_type: ActionType,
    /// With which product.
    pub product_id: Option<ProductId>,
    /// What is searched for.
    pub search_query: Option<String>,
}

/// An action that is durable in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Acted {
    /// The event.
    pub action: UserAction,
    /// Where it stands.
    pub position: Option<Position>,
}

/// Why the simulator did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// It runs already.
    #[error("the simulator is running; stop it first, or change rate and scenario while it runs")]
    Running,
    /// A value is out of its range.
    #[error(transparent)]
    Invalid(#[from] FieldError),
    /// The shop has none of the products that the traffic would be about.
    #[error(
        "the shop has none of the {0} invented products that simulated shoppers know; start REP on an empty data \
         directory to let it invent a shop"
    )]
    Stranger(u32),
    /// The shop could not be asked what it has.
    #[error("the shop cannot be asked for its products: {0}")]
    Shop(#[source] StoreError),
    /// The log did not take the event.
    #[error("the log did not take the event: {0}")]
    Log(#[from] StoreError),
    /// The log did not answer in time; the event may be there.
    #[error("the log did not answer within {0:?}")]
    Timeout(Duration),
    /// The event does not fit its schema: a defect of ours.
    #[error("the event could not be written: {0}")]
    Encode(#[from] rep_core::avro::EncodeError),
}

/// Live traffic: starts, stops, changes course. Cheap to clone; when the last clone goes, a run ends.
#[derive(Clone)]
pub struct Simulator {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    /// Held over a whole start or stop, so that they do not overlap.
    run: tokio::sync::Mutex<Option<Run>>,
    _stop_on_drop: DropGuard,
}

/// What a run and its handle both see.
struct Shared {
    parts: Parts,
    config: RunnerConfig,
    settings: watch::Sender<Settings>,
    ledger: Mutex<Ledger>,
    /// Cancelled when the last handle goes.
    alive: CancellationToken,
}

impl Simulator {
    /// A simulator that does not run yet.
    pub fn new(parts: Parts, config: RunnerConfig) -> Self {
        totals::describe_metrics();
        let alive = CancellationToken::new();
        let (settings, _) = watch::channel(config.defaults);
        let shared =
            Shared { parts, config, settings, ledger: Mutex::new(Ledger::default()), alive: alive.clone() };
        let inner = Inner {
            shared: Arc::new(shared),
            run: tokio::sync::Mutex::new(None),
            _stop_on_drop: alive.drop_guard(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The products that the traffic is about.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.inner.shared.parts.catalogue
    }

    /// Starts a run; totals begin at zero. Refused while one is on, and in a shop that has none of the products
    /// it would be about; those that are missing alone are left out.
    pub async fn start(&self, wish: Wish) -> Result<Status, SimulatorError> {
        let mut run = self.inner.run.lock().await;
        if run.as_ref().is_some_and(Run::is_running) {
            return Err(SimulatorError::Running);
        }
        let settings = self.inner.shared.settings.borrow().with(wish)?;
        let absent = absent::find(&self.inner.shared.parts).await?;
        *run = Some(Run::start(Arc::clone(&self.inner.shared), settings, absent).await);
        drop(run);
        Ok(self.status())
    }

    /// Stops the run, if one is on: nothing new is made, what is under way becomes durable or is given up
    /// within [`RunnerConfig::drain_max`]. Idempotent.
    pub async fn stop(&self) -> Status {
        let mut run = self.inner.run.lock().await;
        if let Some(run) = run.take() {
            run.stop().await;
        }
        drop(run);
        self.status()
    }

    /// Changes rate, scenario or rate of changes: of the run, or of the next one if none is on. Users and
    /// seed of a run stand.
    pub fn change(&self, wish: Wish) -> Result<Status, SimulatorError> {
        let shared = &self.inner.shared;
        let running = shared.ledger.lock().is_running();
        if running && wish.users.is_some() {
            return Err(FieldError::new("users", "cannot change while the simulator runs").into());
        }
        if running && wish.seed.is_some() {
            return Err(FieldError::new("seed", "cannot change while the simulator runs").into());
        }
        let next = shared.settings.borrow().with(wish)?;
        shared.settings.send_replace(next);
        Ok(self.status())
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        let shared = &self.inner.shared;
        let settings = *shared.settings.borrow();
        shared.ledger.lock().status(settings, shared.config.in_flight_max)
    }

    /// Whether the log took what was last given to it; true before anything was.
    pub fn is_log_well(&self) -> bool {
        self.inner.shared.ledger.lock().is_log_well()
    }

    /// Makes one action happen now; durable when it returns. Runs or not, makes no difference.
    pub async fn act(&self, act: Act) -> Result<Acted, SimulatorError> {
        let shared = &self.inner.shared;
        let action = act.into_action(shared.parts.clock.now());
        action.validate()?;
        let value = shared.parts.codec.encode(&action)?;
        let span = traces::begin(&action, shared.config.trace_sample);
        let record = NewRecord::new(bytes::Bytes::copy_from_slice(action.key()), value)
            .in_trace(span.as_ref().and_then(rep_traces::context_of));
        let wait = ACT_TIMEOUT.min(shared.config.append_timeout);
        let appended =
            tokio::time::timeout(wait, shared.parts.log.append(Topic::UserAction, vec![record])).await;
        let well = matches!(appended, Ok(Ok(_)));
        shared.ledger.lock().note_log(well);
        let positions = appended.map_err(|_| SimulatorError::Timeout(wait))??;
        shared.ledger.lock().acted();
        Ok(Acted { action, position: positions.into_iter().next() })
    }
}

/// Longest wait for one action by hand.
const ACT_TIMEOUT: Duration = Duration::from_secs(5);
/// A shopper who acts by hand begins a new visit at each turn of this.
const ACT_SESSION: Duration = Duration::from_secs(1800);

impl Act {
    fn into_action(self, now: Timestamp) -> UserAction {
        // Visits by hand have no begin and no end: half hours of a shopper count as one.
        let visit = now.as_ms().div_euclid(i64::try_from(ACT_SESSION.as_millis()).unwrap_or(1));
        let hash = rep_core::stable_hash128(format!("{}\u{1f}{visit}", self.user_id).as_bytes());
        UserAction {
            trace_id: fresh_trace_id(),
            user_id: self.user_id,
            action_type: self.action_type,
            product_id: self.product_id,
            search_query: self.search_query,
            session_id: SessionId::new(format!("h-{hash:032x}")).ok(),
            timestamp: now,
            metadata: [("source", "simulator"), ("actor", "person")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        }
    }
}

/// A trace id of an action by hand. Random: it comes from outside, no seed can know it.
pub(crate) fn fresh_trace_id() -> TraceId {
    TraceId::new(uuid::Uuid::new_v4().simple().to_string())
        .unwrap_or_else(|_| unreachable!("hexadecimal digits are an id"))
}
