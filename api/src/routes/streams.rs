//! Notifications as they come: tickets, server-sent events and WebSocket.

use axum::Json;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use rep_core::UserId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Principal, tickets};
use crate::dto::notification::{Gap, NotificationView, SocketMessage, Ticket};
use crate::extract::Params;
use crate::problem::{Problem, ProblemSchema};
use crate::state::ApiState;
use crate::stream::{Inbox, Told, spawn, sse, ws as socket};

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct TicketParams {
    /// For whose streams; an operator may leave it out, for `/live`.
    #[param(value_type = Option<String>)]
    user_id: Option<UserId>,
}

/// A ticket that opens one stream within 30 seconds, where no header can be sent.
#[utoipa::path(
    post,
    path = "/notifications/ticket",
    operation_id = "issueTicket",
    tag = "Notifications",
    params(TicketParams),
    responses(
        (status = 200, description = "The ticket", body = Ticket),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ticket(
    State(state): State<ApiState>,
    principal: Principal,
    Params(params): Params<TicketParams>,
) -> Result<Json<Ticket>, Problem> {
    let holder = match params.user_id {
        Some(user) => {
            principal.may_act_as(&user)?;
            Principal::User { user, until: principal.until() }
        }
        None => principal,
    };
    let (ticket, expires_at) = tickets::issue(state.tickets.as_ref(), holder, state.clock.now()).await?;
    Ok(Json(Ticket { ticket, expires_at }))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamParams {
    /// Whose notifications.
    #[param(value_type = String)]
    user_id: UserId,
    /// Resume after this sequence, where `Last-Event-ID` cannot be sent; 0 for all that is kept.
    last_sequence: Option<u64>,
    /// Of `POST /notifications/ticket`.
    #[serde(default, rename = "ticket")]
    _ticket: Option<String>,
}

/// Notifications from now on, or from where the reader was: events `notification` with `id:`, and `gap`
/// where some are lost.
#[utoipa::path(
    get,
    path = "/notifications/stream",
    operation_id = "streamNotifications",
    tag = "Notifications",
    params(
        StreamParams,
        ("Last-Event-ID" = Option<String>, Header, description = "Resume after this sequence"),
    ),
    responses(
        (status = 200, description = "Server-sent events; data of `notification` is a `Notification`, of `gap` a `Gap`",
            body = NotificationView, content_type = "text/event-stream"),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn sse(
    State(state): State<ApiState>,
    principal: Principal,
    headers: HeaderMap,
    Params(params): Params<StreamParams>,
) -> Result<Response, Problem> {
    principal.may_act_as(&params.user_id)?;
    let after = last_event(&headers)?.or(params.last_sequence);
    let slot = state.slots.take("notifications", Some(&params.user_id))?;
    let inbox = Inbox::open(state.clone(), params.user_id, after).await?;
    let told = spawn(&state, slot, principal.until(), |outlet| inbox.run(outlet));
    Ok(sse::response(told, |told| match told {
        Told::Hello => sse::hello(),
        Told::Ping => sse::ping(),
        Told::Gap { after, next } => sse::event("gap", &Gap { after, next }),
        Told::Item(item) => {
            let sequence = item.sequence.to_string();
            sse::event("notification", &NotificationView::from(*item)).id(sequence)
        }
    }))
}

/// What the reader saw last. A browser sends it by itself when it connects again.
fn last_event(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    match value.to_str().map(str::trim) {
        Ok("") => Ok(None),
        Ok(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().map(Some).map_err(|_| bad_id())
        }
        _ => Err(bad_id()),
    }
}

fn bad_id() -> Problem {
    Problem::field("Last-Event-ID", "must be the `id` of an event of this stream")
}

/// The same over WebSocket: messages `{"type": "notification" | "gap" | "ping", …}`.
#[utoipa::path(
    get,
    path = "/notifications/ws",
    operation_id = "openNotificationSocket",
    tag = "Notifications",
    params(StreamParams),
    responses(
        (status = 101, description = "WebSocket; each message is a `SocketMessage`"),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ws(
    State(state): State<ApiState>,
    principal: Principal,
    Params(params): Params<StreamParams>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    principal.may_act_as(&params.user_id)?;
    let upgrade = upgrade.map_err(|rejection| Problem::invalid(rejection.body_text()))?;
    let slot = state.slots.take("notifications-ws", Some(&params.user_id))?;
    let inbox = Inbox::open(state.clone(), params.user_id, params.last_sequence).await?;
    let told = spawn(&state, slot, principal.until(), |outlet| inbox.run(outlet));
    let write_wait = state.config.streams.write_wait;
    let upgrade =
        upgrade.max_message_size(socket::MESSAGE_BYTES_MAX).max_frame_size(socket::MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |ws| socket::serve(ws, told, write_wait, message)).into_response())
}

fn message(told: Told) -> Option<SocketMessage> {
    match told {
        Told::Hello => None,
        Told::Ping => Some(SocketMessage::Ping),
        Told::Gap { after, next } => Some(SocketMessage::Gap(Gap { after, next })),
        Told::Item(item) => Some(SocketMessage::Notification(Box::new((*item).into()))),
    }
}
