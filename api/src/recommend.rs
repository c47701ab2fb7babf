//! Recommendations: hydrate the query → sources → hydrate candidates → score and select → reasons.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use futures::future::try_join;
use rep_core::ports::StoreError;
use rep_core::ranking::{Asked, Candidates, Eligibility, Ranked, Sources, Trace, Weights, reasons, select};
use rep_core::{Preference, Product, ProductFilter, ProductId, RecentAction, Timestamp, UnitVector, UserId};

use crate::dto::recommendation::{KnownPreference, RecommendedItem, Strategy};
use crate::popular::POPULAR_MAX;
use crate::stages::Stages;
use crate::state::ApiState;
use crate::taste::taste_of;
use crate::variants::{self, By};

/// Traces that reasons look at, the newest: more would cost more than they tell.
const TRACES_MAX: usize = 16;

/// What is asked.
pub(crate) struct Ask {
    pub(crate) user: UserId,
    pub(crate) limit: usize,
    pub(crate) filter: ProductFilter,
    pub(crate) explain: bool,
}

/// What is served.
pub(crate) struct Served {
    pub(crate) strategy: Strategy,
    pub(crate) items: Vec<RecommendedItem>,
    pub(crate) preference: Option<KnownPreference>,
}

/// Items for a shopper; as many as were asked for while there are eligible ones.
pub(crate) async fn recommend(
    state: &ApiState,
    mut ask: Ask,
    now: Timestamp,
    stages: &mut Stages,
) -> Result<Served, StoreError> {
    let preference = state.preferences.load(std::slice::from_ref(&ask.user)).await?.pop().flatten();
    let taste = async {
        match &preference {
            Some(preference) => taste_of(state, preference, now).await,
            None => Ok(None),
        }
    };
    let (taste, bought) = try_join(taste, variants::bought(state, preference.as_ref())).await?;
    ask.filter.exclude_groups.extend(bought);
    let eligibility = Eligibility::new(ask.filter, preference.as_ref(), &state.config.just_seen, now);
    stages.done("hydrate");

    let mut candidates = sources(state, taste.as_ref(), &eligibility, ask.limit, now).await?;
    stages.done("sources");
    if candidates.shown_max() < ask.limit {
        fill(state, &eligibility, ask.limit, &mut candidates).await?;
        stages.done("fill");
    }
    if let Some(taste) = &taste {
        candidates.hydrate_similarity(taste);
    }
    let scale = state.scale.get();
    let weights = state.config.weights.on(scale.as_deref());
    let mut selected = select(candidates.into_items(), ask.limit, weights);
    stages.done("rank");

    let traces = explain_with(state, preference.as_ref().filter(|_| taste.is_some()), &mut selected).await?;
    let items = selected
        .iter()
        .map(|item| {
            let reasons =
                reasons(item, Asked::Recommendations(&traces, scale.as_deref()), weights.popularity);
            RecommendedItem::new(item, reasons, ask.explain)
        })
        .collect();
    stages.done("reasons");
    let strategy = if taste.is_some() { Strategy::Personalized } else { Strategy::Popular };
    let preference =
        preference.map(|p| KnownPreference { action_count: p.action_count, updated_at: p.updated_at });
    Ok(Served { strategy, items, preference })
}

async fn sources(
    state: &ApiState,
    taste: Option<&UnitVector>,
    eligibility: &Eligibility,
    limit: usize,
    now: Timestamp,
) -> Result<Candidates, StoreError> {
    let near = async {
        let Some(taste) = taste else { return Ok(Vec::new()) };
        let wanted = (near_max(limit), 2 * limit);
        let hits = variants::find(state, By::Vector(taste), wanted, eligibility.filter()).await?;
        let ids: Vec<ProductId> = hits.iter().map(|hit| hit.product.product_id.clone()).collect();
        let sums = state.popularity.scores(&ids, now).await?;
        Ok(hits.into_iter().zip(sums).collect::<Vec<_>>())
    };
    let (near, popular) = try_join(near, popular(state, eligibility, limit, now)).await?;
    let mut candidates = Candidates::with_capacity(near.len() + popular.len());
    for (hit, sum) in near {
        let candidate = candidates.propose(&hit.product, Sources { near: true, ..Sources::default() });
        candidate.similarity = Some(hit.score);
        candidate.popularity = sum;
    }
    let ids: Vec<ProductId> = popular.iter().map(|(product, _)| product.product_id.clone()).collect();
    let vectors = if taste.is_some() { state.catalog.vectors(&ids).await? } else { vec![None; ids.len()] };
    for ((product, sum), vector) in popular.into_iter().zip(vectors) {
        let candidate = candidates.propose(&product, Sources { popular: true, ..Sources::default() });
        candidate.popularity = sum;
        candidate.vector = vector;
    }
    Ok(candidates)
}

/// Near products to choose from: enough for categories to take turns.
fn near_max(limit: usize) -> usize {
    (4 * limit).clamp(40, 400)
}

