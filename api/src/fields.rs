//! Reads JSON objects field by field, so that an answer can name every field that is wrong.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::problem::FieldProblem;

/// The fields of one object, taken out one by one, and what was wrong with them.
pub(crate) struct Fields {
    map: Map<String, Value>,
    errors: Vec<FieldProblem>,
}

impl Fields {
    /// The fields of `value`; anything but an object is an error without a field.
    pub(crate) fn of(value: Value) -> Result<Self, Vec<FieldProblem>> {
        match value {
            Value::Object(map) => Ok(Self { map, errors: Vec::new() }),
            other => Err(vec![FieldProblem::new("", format!("must be a JSON object, got {}", kind(&other)))]),
        }
    }

    pub(crate) fn refuse(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(FieldProblem::new(field, message));
    }

    /// A text; `null` is the same as absent.
    pub(crate) fn text(&mut self, field: &str) -> Option<String> {
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
    pub(crate) fn required_text(&mut self, field: &str) -> Option<String> {
        let known = self.errors.len();
        let text = self.text(field);
        if text.is_none() && self.errors.len() == known {
            self.refuse(field, "is required");
        }
        text
    }

    /// A text that must be a `T`.
    pub(crate) fn parsed<T: FromStr>(&mut self, field: &str) -> Option<T>
    where
        T::Err: Display,
    {
        let text = self.text(field)?;
        self.parse(field, &text)
    }

    /// A text that must be there and be a `T`.
    pub(crate) fn required<T: FromStr>(&mut self, field: &str) -> Option<T>
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
    pub(crate) fn count(&mut self, field: &str, max: u32) -> Option<u32> {
        let value = match self.map.remove(field) {
            None | Some(Value::Null) => return None,
            Some(value) => value,
        };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|n| *n <= max);
        if number.is_none() {
            self.refuse(field, format!("must be a whole number from 0 to {max}"));
        }
        number
    }

    /// An array of texts; none if it is absent.
    pub(crate) fn texts(&mut self, field: &str) -> Vec<String> {
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
    pub(crate) fn labels(&mut self, field: &str) -> BTreeMap<String, String> {
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
    pub(crate) fn unknown(&self) -> Vec<String> {
        self.map.keys().take(8).map(|name| name.chars().take(64).collect()).collect()
    }

    /// Refuses names that nobody took.
    pub(crate) fn refuse_unknown(&mut self) {
        for name in self.unknown() {
            self.refuse(&name, "is not known");
        }
    }

    /// What was wrong, if anything.
    pub(crate) fn finish(self) -> Result<(), Vec<FieldProblem>> {
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
