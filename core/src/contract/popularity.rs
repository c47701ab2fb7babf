//! The suite of [`Popularity`].
//!
//! Fences go by partition, so each sentence has partitions of its own.
#![expect(clippy::unwrap_used, reason = "a suite is test code: what fails here fails the test")]

use std::time::Duration;

use super::support::{Subject, at, commit_something, epoch, eventually, new_product, position};
use crate::ports::popularity::{Popularity, PopularityEvent};
use crate::{Position, ProductId, Timestamp};

/// Makes every sentence of the suite a test; `$make` gives a [`Subject`].
#[macro_export]
macro_rules! popularity_contract {
    ($make:expr) => {
        $crate::contract_tests!(
            popularity,
            $make,
            [
                weights_add_up_and_what_nobody_acted_on_has_none,
                a_replay_counts_nothing_twice,
                partitions_are_fenced_apart_and_a_new_epoch_counts,
                sums_decay_alike_with_age,
                what_happened_years_ago_adds_nothing_in_any_order,
                the_greatest_sums_come_first_and_equals_by_id,
                sums_and_fences_are_there_after_the_next_commit,
            ]
        );
    };
}

fn event(product: &ProductId, weight: f32, ms: i64, position: Position) -> PopularityEvent {
    PopularityEvent { product_id: product.clone(), weight, at: at(ms), position }
}

async fn score(store: &dyn Popularity, product: &ProductId, now: Timestamp) -> f64 {
    store.scores(std::slice::from_ref(product), now).await.unwrap()[0]
}

fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-4 * expected.abs().max(1.0), "{found} is not {expected}");
}

/// Weights of a product add up; `scores` answers in the order asked, with 0 for what nobody acted on.
pub async fn weights_add_up_and_what_nobody_acted_on_has_none(subject: &mut impl Subject) {
    let store = &subject.ports().popularity;
    let (a, b, unknown) = (new_product(), new_product(), new_product());
    let events = [(&a, 1.0), (&b, 10.0), (&a, 4.0), (&a, 0.5)];
    let events =
        events.iter().zip(0..).map(|((p, w), offset)| event(p, *w, 0, position(0, offset))).collect();
    store.record(events).await.unwrap();
    let scores = store.scores(&[unknown, b, a.clone(), a], at(0)).await.unwrap();
    assert_eq!(scores.len(), 4);
    for (found, expected) in scores.into_iter().zip([0.0, 10.0, 5.5, 5.5]) {
        assert_near(found, expected);
    }
    assert!(store.scores(&[], at(0)).await.unwrap().is_empty());
}

/// Records at or before the last that was taken of their partition are ignored.
pub async fn a_replay_counts_nothing_twice(subject: &mut impl Subject) {
    let store = &subject.ports().popularity;
    let (a, b) = (new_product(), new_product());
    let events: Vec<_> = (10..20).map(|offset| event(&a, 1.0, 0, position(1, offset))).collect();
    store.record(events.clone()).await.unwrap();
    store.record(events[4..].to_vec()).await.unwrap();
    store.record(vec![event(&b, 1.0, 0, position(1, 19)), event(&b, 1.0, 0, position(1, 3))]).await.unwrap();
    assert_near(score(&**store, &a, at(0)).await, 10.0);
    assert_near(score(&**store, &b, at(0)).await, 0.0);
    // A batch that overlaps counts from where it is new.
    let overlap = (15..25).map(|offset| event(&a, 1.0, 0, position(1, offset))).collect();
    store.record(overlap).await.unwrap();
    assert_near(score(&**store, &a, at(0)).await, 15.0);
}

/// Each partition has its own last record, and a new life of the topic begins anew.
pub async fn partitions_are_fenced_apart_and_a_new_epoch_counts(subject: &mut impl Subject) {
    let store = &subject.ports().popularity;
    let a = new_product();
    store.record(vec![event(&a, 1.0, 0, position(2, 100)), event(&a, 1.0, 0, position(3, 5))]).await.unwrap();
    let next_life = Position { epoch: epoch() + 1, ..position(2, 0) };
    store.record(vec![event(&a, 1.0, 0, next_life), event(&a, 1.0, 0, position(2, 101))]).await.unwrap();
    assert_near(score(&**store, &a, at(0)).await, 3.0);
}