/// Eligible popular products with their sums, greatest first.
async fn popular(
    state: &ApiState,
    eligibility: &Eligibility,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<(Arc<Product>, f64)>, StoreError> {
    let top = state.popular.top(&*state.popularity, now).await?;
    let filter = eligibility.filter();
    let by_field = filter.category.is_some() || filter.price.is_some() || filter.in_stock;
    // Field filters may turn away many: then all of the top is looked at.
    let mut looked_at = if by_field { POPULAR_MAX } else { 2 * limit + 10 };
    loop {
        let (ids, sums): (Vec<ProductId>, Vec<f64>) =
            top.iter().filter(|(id, _)| !filter.exclude.contains(id)).take(looked_at).cloned().unzip();
        let is_all = ids.len() < looked_at || looked_at >= POPULAR_MAX;
        let products = state.catalog.get(&ids).await?;
        let found = products.into_iter().zip(sums).filter_map(|(product, sum)| Some((product?, sum)));
        let popular: Vec<(Arc<Product>, f64)> =
            found.filter(|(product, _)| eligibility.admits(product)).collect();
        let repeated = repeated(&popular);
        if is_all || repeated == 0 || popular.len() - repeated >= limit {
            return Ok(popular);
        }
        // Variants took the places of others.
        looked_at = POPULAR_MAX;
    }
}

/// How many stand behind another variant of their group.
fn repeated(products: &[(Arc<Product>, f64)]) -> usize {
    let mut seen = HashSet::new();
    let groups = products.iter().filter_map(|(product, _)| product.group_id.as_ref());
    groups.filter(|group| !seen.insert(*group)).count()
}

/// Fills up from the catalogue in order of ids, until `wanted` candidates can be shown or there are no more products.
pub(crate) async fn fill(
    state: &ApiState,
    eligibility: &Eligibility,
    wanted: usize,
    candidates: &mut Candidates,
) -> Result<(), StoreError> {
    let mut after: Option<ProductId> = None;
    let mut filter = Cow::Borrowed(eligibility.filter());
    while candidates.shown_max() < wanted {
        if !candidates.groups().is_empty() {
            filter.to_mut().exclude_groups.extend(candidates.groups().iter().cloned());
        }
        let page = state.catalog.list(&filter, after.as_ref(), wanted).await?;
        for product in page.items {
            if candidates.shown_max() >= wanted {
                break;
            }
            candidates.propose(&product, Sources::default());
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
    Ok(())
}

/// Loads what reasons need: vectors of the selected, and of what the shopper acted on. The selected become
/// what they are now; one that is gone leaves.
async fn explain_with(
    state: &ApiState,
    preference: Option<&Preference>,
    selected: &mut Vec<Ranked>,
) -> Result<Vec<Trace>, StoreError> {
    let Some(preference) = preference else { return Ok(Vec::new()) };
    let mut seen = HashSet::new();
    let recent: Vec<_> = preference
        .recent
        .iter()
        .filter(|action| action.action_type.taste_weight() > 0.0 && seen.insert(&action.product_id))
        .take(TRACES_MAX)
        .collect();
    let mut ids: Vec<ProductId> =
        selected.iter().map(|item| item.candidate.product.product_id.clone()).collect();
    ids.extend(recent.iter().map(|action| action.product_id.clone()));
    let (products, vectors) = try_join(state.catalog.get(&ids), state.catalog.vectors(&ids)).await?;
    let mut found = products.into_iter().zip(vectors);
    selected.retain_mut(|item| match found.next() {
        Some((Some(product), vector)) => {
            item.candidate.product = product;
            item.candidate.vector = vector;
            true
        }
        _ => false,
    });
    let trace = |(action, (product, vector)): (&RecentAction, (Option<Arc<Product>>, Option<UnitVector>))| {
        Some(Trace {
            product_id: action.product_id.clone(),
            product_name: product?.name.clone(),
            action_type: action.action_type,
            vector: vector?,
        })
    };
    Ok(recent.into_iter().zip(found).filter_map(trace).collect())
}

/// Products like `product` that pass `filter`, nearest first; by words where it has no vector.
pub(crate) async fn similar(
    state: &ApiState,
    product: &Product,
    limit: usize,
    mut filter: ProductFilter,
) -> Result<(Strategy, Vec<RecommendedItem>), StoreError> {
    filter.exclude.insert(product.product_id.clone());
    // Its own variants are not like it: they are it.
    filter.exclude_groups.extend(product.group_id.clone());
    let vector = state.catalog.vectors(std::slice::from_ref(&product.product_id)).await?.pop().flatten();
    let (strategy, by) = match &vector {
        Some(vector) => (Strategy::Similar, By::Vector(vector)),
        None => (Strategy::Lexical, By::Words(&product.name)),
    };
    let hits = variants::find(state, by, (limit, limit), &filter).await?;
    let mut candidates = Candidates::with_capacity(hits.len());
    for (rank, hit) in hits.iter().enumerate() {
        let candidate = candidates.propose(&hit.product, Sources { near: true, ..Sources::default() });
        match strategy {
            Strategy::Similar => candidate.similarity = Some(hit.score),
            // BM25 has no scale: places keep the order.
            _ => candidate.matching = Some(1.0 / (1.0 + rank as f32)),
        }
    }
    let weights = Weights { matching: 1.0, ..Weights::SIMILAR }.on(state.scale.get().as_deref());
    let asked = Asked::Like(&product.product_id, &product.name);
    let selected = select(candidates.into_items(), limit, weights);
    let items =
        selected.iter().map(|item| RecommendedItem::new(item, reasons(item, asked, 0.0), false)).collect();
    Ok((strategy, items))
}
