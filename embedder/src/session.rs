//! One ONNX session: padded token ids in, token states out. Holds the only calls into `ort` that run a model.

use ndarray::{Array2, ArrayView3, Ix3};
use ort::environment::Environment;
use ort::session::{Session, SessionInputValue};
use ort::value::{Tensor, TensorElementType};

use crate::model_dir::ModelDir;
use crate::pool::mean_pool;
use crate::tokenize::Tokens;
use crate::{LoadError, Pooling};

/// Names that exporters give to the token states, in order of preference.
const STATES: [&str; 2] = ["last_hidden_state", "token_embeddings"];

/// How a model is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOptions {
    /// Threads that share one matrix product: 1 to 64, default 1. More shortens a batch, and takes cores
    /// from everything else.
    pub intra_threads: usize,
    /// Lets int8 models run many texts at once. They quantise activations over the whole batch, so that a
    /// vector then depends on its neighbours (cosine about 0.99), against the port's promise; default
    /// `false`: one text a batch, which costs about a fifth of their throughput. Other models are not
    /// concerned.
    pub mix_int8: bool,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { intra_threads: 1, mix_int8: false }
    }
}

/// A loaded model, without its tokenizer.
pub(crate) struct OnnxSession {
    session: Session,
    inputs: Vec<Input>,
    states: String,
    pooling: Pooling,
    pad_id: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Ids,
    Mask,
    Types,
}

impl Input {
    fn named(name: &str) -> Option<Self> {
        match name {
            "input_ids" => Some(Self::Ids),
            "attention_mask" => Some(Self::Mask),
            "token_type_ids" => Some(Self::Types),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ids => "input_ids",
            Self::Mask => "attention_mask",
            Self::Types => "token_type_ids",
        }
    }
}

impl OnnxSession {
    pub(crate) fn load(
        environment: &Environment,
        dir: &ModelDir,
        pad_id: u32,
        options: SessionOptions,
    ) -> Result<Self, LoadError> {
        let bad = |reason: String| LoadError::bad_file(dir.onnx(), reason);
        let session = commit(environment, dir, options).map_err(|error| bad(error.to_string()))?;
        let inputs = inputs(&session).map_err(bad)?;
        let states = states(&session).map_err(bad)?;
        Ok(Self { session, inputs, states, pooling: dir.manifest().pooling, pad_id: i64::from(pad_id) })
    }

    /// Runs one batch: `[rows]` of tokens → `[rows, D]` unit vectors.
    pub(crate) fn run(&mut self, rows: &[&Tokens]) -> Result<Array2<f32>, String> {
        let lengths: Vec<usize> = rows.iter().map(|tokens| tokens.ids.len()).collect();
        let values = self.values(rows, &lengths).map_err(|error| error.to_string())?;
        let outputs = self.session.run(values).map_err(|error| error.to_string())?;
        let states = outputs.get(&self.states).ok_or("the model gave no token states")?;
        let states = states.try_extract_array::<f32>().map_err(|error| error.to_string())?;
        let states: ArrayView3<'_, f32> =
            states.into_dimensionality::<Ix3>().map_err(|error| error.to_string())?;
        match self.pooling {
            Pooling::Mean => mean_pool(states, &lengths),
        }
    }

    fn values(
        &self,
        rows: &[&Tokens],
        lengths: &[usize],
    ) -> ort::Result<Vec<(&'static str, SessionInputValue<'static>)>> {
        let shape = (rows.len(), lengths.iter().copied().max().unwrap_or(0));
        let fill = |input: Input| match input {
            Input::Ids => Array2::from_shape_fn(shape, |(row, at)| {
                rows[row].ids.get(at).map_or(self.pad_id, |&id| i64::from(id))
            }),
            Input::Mask => Array2::from_shape_fn(shape, |(row, at)| i64::from(at < lengths[row])),
            Input::Types => Array2::zeros(shape),
        };
        self.inputs.iter().map(|&input| Ok((input.name(), Tensor::from_array(fill(input))?.into()))).collect()
    }
}

fn commit(environment: &Environment, dir: &ModelDir, options: SessionOptions) -> ort::Result<Session> {
    Session::builder(environment)?
        .with_intra_threads(options.intra_threads)?
        .with_intra_op_spinning(false)?
        .commit_from_file(dir.onnx())
}

fn inputs(session: &Session) -> Result<Vec<Input>, String> {
    let named = session.inputs().iter().map(|outlet| {
        Input::named(outlet.name())
            .ok_or_else(|| format!("it wants an input `{}`, which is unknown", outlet.name()))
    });
    let inputs: Vec<Input> = named.collect::<Result<_, _>>()?;
    if !(inputs.contains(&Input::Ids) && inputs.contains(&Input::Mask)) {
        return Err("it lacks the inputs `input_ids` and `attention_mask`".into());
    }
    Ok(inputs)
}

/// The output with the token states: by name, else the first of rank 3.
fn states(session: &Session) -> Result<String, String> {
    let of_rank_3 = |outlet: &&ort::value::Outlet| {
        outlet.dtype().tensor_type() == Some(TensorElementType::Float32)
            && outlet.dtype().tensor_shape().is_some_and(|shape| shape.len() == 3)
    };
    let candidates: Vec<&str> =
        session.outputs().iter().filter(of_rank_3).map(|outlet| outlet.name()).collect();
    let named = STATES.iter().find(|name| candidates.contains(*name)).copied();
    named
        .or(candidates.first().copied())
        .map(str::to_owned)
        .ok_or_else(|| "it has no float32 output [batch, sequence, hidden]".into())
}
