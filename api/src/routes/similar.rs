//! What to show beside a product.

use axum::Json;
use axum::extract::{Request, State};
use rep_core::ProductId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::recommendations::LIMIT_MAX;
use crate::dto::recommendation::SimilarProducts;
use crate::extract::{Params, PathId, limit};
use crate::filters::{Filters, MoreFiltersSchema};
use crate::problem::{Problem, ProblemSchema};
use crate::recommend;
use crate::stages::Stages;
use crate::state::ApiState;
use crate::trace::RequestTrace;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SimilarParams {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 10)]
    limit: Option<u32>,
}

/// Products like a product, of those that pass the filters: in stock, unless `inStock` is `false`.
#[utoipa::path(
    get,
    path = "/products/{id}/similar",
    operation_id = "getSimilarProducts",
    tag = "Recommendations",
    params(("id" = String, Path, description = "The product"), SimilarParams, Filters),
    responses(
        (status = 200, description = "Items, nearest first", body = SimilarProducts),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    trace: RequestTrace,
    PathId(id): PathId<ProductId>,
    Params(params): Params<SimilarParams>,
    Params(filters): Params<Filters>,
) -> Result<Json<SimilarProducts>, Problem> {
    answer(state, trace, id, params, filters, None).await
}

/// The same as the GET, with more ids that are excluded in the body.
#[utoipa::path(
    post,
    path = "/products/{id}/similar",
    operation_id = "postSimilarProducts",
    tag = "Recommendations",
    params(("id" = String, Path, description = "The product"), SimilarParams, Filters),
    request_body = MoreFiltersSchema,
    responses(
        (status = 200, description = "Items, nearest first", body = SimilarProducts),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post(
    State(state): State<ApiState>,
    trace: RequestTrace,
    PathId(id): PathId<ProductId>,
    Params(params): Params<SimilarParams>,
    Params(filters): Params<Filters>,
    request: Request,
) -> Result<Json<SimilarProducts>, Problem> {
    answer(state, trace, id, params, filters, Some(request)).await
}

async fn answer(
    state: ApiState,
    trace: RequestTrace,
    id: ProductId,
    params: SimilarParams,
    mut filters: Filters,
    request: Option<Request>,
) -> Result<Json<SimilarProducts>, Problem> {
    let stages = Stages::begin("rep_similar_seconds");
    let limit = limit(params.limit, 10, LIMIT_MAX)?;
    // Beside a product stands what can be bought in its place.
    filters.in_stock.get_or_insert(true);
    let filter = filters.read_with_body(&state, request).await?;
    let product = state.catalog.get(std::slice::from_ref(&id)).await?.pop().flatten();
    let product = product.ok_or_else(|| Problem::not_found(format!("no product `{id}`")))?;
    let (strategy, items) = recommend::similar(&state, &product, limit, filter).await?;
    Ok(Json(SimilarProducts {
        product_id: id,
        strategy,
        items,
        took_ms: stages.finish(),
        trace_id: trace.text(),
    }))
}
