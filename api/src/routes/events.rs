//! Events in, and the newest of the log.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rep_core::ports::StoreError;
use rep_core::ports::log::Record;
use rep_core::{Timestamp, Topic, UserAction};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use crate::auth::Principal;
use crate::dto::event::{
    Draft, EventResult, EventResults, EventStatus, NewEventsSchema, RecentEvent, RecentEvents,
};
use crate::erased::without_erased;
use crate::extract::{BodyKind, Params, body_kind, bytes, is_beacon, json, limit};
use crate::ingest::ingest;
use crate::ndjson;
use crate::problem::{FIELDS_MAX, FieldProblem, Problem, ProblemSchema};
use crate::rate;
use crate::state::ApiState;
use crate::trace::{RequestTrace, new_trace_id};

/// Most events that are shown.
const LIMIT_MAX: usize = 200;

/// Takes actions of shoppers: one object, an array, or NDJSON. Answers once they are durable.
///
/// From pages of `allowed-origins` JSON is taken as `text/plain` too, which is what `navigator.sendBeacon` sends.
#[utoipa::path(
    post,
    path = "/events",
    operation_id = "postEvents",
    tag = "Events",
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats get the first answer")),
    request_body(
        content(
            (NewEventsSchema = "application/json"),
            (String = "application/x-ndjson"),
        ),
        description = "One event, an array of at most 1,000, or at most 10,000 lines"
    ),
    responses(
        (status = 202, description = "What became of each; at least one is durable", body = EventResults),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post(
    State(state): State<ApiState>,
    principal: Principal,
    trace: RequestTrace,
    request: Request,
) -> Result<Response, Problem> {
    let now = state.clock.now();
    let (mut drafts, single) = drafts(&state, &principal, request, now).await?;
    rate::check_events(&state, &principal, drafts.len())?;
    Draft::stamp(&mut drafts, now);
    if drafts.is_empty() {
        return Err(Problem::invalid("the body holds no event"));
    }
    if drafts.iter().all(|draft| draft.action.is_err()) {
        return Err(all_rejected(drafts, single));
    }
    let results: EventResults = ingest(&state, drafts, now, trace.context()).await?;
    debug_assert!(results.results.iter().any(|result: &EventResult| result.status != EventStatus::Rejected));
    Ok((StatusCode::ACCEPTED, Json(results)).into_response())
}

async fn drafts(
    state: &ApiState,
    principal: &Principal,
    request: Request,
    now: Timestamp,
) -> Result<(Vec<Draft>, bool), Problem> {
    let limits = &state.config.limits;
    let read =
        |value: Value| own(principal, Draft::read(value, now, state.config.event_time, || new_trace_id(now)));
    let is_beacon = is_beacon(request.headers(), &state.config.allowed_origins);
    if !is_beacon && body_kind(request.headers())? == BodyKind::Ndjson {
        let mut drafts = Vec::new();
        ndjson::lines(request.into_body(), limits, |line| {
            drafts.push(match serde_json::from_slice(line) {
                Ok(value) => read(value),
                Err(error) => Draft::unreadable(&error),
            });
        })
        .await?;
        return Ok((drafts, false));
    }
    match json(&bytes(request, limits.body_bytes_max).await?)? {
        Value::Array(items) if items.len() > limits.array_items_max => Err(Problem::too_large(format!(
            "send at most {} events in an array; `application/x-ndjson` takes {}",
            limits.array_items_max, limits.import_lines_max
        ))),
        Value::Array(items) => Ok((items.into_iter().map(read).collect(), false)),
        one => Ok((vec![read(one)], true)),
    }
}

/// Refuses what a shopper says of another.
fn own(principal: &Principal, mut draft: Draft) -> Draft {
    if let Ok(action) = &draft.action
        && principal.may_act_as(&action.user_id).is_err()
    {
        draft.action = Err(vec![FieldProblem::new("userId", "must be that of your token")]);
    }
    draft
}

fn all_rejected(drafts: Vec<Draft>, single: bool) -> Problem {
    metrics::counter!("rep_events_rejected_total").increment(drafts.len() as u64);
    let mut errors = Vec::new();
    for (index, draft) in drafts.into_iter().enumerate() {
        for error in draft.action.err().into_iter().flatten() {
            let field = match (single, error.field.is_empty()) {
                (true, _) => error.field,
                (false, true) => index.to_string(),
                (false, false) => format!("{index}.{}", error.field),
            };
            errors.push(FieldProblem { field, message: error.message });
        }
        if errors.len() >= FIELDS_MAX {
            break;
        }
    }
    let detail = if single { "the event is not valid" } else { "no event is valid" };
    Problem::fields(detail, errors)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecentParams {
    /// How many, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// The newest events of the log, of all shoppers.
#[utoipa::path(
    get,
    path = "/events/recent",
    operation_id = "listRecentEvents",
    tag = "Events",
    params(RecentParams),
    responses(
        (status = 200, description = "Events, newest first", body = RecentEvents),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn recent(
    State(state): State<ApiState>,
    principal: Principal,
    Params(params): Params<RecentParams>,
) -> Result<Json<RecentEvents>, Problem> {
    principal.must_operate()?;
    let limit = limit(params.limit, 50, LIMIT_MAX)?;
    let mut records = tail(&state, limit).await?;
    records.sort_by(|a, b| b.appended_at.cmp(&a.appended_at).then(b.position.offset.cmp(&a.position.offset)));
    let mut items = Vec::with_capacity(limit);
    let mut records = records.into_iter();
    while items.len() < limit && records.len() > 0 {
        let next: Vec<Record> = records.by_ref().take(limit).collect();
        let next = without_erased(&state, Topic::UserAction, next).await?;
        // What does not decode is a dead letter's business, and is left out here.
        items.extend(next.iter().filter_map(|record| shown(&state, record)));
    }
    items.truncate(limit);
    Ok(Json(RecentEvents { items }))
}

/// The last `limit` records of each partition.
async fn tail(state: &ApiState, limit: usize) -> Result<Vec<Record>, StoreError> {
    let partitions = state.log.offsets(Topic::UserAction, "api-tail").await?;
    let reads = partitions.iter().map(|partition| {
        let from = partition.end.saturating_sub(limit as u64).max(partition.begin);
        state.log.read(Topic::UserAction, partition.partition, from, limit)
    });
    Ok(futures::future::try_join_all(reads).await?.into_iter().flatten().collect())
}

fn shown(state: &ApiState, record: &Record) -> Option<RecentEvent> {
    let action: UserAction = state.codec.decode(&record.value).ok()?;
    Some(RecentEvent {
        trace_id: action.trace_id,
        user_id: action.user_id,
        action_type: action.action_type,
        product_id: action.product_id,
        search_query: action.search_query,
        at: action.timestamp,
        logged_at: record.appended_at,
        partition: record.position.partition,
        offset: record.position.offset,
    })
}
