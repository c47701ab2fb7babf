//! Relevance: simulated shoppers have known tastes, so it can be measured whether what they are recommended
//! is nearer to their taste than what is popular.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use crate::support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rep_core::{Product, UserId};
use rep_simulator::relevance::ndcg_of;
use rep_simulator::{Catalogue, Generator, GeneratorConfig, Population};
use serde_json::{Value, json};

use support::{Rep, client, get, wait_drained, wait_until};

const SEED: u64 = 42;
const PRODUCTS: u32 = 1000;
const USERS: u32 = 150;
const EVENTS: usize = 9000;
/// How much greater the mean NDCG@10 must be, on a scale from 0 to 1.
const MARGIN: f64 = 0.1;

#[test]
fn personalised_lists_are_nearer_to_known_tastes_than_the_popular_list() {
    let data = tempfile::tempdir().unwrap();
    let products = PRODUCTS.to_string();
    let rep = Rep::start(data.path(), &["--no-simulator", "--seed", "42", "--products", &products]);
    let (agent, api) = (client(), rep.url("api"));
    wait_until("every product has a vector", Duration::from_secs(900), || {
        get(&agent, &format!("{api}/status"))["products"]["embedded"] == PRODUCTS
    });

    let catalogue = Arc::new(Catalogue::new(SEED, PRODUCTS));
    let config = GeneratorConfig { users: USERS, ..GeneratorConfig::default() };
    let mut generator = Generator::new(config, Arc::clone(&catalogue), SEED);
    for _ in 0..EVENTS / 500 {
        let events: Vec<Value> = generator.next_batch(500).iter().map(|action| json!(action)).collect();
        let mut answer = agent.post(&format!("{api}/events")).send_json(&events).unwrap();
        assert_eq!(answer.status(), 202, "{}", answer.body_mut().read_to_string().unwrap());
    }
    wait_drained(&agent, &api);

    let all: Vec<Product> = catalogue.iter().collect();
    let at = generator.now();
    let ranked = |user: &str| -> (String, Vec<Product>) {
        let answer = get(&agent, &format!("{api}/recommendations?userId={user}&limit=10"));
        let items = answer["items"].as_array().unwrap();
        let ids = items.iter().map(|item| item["productId"].as_str().unwrap());
        let products = ids.map(|id| all.iter().find(|p| p.product_id.as_str() == id).unwrap().clone());
        (answer["strategy"].as_str().unwrap().to_owned(), products.collect())
    };
    let (strategy, popular) = ranked("nobody-knows-me");
    assert_eq!(strategy, "popular");
    let (mut personal_sum, mut popular_sum, mut count) = (0.0, 0.0, 0.0);
    for user in Population::new(SEED, USERS).ids() {
        let (strategy, items) = ranked(user.as_str());
        if strategy != "personalized" {
            continue;
        }
        let ndcg =
            |items: &[Product], user: &UserId| ndcg_of(generator.population(), user, at, items, &all, 10);
        if let (Some(personal), Some(popular)) = (ndcg(&items, &user), ndcg(&popular, &user)) {
            personal_sum += personal;
            popular_sum += popular;
            count += 1.0;
        }
    }
    let (personal, popular) = (personal_sum / count, popular_sum / count);
    println!("NDCG@10 over {count} shoppers: personalised {personal:.3}, popular {popular:.3}");
    assert!(count >= 50.0, "enough shoppers acted");
    assert!(
        personal >= popular + MARGIN,
        "personalised {personal:.3}, popular {popular:.3}, margin {MARGIN}"
    );
    assert!(rep.stop().success());
}

/// Enough that embedding them all takes longer than a click.
const MANY_PRODUCTS: u32 = 6000;

#[test]
fn a_click_changes_the_list_while_the_catalogue_is_being_embedded() {
    let data = tempfile::tempdir().unwrap();
    let products = MANY_PRODUCTS.to_string();
    let rep = Rep::start(data.path(), &["--no-simulator", "--seed", "42", "--products", &products]);
    let ready = Instant::now();
    let (agent, api) = (client(), rep.url("api"));
    let list = |user: &str| get(&agent, &format!("{api}/recommendations?userId={user}&limit=10"));
    let ids = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap();
        items.iter().map(|item| item["productId"].as_str().unwrap().to_owned()).collect()
    };
    let before = list("newcomer");
    assert_eq!(before["strategy"], "popular");
    // The last of the catalogue's order: the backlog is far from it.
    let clicked = Catalogue::id(MANY_PRODUCTS - 1);
    let event = json!({"userId": "newcomer", "actionType": "CLICK", "productId": clicked});
    assert_eq!(agent.post(&format!("{api}/events")).send_json(&event).unwrap().status(), 202);
    wait_until("the click changes the list", Duration::from_secs(120), || {
        let now = list("newcomer");
        now["strategy"] == "personalized" && ids(&now) != ids(&before)
    });
    println!("from ready until a click changed the list: {:.2} s", ready.elapsed().as_secs_f64());
    let embedded = get(&agent, &format!("{api}/status"))["products"]["embedded"].as_u64().unwrap();
    assert!(embedded < u64::from(MANY_PRODUCTS), "the catalogue was embedded before; take a greater one");
    assert!(rep.stop().success());
}
