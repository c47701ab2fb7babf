use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rep_core::{Currency, Money, PriceRange};

use super::*;
use crate::index::bench::{Mixture, Noise};
use crate::index::random::SplitMix;

const DIMENSIONS: usize = 40;

/// No graph, whatever comes.
const EXACT: GraphConfig = GraphConfig { vectors_min: usize::MAX, threads: 0 };

/// Every fourth is sold in won.
fn currency(number: usize) -> Currency {
    if number % 4 == 3 { Currency::KRW } else { Currency::EUR }
}

fn product(number: usize) -> Product {
    let mut random = SplitMix::new(number as u64);
    Product {
        product_id: ProductId::new(format!("p{number:05}")).unwrap(),
        name: String::new(),
        description: String::new(),
        category: format!("c{}", random.below(4)),
        brand: None,
        price: Money::from_minor(random.below(1000) as i64, currency(number)).unwrap(),
        stock: random.below(3) as u32,
        image_url: None,
        attributes: Default::default(),
        name_ko: None,
        description_ko: None,
        changed_at: None,
        history: Default::default(),
        group_id: None,
    }
}

/// What an index should hold.
type Truth = BTreeMap<ProductId, (Product, UnitVector)>;

fn brute_force(truth: &Truth, query: &UnitVector, k: usize, filter: &ProductFilter) -> Vec<Neighbour> {
    let passing = truth.values().filter(|(product, _)| filter.admits(product));
    let mut scored: Vec<Neighbour> = passing
        .map(|(product, vector)| Neighbour { id: product.product_id.clone(), cosine: vector.cosine(query) })
        .collect();
    scored.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then_with(|| a.id.cmp(&b.id)));
    scored.truncate(k);
    scored
}

fn filters() -> Vec<ProductFilter> {
    let open = ProductFilter::default;
    let category = Some("c1".to_owned());
    let exclude = (0..3000).step_by(3).map(|number| product(number).product_id).collect();
    vec![
        open(),
        ProductFilter { category: category.clone(), ..open() },
        ProductFilter { category: Some("never".into()), ..open() },
        ProductFilter { price: Some(PriceRange::up_to(500, Currency::EUR)), ..open() },
        ProductFilter { price: Some(PriceRange::up_to(500, Currency::KRW)), ..open() },
        ProductFilter { price: Some(PriceRange::of(Currency::USD)), ..open() },
        ProductFilter { price: Some(PriceRange::from(990, Currency::EUR)), ..open() },
        ProductFilter {
            category,
            price: Some(PriceRange::up_to(100, Currency::EUR)),
            in_stock: true,
            ..open()
        },
        ProductFilter { exclude, in_stock: true, ..open() },
        ProductFilter { price: Some(PriceRange::from(2000, Currency::EUR)), ..open() },
    ]
}

fn filled(config: GraphConfig, noise: Noise, count: usize) -> (VectorIndex, Truth, Mixture) {
    let mixture = Mixture::new(noise, DIMENSIONS, 5);
    let index = VectorIndex::new(DIMENSIONS, config);
    let mut truth = Truth::new();
    for number in 0..count {
        let (product, vector) = (product(number), mixture.vector(1, number).unwrap());
        index.upsert(&product, vector.clone()).unwrap();
        truth.insert(product.product_id.clone(), (product, vector));
    }
    (index, truth, mixture)
}

fn wait_for_graph(index: &VectorIndex) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while index.graph_pending() != Some(0) {
        assert!(Instant::now() < deadline, "the graph is not there: {:?} wait", index.graph_pending());
        std::thread::yield_now();
    }
}

#[test]
fn exact_search_is_brute_force() {
    for noise in [Noise::Latent, Noise::Isotropic] {
        // More than one part of a scan.
        let (index, truth, mixture) = filled(EXACT, noise, 9000);
        for (number, filter) in filters().into_iter().enumerate() {
            for k in [1, 10, 100] {
                let query = mixture.vector(9, number).unwrap();
                let found = index.nearest(&query, k, &filter).unwrap();
                assert_eq!(found, brute_force(&truth, &query, k, &filter), "{noise:?} {number} {k}");
            }
        }
    }
}

