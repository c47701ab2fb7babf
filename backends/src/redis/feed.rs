//! Messages of one channel, told to the live views of the shopper that each is about.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::{PushInfo, PushKind, Value};
use rep_core::UserId;
use rep_core::ports::StoreError;
use serde::de::DeserializeOwned;
use tokio::sync::broadcast;

use super::link::{Listener, RedisConfig};
use crate::hub::Hub;

/// Listens to a channel on a connection of its own. Every process hears every message, and passes on those of the
/// shoppers it has views of.
pub(super) struct Feed<T> {
    hub: Arc<Hub<T>>,
    /// Ends the connection when dropped.
    _listener: Listener,
}

impl<T: Clone + DeserializeOwned + Send + 'static> Feed<T> {
    /// Listens from now on. `user_of` says whom a message is about.
    ///
    /// When the connection is lost, messages may be: then all views end, so that each looks for what it missed; and
    /// again once the channel is listened to, for those that looked before.
    pub(super) async fn connect(
        config: &RedisConfig,
        channel: &str,
        user_of: fn(&T) -> &UserId,
    ) -> Result<Self, StoreError> {
        let hub = Arc::new(Hub::new());
        let told = Arc::clone(&hub);
        let was_there = AtomicBool::new(false);
        let on_push = move |push: PushInfo| match push.kind {
            PushKind::Message if told.is_empty() => {}
            PushKind::Message => match message(&push.data) {
                Some(message) => told.publish(user_of(&message), message.clone()),
                None => {
                    metrics::counter!("rep_redis_messages_unreadable_total").increment(1);
                    tracing::warn!("a message of a Redis channel cannot be read");
                }
            },
            PushKind::Disconnection => told.close(),
            PushKind::Subscribe if was_there.swap(true, Ordering::Relaxed) => told.close(),
            _ => {}
        };
        let listener = Listener::open(config, channel, Box::new(on_push)).await?;
        Ok(Self { hub, _listener: listener })
    }

    /// What is told of `user` from now on; closed when something may have been missed.
    pub(super) fn subscribe(&self, user: &UserId) -> broadcast::Receiver<T> {
        self.hub.subscribe(user)
    }
}

/// The message behind the name of its channel.
fn message<T: DeserializeOwned>(data: &[Value]) -> Option<T> {
    match data.last()? {
        Value::BulkString(bytes) => serde_json::from_slice(bytes).ok(),
        Value::SimpleString(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}
