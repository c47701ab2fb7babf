//! What the tests of this crate share: the model and the library that the scripts brought. Tests fetch
//! nothing themselves, and fail, rather than skip, where something is missing.
#![allow(dead_code, reason = "each test takes what it needs")]

pub(crate) mod goldens;

use std::path::{Path, PathBuf};

use rep_embedder::{ModelDir, locate_runtime};

/// `REP_CACHE`, else `.rep/cache` of this repository, wherever the test's executable lies.
fn cache() -> PathBuf {
    let of_repository = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.rep/cache");
    std::env::var_os("REP_CACHE").filter(|dir| !dir.is_empty()).map_or_else(of_repository, PathBuf::from)
}

/// The fetched multilingual model, the default of the tests.
pub(crate) fn model() -> ModelDir {
    fetched("multilingual-e5-small-q4")
}

/// The fetched English model.
pub(crate) fn english_model() -> ModelDir {
    fetched("all-MiniLM-L6-v2")
}

fn fetched(name: &str) -> ModelDir {
    let path = cache().join("models").join(name);
    ModelDir::open(&path).unwrap_or_else(|error| panic!("{error}; run `scripts/fetch-model.sh {name}` first"))
}

/// The fetched library, or the one that `ORT_DYLIB_PATH` names.
pub(crate) fn runtime() -> PathBuf {
    let fetched = cache().join("onnxruntime/libonnxruntime.so");
    let explicit = std::env::var_os("ORT_DYLIB_PATH").is_none().then_some(fetched);
    locate_runtime(explicit.as_deref()).unwrap_or_else(|error| panic!("{error}"))
}
