//! What shoppers do: the event of `user.action.v1`.

mod read;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ProductId, SessionId, Timestamp, TraceId, UserId};

/// Longest search query, in bytes.
pub const SEARCH_QUERY_BYTES_MAX: usize = 512;
/// Most metadata entries of an event.
pub const METADATA_ENTRIES_MAX: usize = 32;
/// Longest metadata key or value, in bytes.
pub const METADATA_BYTES_MAX: usize = 512;

/// What a shopper did.
///
/// New ones stand at the end: documents are stored with the place of the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ActionType {
    /// A product was shown (exposure).
    View,
    /// A product was opened.
    Click,
    /// A text was searched for.
    Search,
    /// A product was put into the cart.
    AddToCart,
    /// A product was taken out of the cart.
    RemoveFromCart,
    /// A product was marked as a favourite.
    Wishlist,
    /// A product was bought.
    Purchase,
    /// A product was marked as not wanted.
    Dislike,
    /// An action that a newer producer knows and we do not: kept, without effect on the vector.
    Unknown,
    /// A product was taken off the favourites.
    RemoveFromWishlist,
}

impl ActionType {
    /// Every action that a client may send.
    pub const KNOWN: [Self; 9] = [
        Self::View,
        Self::Click,
        Self::Search,
        Self::AddToCart,
        Self::RemoveFromCart,
        Self::Wishlist,
        Self::RemoveFromWishlist,
        Self::Purchase,
        Self::Dislike,
    ];

    /// Every variant, in the order of their places.
    const PLACES: [Self; 10] = [
        Self::View,
        Self::Click,
        Self::Search,
        Self::AddToCart,
        Self::RemoveFromCart,
        Self::Wishlist,
        Self::Purchase,
        Self::Dislike,
        Self::Unknown,
        Self::RemoveFromWishlist,
    ];

    /// The name on the wire, such as `ADD_TO_CART`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::View => "VIEW",
            Self::Click => "CLICK",
            Self::Search => "SEARCH",
            Self::AddToCart => "ADD_TO_CART",
            Self::RemoveFromCart => "REMOVE_FROM_CART",
            Self::Wishlist => "WISHLIST",
            Self::RemoveFromWishlist => "REMOVE_FROM_WISHLIST",
            Self::Purchase => "PURCHASE",
            Self::Dislike => "DISLIKE",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The action of that wire name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::KNOWN.into_iter().find(|action| action.as_str() == name)
    }

    /// How much the action says about taste, from -1 (not this) to 1 (bought).
    ///
    /// Times the EMA's base rate it is the share of the action in the preference vector.
    pub fn taste_weight(self) -> f32 {
        match self {
            Self::View => 0.1,
            Self::Click => 0.35,
            Self::Search => 0.4,
            Self::Wishlist => 0.6,
            Self::AddToCart => 0.7,
            Self::Purchase => 1.0,
            Self::RemoveFromCart => -0.2,
            Self::RemoveFromWishlist => -0.15,
            Self::Dislike => -0.6,
            Self::Unknown => 0.0,
        }
    }

    /// How much the action adds to a product's popularity; what says "no" adds nothing.
    pub fn popularity_weight(self) -> f32 {
        match self {
            Self::View => 0.1,
            Self::Click => 1.0,
            Self::Wishlist => 3.0,
            Self::AddToCart => 4.0,
            Self::Purchase => 10.0,
            Self::Search
            | Self::RemoveFromCart
            | Self::RemoveFromWishlist
            | Self::Dislike
            | Self::Unknown => 0.0,
        }
    }
}

/// One action of one shopper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserAction {
    /// Identifies the event; a repeat has no second effect.
    pub trace_id: TraceId,
    /// Who acted.
    pub user_id: UserId,
    /// What they did.
    pub action_type: ActionType,
    /// With which product; every action but a search has one.
    #[serde(default)]
    pub product_id: Option<ProductId>,
    /// What was searched for.
    #[serde(default)]
    pub search_query: Option<String>,
    /// The visit it belongs to.
    #[serde(default)]
    pub session_id: Option<SessionId>,
    /// When they acted.
    pub timestamp: Timestamp,
    /// What else the client says.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// What is wrong with a field of an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {message}")]
pub struct FieldError {
    /// The field's wire name.
    pub field: &'static str,
    /// What it must be.
    pub message: String,
}

