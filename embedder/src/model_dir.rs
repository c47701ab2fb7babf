//! A folder that holds a model: with our manifest, or any e5-like ONNX folder whose facts are inferred.

use std::path::{Path, PathBuf};

use rep_core::ModelId;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{LoadError, Manifest, Pooling, Precision};

/// Name of the manifest in a model folder.
pub const MANIFEST_FILE: &str = "rep-model.json";

const ONNX_FILES: [&str; 4] =
    ["model.onnx", "onnx/model.onnx", "model_quantized.onnx", "onnx/model_quantized.onnx"];
const TOKENIZER_FILES: [&str; 2] = ["tokenizer.json", "onnx/tokenizer.json"];
/// Small files only: a configuration beyond this is none.
const JSON_BYTES_MAX: u64 = 1 << 20;

/// A model folder whose files are known to be there; nothing is loaded yet.
#[derive(Clone, Debug)]
pub struct ModelDir {
    path: PathBuf,
    onnx: PathBuf,
    tokenizer: PathBuf,
    manifest: Manifest,
}

impl ModelDir {
    /// Opens `path`: reads `rep-model.json`, or else infers the manifest from `config.json` and names.
    ///
    /// Inference: dimensions from `hidden_size`; maximum from `max_position_embeddings` (less the two that
    /// RoBERTa-like models reserve), `tokenizer_config.json` and `sentence_bert_config.json`, whichever is
    /// least; e5 prefixes when the folder's or the configuration's name holds `e5`; int8 when the ONNX
    /// file's or folder's name says so. Models that want instructions in their queries need a manifest.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        if !path.is_dir() {
            return Err(LoadError::not_a_model(path, "it is no folder"));
        }
        let onnx = first_file(path, &ONNX_FILES)
            .or_else(|| only_onnx(path))
            .ok_or_else(|| LoadError::not_a_model(path, "it holds no `model.onnx`"))?;
        let tokenizer = first_file(path, &TOKENIZER_FILES)
            .ok_or_else(|| LoadError::not_a_model(path, "it holds no `tokenizer.json`"))?;
        let at = path.join(MANIFEST_FILE);
        let manifest = if at.is_file() { read_manifest(&at)? } else { infer(path, &onnx)? };
        manifest.check().map_err(|reason| LoadError::bad_file(&at, reason))?;
        Ok(Self { path: path.to_owned(), onnx, tokenizer, manifest })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The ONNX file.
    pub fn onnx(&self) -> &Path {
        &self.onnx
    }

    /// The tokenizer file.
    pub fn tokenizer(&self) -> &Path {
        &self.tokenizer
    }

    /// What the model says of itself, or what was inferred.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Reads every file that the manifest gives a SHA-256 for, and compares. A gigabyte takes some seconds. A folder
    /// without a manifest, or whose manifest has no hashes, is taken as it is.
    ///
    /// # Errors
    /// [`LoadError::BadFile`] for a file that cannot be read, or has another hash than when it was fetched.
    pub fn verify(&self) -> Result<(), LoadError> {
        for (file, expected) in &self.manifest.sha256 {
            let path = self.path.join(file);
            let found = sha256_of(&path).map_err(|error| LoadError::bad_file(&path, error))?;
            if found != *expected {
                let reason = format!(
                    "its SHA-256 is {found}, expected {expected} by `{MANIFEST_FILE}`; remove the folder and fetch it again"
                );
                return Err(LoadError::bad_file(&path, reason));
            }
        }
        Ok(())
    }
}

/// SHA-256 of a file in lower-case hex; a gigabyte takes some seconds.
pub(crate) fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    std::io::copy(&mut std::fs::File::open(path)?, &mut hasher)?;
    Ok(hex::encode(hasher.finalize()))
}

fn read_manifest(at: &Path) -> Result<Manifest, LoadError> {
    let text = std::fs::read(at).map_err(|error| LoadError::bad_file(at, error))?;
    serde_json::from_slice(&text).map_err(|error| LoadError::bad_file(at, error))
}

