//! One visit: pages of products are shown, some are opened, some are put into the cart, few are bought.

use std::collections::VecDeque;
use std::sync::Arc;

use rep_core::{ActionType, SessionId, Timestamp};

use super::day;
use crate::catalogue::{Catalogue, Shelves, Vocabulary};
use crate::draws::Draws;
use crate::population::{Population, Taste};
use crate::queries::Query;
use crate::scenario::{Focus, Profile, Scenario};

/// Least and most products a page shows.
const PAGE: (usize, usize) = (4, 9);
/// Probability that another page follows.
const GO_ON: f64 = 0.62;
/// Most pages of a visit.
const PAGES_MAX: u8 = 12;
/// Most products in a cart.
const CART_MAX: usize = 8;

/// Where a page's products come from, and how often: the kind looked for, its category, what is popular
/// with everybody, anything.
const SOURCES: [f64; 4] = [0.64, 0.16, 0.12, 0.08];

/// How long people take for a step on average, in virtual milliseconds.
mod pause {
    pub(super) const SEARCH: f64 = 4_000.0;
    pub(super) const VIEW: f64 = 500.0;
    pub(super) const CLICK: f64 = 5_000.0;
    pub(super) const CART: f64 = 6_000.0;
    pub(super) const MARK: f64 = 2_000.0;
    pub(super) const PURCHASE: f64 = 8_000.0;
}

/// What all visits share.
pub(super) struct World {
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) population: Population,
    pub(super) scenario: Scenario,
    pub(super) focus: Focus,
}

/// What a step is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject {
    Product(u32),
    Query(Query),
}

/// One action, and how long it takes until the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) action: ActionType,
    pub(super) subject: Subject,
    pub(super) wait_ms: u32,
}

/// A visit in progress. Pages are planned one at a time, when the one before is through.
pub(super) struct Visit {
    pub(super) user: u32,
    pub(super) session: SessionId,
    pub(super) device: &'static str,
    taste: Taste,
    korean: bool,
    draws: Draws,
    plan: VecDeque<Step>,
    cart: Vec<u32>,
    wishes: Vec<u32>,
    pages: u8,
    over: bool,
}

impl Visit {
    pub(super) fn new(
        user: u32,
        session: SessionId,
        number: u64,
        world: &World,
        at: Timestamp,
        draws: &mut Draws,
    ) -> Self {
        let draws = crate::draws::Seed::new(draws.bits()).child(number).draws();
        let device = match user % 10 {
            0..=5 => "mobile",
            6 | 7 => "desktop",
            8 => "app",
            _ => "tablet",
        };
        Self {
            user,
            session,
            device,
            taste: world.population.taste_of(user, at),
            korean: world.population.speaks_korean(user),
            draws,
            plan: VecDeque::new(),
            cart: Vec::new(),
            wishes: Vec::new(),
            pages: 0,
            over: false,
        }
    }

    /// The next action; `None` once the shopper has left.
    pub(super) fn next_step(&mut self, world: &World, now_ms: i64) -> Option<Step> {
        while self.plan.is_empty() {
            if self.over {
                return None;
            }
            if self.pages == 0 || (self.pages < PAGES_MAX && self.draws.happens(GO_ON)) {
                self.plan_page(world, now_ms);
            } else {
                self.over = true;
                self.plan_checkout(world.scenario.profile());
            }
        }
        self.plan.pop_front()
    }

    fn push(&mut self, action: ActionType, subject: Subject, pause_ms: f64) {
        let wait_ms = self.draws.waiting(pause_ms) as u32;
        self.plan.push_back(Step { action, subject, wait_ms });
    }

    fn plan_page(&mut self, world: &World, now_ms: i64) {
        self.pages += 1;
        let profile = world.scenario.profile();
        let (category, kind) = self.interest(world, profile, now_ms);
        if self.draws.happens(profile.search) {
            let query = Query::draw(&mut self.draws, &self.taste, category, kind, self.korean);
            self.push(ActionType::Search, Subject::Query(query), pause::SEARCH);
        }
        let page = self.page(world, profile, category, kind);
        for product in &page {
            self.push(ActionType::View, Subject::Product(*product), pause::VIEW);
        }
        for (place, product) in page.into_iter().enumerate() {
            self.consider(world, profile, place, product);
        }
    }

