//! From a price drop to the inbox: who is told, how often, and what a crash may not do.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::time::Duration;

use rep_consumers::inventory::InventoryConfig;
use rep_consumers::notify::NotifyConfig;
use rep_core::avro::Event;
use rep_core::ports::behaviour::BehaviourDocument;
use rep_core::ports::notifications::InboxItem;
use rep_core::{
    ActionType, InterestReason, Notification, NotificationKind, NotificationSettings, Position, Preference,
    Topic,
};
use support::embedder::vector_of;
use support::events::{action, price_drop, product, trace_id, user_id};
use support::world::{Running, World};

fn interested(world: &World, user: usize, kind: ActionType, product: usize) {
    let trace = format!("i{user}-{product}-{}", kind.as_str());
    let document = BehaviourDocument {
        action: action(&trace, user, kind, product, world.now()),
        position: Position { epoch: 1, partition: 0, offset: 0 },
        appended_at: world.now(),
    };
    world.stores.state.lock().derived.documents.insert(trace_id(&trace), document);
}

fn taste(world: &World, user: usize, of_product: usize) {
    let mut preference = Preference::new(user_id(user), rep_core::ModelId::new("hash-8").unwrap());
    preference.vector = Some(vector_of(&product(of_product).passage()));
    preference.updated_at = world.now();
    world.stores.state.lock().derived.preferences.insert(user_id(user), preference);
}

fn notifications(world: &World) -> Vec<Notification> {
    let records = world.log.all(Topic::NotificationPush);
    records.iter().map(|record| world.codec.decode(&record.value).unwrap()).collect()
}

fn inbox(world: &World, user: usize) -> Vec<InboxItem> {
    world.stores.state.lock().inboxes.get(&user_id(user)).cloned().unwrap_or_default()
}

