//! What release 0.1 kept, as `tests/fixtures/release-0.1` has it, and what must be left of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rep_core::ports::behaviour::BehaviourStore;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::notifications::Notifications;
use rep_core::ports::popularity::Popularity;
use rep_core::ports::preferences::PreferenceStore;
use rep_core::{Clock, InterestReason, MASS_BEFORE_SUMS, Money, Preference, ProductId, Timestamp, UserId};
use serde_json::Value;

/// The model that release 0.1 used unless it was told otherwise.
pub(crate) const MODEL: &str = "all-MiniLM-L6-v2";
pub(crate) const DIMENSIONS: usize = 384;
/// Products, and those who acted.
pub(crate) const PRODUCTS: usize = 18;
/// Who cares for what after all that happened, strongest first.
const INTERESTED: [(&str, &[(&str, InterestReason)]); 4] = [
    ("espresso", &[("bob", InterestReason::Carted)]),
    ("tent-2", &[("cho", InterestReason::Wishlisted), ("ann", InterestReason::Viewed)]),
    ("kampala", &[("hal", InterestReason::Carted)]),
    ("baghdad", &[("hal", InterestReason::Wishlisted)]),
];
/// What these cost, in the minor units of ISO 4217. Release 0.1 counted all of them in hundredths.
const PRICES: [(&str, i64); 5] = [
    ("kampala", 30_000),
    ("asuncion", 98_000),
    ("baghdad", 1_000_500),
    ("tripoli", 12_340),
    ("arcade", 1990),
];

/// A clock that stands until it is moved: a minute after the fixture was made, whenever the test runs.
pub(crate) struct Standing(AtomicI64);

impl Standing {
    pub(crate) fn after(seen: &Value) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(time(&seen["takenAt"]).as_ms() + 60_000)))
    }
}

impl Clock for Standing {
    /// Each time a millisecond later.
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// The stores of either kind.
pub(crate) struct Stores {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) behaviour: Arc<dyn BehaviourStore>,
    pub(crate) preferences: Arc<dyn PreferenceStore>,
    pub(crate) popularity: Arc<dyn Popularity>,
    pub(crate) notifications: Arc<dyn Notifications>,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/release-0.1").join(name)
}

/// Unpacks a data directory into `folder`.
pub(crate) fn unpack(name: &str, folder: &Path) {
    let done = Command::new("tar").arg("-xzf").arg(fixture(name)).arg("-C").arg(folder).status().unwrap();
    assert!(done.success());
}

/// The text of a fixture.
pub(crate) fn text(name: &str) -> String {
    let unpacked = Command::new("gzip").arg("-dc").arg(fixture(name)).output().unwrap();
    assert!(unpacked.status.success());
    String::from_utf8(unpacked.stdout).unwrap()
}

/// What release 0.1 said of its data.
pub(crate) fn seen(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap()
}

pub(crate) fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

