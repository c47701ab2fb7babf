//! What all vectors of a kind and script share, taken off: `centres.json`.
//!
//! Vectors of e5 lie in a narrow cone, and those of one language in a narrower one: a Korean query is nearer to anything
//! Korean than to what it means in English. Without the mean of their kind and script, directions spread and languages
//! meet. The means belong to the model, not to a catalogue: a vector never depends on what else is sold.
//!
//! Source of the idea: Mu and Viswanath, "All-but-the-Top: Simple and Effective Postprocessing for Word Representations",
//! ICLR 2018; Roy et al., "LAReQA: Language-Agnostic Answer Retrieval from a Multilingual Pool", EMNLP 2020.

use std::path::Path;

use ndarray::{Array2, Zip};
use rep_core::ports::embedder::TextKind;
use serde::Deserialize;

use crate::LoadError;
use crate::tokenize::Tokens;

/// A file beyond this is none: four rows of 8,192 numbers.
const BYTES_MAX: u64 = 1 << 20;
/// A syllable of Hangul says about as much as two Latin letters.
const HANGUL_WEIGHT: f32 = 2.0;
/// A vector nearer to its centre than this has no direction of its own: it keeps the one it has.
const NORM_MIN: f32 = 1e-3;

/// The centres of a model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Centres {
    query: ByScript,
    passage: ByScript,
}

/// `[D]` each: the mean of texts in Hangul, and of texts in any other script.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByScript {
    hangul: Vec<f32>,
    other: Vec<f32>,
}

/// Which centre is a text's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Place {
    is_passage: bool,
    /// Share of Hangul among the letters, 0 to 1.
    hangul: f32,
}

impl Place {
    pub(crate) fn of(kind: TextKind, text: &str) -> Self {
        let (mut hangul, mut others) = (0.0, 0.0);
        for letter in text.chars().filter(|char| char.is_alphabetic()) {
            if is_hangul(letter) { hangul += HANGUL_WEIGHT } else { others += 1.0 }
        }
        let hangul = if hangul > 0.0 { hangul / (hangul + others) } else { 0.0 };
        Self { is_passage: kind == TextKind::Passage, hangul }
    }
}

fn is_hangul(char: char) -> bool {
    matches!(char, '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7a3}')
}

impl Centres {
    /// Reads the file at `path`, whose rows must be of `dimensions` finite numbers.
    pub(crate) fn load(path: &Path, dimensions: usize) -> Result<Self, LoadError> {
        let bad = |reason: String| LoadError::bad_file(path, reason);
        let size = path.metadata().map_err(|error| bad(error.to_string()))?.len();
        if size > BYTES_MAX {
            return Err(bad(format!("{size} bytes are too many for centres")));
        }
        let text = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
        let centres: Self = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        for row in [&centres.query, &centres.passage].into_iter().flat_map(|by| [&by.hangul, &by.other]) {
            if row.len() != dimensions || row.iter().any(|number| !number.is_finite()) {
                return Err(bad(format!("a centre must be {dimensions} finite numbers, got {}", row.len())));
            }
        }
        Ok(centres)
    }

    /// Takes the centres off unit vectors, `[rows, D]`, one for each of `tokens`; they are unit vectors again.
    pub(crate) fn take_off(&self, tokens: &[&Tokens], vectors: &mut Array2<f32>) {
        for (tokens, mut vector) in tokens.iter().zip(vectors.rows_mut()) {
            let Place { is_passage, hangul } = tokens.place;
            let by = if is_passage { &self.passage } else { &self.query };
            let mut off = vector.to_owned();
            Zip::from(&mut off).and(&by.hangul[..]).and(&by.other[..]).for_each(|number, korean, other| {
                *number -= hangul * korean + (1.0 - hangul) * other;
            });
            let norm = off.dot(&off).sqrt();
            if norm >= NORM_MIN {
                vector.assign(&(off / norm));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    const FILE: &str =
        r#"{"query":{"hangul":[0,0.6],"other":[0.6,0]},"passage":{"hangul":[0,0.8],"other":[0.8,0]}}"#;

    fn loaded(text: &str) -> Result<Centres, LoadError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("centres.json");
        std::fs::write(&path, text).unwrap();
        Centres::load(&path, 2)
    }

    fn taken_off(kind: TextKind, text: &str, vector: [f32; 2]) -> [f32; 2] {
        let tokens = Tokens { place: Place::of(kind, text), ..Tokens::default() };
        let mut vectors = array![vector];
        loaded(FILE).unwrap().take_off(&[&tokens], &mut vectors);
        [vectors[[0, 0]], vectors[[0, 1]]]
    }

    #[test]
    fn each_kind_and_script_has_its_own_centre() {
        let near = |a: [f32; 2], b: [f32; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near(taken_off(TextKind::Query, "boots", [0.6, 0.8]), [0.0, 1.0]));
        assert!(near(taken_off(TextKind::Passage, "boots 42", [0.8, 0.6]), [0.0, 1.0]));
        assert!(near(taken_off(TextKind::Query, "등산화", [0.8, 0.6]), [1.0, 0.0]));
        assert!(near(taken_off(TextKind::Passage, "등산화", [0.6, 0.8]), [1.0, 0.0]));
        // Half and half: two syllables weigh as much as four letters.
        let half = taken_off(TextKind::Query, "boot 신발", [0.6, 0.8]);
        assert!(near(half, [0.3 / 0.34_f32.sqrt(), 0.5 / 0.34_f32.sqrt()]), "{half:?}");
        assert!(near(taken_off(TextKind::Query, "42", [0.6, 0.8]), [0.0, 1.0]), "no letters are not Hangul");
    }

    #[test]
    fn what_lies_on_its_centre_keeps_its_direction() {
        let file = r#"{"query":{"hangul":[0,1],"other":[1,0]},"passage":{"hangul":[0,1],"other":[1,0]}}"#;
        let tokens = Tokens { place: Place::of(TextKind::Query, "boots"), ..Tokens::default() };
        let mut vectors = array![[1.0, 0.0]];
        loaded(file).unwrap().take_off(&[&tokens], &mut vectors);
        assert_eq!(vectors, array![[1.0, 0.0]]);
    }

    #[test]
    fn what_does_not_fit_the_model_is_refused() {
        for file in [FILE.replace("[0,0.6]", "[0]"), FILE.replace("hangul", "hangeul"), "{}".to_owned()] {
            assert!(matches!(loaded(&file), Err(LoadError::BadFile { .. })), "{file}");
        }
    }
}
