//! Ids known from the last time, for a start without the registry.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rep_core::avro::{SchemaIds, SchemaVersion, versions};
use serde::{Deserialize, Serialize};

use super::Registry;

/// The file, and whose ids it holds.
#[derive(Clone)]
pub(super) struct Remembered {
    file: PathBuf,
    url: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    /// The registry that gave the ids, without a login: another one gives others.
    url: String,
    schemas: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    subject: String,
    /// The whole text: an id belongs to it, whatever number a version has.
    schema: String,
    id: u32,
}

impl Remembered {
    pub(super) fn new(file: PathBuf, url: String) -> Self {
        Self { file, url }
    }

    /// Blocks until the file is durable.
    fn write(&self, entries: Vec<Entry>) -> io::Result<()> {
        let content = Content { url: self.url.clone(), schemas: entries };
        let bytes = serde_json::to_vec_pretty(&content)?;
        if fs::read(&self.file).is_ok_and(|before| before == bytes) {
            return Ok(());
        }
        let parent = match self.file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent)?;
        let aside = self.file.with_extension("new");
        let mut written = File::create(&aside)?;
        written.write_all(&bytes)?;
        written.sync_all()?;
        fs::rename(&aside, &self.file)?;
        File::open(parent)?.sync_all()
    }

    fn read(&self) -> io::Result<Option<Content>> {
        let bytes = match fs::read(&self.file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let content: Content = serde_json::from_slice(&bytes)?;
        Ok((content.url == self.url).then_some(content))
    }
}

impl Registry {
    /// Remembers `ids`, if there is a file for that. A file that cannot be written takes nothing from those who
    /// have the ids.
    pub(super) async fn remember(&self, ids: &SchemaIds) {
        let Some(remembered) = self.remembered.clone() else { return };
        let entry = |version: &SchemaVersion| {
            let id = *ids.get(&(version.topic, version.version))?;
            Some(Entry { subject: self.subject_of(version), schema: version.text.to_owned(), id })
        };
        let entries: Vec<Entry> = versions().iter().filter_map(entry).collect();
        let file = remembered.file.clone();
        let written = tokio::task::spawn_blocking(move || remembered.write(entries)).await;
        if let Err(error) = written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            tracing::warn!(file = %file.display(), %error, "schema ids cannot be remembered");
        }
    }

    /// The ids of all schemas of the program, as they were last known of this registry; `None` if one is missing.
    pub(super) async fn recall(&self) -> Option<SchemaIds> {
        let remembered = self.remembered.clone()?;
        let file = remembered.file.clone();
        let read = tokio::task::spawn_blocking(move || remembered.read()).await;
        let content = match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(content) => content?,
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "remembered schema ids cannot be read");
                return None;
            }
        };
        let id_of = |version: &SchemaVersion| {
            let subject = self.subject_of(version);
            let same = |entry: &&Entry| entry.subject == subject && entry.schema == version.text;
            Some(((version.topic, version.version), content.schemas.iter().find(same)?.id))
        };
        versions().iter().map(id_of).collect()
    }
}
