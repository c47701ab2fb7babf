//! The embedding service: the same vectors over HTTP, for processes that hold no model.
//!
//! | route | answers |
//! |---|---|
//! | `POST /embed` `{texts: [...], kind: "query" \| "passage", priority?: "immediate" \| "urgent" \| "backlog"}` | `{model, dimensions, embeddings: [[…]]}` |
//! | `GET /model` | the model's [`Manifest`] |
//! | `GET /livez` | 200 while the process answers |
//! | `GET /readyz` | 200 once a model is loaded, else 503 |
//!
//! `priority` says whether a person, a stream or nobody waits for the vectors; without it queries are urgent and passages are not.
//!
//! Metrics are recorded by the `metrics` crate; the process that hosts this router serves `/metrics`.
//! Errors are `application/problem+json` (RFC 9457). Bounds: [`TEXTS_MAX`] texts, [`BODY_BYTES_MAX`] bytes.

mod request;

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use ndarray::Array2;
use rep_core::ModelId;
use rep_core::ports::embedder::{EmbedError, Embedder};
use rep_http::{ALIVE, Problem, Readiness};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::request::{EmbedRequest, EmbedRequestSchema};
use crate::Manifest;

/// Most texts in one request.
pub const TEXTS_MAX: usize = 256;
/// Largest body in bytes.
pub const BODY_BYTES_MAX: usize = 1 << 20;
const NOT_LOADED: &str = "the embedding model is not loaded yet";

/// What the service embeds with; cheap to clone. Ready once [`EmbedService::set`] was called.
#[derive(Clone, Default)]
pub struct EmbedService {
    loaded: Arc<OnceLock<Loaded>>,
}

struct Loaded {
    embedder: Arc<dyn Embedder>,
    manifest: Manifest,
}

impl EmbedService {
    /// A service whose model is still being loaded: `/readyz` and `/embed` answer 503.
    pub fn loading() -> Self {
        Self::default()
    }

    /// A service that is ready.
    pub fn new(embedder: Arc<dyn Embedder>, manifest: Manifest) -> Self {
        let service = Self::loading();
        service.set(embedder, manifest);
        service
    }

    /// Makes the service ready. The first call counts; answers whether this was it.
    pub fn set(&self, embedder: Arc<dyn Embedder>, manifest: Manifest) -> bool {
        self.loaded.set(Loaded { embedder, manifest }).is_ok()
    }

    fn get(&self) -> Result<&Loaded, Problem> {
        self.loaded.get().ok_or_else(|| Problem::unavailable(NOT_LOADED).retry_after(2))
    }
}

/// The service's routes.
pub fn router(service: EmbedService) -> Router {
    let (router, _) = documented().split_for_parts();
    router
        .fallback(|| async { Problem::of_status(StatusCode::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { Problem::of_status(StatusCode::METHOD_NOT_ALLOWED) })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(service)
}

/// The OpenAPI document of the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    documented().into_openapi()
}

#[derive(OpenApi)]
#[openapi(info(
    title = "REP embedding service",
    description = "Vectors of texts. Errors are RFC 9457 problem documents."
))]
struct Document;

fn documented() -> OpenApiRouter<EmbedService> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(embed))
        .routes(routes!(model))
        .routes(routes!(livez))
        .routes(routes!(readyz))
}

/// `[n]` texts as they came → `embeddings` of shape `[n, dimensions]`.
#[derive(Serialize, ToSchema)]
struct EmbedAnswer {
    #[schema(value_type = String)]
    model: ModelId,
    dimensions: usize,
    embeddings: Vec<Vec<f32>>,
}

/// Vectors of texts, in their order.
#[utoipa::path(
    post, path = "/embed",
    request_body = EmbedRequestSchema,
    responses(
        (status = 200, body = EmbedAnswer),
        (status = 400, description = "Which fields are wrong"),
        (status = 503, description = "Overloaded, or no model yet")
    )
)]
async fn embed(
    State(service): State<EmbedService>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body.map_err(|rejection| Problem::unread(&rejection, BODY_BYTES_MAX))?;
    let EmbedRequest { texts, kind, urgency } = EmbedRequest::parse(&body).map_err(Problem::of_fields)?;
    let embedder = &service.get()?.embedder;
    let vectors = embedder.embed(&texts, kind, urgency).await.map_err(embed_problem)?;
    let (model, dimensions) = (embedder.model().clone(), embedder.dimensions());
    // Writing 256 × 768 numbers as text takes some 10 ms: too long for an async thread.
    let write = move || Json(EmbedAnswer { model, dimensions, embeddings: rows(&vectors) }).into_response();
    tokio::task::spawn_blocking(write).await.map_err(|error| {
        tracing::error!(%error, "writing an answer failed");
        Problem::internal("the texts could not be embedded")
    })
}

/// What the model says of itself: its `rep-model.json`.
#[utoipa::path(
    get, path = "/model",
    responses(
        (status = 200, description = "The manifest"),
        (status = 503, description = "No model yet")
    )
)]
async fn model(State(service): State<EmbedService>) -> Result<Json<Manifest>, Problem> {
    Ok(Json(service.get()?.manifest.clone()))
}

/// Whether the process lives.
#[utoipa::path(get, path = "/livez", responses((status = 200, body = String, content_type = "text/plain")))]
async fn livez() -> &'static str {
    ALIVE
}

/// Whether a model is loaded.
#[utoipa::path(get, path = "/readyz", responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
async fn readyz(State(service): State<EmbedService>) -> Readiness {
    match service.loaded.get() {
        Some(_) => Readiness::ready(),
        None => Readiness::without("model", NOT_LOADED),
    }
}

fn rows(vectors: &Array2<f32>) -> Vec<Vec<f32>> {
    vectors.outer_iter().map(|row| row.to_vec()).collect()
}

fn embed_problem(error: EmbedError) -> Problem {
    match error {
        EmbedError::Overloaded(reason) => {
            // Longer than one batch takes.
            Problem::unavailable(format!("the embedder is overloaded: {reason}")).retry_after(2)
        }
        EmbedError::Unavailable(_) => Problem::unavailable("no embedding model is available"),
        EmbedError::Failed(reason) => {
            tracing::error!(reason, "embedding failed");
            Problem::internal("the texts could not be embedded")
        }
    }
}