#[test]
fn equals_come_in_order_of_their_ids() {
    let index = VectorIndex::new(DIMENSIONS, EXACT);
    let mixture = Mixture::new(Noise::Latent, DIMENSIONS, 5);
    let vector = mixture.vector(1, 1).unwrap();
    for number in (0..1000).rev() {
        index.upsert(&product(number), vector.clone()).unwrap();
    }
    let found = index.nearest(&mixture.vector(2, 2).unwrap(), 20, &ProductFilter::default()).unwrap();
    let expected: Vec<ProductId> = (0..20).map(|number| product(number).product_id).collect();
    assert_eq!(found.into_iter().map(|hit| hit.id).collect::<Vec<_>>(), expected);
}

#[test]
fn another_width_is_refused_and_nothing_else_can_be_wrong_with_a_vector() {
    let index = VectorIndex::new(3, EXACT);
    let wide = UnitVector::normalised(vec![1.0; 4]).unwrap();
    let error = WidthError { found: 4, expected: 3 };
    assert_eq!(index.upsert(&product(1), wide.clone()), Err(error));
    assert_eq!(index.nearest(&wide, 1, &ProductFilter::default()), Err(error));
    assert!(UnitVector::normalised(vec![0.0; 3]).is_err());
    assert!(UnitVector::checked(vec![f32::NAN; 3]).is_err());
    assert!(index.is_empty());
}

#[test]
fn by_the_graph_nearly_all_is_found_and_filters_hold() {
    let config = GraphConfig { vectors_min: 500, threads: 2 };
    let (index, truth, mixture) = filled(config, Noise::Latent, 6000);
    wait_for_graph(&index);
    let (mut found, mut expected) = (0, 0);
    for (number, filter) in filters().into_iter().enumerate() {
        for query in (0..20).map(|i| mixture.vector(9, number * 20 + i).unwrap()) {
            let hits = index.nearest(&query, 10, &filter).unwrap();
            let best = brute_force(&truth, &query, 10, &filter);
            assert_eq!(hits.len(), best.len(), "filter {number} shortened the result");
            assert!(hits.iter().all(|hit| filter.admits(&truth[&hit.id].0)));
            found += hits.iter().filter(|hit| best.contains(hit)).count();
            expected += best.len();
        }
    }
    assert!(found as f64 >= 0.98 * expected as f64, "{found} of {expected}");
}

#[test]
fn a_vector_is_found_at_once_before_the_graph_has_it() {
    // No thread links anything: all is pending for ever.
    let config = GraphConfig { vectors_min: 100, threads: 0 };
    let (index, truth, mixture) = filled(config, Noise::Latent, 1000);
    assert_eq!(index.graph_pending(), Some(1000));
    let query = mixture.vector(9, 1).unwrap();
    let found = index.nearest(&query, 10, &ProductFilter::default()).unwrap();
    assert_eq!(found, brute_force(&truth, &query, 10, &ProductFilter::default()));

    let config = GraphConfig { vectors_min: 100, threads: 1 };
    let (index, _, mixture) = filled(config, Noise::Latent, 3000);
    for number in 3000..3500 {
        let vector = mixture.vector(7, number).unwrap();
        index.upsert(&product(number), vector.clone()).unwrap();
        let found = index.nearest(&vector, 1, &ProductFilter::default()).unwrap();
        assert_eq!(found[0].id, product(number).product_id);
        assert!(index.remove(&found[0].id));
        let found = index.nearest(&vector, 1, &ProductFilter::default()).unwrap();
        assert_ne!(found[0].id, product(number).product_id);
    }
}

#[test]
fn slots_are_used_anew_and_the_graph_comes_and_goes() {
    let config = GraphConfig { vectors_min: 1000, threads: 2 };
    let (index, _, mixture) = filled(config, Noise::Latent, 1500);
    wait_for_graph(&index);
    for round in 0..8 {
        for number in 0..1500 {
            index.upsert(&product(number), mixture.vector(10 + round, number).unwrap()).unwrap();
        }
        wait_for_graph(&index);
    }
    assert_eq!(index.len(), 1500);
    // Each round leaves 1,500 behind; those wait until 256 are together, or a round later at most.
    let slots = index.shared.store.read().rows.slots();
    assert!(slots <= 4 * 1500, "{slots} slots for 1,500 vectors");
    for number in 0..1100 {
        assert!(index.remove(&product(number).product_id));
    }
    assert_eq!(index.graph_pending(), None);
    let query = mixture.vector(17, 1200).unwrap();
    assert_eq!(index.nearest(&query, 400, &ProductFilter::default()).unwrap().len(), 400);
    for number in 0..1100 {
        index.upsert(&product(number), mixture.vector(1, number).unwrap()).unwrap();
    }
    wait_for_graph(&index);
    assert!(index.memory_bytes() > 1500 * DIMENSIONS * 5);
}

