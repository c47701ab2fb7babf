use proptest::prelude::*;

use super::*;
use crate::{SessionId, TraceId};

fn at(offset: u64) -> Position {
    Position { epoch: 1, partition: 3, offset }
}

fn act(kind: ActionType) -> UserAction {
    UserAction {
        trace_id: TraceId::new("t").unwrap(),
        user_id: UserId::new("u").unwrap(),
        action_type: kind,
        product_id: Some(ProductId::new("p").unwrap()),
        search_query: None,
        session_id: None::<SessionId>,
        timestamp: Timestamp::from_ms(5),
        metadata: Default::default(),
    }
}

/// An action on product `product` at `at_ms`, known by `event`.
fn event(kind: ActionType, product: usize, at_ms: i64, event: usize) -> UserAction {
    UserAction {
        trace_id: TraceId::new(format!("t{event}")).unwrap(),
        product_id: Some(ProductId::new(format!("p{product}")).unwrap()),
        timestamp: Timestamp::from_ms(at_ms),
        ..act(kind)
    }
}

fn unit(numbers: [f32; 3]) -> UnitVector {
    UnitVector::normalised(numbers.to_vec()).unwrap()
}

fn fresh() -> Preference {
    Preference::new(UserId::new("u").unwrap(), ModelId::new("m").unwrap())
}

const RULES: fn() -> TasteRules = TasteRules::default;

#[test]
fn an_event_applied_twice_moves_the_vector_once() {
    let (x, y) = (unit([1.0, 0.0, 0.0]), unit([0.0, 1.0, 0.0]));
    let mut p = fresh();
    let outcome = p.fold(&act(ActionType::Click), at(7), Embedding::Known(&x), RULES());
    assert_eq!(outcome, FoldOutcome::Applied);
    p.fold(&act(ActionType::Purchase), at(9), Embedding::Known(&y), RULES());
    let once = p.clone();
    for offset in [9, 7, 0] {
        let outcome = p.fold(&act(ActionType::Purchase), at(offset), Embedding::Known(&y), RULES());
        assert_eq!(outcome, FoldOutcome::Replayed);
    }
    assert_eq!(p, once);
    let next_life = Position { epoch: 2, ..at(0) };
    let outcome = p.fold(&act(ActionType::Click), next_life, Embedding::Known(&y), RULES());
    assert_eq!(outcome, FoldOutcome::Applied);
    let zombie = Position { epoch: 1, ..at(1000) };
    let outcome = p.fold(&act(ActionType::Click), zombie, Embedding::Known(&y), RULES());
    assert_eq!(outcome, FoldOutcome::Replayed);
}

#[test]
fn stronger_actions_move_further_and_dislikes_away() {
    let (x, y) = (unit([1.0, 0.0, 0.0]), unit([0.0, 1.0, 0.0]));
    let towards = |kind| {
        let mut p = fresh();
        p.fold(&act(ActionType::Click), at(1), Embedding::Known(&x), RULES());
        p.fold(&act(kind), at(2), Embedding::Known(&y), RULES());
        p.vector.unwrap().cosine(&y)
    };
    assert!(towards(ActionType::Purchase) > towards(ActionType::AddToCart));
    assert!(towards(ActionType::AddToCart) > towards(ActionType::Click));
    assert!(towards(ActionType::Click) > towards(ActionType::View));
    assert!(towards(ActionType::Dislike) < 0.0);
}

#[test]
fn memory_of_a_shopper_is_bounded() {
    let mut p = fresh();
    for i in 0..1000 {
        let action = event(ActionType::Purchase, i, i as i64, i);
        p.fold(&action, at(i as u64), Embedding::Awaited(action.timestamp), RULES());
    }
    let sizes = (p.recent.len(), p.purchased.len(), p.pending.len(), p.action_count);
    assert_eq!(sizes, (RECENT_MAX, PURCHASED_MAX, PENDING_MAX, 1000));
    assert_eq!(p.purchased[0].product_id.as_str(), "p999");
    assert_eq!(p.pending[0].product_id.as_str(), "p999");
}

