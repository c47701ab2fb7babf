//! How many streams there may be.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rep_core::UserId;

use crate::config::StreamLimits;
use crate::problem::Problem;

/// The streams that are open.
#[derive(Clone)]
pub(crate) struct Slots {
    limits: StreamLimits,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    total: usize,
    by_user: HashMap<UserId, usize>,
}

impl Slots {
    pub(crate) fn new(limits: StreamLimits) -> Self {
        Self { limits, open: Arc::default() }
    }

    /// A place for a stream, of `user` if it is a shopper's.
    pub(crate) fn take(&self, kind: &'static str, user: Option<&UserId>) -> Result<Slot, Problem> {
        let mut open = self.open.lock();
        if open.total >= self.limits.total_max {
            super::dropped(kind, "refused");
            return Err(Problem::unavailable("all streams are taken").retry_after(5));
        }
        if let Some(user) = user {
            let count = open.by_user.get(user).copied().unwrap_or(0);
            if count >= self.limits.per_user_max {
                super::dropped(kind, "refused");
                return Err(Problem::too_many("this shopper has too many streams open").retry_after(5));
            }
            open.by_user.insert(user.clone(), count + 1);
        }
        open.total += 1;
        metrics::gauge!("rep_streams_open", "stream" => kind).increment(1.0);
        Ok(Slot { open: Arc::clone(&self.open), kind, user: user.cloned() })
    }

    /// How many are open.
    #[cfg(test)]
    fn total(&self) -> usize {
        self.open.lock().total
    }
}

/// The place of one stream; free again when dropped.
pub(crate) struct Slot {
    open: Arc<Mutex<Open>>,
    kind: &'static str,
    user: Option<UserId>,
}

impl Slot {
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        open.total -= 1;
        if let Some(user) = &self.user
            && let Some(count) = open.by_user.get_mut(user)
        {
            *count -= 1;
            if *count == 0 {
                open.by_user.remove(user);
            }
        }
        metrics::gauge!("rep_streams_open", "stream" => self.kind).decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let slots = Slots::new(StreamLimits { total_max: 3, per_user_max: 2, ..StreamLimits::default() });
        let (ann, ben) = (UserId::new("ann").unwrap(), UserId::new("ben").unwrap());
        let first = slots.take("s", Some(&ann)).unwrap();
        let _second = slots.take("s", Some(&ann)).unwrap();
        assert!(slots.take("s", Some(&ann)).is_err());
        let _third = slots.take("s", Some(&ben)).unwrap();
        assert!(slots.take("s", None).is_err());
        drop(first);
        assert_eq!(slots.total(), 2);
        assert!(slots.take("s", Some(&ann)).is_ok());
    }
}
