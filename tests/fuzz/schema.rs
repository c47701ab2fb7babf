//! Values for a JSON schema of an OpenAPI document: such as it asks for, and such as it does not.

use serde_json::{Map, Number, Value, json};

use super::{one_in, pick};
use crate::support::Random;

/// Texts that programs stumble over.
const TEXTS: [&str; 16] = [
    "",
    " ",
    "tent",
    "텐트",
    "\u{0}",
    "a\u{202e}b",
    "\u{1f469}\u{200d}\u{1f4bb}",
    "../../etc/passwd",
    "'; DROP TABLE products; --",
    "<script>alert(1)</script>",
    "%00%ff",
    "NaN",
    "null",
    "-1",
    "2026-02-30T25:61:61Z",
    "{{7*7}}",
];

/// Longest nesting of a value.
const DEPTH_MAX: usize = 4;

pub(super) struct Schemas<'a> {
    pub(super) document: &'a Value,
}

impl Schemas<'_> {
    /// A value of `schema`; about one part in eight is not as it asks.
    pub(super) fn value(&self, schema: &Value, random: &mut Random, depth: usize) -> Value {
        if one_in(random, 8) || depth > DEPTH_MAX {
            return anything(random, depth);
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let found = self.document.pointer(reference.trim_start_matches('#')).unwrap();
            return self.value(found, random, depth + 1);
        }
        for several in ["oneOf", "anyOf", "allOf"] {
            if let Some(choices) = schema[several].as_array().filter(|choices| !choices.is_empty()) {
                return self.value(pick(random, choices), random, depth + 1);
            }
        }
        if let Some(choices) = schema["enum"].as_array().filter(|choices| !choices.is_empty()) {
            return pick(random, choices).clone();
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => return anything(random, depth),
        };
        match *pick(random, &kinds) {
            "object" => self.object(schema, random, depth),
            "array" => {
                let length = random.below(4);
                (0..length).map(|_| self.value(&schema["items"], random, depth + 1)).collect()
            }
            "integer" => integer(schema, random),
            "number" => Number::from_f64(random.below(100_000) as f64 / 100.0).into(),
            "boolean" => one_in(random, 2).into(),
            "null" => Value::Null,
            _ => text(schema, random).into(),
        }
    }

    /// Where `value` is not as `schema` asks, if anywhere: types, required fields and listed values. `at` names its place.
    pub(super) fn differs(&self, schema: &Value, value: &Value, at: &str) -> Option<String> {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.differs(
                self.document.pointer(reference.trim_start_matches('#')).unwrap(),
                value,
                at,
            );
        }
        if let Some(all) = schema["allOf"].as_array() {
            return all.iter().find_map(|one| self.differs(one, value, at));
        }
        if let Some(choices) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
            let each: Option<Vec<_>> = choices.iter().map(|one| self.differs(one, value, at)).collect();
            return each.map(|each| each.join(", or "));
        }
        if let Some(choices) = schema["enum"].as_array()
            && !choices.contains(value)
        {
            return Some(format!("{at} is {value}, none of {choices:?}"));
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        if !kinds.iter().any(|kind| is_a(kind, value)) {
            return Some(format!("{at} is {value:.80}, no {}", kinds.join(" or ")));
        }
        if let Some(items) = value.as_array() {
            let mut each = items.iter().enumerate();
            return each.find_map(|(n, item)| self.differs(&schema["items"], item, &format!("{at}[{n}]")));
        }
        let fields = value.as_object()?;
        let mut required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(name) = required.find(|name| !fields.contains_key(*name)) {
            return Some(format!("{at} lacks `{name}`"));
        }
        fields.iter().find_map(|(name, field)| {
            let described = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
            match described {
                Value::Null | Value::Bool(false) => {
                    Some(format!("{at} has `{name}`, which is not documented"))
                }
                described => self.differs(described, field, &format!("{at}.{name}")),
            }
        })
    }

    fn object(&self, schema: &Value, random: &mut Random, depth: usize) -> Value {
        let mut made = Map::new();
        if let Some(properties) = schema["properties"].as_object() {
            for (name, of) in properties {
                let required = schema["required"].as_array().is_some_and(|all| all.contains(&json!(name)));
                if required && !one_in(random, 12) || !required && one_in(random, 2) {
                    made.insert(name.clone(), self.value(of, random, depth + 1));
                }
            }
        }
        if one_in(random, 10) {
            made.insert((*pick(random, &TEXTS)).to_owned(), anything(random, depth + 1));
        }
        made.into()
    }
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => value.is_string(),
    }
}

/// Within the bounds of `schema`, at them, and just beyond.
fn integer(schema: &Value, random: &mut Random) -> Value {
    let least = schema["minimum"].as_i64().unwrap_or(0);
    let most = schema["maximum"].as_i64().unwrap_or(1_000_000);
    let span = most.saturating_sub(least).max(1).unsigned_abs();
    match random.below(6) {
        0 => least.into(),
        1 => most.into(),
        2 => least.saturating_sub(1).into(),
        3 => most.saturating_add(1).into(),
        _ => (least.saturating_add_unsigned(random.below(span))).into(),
    }
}

fn text(schema: &Value, random: &mut Random) -> String {
    match schema["format"].as_str() {
        Some("date-time") if !one_in(random, 4) => {
            format!("2026-0{}-1{}T0{}:00:00Z", 1 + random.below(9), random.below(9), random.below(9))
        }
        _ if one_in(random, 3) => (*pick(random, &TEXTS)).to_owned(),
        _ if one_in(random, 40) => "x".repeat(20_000),
        _ => format!("fuzz-{}", random.below(50)),
    }
}

/// Some JSON, whatever was asked for.
pub(super) fn anything(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth > DEPTH_MAX { 7 } else { 9 }) {
        0 => Value::Null,
        1 => one_in(random, 2).into(),
        2 => (random.below(u64::MAX).cast_signed()).into(),
        3 => u64::MAX.into(),
        4 => Number::from_f64(pick(random, &[-0.0, 1e308, 5e-324, 0.1, -1.5]).to_owned()).into(),
        5 => (*pick(random, &TEXTS)).into(),
        6 => "\u{fffd}".repeat(1 + random.below(300) as usize).into(),
        7 => (0..random.below(5)).map(|_| anything(random, depth + 1)).collect(),
        _ => {
            let made = (0..random.below(5)).map(|_| {
                let name = (*pick(random, &TEXTS)).to_owned();
                (name, anything(random, depth + 1))
            });
            made.collect::<Map<_, _>>().into()
        }
    }
}
