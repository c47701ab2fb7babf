//! The embedder of this house: a bounded queue in front of one or more worker threads.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ndarray::Array2;
use parking_lot::Mutex;
use rep_core::ModelId;
use rep_core::ports::embedder::{EmbedError, Embedder, TextKind};

use crate::job::{Job, Reply};
use crate::metrics;
use crate::queue::{Queue, stopped};
use crate::worker::Worker;
use crate::{LoadError, Manifest, ModelDir, SessionOptions, TextModel};

/// Texts that one call has in the queue at a time: two chunks, so that a worker never idles between them.
const CHUNK_TEXTS: usize = 32;
const CHUNKS_IN_FLIGHT: usize = 2;

/// How an [`OnnxEmbedder`] runs. Every field has a default that suits one core.
#[derive(Clone, Debug)]
pub struct EmbedderOptions {
    /// ONNX Runtime's library; `None`: as [`locate_runtime`](crate::locate_runtime) finds it.
    pub runtime: Option<PathBuf>,
    /// How each session runs.
    pub session: SessionOptions,
    /// Worker threads, 1 to 16, each with its own copy of the model in memory; default 1.
    pub workers: usize,
    /// Padded tokens a batch, 16 to 65,536; default 256. Measured: throughput is flat from about 100 on, and
    /// a search may have to wait for one batch of passages.
    pub batch_tokens_max: usize,
    /// Texts that may wait in each lane (queries, passages), 64 to 65,536; default 1,024. Beyond it callers
    /// get [`EmbedError::Overloaded`].
    pub queue_texts_max: usize,
    /// Longest wait for up to 32 queries; default 2 s.
    pub query_wait_max: Duration,
    /// Longest wait for up to 32 passages; default 60 s.
    pub passage_wait_max: Duration,
}

impl Default for EmbedderOptions {
    fn default() -> Self {
        Self {
            runtime: None,
            session: SessionOptions::default(),
            workers: 1,
            batch_tokens_max: 256,
            queue_texts_max: 1024,
            query_wait_max: Duration::from_secs(2),
            passage_wait_max: Duration::from_secs(60),
        }
    }
}

impl EmbedderOptions {
    fn check(&self) -> Result<(), LoadError> {
        let within = |option, value: usize, range: std::ops::RangeInclusive<usize>| {
            if range.contains(&value) {
                return Ok(());
            }
            let reason = format!("must be {} to {}, got {value}", range.start(), range.end());
            Err(LoadError::BadOption { option, reason })
        };
        within("workers", self.workers, 1..=16)?;
        within("batch_tokens_max", self.batch_tokens_max, 16..=65_536)?;
        within("queue_texts_max", self.queue_texts_max, CHUNK_TEXTS * CHUNKS_IN_FLIGHT..=65_536)
    }

    fn wait_max(&self, kind: TextKind) -> Duration {
        match kind {
            TextKind::Query => self.query_wait_max,
            TextKind::Passage => self.passage_wait_max,
        }
    }
}

/// Embeds on threads of its own. Concurrent calls share batches; queries go before passages.
///
/// Cheap to share in an `Arc`. Dropping it, or [`OnnxEmbedder::shut_down`], ends the workers after the batch
/// they are in.
pub struct OnnxEmbedder {
    manifest: Manifest,
    options: EmbedderOptions,
    queue: Arc<Queue>,
    // Taken once, by whoever shuts down.
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl OnnxEmbedder {
    /// Loads the model (once a worker) and starts the workers. Blocks for about a second per gigabyte of
    /// weights: call it from a blocking thread.
    pub fn load(dir: &ModelDir, options: EmbedderOptions) -> Result<Self, LoadError> {
        options.check()?;
        let manifest = dir.manifest().clone();
        let queue = Arc::new(Queue::new(options.queue_texts_max));
        // Made before its threads, so that they end with it if a later one cannot start.
        let embedder = Self { manifest, queue, workers: Mutex::default(), options };
        for number in 0..embedder.options.workers {
            let model = TextModel::load(dir, embedder.options.runtime.as_deref(), embedder.options.session)?;
            let budget = model.budget(embedder.options.batch_tokens_max);
            let worker = Worker::new(model, embedder.queue.clone(), budget);
            let thread = std::thread::Builder::new().name(format!("embed-{number}"));
            let handle = thread.spawn(move || worker.run()).map_err(LoadError::Thread)?;
            embedder.workers.lock().push(handle);
        }
        let (id, dimensions) = (&embedder.manifest.id, embedder.manifest.dimensions);
        tracing::info!(model = %id, dimensions, workers = embedder.options.workers, "embedding model is ready");
        Ok(embedder)
    }

    /// What the model says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Refuses new texts, fails those that wait, and blocks until the workers have ended: at most one batch
    /// each. May be called again.
    pub fn shut_down(&self) {
        self.queue.close();
        let workers = std::mem::take(&mut *self.workers.lock());
        for worker in workers {
            if worker.join().is_err() {
                tracing::error!("an embedding worker had panicked");
            }
        }
    }

    fn submit(&self, texts: &[String], kind: TextKind) -> Result<Reply, EmbedError> {
        let (items, reply) = Job::split(texts, self.manifest.dimensions);
        self.queue.push(kind, items)?;
        Ok(reply)
    }

    async fn receive(&self, reply: Reply, kind: TextKind) -> Result<Array2<f32>, EmbedError> {
        let wait_max = self.options.wait_max(kind);
        match tokio::time::timeout(wait_max, reply).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_dropped)) => Err(stopped()),
            Err(_elapsed) => Err(EmbedError::Overloaded(format!("no answer within {wait_max:?}"))),
        }
    }

    async fn embed_chunks(&self, texts: &[String], kind: TextKind) -> Result<Array2<f32>, EmbedError> {
        let mut vectors = Array2::zeros((texts.len(), self.manifest.dimensions));
        let mut in_flight: VecDeque<(usize, Reply)> = VecDeque::new();
        let mut chunks = texts.chunks(CHUNK_TEXTS).enumerate().peekable();
        loop {
            if let Some((number, chunk)) = chunks.next_if(|_| in_flight.len() < CHUNKS_IN_FLIGHT) {
                in_flight.push_back((number * CHUNK_TEXTS, self.submit(chunk, kind)?));
                continue;
            }
            let Some((start, reply)) = in_flight.pop_front() else { return Ok(vectors) };
            let part = self.receive(reply, kind).await?;
            for (row, vector) in part.outer_iter().enumerate() {
                vectors.row_mut(start + row).assign(&vector);
            }
        }
    }
}

#[async_trait]
impl Embedder for OnnxEmbedder {
    fn model(&self) -> &ModelId {
        &self.manifest.id
    }

    fn dimensions(&self) -> usize {
        self.manifest.dimensions
    }

    async fn embed(&self, texts: &[String], kind: TextKind) -> Result<Array2<f32>, EmbedError> {
        let started = Instant::now();
        let answer = self.embed_chunks(texts, kind).await;
        metrics::answered(kind, started.elapsed());
        if let Err(error) = &answer {
            metrics::failed(kind, reason(error));
        }
        answer
    }
}

impl Drop for OnnxEmbedder {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn reason(error: &EmbedError) -> &'static str {
    match error {
        EmbedError::Overloaded(_) => "overloaded",
        EmbedError::Unavailable(_) => "unavailable",
        EmbedError::Failed(_) => "failed",
    }
}
