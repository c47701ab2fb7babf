//! Finding and loading ONNX Runtime's shared library, once a process.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;
use parking_lot::Mutex;

use crate::LoadError;

#[cfg(target_os = "macos")]
const LIBRARY: &str = "libonnxruntime.dylib";
#[cfg(target_os = "windows")]
const LIBRARY: &str = "onnxruntime.dll";
#[cfg(not(any(target_os = "macos", target_os = "windows")))]
const LIBRARY: &str = "libonnxruntime.so";

/// How many folders above the executable may hold `.rep/cache` (`target/debug/deps/test` needs four).
const ANCESTORS_MAX: usize = 5;

static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// Where the fetch scripts put libraries and models: `REP_CACHE`, else the first `.rep/cache` that exists in
/// the working folder or above the executable, else `.rep/cache` in the working folder.
pub fn cache_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("REP_CACHE").filter(|dir| !dir.is_empty()) {
        return dir.into();
    }
    let here = PathBuf::from(".rep/cache");
    let beside_executable = executable_folders().map(|folder| folder.join(".rep/cache"));
    std::iter::once(here.clone()).chain(beside_executable).find(|dir| dir.is_dir()).unwrap_or(here)
}

/// The path of ONNX Runtime's library: `explicit`, else `ORT_DYLIB_PATH`, else `onnxruntime/` in
/// [`cache_dir`], else next to the executable.
///
/// A path that a person gave is taken or refused, never skipped in favour of the next.
pub fn locate_runtime(explicit: Option<&Path>) -> Result<PathBuf, LoadError> {
    let from_env = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    let found_at = match explicit.map(Path::to_owned).or(from_env) {
        Some(given) => vec![given],
        None => {
            let cached = cache_dir().join("onnxruntime").join(LIBRARY);
            std::iter::once(cached).chain(executable_folders().take(1).map(|f| f.join(LIBRARY))).collect()
        }
    };
    match found_at.iter().find(|path| path.is_file()) {
        Some(path) => path.canonicalize().map_err(|error| unusable(path, error)),
        None => Err(LoadError::RuntimeMissing { looked_at: found_at }),
    }
}

/// Loads the library at `path`, unless this process has one already: then that one is kept.
pub(crate) fn environment(path: &Path) -> Result<&'static Environment, LoadError> {
    // Two first callers must not both build: ort allows one environment a process.
    let _turn = LOADING.lock();
    if let Some(environment) = ENVIRONMENT.get() {
        return Ok(environment);
    }
    let builder = ort::init_from(path).map_err(|error| unusable(path, error))?;
    let built = builder.with_name("rep").with_telemetry(false).build();
    let environment = built.map_err(|error| unusable(path, error))?;
    tracing::info!(path = %path.display(), "loaded ONNX Runtime");
    Ok(ENVIRONMENT.get_or_init(|| environment))
}

/// Loads the library at `path` as an embedder would, and says which version it is, as far as it tells: its number
/// stands in the names of its symbols, else what it says of its build.
///
/// # Errors
/// When it is no library, or older than what this program needs.
pub fn runtime_version(path: &Path) -> Result<String, LoadError> {
    environment(path)?;
    let bytes = std::fs::read(path).map_err(|error| unusable(path, error))?;
    Ok(version_in(&bytes).unwrap_or_else(|| ort::info().to_owned()))
}

/// The number behind `VERS_` in the library's symbol names.
fn version_in(bytes: &[u8]) -> Option<String> {
    const TAG: &[u8] = b"\0VERS_";
    let begin = bytes.windows(TAG.len()).position(|window| window == TAG)? + TAG.len();
    let number: Vec<u8> =
        bytes[begin..].iter().copied().take(20).take_while(|b| b.is_ascii_digit() || *b == b'.').collect();
    String::from_utf8(number).ok().filter(|number| !number.is_empty())
}

fn executable_folders() -> impl Iterator<Item = PathBuf> {
    let executable = std::env::current_exe().and_then(|path| path.canonicalize()).ok();
    let folders: Vec<PathBuf> = match &executable {
        Some(path) => path.ancestors().skip(1).take(ANCESTORS_MAX).map(Path::to_owned).collect(),
        None => Vec::new(),
    };
    folders.into_iter()
}

fn unusable(path: &Path, reason: impl ToString) -> LoadError {
    LoadError::RuntimeUnusable { path: path.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_path_is_never_skipped() {
        let error = locate_runtime(Some(Path::new("/nowhere/libonnxruntime.so"))).unwrap_err();
        let LoadError::RuntimeMissing { looked_at } = &error else { panic!("{error}") };
        assert_eq!(looked_at, &[PathBuf::from("/nowhere/libonnxruntime.so")]);
        assert!(error.to_string().contains("scripts/fetch-onnxruntime.sh"));
    }

    #[test]
    fn the_version_stands_in_the_symbols() {
        assert_eq!(version_in(b"..VERS_\0VERS_1.31.1\0GLIBC_2.2").as_deref(), Some("1.31.1"));
        assert_eq!(version_in(b"no library"), None);
    }

    #[test]
    fn what_is_no_library_is_an_error_not_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        std::fs::write(&path, "no library").unwrap();
        assert!(matches!(environment(&path), Err(LoadError::RuntimeUnusable { .. })));
    }
}
