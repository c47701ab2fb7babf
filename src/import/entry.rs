//! A record of the input, and what may be wrong with it.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// The named values of a record, as they stand in the file.
pub(super) type Row = Vec<(String, Value)>;

/// One record of the input: readable, or with the reasons why not.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    /// The physical line it begins in, or the row's number; the first is 1.
    pub(super) line: u64,
    /// Its bytes; only the beginning of a record that was too long.
    pub(super) raw: Vec<u8>,
    /// What it says.
    pub(super) row: Result<Row, Vec<Problem>>,
}

impl Entry {
    /// A record that cannot be read.
    pub(super) fn unreadable(line: u64, raw: Vec<u8>, message: impl Into<String>) -> Self {
        Self { line, raw, row: Err(vec![Problem::of_record(message)]) }
    }
}

/// One reason why a record is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    /// The field, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    /// What is wrong.
    pub(super) message: String,
}

impl Problem {
    /// About one field.
    pub(super) fn of(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), message: message.into() }
    }

    /// About the record as a whole.
    pub(super) fn of_record(message: impl Into<String>) -> Self {
        Self { field: None, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "`{field}` {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// A file as a stream of records.
pub(super) trait Records {
    /// The column names, where the format has them ahead of the records.
    fn columns(&self) -> Option<&[String]>;

    /// The next record; blank lines are no records.
    ///
    /// # Errors
    /// Only when nothing behind this point can be read; a broken record is an [`Entry`].
    fn next_entry(&mut self) -> anyhow::Result<Option<Entry>>;

    /// How much of the input is read, in bytes.
    fn consumed_bytes(&self) -> u64;

    /// What a record's number counts: `line` or `row`.
    fn unit(&self) -> &'static str {
        "line"
    }
}
