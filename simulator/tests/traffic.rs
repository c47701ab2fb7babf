//! What the traffic looks like: the same for the same seed, a funnel, and tastes that can be seen in it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use rep_core::{ActionType, UserAction, stable_hash128};
use rep_simulator::{BOTS, Catalogue, Generator, GeneratorConfig, Scenario};

fn generator(config: GeneratorConfig, seed: u64) -> Generator {
    Generator::new(config, Arc::new(Catalogue::new(42, 3_000)), seed)
}

fn of_scenario(scenario: Scenario) -> Generator {
    generator(GeneratorConfig { scenario, users: 5_000, ..GeneratorConfig::default() }, 42)
}

fn hash(events: &[UserAction]) -> u128 {
    stable_hash128(&serde_json::to_vec(events).unwrap())
}

fn count(events: &[UserAction], action: ActionType) -> usize {
    events.iter().filter(|event| event.action_type == action).count()
}

#[test]
fn the_same_seed_gives_the_same_events() {
    for scenario in Scenario::ALL {
        let config = || GeneratorConfig { scenario, ..GeneratorConfig::default() };
        let first = generator(config(), 42).next_batch(10_000);
        assert_eq!(hash(&first), hash(&generator(config(), 42).next_batch(10_000)), "{scenario:?}");
        let single: Vec<UserAction> = generator(config(), 42).take(10_000).collect();
        assert_eq!(hash(&first), hash(&single), "batches do not matter");
        assert_ne!(hash(&first), hash(&generator(config(), 43).next_batch(10_000)));
    }
}

/// Pins the traffic itself: whoever changes it changes this number, knowingly.
#[test]
fn the_first_ten_thousand_events_are_the_known_ones() {
    let events = generator(GeneratorConfig::default(), 42).next_batch(10_000);
    assert_eq!(format!("{:032x}", hash(&events)), "16cbd29abf29087b440f8e4d29b06866");
}

#[test]
fn another_run_has_other_ids_and_the_same_course() {
    let mut first = generator(GeneratorConfig::default(), 42).next_batch(2_000);
    let mut second =
        generator(GeneratorConfig { run: 7, ..GeneratorConfig::default() }, 42).next_batch(2_000);
    let ids = |events: &[UserAction]| -> HashSet<_> { events.iter().map(|e| e.trace_id.clone()).collect() };
    assert!(ids(&first).is_disjoint(&ids(&second)));
    for (a, b) in first.iter_mut().zip(&mut second) {
        a.trace_id = b.trace_id.clone();
        a.session_id = b.session_id.clone();
    }
    assert_eq!(first, second);
}

#[test]
fn events_are_valid_in_order_and_never_share_an_id() {
    for scenario in Scenario::ALL {
        let events = of_scenario(scenario).next_batch(20_000);
        let ids: HashSet<_> = events.iter().map(|event| &event.trace_id).collect();
        assert_eq!(ids.len(), events.len());
        assert!(events.windows(2).all(|pair| pair[0].timestamp <= pair[1].timestamp));
        for event in &events {
            event.validate().unwrap();
            assert!(event.session_id.is_some());
            assert_eq!(event.metadata["source"], "simulator");
        }
    }
}

#[test]
fn visits_narrow_like_a_funnel() {
    for scenario in Scenario::ALL {
        let events = of_scenario(scenario).next_batch(60_000);
        let steps = [ActionType::View, ActionType::Click, ActionType::AddToCart, ActionType::Purchase]
            .map(|a| count(&events, a));
        assert!(steps.windows(2).all(|pair| pair[0] > pair[1]) && steps[3] > 20, "{scenario:?} {steps:?}");
        for action in ActionType::KNOWN {
            assert!(count(&events, action) > 0, "{scenario:?} lacks {action:?}");
        }
    }
    let events = of_scenario(Scenario::Steady).next_batch(60_000);
    let share = |action| count(&events, action) as f64 / events.len() as f64;
    assert!((0.10..0.30).contains(&share(ActionType::Click)), "{}", share(ActionType::Click));
    assert!((0.01..0.06).contains(&share(ActionType::AddToCart)), "{}", share(ActionType::AddToCart));
    assert!((0.03..0.10).contains(&share(ActionType::Search)), "{}", share(ActionType::Search));
}

