//! What the log says of shoppers, computed apart from what the roles made of it.

use std::collections::{BTreeMap, HashMap};

use rep_core::{
    InventoryChange, ModelId, Position, Preference, ProductId, TasteRules, UnitVector, UserAction, UserId,
};

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

/// Of the changes of one product, in their order, those that are a real drop to a shopper who knew it before the first:
/// below every price before by 5 % at least.
pub(crate) fn real_drops<'a>(changes: impl Iterator<Item = &'a InventoryChange>) -> Vec<&'a InventoryChange> {
    let mut lowest = None;
    let is_drop = |change: &&InventoryChange| {
        let known = *lowest.get_or_insert(change.price_before.unwrap_or(change.price_after));
        lowest = Some(known.min(change.price_after));
        change.price_after * 100 <= known * 95
    };
    changes.filter(is_drop).collect()
}

/// Greatest difference of what the sums of two tastes add up to. An action of the least weight moves some number of a sum
/// by 0.005 at least, with up to 400 dimensions; rounding in whatever order moves none of a thousand actions by 0.001.
pub(crate) fn sums_apart(a: &Preference, b: &Preference) -> f32 {
    let sums = |state: &Preference| -> [Vec<f32>; 2] {
        match (&state.sums.split, &state.vector) {
            (Some(split), _) => [split.liked.clone(), split.refused.clone()],
            (None, Some(vector)) => {
                [vector.as_slice().iter().map(|n| n * state.sums.mass).collect(), Vec::new()]
            }
            (None, None) => [Vec::new(), Vec::new()],
        }
    };
    let number = |sum: &[f32], at: usize| sum.get(at).copied().unwrap_or_default();
    let apart = |a: &[f32], b: &[f32]| {
        (0..a.len().max(b.len())).map(|at| (number(a, at) - number(b, at)).abs()).fold(0.0, f32::max)
    };
    let ([liked, refused], [also_liked, also_refused]) = (sums(a), sums(b));
    apart(&liked, &also_liked).max(apart(&refused, &also_refused))
}

/// Rounding of [`sums_apart`].
pub(crate) const SUMS_APART_MAX: f32 = 1e-3;

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
