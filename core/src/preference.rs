//! What a shopper likes: an exponential moving average over what they acted on.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{ActionType, ModelId, Position, ProductId, Timestamp, UnitVector, UserAction, UserId};

/// Most recent actions kept beside a vector.
pub const RECENT_MAX: usize = 64;
/// Most purchases kept beside a vector.
pub const PURCHASED_MAX: usize = 256;

/// How fast taste moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EmaRules {
    /// Share of a purchase (weight 1) in the new vector, in (0, 1).
    pub base_rate: f32,
}

impl Default for EmaRules {
    /// 0.3: four purchases of one kind make up three quarters of the vector.
    fn default() -> Self {
        Self { base_rate: 0.3 }
    }
}

/// One of a shopper's last actions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentAction {
    /// The product acted on.
    pub product_id: ProductId,
    /// What was done.
    pub action_type: ActionType,
    /// When.
    pub at: Timestamp,
}

/// What is known of a shopper's taste.
#[derive(Clone, Debug, PartialEq)]
pub struct Preference {
    /// Whose.
    pub user_id: UserId,
    /// The model of the vector; vectors of two models never mix.
    pub model: ModelId,
    /// The direction of taste; `None` until something was liked.
    pub vector: Option<UnitVector>,
    /// Actions folded in.
    pub action_count: u64,
    /// Time of the latest action folded in.
    pub updated_at: Timestamp,
    /// The last record folded in: fences replays.
    pub position: Option<Position>,
    /// The last actions on products, newest first, at most [`RECENT_MAX`].
    pub recent: VecDeque<RecentAction>,
    /// What was bought, newest first, at most [`PURCHASED_MAX`].
    pub purchased: VecDeque<ProductId>,
}

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldOutcome {
    /// It changed the state.
    Applied,
    /// It was already part of it; nothing changed.
    Replayed,
}

impl Preference {
    /// A shopper of whom nothing is known.
    pub fn new(user_id: UserId, model: ModelId) -> Self {
        Self {
            user_id,
            model,
            vector: None,
            action_count: 0,
            updated_at: Timestamp::default(),
            position: None,
            recent: VecDeque::new(),
            purchased: VecDeque::new(),
        }
    }

    /// Folds `action`, read at `position`, into the state. Idempotent: a position at or before the last
    /// one changes nothing.
    ///
    /// `embedding` is that of the product, or of the query of a search; without one (unknown product, model
    /// away) the action counts but moves nothing. Source of the average:
    /// `v' = unit((1 - a) v + a e)`, `a = base_rate · |weight|`, and `v - a e` for what was refused.
    pub fn fold(
        &mut self,
        action: &UserAction,
        position: Position,
        embedding: Option<&UnitVector>,
        rules: EmaRules,
    ) -> FoldOutcome {
        if self.position.is_some_and(|fence| position.is_covered_by(fence)) {
            return FoldOutcome::Replayed;
        }
        self.position = Some(position);
        self.action_count += 1;
        self.updated_at = self.updated_at.max(action.timestamp);
        if let Some(embedding) = embedding {
            self.vector = moved(self.vector.take(), embedding, action.action_type.taste_weight(), rules);
        }
        if let Some(product_id) = &action.product_id {
            self.remember(product_id, action.action_type, action.timestamp);
        }
        FoldOutcome::Applied
    }

    fn remember(&mut self, product_id: &ProductId, action_type: ActionType, at: Timestamp) {
        self.recent.push_front(RecentAction { product_id: product_id.clone(), action_type, at });
        self.recent.truncate(RECENT_MAX);
        if action_type == ActionType::Purchase && !self.purchased.contains(product_id) {
            self.purchased.push_front(product_id.clone());
            self.purchased.truncate(PURCHASED_MAX);
        }
    }
}