fn first_file(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

fn only_onnx(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let is_onnx = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "onnx");
    let mut found = entries.flatten().map(|entry| entry.path()).filter(is_onnx);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

fn infer(folder: &Path, onnx: &Path) -> Result<Manifest, LoadError> {
    let missing = |what: &str| {
        LoadError::not_a_model(
            folder,
            format!("it has no `{MANIFEST_FILE}` and `config.json` gives no {what}"),
        )
    };
    let config = json(&folder.join("config.json"))?.or(json(&folder.join("onnx/config.json"))?);
    let config = config.ok_or_else(|| missing("facts: there is none"))?;
    let name = folder_name(folder)?;
    let known_as = config["_name_or_path"].as_str().unwrap_or_default();
    let names = format!("{name} {known_as}").to_lowercase();
    if names.contains("instruct") {
        let reason = format!("it seems to want instructions in its queries: write a `{MANIFEST_FILE}`");
        return Err(LoadError::not_a_model(folder, reason));
    }
    let prefix = |text: &str| if is_e5(&names) { text.to_owned() } else { String::new() };
    let quantised =
        format!("{name}/{}", onnx.file_name().unwrap_or_default().to_string_lossy()).to_lowercase();
    let int8 = ["int8", "quant"].iter().any(|mark| quantised.contains(mark));
    Ok(Manifest {
        id: ModelId::new(&name).map_err(|error| LoadError::bad_file(folder, error))?,
        dimensions: count(&config, "hidden_size").ok_or_else(|| missing("`hidden_size`"))?,
        max_tokens: max_tokens(folder, &config)?.ok_or_else(|| missing("`max_position_embeddings`"))?,
        pooling: Pooling::Mean,
        centres: None,
        query_prefix: prefix("query: "),
        passage_prefix: prefix("passage: "),
        precision: if int8 { Precision::Int8 } else { Precision::Fp32 },
        languages: Vec::new(),
        source: None,
        sha256: Default::default(),
    })
}

fn folder_name(folder: &Path) -> Result<String, LoadError> {
    let whole = folder.canonicalize().map_err(|error| LoadError::bad_file(folder, error))?;
    let name = whole.file_name().unwrap_or_default().to_string_lossy();
    Ok(name.split_whitespace().collect::<Vec<_>>().join("-"))
}

fn is_e5(names: &str) -> bool {
    names.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "e5")
}

fn max_tokens(folder: &Path, config: &Value) -> Result<Option<usize>, LoadError> {
    let kind = config["model_type"].as_str().unwrap_or_default();
    let reserved = if kind.contains("roberta") || kind == "camembert" { 2 } else { 0 };
    let positions = count(config, "max_position_embeddings").map(|max| max.saturating_sub(reserved));
    let mut least = positions;
    for (file, key) in
        [("tokenizer_config.json", "model_max_length"), ("sentence_bert_config.json", "max_seq_length")]
    {
        let said = json(&folder.join(file))?.and_then(|value| count(&value, key));
        least = [least, said].into_iter().flatten().min();
    }
    Ok(positions.and(least))
}

fn count(value: &Value, key: &str) -> Option<usize> {
    value[key].as_u64().and_then(|number| usize::try_from(number).ok())
}

fn json(path: &Path) -> Result<Option<Value>, LoadError> {
    if !path.is_file() {
        return Ok(None);
    }
    let size = path.metadata().map_err(|error| LoadError::bad_file(path, error))?.len();
    if size > JSON_BYTES_MAX {
        return Err(LoadError::bad_file(path, format!("{size} bytes are too many for a configuration")));
    }
    let text = std::fs::read(path).map_err(|error| LoadError::bad_file(path, error))?;
    serde_json::from_slice(&text).map(Some).map_err(|error| LoadError::bad_file(path, error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(name: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(name);
        for (file, text) in files {
            let at = path.join(file);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(at, text).unwrap();
        }
        (root, path)
    }

    const CONFIG: &str = r#"{"model_type":"xlm-roberta","hidden_size":768,"max_position_embeddings":514}"#;

    #[test]
    fn infers_an_e5_folder() {
        let files = [("onnx/model.onnx", ""), ("tokenizer.json", ""), ("config.json", CONFIG)];
        let (_root, path) = folder("multilingual-e5-base", &files);
        let manifest = ModelDir::open(&path).unwrap().manifest().clone();
        assert_eq!((manifest.dimensions, manifest.max_tokens), (768, 512));
        assert_eq!(manifest.query_prefix, "query: ");
        assert_eq!(manifest.passage_prefix, "passage: ");
        assert_eq!(manifest.precision, Precision::Fp32);
        assert_eq!(manifest.id.as_str(), "multilingual-e5-base");
    }

    #[test]
    fn infers_others_without_prefixes_and_takes_the_least_maximum() {
        let config = r#"{"model_type":"bert","hidden_size":384,"max_position_embeddings":512}"#;
        let files = [
            ("some_int8.onnx", ""),
            ("tokenizer.json", ""),
            ("config.json", config),
            ("tokenizer_config.json", r#"{"model_max_length":1000000000000000019884624838656}"#),
            ("sentence_bert_config.json", r#"{"max_seq_length":256}"#),
        ];
        let (_root, path) = folder("my mini", &files);
        let manifest = ModelDir::open(&path).unwrap().manifest().clone();
        assert_eq!((manifest.dimensions, manifest.max_tokens), (384, 256));
        assert_eq!(manifest.query_prefix, "");
        assert_eq!(manifest.precision, Precision::Int8);
        assert_eq!(manifest.id.as_str(), "my-mini");
    }

    #[test]
    fn says_what_is_missing() {
        let (_root, path) = folder("m", &[("model.onnx", "")]);
        assert!(ModelDir::open(&path).unwrap_err().to_string().contains("tokenizer.json"));
        let (_root, path) = folder("m", &[("model.onnx", ""), ("tokenizer.json", "")]);
        assert!(ModelDir::open(&path).unwrap_err().to_string().contains("rep-model.json"));
        let files = [("model.onnx", ""), ("tokenizer.json", ""), ("config.json", CONFIG)];
        let (_root, path) = folder("e5-large-instruct", &files);
        assert!(ModelDir::open(&path).unwrap_err().to_string().contains("instructions"));
        assert!(ModelDir::open("/nowhere").is_err());
    }
}
