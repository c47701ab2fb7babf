//! Errors of stores that are the same whichever the store is.

use rep_core::ports::{StoreError, StoreErrorKind};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A call that is at fault.
pub(crate) fn invalid(cause: impl Into<Cause>) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, cause)
}

/// What is stored and cannot be read.
pub(crate) fn corrupt(cause: impl Into<Cause>) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, cause)
}

/// Something that passes: a call that did not end in time, or could not begin.
pub(crate) fn unavailable(cause: impl Into<Cause>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, cause)
}

/// A blocking task that did not finish: only at shutdown, or after a panic in it.
pub(crate) fn interrupted(error: tokio::task::JoinError) -> StoreError {
    unavailable(error)
}
