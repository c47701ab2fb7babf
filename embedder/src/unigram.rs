//! A SentencePiece unigram vocabulary in a few megabytes.
//!
//! `tokenizers` keeps such a vocabulary in a trie of hash maps: 280 MB for the 250,000 pieces of multilingual e5. Here the
//! pieces lie sorted in one string, and the pieces that begin at a place of a text are found by halving. Normalisation,
//! splitting and special tokens stay those of `tokenizers`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokenizers::models::unigram::UnigramTrainer;
use tokenizers::{Model, Result, Token};

/// How much worse than the worst piece an unknown character is, as in SentencePiece.
const UNKNOWN_PENALTY: f64 = 10.0;

/// The `model` of a `tokenizer.json`, as far as it is a unigram one without bytes to fall back on.
#[derive(Deserialize)]
struct File {
    unk_id: u32,
    vocab: Vec<(String, f64)>,
}

/// The vocabulary; reads the same text into the same ids as `tokenizers::models::unigram::Unigram`.
#[derive(Deserialize)]
#[serde(try_from = "File")]
pub(crate) struct CompactUnigram {
    /// All pieces, in order of their bytes; piece `n` ends at `ends[n]`.
    text: Box<str>,
    ends: Box<[u32]>,
    ids: Box<[u32]>,
    scores: Box<[f64]>,
    /// Of an id, where its piece is.
    places: Box<[u32]>,
    unknown_id: u32,
    unknown_score: f64,
}

impl TryFrom<File> for CompactUnigram {
    type Error = String;

    fn try_from(File { unk_id, vocab }: File) -> std::result::Result<Self, String> {
        let bytes: usize = vocab.iter().map(|(piece, _)| piece.len()).sum();
        if u32::try_from(bytes.max(vocab.len())).is_err() {
            return Err("the vocabulary is too large".to_owned());
        }
        if vocab.get(unk_id as usize).is_none() {
            return Err(format!("`unk_id` is {unk_id}, of {} pieces", vocab.len()));
        }
        let mut order: Vec<u32> = (0..vocab.len() as u32).collect();
        order.sort_by(|a, b| vocab[*a as usize].0.cmp(&vocab[*b as usize].0));
        let mut places = vec![0; vocab.len()];
        let (mut text, mut ends, mut ids, mut scores) =
            (String::with_capacity(bytes), vec![], vec![], vec![]);
        for id in order {
            let (piece, score) = &vocab[id as usize];
            let is_again = ids.last().is_some_and(|last: &u32| vocab[*last as usize].0 == *piece);
            if is_again {
                // A piece that is there twice has its last id, and that id's score.
                ids.pop();
                scores.pop();
            } else {
                text.push_str(piece);
                ends.push(text.len() as u32);
            }
            ids.push(id);
            scores.push(*score);
            places[id as usize] = ids.len() as u32 - 1;
        }
        let worst = vocab.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
        Ok(Self {
            text: text.into(),
            ends: ends.into(),
            ids: ids.into(),
            scores: scores.into(),
            places: places.into(),
            unknown_id: unk_id,
            unknown_score: worst - UNKNOWN_PENALTY,
        })
    }
}

/// The best way to reach a place of a text.
#[derive(Clone, Copy)]
struct Reached {
    score: f64,
    from: usize,
    id: u32,
}

impl CompactUnigram {
    fn piece(&self, place: usize) -> &str {
        let begin = if place == 0 { 0 } else { self.ends[place - 1] as usize };
        &self.text[begin..self.ends[place] as usize]
    }

