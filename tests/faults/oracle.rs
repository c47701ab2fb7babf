//! The oracle: what was acknowledged is in every store, once, whole; vectors are what the log folds to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::Ordering;

use anyhow::ensure;
use rep_backends::Backends;
use rep_core::avro::DeadLetter;
use rep_core::ports::log::Record;
use rep_core::{
    Clock as _, DecayedSum, HALF_LIFE_DEFAULT, InventoryChange, ModelId, Notification, NotificationKind,
    ProductId, Topic, TraceId, UnitVector, UserAction, UserId,
};

use crate::cluster::MODEL;
use crate::run::{PRICE, Run};
use crate::support::fold::{SUMS_APART_MAX, apart, offline, real_drops, sums_apart};

/// Documents or notifications of one page.
const PAGE: usize = 1000;

/// Greatest difference of a number of a vector from the fold of the log in its order.
const APART: f32 = 1e-6;
/// The same in another order.
const APART_BY_ORDER: f32 = 1e-4;

/// What was found. Each entry says what, for a person.
#[derive(Default)]
pub(crate) struct Verdict {
    /// Events that were acknowledged.
    pub(crate) acknowledged: usize,
    /// Actions on products that were not in the catalogue when the run began.
    pub(crate) late: usize,
    /// Notifications that were due, and are in an inbox.
    pub(crate) told: usize,
    /// What is missing.
    pub(crate) lost: Vec<String>,
    /// What took effect more than once.
    pub(crate) doubled: Vec<String>,
    /// Whatever else is not as promised.
    pub(crate) wrong: Vec<String>,
}

/// The records of a topic that were appended since `run` began.
async fn records(stores: &Backends, run: &Run, topic: Topic) -> anyhow::Result<Vec<Record>> {
    let begins = run.begin.iter().find(|(begun, _)| *begun == topic).map(|(_, begins)| &begins[..]);
    let mut records = Vec::new();
    for (offsets, begin) in stores.log.offsets(topic, "oracle").await?.iter().zip(begins.unwrap_or_default())
    {
        let mut next = *begin;
        while next < offsets.end {
            let page = stores.log.read(topic, offsets.partition, next, PAGE).await?;
            ensure!(!page.is_empty(), "{topic}/{} ends at {next}, before {}", offsets.partition, offsets.end);
            next += page.len() as u64;
            records.extend(page);
        }
    }
    Ok(records)
}

/// Judges what `run` left behind.
pub(crate) async fn judge(stores: &Backends, run: &Run) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::default();
    let mut first: BTreeMap<TraceId, (UserAction, Record)> = BTreeMap::new();
    let mut in_order: Vec<TraceId> = Vec::new();
    let mut poisoned = BTreeSet::new();
    for record in records(stores, run, Topic::UserAction).await? {
        let Ok(action) = stores.codec.decode::<UserAction>(&record.value) else {
            poisoned.insert((record.position.partition, record.position.offset, record.value.to_vec()));
            continue;
        };
        if !first.contains_key(&action.trace_id) {
            in_order.push(action.trace_id.clone());
            first.insert(action.trace_id.clone(), (action, record));
        }
    }
    {
        let ledger = run.load.ledger.lock();
        verdict.acknowledged = ledger.acknowledged.len();
        verdict.wrong.extend(ledger.wrong.iter().cloned());
        for trace in &ledger.acknowledged {
            match (first.get(trace), ledger.sent.get(trace)) {
                (None, _) => verdict.lost.push(format!("`{trace}` is not in the log")),
                (Some((logged, _)), Some(sent)) if logged != sent => {
                    verdict.wrong.push(format!("`{trace}` is {logged:?} in the log, was {sent:?}"));
                }
                _ => {}
            }
        }
    }
    let ids: Vec<ProductId> =
        [&run.products, &run.watched, &run.late].into_iter().flatten().cloned().collect();
    let vectors = ids.iter().cloned().zip(stores.catalog.vectors(&ids).await?).collect();
    let log = in_order.iter().map(|trace| &first[trace]);
    judge_preferences(stores, run, log.clone(), &vectors, &mut verdict).await?;
    judge_documents(stores, log.clone(), &mut verdict).await?;
    if !run.forgotten.load(Ordering::Relaxed) {
        judge_popularity(stores, log, &ids, &mut verdict).await?;
        judge_notifications(stores, run, &mut verdict).await?;
    }
    judge_dead_letters(stores, run, poisoned, &mut verdict).await?;
    Ok(verdict)
}

