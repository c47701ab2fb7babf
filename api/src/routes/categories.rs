//! The catalogue's categories.

use axum::Json;
use axum::extract::State;

use crate::dto::product::{Categories, CategoryCount};
use crate::problem::{Problem, ProblemSchema};
use crate::state::ApiState;

/// Categories, and how many products stand in each.
#[utoipa::path(
    get,
    path = "/categories",
    operation_id = "listCategories",
    tag = "Catalogue",
    responses(
        (status = 200, description = "Categories, ordered by name", body = Categories),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn categories(State(state): State<ApiState>) -> Result<Json<Categories>, Problem> {
    let summary = state.catalog.summary().await?;
    let items = summary.categories.into_iter().map(|(category, count)| CategoryCount { category, count });
    Ok(Json(Categories { items: items.collect() }))
}
