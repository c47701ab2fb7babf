//! What is known of shoppers, and how it is forgotten.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{ProductId, RecentAction, UserId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Principal;
use crate::cursor;
use crate::dto::user::{
    CategoryWeight, Erased, History, HistoryItem, Preference, RecentView, UserSummary, Users,
};
use crate::erasure::{self, Forgotten};
use crate::extract::{Params, PathId, given, limit};
use crate::problem::{Problem, ProblemSchema};
use crate::state::ApiState;

/// Most shoppers or actions of a page.
const LIMIT_MAX: usize = 200;
/// Categories that are shown.
const CATEGORIES_MAX: usize = 8;
/// Numbers of the vector that are shown.
const PREVIEW: usize = 8;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsersParams {
    /// How many, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Shoppers, last changed first.
#[utoipa::path(
    get,
    path = "/users",
    operation_id = "listUsers",
    tag = "Shoppers",
    params(UsersParams),
    responses(
        (status = 200, description = "Shoppers", body = Users),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn users(
    State(state): State<ApiState>,
    principal: Principal,
    Params(params): Params<UsersParams>,
) -> Result<Json<Users>, Problem> {
    principal.must_operate()?;
    let recent = state.preferences.recent(limit(params.limit, 50, LIMIT_MAX)?).await?;
    let summary = |preference: rep_core::Preference| UserSummary {
        user_id: preference.user_id,
        action_count: preference.action_count,
        updated_at: preference.updated_at,
    };
    Ok(Json(Users { items: recent.into_iter().map(summary).collect() }))
}

/// A shopper's taste.
#[utoipa::path(
    get,
    path = "/users/{id}/preference",
    operation_id = "getPreference",
    tag = "Shoppers",
    params(("id" = String, Path, description = "The shopper")),
    responses(
        (status = 200, description = "What is known", body = Preference),
        (status = "default", description = "Problem; 404 if nothing is known", body = ProblemSchema,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn preference(
    State(state): State<ApiState>,
    principal: Principal,
    PathId(id): PathId<UserId>,
) -> Result<Json<Preference>, Problem> {
    principal.may_act_as(&id)?;
    let known = state.preferences.load(std::slice::from_ref(&id)).await?.pop().flatten();
    let known = known.ok_or_else(|| Problem::not_found(format!("nothing is known of shopper `{id}`")))?;
    let products = products(&state, known.recent.iter().map(|action| &action.product_id)).await?;
    let recent = known.recent.iter().map(|action| RecentView {
        product_id: action.product_id.clone(),
        product_name: products.get(&action.product_id).map(|(name, _)| name.clone()),
        action_type: action.action_type,
        at: action.at,
    });
    let vector = known.vector.as_ref();
    Ok(Json(Preference {
        model: known.model.clone(),
        dimensions: vector.map_or(0, |vector| vector.dimensions()),
        action_count: known.action_count,
        waiting_actions: known.pending.len(),
        updated_at: known.updated_at,
        top_categories: top_categories(known.recent.iter(), &products),
        recent: recent.collect(),
        vector_preview: vector.map(|vector| vector.as_slice().iter().take(PREVIEW).copied().collect()),
        user_id: known.user_id,
    }))
}

type Named = HashMap<ProductId, (String, String)>;

/// Names and categories of `ids`, of those that are in the catalogue.
async fn products(state: &ApiState, ids: impl Iterator<Item = &ProductId>) -> Result<Named, StoreError> {
    let mut ids: Vec<ProductId> = ids.cloned().collect();
    ids.sort_unstable();
    ids.dedup();
    let found = state.catalog.get(&ids).await?;
    let named = ids.into_iter().zip(found).filter_map(|(id, product)| {
        let product = product?;
        Some((id, (product.name.clone(), product.category.clone())))
    });
    Ok(named.collect())
}

fn top_categories<'a>(
    recent: impl Iterator<Item = &'a RecentAction>,
    products: &Named,
) -> Vec<CategoryWeight> {
    let mut weights: HashMap<&str, f32> = HashMap::new();
    for action in recent {
        if let Some((_, category)) = products.get(&action.product_id) {
            *weights.entry(category).or_default() += action.action_type.taste_weight();
        }
    }
    weights.retain(|_, weight| *weight > 0.0);
    let sum: f32 = weights.values().sum();
    let share = |(category, weight): (&str, f32)| CategoryWeight {
        category: category.to_owned(),
        weight: weight / sum,
    };
    let mut top: Vec<CategoryWeight> = weights.into_iter().map(share).collect();
    top.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.category.cmp(&b.category)));
    top.truncate(CATEGORIES_MAX);
    top
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryParams {
    /// How many, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// A shopper's actions, newest first.
#[utoipa::path(
    get,
    path = "/users/{id}/history",
    operation_id = "getHistory",
    tag = "Shoppers",
    params(("id" = String, Path, description = "The shopper"), HistoryParams),
    responses(
        (status = 200, description = "A page; empty for a shopper of whom nothing is known", body = History),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn history(
    State(state): State<ApiState>,
    principal: Principal,
    PathId(id): PathId<UserId>,
    Params(params): Params<HistoryParams>,
) -> Result<Json<History>, Problem> {
    principal.may_act_as(&id)?;
    let limit = limit(params.limit, 50, LIMIT_MAX)?;
    let cursor = given(params.cursor);
    let page = state.behaviour.history(&id, cursor.as_deref(), limit).await;
    let page = page.map_err(|error| match error.kind() {
        StoreErrorKind::Invalid if cursor.is_some() => cursor::refused(),
        _ => error.into(),
    })?;
    let named = page.items.iter().filter_map(|document| document.action.product_id.as_ref());
    let products = products(&state, named).await?;
    let item = |document: rep_core::ports::behaviour::BehaviourDocument| {
        let named = document.action.product_id.as_ref().and_then(|id| products.get(id));
        let name = named.map(|(name, _)| name.clone());
        HistoryItem::new(document, name)
    };
    Ok(Json(History { items: page.items.into_iter().map(item).collect(), next_cursor: page.next }))
}

/// Forgets a shopper: taste, history, inbox and settings. What the log keeps of them until its retention ends is shown
/// and replayed no more. Can be repeated; an `Idempotency-Key` is ignored. Waits up to 8 s until what is queued of the
/// shopper has had its effect; 503 if that takes longer, and nothing is erased then.
#[utoipa::path(
    delete,
    path = "/users/{id}",
    operation_id = "eraseUser",
    tag = "Shoppers",
    params(("id" = String, Path, description = "The shopper")),
    responses(
        (status = 200, description = "What was forgotten", body = Erased),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn erase(
    State(state): State<ApiState>,
    principal: Principal,
    PathId(id): PathId<UserId>,
) -> Result<Json<Erased>, Problem> {
    principal.may_act_as(&id)?;
    // In a task of its own: a caller who goes away leaves nothing half forgotten.
    let erased = tokio::spawn(async move {
        let Forgotten { preference, behaviour_documents, notifications } =
            erasure::erase(&state, &id).await?;
        Ok::<_, Problem>(Erased { user_id: id, preference, behaviour_documents, notifications })
    });
    match erased.await {
        Ok(erased) => erased.map(Json),
        Err(error) => Err(Problem::defect("erasure was interrupted", &error)),
    }
}
