//! Reads JSON objects field by field, so that an answer can name every field that is wrong.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use crate::{FieldProblem, Problem};

/// The fields of one object, taken out one by one, and what was wrong with them.
pub struct Fields {
    map: Map<String, Value>,
    errors: Vec<FieldProblem>,
}

impl Fields {
    /// The fields of `value`.
    ///
    /// # Errors
    /// One without a field for anything but an object.
    pub fn of(value: Value) -> Result<Self, Vec<FieldProblem>> {
        match value {
            Value::Object(map) => Ok(Self { map, errors: Vec::new() }),
            other => Err(vec![FieldProblem::new("", format!("must be a JSON object, got {}", kind(&other)))]),
        }
    }

    /// The fields of a body; of an empty one there are none.
    ///
    /// # Errors
    /// For a body that is not a JSON object, or whose content type does not say that it is one: a browser sends other types to
    /// other sites without asking first.
    pub fn of_body(headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self { map: Map::new(), errors: Vec::new() });
        }
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Problem::unsupported_media_type("the body must be application/json"));
        }
        let value = serde_json::from_slice(body)
            .map_err(|error| Problem::invalid(format!("the body is not JSON: {error}")))?;
        Self::of(value).map_err(|_| Problem::invalid("the body must be a JSON object"))
    }

    /// Notes that `field` is wrong: `message` says what it must be.
    pub fn refuse(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(FieldProblem::new(field, message));
    }

    /// A text; `null` is the same as absent.
    pub fn text(&mut self, field: &str) -> Option<String> {
        match self.map.remove(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(other) => {
                self.refuse(field, format!("must be a string, got {}", kind(&other)));
                None
            }
        }
    }

    /// A text that must be there.
    pub fn required_text(&mut self, field: &str) -> Option<String> {
        let known = self.errors.len();
        let text = self.text(field);
        if text.is_none() && self.errors.len() == known {
            self.refuse(field, "is required");
        }
        text
    }

    /// A text that must be a `T`.
    pub fn parsed<T: FromStr>(&mut self, field: &str) -> Option<T>
    where
        T::Err: Display,
    {
        let text = self.text(field)?;
        self.parse(field, &text)
    }

    /// A text that must be there and be a `T`.
    pub fn required<T: FromStr>(&mut self, field: &str) -> Option<T>
    where
        T::Err: Display,
    {
        let text = self.required_text(field)?;
        self.parse(field, &text)
    }

    fn parse<T: FromStr>(&mut self, field: &str, text: &str) -> Option<T>
    where
        T::Err: Display,
    {
        text.parse().map_err(|error: T::Err| self.refuse(field, error.to_string())).ok()
    }

    /// A whole number from 0 to `max`.
    pub fn count(&mut self, field: &str, max: u32) -> Option<u32> {
        self.read(field, format!("must be a whole number from 0 to {max}"), |value| {
            u32::try_from(value.as_u64()?).ok().filter(|number| *number <= max)
        })
    }

    /// A whole number of at least 0.
    pub fn whole(&mut self, field: &str) -> Option<u64> {
        self.read(field, "must be a whole number of at least 0", |value| value.as_u64())
    }

    /// A number.
    pub fn number(&mut self, field: &str) -> Option<f64> {
        self.read(field, "must be a number", |value| value.as_f64())
    }

    /// What `read` makes of a field; `message` says what it must be. `null` is the same as absent.
    pub fn read<T>(
        &mut self,
        field: &str,
        message: impl Into<String>,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.map.remove(field).filter(|value| !value.is_null())?;
        let read = read(&value);
        if read.is_none() {
            self.refuse(field, message);
        }
        read
    }

    /// Says that `field` is required, unless it is there or was refused for another reason.
    pub fn require(&mut self, field: &str, is_there: bool) {
        if !is_there && !self.errors.iter().any(|error| error.field == field) {
            self.refuse(field, "is required");
        }
    }

    /// An array of texts; none if it is absent.
    pub fn texts(&mut self, field: &str) -> Vec<String> {
        let items = match self.map.remove(field) {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.refuse(field, format!("must be an array of strings, got {}", kind(&other)));
                return Vec::new();
            }
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::String(text) => texts.push(text),
                other => {
                    self.refuse(field, format!("must hold strings, got {}", kind(&other)));
                    return Vec::new();
                }
            }
        }
        texts
    }

    /// An object of texts; numbers and truth values are taken as their text.
    pub fn labels(&mut self, field: &str) -> BTreeMap<String, String> {
        let map = match self.map.remove(field) {
            None | Some(Value::Null) => return BTreeMap::new(),
            Some(Value::Object(map)) => map,
            Some(other) => {
                self.refuse(field, format!("must be an object of strings, got {}", kind(&other)));
                return BTreeMap::new();
            }
        };
        let mut labels = BTreeMap::new();
        for (key, value) in map {
            let text = match value {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                other => {
                    let key: String = key.chars().take(64).collect();
                    self.refuse(field, format!("must hold strings, got {} at `{key}`", kind(&other)));
                    continue;
                }
            };
            labels.insert(key, text);
        }
        labels
    }

    /// Names that nobody took, at most 8 of them, shortened.
    pub fn unknown(&self) -> Vec<String> {
        self.map.keys().take(8).map(|name| name.chars().take(64).collect()).collect()
    }

    /// Refuses names that nobody took.
    pub fn refuse_unknown(&mut self) {
        for name in self.unknown() {
            self.refuse(&name, "is not known");
        }
    }

    /// Ends reading.
    ///
    /// # Errors
    /// What was wrong, if anything.
    pub fn finish(self) -> Result<(), Vec<FieldProblem>> {
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors) }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use rep_core::UserId;
    use serde_json::json;

    use super::*;

    #[test]
    fn names_every_field_that_is_wrong() {
        let value = json!({"userId": 5, "stock": -1, "tags": {"a": [1]}, "name": null, "other": 1});
        let mut fields = Fields::of(value).unwrap();
        assert_eq!(fields.required::<UserId>("userId"), None);
        assert_eq!(fields.count("stock", 10), None);
        assert!(fields.labels("tags").is_empty());
        assert_eq!(fields.required_text("name"), None);
        fields.refuse_unknown();
        let errors = fields.finish().unwrap_err();
        let named: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(named, ["userId", "stock", "tags", "name", "other"]);
    }

    #[test]
    fn only_objects_have_fields() {
        assert!(Fields::of(json!([1])).is_err());
        let mut fields = Fields::of(json!({"a": 1.5, "b": true})).unwrap();
        assert_eq!(fields.count("a", 10), None);
        assert!(fields.finish().is_err());
    }
}
