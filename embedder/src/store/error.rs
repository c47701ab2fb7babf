//! Why a model cannot be found or fetched.

use std::io;
use std::path::{Path, PathBuf};

use crate::LoadError;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Neither a known name nor a folder.
    #[error("`{name}` is neither a known model ({known}) nor a folder")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The known names.
        known: String,
    },
    /// A known model that has not been fetched.
    #[error("model `{name}` is not on this machine; run `rep model pull {name}`")]
    NotInstalled {
        /// The model.
        name: String,
    },
    /// A known model that has not been fetched, and is not on the hub.
    #[error("model `{name}` is not on this machine; run `scripts/fetch-model.sh {name}`")]
    Packaged {
        /// The model.
        name: String,
    },
    /// The folder is there but holds no usable model.
    #[error(transparent)]
    Model(#[from] LoadError),
    /// The hub did not answer, or kept breaking off. What has arrived is kept, and resumed next time.
    #[error("`{url}` could not be fetched in {attempts} attempts: {reason}")]
    Unreachable {
        /// What was being fetched.
        url: String,
        /// How often it was tried in a row without a byte of progress.
        attempts: u32,
        /// What went wrong last.
        reason: String,
    },
    /// The hub has no such file.
    #[error("the hub has no `{url}` (404)")]
    NotFound {
        /// What was asked for.
        url: String,
    },
    /// The hub will not give the file, whatever is tried again.
    #[error("the hub refuses `{url}` (status {status}): it is not public, or not there")]
    Refused {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The file that arrived is not the one that was promised; it has been deleted.
    #[error("`{file}` has SHA-256 {found}, expected {expected}")]
    Checksum {
        /// The file.
        file: String,
        /// What was promised.
        expected: String,
        /// What arrived.
        found: String,
    },
    /// No room left. What has arrived is kept, and resumed next time.
    #[error("no space left on the disk that holds `{}`", .path.display())]
    DiskFull {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("`{}`: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process is fetching the same model.
    #[error("another process is pulling `{name}`")]
    Busy {
        /// The model.
        name: String,
    },
}

impl StoreError {
    /// Whether the same call may succeed later, with nothing changed here.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. } | Self::Checksum { .. })
    }

    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path: path.to_owned() }
            }
            _ => Self::Io { path: path.to_owned(), source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_trouble() {
        let path = Path::new("model.onnx.part");
        let full = StoreError::io(path)(io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(full, StoreError::DiskFull { .. }) && !full.is_retryable());
        let other = StoreError::io(path)(io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(other.to_string().contains("model.onnx.part"));
    }
}
