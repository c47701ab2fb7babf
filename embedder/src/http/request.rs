//! Reading `POST /embed`, so that every error names its field.

use rep_core::ports::embedder::{TextKind, Urgency};
use rep_http::FieldProblem;
use serde_json::Value;
use utoipa::ToSchema;

use super::TEXTS_MAX;

/// Field errors told at once; the rest of a hopeless body is not worth listing.
const ERRORS_MAX: usize = 20;

/// A request that is in order: 1 to [`TEXTS_MAX`] texts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EmbedRequest {
    pub(super) texts: Vec<String>,
    pub(super) kind: TextKind,
    pub(super) urgency: Urgency,
}

/// [`EmbedRequest`] as the OpenAPI document shows it.
#[derive(ToSchema)]
#[schema(as = EmbedRequest)]
#[expect(dead_code, reason = "describes what `parse` reads")]
pub(super) struct EmbedRequestSchema {
    #[schema(min_items = 1, max_items = 256)]
    texts: Vec<String>,
    /// `query` or `passage`.
    kind: String,
    /// `immediate`, `urgent` or `backlog`: whether a person, a stream or nobody waits.
    priority: Option<String>,
}

impl EmbedRequest {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Vec<FieldProblem>> {
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| vec![problem("", format!("must be a JSON object: {error}"))])?;
        let Value::Object(mut fields) = value else {
            return Err(vec![problem("", "must be a JSON object")]);
        };
        let mut errors = Vec::new();
        let texts = texts(fields.remove("texts"), &mut errors);
        let kind = kind(fields.remove("kind"), &mut errors);
        let urgency = urgency(fields.remove("priority"), kind, &mut errors);
        let unknown = "is not known; known are `texts`, `kind` and `priority`";
        errors.extend(fields.keys().map(|field| problem(field, unknown)));
        errors.truncate(ERRORS_MAX);
        match (kind, urgency, errors.is_empty()) {
            (Some(kind), Some(urgency), true) => Ok(Self { texts, kind, urgency }),
            _ => Err(errors),
        }
    }
}

fn texts(value: Option<Value>, errors: &mut Vec<FieldProblem>) -> Vec<String> {
    let list = match value {
        Some(Value::Array(list)) if !list.is_empty() && list.len() <= TEXTS_MAX => list,
        Some(Value::Array(list)) => {
            errors.push(problem("texts", format!("must hold 1 to {TEXTS_MAX} texts, got {}", list.len())));
            return Vec::new();
        }
        Some(_) => {
            errors.push(problem("texts", "must be an array of strings"));
            return Vec::new();
        }
        None => {
            errors.push(problem("texts", "is required"));
            return Vec::new();
        }
    };
    let mut texts = Vec::with_capacity(list.len());
    for (at, value) in list.into_iter().enumerate() {
        match value {
            Value::String(text) => texts.push(text),
            _ => errors.push(problem(&format!("texts[{at}]"), "must be a string")),
        }
    }
    texts
}

fn kind(value: Option<Value>, errors: &mut Vec<FieldProblem>) -> Option<TextKind> {
    let kind = match value.as_ref().map(Value::as_str) {
        Some(Some("query")) => return Some(TextKind::Query),
        Some(Some("passage")) => return Some(TextKind::Passage),
        Some(_) => problem("kind", "must be `query` or `passage`"),
        None => problem("kind", "is required: `query` or `passage`"),
    };
    errors.push(kind);
    None
}

/// What is asked for; where nothing is, a query is urgent and a passage is not.
fn urgency(value: Option<Value>, kind: Option<TextKind>, errors: &mut Vec<FieldProblem>) -> Option<Urgency> {
    match value.as_ref().map(Value::as_str) {
        Some(Some("immediate")) => Some(Urgency::Immediate),
        Some(Some("urgent")) => Some(Urgency::Urgent),
        Some(Some("backlog")) => Some(Urgency::Backlog),
        Some(_) => {
            errors.push(problem("priority", "must be `immediate`, `urgent` or `backlog`"));
            None
        }
        None => kind.map(|kind| match kind {
            TextKind::Query => Urgency::Urgent,
            TextKind::Passage => Urgency::Backlog,
        }),
    }
}

fn problem(field: &str, message: impl Into<String>) -> FieldProblem {
    FieldProblem::new(field, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(body: &str) -> Vec<String> {
        let errors = EmbedRequest::parse(body.as_bytes()).unwrap_err();
        errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn reads_what_is_in_order() {
        let request = |kind, urgency| EmbedRequest { texts: vec!["a".into(), "".into()], kind, urgency };
        for (kind, priority, wanted) in [
            ("query", "", request(TextKind::Query, Urgency::Urgent)),
            ("passage", "", request(TextKind::Passage, Urgency::Backlog)),
            ("passage", r#","priority":"immediate""#, request(TextKind::Passage, Urgency::Immediate)),
            ("passage", r#","priority":"urgent""#, request(TextKind::Passage, Urgency::Urgent)),
            ("query", r#","priority":"backlog""#, request(TextKind::Query, Urgency::Backlog)),
        ] {
            let body = format!(r#"{{"texts":["a",""],"kind":"{kind}"{priority}}}"#);
            assert_eq!(EmbedRequest::parse(body.as_bytes()).unwrap(), wanted);
        }
    }

    #[test]
    fn every_error_names_its_field() {
        assert_eq!(fields("no json"), [""]);
        assert_eq!(fields("[]"), [""]);
        assert_eq!(fields("{}"), ["texts", "kind"]);
        assert_eq!(fields(r#"{"texts":"a","kind":"QUERY"}"#), ["texts", "kind"]);
        assert_eq!(fields(r#"{"texts":["a",1,null],"kind":"query"}"#), ["texts[1]", "texts[2]"]);
        assert_eq!(fields(r#"{"texts":[],"kind":"query"}"#), ["texts"]);
        assert_eq!(fields(r#"{"texts":["a"],"kind":"query","top":1}"#), ["top"]);
        assert_eq!(fields(r#"{"texts":["a"],"kind":"query","priority":"high"}"#), ["priority"]);
        assert_eq!(fields(r#"{"texts":["a"],"kind":"query","priority":null}"#), ["priority"]);
        let many = serde_json::json!({ "texts": vec!["a"; TEXTS_MAX + 1], "kind": "query" });
        assert_eq!(fields(&many.to_string()), ["texts"]);
        let wrong = serde_json::json!({ "texts": vec![1; TEXTS_MAX], "kind": "query" });
        assert_eq!(fields(&wrong.to_string()).len(), ERRORS_MAX);
    }
}
