//! A record's values sorted into fields, with every problem found on the way.

use std::collections::BTreeMap;

use serde_json::Value;

use super::args::Kind;
use super::columns::{self, Slot};
use super::entry::{Problem, Row};
use super::value;

/// The fields of one record.
pub(super) struct Fields {
    values: BTreeMap<&'static str, Value>,
    /// Attributes of a product, metadata of an event.
    pub(super) entries: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl Fields {
    /// Sorts `row`; a null is the same as no value.
    pub(super) fn sort(kind: Kind, row: Row) -> Self {
        let mut fields = Self { values: BTreeMap::new(), entries: BTreeMap::new(), problems: Vec::new() };
        let (map, _) = columns::map_of(kind);
        for (name, value) in row {
            match columns::slot(kind, &name) {
                Ok(_) if value.is_null() => {}
                Ok(Slot::Field(field)) => {
                    if fields.values.insert(field, value).is_some() {
                        fields.refuse(field, "is given twice");
                    }
                }
                Ok(Slot::Map) => fields.take_map(map, value),
                Ok(Slot::MapEntry(key)) => fields.take_entry(map, key, &value),
                Err(message) => fields.problems.push(Problem::of_record(message)),
            }
        }
        fields
    }

    /// All entries at once: an object, or its JSON as a text.
    fn take_map(&mut self, map: &'static str, value: Value) {
        let object = match value {
            Value::Object(object) => Some(object),
            Value::String(text) => serde_json::from_str(&text).ok(),
            _ => None,
        };
        let Some(object) = object else {
            return self.refuse(map, "must be a JSON object of texts");
        };
        for (key, value) in object {
            self.take_entry(map, &key, &value);
        }
    }

    fn take_entry(&mut self, map: &'static str, key: &str, value: &Value) {
        match value::entry(value) {
            Ok(None) => {}
            Ok(Some(text)) => {
                if self.entries.insert(key.to_owned(), text).is_some() {
                    self.refuse(format!("{map}.{key}"), "is given twice");
                }
            }
            Err(message) => self.refuse(format!("{map}.{key}"), message),
        }
    }

    /// Notes a problem.
    pub(super) fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::of(field, message));
    }

    /// The value of `field` read by `read`; `None` if it is absent or wrong.
    pub(super) fn optional<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.values.remove(field)?;
        read(&value).map_err(|message| self.refuse(field, message)).ok()
    }

    /// The same, where an absent value is a problem.
    pub(super) fn required<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        if !self.values.contains_key(field) {
            self.refuse(field, "is required");
        }
        self.optional(field, read)
    }

    /// `item` if it was built and nothing is wrong; every problem otherwise.
    pub(super) fn finish<T>(self, item: Option<T>) -> Result<T, Vec<Problem>> {
        match item {
            Some(item) if self.problems.is_empty() => Ok(item),
            _ => Err(self.problems),
        }
    }
}
