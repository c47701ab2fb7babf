//! A shopper's inbox.

use axum::Json;
use axum::extract::State;
use rep_core::{NotificationId, UserId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Principal;
use crate::cursor;
use crate::dto::notification::{NotificationPage, NotificationView};
use crate::extract::{Params, PathId, given, limit};
use crate::problem::{Problem, ProblemSchema};
use crate::state::ApiState;

/// Most items of a page.
const LIMIT_MAX: usize = 200;

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct InboxParams {
    /// Whose inbox.
    #[param(value_type = String)]
    user_id: UserId,
    /// How many, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// Notifications of a shopper, newest first.
#[utoipa::path(
    get,
    path = "/notifications",
    operation_id = "listNotifications",
    tag = "Notifications",
    params(InboxParams),
    responses(
        (status = 200, description = "A page", body = NotificationPage),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn inbox(
    State(state): State<ApiState>,
    principal: Principal,
    Params(params): Params<InboxParams>,
) -> Result<Json<NotificationPage>, Problem> {
    principal.may_act_as(&params.user_id)?;
    let limit = limit(params.limit, 50, LIMIT_MAX)?;
    let before: Option<u64> = given(params.cursor).map(|cursor| cursor::read(&cursor)).transpose()?;
    let page = state.notifications.inbox(&params.user_id, before, limit).await?;
    Ok(Json(NotificationPage {
        items: page.items.into_iter().map(NotificationView::from).collect(),
        unread: page.unread,
        next_cursor: page.next.map(|before| cursor::of(&before.to_string())),
    }))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct ReadParams {
    /// Whose notification.
    #[param(value_type = String)]
    user_id: UserId,
}

/// Marks a notification as read; the first time stands.
#[utoipa::path(
    post,
    path = "/notifications/{id}/read",
    operation_id = "markNotificationRead",
    tag = "Notifications",
    params(("id" = String, Path, description = "The notification"), ReadParams),
    responses(
        (status = 200, description = "The notification", body = NotificationView),
        (status = "default", description = "Problem; 404 if the shopper has no such notification",
            body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(
    State(state): State<ApiState>,
    principal: Principal,
    PathId(id): PathId<NotificationId>,
    Params(params): Params<ReadParams>,
) -> Result<Json<NotificationView>, Problem> {
    principal.may_act_as(&params.user_id)?;
    let item = state.notifications.mark_read(&params.user_id, &id, state.clock.now()).await?;
    let item = item.ok_or_else(|| Problem::not_found(format!("the shopper has no notification `{id}`")))?;
    Ok(Json(item.into()))
}
