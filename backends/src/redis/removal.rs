//! Removing all that an installation has.

use rep_core::ports::StoreError;

use super::link::RedisLink;
use crate::error::{invalid, unavailable};

/// Most scans, of about 1,000 keys each, in search of what is to be removed.
const SCANS_MAX: usize = 100_000;

impl RedisLink {
    /// Removes every key that begins with this installation's prefix, which must not be empty. Keys of a cluster stay:
    /// no command lists those of all its nodes.
    ///
    /// # Errors
    /// Invalid without a prefix; unavailable when the server is away, or keys come faster than they are removed.
    pub(crate) async fn remove_all(&self) -> Result<(), StoreError> {
        let prefix = self.key("");
        if prefix.is_empty() {
            return Err(invalid("all keys of a Redis are not removed: the prefix is empty"));
        }
        if self.is_cluster() {
            return Ok(());
        }
        let mut cursor = 0_u64;
        for _ in 0..SCANS_MAX {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(format!("{prefix}*")).arg("COUNT").arg(1000);
            let (next, mut keys): (u64, Vec<Vec<u8>>) = self.run(scan).await?;
            // What is special in a pattern may stand in a prefix.
            keys.retain(|key| key.starts_with(prefix.as_bytes()));
            if !keys.is_empty() {
                let mut unlink = redis::cmd("UNLINK");
                unlink.arg(keys);
                self.run::<u64>(unlink).await?;
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
        Err(unavailable(format!("keys that begin with `{prefix}` are still left after {SCANS_MAX} scans")))
    }
}
