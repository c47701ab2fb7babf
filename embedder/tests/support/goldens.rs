//! Texts with the vectors that a reference implementation gave them, for the parity tests.

use ndarray::{ArrayView1, aview1};
use rep_core::ports::embedder::TextKind;
use rep_embedder::{ModelDir, SessionOptions, TextModel};
use serde::Deserialize;

/// A text, and what the reference made of it.
#[derive(Deserialize)]
pub(crate) struct Golden {
    pub(crate) text: String,
    /// Absent where the model embeds queries and passages alike.
    #[serde(default = "passage")]
    pub(crate) kind: TextKind,
    /// Its tokens, prefix included, where the reference gave them.
    #[serde(default)]
    pub(crate) ids: Vec<u32>,
    vector: Vec<f32>,
}

fn passage() -> TextKind {
    TextKind::Passage
}

impl Golden {
    /// Cosine of the reference's vector and `vector`.
    pub(crate) fn cosine(&self, vector: ArrayView1<'_, f32>) -> f32 {
        let golden = aview1(&self.vector);
        golden.dot(&vector) / (golden.dot(&golden) * vector.dot(&vector)).sqrt()
    }
}

/// Those of a file in `goldens/`, of which there is at least one.
pub(crate) fn goldens(json: &str) -> Vec<Golden> {
    #[derive(Deserialize)]
    struct Goldens {
        texts: Vec<Golden>,
    }
    let goldens: Goldens = serde_json::from_str(json).unwrap();
    assert!(!goldens.texts.is_empty());
    goldens.texts
}

/// The texts alone.
pub(crate) fn texts<'a>(goldens: impl IntoIterator<Item = &'a Golden>) -> Vec<String> {
    goldens.into_iter().map(|golden| golden.text.clone()).collect()
}

/// The model in `dir`, in the library that was fetched.
pub(crate) fn load(dir: &ModelDir) -> TextModel {
    TextModel::load(dir, Some(&super::runtime()), SessionOptions::default()).unwrap()
}
