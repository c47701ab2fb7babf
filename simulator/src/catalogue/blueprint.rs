//! What a product is, before words: drawn from the catalogue's seed and the product's number alone.

use rep_core::STOCK_MAX;

use super::vocabulary::{Facet, STYLES, Vocabulary};
use crate::draws::{Draws, Seed};

/// What taste looks at. Indices count within the product's category.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Traits {
    pub(crate) category: u8,
    pub(crate) kind: u8,
    pub(crate) brand: u8,
    pub(crate) tone: u8,
    pub(crate) material: u8,
    pub(crate) style: u8,
    /// Where the price stands in its kind's band, in [0, 1].
    pub(crate) price_level: f32,
}

/// A product without its words.
#[derive(Clone, Debug)]
pub(super) struct Blueprint {
    pub(super) traits: Traits,
    /// Minor units of the euro.
    pub(super) cents: i64,
    pub(super) stock: u32,
    pub(super) size: usize,
    pub(super) line: usize,
    pub(super) occasion: usize,
    pub(super) feature: usize,
    pub(super) extra_feature: usize,
    pub(super) name_form: usize,
    pub(super) description_form: usize,
}

impl Blueprint {
    /// Product `index` of the catalogue of `seed`.
    pub(super) fn draw(seed: Seed, index: u32, vocabulary: &Vocabulary) -> Self {
        let mut draws = seed.child(u64::from(index)).draws();
        let shares: Vec<f64> = vocabulary.categories.iter().map(|c| c.share).collect();
        let category_index = draws.weighted(&shares);
        let category = &vocabulary.categories[category_index];
        let kind_index = draws.below(category.kinds.len());
        let kind = &category.kinds[kind_index];
        let brand_index = draws.below(category.brands.len());
        let level = 0.5 * category.brands[brand_index].level + 0.5 * draws.unit();
        let cents = price_tag(kind.euros.0 * (kind.euros.1 / kind.euros.0).powf(level), &mut draws);
        let traits = Traits {
            category: small(category_index),
            kind: small(kind_index),
            brand: small(brand_index),
            tone: small(draws.below(category.tone.values.len())),
            material: small(draws.below(category.materials_of(kind).len())),
            style: small(draws.below(STYLES.len())),
            price_level: price_level(kind.euros, cents),
        };
        Self {
            traits,
            cents,
            stock: stock(&mut draws),
            size: draws.below(category.size.as_ref().map_or(0, |Facet { values, .. }| values.len())),
            line: draws.below(vocabulary.lines.len()),
            occasion: draws.below(category.occasions.len()),
            feature: draws.below(kind.features.len()),
            extra_feature: draws.below(category.features.len()),
            name_form: draws.weighted(&[0.1, 0.4, 0.25, 0.25]),
            description_form: draws.below(6),
        }
    }
}

fn small(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(u8::MAX)
}

/// Where `cents` stands in a band of euros, on a logarithmic scale, in [0, 1].
pub(super) fn price_level(euros: (f64, f64), cents: i64) -> f32 {
    let level = (cents.max(1) as f64 / 100.0 / euros.0).ln() / (euros.1 / euros.0).ln();
    level.clamp(0.0, 1.0) as f32
}

/// A price as shops write it, in cents, near `euros`: 7.49, 24.90, 189.00, 1,249.00.
fn price_tag(euros: f64, draws: &mut Draws) -> i64 {
    let whole = euros.floor().max(1.0) as i64;
    match whole {
        ..20 => whole * 100 + *draws.pick(&[49, 90, 95, 99]),
        20..100 => whole * 100 + *draws.pick(&[0, 50, 90, 90, 99]),
        100..500 => (whole / 10 * 10 + *draws.pick(&[0, 5, 9, 9])) * 100,
        _ => (whole / 50 * 50 + *draws.pick(&[0, 29, 49, 49])) * 100,
    }
}

/// Pieces on stock: 3 % sold out, 7 % nearly, the others between ten and some hundreds.
fn stock(draws: &mut Draws) -> u32 {
    let pieces = match draws.unit() {
        ..0.03 => 0.0,
        0.03..0.10 => draws.between(1.0, 6.0),
        _ => 10.0 * 60.0_f64.powf(draws.unit()),
    };
    (pieces as u32).min(STOCK_MAX)
}