fn moved(
    vector: Option<UnitVector>,
    embedding: &UnitVector,
    weight: f32,
    rules: EmaRules,
) -> Option<UnitVector> {
    let Some(mut vector) = vector else {
        return (weight > 0.0).then(|| embedding.clone());
    };
    let rate = rules.base_rate * weight.abs();
    if rate > 0.0 {
        let (keep, add) = if weight > 0.0 { (1.0 - rate, rate) } else { (1.0, -rate) };
        vector.blend(keep, embedding, add);
    }
    Some(vector)
}

#[cfg(test)]
mod tests {
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

    fn unit(numbers: [f32; 3]) -> UnitVector {
        UnitVector::normalised(numbers.to_vec()).unwrap()
    }

    fn fresh() -> Preference {
        Preference::new(UserId::new("u").unwrap(), ModelId::new("m").unwrap())
    }

    #[test]
    fn an_event_applied_twice_moves_the_vector_once() {
        let (x, y) = (unit([1.0, 0.0, 0.0]), unit([0.0, 1.0, 0.0]));
        let mut p = fresh();
        assert_eq!(
            p.fold(&act(ActionType::Click), at(7), Some(&x), EmaRules::default()),
            FoldOutcome::Applied
        );
        p.fold(&act(ActionType::Purchase), at(9), Some(&y), EmaRules::default());
        let once = p.clone();
        for offset in [9, 7, 0] {
            let outcome = p.fold(&act(ActionType::Purchase), at(offset), Some(&y), EmaRules::default());
            assert_eq!(outcome, FoldOutcome::Replayed);
        }
        assert_eq!(p, once);
        let next_life = Position { epoch: 2, ..at(0) };
        assert_eq!(
            p.fold(&act(ActionType::Click), next_life, Some(&y), EmaRules::default()),
            FoldOutcome::Applied
        );
        let zombie = Position { epoch: 1, ..at(1000) };
        assert_eq!(
            p.fold(&act(ActionType::Click), zombie, Some(&y), EmaRules::default()),
            FoldOutcome::Replayed
        );
    }

    #[test]
    fn stronger_actions_move_further_and_dislikes_away() {
        let (x, y) = (unit([1.0, 0.0, 0.0]), unit([0.0, 1.0, 0.0]));
        let towards = |kind| {
            let mut p = fresh();
            p.fold(&act(ActionType::Click), at(1), Some(&x), EmaRules::default());
            p.fold(&act(kind), at(2), Some(&y), EmaRules::default());
            p.vector.unwrap().cosine(&y)
        };
        assert!(towards(ActionType::Purchase) > towards(ActionType::AddToCart));
        assert!(towards(ActionType::AddToCart) > towards(ActionType::Click));
        assert!(towards(ActionType::Click) > towards(ActionType::View));
        assert!(towards(ActionType::Dislike) < 0.0);
    }

    #[test]
    fn dislikes_alone_give_no_direction_and_opposites_never_give_nan() {
        let x = unit([1.0, 0.0, 0.0]);
        let mut p = fresh();
        p.fold(&act(ActionType::Dislike), at(1), Some(&x), EmaRules::default());
        assert_eq!(p.vector, None);
        p.fold(&act(ActionType::Click), at(2), Some(&x), EmaRules::default());
        p.fold(&act(ActionType::Purchase), at(3), Some(&unit([-1.0, 0.0, 0.0])), EmaRules { base_rate: 0.5 });
        assert_eq!(p.vector.unwrap(), x);
    }

    #[test]
    fn memory_of_a_shopper_is_bounded() {
        let mut p = fresh();
        for i in 0..1000 {
            let action = UserAction {
                product_id: Some(ProductId::new(format!("p{i}")).unwrap()),
                ..act(ActionType::Purchase)
            };
            p.fold(&action, at(i), None, EmaRules::default());
        }
        assert_eq!((p.recent.len(), p.purchased.len(), p.action_count), (RECENT_MAX, PURCHASED_MAX, 1000));
        assert_eq!(p.purchased[0].as_str(), "p999");
    }
}
