//! A folder as an exporter leaves it, without our manifest: `fixtures/tiny-e5`, built like e5 with eight words.
//!
//! Its ONNX file wants token types, and answers for token `i` the unit vector of axis `i` (nines for
//! padding, five more for another token type), so that every vector can be told by hand.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use rep_core::ports::embedder::TextKind;
use rep_embedder::{LoadError, ModelDir, SessionOptions, TextModel};

const FILES: [&str; 3] = ["model.onnx", "tokenizer.json", "config.json"];

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-e5")
}

fn load(dir: &ModelDir) -> Result<TextModel, LoadError> {
    TextModel::load(dir, Some(&support::runtime()), SessionOptions::default())
}

/// The vector of a text made of these tokens, each once.
fn of_tokens(tokens: &[usize]) -> Vec<f32> {
    let each = 1.0 / (tokens.len() as f32).sqrt();
    (0..8).map(|axis| if tokens.contains(&axis) { each } else { 0.0 }).collect()
}

#[test]
fn prefixes_and_padding_are_as_the_model_wants_them() {
    let mut model = load(&ModelDir::open(fixture()).unwrap()).unwrap();
    let texts = ["red boots", "boots", ""].map(str::to_owned);
    for (kind, prefix) in [(TextKind::Query, 4), (TextKind::Passage, 5)] {
        let vectors = model.embed(&texts, kind, 256).unwrap();
        for (row, words) in [vec![7, 6], vec![6], vec![]].into_iter().enumerate() {
            let expected = of_tokens(&[vec![0, prefix, 2], words].concat());
            let apart =
                vectors.row(row).iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-6, "{kind:?} `{}`: {} is not {expected:?}", texts[row], vectors.row(row));
        }
    }
}

#[test]
fn a_manifest_that_does_not_fit_the_weights_is_found_out_while_loading() {
    let folder = tempfile::tempdir().unwrap();
    for file in FILES {
        fs::copy(fixture().join(file), folder.path().join(file)).unwrap();
    }
    let manifest = r#"{"id":"m","dimensions":9,"maxTokens":8,"pooling":"mean","precision":"fp32"}"#;
    fs::write(folder.path().join("rep-model.json"), manifest).unwrap();
    let error = load(&ModelDir::open(folder.path()).unwrap()).err().unwrap();
    assert!(error.to_string().contains("8 dimensions, the manifest says 9"), "{error}");

    fs::write(folder.path().join("model.onnx"), "no model").unwrap();
    let error = load(&ModelDir::open(folder.path()).unwrap()).err().unwrap();
    assert!(matches!(error, LoadError::BadFile { .. }), "{error}");
}