#[test]
fn what_comes_late_takes_its_place_in_time_and_not_the_first() {
    let mut p = fresh();
    let actions = [
        event(ActionType::Dislike, 1, 900, 0),
        event(ActionType::Click, 1, 100, 1),
        event(ActionType::Purchase, 2, 50, 2),
    ];
    for (offset, action) in (1..).zip(&actions) {
        p.fold(action, at(offset), Embedding::None, RULES());
    }
    let kinds: Vec<ActionType> = p.recent.iter().map(|recent| recent.action_type).collect();
    assert_eq!(kinds, [ActionType::Dislike, ActionType::Click, ActionType::Purchase]);
    assert_eq!(p.updated_at, Timestamp::from_ms(900));
    let at_once = [ActionType::Dislike, ActionType::View, ActionType::Click];
    for (event_number, kind) in (10..).zip(at_once) {
        p.fold(&event(kind, 3, 2000, event_number), at(event_number as u64 - 6), Embedding::None, RULES());
    }
    assert_eq!(
        p.recent[0].action_type,
        ActionType::Dislike,
        "of one millisecond the later in the funnel leads"
    );
    p.fold(&event(ActionType::Purchase, 2, 40, 3), at(9), Embedding::None, RULES());
    assert_eq!(
        p.purchased,
        [Purchase { product_id: ProductId::new("p2").unwrap(), at: Timestamp::from_ms(50) }]
    );
}

#[test]
fn a_pending_action_adds_its_share_once_and_by_its_own_time() {
    let (x, y) = (unit([1.0, 0.0, 0.0]), unit([0.0, 1.0, 0.0]));
    let day = 24 * 3600 * 1000;
    let (first, second) = (event(ActionType::Purchase, 1, 0, 1), event(ActionType::Click, 2, 40 * day, 2));
    let mut known = fresh();
    known.fold(&first, at(1), Embedding::Known(&x), RULES());
    known.fold(&second, at(2), Embedding::Known(&y), RULES());

    let mut waits = fresh();
    let outcome = waits.fold(&first, at(1), Embedding::Awaited(Timestamp::from_ms(7)), RULES());
    assert_eq!(outcome, FoldOutcome::Deferred { dropped: 0 });
    waits.fold(&second, at(2), Embedding::Known(&y), RULES());
    assert_eq!((waits.pending.len(), waits.action_count), (1, 2));
    let product = ProductId::new("p1").unwrap();
    let unknown = |ms| Settlement::Unknown { logged_before: Timestamp::from_ms(ms) };
    assert!(waits.settle(&product, unknown(7), RULES()).is_empty(), "it may still be imported");
    assert!(waits.settle(&ProductId::new("p9").unwrap(), Settlement::Vector(&x), RULES()).is_empty());
    assert_eq!(waits.settle(&product, Settlement::Vector(&x), RULES()).len(), 1);
    let settled = waits.clone();
    assert!(waits.settle(&product, Settlement::Vector(&x), RULES()).is_empty());
    assert_eq!(waits, settled, "the second time there is nothing to settle");
    assert!(settled.vector.unwrap().cosine(known.vector.as_ref().unwrap()) > 1.0 - 1e-6);

    let mut given_up = fresh();
    given_up.fold(&first, at(1), Embedding::Awaited(Timestamp::from_ms(7)), RULES());
    assert_eq!(given_up.settle(&product, unknown(8), RULES()).len(), 1);
    assert_eq!((given_up.vector, given_up.pending.len()), (None, 0));
}

#[test]
fn another_model_keeps_the_latest_actions_waiting() {
    let x = unit([1.0, 0.0, 0.0]);
    let mut p = fresh();
    p.fold(&event(ActionType::Click, 1, 10, 1), at(1), Embedding::Known(&x), RULES());
    p.fold(&event(ActionType::Click, 2, 20, 2), at(2), Embedding::Awaited(Timestamp::from_ms(1)), RULES());
    let model = ModelId::new("other").unwrap();
    let now = Timestamp::from_ms(30);
    assert!(p.change_model(&model, now, true));
    let waits = ["t2", "t1"].map(|trace| event_hash(&TraceId::new(trace).unwrap())).to_vec();
    assert_eq!((p.model_since, &p.earlier), (now, &Some(Earlier { until: at(2), waits })));
    assert!(!p.change_model(&model, now, true), "nothing doubles, however often it changes");
    let waiting: Vec<&str> = p.pending.iter().map(|waits| waits.product_id.as_str()).collect();
    assert_eq!((waiting, p.vector.clone()), (vec!["p2", "p1"], None));
    let wide = UnitVector::normalised(vec![1.0; 5]).unwrap();
    p.settle(&ProductId::new("p1").unwrap(), Settlement::Vector(&wide), RULES());
    assert_eq!(p.vector, Some(wide));
}

const KINDS: [ActionType; 7] = [
    ActionType::View,
    ActionType::Click,
    ActionType::AddToCart,
    ActionType::RemoveFromCart,
    ActionType::Wishlist,
    ActionType::Purchase,
    ActionType::Dislike,
];

