//! Models that are known by name.

use std::collections::BTreeMap;

use rep_core::ModelId;

use crate::{Manifest, Pooling, Precision};

/// A model whose facts are known before it is fetched.
#[derive(Debug)]
pub struct KnownModel {
    /// Its name here, and the tag of its vectors.
    pub name: &'static str,
    /// Its repository on the hub; `None` for a model that comes out of a package, by `scripts/fetch-model.sh NAME`.
    pub repo: Option<&'static str>,
    /// Width of its vectors.
    pub dimensions: usize,
    /// Longest text in tokens.
    pub max_tokens: usize,
    /// Put before a query.
    pub query_prefix: &'static str,
    /// Put before a passage.
    pub passage_prefix: &'static str,
    /// Languages, as BCP 47 tags; `mul` for many.
    pub languages: &'static [&'static str],
    /// What is fetched, in bytes, roughly.
    pub download_bytes: u64,
    pub(super) files: &'static [KnownFile],
}

/// A file of a known model.
#[derive(Debug)]
pub(super) struct KnownFile {
    /// Path in the repository.
    pub(super) remote: &'static str,
    /// Name in the model's folder.
    pub(super) local: &'static str,
    /// SHA-256, where it is pinned; else the hub's own word for it is checked.
    pub(super) sha256: Option<&'static str>,
}

const MODEL: KnownFile = KnownFile { remote: "onnx/model.onnx", local: "model.onnx", sha256: None };
const TOKENIZER: KnownFile = KnownFile { remote: "tokenizer.json", local: "tokenizer.json", sha256: None };
const E5_FILES: &[KnownFile] = &[TOKENIZER, MODEL];
const MINILM_FILES: &[KnownFile] = &[
    KnownFile {
        sha256: Some("be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
        ..TOKENIZER
    },
    MODEL,
];

/// Every model that is known by name, the product's own first: of those on a machine, the first is its default.
pub const KNOWN_MODELS: &[KnownModel] = &[
    KnownModel {
        name: "multilingual-e5-base",
        repo: Some("intfloat/multilingual-e5-base"),
        dimensions: 768,
        max_tokens: 512,
        query_prefix: "query: ",
        passage_prefix: "passage: ",
        languages: &["mul"],
        download_bytes: 1_130_000_000,
        files: E5_FILES,
    },
    KnownModel {
        name: "multilingual-e5-small",
        repo: Some("intfloat/multilingual-e5-small"),
        dimensions: 384,
        max_tokens: 512,
        query_prefix: "query: ",
        passage_prefix: "passage: ",
        languages: &["mul"],
        download_bytes: 490_000_000,
        files: E5_FILES,
    },
    KnownModel {
        name: "multilingual-e5-small-q4",
        repo: None,
        dimensions: 384,
        max_tokens: 512,
        query_prefix: "query: ",
        passage_prefix: "passage: ",
        languages: &["mul"],
        download_bytes: 91_000_000,
        files: &[],
    },
    KnownModel {
        name: "all-MiniLM-L6-v2",
        repo: Some("sentence-transformers/all-MiniLM-L6-v2"),
        dimensions: 384,
        max_tokens: 256,
        query_prefix: "",
        passage_prefix: "",
        languages: &["en"],
        download_bytes: 91_000_000,
        files: MINILM_FILES,
    },
];

impl KnownModel {
    /// Finds a model by its name or its repository.
    pub fn find(name: &str) -> Option<&'static Self> {
        KNOWN_MODELS.iter().find(|model| model.name == name || model.repo == Some(name))
    }

    pub(super) fn manifest(
        &self,
        source: String,
        sha256: BTreeMap<String, String>,
    ) -> Result<Manifest, rep_core::IdError> {
        Ok(Manifest {
            id: ModelId::new(self.name)?,
            dimensions: self.dimensions,
            max_tokens: self.max_tokens,
            pooling: Pooling::Mean,
            centres: None,
            query_prefix: self.query_prefix.into(),
            passage_prefix: self.passage_prefix.into(),
            precision: Precision::Fp32,
            languages: self.languages.iter().map(|&language| language.into()).collect(),
            source: Some(source),
            sha256,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_models_are_found_and_make_good_manifests() {
        for model in KNOWN_MODELS {
            assert_eq!(KnownModel::find(model.name).unwrap().name, model.name);
            assert!(model.repo.is_none_or(|repo| KnownModel::find(repo).unwrap().name == model.name));
            assert_eq!(model.repo.is_none(), model.files.is_empty());
            model.manifest("test".into(), BTreeMap::new()).unwrap().check().unwrap();
        }
        assert!(KnownModel::find("nothing").is_none());
    }
}
