//! Who waits for which product, noted again from the backup.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use rep_backends::SystemClock;
use rep_backends::redis::{PreferenceBackup, RedisPreferences, SavedIncomplete, SavedWaits, State};
use rep_core::contract::support::{at, new_product, new_trace, new_user};
use rep_core::ports::StoreError;
use rep_core::ports::preferences::PreferenceStore;
use rep_core::{ActionType, Erasure, ModelId, PendingAction, Preference, UserId};

use crate::cache::command_at;
use crate::subject::{Kept, OnRedis};

/// A backup that is walked while Redis loses its data, once.
struct Losing {
    kept: Arc<Kept>,
    url: String,
    prefix: String,
    walks: AtomicUsize,
}

#[async_trait]
impl PreferenceBackup for Losing {
    async fn load(&self, users: &[UserId]) -> Result<Vec<Option<(Preference, u64)>>, StoreError> {
        self.kept.load(users).await
    }

    async fn save(&self, states: &[State]) -> Result<(), StoreError> {
        self.kept.save(states).await
    }

    async fn erase(&self, user: &UserId, erasure: Erasure) -> Result<bool, StoreError> {
        PreferenceBackup::erase(&*self.kept, user, erasure).await
    }

    async fn erased(&self, users: &[UserId]) -> Result<Vec<Option<Erasure>>, StoreError> {
        PreferenceBackup::erased(&*self.kept, users).await
    }

    async fn waiting(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<SavedWaits>, StoreError> {
        if self.walks.fetch_add(1, Ordering::Relaxed) == 0 {
            for key in ["preferences:waiting", "preferences:waiting:complete"] {
                let _: i64 = command_at(&self.url, &["DEL", &format!("{}{key}", self.prefix)]).await;
            }
        }
        self.kept.waiting(after, limit).await
    }

    async fn incomplete(
        &self,
        model: &ModelId,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<SavedIncomplete, StoreError> {
        PreferenceBackup::incomplete(&*self.kept, model, after, limit).await
    }
}

#[tokio::test]
async fn what_redis_lost_while_it_was_noted_is_noted_again() {
    let subject = OnRedis::fresh().await;
    let (user, model) = (new_user(), ModelId::new("contract-model").unwrap());
    let waits = PendingAction {
        trace_id: new_trace(),
        product_id: new_product(),
        action_type: ActionType::Click,
        at: at(0),
        logged_at: at(0),
    };
    let state = Preference { pending: vec![waits], ..Preference::new(user.clone(), model.clone()) };
    subject.kept.states.lock().insert(user, (state, 1));
    let losing = Arc::new(Losing {
        kept: Arc::clone(&subject.kept),
        url: subject.config.url.reveal().to_owned(),
        prefix: subject.config.prefix.clone(),
        walks: AtomicUsize::new(0),
    });
    let store = RedisPreferences::connect(&subject.config, losing.clone(), Arc::new(SystemClock), model)
        .await
        .unwrap();
    // The first walk does not count as complete, the second does.
    for walks in [1, 2, 2] {
        assert_eq!(store.waiting(None, 10).await.unwrap().total, 1);
        assert_eq!(losing.walks.load(Ordering::Relaxed), walks);
    }
}
