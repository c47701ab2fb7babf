//! The shop's own side: which prices and stocks change, as a pure function of the seed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rep_core::{Money, ProductId};

use crate::catalogue::{Catalogue, euros};
use crate::draws::{Draws, Seed};
use crate::scenario::{Focus, Scenario};

/// Most products whose price or stock may differ from the catalogue's at a time.
const CHANGED_MAX: usize = 50_000;
/// Products of a sale or a price war.
const SALE: usize = 100;

/// A change of a product's price, stock or both.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The product.
    pub product_id: ProductId,
    /// What it costs from now on.
    pub price: Option<Money>,
    /// Pieces from now on.
    pub stock: Option<u32>,
}

/// Price in cents and pieces.
type Offer = (i64, u32);

/// An endless sequence of changes; each tells a product's new price or stock, never what already stands.
pub struct Merchant {
    catalogue: Arc<Catalogue>,
    draws: Draws,
    focus: Focus,
    scenario: Scenario,
    /// What differs from the catalogue's first offer.
    offers: BTreeMap<u32, Offer>,
    /// Products to be put on sale, then those whose price is to come back.
    to_cut: VecDeque<u32>,
    to_restore: VecDeque<u32>,
}

impl Merchant {
    /// The changes of `scenario` in the shop of `catalogue`; `seed` is that of the traffic, so that both are
    /// about the same category.
    pub fn new(catalogue: Arc<Catalogue>, seed: u64, scenario: Scenario) -> Self {
        let root = Seed::new(seed).named("traffic");
        let mut merchant = Self {
            focus: Focus::of(root, &catalogue),
            catalogue,
            draws: root.named("merchant").draws(),
            scenario: Scenario::Steady,
            offers: BTreeMap::new(),
            to_cut: VecDeque::new(),
            to_restore: VecDeque::new(),
        };
        merchant.set_scenario(scenario);
        merchant
    }

    /// Changes the course of events. What the old one cut is restored by the next changes.
    pub fn set_scenario(&mut self, scenario: Scenario) {
        if self.scenario == scenario {
            return;
        }
        if matches!(self.scenario, Scenario::FlashSale | Scenario::PriceWar) {
            let sale = self.sale();
            self.to_restore =
                sale.into_iter().filter(|i| self.offer(*i).0 < self.first_offer(*i).0).collect();
        }
        self.scenario = scenario;
        self.to_cut.clear();
        if scenario == Scenario::FlashSale {
            self.to_cut = self.sale().into();
            let sale = &self.to_cut;
            self.to_restore.retain(|product| !sale.contains(product));
        }
    }

    /// The next change.
    pub fn next_change(&mut self) -> Change {
        if let Some(product) = self.to_restore.pop_front() {
            let (price, _) = self.first_offer(product);
            return self.set_price(product, price);
        }
        if let Some(product) = self.to_cut.pop_front() {
            let cut = self.draws.between(0.4, 0.6);
            let (price, _) = self.first_offer(product);
            return self.set_price(product, tag(price as f64 * (1.0 - cut)));
        }
        let product = self.subject();
        match self.scenario {
            Scenario::PriceWar => self.undercut(product),
            Scenario::FlashSale | Scenario::HolidayRush => self.sell(product),
            Scenario::Restock => self.sell_out_or_restock(product),
            _ if self.draws.happens(0.5) => self.reprice(product),
            _ => self.sell(product),
        }
    }

    /// The products the scenario is about, most popular first.
    fn sale(&self) -> Vec<u32> {
        self.catalogue.shelves().category(self.focus.category).iter().copied().take(SALE).collect()
    }

    /// Which product changes: of the sale, or among what is popular, or anything.
    fn subject(&mut self) -> u32 {
        if self.offers.len() >= CHANGED_MAX
            && let Some((product, _)) = self.offers.first_key_value()
        {
            return *product;
        }
        let shelves = self.catalogue.shelves();
        match self.scenario {
            Scenario::PriceWar | Scenario::FlashSale => {
                let shelf = shelves.category(self.focus.category);
                let count = shelf.len().min(SALE);
                shelf.get(self.draws.zipf(count)).copied().unwrap_or(0)
            }
            Scenario::Viral if self.draws.happens(0.3) => self.focus.product,
            _ if self.draws.happens(0.5) => shelves.hot()[self.draws.zipf(shelves.hot().len())],
            _ => self.draws.below(shelves.len()) as u32,
        }
    }

    fn first_offer(&self, product: u32) -> Offer {
        self.catalogue.price_and_stock(product)
    }

    fn offer(&self, product: u32) -> Offer {
        self.offers.get(&product).copied().unwrap_or_else(|| self.first_offer(product))
    }

    fn keep(&mut self, product: u32, offer: Offer) {
        if offer == self.first_offer(product) {
            self.offers.remove(&product);
        } else {
            self.offers.insert(product, offer);
        }
    }

    fn set_price(&mut self, product: u32, cents: i64) -> Change {
        let (price, stock) = self.offer(product);
        // A change that changes nothing is none: move by a cent.
        let cents = if cents == price { (cents - 1).max(1) } else { cents };
        self.keep(product, (cents, stock));
        Change { product_id: Catalogue::id(product), price: Some(euros(cents)), stock: None }
    }

