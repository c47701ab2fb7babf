//! The control routes of port 8084: state, start, stop, change, scenarios, one action by hand.

mod problem;
mod shapes;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use rep_core::ActionType;
use rep_http::{ALIVE, Fields, Problem, Readiness};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::runner::{Act, Simulator, Status, Wish, fresh_trace_id};
use crate::scenario::Scenario;
pub use shapes::{ActAnswer, ActRequest, ChangeRequest, ScenarioItem, ScenarioList, StartRequest};

/// Longest body that is read, in bytes.
pub const BODY_BYTES_MAX: usize = 16 * 1024;

/// The routes, ready to be served.
pub fn router(simulator: Simulator) -> Router {
    let (router, _) = documented().split_for_parts();
    router
        .fallback(unknown_route)
        .method_not_allowed_fallback(unknown_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(with_trace_id))
        .with_state(simulator)
}

/// The OpenAPI document of the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    documented().split_for_parts().1
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "REP simulator control",
        description = "Starts, stops and steers simulated traffic. Errors are RFC 9457 problem documents; \
                       every answer carries `X-Trace-Id`."
    ),
    tags((name = "simulator", description = "Simulated traffic"), (name = "health", description = "Health"))
)]
struct Document;

fn documented() -> OpenApiRouter<Simulator> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(status, change))
        .routes(routes!(start))
        .routes(routes!(stop))
        .routes(routes!(scenarios))
        .routes(routes!(act))
        .routes(routes!(livez))
        .routes(routes!(readyz))
}

/// How the simulator stands.
#[utoipa::path(get, path = "/simulator", tag = "simulator", responses((status = 200, body = Status)))]
async fn status(State(simulator): State<Simulator>) -> Json<Status> {
    Json(simulator.status())
}

/// Starts a run. What is not said is as it was last set: at first 20,000 users, 100 events/s, `steady`, seed
/// 42, 0.2 changes/s, or what the command line said.
#[utoipa::path(
    post, path = "/simulator/start", tag = "simulator",
    request_body = StartRequest,
    responses(
        (status = 200, body = Status),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "It runs already")
    )
)]
async fn start(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Status>, Problem> {
    let mut fields = fields(&headers, body)?;
    let wish = Wish {
        users: fields.count("users", u32::MAX),
        rate: fields.number("rate"),
        scenario: scenario(&mut fields),
        seed: fields.whole("seed"),
        change_rate: fields.number("changeRate"),
    };
    finish(fields)?;
    Ok(Json(simulator.start(wish).await?))
}

/// Stops the run, if one is on. What is under way becomes durable before the answer.
#[utoipa::path(post, path = "/simulator/stop", tag = "simulator", responses((status = 200, body = Status)))]
async fn stop(State(simulator): State<Simulator>) -> Json<Status> {
    Json(simulator.stop().await)
}

/// Changes rate or scenario: of the run, or of the next one if none is on.
#[utoipa::path(
    patch, path = "/simulator", tag = "simulator",
    request_body = ChangeRequest,
    responses(
        (status = 200, body = Status),
        (status = 400, body = Problem, content_type = "application/problem+json")
    )
)]
async fn change(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Status>, Problem> {
    let mut fields = fields(&headers, body)?;
    let wish = Wish {
        rate: fields.number("rate"),
        scenario: scenario(&mut fields),
        change_rate: fields.number("changeRate"),
        ..Wish::default()
    };
    finish(fields)?;
    Ok(Json(simulator.change(wish)?))
}

/// The scenarios.
#[utoipa::path(
    get, path = "/simulator/scenarios", tag = "simulator", responses((status = 200, body = ScenarioList))
)]
async fn scenarios() -> Json<ScenarioList> {
    let item = |scenario: Scenario| ScenarioItem {
        id: scenario,
        name: scenario.name(),
        description: scenario.description(),
    };
    Json(ScenarioList { items: Scenario::ALL.map(item).into() })
}

/// One action of one shopper, now. The answer comes once it is durable in the log.
#[utoipa::path(
    post, path = "/simulator/act", tag = "simulator",
    request_body = ActRequest,
    responses(
        (status = 202, body = ActAnswer),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "The log is away")
    )
)]
async fn act(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<ActAnswer>), Problem> {
    let mut fields = fields(&headers, body)?;
    let user_id = fields.required("userId");
    let known = format!("must be one of {}", ActionType::KNOWN.map(ActionType::as_str).join(", "));
    let action_type = fields.read("actionType", known, |value| ActionType::parse(value.as_str()?));
    let product_id = fields.parsed("productId");
    let search_query = fields.text("searchQuery");
    fields.require("actionType", action_type.is_some());
    finish(fields)?;
    let (Some(user_id), Some(action_type)) = (user_id, action_type) else {
        return Err(Problem::invalid("userId and actionType are required"));
    };
    let acted = simulator.act(Act { user_id, action_type, product_id, search_query }).await?;
    Ok((StatusCode::ACCEPTED, Json(ActAnswer::from(acted))))
}

/// Whether the process lives.
#[utoipa::path(
    get, path = "/livez", tag = "health", responses((status = 200, body = String, content_type = "text/plain"))
)]
async fn livez() -> &'static str {
    ALIVE
}

/// Whether traffic can be made: names what is missing if not.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness))
)]
async fn readyz(State(simulator): State<Simulator>) -> Readiness {
    if simulator.is_log_well() { Readiness::ready() } else { Readiness::without("log", "it takes no events") }
}

fn fields(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Fields, Problem> {
    let body = body.map_err(|rejection| Problem::unread(&rejection, BODY_BYTES_MAX))?;
    Fields::of_body(headers, &body)
}

fn finish(mut fields: Fields) -> Result<(), Problem> {
    fields.refuse_unknown();
    fields.finish().map_err(Problem::of_fields)
}

fn scenario(fields: &mut Fields) -> Option<Scenario> {
    let known = format!("must be one of {}", Scenario::ALL.map(Scenario::id).join(", "));
    fields.read("scenario", known, |value| Scenario::parse(value.as_str()?))
}

async fn unknown_route() -> Problem {
    Problem::of_status(StatusCode::NOT_FOUND)
}

async fn unknown_method() -> Problem {
    Problem::of_status(StatusCode::METHOD_NOT_ALLOWED)
}

/// Gives every answer an `X-Trace-Id`: that of the request's `traceparent`, or a fresh one.
async fn with_trace_id(request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get("traceparent")
        .and_then(|value| value.to_str().ok())
        .and_then(trace_id_of)
        .map_or_else(|| fresh_trace_id().to_string(), str::to_owned);
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&given) {
        response.headers_mut().insert(HeaderName::from_static("x-trace-id"), value);
    }
    response
}

/// The trace id of a W3C `traceparent`; `None` if it is not one.
fn trace_id_of(traceparent: &str) -> Option<&str> {
    let id = traceparent.split('-').nth(1)?;
    let is_hex = id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (id.len() == 32 && is_hex && id.bytes().any(|b| b != b'0')).then_some(id)
}

impl From<crate::runner::Acted> for ActAnswer {
    fn from(acted: crate::runner::Acted) -> Self {
        let action = acted.action;
        Self {
            trace_id: action.trace_id.to_string(),
            user_id: action.user_id.to_string(),
            action_type: action.action_type.as_str(),
            product_id: action.product_id.map(|id| id.to_string()),
            search_query: action.search_query,
            session_id: action.session_id.map(|id| id.to_string()),
            timestamp: action.timestamp,
        }
    }
}
