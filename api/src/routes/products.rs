//! The catalogue.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rep_core::{Money, Product, ProductId};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use crate::auth::Principal;
use crate::cursor;
use crate::dto::product::{
    NewProductSchema, ProductPage, ProductPatchSchema, ProductView, PutResult, PutResults, PutStatus,
    patch_of, product_of,
};
use crate::extract::{BodyKind, Params, PathId, body_kind, bytes, given, json, limit};
use crate::filters::Filters;
use crate::ndjson;
use crate::problem::{FieldProblem, Problem, ProblemSchema};
use crate::shop::ShopError;
use crate::state::ApiState;
use crate::trace::RequestTrace;

/// Most products of a page.
const LIMIT_MAX: usize = 200;

impl From<ShopError> for Problem {
    fn from(error: ShopError) -> Self {
        match error {
            ShopError::NotFound(id) => Self::not_found(format!("no product `{id}`")),
            ShopError::Invalid(error) => error.into(),
            ShopError::Store(error) => error.into(),
            ShopError::Encode(error) => error.into(),
            ShopError::Interrupted => Self::unavailable("the change was interrupted; it may have happened"),
        }
    }
}

fn refused(errors: Vec<FieldProblem>) -> Problem {
    Problem::fields("the product is not valid", errors)
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Only this category.
    category: Option<String>,
    /// How many, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// Only what is in stock.
    in_stock: Option<bool>,
    /// At least this price: decimal string in `currency`.
    min_price: Option<String>,
    /// At most this price.
    max_price: Option<String>,
    /// Currency of `minPrice` and `maxPrice`, by ISO 4217; the shop's if left out. Products in another one do not match;
    /// named alone, it asks for the products in this currency.
    #[param(example = "EUR")]
    currency: Option<String>,
}

/// Products in order of their ids.
#[utoipa::path(
    get,
    path = "/products",
    operation_id = "listProducts",
    tag = "Catalogue",
    params(ListParams),
    responses(
        (status = 200, description = "A page", body = ProductPage),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Params(params): Params<ListParams>,
) -> Result<Json<ProductPage>, Problem> {
    let limit = limit(params.limit, 50, LIMIT_MAX)?;
    let after: Option<ProductId> = given(params.cursor).map(|cursor| cursor::read(&cursor)).transpose()?;
    let filter = Filters {
        category: params.category,
        in_stock: params.in_stock,
        min_price: params.min_price,
        max_price: params.max_price,
        currency: params.currency,
        exclude_product_ids: None,
    }
    .read(state.config.currency)?;
    let page = state.catalog.list(&filter, after.as_ref(), limit).await?;
    let summary = state.catalog.summary().await?;
    let total = match &filter.category {
        None => summary.total,
        Some(wanted) => {
            summary.categories.iter().find(|(category, _)| category == wanted).map_or(0, |(_, count)| *count)
        }
    };
    let items = page.items.iter().map(|product| ProductView::from(&**product)).collect();
    Ok(Json(ProductPage { items, next_cursor: page.next.map(|id| cursor::of(id.as_str())), total }))
}

