//! What shoppers are told (`notification.push.v1`), and what they want to be told.

use serde::{Deserialize, Serialize};

use crate::{Currency, InventoryChange, Money, NotificationId, ProductId, Timestamp, TraceId, UserId};

/// What happened to the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NotificationKind {
    /// It costs less.
    PriceDrop,
    /// It can be bought again.
    BackInStock,
    /// Only a few are left.
    LowStock,
    /// Something a newer producer knows; kept, not delivered.
    #[serde(other)]
    Unknown,
}

impl NotificationKind {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PriceDrop => "PRICE_DROP",
            Self::BackInStock => "BACK_IN_STOCK",
            Self::LowStock => "LOW_STOCK",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Why a shopper is told, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InterestReason {
    /// It lies in their cart.
    Carted,
    /// They marked it as a favourite.
    Wishlisted,
    /// They looked at it.
    Viewed,
    /// It is near to what they like.
    Similar,
    /// Something a newer producer knows.
    #[serde(other)]
    Unknown,
}

/// A notification to one shopper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Made by [`Notification::id_of`]: the dedupe key.
    pub notification_id: NotificationId,
    /// That of the inventory change.
    pub trace_id: TraceId,
    /// Who is told.
    pub user_id: UserId,
    /// About what.
    pub product_id: ProductId,
    /// Its name then.
    pub product_name: String,
    /// What happened.
    pub kind: NotificationKind,
    /// Why they are told.
    pub reason: InterestReason,
    /// Of both prices.
    pub currency: Currency,
    /// Minor units before.
    #[serde(default)]
    pub price_before: Option<i64>,
    /// Minor units now.
    pub price_after: i64,
    /// Pieces now.
    pub stock_after: i64,
    /// When the price or stock changed.
    pub timestamp: Timestamp,
}

impl Notification {
    /// The id of what `change` tells `user`: the same change told again has the same id.
    ///
    /// Shape: `{change's trace id}.{kind}.{user}` hashed to 32 hexadecimal digits, so that it stays in
    /// bounds whatever the parts are.
    pub fn id_of(change: &InventoryChange, kind: NotificationKind, user: &UserId) -> NotificationId {
        let text = format!("{}\u{1f}{}\u{1f}{}", change.trace_id, kind.as_str(), user);
        let hash = crate::hash::stable_hash128(text.as_bytes());
        NotificationId::new(format!("{hash:032x}"))
            .unwrap_or_else(|_| unreachable!("hexadecimal digits are an id"))
    }

    /// One line that says what happened.
    pub fn title(&self) -> String {
        match self.kind {
            NotificationKind::PriceDrop => format!("Price drop: {}", self.product_name),
            NotificationKind::BackInStock => format!("Back in stock: {}", self.product_name),
            NotificationKind::LowStock => format!("Only {} left: {}", self.stock_after, self.product_name),
            NotificationKind::Unknown => self.product_name.clone(),
        }
    }

    /// One sentence with the figures.
    pub fn body(&self) -> String {
        let money =
            |minor| Money::from_minor(minor, self.currency).map_or_else(|_| String::new(), |m| m.to_string());
        let why = match self.reason {
            InterestReason::Carted => "It is in your cart.",
            InterestReason::Wishlisted => "It is on your wishlist.",
            InterestReason::Viewed => "You looked at it.",
            InterestReason::Similar => "It is like what you look at.",
            InterestReason::Unknown => "",
        };
        let what = match (self.kind, self.price_before) {
            (NotificationKind::PriceDrop, Some(before)) if before > 0 => {
                let percent = 100.0 * (before - self.price_after) as f64 / before as f64;
                format!("Now {} instead of {} (−{percent:.0} %).", money(self.price_after), money(before))
            }
            _ => format!("{} now, {} in stock.", money(self.price_after), self.stock_after),
        };
        format!("{what} {why}").trim_end().to_owned()
    }
}

/// What a shopper wants to be told, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NotificationSettings {
    /// In the inbox and the live streams.
    pub in_app: bool,
    /// By push (a simulated channel).
    pub push: bool,
    /// By SMS (a simulated channel).
    pub sms: bool,
    /// Which kinds.
    pub kinds: NotificationKinds,
}

/// Which kinds of notification are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NotificationKinds {
    /// Price drops.
    pub price_drop: bool,
    /// Back in stock.
    pub back_in_stock: bool,
    /// Last few.
    pub low_stock: bool,
}

impl Default for NotificationSettings {
    /// Everything in the app and by push, nothing by SMS.
    fn default() -> Self {
        let kinds = NotificationKinds { price_drop: true, back_in_stock: true, low_stock: true };
        Self { in_app: true, push: true, sms: false, kinds }
    }
}

impl NotificationSettings {
    /// Whether `kind` is wanted over any channel.
    pub fn wants(&self, kind: NotificationKind) -> bool {
        let kind = match kind {
            NotificationKind::PriceDrop => self.kinds.price_drop,
            NotificationKind::BackInStock => self.kinds.back_in_stock,
            NotificationKind::LowStock => self.kinds.low_stock,
            NotificationKind::Unknown => false,
        };
        kind && (self.in_app || self.push || self.sms)
    }
}
