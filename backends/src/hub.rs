//! Tells the live views of one shopper what happened, and nobody else.

use std::collections::HashMap;

use parking_lot::RwLock;
use rep_core::UserId;
use tokio::sync::broadcast;

/// Messages a receiver may be behind; then it loses the oldest and is told so.
const BEHIND_MAX: usize = 256;

pub(crate) struct Hub<T> {
    senders: RwLock<HashMap<UserId, broadcast::Sender<T>>>,
}

impl<T: Clone> Hub<T> {
    pub(crate) fn new() -> Self {
        Self { senders: RwLock::default() }
    }

    pub(crate) fn subscribe(&self, user: &UserId) -> broadcast::Receiver<T> {
        let mut senders = self.senders.write();
        if senders.len() >= senders.capacity() {
            senders.retain(|_, sender| sender.receiver_count() > 0);
        }
        senders.entry(user.clone()).or_insert_with(|| broadcast::Sender::new(BEHIND_MAX)).subscribe()
    }

    pub(crate) fn publish(&self, user: &UserId, message: T) {
        self.publish_with(user, || message);
    }

    /// Whether nobody listens; there may have been somebody a moment ago.
    pub(crate) fn is_empty(&self) -> bool {
        self.senders.read().is_empty()
    }

    /// Ends every receiver: something may have been missed.
    pub(crate) fn close(&self) {
        self.senders.write().clear();
    }

    /// Makes the message only if somebody listens.
    pub(crate) fn publish_with(&self, user: &UserId, message: impl FnOnce() -> T) {
        let unheard = match self.senders.read().get(user) {
            // An error means that nobody listens any more.
            Some(sender) => sender.send(message()).is_err(),
            None => return,
        };
        if unheard {
            let mut senders = self.senders.write();
            if senders.get(user).is_some_and(|sender| sender.receiver_count() == 0) {
                senders.remove(user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shopper_hears_of_one_shopper_and_nothing_is_kept_for_the_gone() {
        let (a, b) = (UserId::new("a").unwrap(), UserId::new("b").unwrap());
        let hub = Hub::new();
        let mut of_a = hub.subscribe(&a);
        hub.publish(&a, 1);
        hub.publish(&b, 2);
        assert_eq!(of_a.try_recv(), Ok(1));
        assert!(of_a.try_recv().is_err());
        drop(of_a);
        hub.publish(&a, 3);
        assert!(hub.senders.read().is_empty());
    }
}
