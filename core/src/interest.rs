//! Whether a shopper cares about a product, by what they did with it and when.
//!
//! Per shopper and product there are last-writer-wins registers, by the event's own time:
//!
//! | register | set by | taken back by |
//! |---|---|---|
//! | seen | `VIEW` (shown), `CLICK` (opened) | |
//! | wish | `WISHLIST` | `REMOVE_FROM_WISHLIST` |
//! | cart | `ADD_TO_CART` | `REMOVE_FROM_CART` |
//! | bought | `PURCHASE` | |
//! | disliked | `DISLIKE` | |
//!
//! [`Registers`] keeps them as the latest time of each of the eight actions. Noting an action takes a maximum, so any
//! order and any repetition of the same actions leads to the same registers, and registers merge. Actions of one
//! millisecond are ordered by [`Registers::ACTIONS`], later in the funnel wins; two of the same action and millisecond
//! mean the same, so that no further tie has to be broken.
//!
//! What the registers say ([`Registers::standing`]):
//! - The cart comes before the wish, the wish before having seen it. Emptying one leaves the other: taking out of the
//!   cart keeps the wish, taking a wish back keeps the cart.
//! - A purchase ends wish, cart and interest in what was seen. Only a later `ADD_TO_CART` or `WISHLIST` is interest
//!   again: what was bought is opened and shown afterwards for other reasons than wanting it.
//! - A dislike ends them too, and so does giving up (taking out of the cart or off the wishlist with neither left).
//!   A later `CLICK` is interest again, as it is for recommendations. A later `VIEW` is not: it was shown, not chosen.
//! - An older action that comes late undoes nothing newer.

use crate::{ActionType, InterestReason, Timestamp};

/// What one shopper did with one product: the latest time of each action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    latest: [Option<Timestamp>; Self::ACTIONS.len()],
}

/// How a shopper stands to a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They did nothing with it.
    Unconcerned,
    /// They care about it.
    Interested {
        /// The strongest reason.
        reason: InterestReason,
        /// When they last did what is the reason.
        at: Timestamp,
    },
    /// They bought, disliked or gave it up, and showed no interest afterwards.
    Settled,
}

/// When an action was done, and its place in the funnel, which orders those of one millisecond.
type Mark = (Timestamp, usize);

impl Registers {
    /// The actions that count, in the order of the funnel: of one millisecond the later stands.
    pub const ACTIONS: [ActionType; 8] = [
        ActionType::View,
        ActionType::Click,
        ActionType::Wishlist,
        ActionType::RemoveFromWishlist,
        ActionType::AddToCart,
        ActionType::RemoveFromCart,
        ActionType::Purchase,
        ActionType::Dislike,
    ];

    /// Notes that `action` was done `at` a moment; searches and unknown actions say nothing about a product.
    pub fn note(&mut self, action: ActionType, at: Timestamp) {
        if let Some(place) = Self::ACTIONS.iter().position(|known| *known == action) {
            self.latest[place] = self.latest[place].max(Some(at));
        }
    }

    /// Notes all that `other` knows.
    pub fn merge(&mut self, other: &Self) {
        for (own, others) in self.latest.iter_mut().zip(other.latest) {
            *own = (*own).max(others);
        }
    }

    /// How the shopper stands to the product by what they did at or after `since`; what was before is forgotten.
    pub fn standing(&self, since: Timestamp) -> Standing {
        let [shown, opened, wished, unwished, added, removed, bought, disliked] =
            std::array::from_fn(|place| {
                self.latest[place].filter(|at| *at >= since).map(|at| (at, place) as Mark)
            });
        let interested = |reason, (at, _): Mark| Standing::Interested { reason, at };
        let ended = bought.max(disliked);
        match (added.filter(|_| added > removed.max(ended)), wished.filter(|_| wished > unwished.max(ended)))
        {
            (Some(cart), _) => return interested(InterestReason::Carted, cart),
            (None, Some(wish)) => return interested(InterestReason::Wishlisted, wish),
            (None, None) => {}
        }
        let refused = disliked.max(unwished).max(removed);
        match shown.max(opened) {
            _ if bought.is_some() || refused.is_some() && opened <= refused => Standing::Settled,
            Some(seen) => interested(InterestReason::Viewed, seen),
            None => Standing::Unconcerned,
        }
    }
}

#[cfg(test)]
mod tests {
    use ActionType::{
        AddToCart, Click, Dislike, Purchase, RemoveFromCart, RemoveFromWishlist, Search, Unknown, View,
        Wishlist,
    };
    use InterestReason::{Carted, Viewed, Wishlisted};
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_ms(0);

    /// The standing after actions at 1, 2, 3 ms and so on.
    fn after(actions: &[ActionType]) -> Standing {
        let mut registers = Registers::default();
        for (action, ms) in actions.iter().zip(1..) {
            registers.note(*action, Timestamp::from_ms(ms));
        }
        registers.standing(START)
    }

    fn interested(reason: InterestReason, ms: i64) -> Standing {
        Standing::Interested { reason, at: Timestamp::from_ms(ms) }
    }

    #[test]
    fn the_strongest_reason_that_is_left_counts_with_its_own_time() {
        assert_eq!(after(&[]), Standing::Unconcerned);
        assert_eq!(after(&[Search, Unknown]), Standing::Unconcerned);
        assert_eq!(after(&[View]), interested(Viewed, 1));
        assert_eq!(after(&[Click, View]), interested(Viewed, 2));
        assert_eq!(after(&[Wishlist, View]), interested(Wishlisted, 1));
        assert_eq!(after(&[AddToCart, Wishlist, Click]), interested(Carted, 1));
    }

