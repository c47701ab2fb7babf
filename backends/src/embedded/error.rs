use std::io;
use std::path::PathBuf;

use rep_core::ports::{StoreError, StoreErrorKind};

pub(crate) use crate::error::{corrupt, interrupted, invalid, unavailable};

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("data directory `{0}` is in use by another process; stop that one, or give another directory")]
    Locked(PathBuf),
    /// It cannot be made, read or written.
    #[error("data directory `{path}` cannot be used: {source}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is in it is not a database of this version, or is damaged.
    #[error(
        "data directory `{path}` cannot be read ({reason}); move it away to start afresh, or restore a backup"
    )]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl OpenError {
    pub(super) fn from_engine(path: PathBuf, error: fjall::Error) -> Self {
        match error {
            fjall::Error::Locked => Self::Locked(path),
            fjall::Error::Io(source) if source.kind() == io::ErrorKind::WouldBlock => Self::Locked(path),
            fjall::Error::Io(source)
                if matches!(
                    source.kind(),
                    io::ErrorKind::PermissionDenied
                        | io::ErrorKind::ReadOnlyFilesystem
                        | io::ErrorKind::StorageFull
                        | io::ErrorKind::NotADirectory
                ) =>
            {
                Self::Io { path, source }
            }
            other => Self::Damaged { path, reason: other.to_string() },
        }
    }
}

/// What the engine's `error` means to a caller of a port.
pub(crate) fn store_error(error: fjall::Error) -> StoreError {
    let kind = match &error {
        fjall::Error::Io(source) if source.kind() == io::ErrorKind::StorageFull => StoreErrorKind::Full,
        fjall::Error::Io(_) | fjall::Error::Poisoned | fjall::Error::Locked => StoreErrorKind::Unavailable,
        fjall::Error::Storage(_) | fjall::Error::JournalRecovery(_) | fjall::Error::Decompress(_) => {
            StoreErrorKind::Corrupt
        }
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, error)
}
