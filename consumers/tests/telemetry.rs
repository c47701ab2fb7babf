//! What roles tell of themselves: how far behind they are, and of which traces their work is part.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use parking_lot::Mutex;
use rep_consumers::behaviour::BehaviourConfig;
use rep_consumers::inventory::InventoryConfig;
use rep_core::avro::Event as _;
use rep_core::ports::behaviour::BehaviourDocument;
use rep_core::ports::log::NewRecord;
use rep_core::{ActionType, Position, Topic, TraceContext, partition_of};
use support::events::{action, price_drop, user_id};
use support::world::World;

/// Keeps gauges by their labels.
#[derive(Default)]
struct Gauges(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Gauges {
    /// The lag that `role` tells of `partition`.
    fn lag(&self, role: &str, partition: u32) -> Option<f64> {
        let name = format!("rep_consumer_lag role={role} topic=user.action.v1 partition={partition}");
        self.0.lock().get(&name).map(|bits| f64::from_bits(bits.load(Ordering::SeqCst)))
    }
}

impl Recorder for Gauges {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value()));
        let name = format!("{}{}", key.name(), labels.collect::<String>());
        Gauge::from_arc(Arc::clone(self.0.lock().entry(name).or_default()))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test(start_paused = true)]
async fn the_lag_of_ones_partitions_is_told_while_a_store_is_away_and_until_they_go() {
    let gauges = Gauges::default();
    let _guard = metrics::set_default_local_recorder(&gauges);
    let world = World::with_products(1);
    let busy = partition_of(b"u1", 12);
    let idle = (busy + 1) % 12;
    world.faults.away("index");
    world.faults.away("positions");
    for n in 0..5 {
        world.append(&action(&format!("a{n}"), 1, ActionType::Click, 0, world.now()));
    }
    let role = world.run_behaviour(BehaviourConfig::default());
    let told = |busy_lag, idle_lag| {
        gauges.lag("behaviour", busy) == Some(busy_lag) && gauges.lag("behaviour", idle) == Some(idle_lag)
    };
    world.until("what waits is told while the role is paused", || told(5.0, 0.0)).await;
    world.append(&action("a5", 1, ActionType::Click, 0, world.now()));
    world.until("what comes meanwhile, too", || told(6.0, 0.0)).await;

    world.faults.heal("index");
    world.faults.heal("positions");
    world.until_drained("behaviour", Topic::UserAction).await;
    world.until("that nothing waits any more", || told(0.0, 0.0)).await;

    world.log.revoke(&[busy]);
    world.until("the partition is let go", || !world.log.state.lock().history.is_empty()).await;
    for _ in 0..3 {
        world.append(&action(&format!("b{}", world.now()), 1, ActionType::Click, 0, world.now()));
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    }
    assert!(told(0.0, 0.0), "another's lag is not ours to tell");
    role.stop().await.unwrap();
}

fn trace(n: u8) -> Option<TraceContext> {
    TraceContext::new([n; 16], [n; 8], n.is_multiple_of(2))
}

fn interested(world: &World, user: usize, product: usize) {
    let id = format!("i{user}-{product}");
    let document = BehaviourDocument {
        action: action(&id, user, ActionType::AddToCart, product, world.now()),
        position: Position { epoch: 1, partition: 0, offset: 0 },
        appended_at: world.now(),
    };
    world.stores.state.lock().derived.documents.insert(document.action.event_id().key(), document);
}

#[tokio::test(start_paused = true)]
async fn notifications_and_dead_letters_stay_part_of_the_trace_that_led_to_them() {
    let world = World::with_products(3);
    for n in 0..3 {
        interested(&world, n + 1, n);
        let change = price_drop(&format!("c{n}"), n, world.now());
        let value = world.codec.encode(&change).unwrap();
        let trace = (n > 0).then(|| trace(n as u8)).flatten();
        let record = NewRecord::new(change.key().to_vec(), value).in_trace(trace);
        world.log.append_record(Topic::ProductInventory, record);
    }
    let rubbish = NewRecord::new("p0", "rubbish").in_trace(trace(9));
    world.log.append_record(Topic::ProductInventory, rubbish);
    let role = world.run_inventory(InventoryConfig::default());
    world.until_drained("inventory", Topic::ProductInventory).await;
    role.stop().await.unwrap();
    let mut told: Vec<_> = world.log.all(Topic::NotificationPush);
    told.sort_by(|a, b| a.key.cmp(&b.key));
    let traces: Vec<_> = told.iter().map(|record| (record.key.clone(), record.trace)).collect();
    let of = |n: usize, trace| (user_id(n).as_str().to_owned().into(), trace);
    assert_eq!(traces, [of(1, None), of(2, trace(1)), of(3, trace(2))]);
    let letters = world.log.all(Topic::UserActionDlq);
    assert_eq!(letters.iter().map(|letter| letter.trace).collect::<Vec<_>>(), [trace(9)]);
}
