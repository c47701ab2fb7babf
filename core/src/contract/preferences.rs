//! The suite of [`PreferenceStore`].
#![expect(clippy::unwrap_used, reason = "a suite is test code: what fails here fails the test")]

mod erased;
mod incomplete;
mod waiting;

use std::collections::VecDeque;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::support::{
    Subject, at, commit_something, epoch, erasure, eventually, new_product, new_trace, new_user, position,
};
use crate::likeness::{LikenessScale, Probe};
use crate::ports::preferences::{PreferenceChange, PreferenceStore, PreferenceWrite, StoreOutcome};
use crate::{
    ActionType, Earlier, ModelId, PendingAction, Position, Preference, Purchase, RecentAction, Split, Sums,
    UnitVector, UserId,
};

pub use self::erased::what_an_erasure_covers_is_never_folded_in_again;
pub use self::incomplete::{
    erasure_forgets_what_is_lacked, remembering_side_by_side_adds_one_share,
    what_is_lacked_is_there_after_reopening, who_is_not_whole_is_listed_and_remembered_once,
};
pub use self::waiting::{
    erasure_forgets_what_waits, settling_and_folding_side_by_side_lose_nothing,
    what_waits_is_listed_and_settled_once, what_waits_is_there_after_reopening,
};

/// Makes every sentence of the suite a test; `$make` gives a [`Subject`].
#[macro_export]
macro_rules! preferences_contract {
    ($make:expr) => {
        $crate::contract_tests!(
            preferences,
            $make,
            [
                a_state_comes_back_as_it_was_and_absence_is_none,
                a_state_is_taken_only_if_its_position_is_not_covered,
                writes_of_one_call_are_compared_in_their_order,
                of_concurrent_writes_the_latest_position_stands,
                taken_states_are_announced_to_their_shopper_in_order,
                a_receiver_that_falls_behind_is_told_so,
                the_nearest_shoppers_come_first,
                a_broad_taste_is_not_near_to_everything,
                the_last_changed_shoppers_come_first,
                erasure_forgets_the_state_and_keeps_its_fence,
                what_an_erasure_covers_is_never_folded_in_again,
                a_taken_state_is_there_after_the_next_commit,
                an_erased_state_stays_away_after_reopening,
                what_waits_is_listed_and_settled_once,
                settling_and_folding_side_by_side_lose_nothing,
                what_waits_is_there_after_reopening,
                erasure_forgets_what_waits,
                who_is_not_whole_is_listed_and_remembered_once,
                remembering_side_by_side_adds_one_share,
                what_is_lacked_is_there_after_reopening,
                erasure_forgets_what_is_lacked,
            ]
        );
    };
}

/// Width of the suite's vectors.
const WIDTH: usize = 16;

/// A direction that no other test uses, turned by `angle` radians: of one shopper, two are as near as the cosine of the
/// angle between them.
fn direction(of: &UserId, angle: f32) -> UnitVector {
    let mut state = crate::stable_hash128(of.as_str().as_bytes());
    let mut random = || {
        state = state.wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b).rotate_left(29) ^ 0x9e37;
        ((state >> 64) as u32) as f32 / u32::MAX as f32 - 0.5
    };
    let mut draw = || UnitVector::normalised((0..WIDTH).map(|_| random()).collect()).unwrap();
    let (ahead, other) = (draw(), draw());
    let shared = ahead.cosine(&other);
    let pairs = || ahead.as_slice().iter().zip(other.as_slice());
    let aside = UnitVector::normalised(pairs().map(|(a, o)| o - shared * a).collect()).unwrap();
    let turned =
        ahead.as_slice().iter().zip(aside.as_slice()).map(|(a, b)| angle.cos() * a + angle.sin() * b);
    UnitVector::normalised(turned.collect()).unwrap()
}

fn state(user: &UserId, position: Position) -> Preference {
    let model = ModelId::new("contract-model").unwrap();
    Preference {
        vector: Some(direction(user, 0.0)),
        sums: Sums { mass: 1.0, at: at(1), split: None },
        action_count: position.offset + 1,
        updated_at: at(i64::try_from(position.offset).unwrap()),
        position: Some(position),
        ..Preference::new(user.clone(), model)
    }
}

