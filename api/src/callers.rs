//! Who may call what, as the OpenAPI documents state it by the extension `x-rep-callers`.
//!
//! The routes decide for themselves; a test asks each of them as each kind of caller whether it does as is stated here.

use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{OpenApi, SecurityRequirement};

/// The extension's name.
const EXTENSION: &str = "x-rep-callers";

/// Who may call an operation where tokens are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Everybody, without a token.
    Everybody,
    /// Everybody with a good token.
    AnyToken,
    /// Operators, and the shopper whom the request names; one that names none, any shopper.
    Shopper,
    /// Operators, and shoppers for events of their own; each other event is refused in the answer.
    ShopperOfEvent,
    /// Operators alone.
    Operators,
}

impl Callers {
    fn name(self) -> &'static str {
        match self {
            Self::Everybody => "everybody",
            Self::AnyToken => "any-token",
            Self::Shopper => "shopper",
            Self::ShopperOfEvent => "shopper-of-event",
            Self::Operators => "operators",
        }
    }
}

/// The API's operations.
const API: [(Callers, &[&str]); 5] = [
    (Callers::Everybody, &["GET /livez", "GET /readyz"]),
    (
        Callers::AnyToken,
        &[
            "GET /categories",
            "GET /products",
            "GET /products/{id}",
            "GET /products/{id}/similar",
            "POST /products/{id}/similar",
        ],
    ),
    (
        Callers::Shopper,
        &[
            "GET /recommendations",
            "POST /recommendations",
            "GET /search",
            "POST /search",
            "GET /notifications",
            "GET /notifications/stream",
            "GET /notifications/ws",
            "POST /notifications/ticket",
            "POST /notifications/{id}/read",
            "GET /users/{id}/preference",
            "GET /users/{id}/history",
            "GET /users/{id}/changes",
            "GET /users/{id}/notification-settings",
            "PUT /users/{id}/notification-settings",
            "DELETE /users/{id}",
        ],
    ),
    (Callers::ShopperOfEvent, &["POST /events"]),
    (
        Callers::Operators,
        &[
            "POST /products",
            "PUT /products/{id}",
            "PATCH /products/{id}",
            "DELETE /products/{id}",
            "GET /users",
            "GET /events/recent",
            "GET /topics",
            "GET /topics/{topic}/events",
            "GET /dead-letters",
            "GET /dead-letters/{id}",
            "POST /dead-letters/{id}/replay",
            "GET /live",
            "GET /live/history",
            "GET /status",
            "GET /metrics",
        ],
    ),
];

/// States in `document` who may call the API's operations. One that is not listed here states nothing.
pub(crate) fn state_callers_of_api(document: &mut OpenApi) {
    state_callers(document, |method, path| {
        let asked = format!("{method} {path}");
        API.iter().find(|(_, listed)| listed.contains(&asked.as_str())).map(|(callers, _)| *callers)
    });
}

/// States in `document` who may call each operation, as `callers_of` says by method and path.
pub fn state_callers(document: &mut OpenApi, callers_of: impl Fn(&str, &str) -> Option<Callers>) {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            let Some(callers) = callers_of(method, path) else { continue };
            let stated = ExtensionsBuilder::new().add(EXTENSION, callers.name()).build();
            operation.extensions.get_or_insert_default().merge(stated);
            if callers == Callers::Everybody {
                operation.security = Some(vec![SecurityRequirement::default()]);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let operations = [
        ("GET", &mut item.get),
        ("POST", &mut item.post),
        ("PUT", &mut item.put),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
    ];
    operations.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}