    fn place_of(&self, piece: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.piece(middle).cmp(piece) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// Calls `found` with the place and length of each piece that `text` begins with, the shortest first.
    fn beginnings(&self, text: &[u8], mut found: impl FnMut(usize, usize)) {
        let (mut low, mut high) = (0, self.ends.len());
        for (at, byte) in text.iter().enumerate() {
            // All from `low` to `high` agree with the text so far; one that ends here sorts first, as `None`.
            low = self.first(low, high, |piece| piece.get(at).is_some_and(|own| own >= byte));
            high = self.first(low, high, |piece| piece.get(at).is_some_and(|own| own > byte));
            if low == high {
                return;
            }
            if self.piece(low).len() == at + 1 {
                found(low, at + 1);
            }
        }
    }

    /// The first place from `low` to `high` whose piece `is_past`.
    fn first(&self, mut low: usize, mut high: usize, is_past: impl Fn(&[u8]) -> bool) -> usize {
        while low < high {
            let middle = low + (high - low) / 2;
            if is_past(self.piece(middle).as_bytes()) { high = middle } else { low = middle + 1 }
        }
        low
    }

    /// The most likely pieces of `text` as ids and ranges of bytes; unknown characters in a row are one.
    fn split(&self, text: &str) -> Vec<(u32, usize, usize)> {
        let mut reached: Vec<Option<Reached>> = vec![None; text.len() + 1];
        let better = |there: &mut Option<Reached>, new: Reached| {
            if there.is_none_or(|there| new.score > there.score) {
                *there = Some(new);
            }
        };
        for (at, char) in text.char_indices() {
            let before = reached[at].map_or(0.0, |reached| reached.score);
            let mut is_known = false;
            self.beginnings(&text.as_bytes()[at..], |place, length| {
                let new = Reached { score: before + self.scores[place], from: at, id: self.ids[place] };
                better(&mut reached[at + length], new);
                is_known |= length == char.len_utf8();
            });
            if !is_known {
                let new = Reached { score: before + self.unknown_score, from: at, id: self.unknown_id };
                better(&mut reached[at + char.len_utf8()], new);
            }
        }
        let mut pieces: Vec<(u32, usize, usize)> = Vec::new();
        let mut end = text.len();
        while end > 0 {
            let Some(Reached { from, id, .. }) = reached[end] else { break };
            match pieces.last_mut() {
                Some(last) if id == self.unknown_id && last.0 == id => last.1 = from,
                _ => pieces.push((id, from, end)),
            }
            end = from;
        }
        pieces.reverse();
        pieces
    }
}

impl Model for CompactUnigram {
    type Trainer = UnigramTrainer;

    fn tokenize(&self, text: &str) -> Result<Vec<Token>> {
        let pieces = self.split(text).into_iter();
        Ok(pieces.map(|(id, from, to)| Token::new(id, text[from..to].to_owned(), (from, to))).collect())
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.place_of(token).map(|place| self.ids[place])
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        self.places.get(id as usize).map(|place| self.piece(*place as usize).to_owned())
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        (0..self.ids.len()).map(|place| (self.piece(place).to_owned(), self.ids[place])).collect()
    }

    fn get_vocab_size(&self) -> usize {
        self.places.len()
    }

    fn save(&self, _: &Path, _: Option<&str>) -> Result<Vec<PathBuf>> {
        Err("a vocabulary is read here, never written".into())
    }

    fn get_trainer(&self) -> UnigramTrainer {
        UnigramTrainer::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokenizers::models::unigram::Unigram;

    use super::*;

    fn vocabulary() -> Vec<(String, f64)> {
        let pieces = [
            ("<unk>", 0.0),
            ("▁", -2.0),
            ("a", -4.0),
            ("ab", -4.5),
            ("abc", -5.0),
            ("b", -4.0),
            ("bc", -4.2),
            ("▁a", -3.0),
            ("등", -5.0),
            ("산", -5.0),
            ("등산", -6.0),
            ("등산화", -7.5),
            ("ab", -4.6),
            ("é", -6.0),
        ];
        pieces.map(|(piece, score)| (piece.to_owned(), score)).to_vec()
    }

    fn compact() -> CompactUnigram {
        CompactUnigram::try_from(File { unk_id: 0, vocab: vocabulary() }).unwrap()
    }

    proptest! {
        #[test]
        fn reads_as_the_library_does(text in "[abc▁등산화é漢😀]{0,24}") {
            let reference = Unigram::from(vocabulary(), Some(0), false).unwrap();
            prop_assert_eq!(compact().tokenize(&text).unwrap(), reference.tokenize(&text).unwrap());
        }
    }

    #[test]
    fn ids_and_pieces_belong_together() {
        let compact = compact();
        assert_eq!(compact.token_to_id("등산"), Some(10));
        assert_eq!(compact.token_to_id("ab"), Some(12), "a piece that is there twice has its last id");
        assert_eq!(compact.token_to_id("x"), None);
        assert_eq!(compact.id_to_token(11).as_deref(), Some("등산화"));
        assert_eq!((compact.id_to_token(14), compact.get_vocab_size()), (None, 14));
        assert_eq!(compact.get_vocab().len(), 13);
        assert!(CompactUnigram::try_from(File { unk_id: 14, vocab: vocabulary() }).is_err());
    }
}
