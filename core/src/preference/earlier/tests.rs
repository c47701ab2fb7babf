use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{
    ActionType, Embedding, ModelId, PENDING_MAX, Preference, ProductId, Settlement, TasteRules, UnitVector,
    UserAction, UserId,
};

const KINDS: [ActionType; 6] = [
    ActionType::View,
    ActionType::Click,
    ActionType::Purchase,
    ActionType::RemoveFromCart,
    ActionType::Search,
    ActionType::Dislike,
];
const PRODUCTS: usize = 10;

fn at(offset: usize) -> Position {
    Position { epoch: 1, partition: 3, offset: offset as u64 }
}

fn model(name: &str) -> ModelId {
    ModelId::new(name).unwrap()
}

fn product_id(product: usize) -> ProductId {
    ProductId::new(format!("p{product}")).unwrap()
}

fn event(kind: ActionType, product: usize, minutes: i64, event: usize) -> UserAction {
    UserAction {
        trace_id: TraceId::new(format!("t{event}")).unwrap(),
        user_id: UserId::new("u").unwrap(),
        action_type: kind,
        product_id: (kind != ActionType::Search).then(|| product_id(product)),
        search_query: (kind == ActionType::Search).then(|| product.to_string()),
        session_id: None,
        timestamp: Timestamp::from_ms(minutes * 60_000),
        metadata: Default::default(),
    }
}

/// What an action is about, as the model `b` or another one has it.
fn vector_of(action: &UserAction, model: &ModelId) -> UnitVector {
    let product = action.product_id.as_ref().map(|id| &id.as_str()[1..]);
    let number: usize = product.or(action.search_query.as_deref()).unwrap().parse().unwrap();
    let of = number * 31 + product.map_or(500, |_| 0) + if model.as_str() == "b" { 0 } else { 1000 };
    let numbers = (0..16).map(|i| 1.0 + ((of + i * 17) as f32 * 0.7).sin()).collect();
    UnitVector::normalised(numbers).unwrap()
}

fn fold(state: &mut Preference, action: &UserAction, offset: usize, is_late: bool) {
    let vector = vector_of(action, &state.model);
    let waits = is_late && action.product_id.is_some();
    let embedding = if waits { Embedding::Awaited(action.timestamp) } else { Embedding::Known(&vector) };
    state.fold(action, at(offset), embedding, TasteRules::default());
}

fn fresh(name: &str) -> Preference {
    Preference::new(UserId::new("u").unwrap(), model(name))
}

/// The share of what `state` lacks, out of all that was logged so far.
fn remembered(state: &Preference, logged: &[UserAction]) -> Option<Remembered> {
    let of = state.earlier.clone()?;
    let mut share = Share::default();
    for (offset, action) in logged.iter().enumerate() {
        if of.holds(&action.trace_id, at(offset), Timestamp::default(), state.model_since) {
            let weight = action.action_type.taste_weight();
            let half_life = TasteRules::default().half_life;
            share.add(&vector_of(action, &state.model), weight, action.timestamp, half_life);
        }
    }
    Some(Remembered { of, share, waiting: Vec::new() })
}

fn settle(state: &mut Preference) {
    for product in 0..PRODUCTS {
        let id = product_id(product);
        let vector = vector_of(&event(ActionType::Click, product, 0, 0), &state.model);
        state.settle(&id, Settlement::Vector(&vector), TasteRules::default());
    }
}

fn assert_near(state: &Preference, whole: &Preference) {
    if !crate::preference::tests::is_clear(whole) {
        return;
    }
    match (&state.vector, &whole.vector) {
        (Some(one), Some(other)) => {
            let pairs = one.as_slice().iter().zip(other.as_slice());
            let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart <= 1e-4, "{apart}");
        }
        (one, other) => assert_eq!(one, other),
    }
}

proptest! {
    /// Whatever was known at a change of model, whoever acts meanwhile, and whenever it is remembered: taste is as if
    /// all had been folded under the new model.
    #[test]
    fn a_change_of_model_loses_nothing(
        drawn in prop::collection::vec((0_usize..KINDS.len(), 0..PRODUCTS, 0_i64..500_000, any::<bool>()), 1..150),
        (first, second, third) in any::<(prop::sample::Index, prop::sample::Index, prop::sample::Index)>(),
        (recent_waits, flips) in any::<(bool, bool)>(),
    ) {
        let actions: Vec<UserAction> = drawn
            .iter()
            .enumerate()
            .map(|(i, (kind, product, minutes, _))| event(KINDS[*kind], *product, *minutes, i))
            .collect();
        let mut places = [first, second, third].map(|place| place.index(actions.len() + 1));
        places.sort_unstable();
        let [changed, flipped, told] = places;
        let (mut whole, mut state) = (fresh("b"), fresh("a"));
        let mut late = 0;
        for offset in 0..=actions.len() {
            if offset == changed {
                state.change_model(&model("b"), Timestamp::from_ms(1), recent_waits);
            }
            if flips && offset == flipped {
                state.change_model(&model("c"), Timestamp::from_ms(2), !recent_waits);
                state.change_model(&model("b"), Timestamp::from_ms(3), recent_waits);
            }
            if offset == told && let Some(remembered) = remembered(&state, &actions[..offset]) {
                // Who comes later with the same, or with what was before, changes nothing.
                let mut other = remembered.clone();
                other.of.until = at(offset + 1);
                prop_assert!(!state.remember(&other, TasteRules::default(), true));
                prop_assert!(state.remember(&remembered, TasteRules::default(), true));
                prop_assert!(!state.remember(&remembered, TasteRules::default(), true));
                settle(&mut state);
            }
            let Some(action) = actions.get(offset) else { break };
            fold(&mut whole, action, offset, false);
            // No more than may wait.
            let is_late = drawn[offset].3 && late < PENDING_MAX;
            late += usize::from(is_late);
            fold(&mut state, action, offset, is_late);
        }
        prop_assert_eq!(state.earlier.as_ref(), None);
        settle(&mut state);
        prop_assert_eq!(state.action_count, whole.action_count);
        assert_near(&state, &whole);
    }
}

