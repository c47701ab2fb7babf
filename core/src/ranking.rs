//! What to show, in which order, and why: query hydration → sources → filters → scorers → selector →
//! reasons, of which everything here is a function of values.
//!
//! Whether a product *may* be shown ([`Eligibility`]) is decided apart from how *good* it is ([`select`]).
//! Sources hand in [`Candidate`]s; [`fuse`] merges the rankings of a hybrid search into one match score;
//! [`reasons`] says why an item is there. Loading and time belong to the caller.

mod eligibility;
mod fusion;
mod reason;
mod select;
mod session;
mod source;

use std::sync::Arc;

pub use eligibility::{Eligibility, JustSeen};
pub use fusion::{Fused, RRF_K, Ranking, fuse};
pub use reason::{Asked, Reason, ReasonKind, Trace, reasons};
pub use select::{Explain, Ranked, SUNK_SCORE, select};
pub use session::{SessionRules, present_taste, visited};
pub use source::Candidates;

use crate::likeness::LikenessScale;
use crate::{Product, UnitVector};

/// Where a candidate came from; one may come from several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// It is near to the taste, or to the product asked about.
    pub near: bool,
    /// It is popular now.
    pub popular: bool,
    /// It shares words with the search.
    pub words: bool,
    /// It is near to the search in meaning.
    pub meaning: bool,
}

/// A product that may be shown, and what is known of how good it is.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The product.
    pub product: Arc<Product>,
    /// The vector of its passage, if it has one and somebody loaded it.
    pub vector: Option<UnitVector>,
    /// Cosine to the shopper's taste, or to the product asked about.
    pub similarity: Option<f32>,
    /// Its time-decayed sum; 0 for what nobody acted on.
    pub popularity: f64,
    /// How well it matches the search, in [0, 1], from [`fuse`].
    pub matching: Option<f32>,
    /// Who proposed it.
    pub sources: Sources,
}

impl Candidate {
    /// A candidate of which nothing is known yet.
    pub fn new(product: Arc<Product>) -> Self {
        Self {
            product,
            vector: None,
            similarity: None,
            popularity: 0.0,
            matching: None,
            sources: Sources::default(),
        }
    }
}

/// How much each scorer says, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Of the similarity, rescaled to [0, 1] over the candidates.
    pub similarity: f32,
    /// Of the popularity, on a logarithmic scale of [0, 1] over the candidates.
    pub popularity: f32,
    /// Of the match with a search.
    pub matching: f32,
    /// Most that an item loses because its category is already shown.
    pub diversity: f32,
    /// Least range of similarities that is stretched to [0, 1], as a cosine: less is noise. What noise is depends on the
    /// model: see [`crate::likeness::LikenessScale::noise`].
    pub noise: f32,
}

/// Where no scale is known.
const NOISE_DEFAULT: f32 = 0.05;

impl Weights {
    /// For recommendations: taste decides, popularity tells equals apart, categories take turns.
    ///
    /// Not learned: set so that popularity never outweighs a clear difference in taste, see
    /// `taste_outweighs_popularity` in the tests.
    pub const RECOMMEND: Self =
        Self { similarity: 0.75, popularity: 0.15, matching: 0.0, diversity: 0.10, noise: NOISE_DEFAULT };
    /// For neighbours of a product: nearness alone.
    pub const SIMILAR: Self =
        Self { similarity: 1.0, popularity: 0.0, matching: 0.0, diversity: 0.0, noise: NOISE_DEFAULT };
    /// For searches: the match decides; taste and popularity tell near matches apart.
    pub const SEARCH: Self =
        Self { similarity: 0.15, popularity: 0.05, matching: 0.80, diversity: 0.0, noise: NOISE_DEFAULT };

    /// These weights, with what noise is by `scale`, if there is one.
    pub fn on(self, scale: Option<&LikenessScale>) -> Self {
        Self { noise: scale.map_or(self.noise, LikenessScale::noise), ..self }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::Candidate;
    use crate::{Currency, Money, Product, ProductId};

    pub(crate) fn product(id: &str, category: &str) -> Product {
        Product {
            product_id: ProductId::new(id).unwrap(),
            name: format!("Name {id}"),
            description: String::new(),
            category: category.to_owned(),
            brand: None,
            price: Money::from_minor(1990, Currency::EUR).unwrap(),
            stock: 3,
            image_url: None,
            attributes: Default::default(),
            name_ko: None,
            description_ko: None,
            changed_at: None,
            history: Default::default(),
            group_id: None,
        }
    }

    pub(crate) fn candidate(id: &str, category: &str, similarity: f32, popularity: f64) -> Candidate {
        Candidate { similarity: Some(similarity), popularity, ..Candidate::new(product(id, category).into()) }
    }
}
