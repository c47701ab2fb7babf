//! Variants: of a group of products lists show one, so a search must find more than is shown.

use std::borrow::Cow;
use std::collections::HashSet;

use rep_core::ports::StoreError;
use rep_core::ports::catalog::Hit;
use rep_core::{GroupId, Preference, ProductFilter, ProductId, UnitVector};

use crate::state::ApiState;

/// Most hits that are asked for at once.
const HITS_MAX: usize = 1_000;

/// By what products are found.
#[derive(Clone, Copy)]
pub(crate) enum By<'a> {
    Vector(&'a UnitVector),
    Words(&'a str),
}

impl By<'_> {
    async fn find(self, state: &ApiState, k: usize, filter: &ProductFilter) -> Result<Vec<Hit>, StoreError> {
        match self {
            Self::Vector(vector) => state.catalog.nearest(vector, k, filter).await,
            Self::Words(query) => state.catalog.search_text(query, k, filter).await,
        }
    }
}

/// The best `k` hits, and more while `shown` of them cannot be shown beside each other, because too many are variants; each
/// further round leaves out the groups that are known, so there are at most `shown`.
pub(crate) async fn find(
    state: &ApiState,
    by: By<'_>,
    (k, shown): (usize, usize),
    filter: &ProductFilter,
) -> Result<Vec<Hit>, StoreError> {
    let mut filter = Cow::Borrowed(filter);
    let mut groups: HashSet<GroupId> = HashSet::new();
    let (mut hits, mut alone, mut asked): (Vec<Hit>, usize, usize) = (Vec::new(), 0, k);
    loop {
        let found = by.find(state, asked, &filter).await?;
        let is_all = found.len() < asked;
        let mut known = Vec::new();
        for hit in &found {
            match &hit.product.group_id {
                Some(group) => {
                    groups.insert(group.clone());
                }
                None => known.push(hit.product.product_id.clone()),
            }
        }
        alone += known.len();
        hits.extend(found);
        if is_all || alone + groups.len() >= shown {
            return Ok(hits);
        }
        let filter = filter.to_mut();
        filter.exclude.extend(known);
        filter.exclude_groups.extend(groups.iter().cloned());
        asked = (2 * asked).min(HITS_MAX);
    }
}

/// The groups of which a shopper bought a product that is still there.
pub(crate) async fn bought(
    state: &ApiState,
    preference: Option<&Preference>,
) -> Result<HashSet<GroupId>, StoreError> {
    let bought = preference.into_iter().flat_map(|known| &known.purchased);
    let ids: Vec<ProductId> = bought.map(|purchase| purchase.product_id.clone()).collect();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let products = state.catalog.get(&ids).await?;
    Ok(products.into_iter().flatten().filter_map(|product| product.group_id.clone()).collect())
}
