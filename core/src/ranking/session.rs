//! The taste of the moment: what a shopper has long liked, turned by what they act on right now.
//!
//! The preference vector weighs actions by days, so that their order of arrival does not matter; a visit lasts minutes.
//! What the visit says is therefore taken from the latest actions when a list is asked for, each counting for less than
//! the one after it. Both come from sets that are ordered by time: which arrived first changes nothing.

use std::time::Duration;

use crate::{ProductId, RecentAction, Timestamp, UnitVector};

/// How much the present visit counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SessionRules {
    /// How long ago an action of the visit is at most.
    pub window: Duration,
    /// Most products of the visit that count, the latest.
    pub products_max: usize,
    /// What an action counts for beside the one after it, in (0, 1].
    pub fading: f32,
    /// Share of a visit that says very much, in [0, 1).
    pub share_max: f32,
    /// The weight of a visit that takes half of that share: 1 is a purchase.
    pub half_share_weight: f32,
}

impl Default for SessionRules {
    /// Two hours, 12 products, 0.75, 0.8 and 0.6: after five clicks on something else than before, that leads.
    fn default() -> Self {
        Self {
            window: Duration::from_secs(2 * 3600),
            products_max: 12,
            fading: 0.75,
            share_max: 0.8,
            half_share_weight: 0.6,
        }
    }
}

/// The products of the visit that goes on at `now`, with the weight of what was done with each; latest first. `recent`
/// are a shopper's latest actions, latest first.
pub fn visited<'a>(
    recent: impl IntoIterator<Item = &'a RecentAction>,
    now: Timestamp,
    rules: SessionRules,
) -> Vec<(&'a ProductId, f32)> {
    let since = now.minus(rules.window);
    let mut products: Vec<(&ProductId, f32)> = Vec::new();
    let mut share = 1.0;
    for action in recent {
        if action.at < since {
            break;
        }
        let weight = action.action_type.taste_weight();
        if weight <= 0.0 {
            continue;
        }
        match products.iter().position(|(product, _)| **product == action.product_id) {
            Some(place) => products[place].1 += weight * share,
            None if products.len() < rules.products_max => {
                products.push((&action.product_id, weight * share))
            }
            None => break,
        }
        share *= rules.fading;
    }
    products
}

/// The direction of `taste`, turned towards `visited` vectors by as much as their weights say; what there is of the two.
/// Vectors of another width than the taste, or than the first visited, are left out.
pub fn present_taste(
    taste: Option<&UnitVector>,
    visited: &[(UnitVector, f32)],
    rules: SessionRules,
) -> Option<UnitVector> {
    let width = taste.or(visited.first().map(|(vector, _)| vector))?.dimensions();
    let mut sum = vec![0.0_f32; width];
    let mut total = 0.0;
    for (vector, weight) in visited.iter().filter(|(vector, _)| vector.dimensions() == width) {
        sum.iter_mut().zip(vector.as_slice()).for_each(|(sum, number)| *sum += weight * number);
        total += weight;
    }
    let Ok(visit) = UnitVector::normalised(sum) else { return taste.cloned() };
    let Some(taste) = taste else { return Some(visit) };
    let share = rules.share_max * total / (total + rules.half_share_weight);
    let mut present = taste.clone();
    present.blend(1.0 - share, &visit, share);
    Some(present)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ActionType;

    fn recent(actions: &[(&str, ActionType, i64)]) -> Vec<RecentAction> {
        let action = |(id, action_type, minutes_ago): &(&str, ActionType, i64)| RecentAction {
            product_id: ProductId::new(id).unwrap(),
            action_type: *action_type,
            at: NOW.minus(Duration::from_secs(60 * minutes_ago.unsigned_abs())),
            event: 0,
        };
        actions.iter().map(action).collect()
    }

    const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

    fn unit(numbers: [f32; 3]) -> UnitVector {
        UnitVector::normalised(numbers.to_vec()).unwrap()
    }

    #[test]
    fn a_visit_is_what_was_liked_lately() {
        let rules = SessionRules { products_max: 2, fading: 0.5, ..SessionRules::default() };
        let actions = recent(&[
            ("a", ActionType::Click, 1),
            ("refused", ActionType::Dislike, 2),
            ("b", ActionType::AddToCart, 3),
            ("a", ActionType::Purchase, 4),
            ("too-many", ActionType::Click, 5),
            ("b", ActionType::Purchase, 6),
        ]);
        let found: Vec<(&str, f32)> = visited(&actions, NOW, rules)
            .into_iter()
            .map(|(product, weight)| (product.as_str(), weight))
            .collect();
        assert_eq!(found, [("a", 0.35 + 0.25), ("b", 0.35)]);
        assert!(
            visited(&recent(&[("a", ActionType::Click, 121)]), NOW, rules).is_empty(),
            "that visit is over"
        );
    }

    #[test]
    fn after_five_clicks_the_new_interest_leads() {
        let (old, new) = (unit([1.0, 0.0, 0.0]), unit([0.0, 1.0, 0.0]));
        let rules = SessionRules::default();
        let lead = |clicks: usize| {
            let before = (0..30).map(|n| (format!("old{n}"), &old));
            let after = (0..clicks).map(|n| (format!("new{n}"), &new));
            let mut all: Vec<_> = before.chain(after).collect();
            all.reverse();
            let names: Vec<(&str, ActionType, i64)> =
                all.iter().map(|(name, _)| (name.as_str(), ActionType::Click, 1)).collect();
            let actions = recent(&names);
            let visit =
                visited(&actions, NOW, rules).into_iter().zip(&all).map(|((_, w), (_, v))| ((*v).clone(), w));
            let mut taste = old.clone();
            taste.blend(30.0, &new, clicks as f32);
            let present = present_taste(Some(&taste), &visit.collect::<Vec<_>>(), rules).unwrap();
            present.cosine(&new) - present.cosine(&old)
        };
        assert!(lead(1) < 0.0 && lead(5) > 0.0, "{} {} {}", lead(1), lead(3), lead(5));
        assert!(lead(1) > lead(0), "each click moves");
    }

    #[test]
    fn either_part_alone_is_taste_enough() {
        let (x, y) = (unit([1.0, 0.0, 0.0]), unit([0.0, 1.0, 0.0]));
        let rules = SessionRules::default();
        assert_eq!(present_taste(Some(&x), &[], rules), Some(x.clone()));
        assert_eq!(present_taste(None, &[(y.clone(), 0.35)], rules), Some(y.clone()));
        assert_eq!(present_taste(None, &[], rules), None);
        let wide = UnitVector::normalised(vec![1.0; 5]).unwrap();
        assert_eq!(present_taste(Some(&x), &[(wide, 1.0)], rules), Some(x));
    }
}
