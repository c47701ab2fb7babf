//! The models on this machine, and how one gets here.

mod download;
mod error;
mod hub;
mod known;

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

pub use self::download::Progress;
use self::download::{Download, Wanted};
pub use self::error::StoreError;
use self::hub::Hub;
pub use self::hub::HubOptions;
pub use self::known::{KNOWN_MODELS, KnownModel};
use crate::model_dir::sha256_of;
use crate::{MANIFEST_FILE, ModelDir, cache_dir};

/// Where pulls keep what is not complete.
const STAGING: &str = ".staging";

/// A folder of model folders. Everything here blocks: call it from a blocking thread.
#[derive(Clone, Debug)]
pub struct ModelStore {
    root: PathBuf,
}

/// One line of a list of models.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelEntry {
    /// What to ask for.
    pub name: String,
    /// Width of its vectors; `None` if its folder cannot be read.
    pub dimensions: Option<usize>,
    /// Languages, as BCP 47 tags.
    pub languages: Vec<String>,
    /// Its folder, if it is on this machine.
    pub path: Option<PathBuf>,
    /// Bytes on disk, or to be fetched (roughly).
    pub bytes: u64,
    /// Why it cannot be used, if it is here and cannot.
    pub problem: Option<String>,
}

impl ModelStore {
    /// The store at `root`; the folder need not exist.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The store where the fetch scripts put models: `models` in [`cache_dir`].
    pub fn in_cache() -> Self {
        Self::at(cache_dir().join("models"))
    }

    /// The folder of model folders.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Known models, fetched or not, then whatever else is in the store, by name.
    pub fn list(&self) -> Result<Vec<ModelEntry>, StoreError> {
        let mut folders = self.folders()?;
        let known = KNOWN_MODELS.iter().map(|model| match folders.remove(model.name) {
            Some(path) => installed(model.name, path),
            None => Ok(available(model)),
        });
        let mut entries: Vec<ModelEntry> = known.collect::<Result<_, _>>()?;
        for (name, path) in folders {
            entries.push(installed(&name, path)?);
        }
        Ok(entries)
    }

    /// Whether a model of this name is here and complete.
    pub fn is_installed(&self, name: &str) -> bool {
        self.folder_of(name).is_some_and(|path| ModelDir::open(path).is_ok())
    }

    /// Opens a model by the name of its folder, its repository, or the path of any folder.
    ///
    /// A name that is in the store wins over a path. Absent and unusable differ:
    /// [`StoreError::NotInstalled`], [`StoreError::Packaged`], [`StoreError::Unknown`], [`StoreError::Model`].
    pub fn resolve(&self, name_or_path: &str) -> Result<ModelDir, StoreError> {
        if let Some(folder) = self.folder_of(name_or_path).filter(|folder| folder.is_dir()) {
            return Ok(ModelDir::open(folder)?);
        }
        if Path::new(name_or_path).is_dir() {
            return Ok(ModelDir::open(name_or_path)?);
        }
        match KnownModel::find(name_or_path) {
            Some(known) => Err(not_here(known)),
            None => Err(unknown(name_or_path)),
        }
    }

    /// Asks the hub once whether it has a known model, and waits up to `wait` for each of connecting and the answer.
    ///
    /// # Errors
    ///
    /// As [`Self::pull`]; a hub that does not answer in time is [`StoreError::Unreachable`].
    pub fn ask(&self, name: &str, options: &HubOptions, wait: Duration) -> Result<(), StoreError> {
        let known = KnownModel::find(name).ok_or_else(|| unknown(name))?;
        let (Some(repo), Some(file)) = (known.repo, known.files.first()) else { return Err(not_here(known)) };
        let options = HubOptions { attempts_max: 1, silence_max: wait, ..options.clone() };
        let hub = Hub::new(&options);
        let url = hub.file_url(repo, &options.revision, file.remote);
        let wanted = Wanted { url, local: file.local, sha256: file.sha256 };
        Download { hub: &hub, options: &options, progress: &mut |_| () }.facts(&wanted).map(|_| ())
    }

