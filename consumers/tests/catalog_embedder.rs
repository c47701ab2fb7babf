//! Products get vectors in the background; one that cannot be embedded blocks no other.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::sync::Arc;
use std::time::Duration;

use rep_consumers::catalog_embedder::{CatalogEmbedderConfig, CatalogEmbedderDeps, CatalogEmbedderRole};
use rep_core::Product;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::embedder::Urgency;
use support::embedder::{Mood, vector_of};
use support::events::{product, product_id};
use support::world::World;
use tokio_util::sync::CancellationToken;

fn role(world: &World, config: CatalogEmbedderConfig) -> CatalogEmbedderRole {
    let deps = CatalogEmbedderDeps {
        catalog: Arc::new(world.stores.clone()),
        embedder: world.embedder.clone(),
        popularity: Some(Arc::new(world.stores.clone())),
        clock: world.clock.clone(),
    };
    CatalogEmbedderRole::new(deps, config)
}

fn embedded(world: &World) -> usize {
    world.stores.state.lock().products.values().filter(|entry| entry.vector.is_some()).count()
}

#[tokio::test(start_paused = true)]
async fn every_product_but_the_refused_gets_its_vector() {
    let world = World::new();
    world.stores.put((0..100).map(product).collect()).await.unwrap();
    // The first of the catalogue's order, and more than one page of them.
    let refused: Vec<_> = (0..100).filter(|n| n.to_string().starts_with('1')).collect();
    world.embedder.refused.lock().extend(refused.iter().map(|n| product(*n).passage()));
    let role = role(&world, CatalogEmbedderConfig { batch: 4, page: 8, ..CatalogEmbedderConfig::default() });
    let (stats, progress, nudge) = (role.stats(), role.progress(), role.nudge());
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(role.run(shutdown.clone()));
    world.until("the rest is embedded", || embedded(&world) == 100 - refused.len()).await;
    world.until("the count", || progress.get().embedded == 89).await;
    assert_eq!((progress.get().total, progress.get().refused), (100, refused.len() as u64));
    assert_eq!(stats.snapshot().skipped, refused.len() as u64);
    let vector = world.stores.state.lock().products[&product_id(42)].vector.clone();
    assert_eq!(vector.unwrap(), vector_of(&product(42).passage()));

    // A nudge wakes it; a text that was changed is tried again, an unchanged one only after a while.
    let mut renamed = product(1);
    renamed.name = "Renamed".to_owned();
    world.stores.put(vec![renamed, product(100)]).await.unwrap();
    let before = world.now();
    nudge.notify_one();
    world.until("both", || embedded(&world) == 91).await;
    assert!(world.now().since(before) < Duration::from_millis(100));
    world.embedder.refused.lock().clear();
    world.until("the refused", || embedded(&world) == 101).await;
    let waited = world.now().since(before);
    assert!(waited > Duration::from_secs(500) && waited < Duration::from_secs(620), "{waited:?}");
    shutdown.cancel();
    assert_eq!(task.await.unwrap().unwrap().processed, 101);
}

#[tokio::test(start_paused = true)]
async fn what_shoppers_see_first_goes_first() {
    let world = World::new();
    let of_category = |n: usize| Product { category: format!("category {}", n % 2), ..product(n) };
    world.stores.put((1000..2000).map(of_category).collect()).await.unwrap();
    let rare = Product { category: "rare".to_owned(), ..product(1990) };
    world.stores.put(vec![rare]).await.unwrap();
    world.stores.state.lock().derived.popularity.insert(product_id(1800), 1.0);
    *world.embedder.mood.lock() = Mood::Slow(Duration::from_millis(100));
    let config = CatalogEmbedderConfig { batch: 4, page: 8, ..CatalogEmbedderConfig::default() };
    let role = role(&world, config);
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(role.run(shutdown.clone()));
    let has = |n: usize| world.stores.state.lock().products[&product_id(n)].vector.is_some();
    world.until("what is popular", || has(1800)).await;
    assert!(embedded(&world) <= 4, "before all others");
    assert_eq!(world.embedder.urgencies()[0], Urgency::Urgent);
    // What becomes popular meanwhile is next, and so are the first of each category.
    world.stores.state.lock().derived.popularity.insert(product_id(1900), 1.0);
    world.until("what has become popular", || has(1900)).await;
    assert!(embedded(&world) < 200, "{}", embedded(&world));
    world.until("the only one of its category", || has(1990)).await;
    assert!(embedded(&world) < 600 && !has(1989), "{}", embedded(&world));
    world.until("all", || embedded(&world) == 1000).await;
    let urgencies = world.embedder.urgencies();
    let urgent = urgencies.iter().filter(|urgency| **urgency == Urgency::Urgent).count();
    assert!((12..=16).contains(&urgent), "the popular and the first page, {urgent} calls of 4");
    assert_eq!(urgencies.last(), Some(&Urgency::Backlog));
    shutdown.cancel();
    assert_eq!(task.await.unwrap().unwrap().processed, 1000);
}

#[tokio::test(start_paused = true)]
async fn a_first_page_that_is_not_embedded_soon_joins_the_backlog() {
    let world = World::new();
    world.stores.put((0..20).map(product).collect()).await.unwrap();
    *world.embedder.mood.lock() = Mood::Slow(Duration::from_secs(5));
    let role = role(&world, CatalogEmbedderConfig::default());
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(role.run(shutdown.clone()));
    world.until("all", || embedded(&world) == 20).await;
    let urgencies = world.embedder.urgencies();
    assert_eq!(urgencies, [vec![Urgency::Urgent], vec![Urgency::Backlog; 5]].concat());
    shutdown.cancel();
    assert_eq!(task.await.unwrap().unwrap().processed, 20);
}

#[tokio::test(start_paused = true)]
async fn a_model_or_store_that_is_away_is_waited_for() {
    let world = World::new();
    world.stores.put((0..20).map(product).collect()).await.unwrap();
    *world.embedder.mood.lock() = Mood::Overloaded;
    let role = role(&world, CatalogEmbedderConfig::default());
    let (stats, shutdown) = (role.stats(), CancellationToken::new());
    let task = tokio::spawn(role.run(shutdown.clone()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((stats.snapshot().paused, embedded(&world)), (1, 0));
    *world.embedder.mood.lock() = Mood::Well;
    for operation in ["unembedded", "set_vectors"] {
        world.faults.fail(operation, rep_core::ports::StoreErrorKind::Unavailable, 5);
    }
    world.until("embedded", || embedded(&world) == 20).await;
    shutdown.cancel();
    assert_eq!(task.await.unwrap().unwrap().skipped, 0);
}
