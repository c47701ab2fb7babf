//! A Parquet file from standard input: it is read from its end, so it goes to disk first.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};

/// Most bytes that are put aside.
const SPOOL_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// A file in the system's folder for temporary files, gone when this is dropped.
pub(super) struct Spool {
    path: PathBuf,
}

impl Spool {
    /// Puts all of `input` aside and opens it.
    pub(super) fn fill(input: impl Read) -> anyhow::Result<(Self, File)> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("rep-import-{}-{}.parquet", std::process::id(), since_1970.as_nanos());
        let path = std::env::temp_dir().join(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let spool = Self { path };
        let copied = io::copy(&mut input.take(SPOOL_BYTES_MAX + 1), &mut file)
            .with_context(|| format!("cannot put the input aside in {}", spool.path.display()))?;
        if copied > SPOOL_BYTES_MAX {
            bail!("is longer than {SPOOL_BYTES_MAX} bytes: save it to a file");
        }
        file.seek(SeekFrom::Start(0)).context("cannot read on")?;
        Ok((spool, file))
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}