fn write(preference: Preference) -> PreferenceWrite {
    PreferenceWrite { preference, changes: Vec::new() }
}

fn announced(preference: Preference) -> PreferenceWrite {
    let change = PreferenceChange {
        trace_id: new_trace(),
        user_id: preference.user_id.clone(),
        action_type: ActionType::Click,
        product_id: Some(new_product()),
        event_at: at(0),
        logged_at: at(1),
        applied_at: at(2),
        action_count: preference.action_count,
    };
    PreferenceWrite { preference, changes: vec![change] }
}

async fn store_one(store: &dyn PreferenceStore, preference: Preference) -> StoreOutcome {
    store.store(vec![write(preference)]).await.unwrap()[0]
}

async fn load_one(store: &dyn PreferenceStore, user: &UserId) -> Option<Preference> {
    store.load(std::slice::from_ref(user)).await.unwrap().remove(0)
}

/// `load` gives states as they were stored, in the order asked for, and `None` for what was never stored.
pub async fn a_state_comes_back_as_it_was_and_absence_is_none(subject: &mut impl Subject) {
    let store = &subject.ports().preferences;
    let (full, bare, unknown) = (new_user(), new_user(), new_user());
    let recent = |ms| RecentAction {
        product_id: new_product(),
        action_type: ActionType::Wishlist,
        at: at(ms),
        event: u64::MAX,
    };
    let purchase = |ms| Purchase { product_id: new_product(), at: at(ms) };
    let waits = |ms| PendingAction {
        trace_id: new_trace(),
        product_id: new_product(),
        action_type: ActionType::Purchase,
        at: at(ms),
        logged_at: at(ms + 1),
    };
    let split = Split { liked: vec![0.1; WIDTH], refused: vec![f32::MIN_POSITIVE; WIDTH] };
    let full_state = Preference {
        recent: VecDeque::from([recent(9), recent(3)]),
        purchased: VecDeque::from([purchase(8), purchase(-7)]),
        pending: vec![waits(9), waits(3)],
        sums: Sums { mass: 0.1_f32 + 0.2, at: at(9), split: Some(Box::new(split)) },
        model_since: at(12),
        earlier: Some(Earlier { until: position(4, 16), waits: vec![u64::MAX, 0] }),
        ..state(&full, position(4, 17))
    };
    let bare_state = Preference { vector: None, sums: Sums::default(), ..state(&bare, position(4, 18)) };
    let writes = vec![write(full_state.clone()), write(bare_state.clone())];
    assert_eq!(store.store(writes).await.unwrap(), [StoreOutcome::Stored; 2]);
    let asked = [unknown, bare, full.clone(), full];
    let found = store.load(&asked).await.unwrap();
    assert_eq!(found, [None, Some(bare_state), Some(full_state.clone()), Some(full_state)]);
    assert!(store.load(&[]).await.unwrap().is_empty());
}

/// A state is taken only if its position is not covered by that of the state that is there.
pub async fn a_state_is_taken_only_if_its_position_is_not_covered(subject: &mut impl Subject) {
    use StoreOutcome::{Stale, Stored};
    let store = &subject.ports().preferences;
    let user = new_user();
    let place = |epoch, partition, offset| Position { epoch, partition, offset };
    let now = epoch();
    let steps = [
        (place(now, 3, 10), Stored),
        (place(now, 3, 10), Stale),
        (place(now, 3, 9), Stale),
        (place(now - 1, 3, 1000), Stale),
        (place(now - 1, 4, 1000), Stale),
        (place(now, 3, 11), Stored),
        (place(now, 4, 0), Stored),
        (place(now + 1, 3, 0), Stored),
        (place(now, 3, u64::MAX >> 2), Stale),
    ];
    let mut standing = None;
    for (place, expected) in steps {
        let new = Preference { updated_at: at(place.partition.into()), ..state(&user, place) };
        assert_eq!(store_one(&**store, new.clone()).await, expected, "{place} over {standing:?}");
        if expected == Stored {
            standing = Some(new);
        }
        assert_eq!(load_one(&**store, &user).await, standing);
    }
}

