//! What to show for a query.

use axum::Json;
use axum::extract::{Request, State};
use rep_core::{SEARCH_QUERY_BYTES_MAX, UserId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::recommendations::LIMIT_MAX;
use crate::auth::Principal;
use crate::dto::recommendation::SearchResults;
use crate::extract::{Params, limit};
use crate::filters::{Filters, MoreFiltersSchema};
use crate::problem::{Problem, ProblemSchema};
use crate::search as searching;
use crate::stages::Stages;
use crate::state::ApiState;
use crate::trace::RequestTrace;

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
    /// Whether to say what scores are made of.
    explain: Option<bool>,
}

/// Items for a query, by words and meaning.
#[utoipa::path(
    get,
    path = "/search",
    operation_id = "search",
    tag = "Recommendations",
    params(SearchParams, Filters),
    responses(
        (status = 200, description = "Items, best first", body = SearchResults),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    principal: Principal,
    trace: RequestTrace,
    Params(params): Params<SearchParams>,
    Params(filters): Params<Filters>,
) -> Result<Json<SearchResults>, Problem> {
    answer(state, principal, trace, params, filters, None).await
}

/// The same as the GET, with more ids that are excluded in the body.
#[utoipa::path(
    post,
    path = "/search",
    operation_id = "postSearch",
    tag = "Recommendations",
    params(SearchParams, Filters),
    request_body = MoreFiltersSchema,
    responses(
        (status = 200, description = "Items, best first", body = SearchResults),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post(
    State(state): State<ApiState>,
    principal: Principal,
    trace: RequestTrace,
    Params(params): Params<SearchParams>,
    Params(filters): Params<Filters>,
    request: Request,
) -> Result<Json<SearchResults>, Problem> {
    answer(state, principal, trace, params, filters, Some(request)).await
}

async fn answer(
    state: ApiState,
    principal: Principal,
    trace: RequestTrace,
    params: SearchParams,
    filters: Filters,
    request: Option<Request>,
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
    let ask = searching::Ask {
        query: query.to_owned(),
        user: params.user_id,
        limit: limit(params.limit, 10, LIMIT_MAX)?,
        filter: filters.read_with_body(&state, request).await?,
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
