//! Events in.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rep_core::{ActionType, EventTimeLimits, ProductId, SessionId, Timestamp, TraceId, UserAction, UserId};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::names::ActionTypeSchema;
use crate::problem::FieldProblem;
use rep_http::Fields;

/// An action of a shopper.
#[derive(ToSchema)]
#[schema(as = NewEvent, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `Draft::read` reads")]
pub(crate) struct NewEventSchema {
    /// Identifies the event among those of its shopper: a repeat has no second effect. Made by the server if left out.
    #[schema(nullable = false)]
    trace_id: Option<String>,
    user_id: String,
    /// Needed by every action but a search.
    #[schema(nullable = false)]
    product_id: Option<String>,
    action_type: ActionTypeSchema,
    /// Needed by a search.
    #[schema(nullable = false)]
    search_query: Option<String>,
    #[schema(nullable = false)]
    session_id: Option<String>,
    /// When it happened: from the year 2000 to five minutes ahead; it counts by this time, however old. The present if
    /// left out; several of one shopper without a time in one request keep their order, a millisecond apart, the last
    /// at the present.
    #[schema(nullable = false, format = DateTime)]
    timestamp: Option<String>,
    #[schema(nullable = false)]
    metadata: Option<BTreeMap<String, String>>,
}

/// What `POST /events` takes as JSON.
#[derive(ToSchema)]
#[schema(as = NewEvents)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what `POST /events` reads")]
pub(crate) enum NewEventsSchema {
    /// One event.
    One(NewEventSchema),
    /// At most 1,000.
    Many(Vec<NewEventSchema>),
}

/// An event as it was read.
pub(crate) struct Draft {
    /// The event, or what is wrong with it.
    pub(crate) action: Result<UserAction, Vec<FieldProblem>>,
    /// The trace id, if the client gave one.
    pub(crate) given: Option<TraceId>,
    /// What was odd, and taken all the same.
    pub(crate) warnings: Vec<String>,
    /// Whether it came without a time.
    untimed: bool,
}

impl Draft {
    /// What cannot even be read.
    pub(crate) fn unreadable(error: &serde_json::Error) -> Self {
        let errors = vec![FieldProblem::new("", format!("is no JSON: {error}"))];
        Self { action: Err(errors), given: None, warnings: Vec::new(), untimed: false }
    }

    /// Gives those of `drafts` that came without a time one that keeps their order: for each shopper consecutive
    /// milliseconds, the last at `now`. None lies ahead, and those of a full request begin seconds before.
    pub(crate) fn stamp(drafts: &mut [Self], now: Timestamp) {
        let mut later: HashMap<UserId, u64> = HashMap::new();
        for draft in drafts.iter_mut().rev().filter(|draft| draft.untimed) {
            let Ok(action) = &mut draft.action else { continue };
            let later = later.entry(action.user_id.clone()).or_default();
            action.timestamp = now.minus(Duration::from_millis(*later));
            *later += 1;
        }
    }

    /// Reads one event; what is left out is `now` and `new_id`.
    pub(crate) fn read(
        value: Value,
        now: Timestamp,
        limits: EventTimeLimits,
        new_id: impl FnOnce() -> TraceId,
    ) -> Self {
        let mut fields = match Fields::of(value) {
            Ok(fields) => fields,
            Err(errors) => {
                return Self { action: Err(errors), given: None, warnings: Vec::new(), untimed: false };
            }
        };
        let given: Option<TraceId> = fields.parsed("traceId");
        let user_id: Option<UserId> = fields.required("userId");
        let action_type = action_type(&mut fields);
        let product_id: Option<ProductId> = fields.parsed("productId");
        let search_query = fields.text("searchQuery");
        let session_id: Option<SessionId> = fields.parsed("sessionId");
        let timestamp: Option<Timestamp> = fields.parsed("timestamp");
        let untimed = timestamp.is_none();
        let metadata = fields.labels("metadata");
        let warnings =
            fields.unknown().into_iter().map(|name| format!("`{name}` is not known and was ignored"));
        let warnings = warnings.collect();
        if let Err(errors) = fields.finish() {
            return Self { action: Err(errors), given, warnings, untimed };
        }
        let (Some(user_id), Some(action_type)) = (user_id, action_type) else {
            // Both are required, so their absence was an error above.
            return Self { action: Err(Vec::new()), given, warnings, untimed };
        };
        let trace_id = given.clone().unwrap_or_else(new_id);
        let action = UserAction {
            trace_id,
            user_id,
            action_type,
            product_id,
            search_query,
            session_id,
            timestamp: timestamp.unwrap_or(now),
            metadata,
        };
        let checked = action.validate().and_then(|()| action.validate_time(now, limits));
        let action = checked.map(|()| action).map_err(|error| vec![error.into()]);
        Self { action, given, warnings, untimed }
    }
}

fn action_type(fields: &mut Fields) -> Option<ActionType> {
    let name = fields.required_text("actionType")?;
    let known = ActionType::parse(&name);
    if known.is_none() {
        let names: Vec<_> = ActionType::KNOWN.into_iter().map(ActionType::as_str).collect();
        fields.refuse("actionType", format!("must be one of {}", names.join(", ")));
    }
    known
}

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum EventStatus {
    /// It is durable in the log.
    Accepted,
    /// Its trace id was seen before: it has no second effect.
    Duplicate,
    /// It is not valid.
    Rejected,
}

/// What became of one event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventResult {
    /// Absent for an event that was rejected and gave none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) status: EventStatus,
    /// Where it stands in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) partition: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) offset: Option<u64>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) errors: Vec<FieldProblem>,
    /// What was odd, and taken all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) warnings: Vec<String>,
}

/// What became of each event, in their order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EventsAccepted)]
pub(crate) struct EventResults {
    pub(crate) results: Vec<EventResult>,
    /// When the request was taken up.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) accepted_at: Timestamp,
    /// When all accepted events were durable.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) durable_at: Timestamp,
}

/// An event of the log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecentEvent {
    #[schema(value_type = String)]
    pub(crate) trace_id: TraceId,
    #[schema(value_type = String)]
    pub(crate) user_id: UserId,
    #[schema(value_type = ActionTypeSchema)]
    pub(crate) action_type: ActionType,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub(crate) product_id: Option<ProductId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) search_query: Option<String>,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// When it was durable.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) logged_at: Timestamp,
    pub(crate) partition: u32,
    pub(crate) offset: u64,
}

/// The newest events of the log, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecentEvents {
    pub(crate) items: Vec<RecentEvent>,
}