/// Nothing is bought that was not put into the cart, nothing opened that was not shown, in one visit of one
/// shopper.
#[test]
fn each_visit_makes_sense() {
    let events = of_scenario(Scenario::Steady).next_batch(60_000);
    let mut owners = HashMap::new();
    let mut done = HashMap::new();
    for event in &events {
        let session = event.session_id.as_ref().unwrap();
        assert_eq!(owners.entry(session).or_insert(&event.user_id), &&event.user_id);
        let Some(product) = &event.product_id else { continue };
        let seen: &mut HashSet<ActionType> = done.entry((session, product)).or_default();
        let needed = match event.action_type {
            ActionType::Click => Some(ActionType::View),
            ActionType::AddToCart | ActionType::Wishlist | ActionType::Dislike => Some(ActionType::Click),
            ActionType::Purchase | ActionType::RemoveFromCart => Some(ActionType::AddToCart),
            ActionType::RemoveFromWishlist => Some(ActionType::Wishlist),
            _ => None,
        };
        assert!(needed.is_none_or(|needed| seen.contains(&needed)), "{event:?}");
        assert!(!(event.action_type == ActionType::Purchase && seen.contains(&ActionType::RemoveFromCart)));
        seen.insert(event.action_type);
    }
    assert!(owners.len() > 1_000);
}

