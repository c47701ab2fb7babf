//! The shoppers, whose tastes are known: what a recommender finds out can be held against them.
//!
//! Nothing is stored: a shopper is a function of the population's seed and the shopper's number.

mod taste;

use std::time::Duration;

use rep_core::{Product, Timestamp, UserId};

pub use taste::Taste;

use crate::catalogue::{Vocabulary, traits_of};
use crate::draws::Seed;

/// Shoppers if nothing else is said.
pub const USERS_DEFAULT: u32 = 20_000;
/// Most shoppers.
pub const USERS_MAX: u32 = 200_000;
/// Share of shoppers whose taste changes over the weeks.
pub const DRIFTING_SHARE: f64 = 0.4;
/// How long a favourite of a drifting shopper lasts.
pub const DRIFT_PERIOD: Duration = Duration::from_secs(30 * 24 * 3600);
/// Share of shoppers who search in Korean.
const KOREAN_SHARE: f64 = 0.4;

/// Shoppers with known tastes.
///
/// Numbers below [`Self::len`] are regulars; as many again stand ready as newcomers, who act only where a
/// scenario brings them in. What either likes does not depend on how many there are.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    seed: Seed,
    users: u32,
}

impl Population {
    /// The population of `seed` with `users` regulars (1 to [`USERS_MAX`]; what is outside is moved to the
    /// bound).
    pub fn new(seed: u64, users: u32) -> Self {
        Self { seed: Seed::new(seed).named("population"), users: users.clamp(1, USERS_MAX) }
    }

    /// How many regulars there are.
    pub fn len(&self) -> u32 {
        self.users
    }

    /// Never true: there is at least one shopper.
    pub fn is_empty(&self) -> bool {
        self.users == 0
    }

    /// The id of shopper `index`: `u-000001` for 0.
    pub fn id(index: u32) -> UserId {
        UserId::new(format!("u-{:06}", u64::from(index) + 1))
            .unwrap_or_else(|_| unreachable!("letters and digits are an id"))
    }

    /// The index of a regular or newcomer; `None` for ids that are not of this population.
    pub fn index_of(&self, user: &UserId) -> Option<u32> {
        let number: u32 = user.as_str().strip_prefix("u-")?.parse().ok()?;
        let index = number.checked_sub(1)?;
        (index < 2 * self.users && Self::id(index) == *user).then_some(index)
    }

    /// The ids of all regulars, in order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = UserId> + use<> {
        (0..self.users).map(Self::id)
    }

    /// What `user` likes at `at`; `None` for users who are not of this population.
    pub fn taste(&self, user: &UserId, at: Timestamp) -> Option<Taste> {
        self.index_of(user).map(|index| self.taste_of(index, at))
    }

    /// How much `user` likes `product` at `at`, in [0, 1]; 0 for users of another population and for
    /// products that are not made of our vocabulary.
    pub fn affinity(&self, user: &UserId, product: &Product, at: Timestamp) -> f64 {
        match (self.taste(user, at), traits_of(product)) {
            (Some(taste), Some(traits)) => taste.affinity_of(&traits),
            _ => 0.0,
        }
    }

    /// What shopper `index` likes.
    pub(crate) fn taste_of(&self, index: u32, at: Timestamp) -> Taste {
        Taste::derive(self.person(index), at, Vocabulary::get())
    }

    /// Whether shopper `index` searches in Korean.
    pub(crate) fn speaks_korean(&self, index: u32) -> bool {
        self.person(index).named("language").unit() < KOREAN_SHARE
    }

    fn person(&self, index: u32) -> Seed {
        self.seed.child(u64::from(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    const NOW: Timestamp = Timestamp::from_ms(1_767_250_000_000);

    #[test]
    fn ids_lead_back_and_strangers_are_refused() {
        let population = Population::new(42, 100);
        assert_eq!(population.index_of(&Population::id(7)), Some(7));
        assert_eq!(population.index_of(&Population::id(199)), Some(199), "a newcomer");
        assert_eq!(population.index_of(&Population::id(200)), None);
        assert!(population.taste(&UserId::new("somebody").unwrap(), NOW).is_none());
        let product = Catalogue::new(1, 1).product(0).unwrap();
        assert!(population.affinity(&UserId::new("somebody").unwrap(), &product, NOW) == 0.0);
    }

    #[test]
    fn a_taste_does_not_depend_on_how_many_there_are() {
        let (small, large) = (Population::new(42, 10), Population::new(42, USERS_MAX));
        assert_eq!(small.taste_of(3, NOW), large.taste_of(3, NOW));
        assert_ne!(small.taste_of(3, NOW), small.taste_of(4, NOW));
        assert_ne!(small.taste_of(3, NOW), Population::new(43, 10).taste_of(3, NOW));
    }

    #[test]
    fn affinities_are_bounded_and_tell_products_apart() {
        let population = Population::new(42, 50);
        let products: Vec<Product> = Catalogue::new(42, 400).iter().collect();
        for user in population.ids() {
            let taste = population.taste(&user, NOW).unwrap();
            let mut grades: Vec<f64> =
                products.iter().map(|product| population.affinity(&user, product, NOW)).collect();
            assert!(grades.iter().all(|g| (0.0..=1.0).contains(g)));
            assert!((grades[0] - taste.affinity(&products[0])).abs() < 1e-12);
            grades.sort_by(f64::total_cmp);
            assert!(grades[grades.len() - 5] > 3.0 * grades[grades.len() / 2], "{user}: some stand out");
        }
    }

    #[test]
    fn some_tastes_drift_and_others_stay() {
        let population = Population::new(42, 1_000);
        let later = NOW.plus(2 * DRIFT_PERIOD);
        let changed =
            (0..1_000).filter(|i| population.taste_of(*i, NOW) != population.taste_of(*i, later)).count();
        assert!((300..500).contains(&changed), "{changed}");
        // From one hour to the next nothing jumps.
        for index in 0..200 {
            let distance = |a: &Taste, b: &Taste| -> f64 {
                a.categories().zip(b.categories()).map(|((_, x), (_, y))| (x - y).abs()).sum()
            };
            let mut at = NOW;
            for _ in 0..50 {
                let next = at.plus(Duration::from_secs(24 * 3600));
                let moved = distance(&population.taste_of(index, at), &population.taste_of(index, next));
                assert!(moved < 0.2, "{moved}");
                at = next;
            }
        }
    }
}
