//! Why a model cannot be loaded or run.

use std::path::{Path, PathBuf};

/// Why a model or the runtime could not be loaded. None is retryable without a person's help.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No ONNX Runtime library was found at any of the places looked at.
    #[error(
        "ONNX Runtime's library was not found; looked at {}; \
         run `scripts/fetch-onnxruntime.sh` or set `ORT_DYLIB_PATH`",
        listed(.looked_at)
    )]
    RuntimeMissing {
        /// Every path that was tried, in order.
        looked_at: Vec<PathBuf>,
    },
    /// The library is there but cannot be used.
    #[error("ONNX Runtime's library `{}` cannot be used: {reason}", .path.display())]
    RuntimeUnusable {
        /// The library.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// The folder lacks a file that a model needs.
    #[error("`{}` is no model folder: {reason}", .path.display())]
    NotAModel {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A file of the folder cannot be read or makes no sense.
    #[error("`{}` cannot be used: {reason}", .path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The options contradict each other or leave their range.
    #[error("option `{option}` {reason}")]
    BadOption {
        /// The option's name.
        option: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// The worker thread could not be started.
    #[error("the embedding worker could not be started: {0}")]
    Thread(#[source] std::io::Error),
}

impl LoadError {
    pub(crate) fn bad_file(path: &Path, reason: impl ToString) -> Self {
        Self::BadFile { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn not_a_model(path: &Path, reason: impl Into<String>) -> Self {
        Self::NotAModel { path: path.to_owned(), reason: reason.into() }
    }
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}