    /// What the shopper looks for now: by taste, by the hour, by what is on sale.
    fn interest(&mut self, world: &World, profile: Profile, now_ms: i64) -> (usize, usize) {
        let categories = &Vocabulary::get().categories;
        let category = if self.draws.happens(profile.focus) {
            world.focus.category
        } else {
            let weights: Vec<f64> = self
                .taste
                .category_weights()
                .iter()
                .zip(categories)
                .map(|(weight, category)| weight * day::interest(now_ms, category.peak_hour))
                .collect();
            self.draws.weighted(&weights)
        };
        let kinds = categories[category].kinds.len();
        let weights: Vec<f64> = (0..kinds).map(|k| self.taste.kind_weight(category, k, kinds)).collect();
        (category, self.draws.weighted(&weights))
    }

    /// The products of a page, each once.
    fn page(&mut self, world: &World, profile: Profile, category: usize, kind: usize) -> Vec<u32> {
        let shelves = world.catalogue.shelves();
        let wanted = PAGE.0 + self.draws.below(PAGE.1 - PAGE.0 + 1);
        let mut page = Vec::with_capacity(wanted);
        if self.draws.happens(profile.viral) {
            page.push(world.focus.product);
        }
        // A small shelf may not hold enough different products: try a few times, then show fewer.
        for _ in 0..2 * wanted {
            if page.len() >= wanted {
                break;
            }
            let product = self.exposed(shelves, category, kind);
            if !page.contains(&product) {
                page.push(product);
            }
        }
        page
    }

    fn exposed(&mut self, shelves: &Shelves, category: usize, kind: usize) -> u32 {
        let shelf = match self.draws.weighted(&SOURCES) {
            0 => shelves.kind(category, kind),
            1 => shelves.category(category),
            2 => shelves.hot(),
            _ => return self.draws.below(shelves.len()) as u32,
        };
        let shelf = if shelf.is_empty() { shelves.hot() } else { shelf };
        shelf[self.draws.zipf(shelf.len())]
    }

    /// What the shopper does with a product that was shown.
    fn consider(&mut self, world: &World, profile: Profile, place: usize, product: u32) {
        let traits = world.catalogue.shelves().traits(product);
        let on_sale = profile.focus > 0.0 && usize::from(traits.category) == world.focus.category;
        let famous = profile.viral > 0.0 && product == world.focus.product;
        let liking = match self.taste.affinity_of(&traits) {
            liking if famous => liking.max(0.7),
            liking if on_sale => (liking + 0.2).min(1.0),
            liking => liking,
        };
        // What stands further down is seen less.
        let seen = 0.94_f64.powi(place as i32);
        if !self.draws.happens(seen * (0.02 + 0.8 * liking * liking.sqrt())) {
            return;
        }
        let subject = Subject::Product(product);
        self.push(ActionType::Click, subject, pause::CLICK);
        if liking < 0.2 {
            if self.draws.happens(0.2) {
                self.push(ActionType::Dislike, subject, pause::MARK);
            }
            return;
        }
        if self.draws.happens(profile.wishlist * 0.08 * liking) {
            self.push(ActionType::Wishlist, subject, pause::MARK);
            if !self.wishes.contains(&product) {
                self.wishes.push(product);
            }
        }
        let buys = profile.conversion * self.taste.readiness * (0.03 + 0.2 * liking);
        if self.cart.len() < CART_MAX && !self.cart.contains(&product) && self.draws.happens(buys) {
            self.cart.push(product);
            self.push(ActionType::AddToCart, subject, pause::CART);
        }
    }

    /// Second thoughts, then buying or leaving the cart behind.
    fn plan_checkout(&mut self, profile: Profile) {
        for product in std::mem::take(&mut self.cart) {
            if self.draws.happens(0.12) {
                self.push(ActionType::RemoveFromCart, Subject::Product(product), pause::MARK);
            } else {
                self.cart.push(product);
            }
        }
        for product in std::mem::take(&mut self.wishes) {
            if self.draws.happens(0.15) {
                self.push(ActionType::RemoveFromWishlist, Subject::Product(product), pause::MARK);
            }
        }
        if self.draws.happens((0.5 * self.taste.readiness * profile.conversion.sqrt()).min(0.95)) {
            for product in std::mem::take(&mut self.cart) {
                self.push(ActionType::Purchase, Subject::Product(product), pause::PURCHASE);
            }
        }
    }
}
