//! Events in: checked, made durable in the log, answered one by one.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join;
use rep_core::avro::Event;
use rep_core::ports::log::NewRecord;
use rep_core::{EventId, EventKey, Position, ProductId, Timestamp, Topic, TraceContext, TraceId, UserAction};
use tokio::time::timeout;

use crate::dto::event::{Draft, EventResult, EventResults, EventStatus};
use crate::problem::Problem;
use crate::state::ApiState;

/// Longest wait for what only makes answers more telling.
const CHECK_WAIT: Duration = Duration::from_millis(250);

/// Appends the valid ones of `drafts`, as part of `trace`, and says what became of each, in their order.
///
/// Either all valid events are durable when it returns, or it fails and some may be. An event that is known to be
/// indexed, or that came before in the same call, is not appended again; one that slips through is recognised where
/// its effect would be.
pub(crate) async fn ingest(
    state: &ApiState,
    drafts: Vec<Draft>,
    accepted_at: Timestamp,
    trace: TraceContext,
) -> Result<EventResults, Problem> {
    let began = Instant::now();
    let (seen, unknown) = join(seen_before(state, &drafts), unknown_products(state, &drafts)).await;
    let mut first: HashMap<EventKey, usize> = HashMap::new();
    let mut records = Vec::with_capacity(drafts.len());
    let mut results = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let (given, mut warnings) = (draft.given, draft.warnings);
        let action = match draft.action {
            Ok(action) => action,
            Err(errors) => {
                results.push((rejected(given, errors, warnings), None));
                continue;
            }
        };
        if let Some(product) = action.product_id.as_ref().filter(|id| unknown.contains(*id)) {
            warnings.push(format!("product `{product}` is not in the catalogue"));
        }
        let mut result = accepted(action.trace_id.clone(), warnings);
        let event = action.event_id().key();
        let place = if let Some(position) = seen.get(&event) {
            set_position(&mut result, EventStatus::Duplicate, *position);
            None
        } else if let Some(place) = first.get(&event) {
            result.status = EventStatus::Duplicate;
            Some(*place)
        } else {
            first.insert(event, records.len());
            records.push(record(state, &action)?.in_trace(trace));
            Some(records.len() - 1)
        };
        results.push((result, place));
    }
    let appended = records.len() as u64;
    let positions =
        if records.is_empty() { Vec::new() } else { state.log.append(Topic::UserAction, records).await? };
    metrics::counter!("rep_events_accepted_total").increment(appended);
    metrics::histogram!("rep_append_seconds").record(began.elapsed());
    let placed = |(mut result, place): (EventResult, Option<usize>)| {
        if let Some(position) = place.and_then(|place| positions.get(place)) {
            let status = result.status;
            set_position(&mut result, status, *position);
        }
        result
    };
    let results = results.into_iter().map(placed).collect();
    Ok(EventResults { results, accepted_at, durable_at: state.clock.now() })
}

fn record(state: &ApiState, action: &UserAction) -> Result<NewRecord, Problem> {
    let value = state.codec.encode(action)?;
    Ok(NewRecord::new(Bytes::copy_from_slice(action.key()), value))
}

fn accepted(trace_id: TraceId, warnings: Vec<String>) -> EventResult {
    EventResult {
        trace_id: Some(trace_id),
        status: EventStatus::Accepted,
        partition: None,
        offset: None,
        errors: Vec::new(),
        warnings,
    }
}

fn rejected(
    trace_id: Option<TraceId>,
    errors: Vec<crate::problem::FieldProblem>,
    warnings: Vec<String>,
) -> EventResult {
    metrics::counter!("rep_events_rejected_total").increment(1);
    EventResult { trace_id, status: EventStatus::Rejected, partition: None, offset: None, errors, warnings }
}

fn set_position(result: &mut EventResult, status: EventStatus, position: Position) {
    result.status = status;
    result.partition = Some(position.partition);
    result.offset = Some(position.offset);
}

/// Which of the events that clients gave a trace id are indexed already. Best effort: a store that is away only
/// makes the answer say less.
async fn seen_before(state: &ApiState, drafts: &[Draft]) -> HashMap<EventKey, Position> {
    let given = drafts.iter().filter(|draft| draft.given.is_some());
    let given: Vec<EventId<'_>> =
        given.filter_map(|draft| draft.action.as_ref().ok()).map(UserAction::event_id).collect();
    if given.is_empty() {
        return HashMap::new();
    }
    match timeout(CHECK_WAIT, state.behaviour.positions(&given)).await {
        Ok(Ok(positions)) => given
            .into_iter()
            .zip(positions)
            .filter_map(|(id, position)| Some((id.key(), position?)))
            .collect(),
        Ok(Err(error)) => unchecked("duplicates", &error.to_string()),
        Err(_) => unchecked("duplicates", "took too long"),
    }
}

/// Which products of `drafts` the catalogue does not have; best effort.
async fn unknown_products(state: &ApiState, drafts: &[Draft]) -> HashSet<ProductId> {
    let named = drafts.iter().filter_map(|draft| draft.action.as_ref().ok()?.product_id.as_ref());
    let named: HashSet<ProductId> = named.cloned().collect();
    let named: Vec<ProductId> = named.into_iter().collect();
    if named.is_empty() {
        return HashSet::new();
    }
    match timeout(CHECK_WAIT, state.catalog.get(&named)).await {
        Ok(Ok(products)) => named
            .into_iter()
            .zip(products)
            .filter_map(|(id, product)| product.is_none().then_some(id))
            .collect(),
        Ok(Err(error)) => unchecked("products", &error.to_string()),
        Err(_) => unchecked("products", "took too long"),
    }
}

fn unchecked<T: Default>(what: &'static str, error: &str) -> T {
    tracing::warn!(error, what, "events were not checked");
    metrics::counter!("rep_events_unchecked_total", "what" => what).increment(1);
    T::default()
}
