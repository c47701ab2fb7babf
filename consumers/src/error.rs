//! Why a role stopped.

use rep_core::ports::StoreError;

/// Why a role stopped without being asked to, or did not stop cleanly.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// Its configuration is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A call that has no record to blame failed for good.
    #[error("{stage} failed: {source}")]
    Store {
        /// What was tried, such as `poll` or `commit`.
        stage: &'static str,
        /// Why it failed.
        source: StoreError,
    },
    /// The drain bound passed. Nothing is lost: what was not committed will be delivered again.
    #[error("role did not drain in time; {in_flight} records will be delivered again")]
    NotDrained {
        /// Records that were read and not committed.
        in_flight: u64,
    },
}

/// A tunable is out of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {message}")]
pub struct ConfigError {
    /// The field.
    pub field: &'static str,
    /// What it must be.
    pub message: String,
}

impl ConfigError {
    /// Refuses `value` of `field` outside `min..=max`.
    pub(crate) fn unless_in<T: PartialOrd + std::fmt::Debug>(
        field: &'static str,
        value: T,
        min: T,
        max: T,
    ) -> Result<(), Self> {
        if value >= min && value <= max {
            return Ok(());
        }
        Err(Self { field, message: format!("must be from {min:?} to {max:?}, got {value:?}") })
    }
}