/// Writes of one call are compared one after the other.
pub async fn writes_of_one_call_are_compared_in_their_order(subject: &mut impl Subject) {
    use StoreOutcome::{Stale, Stored};
    let store = &subject.ports().preferences;
    let (a, b) = (new_user(), new_user());
    let writes = [(&a, 1), (&b, 2), (&a, 3), (&a, 2), (&b, 2), (&a, 4)];
    let writes = writes.map(|(user, offset)| write(state(user, position(5, offset)))).into();
    assert_eq!(store.store(writes).await.unwrap(), [Stored, Stored, Stored, Stale, Stale, Stored]);
    assert_eq!(load_one(&**store, &a).await, Some(state(&a, position(5, 4))));
    assert_eq!(load_one(&**store, &b).await, Some(state(&b, position(5, 2))));
}

/// Whatever the order in which they come, of concurrent writes the latest position stands.
pub async fn of_concurrent_writes_the_latest_position_stands(subject: &mut impl Subject) {
    let store = &subject.ports().preferences;
    for _ in 0..10 {
        let user = new_user();
        let writes: Vec<_> = (0..32)
            .map(|i| {
                let (store, user) = (store.clone(), user.clone());
                tokio::spawn(
                    async move { store_one(&*store, state(&user, position(6, (i * 13) % 32))).await },
                )
            })
            .collect();
        for write in writes {
            write.await.unwrap();
        }
        assert_eq!(load_one(&**store, &user).await, Some(state(&user, position(6, 31))));
    }
}

/// The next change, but for `before`, which was announced before the receiver was there.
async fn next(receiver: &mut Receiver<PreferenceChange>, before: &PreferenceChange) -> PreferenceChange {
    eventually("a change is announced", async || match receiver.try_recv() {
        Ok(change) => (change != *before).then_some(change),
        Err(TryRecvError::Empty) => None,
        Err(error) => panic!("{error}"),
    })
    .await
}