    /// Fetches a known model from the hub, unless it is here.
    ///
    /// Files arrive beside the store, are resumed where an earlier pull broke off, checked, and moved into
    /// their place together: a model is there whole or not at all. `progress` is called often; keep it quick.
    pub fn pull(
        &self,
        name: &str,
        options: &HubOptions,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<ModelDir, StoreError> {
        let known = KnownModel::find(name).ok_or_else(|| unknown(name))?;
        let target = self.root.join(known.name);
        if target.is_dir() {
            return Ok(ModelDir::open(target)?);
        }
        let repo = known.repo.ok_or_else(|| not_here(known))?;
        let staging = self.root.join(STAGING).join(known.name);
        fs::create_dir_all(&staging).map_err(StoreError::io(&staging))?;
        let _lock = lock(&staging, known.name)?;
        if target.is_dir() {
            return Ok(ModelDir::open(target)?);
        }
        fetch(known, repo, options, &staging, progress)?;
        fs::rename(&staging, &target).map_err(StoreError::io(&target))?;
        progress(&Progress::Installed { path: target.clone() });
        Ok(ModelDir::open(target)?)
    }

    /// The folder that a name stands for; `None` if it can be no folder's name.
    fn folder_of(&self, name: &str) -> Option<PathBuf> {
        let name = KnownModel::find(name).map_or(name, |known| known.name);
        let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
        plain.then(|| self.root.join(name))
    }

    fn folders(&self) -> Result<BTreeMap<String, PathBuf>, StoreError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(StoreError::io(&self.root)(error)),
        };
        let mut folders = BTreeMap::new();
        for entry in entries {
            let path = entry.map_err(StoreError::io(&self.root))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') {
                folders.insert(name, path);
            }
        }
        Ok(folders)
    }
}

fn fetch(
    known: &KnownModel,
    repo: &str,
    options: &HubOptions,
    staging: &Path,
    progress: &mut dyn FnMut(&Progress),
) -> Result<(), StoreError> {
    let hub = Hub::new(options);
    let mut download = Download { hub: &hub, options, progress };
    let mut revision = options.revision.clone();
    let mut sha256 = BTreeMap::new();
    for file in known.files {
        let at = staging.join(file.local);
        let url = hub.file_url(repo, &revision, file.remote);
        let wanted = Wanted { url, local: file.local, sha256: file.sha256 };
        let facts = download.facts(&wanted)?;
        // From here on all files are of one commit, however the branch moves.
        revision = facts.commit.clone().unwrap_or(revision);
        // A file that an earlier pull completed is taken if it is still the promised one.
        let promised = wanted.sha256.or(facts.sha256.as_deref());
        let hash = match promised {
            Some(promised) if at.is_file() && sha256_of(&at).map_err(StoreError::io(&at))? == promised => {
                promised.to_owned()
            }
            _ => download.file(&wanted, &facts, staging)?,
        };
        sha256.insert(file.local.to_owned(), hash);
    }
    let source = format!("{}/{repo} at {revision}", options.url);
    let manifest = known.manifest(source, sha256).map_err(std::io::Error::other);
    let manifest = manifest.and_then(|manifest| Ok(serde_json::to_vec_pretty(&manifest)?));
    let at = staging.join(MANIFEST_FILE);
    manifest.and_then(|text| fs::write(&at, text)).map_err(StoreError::io(&at))
}

/// One pull of a model at a time; the lock goes with the process that holds it.
fn lock(staging: &Path, name: &str) -> Result<File, StoreError> {
    let path = staging.with_file_name(format!("{name}.lock"));
    let file = File::create(&path).map_err(StoreError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Busy { name: name.into() }),
        Err(TryLockError::Error(error)) => Err(StoreError::io(&path)(error)),
    }
}

fn installed(name: &str, path: PathBuf) -> Result<ModelEntry, StoreError> {
    let bytes = bytes_of(&path)?;
    let entry = |dimensions, languages, problem| ModelEntry {
        name: name.into(),
        dimensions,
        languages,
        path: Some(path.clone()),
        bytes,
        problem,
    };
    Ok(match ModelDir::open(&path) {
        Ok(model) => entry(Some(model.manifest().dimensions), model.manifest().languages.clone(), None),
        Err(error) => entry(None, Vec::new(), Some(error.to_string())),
    })
}

fn available(model: &KnownModel) -> ModelEntry {
    ModelEntry {
        name: model.name.into(),
        dimensions: Some(model.dimensions),
        languages: model.languages.iter().map(|&language| language.into()).collect(),
        path: None,
        bytes: model.download_bytes,
        problem: None,
    }
}

fn bytes_of(folder: &Path) -> Result<u64, StoreError> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(StoreError::io(folder))? {
        let facts = entry.and_then(|entry| entry.metadata()).map_err(StoreError::io(folder))?;
        bytes += if facts.is_file() { facts.len() } else { 0 };
    }
    Ok(bytes)
}

fn not_here(known: &KnownModel) -> StoreError {
    let name = known.name.into();
    if known.repo.is_some() { StoreError::NotInstalled { name } } else { StoreError::Packaged { name } }
}

fn unknown(name: &str) -> StoreError {
    let known: Vec<&str> = KNOWN_MODELS.iter().map(|model| model.name).collect();
    StoreError::Unknown { name: name.into(), known: known.join(", ") }
}
