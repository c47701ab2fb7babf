//! A shopper's inbox as a stream that misses nothing and repeats nothing.

use rep_core::ports::StoreError;
use rep_core::ports::notifications::InboxItem;
use rep_core::{NotificationId, UserId};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{Ended, Outlet, dropped};
use crate::state::ApiState;

/// Most items of one replay: as many as an inbox keeps, so that only what is lost makes a gap.
const REPLAY_MAX: usize = 1_000;

/// What a reader is told.
#[derive(Debug)]
pub(crate) enum Told {
    /// The stream is open.
    Hello,
    /// A notification.
    Item(Box<InboxItem>),
    /// Items after `after` are lost; the next there is, if any, is `next`.
    Gap { after: u64, next: Option<u64> },
    /// Nothing new; still here.
    Ping,
}

/// One stream's view of an inbox.
pub(crate) struct Inbox {
    state: ApiState,
    user: UserId,
    live: broadcast::Receiver<InboxItem>,
    /// Sequence of the last item that the reader has.
    last: u64,
    /// Its id, where it is known.
    last_id: Option<NotificationId>,
    /// Whether `last` is what a client said, and so may be of another life of the inbox.
    claimed: bool,
}

impl Inbox {
    /// The inbox of `user` after sequence `after`; `None`: from now on.
    ///
    /// It first notes where the inbox ends and then listens: what comes between is replayed.
    pub(crate) async fn open(state: ApiState, user: UserId, after: Option<u64>) -> Result<Self, StoreError> {
        let (last, last_id) = match after {
            Some(after) => (after, None),
            None => newest(&state, &user, None).await?,
        };
        let live = state.notifications.subscribe(&user);
        Ok(Self { state, user, live, last, last_id, claimed: after.is_some() })
    }

    /// Tells the reader everything, until it goes.
    pub(crate) async fn run(mut self, outlet: Outlet<Told>) -> Result<(), Ended> {
        outlet.send(Told::Hello).await?;
        self.catch_up(&outlet).await?;
        let every = self.state.config.streams.ping_every;
        let mut pings = interval_at(Instant::now() + every, every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                received = self.live.recv() => match received {
                    Ok(item) => self.take(item, &outlet).await?,
                    Err(RecvError::Lagged(_)) => self.catch_up(&outlet).await?,
                    Err(RecvError::Closed) => return Err(Ended),
                },
                _ = pings.tick() => outlet.send(Told::Ping).await?,
            }
        }
    }

    async fn take(&mut self, item: InboxItem, outlet: &Outlet<Told>) -> Result<(), Ended> {
        if item.sequence > self.last.saturating_add(1) {
            self.catch_up(outlet).await?;
        }
        if item.sequence <= self.last {
            // Replayed already, unless the inbox began anew.
            if !self.begins_anew(outlet).await? {
                return Ok(());
            }
            return self.catch_up(outlet).await;
        }
        self.tell(item, outlet).await
    }

    /// Replays what the reader does not have.
    async fn catch_up(&mut self, outlet: &Outlet<Told>) -> Result<(), Ended> {
        loop {
            let replay = self.state.notifications.replay(&self.user, self.last, REPLAY_MAX).await;
            let replay = self.known(replay)?;
            let next = replay.items.first().map(|item| item.sequence);
            if replay.gap && next.is_none_or(|next| next == self.last.saturating_add(1)) {
                outlet.send(Told::Gap { after: self.last, next }).await?;
            } // Otherwise the first item tells of it.
            let full = replay.items.len() == REPLAY_MAX;
            for item in replay.items {
                self.tell(item, outlet).await?;
            }
            if next.is_none() && std::mem::take(&mut self.claimed) && self.begins_anew(outlet).await? {
                continue;
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// Whether the inbox is not the one that the reader's last item came from: it was erased, and counts
    /// from 1 again. Then the reader is told, and has nothing of it yet.
    async fn begins_anew(&mut self, outlet: &Outlet<Told>) -> Result<bool, Ended> {
        if self.last == 0 {
            return Ok(false);
        }
        let there = newest(&self.state, &self.user, Some(self.last.saturating_add(1))).await;
        let (sequence, id) = self.known(there)?;
        let same = sequence == self.last && (self.last_id.is_none() || self.last_id == id);
        if same {
            return Ok(false);
        }
        outlet.send(Told::Gap { after: self.last, next: id.is_some().then_some(1) }).await?;
        (self.last, self.last_id) = (0, None);
        Ok(true)
    }

    async fn tell(&mut self, item: InboxItem, outlet: &Outlet<Told>) -> Result<(), Ended> {
        if item.notification.user_id != self.user {
            // Must not happen; if a backend mixes shoppers up, nobody may see it.
            tracing::error!(sequence = item.sequence, "inbox gave an item of another shopper");
            dropped("notifications", "crossing");
            return Err(Ended);
        }
        if item.sequence <= self.last {
            return Ok(());
        }
        if item.sequence > self.last.saturating_add(1) {
            outlet.send(Told::Gap { after: self.last, next: Some(item.sequence) }).await?;
        }
        self.last = item.sequence;
        self.last_id = Some(item.notification.notification_id.clone());
        outlet.send(Told::Item(Box::new(item))).await
    }

    /// A store that is away ends the stream; the reader resumes where it was.
    fn known<T>(&self, answer: Result<T, StoreError>) -> Result<T, Ended> {
        answer.map_err(|error| {
            let user = rep_traces::pseudonym(self.user.as_str());
            tracing::warn!(%error, user, "inbox could not be read; the stream ends");
            dropped("notifications", "store");
            Ended
        })
    }
}

/// Sequence and id of the newest item before `before`; 0 if there is none.
async fn newest(
    state: &ApiState,
    user: &UserId,
    before: Option<u64>,
) -> Result<(u64, Option<NotificationId>), StoreError> {
    let page = state.notifications.inbox(user, before, 1).await?;
    let newest = page.items.into_iter().next();
    Ok(newest.map_or((0, None), |item| (item.sequence, Some(item.notification.notification_id))))
}