#[test]
fn tastes_show_in_what_is_clicked() {
    let catalogue = Arc::new(Catalogue::new(42, 3_000));
    let config = GeneratorConfig { users: 200, rate: 50.0, ..GeneratorConfig::default() };
    let mut generator = Generator::new(config, Arc::clone(&catalogue), 42);
    let mut clicks: HashMap<_, BTreeMap<String, f64>> = HashMap::new();
    let (mut clicked, mut shown) = (Vec::new(), Vec::new());
    for event in generator.next_batch(120_000) {
        let Some(product) = event.product_id.as_ref().and_then(|id| catalogue.index_of(id)) else { continue };
        let product = catalogue.product(product).unwrap();
        let affinity = generator.population().affinity(&event.user_id, &product, event.timestamp);
        match event.action_type {
            ActionType::View => shown.push(affinity),
            ActionType::Click => {
                clicked.push(affinity);
                *clicks.entry(event.user_id).or_default().entry(product.category).or_default() += 1.0;
            }
            _ => {}
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!(mean(&clicked) > 1.25 * mean(&shown), "{} {}", mean(&clicked), mean(&shown));

    let (mut top_matches, mut correlations) = (0, Vec::new());
    let active: Vec<_> =
        clicks.iter().filter(|(_, by_category)| by_category.values().sum::<f64>() >= 40.0).collect();
    assert!(active.len() > 100, "{}", active.len());
    for (user, by_category) in &active {
        let taste = generator.population().taste(user, generator.now()).unwrap();
        let (mut wanted, mut got) = (Vec::new(), Vec::new());
        for (category, weight) in taste.categories() {
            wanted.push(weight);
            got.push(by_category.get(category).copied().unwrap_or(0.0));
        }
        correlations.push(correlation(&wanted, &got));
        let top =
            |values: &[f64]| values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(i, _)| i);
        top_matches += usize::from(top(&wanted) == top(&got));
    }
    assert!(mean(&correlations) > 0.8, "mean correlation {}", mean(&correlations));
    assert!(top_matches * 10 > active.len() * 7, "{top_matches} of {}", active.len());
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(x, y)| f(x - ma, y - mb)).sum::<f64>();
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

#[test]
fn a_few_products_are_hot_and_searches_repeat() {
    let events = of_scenario(Scenario::Steady).next_batch(150_000);
    let mut by_product: HashMap<_, usize> = HashMap::new();
    let mut by_query: HashMap<_, usize> = HashMap::new();
    for event in &events {
        match (&event.product_id, &event.search_query) {
            (Some(product), _) => *by_product.entry(product).or_default() += 1,
            (_, Some(query)) => *by_query.entry(query).or_default() += 1,
            _ => {}
        }
    }
    let mut counts: Vec<usize> = by_product.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let (top, all): (usize, usize) = (counts.iter().take(300).sum(), counts.iter().sum());
    assert!(top * 10 > all * 3, "the top tenth has more than three tenths: {top} of {all}");
    let searches: usize = by_query.values().sum();
    assert!(by_query.len() * 2 < searches, "{} of {searches}", by_query.len());
}

#[test]
fn scenarios_do_what_they_say() {
    let newcomers = |scenario| {
        let mut generator = of_scenario(scenario);
        let events = generator.next_batch(30_000);
        let users = generator.population().len();
        let new =
            events.iter().filter(|e| generator.population().index_of(&e.user_id) >= Some(users)).count();
        new as f64 / events.len() as f64
    };
    assert!(newcomers(Scenario::Steady) < 0.1);
    assert!(newcomers(Scenario::ColdStart) > 0.7);

    let events = of_scenario(Scenario::BotAttack).next_batch(30_000);
    let by_bots: Vec<&UserAction> =
        events.iter().filter(|e| e.user_id.as_str().starts_with("bot-")).collect();
    let bots: HashSet<_> = by_bots.iter().map(|event| &event.user_id).collect();
    assert_eq!(bots.len(), BOTS as usize);
    assert!(by_bots.len() * 2 > events.len());

    let most_seen = |scenario| {
        let mut counts: HashMap<_, usize> = HashMap::new();
        let events = of_scenario(scenario).next_batch(30_000);
        events.iter().for_each(|event| *counts.entry(event.product_id.clone()).or_default() += 1);
        counts.into_iter().filter(|(product, _)| product.is_some()).map(|(_, n)| n).max().unwrap()
    };
    assert!(most_seen(Scenario::Viral) > 3 * most_seen(Scenario::Steady));

    let bought = |scenario| count(&of_scenario(scenario).next_batch(30_000), ActionType::Purchase);
    assert!(bought(Scenario::HolidayRush) * 2 > bought(Scenario::Steady) * 3);
    let marked = |scenario| count(&of_scenario(scenario).next_batch(30_000), ActionType::Wishlist);
    assert!(marked(Scenario::Restock) > 2 * marked(Scenario::Steady));

    let catalogue = Catalogue::new(42, 3_000);
    let top_category = |scenario| {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for event in of_scenario(scenario).next_batch(20_000) {
            let Some(index) = event.product_id.and_then(|id| catalogue.index_of(&id)) else { continue };
            *counts.entry(catalogue.product(index).unwrap().category).or_default() += 1;
        }
        let all: usize = counts.values().sum();
        counts.into_values().max().unwrap() as f64 / all as f64
    };
    assert!(top_category(Scenario::FlashSale) > 0.4 && top_category(Scenario::Steady) < 0.25);
}

#[test]
fn scenario_and_rate_change_while_it_runs() {
    let mut generator = of_scenario(Scenario::Steady);
    generator.next_batch(5_000);
    generator.set_scenario(Scenario::BotAttack);
    let bots = generator.next_batch(1_000).iter().filter(|e| e.user_id.as_str().starts_with("bot-")).count();
    assert!(bots > 500);
    generator.set_scenario(Scenario::Steady);
    for rate in [1_000_000.0, 0.001, 200.0] {
        generator.set_rate(rate);
        let events = generator.next_batch(30_000);
        assert!(events.windows(2).all(|pair| pair[0].timestamp <= pair[1].timestamp));
    }
}

/// At a rate that people can make, virtual time runs about as fast as the rate says.
#[test]
fn virtual_time_fits_the_rate() {
    let config = GeneratorConfig { rate: 100.0, ..GeneratorConfig::default() };
    let mut generator = generator(config, 42);
    generator.next_batch(10_000);
    let begin = generator.now();
    generator.next_batch(50_000);
    let rate = 50_000.0 / generator.now().since(begin).as_secs_f64();
    assert!((60.0..160.0).contains(&rate), "{rate}");
}
