//! The core's names on the wire, for the OpenAPI document; a test keeps both the same.

use utoipa::ToSchema;

/// What a shopper did.
#[derive(ToSchema)]
#[schema(as = ActionType, rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "describes `rep_core::ActionType`")]
pub(crate) enum ActionTypeSchema {
    View,
    Click,
    Search,
    AddToCart,
    RemoveFromCart,
    Wishlist,
    RemoveFromWishlist,
    Purchase,
    Dislike,
}

/// What happened to a product.
#[derive(ToSchema)]
#[schema(as = NotificationKind, rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "describes `rep_core::NotificationKind`")]
pub(crate) enum NotificationKindSchema {
    PriceDrop,
    BackInStock,
    LowStock,
    /// Several of these in one.
    Summary,
    Unknown,
}

/// Why a shopper is told.
#[derive(ToSchema)]
#[schema(as = InterestReason, rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "describes `rep_core::InterestReason`")]
pub(crate) enum InterestReasonSchema {
    Carted,
    Wishlisted,
    Viewed,
    Similar,
    Unknown,
}

/// What kind of reason.
#[derive(ToSchema)]
#[schema(as = ReasonKind, rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "describes `rep_core::ranking::ReasonKind`")]
pub(crate) enum ReasonKindSchema {
    SimilarToAction,
    Taste,
    Popular,
    SearchWords,
    SearchMeaning,
    Similar,
    Catalogue,
}

#[cfg(test)]
mod tests {
    use rep_core::ActionType;
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn actions_are_those_of_the_core() {
        let schema = serde_json::to_value(ActionTypeSchema::schema()).unwrap();
        let names: Vec<_> = ActionType::KNOWN.into_iter().map(ActionType::as_str).collect();
        assert_eq!(schema["enum"], serde_json::json!(names));
    }
}
