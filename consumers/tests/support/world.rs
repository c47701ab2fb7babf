//! A world to run roles in.

use std::sync::Arc;
use std::time::Duration;

use rep_consumers::behaviour::{BehaviourConfig, BehaviourDeps, BehaviourRole};
use rep_consumers::inventory::{InventoryConfig, InventoryDeps, InventoryRole};
use rep_consumers::notify::{NotifyConfig, NotifyDeps, NotifyRole, SimulatedChannel};
use rep_consumers::{LiveStats, RoleError, RoleStats};
use rep_core::avro::{Codec, DeadLetter, Event};
use rep_core::likeness::CurrentScale;
use rep_core::{Clock, Position, Timestamp, Topic};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::embedder::{HashEmbedder, vector_of};
use super::events::product;
use super::faults::Faults;
use super::log::MemoryLog;
use super::stores::{KeptProduct, MemoryStores};

/// Time that follows tokio's, so that a paused test is at one with it.
pub struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(1_800_000_000_000).plus(self.0.elapsed())
    }
}

pub struct World {
    pub clock: Arc<TestClock>,
    pub codec: Codec,
    pub faults: Faults,
    pub log: Arc<MemoryLog>,
    pub stores: MemoryStores,
    pub embedder: Arc<HashEmbedder>,
    pub push: Arc<SimulatedChannel>,
    pub sms: Arc<SimulatedChannel>,
    pub scale: CurrentScale,
}

/// A role at work.
pub struct Running {
    pub task: JoinHandle<Result<RoleStats, RoleError>>,
    pub stats: Arc<LiveStats>,
    pub shutdown: CancellationToken,
}

impl Running {
    pub async fn stop(self) -> Result<RoleStats, RoleError> {
        self.shutdown.cancel();
        self.task.await.unwrap()
    }

    /// Kill -9.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

impl World {
    pub fn new() -> Self {
        let clock = Arc::new(TestClock(Instant::now()));
        let faults = Faults::default();
        let stores = MemoryStores { state: Arc::default(), faults: faults.clone() };
        let state = Arc::clone(&stores.state);
        let keep = Arc::new(move || {
            let mut state = state.lock();
            state.committed = state.derived.clone();
        });
        Self {
            log: Arc::new(MemoryLog::new(clock.clone(), faults.clone(), keep)),
            codec: Codec::with_sequential_ids(),
            embedder: Arc::default(),
            push: Arc::new(SimulatedChannel::push()),
            sms: Arc::new(SimulatedChannel::sms()),
            scale: CurrentScale::default(),
            clock,
            faults,
            stores,
        }
    }

    /// A world with `count` embedded products.
    pub fn with_products(count: usize) -> Self {
        let world = Self::new();
        for n in 0..count {
            let product = product(n);
            let vector = Some(vector_of(&product.passage()));
            let entry = KeptProduct { vector, product: Arc::new(product) };
            world.stores.state.lock().products.insert(entry.product.product_id.clone(), entry);
        }
        world
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn append<E: Event>(&self, event: &E) -> Position {
        self.log.append_now(E::TOPIC, event.key(), self.codec.encode(event).unwrap())
    }

    pub fn behaviour(&self, config: BehaviourConfig) -> BehaviourRole {
        let deps = BehaviourDeps {
            log: self.log.clone(),
            codec: self.codec.clone(),
            clock: self.clock.clone(),
            behaviour: Arc::new(self.stores.clone()),
            preferences: Arc::new(self.stores.clone()),
            catalog: Arc::new(self.stores.clone()),
            popularity: Arc::new(self.stores.clone()),
            embedder: self.embedder.clone(),
        };
        BehaviourRole::new(deps, config)
    }

    pub fn run_behaviour(&self, config: BehaviourConfig) -> Running {
        let (role, shutdown) = (self.behaviour(config), CancellationToken::new());
        let stats = role.stats();
        Running { task: tokio::spawn(role.run(shutdown.clone())), stats, shutdown }
    }

    pub fn run_inventory(&self, config: InventoryConfig) -> Running {
        let deps = InventoryDeps {
            log: self.log.clone(),
            codec: self.codec.clone(),
            clock: self.clock.clone(),
            behaviour: Arc::new(self.stores.clone()),
            preferences: Arc::new(self.stores.clone()),
            catalog: Arc::new(self.stores.clone()),
            scale: self.scale.clone(),
        };
        let (role, shutdown) = (InventoryRole::new(deps, config), CancellationToken::new());
        let stats = role.stats();
        Running { task: tokio::spawn(role.run(shutdown.clone())), stats, shutdown }
    }

    pub fn run_notify(&self, config: NotifyConfig) -> Running {
        let deps = NotifyDeps {
            log: self.log.clone(),
            codec: self.codec.clone(),
            clock: self.clock.clone(),
            notifications: Arc::new(self.stores.clone()),
            push: self.push.clone(),
            sms: self.sms.clone(),
        };
        let (role, shutdown) = (NotifyRole::new(deps, config), CancellationToken::new());
        let stats = role.stats();
        Running { task: tokio::spawn(role.run(shutdown.clone())), stats, shutdown }
    }

    /// Loses what was not committed, as an embedded store does.
    pub fn roll_back(&self) {
        let mut state = self.stores.state.lock();
        state.derived = state.committed.clone();
    }

    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        let records = self.log.all(Topic::UserActionDlq);
        records.iter().map(|record| self.codec.decode(&record.value).unwrap()).collect()
    }

    pub fn documents(&self) -> usize {
        self.stores.state.lock().derived.documents.len()
    }

    /// Waits until `condition`; fails after ten minutes of the test's time.
    pub async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(600);
        while !condition() {
            assert!(Instant::now() < deadline, "never: {what}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub async fn until_drained(&self, group: &str, topic: Topic) {
        self.until(&format!("{group} drained"), || self.log.lag(group, topic) == 0).await;
    }
}
