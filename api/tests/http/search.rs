//! `GET /search`.

use rep_core::ActionType;
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn words_and_meaning_are_fused_and_told() {
    let world = World::stocked().await;
    let answer = world.get("/search?q=tent%20model3&limit=5").await;
    assert_eq!(answer.body["strategy"], "hybrid");
    assert_eq!(answer.body["query"], "tent model3");
    assert_eq!(answer.ids()[0], "tent-3");
    let reasons = answer.body["items"][0]["reasons"].as_array().unwrap();
    assert_eq!(reasons[0], json!({"kind": "SEARCH_WORDS", "text": "Matches your search “tent model3”"}));
    assert_eq!(reasons[1]["kind"], "SEARCH_MEANING");
}

#[tokio::test]
async fn without_a_shared_word_meaning_is_left() {
    let world = World::stocked().await;
    let answer = world.get("/search?q=zelt&limit=5").await;
    assert_eq!((answer.body["strategy"].as_str(), answer.ids().len()), (Some("semantic"), 5));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_away_or_slow_leaves_words() {
    let world = World::stocked().await;
    world.embedder.fail();
    let answer = world.get("/search?q=stove").await;
    assert_eq!((answer.body["strategy"].as_str(), answer.ids().len()), (Some("lexical"), 8));
    world.embedder.hang();
    assert_eq!(world.get("/search?q=stove").await.expect(200)["strategy"], "lexical");
    assert_eq!(world.get("/search?q=zelt").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn taste_orders_near_matches_and_filters_hold() {
    let world = World::stocked().await;
    let plain = world.get("/search?q=model&limit=24").await;
    assert_eq!(plain.ids().len(), 24);
    for _ in 0..3 {
        world.act("ann", ActionType::Purchase, "tent-7").await;
    }
    let mine = world.get("/search?q=model&limit=24&userId=ann").await;
    let place = |answer: &crate::support::Answer| answer.ids().iter().position(|id| *id == "tent-7").unwrap();
    assert!(place(&mine) < place(&plain));
    let lamps = world.get("/search?q=model&category=lamps&limit=100").await;
    assert_eq!(lamps.ids().len(), 8);
}

#[tokio::test]
async fn queries_have_bounds() {
    let world = World::new();
    for query in ["/search", "/search?q=", "/search?q=%20%20", &format!("/search?q={}", "x".repeat(513))] {
        assert_eq!(world.get(query).await.bad_fields(), ["q"], "{query}");
    }
    world.get("/search?q=%FF%FE").await.expect(200);
}
