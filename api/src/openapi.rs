//! The OpenAPI document: what the dashboard's client is generated from.

use std::sync::LazyLock;

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::callers::state_callers_of_api;
use crate::dto::notification::{Gap, NotificationView, SocketMessage};
use crate::dto::recommendation::ReasonSchema;
use crate::dto::topic::RecordGap;
use crate::dto::user::PreferenceChangeSchema;
use crate::problem::ProblemSchema;
use crate::routes;

/// What no route says.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "REP API",
        description = "Personalised recommendations, search, catalogue, events in and notifications out. \
                       Errors are RFC 9457 problems; times are ISO 8601 UTC; money is decimal strings; every \
                       answer carries `X-Trace-Id`; writes take `Idempotency-Key`. Bodies are UTF-8, as they are or with \
                       `Content-Encoding: gzip` or `deflate`; limits are of what they become. An operation passes over \
                       parameters of a query that it does not know. Where tokens are asked for, \
                       `x-rep-callers` says who may call: `everybody`; `any-token`; `shopper`, the one whom the \
                       request names, or an operator; `shopper-of-event`, the same for each event; `operators`."
    ),
    components(schemas(
        ProblemSchema,
        ReasonSchema,
        NotificationView,
        SocketMessage,
        Gap,
        RecordGap,
        PreferenceChangeSchema
    )),
    modifiers(&Tokens),
    security((), ("bearer" = []))
)]
pub(crate) struct Document;

struct Tokens;

impl Modify for Tokens {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        openapi.components.get_or_insert_default().add_security_scheme("bearer", scheme);
    }
}

/// The document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = routes::all(None).into_openapi();
    state_callers_of_api(&mut document);
    document
}

/// The document as it is served and kept in `docs/openapi.json`.
pub fn openapi_json() -> &'static str {
    static JSON: LazyLock<String> = LazyLock::new(|| {
        // The document is strings and maps: it always serialises.
        let mut json = openapi().to_pretty_json().unwrap_or_default();
        json.push('\n');
        json
    });
    &JSON
}