impl FieldError {
    /// An error of `field`.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

impl UserAction {
    /// Checks what the types alone cannot say; the same rules hold at the HTTP edge, for imports and for
    /// records of the log.
    pub fn validate(&self) -> Result<(), FieldError> {
        match (self.action_type, &self.product_id, &self.search_query) {
            (ActionType::Search, _, None) => {
                return Err(FieldError::new("searchQuery", "is required by SEARCH"));
            }
            (ActionType::Search | ActionType::Unknown, _, _) | (_, Some(_), _) => {}
            (action, None, _) => {
                return Err(FieldError::new("productId", format!("is required by {}", action.as_str())));
            }
        }
        if let Some(query) = &self.search_query {
            if query.trim().is_empty() {
                return Err(FieldError::new("searchQuery", "must not be blank"));
            }
            if query.len() > SEARCH_QUERY_BYTES_MAX {
                return Err(FieldError::new(
                    "searchQuery",
                    format!("must be at most {SEARCH_QUERY_BYTES_MAX} bytes"),
                ));
            }
        }
        if self.metadata.len() > METADATA_ENTRIES_MAX {
            return Err(FieldError::new(
                "metadata",
                format!("must hold at most {METADATA_ENTRIES_MAX} entries"),
            ));
        }
        if self.metadata.iter().any(|(k, v)| k.len() > METADATA_BYTES_MAX || v.len() > METADATA_BYTES_MAX) {
            return Err(FieldError::new(
                "metadata",
                format!("must hold keys and values of at most {METADATA_BYTES_MAX} bytes"),
            ));
        }
        Ok(())
    }

    /// Checks that the event's time is a possible one; see [`EventTimeLimits::check`].
    pub fn validate_time(&self, now: Timestamp, limits: EventTimeLimits) -> Result<(), FieldError> {
        limits.check(self.timestamp, now)
    }
}

/// Which times an event may have.
///
/// Of any age: what happened counts by its own time, however late it comes. Only what cannot be true is refused.
#[derive(Clone, Copy, Debug)]
pub struct EventTimeLimits {
    /// The earliest. Before it lie clocks that were never set, and seconds taken for milliseconds.
    pub earliest: Timestamp,
    /// How far ahead of the present: clocks differ a little. What lies further ahead would stand above all that
    /// happens until then.
    pub future_max: std::time::Duration,
}

impl EventTimeLimits {
    /// Checks that `at` lies in `[earliest, now + future_max]`.
    pub fn check(&self, at: Timestamp, now: Timestamp) -> Result<(), FieldError> {
        if at > now.plus(self.future_max) {
            return Err(FieldError::new("timestamp", format!("lies in the future: `{at}`")));
        }
        if at < self.earliest {
            let message = format!("lies before `{}`: `{at}`; a number is in milliseconds", self.earliest);
            return Err(FieldError::new("timestamp", message));
        }
        Ok(())
    }
}

impl Default for EventTimeLimits {
    /// From 2000-01-01 UTC to five minutes ahead.
    fn default() -> Self {
        Self {
            earliest: Timestamp::from_ms(946_684_800_000),
            future_max: std::time::Duration::from_secs(300),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(kind: ActionType) -> UserAction {
        UserAction {
            trace_id: TraceId::new("t").unwrap(),
            user_id: UserId::new("u").unwrap(),
            action_type: kind,
            product_id: None,
            search_query: None,
            session_id: None,
            timestamp: Timestamp::from_ms(0),
            metadata: BTreeMap::new(),
        }
    }

    #[test]
    fn each_action_has_what_it_needs() {
        assert_eq!(action(ActionType::Search).validate().unwrap_err().field, "searchQuery");
        assert_eq!(action(ActionType::Click).validate().unwrap_err().field, "productId");
        let click =
            UserAction { product_id: Some(ProductId::new("p").unwrap()), ..action(ActionType::Click) };
        click.validate().unwrap();
        let blank = UserAction { search_query: Some("  ".into()), ..action(ActionType::Search) };
        assert!(blank.validate().is_err());
    }

    #[test]
    fn names_on_the_wire_are_those_of_serde() {
        for kind in ActionType::KNOWN {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.as_str()));
            assert_eq!(ActionType::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(serde_json::from_str::<ActionType>("\"TELEPORT\"").unwrap(), ActionType::Unknown);
        assert_eq!(ActionType::parse("UNKNOWN"), None);
    }

    #[test]
    fn a_purchase_says_more_than_a_view() {
        assert!(ActionType::Purchase.taste_weight() > ActionType::AddToCart.taste_weight());
        assert!(ActionType::Click.taste_weight() > ActionType::View.taste_weight());
        assert!(ActionType::Dislike.taste_weight() < 0.0);
    }

    #[test]
    fn events_of_any_age_are_taken_and_impossible_times_refused() {
        let now = Timestamp::from_ms(1_800_000_000_000);
        let limits = EventTimeLimits::default();
        let at = |ms| UserAction { timestamp: Timestamp::from_ms(ms), ..action(ActionType::Click) };
        let refused = |ms| at(ms).validate_time(now, limits).unwrap_err().to_string();
        assert!(at(now.as_ms() + 300_000).validate_time(now, limits).is_ok());
        assert!(refused(now.as_ms() + 300_001).contains("future"));
        assert!(refused(i64::MAX).contains("future"));
        let earliest = "2000-01-01T00:00:00Z".parse::<Timestamp>().unwrap();
        assert_eq!(limits.earliest, earliest);
        assert!(at(earliest.as_ms()).validate_time(now, limits).is_ok());
        assert!(refused(earliest.as_ms() - 1).contains("before `2000-01-01"));
        // The present in seconds, an unset clock.
        for ms in [now.as_ms() / 1000, 0, i64::MIN] {
            assert!(refused(ms).contains("milliseconds"), "{ms}");
        }
    }
}
