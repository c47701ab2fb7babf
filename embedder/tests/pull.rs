//! Fetching a model: whole or not at all, resumed, checked, bounded.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/hub.rs"]
mod hub;

use std::time::Duration;

use hub::{Faults, Hub};
use rep_embedder::{EmbedderOptions, HubOptions, ModelDir, ModelStore, OnnxEmbedder, Progress, StoreError};

const NAME: &str = "multilingual-e5-small";
const REPO: &str = "intfloat/multilingual-e5-small";

fn weights() -> Vec<u8> {
    (0..1_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn hub(faults: Faults) -> Hub {
    Hub::start(REPO, &[("onnx/model.onnx", &weights()), ("tokenizer.json", b"{}")], faults)
}

fn options(hub: &Hub) -> HubOptions {
    let (backoff, silence_max) = (Duration::from_millis(1), Duration::from_secs(5));
    HubOptions { url: hub.url.clone(), backoff, silence_max, ..HubOptions::default() }
}

struct Bench {
    store: ModelStore,
    seen: Vec<Progress>,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { store: ModelStore::at(folder.path().join("models")), seen: Vec::new(), _folder: folder }
    }

    fn pull(&mut self, options: &HubOptions) -> Result<ModelDir, StoreError> {
        self.store.pull(NAME, options, &mut |progress| self.seen.push(progress.clone()))
    }

    fn retries(&self) -> usize {
        self.seen.iter().filter(|progress| matches!(progress, Progress::Retrying { .. })).count()
    }
}

#[test]
fn brings_a_model_whole_and_only_once() {
    let (hub, mut bench) = (hub(Faults::default()), Bench::new());
    assert!(matches!(bench.store.resolve(NAME), Err(StoreError::NotInstalled { .. })));
    let model = bench.pull(&options(&hub)).unwrap();
    assert_eq!(std::fs::read(model.onnx()).unwrap(), weights());
    assert_eq!(model.manifest().query_prefix, "query: ");
    assert!(model.manifest().source.as_ref().unwrap().ends_with("0123456789abcdef0123456789abcdef01234567"));
    assert!(matches!(bench.seen.last(), Some(Progress::Installed { .. })));
    model.verify().unwrap();

    let before = hub.requests().len();
    bench.pull(&options(&hub)).unwrap();
    assert_eq!(hub.requests().len(), before, "a model that is here is not fetched");
    let listed = bench.store.list().unwrap();
    let entry = listed.iter().find(|entry| entry.name == NAME).unwrap();
    assert!(entry.path.is_some() && entry.problem.is_none() && entry.bytes > 1_000_000);
    assert_eq!(bench.store.resolve(REPO).unwrap().path(), model.path());
}

#[test]
fn all_files_come_from_one_commit() {
    let (hub, mut bench) = (hub(Faults::default()), Bench::new());
    bench.pull(&options(&hub)).unwrap();
    let of_branch = hub.requests().iter().filter(|request| request.contains("/main/")).count();
    assert_eq!(of_branch, 2, "only the first file is asked for by branch: {:?}", hub.requests());
}

#[test]
fn goes_on_where_the_line_was_cut() {
    let cut_after = vec![2, 300_000, 300_000];
    let (hub, mut bench) = (hub(Faults { cut_after, ..Faults::default() }), Bench::new());
    let model = bench.pull(&options(&hub)).unwrap();
    assert_eq!(std::fs::read(model.onnx()).unwrap(), weights());
    let resumed: Vec<String> =
        hub.requests().into_iter().filter(|request| request.contains("from")).collect();
    assert!(resumed.iter().any(|request| request.ends_with("from 600000")), "{resumed:?}");
}

#[test]
fn a_later_pull_continues_an_earlier_one() {
    let faults = Faults { cut_after: vec![2, 400_000, 0, 0, 0, 0, 0, 0], ..Faults::default() };
    let (hub, mut bench) = (hub(faults), Bench::new());
    let error = bench.pull(&options(&hub)).unwrap_err();
    assert!(matches!(&error, StoreError::Unreachable { attempts: 5, .. }) && error.is_retryable(), "{error}");
    assert!(!bench.store.is_installed(NAME), "half a model is none");
    hub.set_faults(Faults::default());
    bench.seen.clear();
    bench.pull(&options(&hub)).unwrap();
    let resumed = bench.seen.iter().any(|progress| {
        matches!(progress, Progress::Started { resumed_bytes: 400_000, bytes_total: Some(1_000_000), .. })
    });
    assert!(resumed, "{:?}", bench.seen);
    let tokenizers = hub
        .requests()
        .iter()
        .filter(|r| r.contains("GET") && r.contains("storage") && r.contains("tokenizer"))
        .count();
    assert_eq!(tokenizers, 1, "a finished file is not fetched again");
}

#[test]
fn a_part_of_another_content_is_not_continued() {
    let faults = Faults { cut_after: vec![2, 400_000, 0, 0, 0, 0, 0, 0], ..Faults::default() };
    let (hub, mut bench) = (hub(faults), Bench::new());
    bench.pull(&options(&hub)).unwrap_err();
    let other: Vec<u8> = weights().into_iter().rev().collect();
    hub.set_file(&format!("{REPO}/onnx/model.onnx"), &other);
    hub.set_faults(Faults::default());
    let model = bench.pull(&options(&hub)).unwrap();
    assert_eq!(std::fs::read(model.onnx()).unwrap(), other);
}

#[test]
fn a_hub_that_ignores_ranges_is_started_over() {
    let faults = Faults { cut_after: vec![2, 400_000], ignore_range: true, ..Faults::default() };
    let (hub, mut bench) = (hub(faults), Bench::new());
    let model = bench.pull(&options(&hub)).unwrap();
    assert_eq!(std::fs::read(model.onnx()).unwrap(), weights());
}

#[test]
fn spoilt_content_is_fetched_once_more_and_then_refused() {
    let (hub, mut bench) = (hub(Faults { spoil: 1, ..Faults::default() }), Bench::new());
    bench.pull(&options(&hub)).unwrap();
    assert_eq!(bench.retries(), 1);

    let (hub, mut bench) = (self::hub(Faults { spoil: 9, ..Faults::default() }), Bench::new());
    let error = bench.pull(&options(&hub)).unwrap_err();
    assert!(matches!(&error, StoreError::Checksum { file, .. } if file == "model.onnx"), "{error}");
    assert!(!bench.store.is_installed(NAME));
}

#[test]
fn absent_refused_and_unreachable_differ() {
    let mut bench = Bench::new();
    let empty = Hub::start(REPO, &[], Faults::default());
    assert!(matches!(bench.pull(&options(&empty)).unwrap_err(), StoreError::NotFound { .. }));

    let forbidden = hub(Faults { statuses: vec![401], ..Faults::default() });
    assert!(matches!(bench.pull(&options(&forbidden)).unwrap_err(), StoreError::Refused { status: 401, .. }));

    let nobody = HubOptions { url: "http://127.0.0.1:9".into(), ..options(&empty) };
    let error = bench.pull(&nobody).unwrap_err();
    assert!(matches!(&error, StoreError::Unreachable { .. }) && error.is_retryable(), "{error}");
}

#[test]
fn a_hub_is_asked_once_and_fetches_nothing() {
    let (wait, bench) = (Duration::from_secs(5), Bench::new());
    let hub = hub(Faults::default());
    bench.store.ask(NAME, &options(&hub), wait).unwrap();
    assert_eq!(hub.requests().len(), 1);
    assert!(!bench.store.root().exists());
    let nobody = HubOptions { url: "http://127.0.0.1:9".into(), ..options(&hub) };
    let error = bench.store.ask(NAME, &nobody, wait).unwrap_err();
    assert!(matches!(&error, StoreError::Unreachable { attempts: 1, .. }), "{error}");
}

#[test]
fn a_model_of_a_package_is_not_asked_of_the_hub() {
    let (hub, bench) = (hub(Faults::default()), Bench::new());
    let name = "multilingual-e5-small-q4";
    let asked = bench.store.ask(name, &options(&hub), Duration::from_secs(5)).unwrap_err();
    let pulled = bench.store.pull(name, &options(&hub), &mut |_| ()).unwrap_err();
    for error in [asked, pulled, bench.store.resolve(name).unwrap_err()] {
        assert!(error.to_string().contains("`scripts/fetch-model.sh multilingual-e5-small-q4`"), "{error}");
    }
    assert!(hub.requests().is_empty());
}

#[test]
fn passing_trouble_is_retried() {
    let (hub, mut bench) = (hub(Faults { statuses: vec![503, 429, 500], ..Faults::default() }), Bench::new());
    bench.pull(&options(&hub)).unwrap();
    assert_eq!(bench.retries(), 3);
}

#[test]
fn files_without_a_promised_hash_come_too_and_say_so() {
    let faults = Faults { tell_nothing: true, cut_after: vec![1, 2, 300_000], ..Faults::default() };
    let (hub, mut bench) = (hub(faults), Bench::new());
    let model = bench.pull(&options(&hub)).unwrap();
    assert_eq!(std::fs::read(model.onnx()).unwrap(), weights(), "an answer that broke off is no file");
    assert!(bench.seen.iter().any(|progress| matches!(progress, Progress::Verified { promised: false, .. })));
}

#[test]
fn names_that_are_no_models() {
    let mut bench = Bench::new();
    let hub = hub(Faults::default());
    let error = bench.store.pull("gpt", &options(&hub), &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("multilingual-e5-base"), "{error}");
    for name in ["", "nothing", "../nothing", "..."] {
        assert!(matches!(bench.store.resolve(name), Err(StoreError::Unknown { .. })), "{name}");
    }
    std::fs::create_dir_all(bench.store.root().join(NAME)).unwrap();
    assert!(matches!(bench.pull(&options(&hub)), Err(StoreError::Model(_))));
    let listed = bench.store.list().unwrap();
    assert!(listed.iter().any(|entry| entry.name == NAME && entry.problem.is_some()));
}

#[test]
fn a_file_that_changes_after_the_first_download_is_refused() {
    let (hub, mut bench) = (hub(Faults::default()), Bench::new());
    let model = bench.pull(&options(&hub)).unwrap();
    let recorded = &model.manifest().sha256;
    assert_eq!(recorded.keys().collect::<Vec<_>>(), ["model.onnx", "tokenizer.json"]);
    std::fs::write(model.tokenizer(), "{ }").unwrap();
    let error = model.verify().unwrap_err().to_string();
    assert!(error.contains("tokenizer.json") && error.contains(&recorded["tokenizer.json"]), "{error}");
    let error = OnnxEmbedder::load(&model, EmbedderOptions::default()).err().unwrap().to_string();
    assert!(error.contains("SHA-256"), "it is not loaded: {error}");
}
