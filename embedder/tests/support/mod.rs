//! What the tests of this crate share: the model that `scripts/fetch-model.sh` brought.

use std::path::PathBuf;

use rep_embedder::{ModelDir, cache_dir, locate_runtime};

/// The fetched model; fails, rather than skips, when it is not there.
pub(crate) fn model() -> ModelDir {
    let path = cache_dir().join("models/all-MiniLM-L6-v2");
    ModelDir::open(&path).unwrap_or_else(|error| panic!("{error}; run `scripts/fetch-model.sh` first"))
}

/// The fetched library; fails, rather than skips, when it is not there.
pub(crate) fn runtime() -> PathBuf {
    locate_runtime(None).unwrap_or_else(|error| panic!("{error}"))
}
