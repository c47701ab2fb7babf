//! Records that other programs wrote by schemas of their own, while the registry answers and while it does not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use rep_consumers::behaviour::{BehaviourConfig, GROUP};
use rep_core::avro::{Event, HEADER_BYTES, versions};
use rep_core::ports::schemas::{Schemas, WriterSchema};
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{ActionType, Topic, UserAction};

use support::events::action;
use support::world::World;

const FOREIGN: u32 = 77;

/// A registry with one more version of our schema, while it answers.
struct Registry {
    answers: AtomicBool,
    kind: StoreErrorKind,
}

#[async_trait]
impl Schemas for Registry {
    async fn of(&self, topic: Topic) -> Result<Vec<WriterSchema>, StoreError> {
        if !self.answers.load(Ordering::SeqCst) {
            return Err(StoreError::new(self.kind, "the registry does not answer"));
        }
        let ours = versions().iter().rfind(|version| version.topic == topic).unwrap();
        let (fields, rest) = ours.text.rsplit_once(']').unwrap();
        let campaign = r#", {"name": "campaign", "type": ["null", "string"], "default": null}]"#;
        Ok(vec![WriterSchema { id: FOREIGN, text: format!("{fields}{campaign}{rest}").into() }])
    }
}

fn world(kind: StoreErrorKind) -> (World, Arc<Registry>) {
    let registry = Arc::new(Registry { answers: AtomicBool::new(false), kind });
    let mut world = World::with_products(10);
    world.codec = world.codec.learning_from(registry.clone());
    (world, registry)
}

/// Appends an action as another program would that knows a field more, under `id`.
fn append_foreign(world: &World, id: u32, action: &UserAction) {
    let ours = world.codec.encode(action).unwrap();
    let campaign = [2, 6, b'w', b'e', b'b'];
    let value = [&[0], &id.to_be_bytes()[..], &ours[HEADER_BYTES..], &campaign].concat();
    world.log.append_now(Topic::UserAction, action.key(), value);
}

fn click(world: &World, n: usize) -> UserAction {
    action(&format!("00000000-0000-7000-8000-{n:012}"), n, ActionType::Click, n % 10, world.now())
}

#[tokio::test(start_paused = true)]
async fn a_role_pauses_while_the_registry_is_away_and_parks_nothing() {
    // Whatever it fails by: that is not the record's fault.
    for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Invalid, StoreErrorKind::Corrupt] {
        let (world, registry) = world(kind);
        append_foreign(&world, FOREIGN, &click(&world, 1));
        world.append(&click(&world, 2));
        let running = world.run_behaviour(BehaviourConfig::default());
        world.until("paused", || running.stats.snapshot().retries > 3).await;
        let stats = running.stats.snapshot();
        assert_eq!((stats.paused, stats.processed, stats.dead_lettered), (1, 0, 0));
        registry.answers.store(true, Ordering::SeqCst);
        world.until_drained(GROUP, Topic::UserAction).await;
        assert_eq!((world.documents(), world.dead_letters().len()), (2, 0));
        assert_eq!(running.stop().await.unwrap().paused, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_waits_for_the_registry_can_be_stopped() {
    let (world, registry) = world(StoreErrorKind::Unavailable);
    append_foreign(&world, FOREIGN, &click(&world, 1));
    let running = world.run_behaviour(BehaviourConfig::default());
    world.until("paused", || running.stats.snapshot().paused == 1).await;
    running.stop().await.unwrap();
    assert_eq!(world.log.lag(GROUP, Topic::UserAction), 1, "nothing is committed that has no effect");
    registry.answers.store(true, Ordering::SeqCst);
    let running = world.run_behaviour(BehaviourConfig::default());
    world.until_drained(GROUP, Topic::UserAction).await;
    running.stop().await.unwrap();
    assert_eq!(world.documents(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_nobody_registered_is_parked_and_the_rest_goes_on() {
    let (world, registry) = world(StoreErrorKind::Unavailable);
    registry.answers.store(true, Ordering::SeqCst);
    append_foreign(&world, 4711, &click(&world, 1));
    append_foreign(&world, FOREIGN, &click(&world, 2));
    let running = world.run_behaviour(BehaviourConfig::default());
    world.until_drained(GROUP, Topic::UserAction).await;
    let letters = world.dead_letters();
    assert_eq!((letters.len(), letters[0].reason.as_str()), (1, "UNKNOWN_SCHEMA"));
    assert_eq!(world.documents(), 1);
    running.stop().await.unwrap();
}