#[test]
fn what_waits_by_itself_gives_way_to_new_actions_and_is_remembered() {
    let mut state = fresh("a");
    let actions: Vec<UserAction> =
        (0..100).map(|i| event(ActionType::Click, i % PRODUCTS, 1000 + i as i64, i)).collect();
    for (offset, action) in actions[..70].iter().enumerate() {
        fold(&mut state, action, offset, false);
    }
    state.change_model(&model("b"), Timestamp::from_ms(1), true);
    assert_eq!(
        (state.pending.len(), state.earlier.as_ref().unwrap().waits.len()),
        (PENDING_MAX, PENDING_MAX)
    );
    for (offset, action) in actions.iter().enumerate().skip(70) {
        // Of long ago.
        let late = UserAction { timestamp: Timestamp::from_ms(offset as i64), ..action.clone() };
        let waits = Embedding::Awaited(late.timestamp);
        let outcome = state.fold(&late, at(offset), waits, TasteRules::default());
        assert_eq!(outcome, crate::FoldOutcome::Deferred { dropped: 0 });
    }
    let earlier = state.earlier.as_ref().unwrap();
    assert_eq!((state.pending.len(), earlier.waits.len()), (PENDING_MAX, 2));
    let holds = |offset: usize| {
        let trace = &actions[offset].trace_id;
        earlier.holds(trace, at(offset), Timestamp::default(), state.model_since)
    };
    assert!((0..68).all(holds) && !(68..100).any(holds));
}

#[test]
fn what_a_product_without_a_vector_was_about_waits_if_it_may_and_fits() {
    let mut state = fresh("a");
    fold(&mut state, &event(ActionType::Click, 1, 10, 1), 1, false);
    state.change_model(&model("b"), Timestamp::from_ms(1), false);
    assert_eq!((state.pending.len(), state.earlier.is_some()), (0, true));
    let waits = |i: usize| PendingAction {
        trace_id: TraceId::new(format!("t{i}")).unwrap(),
        product_id: product_id(1),
        action_type: ActionType::Click,
        at: Timestamp::from_ms(1),
        logged_at: Timestamp::from_ms(1),
    };
    let of = state.earlier.clone().unwrap();
    let of_many = |count| Remembered {
        of: of.clone(),
        share: Share::default(),
        waiting: (0..count).map(waits).collect(),
    };
    let before = state.clone();
    assert!(!state.remember(&of_many(PENDING_MAX + 1), TasteRules::default(), true));
    assert!(!state.remember(&of_many(1), TasteRules::default(), false));
    assert_eq!(state, before);
    assert!(state.remember(&of_many(1), TasteRules::default(), true));
    assert_eq!((state.pending.len(), state.earlier), (1, None));
}

#[test]
fn a_topic_that_got_more_partitions_is_told_by_time() {
    let earlier = Earlier { until: at(7), waits: vec![event_hash(&TraceId::new("waits").unwrap())] };
    let holds = |trace: &str, position: Position, appended_ms| {
        let trace = TraceId::new(trace).unwrap();
        earlier.holds(&trace, position, Timestamp::from_ms(appended_ms), Timestamp::from_ms(100))
    };
    let elsewhere = Position { partition: 4, ..at(9) };
    assert!(holds("t", at(7), 200) && !holds("t", at(8), 0) && !holds("waits", at(7), 0));
    assert!(holds("t", elsewhere, 99) && !holds("t", elsewhere, 100));
    assert!(holds("t", Position { epoch: 0, ..at(99) }, 200));
    assert!(!holds("t", Position { epoch: 2, ..at(1) }, 0));
}

#[test]
fn a_share_is_the_sum_of_its_actions_in_whatever_order() {
    let rules = TasteRules::default();
    let actions: Vec<UserAction> =
        (0..40).map(|i| event(KINDS[i % KINDS.len()], i % PRODUCTS, (i as i64 * 7919) % 90_000, i)).collect();
    let sum = |actions: &mut dyn Iterator<Item = &UserAction>| {
        let mut share = Share::default();
        for action in actions {
            let vector = vector_of(action, &model("b"));
            share.add(&vector, action.action_type.taste_weight(), action.timestamp, rules.half_life);
        }
        let mut state = fresh("b");
        state.sums.merge(&mut state.vector, &share, rules);
        state
    };
    let mut whole = fresh("b");
    actions.iter().enumerate().for_each(|(offset, action)| fold(&mut whole, action, offset, false));
    let (one, other) = (sum(&mut actions.iter()), sum(&mut actions.iter().rev()));
    for state in [&one, &other] {
        assert_near(state, &whole);
        assert!((state.sums.mass - whole.sums.mass).abs() < 1e-4);
        assert_eq!(state.sums.at, whole.sums.at);
    }
    // A share without refusals leaves the vector without sums beside it.
    let click = [event(ActionType::Click, 1, 5, 1)];
    let (one, half_life) = (sum(&mut click.iter()), Duration::from_secs(60));
    assert_eq!((one.sums.split, one.sums.mass), (None, ActionType::Click.taste_weight()));
    let mut other_width = Share::default();
    other_width.add(&UnitVector::normalised(vec![1.0; 3]).unwrap(), 1.0, Timestamp::default(), half_life);
    let mut state = whole.clone();
    state.sums.merge(&mut state.vector, &other_width, rules);
    assert_eq!(state, whole);
}
