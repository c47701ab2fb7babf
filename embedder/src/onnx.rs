//! The embedder of this house: a bounded queue in front of one or more worker threads.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ndarray::Array2;
use parking_lot::Mutex;
use rep_core::ModelId;
use rep_core::ports::embedder::{EmbedError, Embedder, TextKind, Urgency};

use crate::backlog::BacklogWorker;
use crate::job::{Job, Reply};
use crate::metrics;
use crate::queue::{Lane, Queue, stopped};
use crate::worker::{CloseAtEnd, Worker};
use crate::{LoadError, Manifest, ModelDir, SessionOptions, TextModel};

/// Texts that one call has in the queue at a time: two chunks, so that a worker never idles between them.
const CHUNK_TEXTS: usize = 32;
const CHUNKS_IN_FLIGHT: usize = 2;

/// How an [`OnnxEmbedder`] runs. Every field has a default that suits one core.
#[derive(Clone, Debug)]
pub struct EmbedderOptions {
    /// ONNX Runtime's library; `None`: as [`locate_runtime`](crate::locate_runtime) finds it.
    pub runtime: Option<PathBuf>,
    /// How each session of urgent texts runs.
    pub session: SessionOptions,
    /// Threads for urgent texts, 1 to 16, each with its own copy of the model in memory; default 1.
    pub workers: usize,
    /// Threads for the backlog, 0 to 16, at a low priority of the system (on Linux), each with its own copy of the
    /// model while there is a backlog; default 1. With none the threads for urgent texts run it when nothing
    /// urgent waits: that saves a copy, but the backlog then takes its full share of a busy machine.
    pub backlog_workers: usize,
    /// Threads that share one matrix product of the backlog, 1 to 64; default 1. Measured with
    /// multilingual-e5-small on two cores: 2 take a third more processor time and are no faster.
    pub backlog_intra_threads: usize,
    /// Padded tokens a batch of urgent texts, 16 to 65,536; default 96. An urgent text may have to wait for one
    /// batch of others: with 1,500 tokens/s, as a slow core does with multilingual-e5-small, for 64 ms.
    pub urgent_batch_tokens_max: usize,
    /// Padded tokens a batch of the backlog where it has threads of its own, 16 to 65,536; default 256.
    /// Measured: throughput is flat from about 100 on.
    pub batch_tokens_max: usize,
    /// Texts that may wait in each lane (queries, urgent passages, backlog), 64 to 65,536; default 1,024. Beyond it
    /// callers get [`EmbedError::Overloaded`].
    pub queue_texts_max: usize,
    /// Longest wait for up to 32 urgent queries; default 2 s.
    pub query_wait_max: Duration,
    /// Longest wait for up to 32 urgent passages; default 10 s.
    pub passage_wait_max: Duration,
    /// How long the backlog's models stay in memory when there is nothing left to do, 1 ms to 1 h; default 20 s.
    pub backlog_kept: Duration,
    /// Longest wait for up to 32 texts of the backlog; default 5 min: on a busy machine it advances slowly.
    pub backlog_wait_max: Duration,
}

impl Default for EmbedderOptions {
    fn default() -> Self {
        Self {
            runtime: None,
            session: SessionOptions::default(),
            workers: 1,
            backlog_workers: 1,
            backlog_intra_threads: 1,
            urgent_batch_tokens_max: 96,
            batch_tokens_max: 256,
            queue_texts_max: 1024,
            query_wait_max: Duration::from_secs(2),
            passage_wait_max: Duration::from_secs(10),
            backlog_kept: Duration::from_secs(20),
            backlog_wait_max: Duration::from_secs(300),
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
        within("backlog_workers", self.backlog_workers, 0..=16)?;
        within("backlog_intra_threads", self.backlog_intra_threads, 1..=64)?;
        within("urgent_batch_tokens_max", self.urgent_batch_tokens_max, 16..=65_536)?;
        let kept = Duration::from_millis(1)..=Duration::from_secs(3600);
        if !kept.contains(&self.backlog_kept) {
            let reason =
                format!("must be {:?} to {:?}, got {:?}", kept.start(), kept.end(), self.backlog_kept);
            return Err(LoadError::BadOption { option: "backlog_kept", reason });
        }
        within("batch_tokens_max", self.batch_tokens_max, 16..=65_536)?;
        within("queue_texts_max", self.queue_texts_max, CHUNK_TEXTS * CHUNKS_IN_FLIGHT..=65_536)
    }

    fn wait_max(&self, lane: Lane) -> Duration {
        match lane {
            Lane::Query => self.query_wait_max,
            Lane::Passage => self.passage_wait_max,
            Lane::Backlog => self.backlog_wait_max,
        }
    }

    /// The lanes of the threads for urgent texts.
    fn lanes(&self) -> &'static [Lane] {
        if self.backlog_workers == 0 { &Lane::ALL } else { &[Lane::Query, Lane::Passage] }
    }
}

