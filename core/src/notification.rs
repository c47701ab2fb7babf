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
    /// Several of these in one, which would have been too many by themselves. Made where notifications are delivered:
    /// it is never in the log, and earlier versions read it as unknown.
    Summary,
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
            Self::Summary => "SUMMARY",
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
    /// Minor units of the price that this shopper saw, or of the one before the change where that is not known.
    #[serde(default)]
    pub price_before: Option<i64>,
    /// Minor units now.
    pub price_after: i64,
    /// Pieces now.
    pub stock_after: i64,
    /// When the price or stock changed.
    pub timestamp: Timestamp,
    /// Products that a summary stands for, from 1; 0 for every other kind.
    #[serde(default)]
    pub merged: u32,
}

impl Notification {
    /// The id of what `change` tells `user`: the same change told again has the same id.
    ///
    /// Shape: `{change's trace id}.{kind}.{user}` hashed to 32 hexadecimal digits, so that it stays in
    /// bounds whatever the parts are.
    pub fn id_of(change: &InventoryChange, kind: NotificationKind, user: &UserId) -> NotificationId {
        let text = format!("{}\u{1f}{}\u{1f}{}", change.trace_id, kind.as_str(), user);
        hashed(&text)
    }

    /// One notification for several of one shopper: about the first of `merged`, with the weakest of their reasons, since it
    /// is true of all; it has prices to compare only if all are price drops. `None` if there are none.
    ///
    /// Its id follows from that of the first, so that the same summary made again is the same.
    pub fn summary_of(merged: &[&Self]) -> Option<Self> {
        let first = *merged.first()?;
        let mut products: Vec<&ProductId> = merged.iter().map(|one| &one.product_id).collect();
        products.sort_unstable();
        products.dedup();
        let text = format!("{}\u{1f}{}", first.notification_id, NotificationKind::Summary.as_str());
        let all_drop = merged.iter().all(|one| one.kind == NotificationKind::PriceDrop);
        Some(Self {
            notification_id: hashed(&text),
            kind: NotificationKind::Summary,
            reason: merged.iter().map(|one| one.reason).max().unwrap_or(first.reason),
            price_before: first.price_before.filter(|_| all_drop),
            merged: u32::try_from(products.len()).unwrap_or(u32::MAX),
            ..first.clone()
        })
    }

    /// The same notification, out of minor units as release 0.1 kept them; see [`Money::in_iso_units`].
    #[must_use]
    pub fn in_iso_units(self) -> Self {
        let units = |minor| self.currency.in_iso_units(minor);
        Self { price_before: self.price_before.map(units), price_after: units(self.price_after), ..self }
    }

    /// By how much the price is below the one before, as a share of it from 0 to 1; 0 for what is no price drop.
    pub fn drop_share(&self) -> f64 {
        match (self.kind, self.price_before) {
            (NotificationKind::PriceDrop, Some(before)) if before > 0 => {
                ((before - self.price_after) as f64 / before as f64).clamp(0.0, 1.0)
            }
            _ => 0.0,
        }
    }

    /// One line that says what happened.
    pub fn title(&self) -> String {
        match self.kind {
            NotificationKind::Summary => {
                let what = match self.reason {
                    InterestReason::Carted => "in your cart",
                    InterestReason::Wishlisted => "on your wishlist",
                    InterestReason::Viewed => "of what you viewed",
                    InterestReason::Similar | InterestReason::Unknown => "of what you may like",
                };
                let verb = match (self.price_before, self.merged) {
                    (Some(_), 1) => "is cheaper",
                    (Some(_), _) => "are cheaper",
                    (None, 1) => "has news",
                    (None, _) => "have news",
                };
                format!("{} more {what} {verb}", self.merged)
            }
            NotificationKind::PriceDrop => format!("Price drop: {}", self.product_name),
            NotificationKind::BackInStock => format!("Back in stock: {}", self.product_name),
            NotificationKind::LowStock => format!("Only {} left: {}", self.stock_after, self.product_name),
            NotificationKind::Unknown => self.product_name.clone(),
        }
    }

    /// One sentence with the figures.
    pub fn body(&self) -> String {
        if self.kind == NotificationKind::Summary {
            let others = self.merged.saturating_sub(1);
            return match others {
                0 => format!("{}.", self.product_name),
                1 => format!("{} and one other product.", self.product_name),
                _ => format!("{} and {others} other products.", self.product_name),
            };
        }
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

fn hashed(text: &str) -> NotificationId {
    NotificationId::new(format!("{:032x}", crate::hash::stable_hash128(text.as_bytes())))
        .unwrap_or_else(|_| unreachable!("hexadecimal digits are an id"))
}

/// What a shopper wants to be told, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NotificationSettings {
    /// In the inbox and the live streams; what goes over other channels alone is in neither.
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
            // Made of what was wanted.
            NotificationKind::Summary => true,
            NotificationKind::Unknown => false,
        };
        kind && (self.in_app || self.push || self.sms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(n: u32, kind: NotificationKind, reason: InterestReason) -> Notification {
        Notification {
            notification_id: NotificationId::new(format!("n{n}")).unwrap(),
            trace_id: TraceId::new("t").unwrap(),
            user_id: UserId::new("u").unwrap(),
            product_id: ProductId::new(format!("p{}", n / 2)).unwrap(),
            product_name: format!("Cup {n}"),
            kind,
            reason,
            currency: Currency::EUR,
            price_before: Some(200),
            price_after: 150,
            stock_after: 3,
            timestamp: Timestamp::from_ms(1),
            merged: 0,
        }
    }

    #[test]
    fn a_summary_counts_products_and_says_what_is_true_of_all() {
        use InterestReason::{Carted, Viewed};
        use NotificationKind::{LowStock, PriceDrop};
        assert_eq!(Notification::summary_of(&[]), None);
        let three = [told(0, PriceDrop, Carted), told(1, PriceDrop, Viewed), told(2, PriceDrop, Viewed)];
        let merged: Vec<&Notification> = three.iter().collect();
        let summary = Notification::summary_of(&merged).unwrap();
        assert_eq!((summary.merged, summary.reason), (2, Viewed));
        assert_eq!(summary.title(), "2 more of what you viewed are cheaper");
        assert_eq!(summary.body(), "Cup 0 and one other product.");
        assert_eq!(Notification::summary_of(&merged).unwrap().notification_id, summary.notification_id);
        assert_ne!(summary.notification_id, three[0].notification_id);
        let mixed = [&three[0], &told(9, LowStock, Carted)];
        assert_eq!(Notification::summary_of(&mixed).unwrap().title(), "2 more in your cart have news");
        assert_eq!(Notification::summary_of(&mixed[..1]).unwrap().title(), "1 more in your cart is cheaper");
        let old: NotificationKind = serde_json::from_str("\"SOMETHING_NEWER\"").unwrap();
        assert_eq!(old, NotificationKind::Unknown);
    }

    #[test]
    fn a_percentage_is_against_what_was_seen() {
        let drop = told(0, NotificationKind::PriceDrop, InterestReason::Carted);
        assert_eq!(drop.body(), "Now 1.50 EUR instead of 2.00 EUR (−25 %). It is in your cart.");
        assert_eq!(
            (drop.drop_share(), told(0, NotificationKind::LowStock, InterestReason::Carted).drop_share()),
            (0.25, 0.0)
        );
    }
}
