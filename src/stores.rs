//! Connecting the stores, and saying what to do where that fails.

use std::sync::Arc;

use anyhow::anyhow;
use rep_backends::{Backends, ConnectConfig, ConnectError, connect};
use rep_core::Clock;

/// Connects the stores; waits for servers that are away, and tells `waiting` what for.
///
/// # Errors
/// When another process has the data directory, when it cannot be written, or when what is in it is damaged; when no
/// backend has such an address. The error says which, and what to do.
pub(crate) async fn open(
    config: &ConnectConfig,
    clock: Arc<dyn Clock>,
    waiting: &(dyn Fn(&ConnectError) + Send + Sync),
) -> anyhow::Result<Backends> {
    match connect(config, clock, waiting).await {
        Ok(backends) => Ok(backends),
        Err(error @ (ConnectError::Engine(_) | ConnectError::Store { .. })) => {
            let dir = config.data_dir.display();
            Err(anyhow!(
                "data directory `{dir}` cannot be read ({error}); move it away to start afresh, or restore a backup"
            ))
        }
        Err(error) => Err(error.into()),
    }
}
