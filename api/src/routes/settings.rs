//! What a shopper wants to be told, and how.

use axum::Json;
use axum::extract::{Request, State};
use rep_core::{NotificationSettings, UserId};

use crate::auth::Principal;
use crate::dto::notification::{SettingsSchema, settings_of};
use crate::extract::{BodyKind, PathId, body_kind, bytes, json};
use crate::problem::{Problem, ProblemSchema};
use crate::state::ApiState;

/// What a shopper wants; the default if they never said.
#[utoipa::path(
    get,
    path = "/users/{id}/notification-settings",
    operation_id = "getNotificationSettings",
    tag = "Notifications",
    params(("id" = String, Path, description = "The shopper")),
    responses(
        (status = 200, description = "The settings", body = SettingsSchema),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    principal: Principal,
    PathId(id): PathId<UserId>,
) -> Result<Json<NotificationSettings>, Problem> {
    principal.may_act_as(&id)?;
    Ok(Json(state.notifications.settings(&id).await?))
}

/// Keeps what a shopper wants.
#[utoipa::path(
    put,
    path = "/users/{id}/notification-settings",
    operation_id = "putNotificationSettings",
    tag = "Notifications",
    params(("id" = String, Path, description = "The shopper")),
    request_body = SettingsSchema,
    responses(
        (status = 200, description = "The settings as they now stand", body = SettingsSchema),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put(
    State(state): State<ApiState>,
    principal: Principal,
    PathId(id): PathId<UserId>,
    request: Request,
) -> Result<Json<NotificationSettings>, Problem> {
    principal.may_act_as(&id)?;
    if body_kind(request.headers())? != BodyKind::Json {
        return Err(Problem::unsupported_media_type("send the settings as `application/json`"));
    }
    let settings = settings_of(json(&bytes(request, state.config.limits.body_bytes_max).await?)?)?;
    state.notifications.put_settings(&id, settings.clone()).await?;
    Ok(Json(settings))
}