/// Each vector is what the log folds to, with the share of each action in it once. Of who waited it is so in whatever
/// order the vectors of products came.
async fn judge_preferences(
    stores: &Backends,
    run: &Run,
    log: impl Iterator<Item = &(UserAction, Record)> + Clone,
    vectors: &HashMap<ProductId, Option<UnitVector>>,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let waits = |action: &UserAction| action.product_id.as_ref().is_some_and(|id| run.late.contains(id));
    let waiters: BTreeSet<&UserId> =
        log.clone().filter(|(action, _)| waits(action)).map(|(action, _)| &action.user_id).collect();
    verdict.late = log.clone().filter(|(action, _)| waits(action)).count();
    let log = log.map(|(action, record)| (action, record.position));
    let folded = offline(log, vectors, &ModelId::new(MODEL)?);
    let users: Vec<UserId> = folded.keys().cloned().collect();
    for (expected, stored) in folded.values().zip(stores.preferences.load(&users).await?) {
        let user = &expected.user_id;
        let Some(stored) = stored else {
            verdict.lost.push(format!("{user} has no preference"));
            continue;
        };
        let (is, due) = (stored.action_count, expected.action_count);
        if is != due {
            let list = if is < due { &mut verdict.lost } else { &mut verdict.doubled };
            list.push(format!("{is} actions are folded for {user}, of {due}"));
        } else if apart(stored.vector.as_ref(), expected.vector.as_ref())
            > if waiters.contains(user) { APART_BY_ORDER } else { APART }
        {
            verdict.wrong.push(format!("the vector of {user} is not the fold of the log"));
        } else if sums_apart(&stored, expected) > SUMS_APART_MAX || !stored.pending.is_empty() {
            let (apart, waiting) = (sums_apart(&stored, expected), stored.pending.len());
            verdict.wrong.push(format!("shares of {user} are {apart} apart, {waiting} actions wait"));
        } else if (&stored.recent, &stored.purchased) != (&expected.recent, &expected.purchased) {
            verdict.wrong.push(format!("recent actions of {user} are not those of the log"));
        }
    }
    Ok(())
}

