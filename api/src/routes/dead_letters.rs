//! Records that could not be processed: listed, shown, replayed.

use axum::Json;
use axum::extract::{Request, State};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use crate::auth::Principal;
use crate::dead_letters::{self, LetterFilter};
use crate::dto::dead_letter::{
    DeadLetterDetail, DeadLetterPage, DeadLetterView, LetterId, ReplaySchema, Replayed,
};
use crate::extract::{Params, PathId, bytes, given, limit};
use crate::problem::{Problem, ProblemSchema};
use crate::state::ApiState;

/// Most letters of a page.
const LIMIT_MAX: usize = 200;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Only of records of this topic.
    topic: Option<String>,
    /// Only with this reason.
    reason: Option<String>,
    /// How many, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// Dead letters, newest first. With filters a page may hold fewer than asked for, and there may be more.
#[utoipa::path(
    get,
    path = "/dead-letters",
    operation_id = "listDeadLetters",
    tag = "Operation",
    params(ListParams),
    responses(
        (status = 200, description = "A page", body = DeadLetterPage),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    principal: Principal,
    Params(params): Params<ListParams>,
) -> Result<Json<DeadLetterPage>, Problem> {
    principal.must_operate()?;
    let limit = limit(params.limit, 50, LIMIT_MAX)?;
    let filter = LetterFilter { topic: given(params.topic), reason: given(params.reason) };
    let page = dead_letters::page(&state, &filter, given(params.cursor).as_deref(), limit).await?;
    let items = page.letters.iter().map(|(position, letter)| DeadLetterView::of(*position, letter)).collect();
    Ok(Json(DeadLetterPage { items, next_cursor: page.next, total: page.total }))
}

/// A dead letter with what the record says, as far as it can be decoded.
#[utoipa::path(
    get,
    path = "/dead-letters/{id}",
    operation_id = "getDeadLetter",
    tag = "Operation",
    params(("id" = String, Path, description = "Of the list, such as `0-17`")),
    responses(
        (status = 200, description = "The dead letter", body = DeadLetterDetail),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    principal: Principal,
    PathId(id): PathId<LetterId>,
) -> Result<Json<DeadLetterDetail>, Problem> {
    principal.must_operate()?;
    let (position, letter, _) = dead_letters::find(&state, id).await?;
    Ok(Json(DeadLetterDetail::of(&state.codec, position, &letter)))
}

/// Writes the record again to the topic it came from, or a repaired event in its place. An event that had its effect has
/// it no second time. What would only be dead-lettered again is refused with 409, unless `force` is set.
#[utoipa::path(
    post,
    path = "/dead-letters/{id}/replay",
    operation_id = "replayDeadLetter",
    tag = "Operation",
    params(
        ("id" = String, Path, description = "Of the list, such as `0-17`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats get the first answer"),
    ),
    request_body(content = Option<ReplaySchema>, description = "May be left out"),
    responses(
        (status = 200, description = "Where the record stands now", body = Replayed),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn replay(
    State(state): State<ApiState>,
    principal: Principal,
    PathId(id): PathId<LetterId>,
    request: Request,
) -> Result<Json<Replayed>, Problem> {
    principal.must_operate()?;
    let asked = asked(&bytes(request, state.config.limits.body_bytes_max).await?)?;
    Ok(Json(dead_letters::replay(&state, id, asked.force, asked.event).await?))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    force: bool,
    /// A repaired event to be written in place of the original.
    event: Option<Value>,
}

fn asked(body: &[u8]) -> Result<Asked, Problem> {
    if body.is_empty() {
        return Ok(Asked::default());
    }
    serde_json::from_slice(body).map_err(|error| Problem::invalid(format!("the body is not valid: {error}")))
}
