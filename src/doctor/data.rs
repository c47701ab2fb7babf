//! The data directory: writable, free, whole, on a disk with room.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::HumanBytes;
use rep_backends::embedded::DbConfig;
use rep_backends::embedded::OpenError;
use rep_backends::{ConnectConfig, ConnectError, SystemClock};
use rep_embedder::ModelDir;

use super::report::{Check, Report};
use crate::options::Settings;
use crate::{stores, watermark};

/// Free space under which it is time to make room, in bytes.
const DISK_FREE_GOOD: u64 = 2 << 30;

/// Checks directory and disk.
pub(super) fn check(settings: &Settings, model: Option<&ModelDir>, is_running: bool, report: &mut Report) {
    let dir = &settings.data_dir;
    report.add(directory(dir, model, is_running));
    report.add(disk(dir));
}

fn directory(dir: &Path, model: Option<&ModelDir>, is_running: bool) -> Check {
    let shown = dir.display();
    if let Err(error) = writable(dir) {
        return Check::problem(
            "data directory",
            format!("`{shown}` cannot be written: {error}"),
            "give it to the user that runs rep, or name another with `--data-dir`",
        );
    }
    if !dir.join("db").exists() {
        return Check::ok("data directory", format!("`{shown}` is empty; `rep up` begins afresh"));
    }
    let Some(model) = model else {
        return Check::warning(
            "data directory",
            format!("`{shown}` was not read, since there is no model"),
            "mend the model first",
        );
    };
    let manifest = model.manifest();
    let config = ConnectConfig::new(dir.to_owned(), manifest.id.clone(), manifest.dimensions);
    match read(dir, &config) {
        Ok(bytes) => {
            Check::ok("data directory", format!("`{shown}` can be read and written, {}", HumanBytes(bytes)))
        }
        Err(error) if is_locked(&error) && is_running => {
            Check::ok("data directory", format!("`{shown}` is in use by the rep that runs"))
        }
        Err(error) if is_locked(&error) => Check::problem(
            "data directory",
            format!(
                "`{shown}` is in use by a process that does not answer where this configuration puts the API"
            ),
            "stop that process, or name its ports or another directory",
        ),
        Err(error) => unreadable(&error),
    }
}

/// The error's own words name the way out behind a semicolon.
fn unreadable(error: &anyhow::Error) -> Check {
    let text = format!("{error:#}");
    let (detail, hint) = text.rsplit_once("; ").unwrap_or((&text, "move it away, or restore a backup"));
    Check::problem("data directory", detail, hint)
}

/// Opens the stores, sees whether the log reaches as far as it did, and gives the bytes on disk.
fn read(dir: &Path, config: &ConnectConfig) -> anyhow::Result<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let backends = stores::open(config, Arc::new(SystemClock), &|_| {}).await?;
        watermark::check(dir, &backends).await?;
        Ok(backends.data_dir.map_or(0, |data_dir| data_dir.upkeep.disk_bytes()))
    })
}

fn is_locked(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ConnectError::Open(OpenError::Locked(_))))
}

/// Writes and removes a file in `dir`, or in the nearest folder above it that is there.
fn writable(dir: &Path) -> std::io::Result<()> {
    let folder = nearest(dir);
    if !folder.is_dir() {
        return Err(std::io::Error::new(std::io::ErrorKind::NotADirectory, "is no directory"));
    }
    let probe = folder.join(format!(".rep-doctor-{}", std::process::id()));
    std::fs::write(&probe, b"can this be written?")?;
    std::fs::remove_file(&probe)
}

/// `dir`, or what stands above it, whichever is there first.
fn nearest(dir: &Path) -> PathBuf {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    absolute.ancestors().find(|folder| folder.exists()).unwrap_or(&absolute).to_owned()
}

fn disk(dir: &Path) -> Check {
    let disk = match rustix::fs::statvfs(nearest(dir)) {
        Ok(disk) => disk,
        Err(error) => {
            let hint = "look with `df`; rep needs 256 MiB, and stops taking events under that";
            return Check::warning("disk", format!("free space is unknown: {error}"), hint);
        }
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let min = DbConfig::default().disk_free_min;
    let detail = format!("{} free", HumanBytes(free));
    if free < min {
        let detail = format!("only {detail}; under {} nothing is written", HumanBytes(min));
        return Check::problem(
            "disk",
            detail,
            "make room, or name a directory on another disk with `--data-dir`",
        );
    }
    if free < DISK_FREE_GOOD {
        return Check::warning(
            "disk",
            detail,
            format!("make room soon: under {} nothing is written", HumanBytes(min)),
        );
    }
    Check::ok("disk", detail)
}
