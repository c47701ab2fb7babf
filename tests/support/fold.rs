//! What the log says of shoppers, computed apart from what the roles made of it.

use std::collections::{BTreeMap, HashMap};

use rep_core::{ModelId, Position, Preference, ProductId, TasteRules, UnitVector, UserAction, UserId};

/// Preferences after each action of `log`, in its order, took effect once; repeats must have been left out. `vectors` are
/// those of the products, of `model`; searches move nothing.
pub(crate) fn offline<'a>(
    log: impl Iterator<Item = (&'a UserAction, Position)>,
    vectors: &HashMap<ProductId, Option<UnitVector>>,
    model: &ModelId,
) -> BTreeMap<UserId, Preference> {
    let mut folded: BTreeMap<UserId, Preference> = BTreeMap::new();
    for (action, position) in log {
        let vector = action.product_id.as_ref().and_then(|id| vectors.get(id)?.as_ref());
        let user = action.user_id.clone();
        let preference = folded.entry(user.clone()).or_insert_with(|| Preference::new(user, model.clone()));
        preference.fold(action, position, vector.into(), TasteRules::default());
    }
    folded
}

/// Greatest difference of two numbers at the same place; without end if only one is there.
pub(crate) fn apart(a: Option<&UnitVector>, b: Option<&UnitVector>) -> f32 {
    match (a, b) {
        (Some(a), Some(b)) => {
            a.as_slice().iter().zip(b.as_slice()).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
        }
        (None, None) => 0.0,
        _ => f32::INFINITY,
    }
}
