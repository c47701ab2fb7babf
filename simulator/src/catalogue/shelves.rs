//! The products as shoppers come across them: by popularity, by kind.

use super::{Catalogue, Traits, Vocabulary};
use crate::draws::Seed;

/// Hot products: what is shown to everybody.
const HOT_MAX: usize = 200;

/// Product numbers in order of popularity; 4 bytes each, beside 12 bytes of traits.
#[derive(Debug)]
pub(crate) struct Shelves {
    traits: Vec<Traits>,
    /// By kind over all categories, most popular first.
    by_kind: Vec<Vec<u32>>,
    /// By category, most popular first.
    by_category: Vec<Vec<u32>>,
    hot: Vec<u32>,
}

impl Shelves {
    /// Sorts the catalogue; a microsecond or two a product.
    pub(super) fn stock(catalogue: &Catalogue, seed: Seed) -> Self {
        let vocabulary = Vocabulary::get();
        let kinds = vocabulary.categories.iter().map(|c| c.kinds.len()).sum();
        let mut shelves = Self {
            traits: (0..catalogue.len()).map(|index| catalogue.traits(index)).collect(),
            by_kind: vec![Vec::new(); kinds],
            by_category: vec![Vec::new(); vocabulary.categories.len()],
            hot: Vec::new(),
        };
        // A product's rank in the shop: a fixed shuffle of the numbers.
        let popularity = seed.named("popularity");
        let mut order: Vec<u32> = (0..catalogue.len()).collect();
        order.sort_by_cached_key(|index| popularity.child(u64::from(*index)).bits());
        for &index in &order {
            let Traits { category, kind, .. } = shelves.traits[index as usize];
            shelves.by_kind[vocabulary.kind_number(category.into(), kind.into())].push(index);
            shelves.by_category[usize::from(category)].push(index);
        }
        order.truncate(HOT_MAX);
        shelves.hot = order;
        shelves
    }

    /// What taste looks at in a product of the catalogue.
    pub(crate) fn traits(&self, index: u32) -> Traits {
        self.traits[index as usize]
    }

    /// The products of one kind; may be empty in a small catalogue.
    pub(crate) fn kind(&self, category: usize, kind: usize) -> &[u32] {
        &self.by_kind[Vocabulary::get().kind_number(category, kind)]
    }

    /// The products of one category; may be empty in a small catalogue.
    pub(crate) fn category(&self, category: usize) -> &[u32] {
        &self.by_category[category]
    }

    /// What is popular with everybody; never empty.
    pub(crate) fn hot(&self) -> &[u32] {
        &self.hot
    }

    /// How many products there are.
    pub(crate) fn len(&self) -> usize {
        self.traits.len()
    }
}
