//! What kind of day it is in the shop.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalogue::{Catalogue, Vocabulary};
use crate::draws::Seed;

/// A named course of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// An ordinary day.
    Steady,
    /// One category at half price.
    FlashSale,
    /// Brands undercut each other.
    PriceWar,
    /// Mostly people never seen before.
    ColdStart,
    /// A few machines hammer the shop.
    BotAttack,
    /// Everybody looks at one product.
    Viral,
    /// Gifts must be bought.
    HolidayRush,
    /// Favourites sell out and come back.
    Restock,
}

/// What a scenario changes; see [`Scenario::profile`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile {
    /// Share of visits by people never seen before.
    pub(crate) newcomers: f64,
    /// Share of events that are made by bots.
    pub(crate) bots: f64,
    /// Share of page views that go to the scenario's category.
    pub(crate) focus: f64,
    /// Share of pages that show the scenario's product.
    pub(crate) viral: f64,
    /// What the probability of putting into the cart and of buying is multiplied with.
    pub(crate) conversion: f64,
    /// Likewise of marking as a favourite.
    pub(crate) wishlist: f64,
    /// Share of pages that begin with a search.
    pub(crate) search: f64,
    /// What the rate of price and stock changes is multiplied with.
    pub(crate) changes: f64,
    /// What the rate of events is multiplied with at its peak, right after the scenario began.
    surge: f64,
}

/// How long a surge takes to lose half of its height.
const SURGE_HALF_LIFE: Duration = Duration::from_secs(120);

const STEADY: Profile = Profile {
    newcomers: 0.03,
    bots: 0.0,
    focus: 0.0,
    viral: 0.0,
    conversion: 1.0,
    wishlist: 1.0,
    search: 0.3,
    changes: 1.0,
    surge: 1.0,
};

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Steady,
        Self::FlashSale,
        Self::PriceWar,
        Self::ColdStart,
        Self::BotAttack,
        Self::Viral,
        Self::HolidayRush,
        Self::Restock,
    ];

    /// Its id on the wire, such as `flash-sale`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::FlashSale => "flash-sale",
            Self::PriceWar => "price-war",
            Self::ColdStart => "cold-start",
            Self::BotAttack => "bot-attack",
            Self::Viral => "viral",
            Self::HolidayRush => "holiday-rush",
            Self::Restock => "restock",
        }
    }

    /// The scenario of that id.
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.id() == id)
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Steady => "Steady day",
            Self::FlashSale => "Flash sale",
            Self::PriceWar => "Price war",
            Self::ColdStart => "Cold start",
            Self::BotAttack => "Bot attack",
            Self::Viral => "Viral product",
            Self::HolidayRush => "Holiday rush",
            Self::Restock => "Sold out and back",
        }
    }

    /// What happens in it, in a sentence or two.
    pub fn description(self) -> &'static str {
        match self {
            Self::Steady => {
                "Regulars follow their tastes, a few newcomers look around, prices and stock move now and then."
            }
            Self::FlashSale => {
                "A hundred products of one category drop by 40 to 60 %, traffic doubles and calms down over \
                 minutes, and what is on sale runs short. The prices come back when the scenario ends."
            }
            Self::PriceWar => {
                "The popular products of one category undercut each other in small steps, down to 60 % of their \
                 price, and jump back."
            }
            Self::ColdStart => "Four visits in five are by people of whom nothing is known yet.",
            Self::BotAttack => {
                "Five bots make two thirds of all events: views and clicks over the whole catalogue, faster \
                 than any person."
            }
            Self::Viral => "Every second page shows one and the same product, and most people open it.",
            Self::HolidayRush => {
                "People search for gifts and buy twice as much, traffic rises by half, and stock runs down."
            }
            Self::Restock => {
                "Popular products sell out and come back, while people mark what they cannot have as favourites."
            }
        }
    }

    /// What it changes.
    pub(crate) fn profile(self) -> Profile {
        match self {
            Self::Steady => STEADY,
            Self::FlashSale => {
                Profile { focus: 0.6, conversion: 1.8, changes: 10.0, surge: 2.0, newcomers: 0.08, ..STEADY }
            }
            Self::PriceWar => Profile { focus: 0.3, conversion: 1.2, changes: 6.0, ..STEADY },
            Self::ColdStart => Profile { newcomers: 0.8, ..STEADY },
            Self::BotAttack => Profile { bots: 0.67, ..STEADY },
            Self::Viral => Profile { viral: 0.5, newcomers: 0.15, surge: 1.5, ..STEADY },
            Self::HolidayRush => Profile { conversion: 2.0, search: 0.5, changes: 3.0, surge: 1.5, ..STEADY },
            Self::Restock => Profile { wishlist: 3.0, changes: 5.0, ..STEADY },
        }
    }

    /// What the rate of events is multiplied with `elapsed` after the scenario began; 1 or more.
    pub fn surge(self, elapsed: Duration) -> f64 {
        let halvings = elapsed.as_secs_f64() / SURGE_HALF_LIFE.as_secs_f64();
        1.0 + (self.profile().surge - 1.0) * (-halvings).exp2()
    }
}

/// The category that the scenarios of a run are about, and the product.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Focus {
    pub(crate) category: usize,
    pub(crate) product: u32,
}

impl Focus {
    /// What the run of `seed` is about, be it in the traffic or in the prices.
    pub(crate) fn of(seed: Seed, catalogue: &Catalogue) -> Self {
        let shelves = catalogue.shelves();
        let seed = seed.named("focus");
        let count = Vocabulary::get().categories.len();
        let first = seed.child(0).below(count);
        // A small catalogue does not fill every category.
        let category = (0..count)
            .map(|step| (first + step) % count)
            .find(|category| !shelves.category(*category).is_empty())
            .unwrap_or(first);
        let popular = shelves.category(category);
        let product = popular.get(seed.child(1).below(popular.len().min(20))).copied().unwrap_or(0);
        Self { category, product }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back_and_surges_calm_down() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::parse(scenario.id()), Some(scenario));
            assert_eq!(serde_json::to_value(scenario).unwrap(), scenario.id());
            assert!(!scenario.name().is_empty() && scenario.description().len() > 40);
            let (start, later) = (scenario.surge(Duration::ZERO), scenario.surge(Duration::from_secs(3_600)));
            assert!((1.0..=3.0).contains(&start) && (1.0..1.01).contains(&later));
        }
        assert_eq!(Scenario::parse("Steady"), None);
        assert!((Scenario::Steady.surge(Duration::ZERO) - 1.0).abs() < 1e-12);
    }
}
