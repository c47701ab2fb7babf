//! The routes, one concern a file, and the document that describes them.

mod categories;
mod changes;
mod dead_letters;
mod events;
mod health;
mod inbox;
mod products;
mod recommendations;
mod search;
mod settings;
mod similar;
mod status;
mod streams;
mod topics;
mod users;

use axum::middleware::from_fn_with_state;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::operators_change;
use crate::idempotency::once;
use crate::openapi::Document;
use crate::state::ApiState;

/// All routes but `/openapi.json` and `/docs`.
pub(crate) fn all(state: Option<&ApiState>) -> OpenApiRouter<ApiState> {
    let alone = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(recommendations::get, recommendations::post))
        .routes(routes!(search::get, search::post))
        .routes(routes!(similar::get, similar::post))
        .routes(routes!(categories::categories))
        .routes(routes!(events::recent))
        .routes(routes!(users::users))
        .routes(routes!(users::preference))
        .routes(routes!(users::history))
        // A repeat erases again what came since: no kept answer may take its place.
        .routes(routes!(users::erase))
        .routes(routes!(changes::changes))
        .routes(routes!(inbox::inbox))
        .routes(routes!(streams::ticket))
        .routes(routes!(streams::sse))
        .routes(routes!(streams::ws))
        .routes(routes!(status::live))
        .routes(routes!(status::history))
        .routes(routes!(status::status))
        .routes(routes!(topics::topics))
        .routes(routes!(topics::events))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::get))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics));
    let once_by_key = OpenApiRouter::new()
        .routes(routes!(events::post))
        .routes(routes!(inbox::read))
        .routes(routes!(settings::get, settings::put));
    let of_operators = OpenApiRouter::new()
        .routes(routes!(products::list, products::import))
        .routes(routes!(products::get, products::put, products::patch, products::delete))
        .routes(routes!(dead_letters::replay));
    match state {
        Some(state) => {
            let once = || from_fn_with_state(state.clone(), once);
            let role = from_fn_with_state(state.clone(), operators_change);
            alone.merge(once_by_key.layer(once())).merge(of_operators.layer(once()).layer(role))
        }
        None => alone.merge(once_by_key).merge(of_operators),
    }
}