    #[test]
    fn cart_and_wish_are_taken_back_apart() {
        assert_eq!(after(&[Wishlist, AddToCart, RemoveFromCart]), interested(Wishlisted, 1));
        assert_eq!(after(&[AddToCart, Wishlist, RemoveFromWishlist]), interested(Carted, 1));
        assert_eq!(after(&[AddToCart, RemoveFromCart, Wishlist]), interested(Wishlisted, 3));
        assert_eq!(after(&[Wishlist, RemoveFromWishlist, Wishlist]), interested(Wishlisted, 3));
        assert_eq!(
            after(&[View, Wishlist, AddToCart, RemoveFromCart, RemoveFromWishlist]),
            Standing::Settled
        );
    }

    #[test]
    fn what_was_bought_is_wanted_again_only_by_cart_or_wish() {
        assert_eq!(after(&[View, Wishlist, AddToCart, Purchase]), Standing::Settled);
        assert_eq!(after(&[Purchase, View, Click]), Standing::Settled);
        assert_eq!(after(&[Purchase, AddToCart]), interested(Carted, 2));
        assert_eq!(after(&[Purchase, Wishlist, Click]), interested(Wishlisted, 2));
        assert_eq!(after(&[Purchase, AddToCart, RemoveFromCart, Click]), Standing::Settled);
    }

    #[test]
    fn what_was_refused_is_wanted_again_when_opened_and_not_when_shown() {
        for refusal in [Dislike, RemoveFromCart, RemoveFromWishlist] {
            assert_eq!(after(&[Click, refusal]), Standing::Settled, "{refusal:?}");
            assert_eq!(after(&[Click, refusal, View]), Standing::Settled, "{refusal:?}");
            assert_eq!(after(&[refusal, Click]), interested(Viewed, 2), "{refusal:?}");
            assert_eq!(after(&[refusal, Click, View]), interested(Viewed, 3), "{refusal:?}");
            assert_eq!(after(&[refusal, AddToCart]), interested(Carted, 2), "{refusal:?}");
        }
        assert_eq!(after(&[Wishlist, AddToCart, Dislike]), Standing::Settled);
    }

    #[test]
    fn of_one_moment_the_later_in_the_funnel_stands() {
        let at_once = |actions: &[ActionType]| {
            let mut registers = Registers::default();
            actions.iter().for_each(|action| registers.note(*action, Timestamp::from_ms(1)));
            registers.standing(START)
        };
        assert_eq!(at_once(&[RemoveFromCart, AddToCart]), Standing::Settled);
        assert_eq!(at_once(&[RemoveFromWishlist, Wishlist]), Standing::Settled);
        assert_eq!(at_once(&[RemoveFromWishlist, AddToCart]), interested(Carted, 1));
        assert_eq!(at_once(&[Purchase, AddToCart, Wishlist, Click]), Standing::Settled);
        assert_eq!(at_once(&[Dislike, AddToCart]), Standing::Settled);
    }

    #[test]
    fn what_was_before_the_moment_is_forgotten() {
        let mut registers = Registers::default();
        for (action, ms) in [(Purchase, 1), (AddToCart, 2), (View, 3)] {
            registers.note(action, Timestamp::from_ms(ms));
        }
        let since = |ms| registers.standing(Timestamp::from_ms(ms));
        assert_eq!(since(2), interested(Carted, 2));
        assert_eq!(since(3), interested(Viewed, 3), "neither the cart nor the purchase counts");
        assert_eq!(since(4), Standing::Unconcerned);
    }

    prop_compose! {
        fn any_actions()(
            actions in proptest::collection::vec(
                (proptest::sample::select(ActionType::KNOWN.to_vec()), 0..6_i64), 0..24,
            )
        ) -> Vec<(ActionType, Timestamp)> {
            actions.into_iter().map(|(action, ms)| (action, Timestamp::from_ms(ms))).collect()
        }
    }

    fn noted<'a>(actions: impl IntoIterator<Item = &'a (ActionType, Timestamp)>) -> Registers {
        let mut registers = Registers::default();
        actions.into_iter().for_each(|(action, at)| registers.note(*action, *at));
        registers
    }

    proptest! {
        #[test]
        fn any_order_and_any_repetition_agree(
            (actions, shuffled, repeated) in any_actions().prop_flat_map(|actions| {
                let repeated = proptest::sample::subsequence(actions.clone(), 0..=actions.len());
                (Just(actions.clone()), Just(actions).prop_shuffle(), repeated)
            }),
            since in 0..7_i64,
        ) {
            let in_order = noted(&actions);
            let otherwise = noted(repeated.iter().chain(&shuffled).chain(&repeated));
            prop_assert_eq!(in_order, otherwise);
            let since = Timestamp::from_ms(since);
            prop_assert_eq!(in_order.standing(since), otherwise.standing(since));
        }

        #[test]
        fn parts_merge_into_the_whole(one in any_actions(), other in any_actions()) {
            let whole = noted(one.iter().chain(&other));
            for (first, second) in [(&one, &other), (&other, &one)] {
                let mut merged = noted(first);
                merged.merge(&noted(second));
                merged.merge(&noted(second));
                prop_assert_eq!(merged, whole);
            }
        }

        /// What is asked for since a moment can be folded from the actions since then alone.
        #[test]
        fn actions_before_the_moment_need_not_be_looked_at(actions in any_actions(), since in 0..7_i64) {
            let since = Timestamp::from_ms(since);
            let recent = noted(actions.iter().filter(|(_, at)| *at >= since));
            prop_assert_eq!(noted(&actions).standing(since), recent.standing(since));
        }
    }
}
