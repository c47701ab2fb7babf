//! May it be shown? Ranking never asks, and this never asks how good it is.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::{ActionType, Preference, Product, ProductFilter, ProductId, RecentAction, Timestamp};

/// What counts as "just seen": products of a shopper's latest actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JustSeen {
    /// How long ago an action is at most.
    pub window: Duration,
    /// The same for actions of their own; zero: they leave nothing out.
    pub by_action: BTreeMap<ActionType, Duration>,
    /// Most products, the newest first.
    pub products_max: usize,
}

impl Default for JustSeen {
    /// The last 20 products of the last 30 minutes, whatever was done with them.
    fn default() -> Self {
        Self { window: Duration::from_secs(30 * 60), by_action: BTreeMap::new(), products_max: 20 }
    }
}

impl JustSeen {
    /// How long `action` leaves its product out.
    pub fn window_of(&self, action: ActionType) -> Duration {
        self.by_action.get(&action).copied().unwrap_or(self.window)
    }
}

/// Which products may be shown to one shopper.
///
/// What they bought, disliked or just saw is left out always, even if fewer items remain than were asked
/// for; everything else that passes the filter may be shown.
#[derive(Clone, Debug, Default)]
pub struct Eligibility {
    filter: ProductFilter,
}

impl Eligibility {
    /// By `filter`, and by what `preference` says of the shopper at `now`.
    pub fn new(
        mut filter: ProductFilter,
        preference: Option<&Preference>,
        just_seen: &JustSeen,
        now: Timestamp,
    ) -> Self {
        if let Some(preference) = preference {
            filter.exclude.extend(preference.purchased.iter().map(|bought| bought.product_id.clone()));
            filter.exclude.extend(disliked(preference));
            filter.exclude.extend(seen(preference, just_seen, now));
        }
        Self { filter }
    }

    /// The same as a filter that sources apply themselves.
    pub fn filter(&self) -> &ProductFilter {
        &self.filter
    }

    /// Whether `product` may be shown.
    pub fn admits(&self, product: &Product) -> bool {
        self.filter.admits(product)
    }
}

/// What was disliked, unless a later action says otherwise.
fn disliked(preference: &Preference) -> impl Iterator<Item = ProductId> + '_ {
    let mut decided = HashSet::new();
    preference
        .recent
        .iter()
        .filter(|action| decides(action.action_type))
        .filter(move |action| decided.insert(&action.product_id))
        .filter(|action| action.action_type == ActionType::Dislike)
        .map(|action| action.product_id.clone())
}

/// Whether an action says that a product is wanted or not. It does not by being shown, nor by being put back.
fn decides(action: ActionType) -> bool {
    use ActionType::{AddToCart, Click, Dislike, Purchase, Wishlist};
    matches!(action, Dislike | Click | Wishlist | AddToCart | Purchase)
}

fn seen(preference: &Preference, rules: &JustSeen, now: Timestamp) -> HashSet<ProductId> {
    let mut products = HashSet::new();
    let is_recent = |action: &&RecentAction| {
        let window = rules.window_of(action.action_type);
        !window.is_zero() && action.at >= now.minus(window)
    };
    for action in preference.recent.iter().filter(is_recent) {
        if products.len() >= rules.products_max {
            break;
        }
        products.insert(action.product_id.clone());
    }
    products
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranking::testing::product;
    use crate::{ModelId, Purchase, UserId};

    fn preference(actions: &[(&str, ActionType, i64)]) -> Preference {
        let mut preference = Preference::new(UserId::new("u").unwrap(), ModelId::new("m").unwrap());
        for (id, action_type, at) in actions {
            let product_id = ProductId::new(id).unwrap();
            preference.recent.push_back(RecentAction {
                product_id,
                action_type: *action_type,
                at: Timestamp::from_ms(*at),
                event: 0,
            });
        }
        preference
    }

    #[test]
    fn leaves_out_what_was_bought_disliked_or_just_seen() {
        let now = Timestamp::from_ms(10_000_000);
        let mut known = preference(&[
            ("seen", ActionType::Click, 9_999_000),
            ("long-ago", ActionType::Click, 1_000),
            ("disliked", ActionType::Dislike, 1_000),
            ("forgiven", ActionType::Click, 900),
            ("forgiven", ActionType::Dislike, 800),
            ("put-back", ActionType::RemoveFromWishlist, 700),
            ("put-back", ActionType::Dislike, 600),
        ]);
        known.purchased.push_front(Purchase { product_id: ProductId::new("bought").unwrap(), at: now });
        let eligibility = Eligibility::new(ProductFilter::default(), Some(&known), &JustSeen::default(), now);
        let admitted: Vec<_> = ["bought", "seen", "disliked", "long-ago", "forgiven", "put-back", "other"]
            .into_iter()
            .filter(|id| eligibility.admits(&product(id, "c")))
            .collect();
        assert_eq!(admitted, ["long-ago", "forgiven", "other"]);
    }

    #[test]
    fn just_seen_is_bounded_by_distinct_products() {
        let now = Timestamp::from_ms(10_000);
        let known = preference(&[
            ("a", ActionType::View, 9_000),
            ("a", ActionType::Click, 8_900),
            ("b", ActionType::View, 8_000),
            ("c", ActionType::View, 7_000),
        ]);
        let rules = JustSeen { products_max: 2, ..JustSeen::default() };
        let eligibility = Eligibility::new(ProductFilter::default(), Some(&known), &rules, now);
        assert!(!eligibility.admits(&product("a", "x")));
        assert!(!eligibility.admits(&product("b", "x")));
        assert!(eligibility.admits(&product("c", "x")));
    }
    #[test]
    fn each_action_has_its_time() {
        let now = Timestamp::from_ms(10_000_000);
        let known = preference(&[
            ("carted", ActionType::AddToCart, 10_000_000),
            ("clicked", ActionType::Click, 9_990_000),
            ("viewed", ActionType::View, 9_980_000),
            ("viewed-and-clicked", ActionType::View, 9_980_000),
            ("viewed-and-clicked", ActionType::Click, 9_970_000),
        ]);
        let by_action = BTreeMap::from([
            (ActionType::AddToCart, Duration::ZERO),
            (ActionType::View, Duration::from_secs(10)),
        ]);
        let rules = JustSeen { by_action, ..JustSeen::default() };
        let eligibility = Eligibility::new(ProductFilter::default(), Some(&known), &rules, now);
        let admitted = ["carted", "clicked", "viewed", "viewed-and-clicked"]
            .into_iter()
            .filter(|id| eligibility.admits(&product(id, "c")));
        assert_eq!(admitted.collect::<Vec<_>>(), ["carted", "viewed"]);
    }
}