fn notification(n: usize, user: usize, kind: NotificationKind) -> Notification {
    let change = price_drop(&format!("c{n}"), n, rep_core::Timestamp::from_ms(1_800_000_000_000));
    Notification {
        notification_id: Notification::id_of(&change, kind, &user_id(user)),
        trace_id: change.trace_id,
        user_id: user_id(user),
        product_id: change.product_id,
        product_name: "Thing".to_owned(),
        kind,
        reason: InterestReason::Viewed,
        currency: change.currency,
        price_before: change.price_before,
        price_after: change.price_after,
        stock_after: change.stock_after,
        timestamp: change.timestamp,
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_care_are_told_once_with_the_strongest_reason() {
    let world = World::with_products(4);
    interested(&world, 1, ActionType::View, 0);
    interested(&world, 1, ActionType::AddToCart, 0);
    interested(&world, 2, ActionType::Wishlist, 0);
    interested(&world, 3, ActionType::Click, 1);
    taste(&world, 1, 0);
    taste(&world, 4, 0);
    world.append(&price_drop("c1", 0, world.now()));
    let mut too_little = price_drop("c2", 1, world.now());
    too_little.price_after = 990;
    world.append(&too_little);
    world.append(&price_drop("c3", 99, world.now()));
    world.append(&price_drop("old", 0, rep_core::Timestamp::from_ms(5)));
    world.log.append_now(Topic::ProductInventory, b"p0", b"rubbish".to_vec());
    let role = world.run_inventory(InventoryConfig::default());
    world.until_drained("inventory", Topic::ProductInventory).await;
    let stats = role.stop().await.unwrap();
    assert_eq!((stats.notifications, stats.skipped, stats.dead_lettered), (3, 2, 2));
    let mut told: Vec<_> =
        notifications(&world).into_iter().map(|n| (n.user_id.to_string(), n.reason, n.kind)).collect();
    told.sort_by(|a, b| a.0.cmp(&b.0));
    let drop = NotificationKind::PriceDrop;
    assert_eq!(
        told,
        [
            ("u1".to_owned(), InterestReason::Carted, drop),
            ("u2".to_owned(), InterestReason::Wishlisted, drop),
            ("u4".to_owned(), InterestReason::Similar, drop),
        ]
    );
    let letters = world.dead_letters();
    assert!(
        letters.iter().all(|letter| letter.topic == "product.inventory.v1" && letter.group == "inventory")
    );
    let mut reasons: Vec<_> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["BAD_MAGIC", "INVALID"]);
}

#[tokio::test(start_paused = true)]
async fn settings_channels_and_the_cap_are_kept() {
    let world = World::with_products(4);
    let wish = |f: fn(&mut NotificationSettings)| {
        let mut settings = NotificationSettings::default();
        f(&mut settings);
        settings
    };
    {
        let mut state = world.stores.state.lock();
        state.settings.insert(user_id(2), wish(|s| s.kinds.price_drop = false));
        state.settings.insert(user_id(3), wish(|s| (s.in_app, s.push, s.sms) = (false, false, true)));
    }
    let drop = NotificationKind::PriceDrop;
    for user in 1..=3 {
        world.append(&notification(0, user, drop));
    }
    world.append(&notification(0, 1, NotificationKind::Unknown));
    for n in 0..30 {
        world.append(&notification(n, 4, drop));
    }
    world.append(&notification(0, 4, drop));
    let role = world.run_notify(NotifyConfig::default());
    world.until_drained("notify", Topic::NotificationPush).await;
    let stats = role.stop().await.unwrap();
    assert_eq!((stats.received, stats.processed, stats.skipped), (35, 35, 1));
    assert_eq!((stats.notifications, stats.muted), (22, 12));
    assert_eq!(inbox(&world, 1)[0].channels, ["in-app", "push"]);
    assert!(inbox(&world, 2).is_empty());
    assert_eq!(inbox(&world, 3)[0].channels, ["sms"]);
    assert_eq!(inbox(&world, 4).len(), 20);
    assert_eq!((world.push.sent(), world.sms.sent()), (21, 1));

    // A new member reads the cap from the inbox; an hour later there is room again.
    let role = world.run_notify(NotifyConfig::default());
    world.append(&notification(50, 4, drop));
    world.until_drained("notify", Topic::NotificationPush).await;
    assert_eq!(inbox(&world, 4).len(), 20);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    world.append(&notification(51, 4, drop));
    world.until_drained("notify", Topic::NotificationPush).await;
    assert_eq!(inbox(&world, 4).len(), 21);
    role.stop().await.unwrap();
}

async fn through_crashes(world: &World, steps: u32, topic: Topic, group: &str, run: impl Fn() -> Running) {
    for crash in 0.. {
        world.faults.crash_after((crash < 3).then_some(steps + crash));
        let role = run();
        tokio::select! {
            () = world.faults.crashed() => role.kill().await,
            () = world.until_drained(group, topic) => {
                world.faults.crash_after(None);
                role.stop().await.unwrap();
                return;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_step_tells_each_shopper_once() {
    for steps in 0..40 {
        let world = World::with_products(4);
        (0..30).for_each(|user| interested(&world, user, ActionType::Click, user % 3));
        for n in 0..9 {
            world.append(&price_drop(&format!("c{n}"), n % 3, world.now()));
        }
        let mut inventory = InventoryConfig { append_records: 7, ..InventoryConfig::default() };
        inventory.consume.records_max = 2;
        let mut notify = NotifyConfig::default();
        notify.consume.records_max = 8;
        through_crashes(&world, steps, Topic::ProductInventory, "inventory", || {
            world.run_inventory(inventory)
        })
        .await;
        through_crashes(&world, steps, Topic::NotificationPush, "notify", || world.run_notify(notify)).await;
        for user in 0..30 {
            let mut ids: Vec<_> =
                inbox(&world, user).into_iter().map(|item| item.notification.notification_id).collect();
            assert_eq!(ids.len(), 3, "steps {steps}: three drops of the one product of u{user}");
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 3, "steps {steps}: each once");
        }
        assert!(world.push.sent() <= 90, "steps {steps}: nobody is rung twice");
        assert!(world.dead_letters().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn stores_that_are_away_delay_and_lose_nothing() {
    let world = World::with_products(4);
    (0..30).for_each(|user| interested(&world, user, ActionType::Click, 0));
    world.append(&price_drop("c1", 0, world.now()));
    for operation in ["get", "vectors", "interested", "nearest", "append"] {
        world.faults.fail(operation, rep_core::ports::StoreErrorKind::Unavailable, 8);
    }
    let inventory = world.run_inventory(InventoryConfig::default());
    world.until_drained("inventory", Topic::ProductInventory).await;
    inventory.stop().await.unwrap();
    for operation in ["settings", "inbox", "deliver"] {
        world.faults.fail(operation, rep_core::ports::StoreErrorKind::Full, 8);
    }
    let notify = world.run_notify(NotifyConfig::default());
    world.until_drained("notify", Topic::NotificationPush).await;
    let stats = notify.stop().await.unwrap();
    assert_eq!((stats.notifications, stats.dead_lettered), (30, 0));
    assert_eq!(notifications(&world).len(), 30);
    assert_eq!(notifications(&world)[0].key(), notifications(&world)[0].user_id.as_str().as_bytes());
}
