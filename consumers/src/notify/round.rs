//! One shopper's turn: what becomes of each notification that is due to them.

use rep_core::ports::notifications::{Delivery, IN_APP};
use rep_core::{Notification, NotificationSettings, Timestamp};

use super::cap::{Fate, Limits, Recent, ranked};
use super::held::{Item, Turn};
use crate::handler::Refusal;

/// What is known of a shopper before delivery.
pub(super) struct Shopper {
    pub(super) settings: NotificationSettings,
    pub(super) recent: Recent,
}

/// What became of one notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The shopper does not want it.
    Unwanted,
    Capped(Fate),
    /// It waits for the end of the window, to be merged with others then.
    Postponed,
}

/// A turn and what is decided about it.
pub(super) struct Round<'a> {
    pub(super) items: Vec<&'a Item>,
    /// One for each item.
    pub(super) decisions: Vec<Decision>,
    /// One for all that is over the cap.
    pub(super) summary: Option<Notification>,
    pub(super) recent: Recent,
    channels: Vec<String>,
}

/// A turn that is refused for good, since nothing is known of its shopper.
pub(super) struct Refused<'a> {
    pub(super) items: Vec<&'a Item>,
    pub(super) refusal: Refusal,
}

impl<'a> Round<'a> {
    /// Decides about `items` at `now`. `others` are the names of the channels for push and SMS.
    pub(super) fn of(
        turn: &Turn,
        items: Vec<&'a Item>,
        Shopper { settings, mut recent }: Shopper,
        limits: Limits,
        others: [&str; 2],
        now: Timestamp,
    ) -> Self {
        let wanted: Vec<usize> =
            (0..items.len()).filter(|at| settings.wants(items[*at].notification.kind)).collect();
        let due: Vec<&Notification> = wanted.iter().map(|at| &items[*at].notification).collect();
        let mut decisions = vec![Decision::Unwanted; items.len()];
        let mut over = Vec::new();
        for (at, fate) in wanted.iter().zip(recent.plan(&due, limits, now)) {
            decisions[*at] = match fate {
                Fate::OverCap | Fate::OverProduct if !turn.whole => Decision::Postponed,
                fate => Decision::Capped(fate),
            };
            if matches!(decisions[*at], Decision::Capped(Fate::OverCap | Fate::OverProduct)) {
                over.push(&items[*at].notification);
            }
        }
        let over: Vec<&Notification> = ranked(&over).into_iter().map(|place| over[place]).collect();
        let mut summary = None;
        if recent.has_room_for_summary(limits, now) {
            summary = Notification::summary_of(&over);
            summary.iter().for_each(|summary| recent.note(summary, now));
        }
        let [push, sms] = others;
        let channels = [(settings.in_app, IN_APP), (settings.push, push), (settings.sms, sms)];
        let channels = channels.into_iter().filter(|(wanted, _)| *wanted).map(|(_, name)| name.to_owned());
        Self { items, decisions, summary, recent, channels: channels.collect() }
    }

    /// The items to be delivered.
    pub(super) fn delivered(&self) -> impl Iterator<Item = &'a Item> + '_ {
        let decided = self.items.iter().zip(&self.decisions);
        decided.filter(|(_, decision)| **decision == Decision::Capped(Fate::Deliver)).map(|(item, _)| *item)
    }

    /// What is to be delivered: the items, then the summary.
    pub(super) fn deliveries(&self, at: Timestamp) -> impl Iterator<Item = Delivery> + '_ {
        let delivery = move |notification: &Notification| {
            let (notification, channels) = (notification.clone(), self.channels.clone());
            Delivery { notification, channels, at }
        };
        let items = self.delivered().map(|item| &item.notification);
        items.chain(&self.summary).map(delivery)
    }
}
