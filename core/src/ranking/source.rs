//! Candidates out of several sources, each product once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Candidate, Sources};
use crate::{GroupId, Product, ProductId, UnitVector};

/// Candidates by product, in the order in which they were first proposed.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    items: Vec<Candidate>,
    places: HashMap<ProductId, usize>,
    groups: HashSet<GroupId>,
    /// Those of no group.
    alone: usize,
}

impl Candidates {
    /// None yet, with room for `capacity`.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            items: Vec::with_capacity(capacity),
            places: HashMap::with_capacity(capacity),
            ..Self::default()
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// How many can be shown beside each other: of a group of variants one.
    pub fn shown_max(&self) -> usize {
        self.groups.len() + self.alone
    }

    /// The groups that they are of.
    pub fn groups(&self) -> &HashSet<GroupId> {
        &self.groups
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The candidate of `product`, proposed by `sources`; one that is there keeps what it has.
    pub fn propose(&mut self, product: &Arc<Product>, sources: Sources) -> &mut Candidate {
        let place = match self.places.get(&product.product_id) {
            Some(place) => *place,
            None => {
                self.items.push(Candidate::new(Arc::clone(product)));
                self.places.insert(product.product_id.clone(), self.items.len() - 1);
                match &product.group_id {
                    Some(group) => {
                        self.groups.insert(group.clone());
                    }
                    None => self.alone += 1,
                }
                self.items.len() - 1
            }
        };
        let candidate = &mut self.items[place];
        let had = candidate.sources;
        candidate.sources = Sources {
            near: had.near || sources.near,
            popular: had.popular || sources.popular,
            words: had.words || sources.words,
            meaning: had.meaning || sources.meaning,
        };
        candidate
    }

    /// Fills in the similarity to `taste` where a vector of its width is known and no similarity is.
    pub fn hydrate_similarity(&mut self, taste: &UnitVector) {
        for candidate in &mut self.items {
            if let (None, Some(vector)) = (candidate.similarity, &candidate.vector)
                && vector.dimensions() == taste.dimensions()
            {
                candidate.similarity = Some(vector.cosine(taste));
            }
        }
    }

    /// The products, in order.
    pub fn ids(&self) -> Vec<ProductId> {
        self.items.iter().map(|candidate| candidate.product.product_id.clone()).collect()
    }

    /// The candidates, in order.
    pub fn items_mut(&mut self) -> &mut [Candidate] {
        &mut self.items
    }

    /// The candidates, in order.
    pub fn into_items(self) -> Vec<Candidate> {
        self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranking::testing::product;

    #[test]
    fn a_product_of_two_sources_is_one_candidate() {
        let mut candidates = Candidates::default();
        let shared: Arc<Product> = product("a", "c").into();
        candidates.propose(&shared, Sources { near: true, ..Sources::default() }).similarity = Some(0.5);
        candidates.propose(&product("b", "c").into(), Sources::default());
        candidates.propose(&shared, Sources { popular: true, ..Sources::default() });
        assert_eq!(candidates.len(), 2);
        let items = candidates.into_items();
        assert_eq!(items[0].similarity, Some(0.5));
        assert!(items[0].sources.near && items[0].sources.popular);
    }

    #[test]
    fn of_a_group_one_can_be_shown() {
        let mut candidates = Candidates::default();
        for (id, group) in [("a", Some("g")), ("b", Some("g")), ("c", Some("h")), ("d", None), ("e", None)] {
            let group_id = group.map(|group| GroupId::new(group).unwrap());
            let variant: Arc<Product> = Product { group_id, ..product(id, "c") }.into();
            candidates.propose(&variant, Sources::default());
            candidates.propose(&variant, Sources::default());
        }
        assert_eq!((candidates.len(), candidates.shown_max(), candidates.groups().len()), (5, 4, 2));
    }

    #[test]
    fn only_vectors_of_one_width_compare() {
        let mut candidates = Candidates::default();
        let unit = |numbers: &[f32]| UnitVector::normalised(numbers.to_vec()).unwrap();
        candidates.propose(&product("a", "c").into(), Sources::default()).vector = Some(unit(&[1.0, 0.0]));
        candidates.propose(&product("b", "c").into(), Sources::default()).vector =
            Some(unit(&[1.0, 0.0, 0.0]));
        candidates.hydrate_similarity(&unit(&[1.0, 1.0]));
        let items = candidates.into_items();
        assert!((items[0].similarity.unwrap() - 0.5_f32.sqrt()).abs() < 1e-6);
        assert_eq!(items[1].similarity, None);
    }
}
