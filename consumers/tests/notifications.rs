//! From a price drop to the inbox: who is told, how often, and what a crash may not do.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::sync::Arc;
use std::time::Duration;

use rep_consumers::inventory::InventoryConfig;
use rep_consumers::notify::NotifyConfig;
use rep_core::avro::Event;
use rep_core::likeness::LikenessScale;
use rep_core::ports::behaviour::BehaviourDocument;
use rep_core::ports::notifications::InboxItem;
use rep_core::{
    ActionType, Currency, InterestReason, InventoryChange, Money, Notification, NotificationKind,
    NotificationSettings, Position, Preference, Product, Timestamp, Topic, UnitVector,
};
use support::embedder::vector_of;
use support::events::{action, price_drop, product, user_id};
use support::stores::KeptProduct;
use support::world::{Running, World};

fn interested(world: &World, user: usize, kind: ActionType, product: usize) {
    interested_at(world, user, kind, product, world.now());
}

fn interested_at(world: &World, user: usize, kind: ActionType, product: usize, at: Timestamp) {
    let trace = format!("i{user}-{product}-{}", kind.as_str());
    let document = BehaviourDocument {
        action: action(&trace, user, kind, product, at),
        position: Position { epoch: 1, partition: 0, offset: 0 },
        appended_at: world.now(),
    };
    world.stores.state.lock().derived.documents.insert(document.action.event_id().key(), document);
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
        merged: 0,
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
    world.append(&price_drop("old", 0, rep_core::Timestamp::from_ms(1_000_000_000_000)));
    world.append(&price_drop("yesterday", 0, world.now().minus(Duration::from_secs(24 * 3600 + 1))));
    world.append(&price_drop("tomorrow", 0, world.now().plus(Duration::from_secs(24 * 3600))));
    world.log.append_now(Topic::ProductInventory, b"p0", b"rubbish".to_vec());
    let role = world.run_inventory(InventoryConfig::default());
    world.until_drained("inventory", Topic::ProductInventory).await;
    let stats = role.stop().await.unwrap();
    assert_eq!(
        (stats.notifications, stats.skipped, stats.dead_lettered),
        (3, 4, 2),
        "nobody hears of the past"
    );
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

/// However near their taste, those who bought, disliked or gave a product up are not told of it; an older action that
/// comes late does not change that.
#[tokio::test(start_paused = true)]
async fn those_who_are_done_with_a_product_are_not_told() {
    use ActionType::{AddToCart, Dislike, Purchase, RemoveFromCart, RemoveFromWishlist, Wishlist};
    let world = World::with_products(4);
    let minutes_ago = |minutes: u64| world.now().minus(Duration::from_secs(60 * minutes));
    let acts: [&[(ActionType, u64)]; 7] = [
        &[(Purchase, 5), (AddToCart, 600)],
        &[(Dislike, 5), (ActionType::Click, 10)],
        &[(AddToCart, 10), (RemoveFromCart, 5)],
        &[(Wishlist, 10), (RemoveFromWishlist, 5)],
        &[(Purchase, 50 * 24 * 60)],
        &[(Wishlist, 30), (AddToCart, 20), (RemoveFromCart, 10)],
        &[],
    ];
    for (user, acts) in acts.into_iter().enumerate() {
        taste(&world, user, 0);
        for (kind, minutes) in acts {
            interested_at(&world, user, *kind, 0, minutes_ago(*minutes));
        }
    }
    world.append(&price_drop("c1", 0, world.now()));
    let role = world.run_inventory(InventoryConfig::default());
    world.until_drained("inventory", Topic::ProductInventory).await;
    role.stop().await.unwrap();
    let mut told: Vec<_> =
        notifications(&world).into_iter().map(|n| (n.user_id.to_string(), n.reason)).collect();
    told.sort();
    let expected = [
        ("u4", InterestReason::Similar),
        ("u5", InterestReason::Wishlisted),
        ("u6", InterestReason::Similar),
    ];
    assert_eq!(told, expected.map(|(user, reason)| (user.to_owned(), reason)));
}

#[tokio::test(start_paused = true)]
async fn who_likes_what_is_similar_is_measured_by_the_shop() {
    // A model that puts everything close together: four kinds, one product in four.
    let world = World::with_products(40);
    let of_kind = |kind: usize| {
        let own = |axis: usize| if axis == kind { 1.0 } else { 0.0 };
        UnitVector::normalised((0..8).map(|axis| if axis == 7 { 3.0 } else { own(axis) }).collect()).unwrap()
    };
    let vectors: Vec<UnitVector> = (0..40).map(|n| of_kind(n % 4)).collect();
    let everything = UnitVector::normalised(vec![1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 12.0]).unwrap();
    {
        let mut state = world.stores.state.lock();
        for (n, vector) in vectors.iter().enumerate() {
            state.products.get_mut(&product(n).product_id).unwrap().vector = Some(vector.clone());
        }
    }
    for (user, vector) in [(1, of_kind(0)), (2, of_kind(1)), (3, everything)] {
        assert!(vector.cosine(&vectors[0]) > 0.85, "by plain cosines all three are near");
        taste(&world, user, 0);
        world.stores.state.lock().derived.preferences.get_mut(&user_id(user)).unwrap().vector = Some(vector);
    }
    world.scale.set(LikenessScale::of(&vectors));
    world.append(&price_drop("c1", 0, world.now()));
    let config = InventoryConfig { similar_likeness_min: 1.0, ..InventoryConfig::default() };
    let role = world.run_inventory(config);
    world.until_drained("inventory", Topic::ProductInventory).await;
    role.stop().await.unwrap();
    let told: Vec<_> = notifications(&world).into_iter().map(|n| (n.user_id.to_string(), n.reason)).collect();
    assert_eq!(told, [("u1".to_owned(), InterestReason::Similar)]);
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
    let carted = |n| Notification { reason: InterestReason::Carted, ..notification(n, 4, drop) };
    world.append(&carted(30));
    let role = world.run_notify(NotifyConfig::default());
    world.until_drained("notify", Topic::NotificationPush).await;
    let stats = role.stop().await.unwrap();
    assert_eq!((stats.received, stats.processed, stats.skipped), (36, 36, 1));
    // One each, and 15 with a summary of the other 16; what is muted: unwanted, merged, and a repeat of what went.
    assert_eq!((stats.notifications, stats.muted), (18, 18));
    assert_eq!(inbox(&world, 1)[0].channels, ["in-app", "push"]);
    assert!(inbox(&world, 2).is_empty());
    assert!(inbox(&world, 3).is_empty(), "by SMS alone is not in the app");
    assert_eq!(world.stores.state.lock().unlisted.len(), 1);
    let of_four = inbox(&world, 4);
    assert_eq!((of_four.len(), of_four[0].notification.product_id.as_str()), (16, "p30"), "the cart at once");
    let summary = &of_four[15].notification;
    assert_eq!((summary.kind, summary.merged), (NotificationKind::Summary, 16));
    assert_eq!((world.push.sent(), world.sms.sent()), (17, 1));

    // A new member reads from the store what was told; an hour later there is room again.
    let role = world.run_notify(NotifyConfig::default());
    world.append(&notification(50, 4, drop));
    world.append(&Notification { user_id: user_id(3), ..notification(0, 3, drop) });
    for n in 60..70 {
        world.append(&carted(n));
    }
    world.until_drained("notify", Topic::NotificationPush).await;
    let told = inbox(&world, 4);
    assert_eq!(told.len(), 20);
    assert!(
        told[16..].iter().all(|item| item.notification.reason == InterestReason::Carted),
        "from the reserve"
    );
    assert_eq!(world.sms.sent(), 1, "what did not show is known, too");
    tokio::time::sleep(Duration::from_secs(3600)).await;
    world.append(&notification(51, 4, drop));
    world.until_drained("notify", Topic::NotificationPush).await;
    assert_eq!(inbox(&world, 4).len(), 21);
    role.stop().await.unwrap();
}

/// A glitch up and back, a price of nothing and stock that flaps are no news; what is, counts against what was seen.
#[tokio::test(start_paused = true)]
async fn glitches_and_flapping_stock_are_no_news() {
    let world = World::with_products(1);
    interested(&world, 1, ActionType::AddToCart, 0);
    let steps =
        [(1000, 5), (100_000, 5), (1000, 5), (0, 5), (1000, 5), (1000, 0), (1000, 5), (1000, 0), (1000, 5)];
    let mut now = product(0);
    let mut at = world.now().plus(Duration::from_millis(1));
    let mut take = |(minor, stock)| {
        let price = Money::from_minor(minor, Currency::EUR).unwrap();
        let mut next = Product { price, stock, ..product(0) };
        at = at.plus(Duration::from_millis(1));
        let change = InventoryChange::between(Some(&now), &mut next, at);
        now = next;
        (change, now.clone())
    };
    let mut changes: Vec<_> = steps.into_iter().filter_map(|step| take(step).0).collect();
    // Raised and lowered below what the shopper saw: one drop.
    changes.extend([(1200, 5), (800, 5)].into_iter().filter_map(|step| take(step).0));
    let (_, last) = take((800, 5));
    let kept = KeptProduct { product: Arc::new(last), vector: None };
    world.stores.state.lock().products.insert(kept.product.product_id.clone(), kept);
    for change in &changes {
        world.append(change);
    }
    let role = world.run_inventory(InventoryConfig::default());
    world.until_drained("inventory", Topic::ProductInventory).await;
    let stats = role.stop().await.unwrap();
    let told = notifications(&world);
    let is: Vec<_> = told.iter().map(|n| (n.kind, n.price_before, n.price_after)).collect();
    use NotificationKind::{BackInStock, PriceDrop};
    assert_eq!(is, [(BackInStock, Some(1000), 1000), (PriceDrop, Some(1000), 800)]);
    assert_eq!(
        (stats.received, stats.skipped),
        (10, 7),
        "the end of a glitch could be news, and is to nobody"
    );
}

/// Sixty products of a sale that the shopper viewed, and then five that are in the cart.
#[tokio::test(start_paused = true)]
async fn a_sale_does_not_drown_the_cart() {
    let world = World::with_products(65);
    for n in 0..65 {
        let action = if n < 60 { ActionType::View } else { ActionType::AddToCart };
        interested(&world, 1, action, n);
        let mut change = price_drop(&format!("sale{n}"), n, world.now());
        change.price_after = 700 - n as i64;
        world.append(&change);
    }
    let inventory = InventoryConfig { similar_max: 0, ..InventoryConfig::default() };
    let inventory = world.run_inventory(inventory);
    world.until_drained("inventory", Topic::ProductInventory).await;
    inventory.stop().await.unwrap();
    let notify = world.run_notify(NotifyConfig::default());
    world.until_drained("notify", Topic::NotificationPush).await;
    let stats = notify.stop().await.unwrap();
    assert_eq!((stats.notifications, stats.muted), (20, 46));
    let inbox = inbox(&world, 1);
    let of = |reason| inbox.iter().filter(move |item| item.notification.reason == reason);
    assert_eq!(of(InterestReason::Carted).count(), 5);
    let viewed = of(InterestReason::Viewed).filter(|item| item.notification.merged == 0);
    let mut viewed: Vec<_> = viewed.map(|item| item.notification.price_after).collect();
    viewed.sort_unstable();
    assert_eq!(viewed, (641..655).collect::<Vec<i64>>(), "the greatest drops");
    let summary = &inbox[19].notification;
    assert_eq!(summary.title(), "46 more of what you viewed are cheaper");
}

/// A product that rings again and again has its share, and another is heard of all the same.
#[tokio::test(start_paused = true)]
async fn one_product_does_not_use_up_the_hour() {
    let world = World::with_products(2);
    let drop = NotificationKind::BackInStock;
    for n in 0..40 {
        let id = Notification::id_of(&price_drop(&format!("c{n}"), 0, world.now()), drop, &user_id(1));
        world.append(&Notification {
            notification_id: id,
            reason: InterestReason::Carted,
            ..notification(0, 1, drop)
        });
    }
    world.append(&notification(1, 1, NotificationKind::PriceDrop));
    let notify = world.run_notify(NotifyConfig::default());
    world.until_drained("notify", Topic::NotificationPush).await;
    notify.stop().await.unwrap();
    let inbox = inbox(&world, 1);
    let of = |kind| inbox.iter().filter(move |item| item.notification.kind == kind);
    assert_eq!((of(drop).count(), of(NotificationKind::PriceDrop).count()), (4, 1));
    let summary = of(NotificationKind::Summary).next().unwrap();
    assert_eq!((inbox.len(), summary.notification.title()), (6, "1 more in your cart has news".to_owned()));
}

/// Whatever a crash interrupts, the hour holds 20, each once, and one summary of the same rest.
#[tokio::test(start_paused = true)]
async fn a_crash_at_any_step_keeps_the_cap_and_one_summary() {
    for steps in 0..25 {
        let world = World::with_products(1);
        for n in 0..36 {
            let reason = if n % 6 == 5 { InterestReason::Carted } else { InterestReason::Viewed };
            world.append(&Notification { reason, ..notification(n, 1, NotificationKind::PriceDrop) });
        }
        let mut config = NotifyConfig::default();
        config.consume.records_max = 8;
        through_crashes(&world, steps, Topic::NotificationPush, "notify", || world.run_notify(config)).await;
        let inbox = inbox(&world, 1);
        let carted = inbox.iter().filter(|item| item.notification.reason == InterestReason::Carted);
        let summaries: Vec<_> = inbox.iter().filter(|item| item.notification.merged > 0).collect();
        assert_eq!((inbox.len(), carted.count(), summaries.len()), (20, 6, 1), "steps {steps}");
        assert_eq!(summaries[0].notification.merged, 17, "steps {steps}");
        assert!(world.push.sent() <= 20 && world.dead_letters().is_empty(), "steps {steps}");
    }
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
    taste(&world, 30, 0);
    world.append(&price_drop("c1", 0, world.now()));
    for operation in ["get", "vectors", "interested", "nearest", "settled", "append"] {
        world.faults.fail(operation, rep_core::ports::StoreErrorKind::Unavailable, 8);
    }
    let inventory = world.run_inventory(InventoryConfig::default());
    world.until_drained("inventory", Topic::ProductInventory).await;
    inventory.stop().await.unwrap();
    for operation in ["settings", "recent", "deliver"] {
        world.faults.fail(operation, rep_core::ports::StoreErrorKind::Full, 8);
    }
    let notify = world.run_notify(NotifyConfig::default());
    world.until_drained("notify", Topic::NotificationPush).await;
    let stats = notify.stop().await.unwrap();
    assert_eq!((stats.notifications, stats.dead_lettered), (31, 0));
    assert_eq!(notifications(&world).len(), 31);
    assert_eq!(notifications(&world)[0].key(), notifications(&world)[0].user_id.as_str().as_bytes());
}