pub(crate) fn product(id: &str) -> ProductId {
    ProductId::new(id).unwrap()
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// Two amounts are the same, whatever digits they have behind the point.
fn same_amount(a: &str, b: &Value) -> bool {
    let number = |text: &str| text.parse::<f64>().unwrap();
    number(a) == number(b.as_str().unwrap())
}

pub(crate) async fn preference(stores: &Stores, id: &str) -> Preference {
    let known = stores.preferences.load(&[user(id)]).await.unwrap().remove(0);
    known.unwrap_or_else(|| panic!("nothing is known of {id}"))
}

/// Asserts that all that release 0.1 showed is there, as it was.
pub(crate) async fn assert_whole(stores: &Stores, seen: &Value) {
    assert_products(stores, seen).await;
    for (id, was) in seen["preferences"].as_object().unwrap() {
        assert_taste(&preference(stores, id).await, was);
        let history = stores.behaviour.history(&user(id), None, 100).await.unwrap().items;
        let is: Vec<_> = history.iter().map(|d| (d.action.trace_id.as_str(), d.action.timestamp)).collect();
        let was = seen["histories"][id].as_array().unwrap().iter();
        let was: Vec<_> = was.map(|d| (d["traceId"].as_str().unwrap(), time(&d["timestamp"]))).collect();
        assert_eq!(is, was, "history of {id}");
        assert_inbox(stores, id, &seen["inboxes"][id]).await;
        let settings = stores.notifications.settings(&user(id)).await.unwrap();
        assert_eq!(serde_json::to_value(settings).unwrap(), seen["settings"][id], "settings of {id}");
    }
    let before = Timestamp::from_ms(time(&seen["takenAt"]).as_ms() - 30 * 24 * 3600 * 1000);
    for (id, due) in INTERESTED {
        let found = stores.behaviour.interested(&product(id), before, 10).await.unwrap();
        let found: Vec<_> = found.iter().map(|who| (who.user_id.as_str(), who.reason)).collect();
        assert_eq!(found, due, "who cares for {id}");
    }
    // The list that was seen spreads what is alike.
    let top = stores.popularity.top(5, time(&seen["takenAt"])).await.unwrap();
    let top: BTreeSet<&str> = top.iter().map(|(id, _)| id.as_str()).collect();
    let was: BTreeSet<&str> =
        seen["popular"].as_array().unwrap().iter().map(|item| item["productId"].as_str().unwrap()).collect();
    assert_eq!(top, was, "what is popular");
}

async fn assert_products(stores: &Stores, seen: &Value) {
    let summary = stores.catalog.summary().await.unwrap();
    assert_eq!((summary.total, summary.embedded), (PRODUCTS, PRODUCTS));
    for was in seen["products"].as_array().unwrap() {
        let id = product(was["productId"].as_str().unwrap());
        let is = stores.catalog.get(std::slice::from_ref(&id)).await.unwrap().remove(0).unwrap();
        assert!(same_amount(&is.price.amount(), &was["price"]), "{id} costs {}, was {was}", is.price);
        assert_eq!(
            (is.price.currency().as_str(), &*is.name),
            (was["currency"].as_str().unwrap(), was["name"].as_str().unwrap())
        );
        assert_eq!(
            (u64::from(is.stock), &*is.category),
            (was["stock"].as_u64().unwrap(), was["category"].as_str().unwrap())
        );
    }
    for (id, minor) in PRICES {
        let is = stores.catalog.get(&[product(id)]).await.unwrap().remove(0).unwrap();
        assert_eq!(is.price.minor(), minor, "{id} costs {}", is.price);
    }
}

/// Asserts that `is` holds what release 0.1 told of a taste.
fn assert_taste(is: &Preference, was: &Value) {
    let id = &is.user_id;
    assert_eq!((is.action_count, is.model.as_str()), (was["actionCount"].as_u64().unwrap(), MODEL), "{id}");
    let mut recent: Vec<_> = was["recent"].as_array().unwrap().iter().collect();
    recent.sort_by_key(|action| std::cmp::Reverse(time(&action["at"])));
    let recent: Vec<_> =
        recent.iter().map(|a| (a["productId"].clone(), a["actionType"].clone(), a["at"].clone())).collect();
    let kept = serde_json::to_value(&is.recent).unwrap();
    let kept: Vec<_> = kept
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (a["productId"].clone(), a["actionType"].clone(), a["at"].clone()))
        .collect();
    assert_eq!(kept, recent, "latest actions of {id}");
    let bought: Vec<&str> = is.purchased.iter().map(|bought| bought.product_id.as_str()).collect();
    let expected: &[&str] = match id.as_str() {
        "ann" => &["tent-1"],
        "ida" => &["tent-2", "cello", "espresso"],
        _ => &[],
    };
    assert_eq!(bought, expected, "what {id} bought");
    match was["vectorPreview"].as_array() {
        Some(preview) => {
            let vector = is.vector.as_ref().unwrap();
            assert_eq!(vector.dimensions(), DIMENSIONS);
            let preview: Vec<f32> = preview.iter().map(|n| n.as_f64().unwrap() as f32).collect();
            assert_eq!(&vector.as_slice()[..preview.len()], preview, "taste of {id}");
            assert_eq!((is.sums.mass, is.pending.len()), (MASS_BEFORE_SUMS, 0), "{id}");
        }
        None => {
            assert_eq!(is.vector, None, "{id}");
            assert_eq!(is.pending.len(), is.recent.len(), "what moved nothing yet of {id} waits");
        }
    }
}

async fn assert_inbox(stores: &Stores, id: &str, was: &Value) {
    let page = stores.notifications.inbox(&user(id), None, 100).await.unwrap();
    let was = was.as_array().unwrap();
    assert_eq!(page.items.len(), was.len(), "inbox of {id}");
    assert_eq!(page.unread as usize, was.iter().filter(|item| item["readAt"].is_null()).count(), "{id}");
    for (is, was) in page.items.iter().zip(was) {
        let told = &is.notification;
        assert_eq!(told.notification_id.as_str(), was["notificationId"].as_str().unwrap());
        assert_eq!(
            (is.sequence, is.read_at.is_none()),
            (was["sequence"].as_u64().unwrap(), was["readAt"].is_null())
        );
        assert_eq!(told.product_id.as_str(), was["productId"].as_str().unwrap());
        assert_eq!(
            serde_json::json!([told.kind, told.reason, is.channels]),
            serde_json::json!([was["kind"], was["reason"], was["channels"]])
        );
        for (minor, amount) in
            [(told.price_before.unwrap(), &was["priceBefore"]), (told.price_after, &was["priceAfter"])]
        {
            let price = Money::from_minor(minor, told.currency).unwrap();
            assert!(same_amount(&price.amount(), amount), "{id} was told of {price}, was {amount}");
        }
    }
}
