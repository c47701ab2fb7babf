//! What a model says of itself: `rep-model.json`.

use std::collections::BTreeMap;

use rep_core::ModelId;
use rep_core::ports::embedder::TextKind;
use serde::{Deserialize, Serialize};

/// How token states become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Mean over the text's own tokens.
    Mean,
}

/// How the weights are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    Fp32,
    /// 8-bit integers, activations quantised per batch: such a model is run one text at a time unless
    /// [`SessionOptions::mix_int8`](crate::SessionOptions) allows neighbours to move a vector.
    Int8,
}

/// The content of `rep-model.json`, beside `model.onnx` and `tokenizer.json`. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Tag of every vector this model makes; another precision is another id.
    pub id: ModelId,
    /// Width of a vector.
    pub dimensions: usize,
    /// Longest text in tokens, special tokens included; what is longer is cut.
    pub max_tokens: usize,
    /// How token states become one vector.
    pub pooling: Pooling,
    /// Put before a query (`query: ` for e5).
    #[serde(default)]
    pub query_prefix: String,
    /// Put before a passage (`passage: ` for e5).
    #[serde(default)]
    pub passage_prefix: String,
    /// A file of the folder with what is taken off each vector, such as `centres.json`; `None`: nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub centres: Option<String>,
    /// How the weights are kept.
    pub precision: Precision,
    /// Languages the model knows, as BCP 47 tags; `mul` for many; empty when unknown.
    #[serde(default)]
    pub languages: Vec<String>,
    /// Where the files came from: hub, repository and revision, or a package's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// File name → SHA-256 in lower-case hex.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sha256: BTreeMap<String, String>,
}

impl Manifest {
    /// What is put before a text of this kind.
    pub fn prefix(&self, kind: TextKind) -> &str {
        match kind {
            TextKind::Query => &self.query_prefix,
            TextKind::Passage => &self.passage_prefix,
        }
    }

    /// Whether every value is in its range; else what is not.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !(1..=8192).contains(&self.dimensions) {
            return Err(format!("`dimensions` must be 1 to 8192, got {}", self.dimensions));
        }
        if !(8..=8192).contains(&self.max_tokens) {
            return Err(format!("`maxTokens` must be 8 to 8192, got {}", self.max_tokens));
        }
        if self.centres.as_ref().is_some_and(|file| file.is_empty() || file.contains(['/', '\\'])) {
            return Err("`centres` must name a file of the model's own folder".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_scripts_write_and_refuses_typos() {
        let text = r#"{"id":"m","dimensions":384,"maxTokens":256,"pooling":"mean","precision":"fp32"}"#;
        let manifest: Manifest = serde_json::from_str(text).unwrap();
        assert_eq!(manifest.prefix(TextKind::Query), "");
        manifest.check().unwrap();
        assert!(serde_json::from_str::<Manifest>(&text.replace("maxTokens", "maxTokenz")).is_err());
        assert!(serde_json::from_str::<Manifest>(&text.replace("mean", "cls")).is_err());
    }

    #[test]
    fn checks_ranges() {
        let text = r#"{"id":"m","dimensions":0,"maxTokens":256,"pooling":"mean","precision":"int8"}"#;
        assert!(serde_json::from_str::<Manifest>(text).unwrap().check().is_err());
        let text = r#"{"id":"m","dimensions":8,"maxTokens":256,"pooling":"mean","precision":"int8","centres":"../a"}"#;
        assert!(serde_json::from_str::<Manifest>(text).unwrap().check().is_err());
    }
}
