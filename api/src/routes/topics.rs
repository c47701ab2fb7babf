//! The log from outside: its topics, and their records as they come.

use std::convert::Infallible;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use rep_core::{Topic, UserId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Principal;
use crate::dto::topic::{GroupLag, RecordView, TopicList, TopicView};
use crate::extract::{Params, given};
use crate::problem::{Problem, ProblemSchema};
use crate::state::ApiState;
use crate::status::PartitionLag;
use crate::stream::sse;
use crate::tail::{Begin, Tail, Told};

/// Most of the last records that a reader can begin with.
const LAST_MAX: usize = 1_000;

/// The topics of the log, and how far behind their readers are.
#[utoipa::path(
    get,
    path = "/topics",
    operation_id = "listTopics",
    tag = "Operation",
    responses(
        (status = 200, description = "The topics", body = TopicList),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn topics(
    State(state): State<ApiState>,
    principal: Principal,
) -> Result<Json<TopicList>, Problem> {
    principal.must_operate()?;
    let sample = state.live.now().await?;
    let mut items = Vec::new();
    for topic in Topic::ALL {
        let offsets = state.log.offsets(topic, "api-tail").await?;
        items.push(TopicView {
            name: topic.name().to_owned(),
            partitions: topic.partitions(),
            records: offsets.iter().map(|o| o.end.saturating_sub(o.begin)).sum(),
            groups: groups(topic, &sample.status.lag),
        });
    }
    Ok(Json(TopicList { items }))
}

fn groups(topic: Topic, lag: &[PartitionLag]) -> Vec<GroupLag> {
    let mut groups: Vec<GroupLag> = Vec::new();
    for of_partition in lag.iter().filter(|lag| lag.topic == topic.name()) {
        match groups.iter_mut().find(|group| group.group == of_partition.group) {
            Some(group) => group.lag += of_partition.lag,
            None => groups.push(GroupLag { group: of_partition.group.clone(), lag: of_partition.lag }),
        }
    }
    groups
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct TailParams {
    /// Only what is about this shopper; not for `product.inventory.v1`, whose keys are products.
    #[param(value_type = Option<String>)]
    user_id: Option<UserId>,
    /// Begin with the oldest record that is kept.
    #[serde(default)]
    from_beginning: bool,
    /// Begin with the last so many records, 1 to 1,000.
    #[param(minimum = 1, maximum = 1000)]
    last: Option<usize>,
    /// Go on behind the event with this `id`, where `Last-Event-ID` cannot be sent.
    cursor: Option<String>,
    /// `false` ends the stream, with an event `end`, instead of waiting for more.
    #[param(default = true)]
    follow: Option<bool>,
    /// Of `POST /notifications/ticket`.
    #[serde(default, rename = "ticket")]
    _ticket: Option<String>,
}

impl TailParams {
    fn begin(&self, last_event: Option<String>) -> Result<Begin, Problem> {
        let cursor = last_event.or_else(|| given(self.cursor.clone()));
        match (cursor, self.from_beginning, self.last) {
            (Some(cursor), _, _) => Ok(Begin::Cursor(cursor)),
            (None, true, Some(_)) => Err(Problem::field("last", "does not go with `fromBeginning`")),
            (None, true, None) => Ok(Begin::Oldest),
            (None, false, Some(count)) if (1..=LAST_MAX).contains(&count) => Ok(Begin::Last(count)),
            (None, false, Some(_)) => Err(Problem::field("last", format!("must be from 1 to {LAST_MAX}"))),
            (None, false, None) => Ok(Begin::Now),
        }
    }
}

/// Records of a topic, decoded, from now on or from where the reader was: events `open` and `record` with `id:`,
/// `gap` where retention was faster, `end` and `failure`.
#[utoipa::path(
    get,
    path = "/topics/{topic}/events",
    operation_id = "streamTopic",
    tag = "Operation",
    params(
        ("topic" = String, Path, description = "Its name, such as `user.action.v1`"),
        TailParams,
        ("Last-Event-ID" = Option<String>, Header, description = "Go on behind this event"),
    ),
    responses(
        (status = 200, description = "Server-sent events; data of `record` is a `TopicRecord`, of `gap` a `TopicGap`",
            body = RecordView, content_type = "text/event-stream"),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn events(
    State(state): State<ApiState>,
    principal: Principal,
    Path(topic): Path<String>,
    headers: HeaderMap,
    Params(params): Params<TailParams>,
) -> Result<Response, Problem> {
    principal.must_operate()?;
    let topic = topic_of(&topic)?;
    if topic == Topic::ProductInventory && params.user_id.is_some() {
        return Err(Problem::field("userId", format!("cannot be asked of `{topic}`: its keys are products")));
    }
    let last_event = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let begin = params.begin(given(last_event))?;
    let key = params.user_id.map(|user| Bytes::copy_from_slice(user.as_str().as_bytes()));
    let slot = state.slots.take("topic", None)?;
    let shutdown = state.shutdown.clone();
    let tail = Tail::open(state, slot, topic, key, &begin, params.follow.unwrap_or(true)).await?;
    let told = tail.stream().map(|told| Ok::<_, Infallible>(event(told)));
    let hello = futures::stream::once(std::future::ready(Ok(sse::hello())));
    let events = hello.chain(told).take_until(shutdown.cancelled_owned());
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, Sse::new(events)).into_response())
}

fn topic_of(name: &str) -> Result<Topic, Problem> {
    Topic::parse(name).ok_or_else(|| {
        let names: Vec<_> = Topic::ALL.into_iter().map(|topic| format!("`{topic}`")).collect();
        let name: String = name.chars().take(64).collect();
        Problem::not_found(format!("no topic `{name}`; there are {}", names.join(", ")))
    })
}

fn event(told: Told) -> Event {
    match told {
        Told::Open(cursor) => sse::event("open", &serde_json::json!({})).id(cursor),
        Told::Record(record, cursor) => sse::event("record", &record).id(cursor),
        Told::Gap(gap) => sse::event("gap", &gap),
        Told::Ping => sse::ping(),
        Told::End => sse::event("end", &serde_json::json!({})),
        Told::Failed => {
            let detail = "the log could not be read; the failure was logged";
            sse::event("failure", &serde_json::json!({ "detail": detail }))
        }
    }
}
