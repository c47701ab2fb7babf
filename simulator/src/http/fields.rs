//! A JSON object, field by field: every field that is wrong is named, not only the first.

use std::str::FromStr;

use axum::http::{HeaderMap, StatusCode, header};
use rep_core::ActionType;
use serde_json::{Map, Value};

use super::problem::{FieldProblem, Problem};
use crate::scenario::Scenario;

/// The fields of a body that have not been taken yet, and what was wrong with those that have.
pub(super) struct Fields {
    object: Map<String, Value>,
    errors: Vec<FieldProblem>,
}

impl Fields {
    /// The fields of a body. No body at all is an object without fields.
    pub(super) fn of(headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self { object: Map::new(), errors: Vec::new() });
        }
        // A browser sends other types across origins without asking first.
        let kind =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be application/json",
            ));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => Ok(Self { object, errors: Vec::new() }),
            Ok(_) => Err(Problem::bad_request("the body must be a JSON object")),
            Err(error) => Err(Problem::bad_request(format!("the body is not JSON: {error}"))),
        }
    }

    /// Refuses what was wrong, and what nobody took.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        let unknown =
            self.object.keys().map(|field| FieldProblem::new(field.clone(), "is not a known field"));
        self.errors.extend(unknown);
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::bad_fields(self.errors)) }
    }

    /// Says that `field` is required, unless it is there or was refused for another reason.
    pub(super) fn require(&mut self, field: &str, is_there: bool) {
        if !is_there && !self.errors.iter().any(|error| error.field == field) {
            self.refuse(field, "is required");
        }
    }

    pub(super) fn u32(&mut self, field: &str) -> Option<u32> {
        self.take(field, "must be a whole number", |value| u32::try_from(value.as_u64()?).ok())
    }

    pub(super) fn u64(&mut self, field: &str) -> Option<u64> {
        self.take(field, "must be a whole number of at least 0", Value::as_u64)
    }

    pub(super) fn number(&mut self, field: &str) -> Option<f64> {
        self.take(field, "must be a number", Value::as_f64)
    }

    pub(super) fn text(&mut self, field: &str) -> Option<String> {
        self.take(field, "must be a text", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn scenario(&mut self, field: &str) -> Option<Scenario> {
        let known = format!("must be one of {}", Scenario::ALL.map(Scenario::id).join(", "));
        self.take(field, &known, |value| Scenario::parse(value.as_str()?))
    }

    pub(super) fn action(&mut self, field: &str) -> Option<ActionType> {
        let known = format!("must be one of {}", super::action_names());
        self.take(field, &known, |value| ActionType::parse(value.as_str()?))
    }

    /// An identifier; says why a text is none.
    pub(super) fn id<T>(&mut self, field: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        match self.text(field)?.parse() {
            Ok(id) => Some(id),
            Err(error) => {
                self.refuse(field, &error.to_string());
                None
            }
        }
    }

    /// Takes a field; absent and null are `None`.
    fn take<T>(&mut self, field: &str, message: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.object.remove(field).filter(|value| !value.is_null())?;
        let read = read(&value);
        if read.is_none() {
            self.refuse(field, message);
        }
        read
    }

    fn refuse(&mut self, field: &str, message: &str) {
        self.errors.push(FieldProblem::new(field, message));
    }
}
