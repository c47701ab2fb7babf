//! One file from the hub to the disk: resumed, checked, retried, and only then given its name.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::Body;
use ureq::http::Response;

use super::StoreError;
use super::hub::{Failure, FileFacts, Hub, HubOptions};
use crate::model_dir::sha256_of;

/// Bytes read at a time, and between two reports of progress.
const CHUNK_BYTES: usize = 256 << 10;
/// Attempts at one file, with or without progress.
const ATTEMPTS_TOTAL_MAX: u32 = 100;
/// How often the first wait is doubled.
const DOUBLINGS_MAX: u32 = 4;

/// What a pull reports while it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A file begins, or continues at `resumed_bytes`.
    Started {
        /// The file's name in the model's folder.
        file: String,
        /// Bytes that were there already.
        resumed_bytes: u64,
        /// Size of the whole file, if the hub told it.
        bytes_total: Option<u64>,
    },
    /// More of a file is there.
    Advanced {
        /// The file's name in the model's folder.
        file: String,
        /// Bytes that are there.
        bytes: u64,
        /// Size of the whole file, if the hub told it.
        bytes_total: Option<u64>,
    },
    /// An attempt failed; the next follows after `wait`.
    Retrying {
        /// The file's name in the model's folder.
        file: String,
        /// Attempts in a row without progress.
        attempt: u32,
        /// The pause before the next attempt.
        wait: Duration,
        /// What went wrong.
        reason: String,
    },
    /// A file is complete.
    Verified {
        /// The file's name in the model's folder.
        file: String,
        /// Its SHA-256.
        sha256: String,
        /// Whether somebody had promised that hash; else only the size was checked.
        promised: bool,
    },
    /// The whole model is in its place.
    Installed {
        /// The model's folder.
        path: PathBuf,
    },
}

/// One file to fetch.
pub(super) struct Wanted<'a> {
    pub(super) url: String,
    /// Name in the model's folder.
    pub(super) local: &'a str,
    /// Pinned SHA-256; goes before what the hub says.
    pub(super) sha256: Option<&'a str>,
}

/// How one attempt ended short of the whole file.
enum Stopped {
    Attempt(Failure),
    Disk(StoreError),
}

/// What is fetched at the moment.
pub(super) struct Download<'a> {
    pub(super) hub: &'a Hub,
    pub(super) options: &'a HubOptions,
    pub(super) progress: &'a mut dyn FnMut(&Progress),
}