/// Each action is a document, once, whole.
async fn judge_documents(
    stores: &Backends,
    log: impl Iterator<Item = &(UserAction, Record)>,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let mut due: BTreeMap<&UserId, BTreeMap<&TraceId, &(UserAction, Record)>> = BTreeMap::new();
    for logged in log {
        due.entry(&logged.0.user_id).or_default().insert(&logged.0.trace_id, logged);
    }
    for (user, mut due) in due {
        let mut cursor = None;
        loop {
            let page = stores.behaviour.history(user, cursor.as_deref(), PAGE).await?;
            for document in page.items {
                let trace = &document.action.trace_id;
                match due.remove(trace) {
                    None => verdict.doubled.push(format!("document `{trace}` of {user} is one too many")),
                    Some((action, record)) => {
                        if (action, record.position) != (&document.action, document.position) {
                            verdict.wrong.push(format!("document {document:?}, logged was {action:?}"));
                        }
                    }
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        verdict.lost.extend(due.keys().map(|trace| format!("`{trace}` has no document")));
    }
    Ok(())
}

/// Each action counts once for what is popular.
async fn judge_popularity(
    stores: &Backends,
    log: impl Iterator<Item = &(UserAction, Record)>,
    ids: &[ProductId],
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let mut sums: HashMap<&ProductId, DecayedSum> = HashMap::new();
    for (action, _) in log {
        let weight = action.action_type.popularity_weight();
        if let Some(product) = action.product_id.as_ref().filter(|_| weight > 0.0) {
            sums.entry(product).or_default().add(weight, action.timestamp, HALF_LIFE_DEFAULT);
        }
    }
    let now = rep_backends::SystemClock.now();
    for (id, stored) in ids.iter().zip(stores.popularity.scores(ids, now).await?) {
        let due = sums.get(id).map_or(0.0, |sum| sum.value_at(now, HALF_LIFE_DEFAULT));
        // The least action that counts weighs 0.1.
        if (stored - due).abs() > 0.01 {
            let list = if stored < due { &mut verdict.lost } else { &mut verdict.doubled };
            list.push(format!("popularity of {id} is {stored:.3}, should be {due:.3}"));
        }
    }
    Ok(())
}

/// Each price drop in the log is once in the inbox of whoever has the product in the cart.
async fn judge_notifications(stores: &Backends, run: &Run, verdict: &mut Verdict) -> anyhow::Result<()> {
    let mut changes: BTreeMap<ProductId, Vec<InventoryChange>> = BTreeMap::new();
    for record in records(stores, run, Topic::ProductInventory).await? {
        let change: InventoryChange = stores.codec.decode(&record.value)?;
        changes.entry(change.product_id.clone()).or_default().push(change);
    }
    for product in &run.watched {
        let mut changes = changes.remove(product).unwrap_or_default();
        let mut traces = BTreeSet::new();
        changes.retain(|change| traces.insert(change.trace_id.clone()));
        let logged: Vec<i64> = changes.iter().map(|change| change.price_after).collect();
        for pair in changes.windows(2).filter(|pair| pair[0].price_after == pair[1].price_after) {
            verdict.doubled.push(format!("{:?} is in the log as another change, too", pair[1]));
        }
        let acknowledged = run.load.ledger.lock().prices.get(product).cloned().unwrap_or_default();
        let due: Vec<i64> = std::iter::once(PRICE).chain(acknowledged).collect();
        if !logged.starts_with(&due) || logged.len() > due.len() + 1 {
            verdict.lost.push(format!("prices of {product} are {logged:?} in the log, sent were {due:?}"));
        }
        for user in run.watchers(product) {
            let inbox = stores.notifications.inbox(&user, None, PAGE).await?.items;
            let mut seen = BTreeSet::new();
            for item in &inbox {
                if !seen.insert(item.notification.notification_id.clone()) {
                    verdict.doubled.push(format!("{user} was told twice: {:?}", item.notification));
                }
            }
            for change in real_drops(changes.iter()) {
                let due = Notification::id_of(change, NotificationKind::PriceDrop, &user);
                match seen.contains(&due) {
                    true => verdict.told += 1,
                    false => verdict.lost.push(format!("{user} was not told of {change:?}")),
                }
            }
        }
    }
    Ok(())
}

/// The dead letters are what was no event, each with its place and its bytes.
async fn judge_dead_letters(
    stores: &Backends,
    run: &Run,
    poisoned: BTreeSet<(u32, u64, Vec<u8>)>,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let mut appended = run.poison.lock().clone();
    let mut found: Vec<Vec<u8>> = poisoned.iter().map(|(_, _, value)| value.clone()).collect();
    appended.sort();
    found.sort();
    if appended != found {
        verdict.wrong.push(format!(
            "{} values in the log are no events, {} were sent",
            found.len(),
            appended.len()
        ));
    }
    let mut parked = BTreeSet::new();
    for record in records(stores, run, Topic::UserActionDlq).await? {
        let letter: DeadLetter = stores.codec.decode(&record.value)?;
        if letter.topic != Topic::UserAction.name() || letter.error.is_empty() {
            verdict.wrong.push(format!("dead letter {letter:?}"));
        }
        parked.insert((letter.partition, letter.offset, letter.payload));
    }
    for (partition, offset, _) in poisoned.difference(&parked) {
        verdict.lost.push(format!("poison at {partition}/{offset} is not parked"));
    }
    for (partition, offset, _) in parked.difference(&poisoned) {
        verdict.wrong.push(format!("the record at {partition}/{offset} was parked, and is an event"));
    }
    Ok(())
}
