//! Opening the stores of a data directory, and saying what to do where that fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anyhow::anyhow;
use rep_backends::{Backends, ConnectConfig, ConnectError, connect};
use rep_core::Clock;

/// Opens the stores. Blocks while the data directory is read: seconds for a large one.
///
/// # Errors
/// When another process has the directory, when it cannot be written, or when what is in it is damaged; the
/// error says which, and what to do.
pub(crate) fn open(config: &ConnectConfig, clock: Arc<dyn Clock>) -> anyhow::Result<Backends> {
    // The engine panics over some kinds of damage, where an error would do.
    let opened = catch_unwind(AssertUnwindSafe(|| connect(config, clock)));
    let damaged = |what: String| {
        let dir = config.data_dir.display();
        anyhow!(
            "data directory `{dir}` cannot be read ({what}); move it away to start afresh, or restore a backup"
        )
    };
    match opened {
        Ok(Ok(backends)) => Ok(backends),
        Ok(Err(error @ ConnectError::Open(_))) => Err(error.into()),
        Ok(Err(error)) => Err(damaged(error.to_string())),
        Err(panic) => {
            let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(damaged(format!("the storage engine gave up: {said}")))
        }
    }
}
