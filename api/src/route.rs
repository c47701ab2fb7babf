//! Which route a request is for, by the name it has in the API's document.

use axum::extract::{MatchedPath, NestedPath, Request};

/// The pattern of the route that takes `request`, wherever the API is nested: `/live` also below `/api`. `None` if no
/// route takes it.
pub(crate) fn of(request: &Request) -> Option<&str> {
    let matched = request.extensions().get::<MatchedPath>()?.as_str();
    let nest = request.extensions().get::<NestedPath>().map_or("", NestedPath::as_str);
    Some(matched.strip_prefix(nest.trim_end_matches('/')).unwrap_or(matched))
}
