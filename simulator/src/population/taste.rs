//! One shopper's taste.

use rep_core::{Product, Timestamp};

use super::{DRIFT_PERIOD, DRIFTING_SHARE};
use crate::catalogue::{STYLES, Traits, Vocabulary, traits_of};
use crate::draws::Seed;

/// How much a shopper's favourite categories count, the most loved first.
const FAVOURITES: [f64; 4] = [1.0, 0.55, 0.3, 0.15];
/// What all other categories count together.
const CURIOSITY: f64 = 0.12;
/// Which of the favourites a drifting shopper gives up for another.
const DRIFTING_FAVOURITE: usize = 1;
/// The last part of a drift period in which the next favourite gains on the present one.
const DRIFT_BLEND: f64 = 0.4;

/// What each part of a taste adds to an affinity; the sum is 1.
mod part {
    pub(super) const CATEGORY: f64 = 0.18;
    pub(super) const KIND: f64 = 0.38;
    pub(super) const BRAND: f64 = 0.14;
    pub(super) const STYLE: f64 = 0.12;
    pub(super) const TONE: f64 = 0.08;
    pub(super) const PRICE: f64 = 0.10;
}

/// What a shopper likes at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Taste {
    kinds: Seed,
    brands: Seed,
    tones: Seed,
    /// By category; the sum is 1.
    categories: Vec<f64>,
    category_max: f64,
    price_level: f64,
    styles: [u8; 2],
    /// How readily interest becomes a purchase, around 1.
    pub(crate) readiness: f64,
}

impl Taste {
    pub(super) fn derive(person: Seed, at: Timestamp, vocabulary: &Vocabulary) -> Self {
        let mut draws = person.named("traits").draws();
        let price_level = 0.1 + 0.8 * (draws.unit() + draws.unit()) / 2.0;
        let style = draws.below(STYLES.len());
        let second = (style + 1 + draws.below(STYLES.len() - 1)) % STYLES.len();
        let readiness = draws.between(0.6, 1.4);
        let categories = category_weights(person, at, vocabulary);
        let category_max = categories.iter().copied().fold(0.0, f64::max);
        let styles = [style as u8, second as u8];
        Self {
            kinds: person.named("kinds"),
            brands: person.named("brands"),
            tones: person.named("tones"),
            categories,
            category_max,
            price_level,
            styles,
            readiness,
        }
    }

    /// Each category's English name and its share of the taste; the shares sum to 1.
    pub fn categories(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        Vocabulary::get().categories.iter().map(|c| c.name.en).zip(self.categories.iter().copied())
    }

    /// Where in a kind's band the shopper likes prices to be, in [0, 1].
    pub fn price_level(&self) -> f64 {
        self.price_level
    }

    /// The look the shopper likes best, such as `minimal`.
    pub fn style(&self) -> &'static str {
        STYLES[usize::from(self.styles[0])].en
    }

    /// How much the shopper likes `product`, in [0, 1]; 0 for products that are not of our vocabulary.
    pub fn affinity(&self, product: &Product) -> f64 {
        traits_of(product).map_or(0.0, |traits| self.affinity_of(&traits))
    }

    pub(crate) fn category_weights(&self) -> &[f64] {
        &self.categories
    }

    /// How much the shopper likes what has these traits: the category opens the door, the rest adds up.
    pub(crate) fn affinity_of(&self, traits: &Traits) -> f64 {
        let category_index = usize::from(traits.category);
        let category = &Vocabulary::get().categories[category_index];
        let door = (self.categories[category_index] / self.category_max).powf(0.6);
        let brand = category.brands[usize::from(traits.brand)].name.en;
        let tone = category.tone.values[usize::from(traits.tone)].en;
        let distance = (f64::from(traits.price_level) - self.price_level) / 0.3;
        let fit = part::CATEGORY
            + part::KIND * self.kind_weight(category_index, traits.kind.into(), category.kinds.len())
            + part::BRAND * self.brand_weight(brand)
            + part::STYLE * self.style_weight(traits.style)
            + part::TONE * self.tone_weight(tone)
            + part::PRICE * (-distance * distance).exp();
        (door * fit).clamp(0.0, 1.0)
    }

    /// How much a kind is liked within its category, in [0, 1]: one kind most, another much.
    pub(crate) fn kind_weight(&self, category: usize, kind: usize, kinds: usize) -> f64 {
        let seed = self.kinds.child(category as u64);
        let first = seed.child(0).below(kinds);
        let second = (first + 1 + seed.child(1).below(kinds.saturating_sub(1))) % kinds.max(1);
        match kind {
            k if k == first => 1.0,
            k if k == second => 0.65,
            other => 0.05 + 0.3 * seed.child(2 + other as u64).unit(),
        }
    }

    /// How much a brand is liked, in [0, 1]: a few are loved, in whatever category they are met.
    pub(crate) fn brand_weight(&self, brand: &str) -> f64 {
        match self.brands.named(brand).unit() {
            loved @ 0.75.. => 0.8 + 0.8 * (loved - 0.75),
            other => 0.6 * other,
        }
    }

    pub(crate) fn tone_weight(&self, tone: &str) -> f64 {
        self.tones.named(tone).unit()
    }

    fn style_weight(&self, style: u8) -> f64 {
        match self.styles.iter().position(|liked| *liked == style) {
            Some(0) => 1.0,
            Some(_) => 0.6,
            None => 0.15,
        }
    }
}

fn category_weights(person: Seed, at: Timestamp, vocabulary: &Vocabulary) -> Vec<f64> {
    let count = vocabulary.categories.len();
    let shares: Vec<f64> = vocabulary.categories.iter().map(|c| c.share).collect();
    let mut weights = vec![CURIOSITY / count as f64; count];
    let favourites = person.named("favourites");
    let drifts = person.named("drifts").unit() < DRIFTING_SHARE;
    for (place, weight) in FAVOURITES.into_iter().enumerate() {
        let favourite = |era: u64| favourites.child(place as u64).child(era).draws().weighted(&shares);
        if drifts && place == DRIFTING_FAVOURITE {
            let (era, next_share) = era(person, at);
            weights[favourite(era)] += weight * (1.0 - next_share);
            weights[favourite(era + 1)] += weight * next_share;
        } else {
            weights[favourite(0)] += weight;
        }
    }
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights
}

/// The drift period `at` lies in, and how far the next one's favourite has already gained, in [0, 1].
fn era(person: Seed, at: Timestamp) -> (u64, f64) {
    let period = DRIFT_PERIOD.as_millis() as f64;
    let place = at.as_ms().max(0) as f64 / period + person.named("drift offset").unit();
    let into = place.fract();
    (place as u64, ((into - (1.0 - DRIFT_BLEND)) / DRIFT_BLEND).max(0.0))
}
