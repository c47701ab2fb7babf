//! Who calls, and what they may see.
//!
//! Two modes. [`Auth::Open`] is for a loopback address: whoever reaches it is the operator, and only pages
//! of other sites are kept out ([`guard`]). [`Auth::Bearer`] asks each caller for a token: an operator's,
//! fixed in the configuration, or a shopper's ([`token`]), who sees and writes what is theirs alone.

pub(crate) mod guard;
mod hs256;
pub(crate) mod tickets;
mod token;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rep_core::ports::StoreError;
use rep_core::{Timestamp, UserId};
use sha2::{Digest, Sha256};

pub use token::{SECRET_BYTES_MIN, TokenError, TokenRules, UserTokens};

use crate::problem::Problem;
use crate::route;
use crate::state::ApiState;

/// Routes that anybody may read.
const PUBLIC: [&str; 6] = ["/livez", "/readyz", "/openapi.json", "/docs", "/docs/", "/docs/{*rest}"];
/// Routes that a ticket opens: browsers cannot set headers on them.
const STREAMS: [&str; 5] =
    ["/notifications/stream", "/notifications/ws", "/users/{id}/changes", "/live", "/topics/{topic}/events"];

/// Who may call.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Everybody who reaches the address, as operator: for loopback.
    #[default]
    Open,
    /// Whoever has a token.
    Bearer(BearerAuth),
}

/// Which tokens are good.
#[derive(Clone)]
pub struct BearerAuth {
    operators: Arc<[[u8; 32]]>,
    users: Option<Arc<UserTokens>>,
}

impl BearerAuth {
    /// Operators by their tokens, and shoppers by theirs, if any are taken.
    ///
    /// Refuses tokens that are short enough to be guessed.
    pub fn new(operator_tokens: &[String], users: Option<UserTokens>) -> Result<Self, TokenError> {
        if operator_tokens.iter().any(|token| token.len() < SECRET_BYTES_MIN) {
            return Err(TokenError::ShortSecret);
        }
        Ok(Self {
            operators: operator_tokens.iter().map(|token| Sha256::digest(token).into()).collect(),
            users: users.map(Arc::new),
        })
    }

    /// Whether `token` is an operator's.
    pub fn is_operator(&self, token: &str) -> bool {
        // Digests are compared, so that time tells nothing of the token.
        let digest: [u8; 32] = Sha256::digest(token).into();
        self.operators.iter().fold(false, |found, known| found | (*known == digest))
    }

    fn principal(&self, token: &str, now: Timestamp) -> Option<Principal> {
        if self.is_operator(token) {
            return Some(Principal::Operator);
        }
        let (user, until) = self.users.as_ref()?.verify(token, now).ok()?;
        Some(Principal::User { user, until: Some(until) })
    }
}

impl fmt::Debug for BearerAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BearerAuth({} operator tokens, users: {})", self.operators.len(), self.users.is_some())
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    /// Sees and does everything.
    Operator,
    /// Sees what belongs to one shopper.
    User {
        user: UserId,
        /// When the right ends; streams end with it.
        until: Option<Timestamp>,
    },
}

impl Principal {
    /// Refuses whoever is neither `user` nor an operator.
    pub(crate) fn may_act_as(&self, user: &UserId) -> Result<(), Problem> {
        match self {
            Self::Operator => Ok(()),
            Self::User { user: own, .. } if own == user => Ok(()),
            Self::User { .. } => Err(Problem::forbidden("your token is for another shopper")),
        }
    }

    /// Refuses everybody but operators.
    pub(crate) fn must_operate(&self) -> Result<(), Problem> {
        match self {
            Self::Operator => Ok(()),
            Self::User { .. } => Err(Problem::forbidden("this route needs an operator's token")),
        }
    }

    /// When the right ends.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Operator => None,
            Self::User { until, .. } => *until,
        }
    }

    /// What answers and rates are kept by.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Operator => "operator".to_owned(),
            Self::User { user, .. } => format!("user:{user}"),
        }
    }
}

impl FromRequestParts<ApiState> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        // Absent only if a route forgot the layer: then nobody may.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::unauthorized("send a bearer token"))
    }
}

/// Finds out who calls, and turns away whoever may call nothing.
pub(crate) async fn authenticate(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = route::of(&request).map(str::to_owned);
    let ticket = ticket_of(route.as_deref(), &request);
    let principal = match &state.config.auth {
        Auth::Open => {
            // Used up all the same; nothing hangs on it.
            let _ = spend_ticket(&state, ticket.as_deref()).await;
            Some(Principal::Operator)
        }
        Auth::Bearer(auth) => {
            let token = bearer_token(request.headers());
            match token.and_then(|token| auth.principal(token, state.clock.now())) {
                Some(principal) => Some(principal),
                None => match spend_ticket(&state, ticket.as_deref()).await {
                    Ok(principal) => principal,
                    Err(error) => return Problem::from(error).into_response(),
                },
            }
        }
    };
    let public = route.as_deref().is_none_or(|route| PUBLIC.contains(&route));
    match principal {
        Some(principal) => {
            request.extensions_mut().insert(principal);
        }
        None if public => {}
        None => {
            let mut response =
                Problem::unauthorized("send `Authorization: Bearer …` with a token that is good")
                    .into_response();
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return response;
        }
    }
    next.run(request).await
}

/// Refuses callers who may not change what only operators change, before any of the body is read.
pub(crate) async fn operators_change(Caller(caller): Caller, request: Request, next: Next) -> Response {
    let refused =
        caller.filter(|_| !request.method().is_safe()).and_then(|caller| caller.must_operate().err());
    match refused {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

/// The token that a request carries as `Authorization: Bearer …`, whatever it is worth.
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The ticket that a request for a stream carries.
fn ticket_of(route: Option<&str>, request: &Request) -> Option<String> {
    if !STREAMS.contains(&route?) {
        return None;
    }
    request.uri().query()?.split('&').find_map(|pair| pair.strip_prefix("ticket=")).map(str::to_owned)
}

async fn spend_ticket(state: &ApiState, ticket: Option<&str>) -> Result<Option<Principal>, StoreError> {
    match ticket {
        Some(ticket) => tickets::spend(state.tickets.as_ref(), ticket, state.clock.now()).await,
        None => Ok(None),
    }
}

/// The caller, if known; for layers.
pub(crate) struct Caller(pub(crate) Option<Principal>);

impl FromRequestParts<ApiState> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Principal>().cloned()))
    }
}
