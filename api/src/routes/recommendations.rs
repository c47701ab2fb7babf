//! What to show: for a shopper, for a query, for a product.

use axum::Json;
use axum::extract::State;
use rep_core::{ProductId, SEARCH_QUERY_BYTES_MAX, UserId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Principal;
use crate::dto::recommendation::{Recommendations, SearchResults, SimilarProducts};
use crate::extract::{Params, PathId, given, limit};
use crate::filters::Filters;
use crate::problem::{Problem, ProblemSchema};
use crate::stages::Stages;
use crate::state::ApiState;
use crate::trace::RequestTrace;
use crate::{recommend, search as searching};

/// Most items of an answer.
const LIMIT_MAX: usize = 100;
/// Longest placement, in bytes.
const PLACEMENT_BYTES_MAX: usize = 64;

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct RecommendationParams {
    /// For whom.
    #[param(value_type = String)]
    user_id: UserId,
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 10)]
    limit: Option<u32>,
    /// Only this category.
    category: Option<String>,
    /// At least this price: decimal string in `currency`.
    #[param(example = "10.00")]
    min_price: Option<String>,
    /// At most this price.
    max_price: Option<String>,
    /// Currency of `minPrice` and `maxPrice`, by ISO 4217; the shop's if left out. Products in another one do not match;
    /// named alone, it asks for the products in this currency.
    #[param(example = "EUR")]
    currency: Option<String>,
    /// Only what is in stock.
    in_stock: Option<bool>,
    /// Not these, separated by commas; at most 1,000.
    exclude_product_ids: Option<String>,
    /// Where the items are to be shown; comes back as it is.
    placement: Option<String>,
    /// Whether to say what scores are made of.
    explain: Option<bool>,
}

/// Items for a shopper. One of whom nothing is known gets what is popular now.
#[utoipa::path(
    get,
    path = "/recommendations",
    operation_id = "getRecommendations",
    tag = "Recommendations",
    params(RecommendationParams),
    responses(
        (status = 200, description = "Items, best first", body = Recommendations),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn recommendations(
    State(state): State<ApiState>,
    principal: Principal,
    trace: RequestTrace,
    Params(params): Params<RecommendationParams>,
) -> Result<Json<Recommendations>, Problem> {
    let mut stages = Stages::begin("rep_recommend_seconds");
    principal.may_act_as(&params.user_id)?;
    let placement = given(params.placement);
    if placement.as_ref().is_some_and(|placement| placement.len() > PLACEMENT_BYTES_MAX) {
        return Err(Problem::field("placement", format!("must be at most {PLACEMENT_BYTES_MAX} bytes")));
    }
    let filters = Filters {
        category: params.category,
        min_price: params.min_price,
        max_price: params.max_price,
        currency: params.currency,
        in_stock: params.in_stock,
        exclude_product_ids: params.exclude_product_ids,
    };
    let ask = recommend::Ask {
        user: params.user_id.clone(),
        limit: limit(params.limit, 10, LIMIT_MAX)?,
        filter: filters.read(state.config.currency)?,
        explain: params.explain.unwrap_or(false),
    };
    let generated_at = state.clock.now();
    let served = recommend::recommend(&state, ask, generated_at, &mut stages).await?;
    metrics::counter!("rep_recommendations_total", "strategy" => served.strategy.as_str()).increment(1);
    Ok(Json(Recommendations {
        user_id: params.user_id,
        strategy: served.strategy,
        items: served.items,
        generated_at,
        trace_id: trace.text(),
        took_ms: stages.finish(),
        placement,
        preference: served.preference,
    }))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchParams {
    /// What is searched for, up to 512 bytes.
    q: String,
    /// Whose taste tells near matches apart.
    #[param(value_type = Option<String>)]
    user_id: Option<UserId>,
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 10)]
    limit: Option<u32>,
    /// Only this category.
    category: Option<String>,
    /// At least this price: decimal string in `currency`.
    min_price: Option<String>,
    /// At most this price.
    max_price: Option<String>,
    /// Currency of `minPrice` and `maxPrice`, by ISO 4217; the shop's if left out. Products in another one do not match;
    /// named alone, it asks for the products in this currency.
    #[param(example = "EUR")]
    currency: Option<String>,
    /// Only what is in stock.
    in_stock: Option<bool>,
    /// Not these, separated by commas; at most 1,000.
    exclude_product_ids: Option<String>,
    /// Whether to say what scores are made of.
    explain: Option<bool>,
}

/// Items for a query, by words and meaning.
#[utoipa::path(
    get,
    path = "/search",
    operation_id = "search",
    tag = "Recommendations",
    params(SearchParams),
    responses(
        (status = 200, description = "Items, best first", body = SearchResults),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn search(
    State(state): State<ApiState>,
    principal: Principal,
    trace: RequestTrace,
    Params(params): Params<SearchParams>,
) -> Result<Json<SearchResults>, Problem> {
    let mut stages = Stages::begin("rep_search_seconds");
    if let Some(user) = &params.user_id {
        principal.may_act_as(user)?;
    }
    let query = params.q.trim();
    if query.is_empty() {
        return Err(Problem::field("q", "must not be blank"));
    }
    if query.len() > SEARCH_QUERY_BYTES_MAX {
        return Err(Problem::field("q", format!("must be at most {SEARCH_QUERY_BYTES_MAX} bytes")));
    }
    let filters = Filters {
        category: params.category,
        min_price: params.min_price,
        max_price: params.max_price,
        currency: params.currency,
        in_stock: params.in_stock,
        exclude_product_ids: params.exclude_product_ids,
    };
    let ask = searching::Ask {
        query: query.to_owned(),
        user: params.user_id,
        limit: limit(params.limit, 10, LIMIT_MAX)?,
        filter: filters.read(state.config.currency)?,
        explain: params.explain.unwrap_or(false),
    };
    let (strategy, items) = searching::search(&state, ask, &mut stages).await?;
    metrics::counter!("rep_searches_total", "strategy" => strategy.as_str()).increment(1);
    Ok(Json(SearchResults {
        query: query.to_owned(),
        strategy,
        items,
        took_ms: stages.finish(),
        trace_id: trace.text(),
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SimilarParams {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 10)]
    limit: Option<u32>,
}

/// Products like a product.
#[utoipa::path(
    get,
    path = "/products/{id}/similar",
    operation_id = "getSimilarProducts",
    tag = "Recommendations",
    params(("id" = String, Path, description = "The product"), SimilarParams),
    responses(
        (status = 200, description = "Items, nearest first", body = SimilarProducts),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn similar(
    State(state): State<ApiState>,
    trace: RequestTrace,
    PathId(id): PathId<ProductId>,
    Params(params): Params<SimilarParams>,
) -> Result<Json<SimilarProducts>, Problem> {
    let stages = Stages::begin("rep_similar_seconds");
    let limit = limit(params.limit, 10, LIMIT_MAX)?;
    let product = state.catalog.get(std::slice::from_ref(&id)).await?.pop().flatten();
    let product = product.ok_or_else(|| Problem::not_found(format!("no product `{id}`")))?;
    let (strategy, items) = recommend::similar(&state, &product, limit).await?;
    Ok(Json(SimilarProducts {
        product_id: id,
        strategy,
        items,
        took_ms: stages.finish(),
        trace_id: trace.text(),
    }))
}