    fn set_stock(&mut self, product: u32, pieces: u32) -> Change {
        let (price, stock) = self.offer(product);
        let pieces = if pieces == stock { stock + 1 } else { pieces };
        self.keep(product, (price, pieces));
        Change { product_id: Catalogue::id(product), price: None, stock: Some(pieces) }
    }

    /// A discount, its end, or now and then a small rise.
    fn reprice(&mut self, product: u32) -> Change {
        let (first, _) = self.first_offer(product);
        let (now, _) = self.offer(product);
        if now != first && self.draws.happens(0.7) {
            return self.set_price(product, first);
        }
        let factor = if self.draws.happens(0.8) {
            self.draws.between(0.7, 0.97)
        } else {
            self.draws.between(1.02, 1.08)
        };
        self.set_price(product, tag(first as f64 * factor))
    }

    /// A small step below the rivals, or back to the first price from the floor of 60 %.
    fn undercut(&mut self, product: u32) -> Change {
        let (first, _) = self.first_offer(product);
        let (now, _) = self.offer(product);
        let next = now as f64 * self.draws.between(0.90, 0.97);
        if next < first as f64 * 0.6 {
            return self.set_price(product, first);
        }
        self.set_price(product, tag(next))
    }

    /// Some pieces go; what is (nearly) gone comes back in the end.
    fn sell(&mut self, product: u32) -> Change {
        let (_, stock) = self.offer(product);
        match stock {
            0 => self.restock(product),
            1..=3 if self.draws.happens(0.5) => self.restock(product),
            1..=3 => self.set_stock(product, 0),
            4..=12 => {
                let left = 1 + self.draws.below(3) as u32;
                self.set_stock(product, left)
            }
            _ => {
                let left = f64::from(stock) * self.draws.between(0.3, 0.9);
                self.set_stock(product, left as u32)
            }
        }
    }

    fn sell_out_or_restock(&mut self, product: u32) -> Change {
        if self.offer(product).1 == 0 { self.restock(product) } else { self.set_stock(product, 0) }
    }

    fn restock(&mut self, product: u32) -> Change {
        let pieces = 20 + self.draws.below(180) as u32;
        self.set_stock(product, pieces)
    }
}

/// A price that ends as prices do, at most `cents` and at least one cent.
fn tag(cents: f64) -> i64 {
    let cents = cents.max(1.0) as i64;
    match cents {
        ..500 => cents,
        500..20_000 => (cents - cents % 10 - 1).max(1),
        _ => cents - cents % 100,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merchant(scenario: Scenario) -> Merchant {
        Merchant::new(Arc::new(Catalogue::new(42, 2_000)), 42, scenario)
    }

    /// Plays `count` changes and gives each with the offer before it.
    fn play(merchant: &mut Merchant, count: usize) -> Vec<(Offer, Change)> {
        (0..count)
            .map(|_| {
                let before = merchant.offers.clone();
                let change = merchant.next_change();
                let product = merchant.catalogue.index_of(&change.product_id).unwrap();
                (before.get(&product).copied().unwrap_or(merchant.first_offer(product)), change)
            })
            .collect()
    }

    #[test]
    fn every_change_changes_something_and_the_same_seed_the_same() {
        for scenario in Scenario::ALL {
            let changes = play(&mut merchant(scenario), 400);
            for ((price, stock), change) in &changes {
                assert!(change.price.is_some() != change.stock.is_some(), "{scenario:?}");
                assert!(change.price.is_none_or(|new| new.minor() != *price && new.minor() > 0));
                assert!(change.stock.is_none_or(|new| new != *stock));
            }
            assert_eq!(changes, play(&mut merchant(scenario), 400));
        }
    }

    #[test]
    fn a_flash_sale_halves_one_category_and_ends() {
        let mut merchant = merchant(Scenario::FlashSale);
        let count = merchant.sale().len();
        let cuts = play(&mut merchant, count);
        let categories: std::collections::HashSet<String> = cuts
            .iter()
            .map(|((before, _), change)| {
                let ratio = change.price.unwrap().minor() as f64 / *before as f64;
                assert!((0.3..0.62).contains(&ratio), "{ratio}");
                let index = merchant.catalogue.index_of(&change.product_id).unwrap();
                merchant.catalogue.product(index).unwrap().category
            })
            .collect();
        assert_eq!(categories.len(), 1);
        assert!(play(&mut merchant, 50).iter().all(|(_, change)| change.stock.is_some()));
        merchant.set_scenario(Scenario::Steady);
        play(&mut merchant, count);
        assert!(merchant.sale().iter().all(|i| merchant.offer(*i).0 == merchant.first_offer(*i).0));
    }

    #[test]
    fn a_price_war_goes_down_in_steps_to_a_floor() {
        let mut merchant = merchant(Scenario::PriceWar);
        for ((before, _), change) in play(&mut merchant, 2_000) {
            let index = merchant.catalogue.index_of(&change.product_id).unwrap();
            let (first, now) = (merchant.first_offer(index).0, change.price.unwrap().minor());
            assert!(now < before || now == first, "{before} {now}");
            assert!(now as f64 > 0.55 * first as f64);
        }
    }

    #[test]
    fn popular_products_sell_out_and_come_back() {
        let changes = play(&mut merchant(Scenario::Restock), 500);
        let gone = changes.iter().filter(|(_, change)| change.stock == Some(0)).count();
        let back =
            changes.iter().filter(|((_, before), change)| *before == 0 && change.stock > Some(0)).count();
        assert!(gone > 200 && back > 100, "{gone} {back}");
    }
}