/// A sum halves in equal times, and a late action counts as little as if it had come in time.
pub async fn sums_decay_alike_with_age(subject: &mut impl Subject) {
    let store = &subject.ports().popularity;
    let (early, late) = (new_product(), new_product());
    let hour = 3_600_000;
    let events = vec![
        event(&early, 8.0, 0, position(4, 0)),
        event(&early, 8.0, hour, position(4, 1)),
        event(&late, 8.0, hour, position(4, 2)),
        event(&late, 8.0, 0, position(4, 3)),
    ];
    store.record(events).await.unwrap();
    let mut sums = Vec::new();
    for hours in 1..5 {
        let now = at(hours * hour);
        sums.push(score(&**store, &early, now).await);
        assert_near(score(&**store, &late, now).await, sums[sums.len() - 1]);
    }
    assert!(sums[0] < 16.0 && sums.is_sorted_by(|x, y| x > y), "{sums:?}");
    assert_near(sums[2] / sums[1], sums[1] / sums[0]);
    assert_near(sums[3] / sums[2], sums[2] / sums[1]);
}

/// An action counts by its own time: one of years ago, imported today, neither adds to what is popular now nor takes
/// from it, be it taken before or after what is new, or in one call with it.
pub async fn what_happened_years_ago_adds_nothing_in_any_order(subject: &mut impl Subject) {
    let store = &subject.ports().popularity;
    let products: Vec<ProductId> = (0..4).map(|_| new_product()).collect();
    let [before, after, together, only] = [&products[0], &products[1], &products[2], &products[3]];
    let years_25 = -25 * 365 * 24 * 3_600_000;
    let at_once = |events: Vec<(&ProductId, i64)>, first: u64| {
        let events = events.into_iter().zip(first..);
        events.map(|((product, ms), offset)| event(product, 4.0, ms, position(11, offset))).collect()
    };
    store.record(at_once(vec![(before, years_25), (only, years_25)], 0)).await.unwrap();
    let now = vec![(before, 0), (after, 0), (together, 0), (together, years_25), (only, years_25)];
    store.record(at_once(now, 10)).await.unwrap();
    store.record(at_once(vec![(after, years_25), (only, years_25)], 20)).await.unwrap();
    let expected = [4.0, 4.0, 4.0, 0.0];
    for (found, expected) in store.scores(&products, at(0)).await.unwrap().into_iter().zip(expected) {
        assert_near(found, expected);
    }
    let top = store.top(1000, at(0)).await.unwrap();
    assert!(top.iter().all(|(id, sum)| id != only && sum.is_finite()), "{top:?}");
    store.record(at_once(vec![(only, 0)], 30)).await.unwrap();
    assert_near(score(&**store, only, at(0)).await, 4.0);
}

/// `top` gives at most `k` products, the greatest sum first, equals by id; it may be a second behind.
pub async fn the_greatest_sums_come_first_and_equals_by_id(subject: &mut impl Subject) {
    let store = &subject.ports().popularity;
    let mut products: Vec<ProductId> = (0..4).map(|_| new_product()).collect();
    products.sort();
    // Weights that no other test comes near to, so that these lead.
    let weights = [1e7, 3e7, 3e7, 2e7];
    let events = products.iter().zip(weights).zip(0..);
    let events: Vec<_> = events.map(|((p, w), offset)| event(p, w, 0, position(5, offset))).collect();
    let before = store.top(4, at(0)).await.unwrap();
    assert!(before.len() <= 4);
    store.record(events).await.unwrap();
    let expected = [&products[1], &products[2], &products[3], &products[0]];
    let found = eventually("the ranking follows", async || {
        let top = store.top(4, at(5_000)).await.unwrap();
        (top.len() == 4 && top.iter().map(|(id, _)| id).eq(expected)).then_some(top)
    })
    .await;
    for (id, sum) in &found {
        assert!((sum / score(&**store, id, at(5_000)).await - 1.0).abs() < 1e-3);
    }
    let two = store.top(2, at(5_000)).await.unwrap();
    assert_eq!(two, found[..2]);
    assert!(store.top(0, at(5_000)).await.unwrap().is_empty());
    let many = store.top(5_000, at(5_000)).await.unwrap();
    assert!(many.iter().map(|(_, sum)| *sum).is_sorted_by(|x, y| x >= y));
}

/// What was recorded is durable no later than the next commit of the group whose records it is.
pub async fn sums_and_fences_are_there_after_the_next_commit(subject: &mut impl Subject) {
    let products: Vec<ProductId> = (0..50).map(|_| new_product()).collect();
    let events: Vec<_> =
        products.iter().zip(0..).map(|(p, offset)| event(p, 2.0, 0, position(6, offset))).collect();
    subject.ports().popularity.record(events.clone()).await.unwrap();
    let now = at(0).plus(Duration::from_secs(60));
    let before = subject.ports().popularity.scores(&products, now).await.unwrap();
    commit_something(&*subject.ports().log).await;
    subject.reopen().await;
    let store = &subject.ports().popularity;
    store.record(events).await.unwrap();
    let after = store.scores(&products, now).await.unwrap();
    for (found, expected) in after.into_iter().zip(before) {
        assert_near(found, expected);
        assert!(found > 0.0);
    }
}
