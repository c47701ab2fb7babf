//! How far the log reached, written beside the stores.
//!
//! After a crash the storage engine takes a journal for good up to the first byte that makes no sense: that is the end
//! of what was written, unless the disk damaged what lies before it. Then acknowledged records would be gone without
//! a word. So the ends of all partitions are noted every few seconds, and a log that ends before them is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rep_backends::Backends;
use rep_core::Topic;
use tokio_util::sync::CancellationToken;

/// Name of the file in the data directory.
const FILE: &str = "log-ends.json";
/// Time between two notes.
const NOTE_EVERY: Duration = Duration::from_secs(5);

/// Offsets behind the last record, by topic and partition.
type Ends = BTreeMap<String, Vec<u64>>;

/// Refuses a log that ends before what was noted. A data directory without a note is taken as it is.
pub(crate) async fn check(data_dir: &Path, backends: &Backends) -> anyhow::Result<()> {
    let path = data_dir.join(FILE);
    let noted = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    };
    let noted: Ends = match serde_json::from_slice(&noted) {
        Ok(noted) => noted,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "the note of how far the log reached cannot be read");
            return Ok(());
        }
    };
    let ends = ends(backends).await?;
    for (topic, noted) in &noted {
        let reached = ends.get(topic).map(Vec::as_slice).unwrap_or_default();
        for (partition, noted) in noted.iter().enumerate() {
            let reached = reached.get(partition).copied().unwrap_or(0);
            if reached < *noted {
                bail!(
                    "data directory `{}` is damaged: `{topic}` partition {partition} ends at offset {reached} and \
                     had reached {noted}, so acknowledged records are missing; move it away and restore a backup, or \
                     remove `{}` to go on without them",
                    data_dir.display(),
                    path.display()
                );
            }
        }
    }
    Ok(())
}

/// Notes how far the log reached, now and then until `stop`, and once more at the end.
pub(crate) async fn keep(
    data_dir: PathBuf,
    backends: Backends,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut last = Ends::new();
    loop {
        let stopped = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(NOTE_EVERY) => false,
        };
        let noted = note(&data_dir, &backends, &mut last).await;
        if let Err(error) = noted {
            // Without it less damage is noticed; nothing else depends on it.
            tracing::warn!("how far the log reached could not be noted: {error:#}");
        }
        if stopped {
            return Ok(());
        }
    }
}

async fn note(data_dir: &Path, backends: &Backends, last: &mut Ends) -> anyhow::Result<()> {
    let ends = ends(backends).await?;
    if ends == *last {
        return Ok(());
    }
    // Aside and renamed: a note is there whole or not at all.
    let aside = data_dir.join(format!("{FILE}.new"));
    tokio::fs::write(&aside, serde_json::to_vec(&ends)?).await?;
    tokio::fs::rename(&aside, data_dir.join(FILE)).await?;
    *last = ends;
    Ok(())
}

async fn ends(backends: &Backends) -> anyhow::Result<Ends> {
    let mut ends = Ends::new();
    for topic in Topic::ALL {
        let offsets = backends.log.offsets(topic, "watermark").await?;
        ends.insert(topic.name().to_owned(), offsets.iter().map(|o| o.end).collect());
    }
    Ok(ends)
}