/// Changes of taken states are announced in order, to those who listen to that shopper; refused ones are not.
pub async fn taken_states_are_announced_to_their_shopper_in_order(subject: &mut impl Subject) {
    let store = &subject.ports().preferences;
    let (a, b) = (new_user(), new_user());
    let early = announced(state(&a, position(7, 0)));
    let before = &early.changes[0].clone();
    store.store(vec![early]).await.unwrap();
    let (mut of_a, mut also_of_a, mut of_b) = (store.changes(&a), store.changes(&a), store.changes(&b));
    let writes: Vec<PreferenceWrite> = vec![
        announced(state(&a, position(7, 1))),
        announced(state(&b, position(7, 2))),
        announced(state(&a, position(7, 1))),
        announced(state(&a, position(7, 3))),
    ];
    let change = |i: usize| writes[i].changes[0].clone();
    store.store(writes.clone()).await.unwrap();
    for receiver in [&mut of_a, &mut also_of_a] {
        let told = [next(receiver, before).await, next(receiver, before).await];
        assert_eq!(told, [change(0), change(3)]);
    }
    assert_eq!(next(&mut of_b, before).await, change(1));
    for receiver in [&mut of_a, &mut of_b] {
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
}

/// A receiver that falls behind its bound loses the oldest and is told so.
pub async fn a_receiver_that_falls_behind_is_told_so(subject: &mut impl Subject) {
    let store = &subject.ports().preferences;
    let user = new_user();
    let mut receiver = store.changes(&user);
    let writes: Vec<_> = (0..20_000).map(|offset| announced(state(&user, position(8, offset)))).collect();
    let last = writes[writes.len() - 1].changes[0].clone();
    store.store(writes).await.unwrap();
    let mut lost = 0;
    let mut kept = 0_u64;
    loop {
        match receiver.recv().await {
            Ok(change) => {
                kept += 1;
                if change == last {
                    break;
                }
            }
            Err(RecvError::Lagged(count)) => lost += count,
            Err(RecvError::Closed) => panic!("the store is still there"),
        }
    }
    assert!(lost > 0, "a bound of 20,000 changes a receiver is no bound");
    assert_eq!(lost + kept, 20_000);
}

/// `nearest` gives at most `k` shoppers of this model, near enough, who acted lately, nearest first.
pub async fn the_nearest_shoppers_come_first(subject: &mut impl Subject) {
    let store = &subject.ports().preferences;
    let centre = new_user();
    let turns = [0.3, 0.0, 0.6, 0.1, -0.2];
    let users: Vec<UserId> = turns.iter().map(|_| new_user()).collect();
    let mut writes = Vec::new();
    for (i, (user, turn)) in users.iter().zip(turns).enumerate() {
        let vector = Some(direction(&centre, turn));
        let updated_at = at(i64::try_from(i).unwrap() * 1000);
        writes.push(write(Preference { vector, updated_at, ..state(user, position(9, 0)) }));
    }
    let blank = new_user();
    writes.push(write(Preference { vector: None, ..state(&blank, position(9, 0)) }));
    let foreign = Preference {
        vector: Some(direction(&centre, 0.0)),
        model: ModelId::new("another-model").unwrap(),
        ..state(&new_user(), position(9, 0))
    };
    writes.push(write(foreign));
    store.store(writes).await.unwrap();
    let target = direction(&centre, 0.0);
    let cosines: Vec<f32> = turns.iter().map(|turn| direction(&centre, *turn).cosine(&target)).collect();
    let mut order = [1, 3, 4, 0, 2];
    order.sort_by(|a, b| cosines[*b].total_cmp(&cosines[*a]));
    let names = |found: &[(UserId, f32)]| found.iter().map(|(user, _)| user.clone()).collect::<Vec<_>>();
    let named = |places: &[usize]| places.iter().map(|i| users[*i].clone()).collect::<Vec<_>>();

    let near = |cosine_min| Probe::by_cosine(target.clone(), cosine_min);
    let all = store.nearest(&near(0.8), 5, at(0)).await.unwrap();
    assert_eq!(names(&all), named(&order));
    for (i, (_, cosine)) in order.iter().zip(&all) {
        assert!((cosine - cosines[*i]).abs() < 1e-4);
    }
    assert_eq!(names(&store.nearest(&near(0.8), 2, at(0)).await.unwrap()), named(&order[..2]));
    let bound = (cosines[order[2]] + cosines[order[3]]) / 2.0;
    assert_eq!(names(&store.nearest(&near(bound), 5, at(0)).await.unwrap()), named(&order[..3]));
    let late: Vec<usize> = order.into_iter().filter(|i| *i >= 3).collect();
    assert_eq!(names(&store.nearest(&near(0.8), 5, at(3000)).await.unwrap()), named(&late));
}

/// By likeness, a shopper who likes one kind is near to it; one who likes all kinds, and so what all have in common, is
/// not, however near their vector is by its plain cosine.
pub async fn a_broad_taste_is_not_near_to_everything(subject: &mut impl Subject) {
    let store = &subject.ports().preferences;
    let common = direction(&new_user(), 0.0);
    let kinds: Vec<UnitVector> = (0..4).map(|_| direction(&new_user(), 0.0)).collect();
    let sum = |parts: &[(f32, &UnitVector)]| {
        let number = |at: usize| parts.iter().map(|(weight, part)| weight * part.as_slice()[at]).sum();
        UnitVector::normalised((0..WIDTH).map(number).collect()).unwrap()
    };
    let products: Vec<UnitVector> = (0..20).map(|n| sum(&[(3.0, &common), (1.0, &kinds[n % 4])])).collect();
    let scale = LikenessScale::of(&products).unwrap();
    let (narrow, broad) = (new_user(), new_user());
    let all: Vec<(f32, &UnitVector)> = products[..4].iter().map(|product| (1.0, product)).collect();
    let tastes = [(&narrow, products[0].clone()), (&broad, sum(&all))];
    assert!(tastes[1].1.cosine(&products[0]) > 0.9);
    let state_of = |(user, taste): (&UserId, UnitVector)| {
        write(Preference { vector: Some(taste), updated_at: at(0), ..state(user, position(12, 0)) })
    };
    store.store(tastes.clone().map(state_of).into()).await.unwrap();
    let probe = Probe::by_likeness(products[0].clone(), Some(&scale), 1.0);
    let near = store.nearest(&probe, 1000, at(0)).await.unwrap();
    let score = |user: &UserId| near.iter().find(|(near, _)| near == user).map(|(_, score)| *score);
    assert_eq!(score(&broad), None);
    let expected = probe.score(&products[0]).unwrap();
    assert!(score(&narrow).is_some_and(|score| (score - expected).abs() < 1e-4), "{:?}", score(&narrow));
}

/// `recent` gives at most `limit` shoppers, last changed first.
pub async fn the_last_changed_shoppers_come_first(subject: &mut impl Subject) {
    let store = &subject.ports().preferences;
    // Later than what any other test stores.
    let far = |i: i64| at(1_000_000_000_000 + i64::from(epoch()) * 1000 + i);
    let users: Vec<UserId> = (0..5).map(|_| new_user()).collect();
    for (i, user) in (0..).zip(&users) {
        let new = Preference { updated_at: far(i), ..state(user, position(10, 0)) };
        store_one(&**store, new).await;
    }
    let found = store.recent(3).await.unwrap();
    let names: Vec<&UserId> = found.iter().map(|state| &state.user_id).collect();
    assert_eq!(names, [&users[4], &users[3], &users[2]]);
}

/// Erasure forgets a shopper but for their fence; afterwards they are as new.
pub async fn erasure_forgets_the_state_and_keeps_its_fence(subject: &mut impl Subject) {
    let store = &subject.ports().preferences;
    let (gone, stays) = (new_user(), new_user());
    for user in [&gone, &stays] {
        store_one(&**store, state(user, position(11, 100))).await;
    }
    assert!(store.erase(&gone, erasure(1, None)).await.unwrap());
    assert_eq!(load_one(&**store, &gone).await, None);
    assert!(load_one(&**store, &stays).await.is_some());
    let erased = store.erased(&[stays, gone.clone()]).await.unwrap();
    assert_eq!(erased, [None, Some(erasure(1, Some(position(11, 100))))]);
    let near = store.nearest(&Probe::by_cosine(direction(&gone, 0.0), 0.99), 1000, at(0)).await.unwrap();
    assert!(near.iter().all(|(user, _)| *user != gone));
    assert!(!store.erase(&gone, erasure(2, Some(position(11, 200)))).await.unwrap());
    assert_eq!(store_one(&**store, state(&gone, position(11, 200))).await, StoreOutcome::Stale);
    assert_eq!(load_one(&**store, &gone).await, None);
    assert_eq!(store_one(&**store, state(&gone, position(11, 201))).await, StoreOutcome::Stored);
}

/// A taken state is durable no later than the next commit of the group whose records it folds, and its
/// fence with it.
pub async fn a_taken_state_is_there_after_the_next_commit(subject: &mut impl Subject) {
    let users: Vec<UserId> = (0..100).map(|_| new_user()).collect();
    let states: Vec<Preference> = users.iter().map(|user| state(user, position(2, 50))).collect();
    subject.ports().preferences.store(states.iter().cloned().map(write).collect()).await.unwrap();
    commit_something(&*subject.ports().log).await;
    subject.reopen().await;
    let store = &subject.ports().preferences;
    assert_eq!(store.load(&users).await.unwrap(), states.into_iter().map(Some).collect::<Vec<_>>());
    assert_eq!(store_one(&**store, state(&users[7], position(2, 50))).await, StoreOutcome::Stale);
    assert_eq!(store_one(&**store, state(&users[7], position(2, 51))).await, StoreOutcome::Stored);
}

/// What was erased stays away after reopening, be it committed before or not.
pub async fn an_erased_state_stays_away_after_reopening(subject: &mut impl Subject) {
    let (committed, fresh) = (new_user(), new_user());
    let store = &subject.ports().preferences;
    store_one(&**store, state(&committed, position(1, 1))).await;
    commit_something(&*subject.ports().log).await;
    store_one(&**store, state(&fresh, position(1, 2))).await;
    assert!(store.erase(&committed, erasure(1, None)).await.unwrap());
    assert!(store.erase(&fresh, erasure(1, None)).await.unwrap());
    commit_something(&*subject.ports().log).await;
    subject.reopen().await;
    assert_eq!(subject.ports().preferences.load(&[committed, fresh]).await.unwrap(), [None, None]);
}
