//! Stores on a Redis, each in a corner of its own, over a backup in memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use rep_backends::redis::{
    NotificationHistory, PreferenceBackup, RedisConfig, RedisNotifications, RedisPopularity,
    RedisPreferences, RedisTickets, SavedIncomplete, SavedWaits, State,
};
use rep_backends::{Backends, ConnectConfig, SystemClock, open_data_dir};
use rep_core::contract::support::{Ports, Subject, unique};
use rep_core::ports::StoreError;
use rep_core::ports::log::EventLog;
use rep_core::ports::notifications::Delivery;
use rep_core::ports::preferences::Incomplete;
use rep_core::{Erasure, ModelId, NotificationId, Preference, UserId};
use tempfile::TempDir;

/// A backup and a history that outlive what Redis forgets.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) states: Mutex<HashMap<UserId, (Preference, u64)>>,
    pub(crate) erased: Mutex<HashMap<UserId, Erasure>>,
    pub(crate) deliveries: Mutex<HashMap<NotificationId, Delivery>>,
}

#[async_trait]
impl PreferenceBackup for Kept {
    async fn load(&self, users: &[UserId]) -> Result<Vec<Option<(Preference, u64)>>, StoreError> {
        let states = self.states.lock();
        Ok(users.iter().map(|user| states.get(user).cloned()).collect())
    }

    async fn save(&self, states: &[State]) -> Result<(), StoreError> {
        let mut kept = self.states.lock();
        for (state, version) in states.iter().map(|state| &**state) {
            let known = kept.get(&state.user_id).map_or(0, |(_, version)| *version);
            if *version >= known {
                kept.insert(state.user_id.clone(), (state.clone(), *version));
            }
        }
        Ok(())
    }

    async fn erase(&self, user: &UserId, erasure: Erasure) -> Result<bool, StoreError> {
        self.erased.lock().insert(user.clone(), erasure);
        Ok(self.states.lock().remove(user).is_some())
    }

    async fn erased(&self, users: &[UserId]) -> Result<Vec<Option<Erasure>>, StoreError> {
        let erased = self.erased.lock();
        Ok(users.iter().map(|user| erased.get(user).copied()).collect())
    }

    async fn waiting(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<SavedWaits>, StoreError> {
        let states = self.states.lock();
        let mut users: Vec<&UserId> =
            states.keys().filter(|user| after.is_none_or(|after| *user > after)).collect();
        users.sort_unstable();
        let waits = users.into_iter().filter(|user| !states[*user].0.pending.is_empty()).take(limit);
        let saved = |user: &UserId| SavedWaits {
            user_id: user.clone(),
            version: states[user].1,
            products: states[user].0.pending.iter().map(|waits| waits.product_id.clone()).collect(),
        };
        Ok(waits.map(saved).collect())
    }

    async fn incomplete(
        &self,
        model: &ModelId,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<SavedIncomplete, StoreError> {
        let states = self.states.lock();
        let mut all: Vec<Incomplete> =
            states.values().filter_map(|(state, _)| Incomplete::of(state, model)).collect();
        all.sort_by(|a, b| a.user_id.cmp(&b.user_id));
        let total = all.len();
        all.retain(|one| after.is_none_or(|after| one.user_id > *after));
        all.truncate(limit);
        Ok(SavedIncomplete { items: all, total })
    }
}

#[async_trait]
impl NotificationHistory for Kept {
    async fn record(&self, deliveries: &[Delivery]) -> Result<(), StoreError> {
        let mut kept = self.deliveries.lock();
        for delivery in deliveries {
            kept.entry(delivery.notification.notification_id.clone()).or_insert_with(|| delivery.clone());
        }
        Ok(())
    }

    async fn erase(&self, user: &UserId) -> Result<(), StoreError> {
        self.deliveries.lock().retain(|_, delivery| delivery.notification.user_id != *user);
        Ok(())
    }
}

/// Started together, for all tests of this binary.
const SERVERS: &[&str] = &["redis", "redis-sentinels", "redis-cluster"];

/// Stores on a Redis.
pub(crate) struct OnRedis {
    pub(crate) config: RedisConfig,
    pub(crate) kept: Arc<Kept>,
    pub(crate) preferences: Arc<RedisPreferences>,
    ports: Ports,
    /// Log and documents.
    embedded: Backends,
    _dir: TempDir,
}

impl OnRedis {
    /// A corner of the shared server that nobody used.
    pub(crate) async fn fresh() -> Self {
        Self::fresh_on("REP_TEST_REDIS").await
    }

    /// A corner of the shared servers that `variable` names.
    pub(crate) async fn fresh_on(variable: &str) -> Self {
        Self::at(crate::servers::shared(variable, SERVERS).await).await
    }

    pub(crate) async fn at(url: String) -> Self {
        let config = RedisConfig { prefix: format!("{}:", unique("test")), ..RedisConfig::new(url) };
        let dir = TempDir::new().unwrap();
        let embedded =
            open_data_dir(&ConnectConfig::new(dir.path().to_owned(), model(), 16), Arc::new(SystemClock))
                .unwrap();
        let kept = Arc::new(Kept::default());
        let (preferences, ports) = open(&config, &kept, &embedded).await;
        Self { config, kept, preferences, ports, embedded, _dir: dir }
    }
}

impl OnRedis {
    /// The embedded log.
    pub(crate) fn log(&self) -> Arc<dyn EventLog> {
        self.embedded.log.clone()
    }
}

fn model() -> ModelId {
    ModelId::new("contract-model").unwrap()
}

async fn open(config: &RedisConfig, kept: &Arc<Kept>, embedded: &Backends) -> (Arc<RedisPreferences>, Ports) {
    let preferences = RedisPreferences::connect(config, kept.clone(), Arc::new(SystemClock), model()).await;
    let preferences = Arc::new(preferences.unwrap());
    let ports = Ports {
        log: embedded.log.clone(),
        behaviour: embedded.behaviour.clone(),
        preferences: preferences.clone(),
        popularity: Arc::new(RedisPopularity::connect(config, Duration::from_secs(6 * 3600)).await.unwrap()),
        notifications: Arc::new(RedisNotifications::connect(config, kept.clone()).await.unwrap()),
        tickets: Arc::new(RedisTickets::connect(config).await.unwrap()),
    };
    (preferences, ports)
}

#[async_trait]
impl Subject for OnRedis {
    fn ports(&self) -> &Ports {
        &self.ports
    }

    async fn reopen(&mut self) {
        (self.preferences, self.ports) = open(&self.config, &self.kept, &self.embedded).await;
    }
}