/// Puts many products: an array, or NDJSON. Each is taken or rejected alone.
#[utoipa::path(
    post,
    path = "/products",
    operation_id = "importProducts",
    tag = "Catalogue",
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats get the first answer")),
    request_body(
        content(
            (Vec<NewProductSchema> = "application/json"),
            (String = "application/x-ndjson"),
        ),
        description = "At most 1,000 products, or 10,000 lines"
    ),
    responses(
        (status = 200, description = "What became of each", body = PutResults),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn import(
    State(state): State<ApiState>,
    principal: Principal,
    trace: RequestTrace,
    request: Request,
) -> Result<Json<PutResults>, Problem> {
    principal.must_operate()?;
    let limits = state.config.limits;
    let currency = state.config.currency;
    let mut read: Vec<Result<Product, Vec<FieldProblem>>> = Vec::new();
    match body_kind(request.headers())? {
        BodyKind::Ndjson => {
            ndjson::lines(request.into_body(), &limits, |line| {
                let value = serde_json::from_slice(line)
                    .map_err(|error| vec![FieldProblem::new("", format!("is no JSON: {error}"))]);
                read.push(value.and_then(|value| product_of(value, None, currency)));
            })
            .await?;
        }
        BodyKind::Json => match json(&bytes(request, limits.body_bytes_max).await?)? {
            Value::Array(items) if items.len() <= limits.array_items_max => {
                read.extend(items.into_iter().map(|value| product_of(value, None, currency)));
            }
            Value::Array(_) => {
                return Err(Problem::too_large(format!("send at most {} products", limits.array_items_max)));
            }
            _ => return Err(Problem::invalid("the body must be an array of products")),
        },
    }
    if read.is_empty() {
        return Err(Problem::invalid("the body holds no product"));
    }
    let valid: Vec<Product> = read.iter().filter_map(|product| product.as_ref().ok().cloned()).collect();
    let mut created = state.shop.in_trace(trace.context()).put(valid).await?.into_iter();
    Ok(Json(results(read, || created.next().unwrap_or(false))))
}

fn results(read: Vec<Result<Product, Vec<FieldProblem>>>, mut created: impl FnMut() -> bool) -> PutResults {
    let result = |product: Result<Product, Vec<FieldProblem>>| match product {
        Ok(product) => {
            let status = if created() { PutStatus::Created } else { PutStatus::Replaced };
            PutResult { product_id: Some(product.product_id), status, errors: Vec::new() }
        }
        Err(errors) => PutResult { product_id: None, status: PutStatus::Rejected, errors },
    };
    let results: Vec<PutResult> = read.into_iter().map(result).collect();
    let count = |status| results.iter().filter(|result| result.status == status).count();
    PutResults {
        created: count(PutStatus::Created),
        replaced: count(PutStatus::Replaced),
        rejected: count(PutStatus::Rejected),
        results,
    }
}

/// A product.
#[utoipa::path(
    get,
    path = "/products/{id}",
    operation_id = "getProduct",
    tag = "Catalogue",
    params(("id" = String, Path, description = "The product")),
    responses(
        (status = 200, description = "The product", body = ProductView),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    PathId(id): PathId<ProductId>,
) -> Result<Json<ProductView>, Problem> {
    Ok(Json(ProductView::from(&*present(&state, &id).await?)))
}

async fn present(state: &ApiState, id: &ProductId) -> Result<Arc<Product>, Problem> {
    let product = state.catalog.get(std::slice::from_ref(id)).await?.pop().flatten();
    product.ok_or_else(|| Problem::not_found(format!("no product `{id}`")))
}

/// Creates or replaces a product. A change of price or stock becomes `product.inventory.v1`.
#[utoipa::path(
    put,
    path = "/products/{id}",
    operation_id = "putProduct",
    tag = "Catalogue",
    params(
        ("id" = String, Path, description = "The product"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats get the first answer"),
    ),
    request_body = NewProductSchema,
    responses(
        (status = 200, description = "Replaced", body = ProductView),
        (status = 201, description = "Created", body = ProductView),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put(
    State(state): State<ApiState>,
    principal: Principal,
    trace: RequestTrace,
    PathId(id): PathId<ProductId>,
    request: Request,
) -> Result<Response, Problem> {
    principal.must_operate()?;
    let value = document(&state, request).await?;
    let product = product_of(value, Some(&id), state.config.currency).map_err(refused)?;
    let view = ProductView::from(&product);
    let created = state.shop.in_trace(trace.context()).put(vec![product]).await?.pop().unwrap_or(false);
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(view)).into_response())
}

/// Changes price, stock or both; becomes `product.inventory.v1`.
#[utoipa::path(
    patch,
    path = "/products/{id}",
    operation_id = "patchProduct",
    tag = "Catalogue",
    params(
        ("id" = String, Path, description = "The product"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats get the first answer"),
    ),
    request_body = ProductPatchSchema,
    responses(
        (status = 200, description = "The product as it now stands", body = ProductView),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn patch(
    State(state): State<ApiState>,
    principal: Principal,
    trace: RequestTrace,
    PathId(id): PathId<ProductId>,
    request: Request,
) -> Result<Json<ProductView>, Problem> {
    principal.must_operate()?;
    let (price, stock) = patch_of(document(&state, request).await?).map_err(refused)?;
    let currency = present(&state, &id).await?.price.currency();
    let price = price
        .map(|text| Money::parse(&text, currency).map_err(|error| Problem::field("price", error)))
        .transpose()?;
    let product = state.shop.in_trace(trace.context()).change_price_or_stock(&id, price, stock).await?;
    Ok(Json(ProductView::from(&*product)))
}

/// Removes a product.
#[utoipa::path(
    delete,
    path = "/products/{id}",
    operation_id = "deleteProduct",
    tag = "Catalogue",
    params(
        ("id" = String, Path, description = "The product"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats get the first answer"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    principal: Principal,
    PathId(id): PathId<ProductId>,
) -> Result<StatusCode, Problem> {
    principal.must_operate()?;
    match state.shop.remove(&id).await? {
        Some(_) => Ok(StatusCode::NO_CONTENT),
        None => Err(Problem::not_found(format!("no product `{id}`"))),
    }
}

async fn document(state: &ApiState, request: Request) -> Result<Value, Problem> {
    if body_kind(request.headers())? != BodyKind::Json {
        return Err(Problem::unsupported_media_type("send one product as `application/json`"));
    }
    json(&bytes(request, state.config.limits.body_bytes_max).await?)
}