impl Download<'_> {
    /// Asks for a file's facts, patiently.
    pub(super) fn facts(&mut self, wanted: &Wanted<'_>) -> Result<FileFacts, StoreError> {
        let mut attempt = 0;
        loop {
            match self.hub.facts(&wanted.url) {
                Ok(facts) => return Ok(facts),
                Err(failure) => {
                    attempt += 1;
                    self.pause(wanted, attempt, failure)?;
                }
            }
        }
    }

    /// Fetches a file into `folder` and answers its SHA-256. A part from an earlier run is continued if it is
    /// of the same content; a wrong hash is fetched afresh once.
    pub(super) fn file(
        &mut self,
        wanted: &Wanted<'_>,
        facts: &FileFacts,
        folder: &Path,
    ) -> Result<String, StoreError> {
        let part = Part::open(folder, wanted.local, facts)?;
        let promised = wanted.sha256.or(facts.sha256.as_deref());
        let mut fresh = false;
        loop {
            self.fill(wanted, facts, &part)?;
            let found = part.sha256()?;
            match promised {
                Some(expected) if expected != found => {
                    part.forget()?;
                    if fresh {
                        let (file, expected) = (wanted.local.to_owned(), expected.to_owned());
                        return Err(StoreError::Checksum { file, expected, found });
                    }
                    fresh = true;
                    let reason = format!("its SHA-256 is {found}, expected {expected}");
                    self.report_retry(wanted, 1, Duration::ZERO, reason);
                }
                _ => {
                    part.finish()?;
                    let file = wanted.local.to_owned();
                    let sha256 = found.clone();
                    (self.progress)(&Progress::Verified { file, sha256, promised: promised.is_some() });
                    return Ok(found);
                }
            }
        }
    }

    /// Attempts until the part is whole.
    fn fill(&mut self, wanted: &Wanted<'_>, facts: &FileFacts, part: &Part) -> Result<(), StoreError> {
        let (file, resumed_bytes) = (wanted.local.to_owned(), part.len()?);
        (self.progress)(&Progress::Started { file, resumed_bytes, bytes_total: facts.size });
        let mut in_vain = 0;
        for _ in 0..ATTEMPTS_TOTAL_MAX {
            let before = part.len()?;
            if before > 0 && facts.size == Some(before) {
                return Ok(());
            }
            let failure = match self.attempt(wanted, facts, part, before) {
                Ok(()) => return Ok(()),
                Err(Stopped::Disk(error)) => return Err(error),
                // The part is longer than the file: it is of something else.
                Err(Stopped::Attempt(Failure::Status(416))) => {
                    part.forget()?;
                    Failure::Passing("the hub has no such range".into())
                }
                Err(Stopped::Attempt(failure)) => failure,
            };
            in_vain = if part.len()? > before { 0 } else { in_vain + 1 };
            self.pause(wanted, in_vain, failure)?;
        }
        let reason = "it broke off every time".into();
        Err(StoreError::Unreachable { url: wanted.url.clone(), attempts: ATTEMPTS_TOTAL_MAX, reason })
    }

    fn attempt(
        &mut self,
        wanted: &Wanted<'_>,
        facts: &FileFacts,
        part: &Part,
        from: u64,
    ) -> Result<(), Stopped> {
        let mut response = self.hub.fetch(&wanted.url, from).map_err(Stopped::Attempt)?;
        let continued = from > 0 && continues_at(&response, from);
        let mut bytes = if continued { from } else { 0 };
        let mut out = part.writer(continued).map_err(Stopped::Disk)?;
        let mut source = response.body_mut().as_reader();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = match source.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => return Err(Stopped::Attempt(Failure::Passing(error.to_string()))),
            };
            bytes += read as u64;
            if facts.size.is_some_and(|size| bytes > size) {
                return Err(Stopped::Attempt(Failure::Passing("more arrived than was announced".into())));
            }
            out.write_all(&chunk[..read]).map_err(StoreError::io(&part.path)).map_err(Stopped::Disk)?;
            let file = wanted.local.to_owned();
            (self.progress)(&Progress::Advanced { file, bytes, bytes_total: facts.size });
        }
        match facts.size {
            Some(size) if bytes < size => {
                let reason = format!("it broke off at {bytes} of {size} bytes");
                Err(Stopped::Attempt(Failure::Passing(reason)))
            }
            _ => Ok(()),
        }
    }

    /// Waits before the next attempt, or says why there is none.
    fn pause(&mut self, wanted: &Wanted<'_>, attempt: u32, failure: Failure) -> Result<(), StoreError> {
        let url = wanted.url.clone();
        let reason = match failure {
            Failure::Status(404) => return Err(StoreError::NotFound { url }),
            Failure::Status(status) => return Err(StoreError::Refused { url, status }),
            Failure::Passing(reason) => reason,
        };
        if attempt >= self.options.attempts_max {
            return Err(StoreError::Unreachable { url, attempts: attempt, reason });
        }
        let wait = self.options.backoff * 2u32.pow(attempt.saturating_sub(1).min(DOUBLINGS_MAX));
        self.report_retry(wanted, attempt, wait, reason);
        std::thread::sleep(wait);
        Ok(())
    }

    fn report_retry(&mut self, wanted: &Wanted<'_>, attempt: u32, wait: Duration, reason: String) {
        let file = wanted.local.to_owned();
        (self.progress)(&Progress::Retrying { file, attempt, wait, reason });
    }
}

fn continues_at(response: &Response<Body>, from: u64) -> bool {
    let range = response.headers().get("content-range").and_then(|range| range.to_str().ok());
    response.status() == 206 && range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}

/// A file on its way: `NAME.part`, and `NAME.part.etag` that says of which content.
struct Part {
    path: PathBuf,
    etag: PathBuf,
    target: PathBuf,
}

impl Part {
    fn open(folder: &Path, name: &str, facts: &FileFacts) -> Result<Self, StoreError> {
        let beside = |suffix: &str| folder.join(format!("{name}{suffix}"));
        let part = Self { path: beside(".part"), etag: beside(".part.etag"), target: folder.join(name) };
        let etag = facts.etag.as_deref().unwrap_or_default();
        let same = !etag.is_empty() && fs::read_to_string(&part.etag).is_ok_and(|kept| kept == etag);
        let fits = facts.size.is_none_or(|size| part.len().is_ok_and(|length| length <= size));
        if !(same && fits) {
            part.forget()?;
            fs::write(&part.etag, etag).map_err(StoreError::io(&part.etag))?;
        }
        Ok(part)
    }

    fn len(&self) -> Result<u64, StoreError> {
        match fs::metadata(&self.path) {
            Ok(facts) => Ok(facts.len()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(StoreError::io(&self.path)(error)),
        }
    }

    fn writer(&self, append: bool) -> Result<File, StoreError> {
        let mut options = OpenOptions::new();
        options.create(true).append(append).write(true).truncate(!append);
        options.open(&self.path).map_err(StoreError::io(&self.path))
    }

    fn sha256(&self) -> Result<String, StoreError> {
        sha256_of(&self.path).map_err(StoreError::io(&self.path))
    }

    fn forget(&self) -> Result<(), StoreError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io(&self.path)(error))
            }
            _ => Ok(()),
        }
    }

    fn finish(&self) -> Result<(), StoreError> {
        let whole = File::open(&self.path).and_then(|file| file.sync_all());
        whole.map_err(StoreError::io(&self.path))?;
        fs::rename(&self.path, &self.target).map_err(StoreError::io(&self.target))?;
        fs::remove_file(&self.etag).map_err(StoreError::io(&self.etag))
    }
}