/// Embeds on threads of its own. Concurrent calls share batches; queries go before urgent passages, these before
/// the backlog.
///
/// Cheap to share in an `Arc`. Dropping it, or [`OnnxEmbedder::shut_down`], ends the workers after the batch
/// they are in.
pub struct OnnxEmbedder {
    manifest: Manifest,
    options: EmbedderOptions,
    queue: Arc<Queue>,
    /// Copies of the model in memory.
    models: Arc<AtomicUsize>,
    // Taken once, by whoever shuts down.
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl OnnxEmbedder {
    /// Loads the model (once a worker for urgent texts) and starts the workers. Blocks for about a second per
    /// gigabyte of weights: call it from a blocking thread. The backlog's model is loaded when there is a backlog.
    /// Files are compared with the SHA-256 of the manifest first, once; see [`ModelDir::verify`].
    pub fn load(dir: &ModelDir, options: EmbedderOptions) -> Result<Self, LoadError> {
        options.check()?;
        dir.verify()?;
        let manifest = dir.manifest().clone();
        let queue = Arc::new(Queue::new(options.queue_texts_max));
        // Made before its threads, so that they end with it if a later one cannot start.
        let embedder = Self { manifest, queue, models: Arc::default(), workers: Mutex::default(), options };
        for number in 0..embedder.options.workers {
            embedder.start_urgent(dir, number)?;
        }
        for number in 0..embedder.options.backlog_workers {
            embedder.start_backlog(dir, number)?;
        }
        let (id, dimensions) = (&embedder.manifest.id, embedder.manifest.dimensions);
        tracing::info!(model = %id, dimensions, workers = embedder.options.workers, "embedding model is ready");
        Ok(embedder)
    }

    fn start_urgent(&self, dir: &ModelDir, number: usize) -> Result<(), LoadError> {
        let options = &self.options;
        let model = TextModel::load(dir, options.runtime.as_deref(), options.session)?;
        metrics::models_in_memory(self.models.fetch_add(1, Ordering::Relaxed) + 1);
        let budget = model.budget(options.urgent_batch_tokens_max);
        let (queue, lanes) = (Arc::clone(&self.queue), options.lanes());
        self.start(format!("embed-{number}"), move || {
            let _close = CloseAtEnd(Arc::clone(&queue));
            Worker::new(model, queue, lanes, budget).run(None);
        })
    }

    fn start_backlog(&self, dir: &ModelDir, number: usize) -> Result<(), LoadError> {
        let (dir, runtime) = (dir.clone(), self.options.runtime.clone());
        let session =
            SessionOptions { intra_threads: self.options.backlog_intra_threads, ..self.options.session };
        let worker = BacklogWorker {
            load: Box::new(move || TextModel::load(&dir, runtime.as_deref(), session)),
            queue: Arc::clone(&self.queue),
            batch_tokens_max: self.options.batch_tokens_max,
            idle_max: self.options.backlog_kept,
            models: Arc::clone(&self.models),
        };
        self.start(format!("backlog-{number}"), move || worker.run())
    }

    fn start(&self, name: String, work: impl FnOnce() + Send + 'static) -> Result<(), LoadError> {
        let handle = std::thread::Builder::new().name(name).spawn(work).map_err(LoadError::Thread)?;
        self.workers.lock().push(handle);
        Ok(())
    }

    /// What the model says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Copies of the model in memory: one a thread for urgent texts, more while there is a backlog.
    pub fn models_in_memory(&self) -> usize {
        self.models.load(Ordering::Relaxed)
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

    fn submit(&self, texts: &[String], kind: TextKind, lane: Lane) -> Result<Reply, EmbedError> {
        let (items, reply) = Job::split(texts, kind, self.manifest.dimensions);
        self.queue.push(lane, items)?;
        Ok(reply)
    }

    async fn receive(&self, reply: Reply, lane: Lane) -> Result<Array2<f32>, EmbedError> {
        let wait_max = self.options.wait_max(lane);
        match tokio::time::timeout(wait_max, reply).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_dropped)) => Err(stopped()),
            Err(_elapsed) => Err(EmbedError::Overloaded(format!("no answer within {wait_max:?}"))),
        }
    }

    async fn embed_chunks(
        &self,
        texts: &[String],
        kind: TextKind,
        lane: Lane,
    ) -> Result<Array2<f32>, EmbedError> {
        let mut vectors = Array2::zeros((texts.len(), self.manifest.dimensions));
        let mut in_flight: VecDeque<(usize, Reply)> = VecDeque::new();
        let mut chunks = texts.chunks(CHUNK_TEXTS).enumerate().peekable();
        loop {
            if let Some((number, chunk)) = chunks.next_if(|_| in_flight.len() < CHUNKS_IN_FLIGHT) {
                in_flight.push_back((number * CHUNK_TEXTS, self.submit(chunk, kind, lane)?));
                continue;
            }
            let Some((start, reply)) = in_flight.pop_front() else { return Ok(vectors) };
            let part = self.receive(reply, lane).await?;
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

    async fn embed(
        &self,
        texts: &[String],
        kind: TextKind,
        urgency: Urgency,
    ) -> Result<Array2<f32>, EmbedError> {
        let started = Instant::now();
        let lane = Lane::of(kind, urgency);
        let answer = self.embed_chunks(texts, kind, lane).await;
        metrics::answered(lane, started.elapsed());
        if let Err(error) = &answer {
            metrics::failed(lane, reason(error));
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
