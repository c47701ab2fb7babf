//! Text to token ids: prefix, cut at the model's maximum, never padded here.

use std::path::Path;

use rep_core::ports::embedder::TextKind;
use serde::Deserialize;
use tokenizers::{
    DecoderWrapper, Model, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, Tokenizer,
    TokenizerImpl, TruncationParams,
};

use crate::LoadError;
use crate::centres::Place;
use crate::unigram::CompactUnigram;

/// Text beyond this many bytes a token is cut before the tokenizer sees it: a 1 MiB text costs no more than
/// the part of it that a model can read. Ordinary words need 2 to 8.
const BYTES_PER_TOKEN_MAX: usize = 64;

/// One text as the model sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tokens {
    /// Ids with special tokens; 1 to `max_tokens` of them.
    pub(crate) ids: Vec<u32>,
    /// Whether the text was longer than the model's maximum.
    pub(crate) cut: bool,
    /// Which of the model's centres is this text's.
    pub(crate) place: Place,
}

/// As [`Tokenizer`], with a vocabulary of our own.
type Compact = TokenizerImpl<
    CompactUnigram,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    DecoderWrapper,
>;

/// What of a `tokenizer.json` says how it must be read.
#[derive(Deserialize)]
struct Kind {
    model: ModelKind,
}

#[derive(Deserialize)]
struct ModelKind {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    byte_fallback: bool,
}

/// A tokenizer by its vocabulary.
enum Loaded {
    Compact(Box<Compact>),
    Other(Box<Tokenizer>),
}

/// A model's tokenizer, set up for embedding.
pub(crate) struct TextTokenizer {
    tokenizer: Loaded,
    max_tokens: usize,
    pad_id: u32,
}

impl TextTokenizer {
    /// Reads `tokenizer.json`; its own padding and truncation settings are replaced.
    pub(crate) fn load(path: &Path, max_tokens: usize) -> Result<Self, LoadError> {
        let bad = |error: &dyn std::fmt::Display| LoadError::bad_file(path, error);
        let text = std::fs::read(path).map_err(|error| bad(&error))?;
        let Kind { model } = serde_json::from_slice(&text).map_err(|error| bad(&error))?;
        let (tokenizer, pad_id) = if model.kind == "Unigram" && !model.byte_fallback {
            let mut compact: Compact = serde_json::from_slice(&text).map_err(|error| bad(&error))?;
            let pad_id = set_up(&mut compact, max_tokens).map_err(|error| bad(&error))?;
            (Loaded::Compact(Box::new(compact)), pad_id)
        } else {
            let mut other = Tokenizer::from_bytes(&text).map_err(|error| bad(&error))?;
            let pad_id = set_up(&mut other, max_tokens).map_err(|error| bad(&error))?;
            (Loaded::Other(Box::new(other)), pad_id)
        };
        Ok(Self { tokenizer, max_tokens, pad_id })
    }

    /// The id that fills short rows of a batch. Some models read positions from it: it must be their own.
    pub(crate) fn pad_id(&self) -> u32 {
        self.pad_id
    }

    /// Tokens of `prefix` and `text`, a text of `kind`, together.
    pub(crate) fn encode(&self, kind: TextKind, prefix: &str, text: &str) -> Result<Tokens, String> {
        let head = head(text, self.max_tokens * BYTES_PER_TOKEN_MAX);
        let whole = if prefix.is_empty() { head.into() } else { format!("{prefix}{head}") };
        let encoding = match &self.tokenizer {
            Loaded::Compact(tokenizer) => tokenizer.encode_fast(whole, true),
            Loaded::Other(tokenizer) => tokenizer.encode_fast(whole, true),
        };
        let encoding = encoding.map_err(|error| error.to_string())?;
        let cut = head.len() < text.len() || !encoding.get_overflowing().is_empty();
        let ids = encoding.get_ids().to_vec();
        if ids.is_empty() {
            return Err("the tokenizer gave no token, not even a special one".into());
        }
        Ok(Tokens { ids, cut, place: Place::of(kind, head) })
    }
}

/// Cuts at `max_tokens`, pads nothing; gives the id of padding.
fn set_up<M: Model>(
    tokenizer: &mut TokenizerImpl<
        M,
        NormalizerWrapper,
        PreTokenizerWrapper,
        PostProcessorWrapper,
        DecoderWrapper,
    >,
    max_tokens: usize,
) -> tokenizers::Result<u32> {
    let named = ["<pad>", "[PAD]"].iter().find_map(|token| tokenizer.token_to_id(token));
    let pad_id = named.or(tokenizer.get_padding().map(|padding| padding.pad_id)).unwrap_or(0);
    let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation))?;
    tokenizer.with_padding(None);
    Ok(pad_id)
}

fn head(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Like XLM-RoBERTa's: Unigram, `<pad>` is 1; its file has limits of its own, which must not count.
    fn tokenizer(max_tokens: usize) -> TextTokenizer {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-e5/tokenizer.json");
        TextTokenizer::load(Path::new(path), max_tokens).unwrap()
    }

    #[test]
    fn puts_the_prefix_first_and_ignores_the_files_own_limits() {
        let tokenizer = tokenizer(8);
        let query = tokenizer.encode(TextKind::Query, "query: ", "red boots").unwrap();
        assert_eq!((query.ids, query.cut), (vec![0, 4, 7, 6, 2], false));
        assert_eq!(tokenizer.encode(TextKind::Passage, "passage: ", "boots").unwrap().ids, [0, 5, 6, 2]);
        assert_eq!(tokenizer.encode(TextKind::Query, "", "").unwrap().ids, [0, 2]);
        assert_eq!(tokenizer.pad_id(), 1);
    }

    #[test]
    fn cuts_at_the_maximum_and_says_so() {
        let tokenizer = tokenizer(5);
        let full = tokenizer.encode(TextKind::Query, "query: ", "red boots").unwrap();
        assert!(!full.cut);
        let cut = tokenizer.encode(TextKind::Query, "query: ", "red boots red").unwrap();
        assert_eq!((cut.ids, cut.cut), (full.ids, true));
        let huge = "red ".repeat(1 << 18);
        let cut = tokenizer.encode(TextKind::Query, "", &huge).unwrap();
        assert_eq!((cut.ids.len(), cut.cut), (5, true));
    }

    #[test]
    fn cuts_on_a_character_boundary() {
        assert_eq!(head("한국어", 4), "한");
        assert_eq!(head("abc", 9), "abc");
    }
}
