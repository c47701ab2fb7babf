//! The topics of the core.

use std::fmt;

/// A topic and what is fixed about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Every action of a shopper, by user.
    UserAction,
    /// Records that could not be processed, by the original key.
    UserActionDlq,
    /// Price and stock changes, by product.
    ProductInventory,
    /// Notifications due to be delivered, by user.
    NotificationPush,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::UserAction, Self::UserActionDlq, Self::ProductInventory, Self::NotificationPush];

    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserAction => "user.action.v1",
            Self::UserActionDlq => "user.action.v1.dlq",
            Self::ProductInventory => "product.inventory.v1",
            Self::NotificationPush => "notification.push.v1",
        }
    }

    /// How many partitions it has.
    pub fn partitions(self) -> u32 {
        match self {
            Self::UserAction => 12,
            Self::UserActionDlq | Self::ProductInventory => 3,
            Self::NotificationPush => 6,
        }
    }

    /// The topic of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
