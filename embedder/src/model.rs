//! A loaded model that embeds on the calling thread: tokenizer, session and manifest together.

use std::path::Path;

use ndarray::Array2;
use rep_core::ports::embedder::{EmbedError, TextKind};

use crate::batch::{BatchBudget, plan};
use crate::centres::Centres;
use crate::runtime::{environment, locate_runtime};
use crate::session::OnnxSession;
use crate::tokenize::{TextTokenizer, Tokens};
use crate::{LoadError, Manifest, ModelDir, Precision, SessionOptions};

/// Rows of a batch are bounded by tokens first; this bounds many very short ones.
const BATCH_ROWS_MAX: usize = 64;

/// A model ready to run, one batch at a time, on the thread that calls it.
///
/// Servers use [`OnnxEmbedder`](crate::OnnxEmbedder), which queues and coalesces; this is for benchmarks and
/// one-off commands.
pub struct TextModel {
    manifest: Manifest,
    tokenizer: TextTokenizer,
    session: OnnxSession,
    centres: Option<Centres>,
    rows_max: usize,
}

impl TextModel {
    /// Loads runtime, tokenizer and weights, and embeds one text to see that the widths agree. Blocks for
    /// about a second per gigabyte of weights. `runtime` as in [`locate_runtime`].
    pub fn load(dir: &ModelDir, runtime: Option<&Path>, options: SessionOptions) -> Result<Self, LoadError> {
        if !(1..=64).contains(&options.intra_threads) {
            let reason = format!("must be 1 to 64, got {}", options.intra_threads);
            return Err(LoadError::BadOption { option: "intra_threads", reason });
        }
        let tokenizer = TextTokenizer::load(dir.tokenizer(), dir.manifest().max_tokens)?;
        let environment = environment(&locate_runtime(runtime)?)?;
        let session = OnnxSession::load(environment, dir, tokenizer.pad_id(), options)?;
        let manifest = dir.manifest().clone();
        let centres = manifest.centres.as_ref().map(|file| dir.path().join(file));
        let centres = centres.map(|path| Centres::load(&path, manifest.dimensions)).transpose()?;
        let mixes = manifest.precision == Precision::Fp32 || options.mix_int8;
        let rows_max = if mixes { BATCH_ROWS_MAX } else { 1 };
        let mut model = Self { manifest, tokenizer, session, centres, rows_max };
        model.try_out().map_err(|reason| LoadError::bad_file(dir.onnx(), reason))?;
        Ok(model)
    }

    /// What the model says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Embeds `texts` in batches of at most `batch_tokens_max` tokens: `[n]` → `[n, D]`, order kept.
    pub fn embed(
        &mut self,
        texts: &[String],
        kind: TextKind,
        batch_tokens_max: usize,
    ) -> Result<Array2<f32>, EmbedError> {
        let tokens: Result<Vec<Tokens>, String> = texts.iter().map(|text| self.encode(text, kind)).collect();
        let tokens = tokens.map_err(EmbedError::Failed)?;
        let lengths: Vec<usize> = tokens.iter().map(|tokens| tokens.ids.len()).collect();
        let mut vectors = Array2::zeros((texts.len(), self.manifest.dimensions));
        for rows in plan(&lengths, self.budget(batch_tokens_max)) {
            let batch: Vec<&Tokens> = rows.iter().map(|&row| &tokens[row]).collect();
            let part = self.run(&batch).map_err(EmbedError::Failed)?;
            for (&row, vector) in rows.iter().zip(part.outer_iter()) {
                vectors.row_mut(row).assign(&vector);
            }
        }
        Ok(vectors)
    }

    /// Bounds of a batch that keep this model's vectors independent of their neighbours.
    pub(crate) fn budget(&self, tokens_max: usize) -> BatchBudget {
        BatchBudget { tokens_max, rows_max: self.rows_max }
    }

    pub(crate) fn encode(&self, text: &str, kind: TextKind) -> Result<Tokens, String> {
        self.tokenizer.encode(kind, self.manifest.prefix(kind), text)
    }

    /// One batch as it is, `[rows]` → `[rows, D]`.
    pub(crate) fn run(&mut self, batch: &[&Tokens]) -> Result<Array2<f32>, String> {
        let mut vectors = self.session.run(batch)?;
        if vectors.ncols() != self.manifest.dimensions {
            let (got, said) = (vectors.ncols(), self.manifest.dimensions);
            return Err(format!("it makes vectors of {got} dimensions, the manifest says {said}"));
        }
        if let Some(centres) = &self.centres {
            centres.take_off(batch, &mut vectors);
        }
        Ok(vectors)
    }

    fn try_out(&mut self) -> Result<(), String> {
        let tokens = self.encode("a", TextKind::Query)?;
        self.run(&[&tokens]).map(drop)
    }
}
