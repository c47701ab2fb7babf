//! What to show a shopper.

use axum::Json;
use axum::extract::{Request, State};
use rep_core::UserId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Principal;
use crate::dto::recommendation::Recommendations;
use crate::extract::{Params, given, limit};
use crate::filters::{Filters, MoreFiltersSchema};
use crate::problem::{Problem, ProblemSchema};
use crate::recommend;
use crate::stages::Stages;
use crate::state::ApiState;
use crate::trace::RequestTrace;

/// Most items of an answer.
pub(super) const LIMIT_MAX: usize = 100;
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
    /// Where the items are to be shown; comes back as it is.
    placement: Option<String>,
    /// Whether to say what scores are made of.
    explain: Option<bool>,
}

/// Items for a shopper. One of whom nothing is known gets what is popular now.
///
/// Left out is what they bought, with its variants, what they disliked and have not wanted since, and their last 20 products
/// of the last 30 minutes (setting `just-seen`), whatever they did with them.
#[utoipa::path(
    get,
    path = "/recommendations",
    operation_id = "getRecommendations",
    tag = "Recommendations",
    params(RecommendationParams, Filters),
    responses(
        (status = 200, description = "Items, best first", body = Recommendations),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    principal: Principal,
    trace: RequestTrace,
    Params(params): Params<RecommendationParams>,
    Params(filters): Params<Filters>,
) -> Result<Json<Recommendations>, Problem> {
    answer(state, principal, trace, params, filters, None).await
}

/// The same as the GET, with more ids that are excluded in the body.
#[utoipa::path(
    post,
    path = "/recommendations",
    operation_id = "postRecommendations",
    tag = "Recommendations",
    params(RecommendationParams, Filters),
    request_body = MoreFiltersSchema,
    responses(
        (status = 200, description = "Items, best first", body = Recommendations),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post(
    State(state): State<ApiState>,
    principal: Principal,
    trace: RequestTrace,
    Params(params): Params<RecommendationParams>,
    Params(filters): Params<Filters>,
    request: Request,
) -> Result<Json<Recommendations>, Problem> {
    answer(state, principal, trace, params, filters, Some(request)).await
}

async fn answer(
    state: ApiState,
    principal: Principal,
    trace: RequestTrace,
    params: RecommendationParams,
    filters: Filters,
    request: Option<Request>,
) -> Result<Json<Recommendations>, Problem> {
    let mut stages = Stages::begin("rep_recommend_seconds");
    principal.may_act_as(&params.user_id)?;
    let placement = given(params.placement);
    if placement.as_ref().is_some_and(|placement| placement.len() > PLACEMENT_BYTES_MAX) {
        return Err(Problem::field("placement", format!("must be at most {PLACEMENT_BYTES_MAX} bytes")));
    }
    let ask = recommend::Ask {
        user: params.user_id.clone(),
        limit: limit(params.limit, 10, LIMIT_MAX)?,
        filter: filters.read_with_body(&state, request).await?,
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
