//! What a worker thread does: one batch at a time, of the lane whose turn it is.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rep_core::ports::embedder::EmbedError;

use crate::TextModel;
use crate::batch::{BatchBudget, plan};
use crate::job::Item;
use crate::metrics;
use crate::queue::{Lane, Queue, Woken};
use crate::tokenize::Tokens;
use crate::turns::Turns;

/// Texts of a lane taken at a time: enough to sort by length, few enough to be tokenized in milliseconds.
const TEXTS_TAKEN_MAX: usize = 64;
/// Urgent passages taken at a time: what is taken is not overtaken by newer ones.
const PASSAGES_TAKEN_MAX: usize = 2;

/// A text with its tokens.
struct Ready {
    item: Item,
    tokens: Tokens,
}

/// One model on one thread.
pub(crate) struct Worker {
    model: TextModel,
    queue: Arc<Queue>,
    /// The lanes it serves.
    lanes: &'static [Lane],
    budget: BatchBudget,
    /// Texts of each lane that are tokenized and batched, but not run yet.
    planned: [VecDeque<Vec<Ready>>; Lane::ALL.len()],
    turns: Turns,
}

impl Worker {
    pub(crate) fn new(
        model: TextModel,
        queue: Arc<Queue>,
        lanes: &'static [Lane],
        budget: BatchBudget,
    ) -> Self {
        Self { model, queue, lanes, budget, planned: Default::default(), turns: Turns::default() }
    }

    /// Works until the queue is closed, or until nothing came for `idle_max` if that is given; gives which.
    pub(crate) fn run(&mut self, idle_max: Option<Duration>) -> Woken {
        while !self.queue.is_closed() {
            let (queue, planned) = (&self.queue, &self.planned);
            let waits = |lane: Lane| !planned[lane as usize].is_empty() || queue.has(lane);
            match self.turns.next(self.lanes, waits) {
                Some(lane) => self.run_next(lane),
                None => match self.queue.wait(self.lanes, idle_max) {
                    Woken::Work => {}
                    ended => return ended,
                },
            }
        }
        Woken::Closed
    }

    /// Runs one batch of a lane, so that the lanes before it wait for one at most.
    fn run_next(&mut self, lane: Lane) {
        if self.planned[lane as usize].is_empty() {
            let texts_max = if lane == Lane::Passage { PASSAGES_TAKEN_MAX } else { TEXTS_TAKEN_MAX };
            let items = self.queue.take(lane, texts_max);
            self.planned[lane as usize] = self.prepare(items).into();
        }
        if let Some(batch) = self.planned[lane as usize].pop_front() {
            self.run_batch(batch, lane);
        }
    }

    fn prepare(&self, items: Vec<Item>) -> Vec<Vec<Ready>> {
        let ready: Vec<Ready> = items.into_iter().filter_map(|item| self.tokenize(item)).collect();
        let lengths: Vec<usize> = ready.iter().map(|ready| ready.tokens.ids.len()).collect();
        let mut ready: Vec<Option<Ready>> = ready.into_iter().map(Some).collect();
        let batches = plan(&lengths, self.budget);
        batches.into_iter().map(|rows| rows.iter().filter_map(|&row| ready[row].take()).collect()).collect()
    }

    fn tokenize(&self, item: Item) -> Option<Ready> {
        match self.model.encode(&item.text, item.kind) {
            Ok(tokens) => {
                if tokens.cut {
                    metrics::truncated(item.kind);
                }
                Some(Ready { item, tokens })
            }
            Err(reason) => {
                item.job.fail(EmbedError::Failed(reason));
                None
            }
        }
    }

    fn run_batch(&mut self, mut batch: Vec<Ready>, lane: Lane) {
        batch.retain(|ready| !ready.item.job.is_abandoned());
        if batch.is_empty() {
            return;
        }
        let started = Instant::now();
        let (rows, places) = distinct(&batch);
        let longest = rows.iter().map(|tokens| tokens.ids.len()).max().unwrap_or(0);
        let answer = self.model.run(&rows);
        metrics::batch(lane, batch.len(), rows.len() * longest, started.elapsed());
        match answer {
            Ok(vectors) => {
                for (ready, place) in batch.iter().zip(places) {
                    ready.item.job.finish(ready.item.row, vectors.row(place));
                }
            }
            Err(reason) => {
                for ready in &batch {
                    ready.item.job.fail(EmbedError::Failed(reason.clone()));
                }
            }
        }
    }
}

/// The distinct token rows of a batch, and for each text its place among them: a query that many ask at once is
/// computed once.
fn distinct(batch: &[Ready]) -> (Vec<&Tokens>, Vec<usize>) {
    let mut seen: HashMap<&[u32], usize> = HashMap::new();
    let mut rows = Vec::new();
    let places = batch.iter().map(|ready| {
        *seen.entry(&ready.tokens.ids).or_insert_with(|| {
            rows.push(&ready.tokens);
            rows.len() - 1
        })
    });
    let places = places.collect();
    (rows, places)
}

/// Closes the queue when a thread ends, however it ends: nobody may be left waiting for it.
pub(crate) struct CloseAtEnd(pub(crate) Arc<Queue>);

impl Drop for CloseAtEnd {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use rep_core::ports::embedder::TextKind;

    use super::*;
    use crate::job::Job;

    #[test]
    fn equal_texts_share_a_row() {
        let (items, _reply) = Job::split(&["a".into(), "b".into(), "a".into()], TextKind::Query, 2);
        let ready = |item: Item| {
            let ids = item.text.bytes().map(u32::from).collect();
            Ready { item, tokens: Tokens { ids, ..Tokens::default() } }
        };
        let batch: Vec<Ready> = items.into_iter().map(ready).collect();
        let (rows, places) = distinct(&batch);
        assert_eq!(rows.iter().map(|tokens| tokens.ids[0]).collect::<Vec<_>>(), [97, 98]);
        assert_eq!(places, [0, 1, 0]);
    }
}
