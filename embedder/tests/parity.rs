//! Our vectors are the reference implementation's: goldens made once, compared by cosine.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use rep_core::ports::embedder::TextKind;
use rep_embedder::TextModel;

use support::goldens::{Golden, load, texts};

fn goldens() -> Vec<Golden> {
    support::goldens::goldens(include_str!("goldens/all-MiniLM-L6-v2.json"))
}

fn model() -> TextModel {
    load(&support::english_model())
}

#[test]
fn agrees_with_the_reference_one_by_one_and_in_a_batch() {
    let (mut model, goldens) = (model(), goldens());
    let texts = texts(&goldens);
    let together = model.embed(&texts, TextKind::Passage, 4096).unwrap();
    for (row, golden) in goldens.iter().enumerate() {
        let alone = model.embed(&texts[row..=row], TextKind::Query, 256).unwrap();
        for vector in [together.row(row), alone.row(0)] {
            let cosine = golden.cosine(vector);
            assert!(cosine > 0.9999, "`{}`: {cosine}", golden.text);
            assert!((vector.dot(&vector).sqrt() - 1.0).abs() < 1e-5);
        }
    }
}

#[test]
fn a_vector_does_not_depend_on_its_neighbours() {
    let mut model = model();
    let texts = texts(&goldens());
    let widest = model.embed(&texts, TextKind::Query, 65_536).unwrap();
    let narrow = model.embed(&texts, TextKind::Query, 1).unwrap();
    let apart = (&widest - &narrow).iter().fold(0.0f32, |worst, apart| worst.max(apart.abs()));
    assert!(apart < 1e-6, "components differ by {apart}");
}

#[test]
fn meaning_is_near() {
    let texts =
        ["waterproof hiking boots", "rain-proof trekking shoes", "espresso machine"].map(str::to_owned);
    let vectors = model().embed(&texts, TextKind::Query, 256).unwrap();
    let near = vectors.row(0).dot(&vectors.row(1));
    let far = vectors.row(0).dot(&vectors.row(2));
    assert!(near > far + 0.3, "{near} and {far}");
}