#[test]
fn readers_and_writers_meet_without_harm() {
    for config in [EXACT, GraphConfig { vectors_min: 500, threads: 1 }] {
        let (index, mut truth, mixture) = filled(config, Noise::Latent, 3000);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for reader in 0..2 {
                let (index, mixture, is_over) = (&index, &mixture, &is_over);
                scope.spawn(move || {
                    let in_stock = ProductFilter { in_stock: true, ..Default::default() };
                    for number in 0.. {
                        if is_over.load(Ordering::Relaxed) {
                            break;
                        }
                        let query = mixture.vector(20 + reader, number).unwrap();
                        let found = index.nearest(&query, 10, &in_stock).unwrap();
                        assert_eq!(found.len(), 10);
                        assert!(found.is_sorted_by(|a, b| a.cosine >= b.cosine));
                        let names: std::collections::HashSet<_> = found.iter().map(|hit| &hit.id).collect();
                        assert_eq!(names.len(), 10);
                    }
                });
            }
            let mut random = SplitMix::new(1);
            for step in 0..6000 {
                let number = random.below(3500);
                let id = product(number).product_id;
                match random.below(4) {
                    0 => {
                        let was_there = truth.remove(&id).is_some();
                        assert_eq!(index.remove(&id), was_there);
                    }
                    1 => {
                        if let Some((product, _)) = truth.get_mut(&id) {
                            product.stock = 1 - product.stock.min(1);
                            index.refresh(product);
                        }
                    }
                    _ => {
                        let vector = mixture.vector(30 + step, number).unwrap();
                        index.upsert(&product(number), vector.clone()).unwrap();
                        truth.insert(id, (product(number), vector));
                    }
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert_eq!(index.len(), truth.len());
        for (id, (_, vector)) in &truth {
            assert_eq!(index.vectors(std::slice::from_ref(id))[0].as_ref(), Some(vector));
        }
        for filter in filters() {
            let query = mixture.vector(9, 1).unwrap();
            let (hits, best) =
                (index.nearest(&query, 10, &filter).unwrap(), brute_force(&truth, &query, 10, &filter));
            assert_eq!(hits.len(), best.len());
            let common = hits.iter().filter(|hit| best.contains(hit)).count();
            assert!(common * 10 >= best.len() * 9, "{common} of {}", best.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happened before, an exact index answers like brute force over what is left.
    #[test]
    fn history_does_not_matter(
        steps in proptest::collection::vec((0_usize..30, 0_u64..4, 0_u8..4), 1..80),
        k in 1_usize..12,
        which in 0_usize..8,
    ) {
        let mixture = Mixture::new(Noise::Isotropic, 8, 6);
        let index = VectorIndex::new(8, EXACT);
        let mut truth = Truth::new();
        for (number, series, action) in steps {
            let product = product(number);
            let id = product.product_id.clone();
            match action {
                0 => prop_assert_eq!(index.remove(&id), truth.remove(&id).is_some()),
                1 => {
                    if let Some((product, _)) = truth.get_mut(&id) {
                        product.category = format!("c{series}");
                        index.refresh(product);
                    }
                }
                _ => {
                    let vector = mixture.vector(series, number % 5).unwrap();
                    index.upsert(&product, vector.clone()).unwrap();
                    truth.insert(id, (product, vector));
                }
            }
        }
        let filter = &filters()[which];
        let query = mixture.vector(50, k).unwrap();
        prop_assert_eq!(index.nearest(&query, k, filter).unwrap(), brute_force(&truth, &query, k, filter));
        prop_assert_eq!(index.len(), truth.len());
    }
}