/// Vectors of products as a model gives them: no two alike, all of one half of space.
/// Release 0.1 kept no event of an action: what had moved nothing waits, until a change of model leaves all of it to the
/// documents, which would tell it a second time.
#[test]
fn what_moved_nothing_in_release_0_1_waits_until_documents_tell_it() {
    let (product_id, model) = (ProductId::new("p-1").unwrap(), ModelId::new("n").unwrap());
    let action = |action_type, at_ms| RecentAction {
        product_id: product_id.clone(),
        action_type,
        at: Timestamp::from_ms(at_ms),
        event: 0,
    };
    let recent = [action(ActionType::Click, 2), action(ActionType::AddToCart, 1)];
    let of_before = Preference { position: Some(at(7)), recent: recent.into(), ..fresh() };
    let mut p = of_before.complete([]);
    let waits: Vec<_> = p.pending.iter().map(|waits| (waits.action_type, waits.at.as_ms())).collect();
    assert_eq!(waits, [(ActionType::Click, 2), (ActionType::AddToCart, 1)]);
    p.change_model(&model, Timestamp::from_ms(9), true);
    assert_eq!(p.pending, []);
    assert_eq!(p.earlier.map(|earlier| (earlier.until, earlier.waits)), Some((at(7), Vec::new())));
}

fn vector_of(product: usize) -> UnitVector {
    let numbers = (0..16).map(|i| 1.0 + ((product * 31 + i * 17) as f32 * 0.7).sin()).collect();
    UnitVector::normalised(numbers).unwrap()
}

/// Folds `actions` in their order; those on products of which `is_late` waits for a vector until the end.
fn folded(actions: &[UserAction], is_late: impl Fn(usize) -> bool) -> Preference {
    let mut p = fresh();
    let product =
        |action: &UserAction| action.product_id.as_ref().unwrap().as_str()[1..].parse::<usize>().unwrap();
    for (offset, action) in (1..).zip(actions) {
        let vector = vector_of(product(action));
        let embedding = if is_late(product(action)) {
            Embedding::Awaited(action.timestamp)
        } else {
            Embedding::Known(&vector)
        };
        p.fold(action, at(offset), embedding, RULES());
    }
    for number in 0..10 {
        let vector = vector_of(number);
        p.settle(&ProductId::new(format!("p{number}")).unwrap(), Settlement::Vector(&vector), RULES());
    }
    p
}

proptest! {
    #[test]
    fn any_order_gives_the_same_taste(
        drawn in prop::collection::vec((0_usize..7, 0_usize..10, 0_i64..200_000_000), 1..=PENDING_MAX),
        order in any::<prop::sample::Index>(),
        late in 0_usize..10,
    ) {
        // Minutes up to 380 years: taste knows no age limit.
        let actions: Vec<UserAction> = drawn
            .iter()
            .enumerate()
            .map(|(i, (kind, product, minutes))| event(KINDS[*kind], *product, minutes * 60_000, i))
            .collect();
        let mut other = actions.clone();
        let turn = order.index(other.len());
        other.rotate_left(turn);
        other.reverse();
        let mut by_time = actions.clone();
        by_time.sort_by_key(|action| action.timestamp);
        let one = folded(&by_time, |_| false);
        for state in [folded(&actions, |_| false), folded(&other, |product| product == late), folded(&other, |_| true)] {
            prop_assert_eq!(&state.recent, &one.recent);
            prop_assert_eq!(&state.purchased, &one.purchased);
            prop_assert_eq!((state.action_count, state.updated_at), (one.action_count, one.updated_at));
            prop_assert!(state.pending.is_empty());
            match (&state.vector, &one.vector) {
                (Some(a), Some(b)) if is_clear(&one) => {
                    let apart = a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    prop_assert!(apart <= 1e-4, "{apart}");
                }
                (Some(_), Some(_)) | (None, None) => {}
                (a, b) => prop_assert!(!is_clear(&one), "{a:?} and {b:?}"),
            }
        }
    }
}

/// Whether likes and refusals are far from cancelling out: `|P − ρN| ≥ 0.05 (|P| + ρ|N|)`.
pub(super) fn is_clear(p: &Preference) -> bool {
    let Some(split) = &p.sums.split else { return true };
    let norm = |numbers: &[f32]| numbers.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let (liked, refused) = (norm(&split.liked), norm(&split.refused));
    f64::from(p.sums.mass) >= 0.05 * (liked + f64::from(RULES().refused_share) * refused)
}
