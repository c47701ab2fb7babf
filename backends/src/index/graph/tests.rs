use proptest::prelude::*;
use rep_core::{ProductId, UnitVector};

use super::*;
use crate::index::bench::{Mixture, Noise};
use crate::index::fields::Fields;
use crate::index::kernel::Kernel;
use crate::index::quantise::Quantised;
use crate::index::rows::Rows;

const DIMENSIONS: usize = 48;

struct World {
    rows: Rows,
    graph: Graph,
    scratch: Scratch,
}

impl World {
    fn new() -> Self {
        Self {
            rows: Rows::new(DIMENSIONS, Kernel::detected()),
            graph: Graph::new(),
            scratch: Scratch::default(),
        }
    }

    fn insert(&mut self, name: &str, vector: UnitVector) -> Slot {
        let codes = Quantised::of(vector.as_slice());
        let fields = Fields { category: 0, ..Fields::NOTHING };
        let slot = self.rows.insert(ProductId::new(name).unwrap(), vector, &codes, fields);
        self.graph.cover(self.rows.slots());
        self.graph.insert(&self.rows, slot, &mut self.scratch);
        slot
    }

    fn search(&mut self, query: &UnitVector, width: usize) -> Vec<Slot> {
        let codes = Quantised::of(query.as_slice());
        let sought = Sought { probe: (&codes).into(), width, comparisons_max: usize::MAX };
        let rows = &self.rows;
        let found = self.graph.search(rows, &sought, |slot| rows.is_live(slot), &mut self.scratch).unwrap();
        found.into_iter().map(|(_, slot)| slot).collect()
    }

    /// Share of the true ten nearest among the ten found, by codes.
    fn recall(&mut self, queries: impl Iterator<Item = UnitVector>) -> f64 {
        let (mut found, mut expected) = (0, 0);
        let live: Vec<Slot> = self.rows.live_slots().collect();
        let mut similarities = Vec::new();
        for query in queries {
            let hits = self.search(&query, 64);
            let codes = Quantised::of(query.as_slice());
            self.rows.similarities((&codes).into(), &live, &mut similarities);
            let mut truth = similarities.clone();
            truth.sort_unstable_by(|a, b| b.total_cmp(a));
            self.rows.similarities((&codes).into(), &hits[..10.min(hits.len())], &mut similarities);
            found += similarities.iter().filter(|similarity| **similarity >= truth[9]).count();
            expected += 10;
        }
        f64::from(found as u32) / f64::from(expected)
    }

    fn repair(&mut self, dead: Vec<Slot>) {
        let set: Dead = dead.iter().copied().collect();
        self.graph.lead_around(&self.rows, 0..self.rows.slots() as Slot, &set);
        for slot in self.rows.live_slots() {
            for level in 0..=self.graph.level(slot) {
                assert!(self.graph.neighbours(slot, level).all(|link| !set.contains(&link)));
            }
        }
        self.graph.leave_entry(&set);
        for slot in dead {
            self.graph.forget(slot);
            self.rows.release(slot);
        }
    }
}

fn queries(mixture: &Mixture) -> impl Iterator<Item = UnitVector> + '_ {
    (0..100).map(|number| mixture.vector(99, number).unwrap())
}

#[test]
fn finds_nearly_all_of_the_nearest() {
    for noise in [Noise::Latent, Noise::Isotropic] {
        let mixture = Mixture::new(noise, DIMENSIONS, 1);
        let mut world = World::new();
        for number in 0..4000 {
            world.insert(&format!("p{number}"), mixture.vector(1, number).unwrap());
        }
        let recall = world.recall(queries(&mixture));
        assert!(recall >= 0.98, "{noise:?}: {recall}");
    }
}

#[test]
fn many_equal_vectors_do_not_cut_others_off() {
    let mixture = Mixture::new(Noise::Latent, DIMENSIONS, 2);
    let mut world = World::new();
    for number in 0..2000 {
        let which = if number % 2 == 0 { 0 } else { number };
        world.insert(&format!("p{number}"), mixture.vector(1, which).unwrap());
    }
    let recall = world.recall(queries(&mixture));
    assert!(recall >= 0.98, "{recall}");
    // Once the one that stands for the others is gone, they are to be linked themselves.
    let first = world.rows.remove(&ProductId::new("p0").unwrap()).unwrap();
    let left = world.graph.leave_twins(&world.rows, first);
    assert_eq!(left.len(), 999);
    world.repair(vec![first]);
    let rows = &world.rows;
    left.iter().for_each(|slot| world.graph.insert(rows, *slot, &mut world.scratch));
    assert!(world.graph.part_twin(rows, left[500]));
    world.rows.remove(&world.rows.id(left[500]).unwrap().clone());
    let mut hits = world.search(&mixture.vector(1, 0).unwrap(), 64);
    hits.sort_unstable();
    assert_eq!(hits.iter().filter(|slot| left.contains(slot)).count(), 998);
    assert!(!hits.contains(&left[500]));
}

#[test]
fn goes_on_finding_while_everything_is_replaced() {
    let mixture = Mixture::new(Noise::Latent, DIMENSIONS, 3);
    let mut world = World::new();
    for number in 0..2000 {
        world.insert(&format!("p{number}"), mixture.vector(1, number).unwrap());
    }
    for round in 0..12 {
        let dead: Vec<Slot> = (0..500)
            .map(|i| world.rows.remove(&ProductId::new(format!("p{}", round * 500 + i)).unwrap()).unwrap())
            .collect();
        // Removed ones are waypoints until they are led around, and never results.
        let hits = world.search(&mixture.vector(99, 1).unwrap(), 200);
        assert!(hits.iter().all(|slot| !dead.contains(slot)));
        world.repair(dead);
        for i in 0..500 {
            let number = 2000 + round * 500 + i;
            world.insert(&format!("p{number}"), mixture.vector(1, number).unwrap());
        }
    }
    assert_eq!(world.rows.slots(), 2000);
    let recall = world.recall(queries(&mixture));
    assert!(recall >= 0.98, "{recall}");
}

#[test]
fn the_last_removed_leaves_an_empty_graph() {
    let mixture = Mixture::new(Noise::Latent, DIMENSIONS, 4);
    let mut world = World::new();
    let slots: Vec<Slot> =
        (0..50).map(|n| world.insert(&format!("p{n}"), mixture.vector(1, n).unwrap())).collect();
    for number in 0..50 {
        world.rows.remove(&ProductId::new(format!("p{number}")).unwrap());
    }
    assert!(world.search(&mixture.vector(1, 1).unwrap(), 5).is_empty());
    world.repair(slots);
    assert_eq!(world.graph.entry(), None);
    let slot = world.insert("again", mixture.vector(1, 1).unwrap());
    assert_eq!(world.search(&mixture.vector(1, 1).unwrap(), 5), [slot]);
}

proptest! {
    #[test]
    fn ranks_order_as_similarities_do(a in -2.0_f32..2.0, b in -2.0_f32..2.0, slot in any::<u32>()) {
        prop_assert_eq!(unranked(ranked(a, slot)), (a, slot));
        prop_assert_eq!(ranked(a, 7) < ranked(b, 7), a.total_cmp(&b).is_lt());
    }
}
