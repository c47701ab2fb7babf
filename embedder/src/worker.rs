//! What a worker thread does: take queries first, else go on with passages, one batch at a time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use rep_core::ports::embedder::{EmbedError, TextKind};

use crate::TextModel;
use crate::batch::{BatchBudget, plan};
use crate::job::Item;
use crate::metrics;
use crate::queue::Queue;
use crate::tokenize::Tokens;

/// Passages taken at a time: enough to sort by length, few enough to be tokenized in milliseconds.
const PASSAGES_TAKEN_MAX: usize = 64;
/// Queries taken at a time.
const QUERIES_TAKEN_MAX: usize = 32;
/// After so many rounds of queries, one batch of passages gets its turn: passages wait, but not for ever.
const QUERY_ROUNDS_MAX: usize = 8;

/// A text with its tokens.
struct Ready {
    item: Item,
    tokens: Tokens,
}

/// One model on one thread.
pub(crate) struct Worker {
    model: TextModel,
    queue: Arc<Queue>,
    budget: BatchBudget,
    /// Passages that are tokenized and batched, but not run yet.
    planned: VecDeque<Vec<Ready>>,
}

impl Worker {
    pub(crate) fn new(model: TextModel, queue: Arc<Queue>, budget: BatchBudget) -> Self {
        Self { model, queue, budget, planned: VecDeque::new() }
    }

    /// Works until the queue is closed.
    pub(crate) fn run(mut self) {
        // However this thread ends, nobody may be left waiting for it.
        let _close = CloseAtEnd(self.queue.clone());
        let mut query_rounds = 0;
        while !self.queue.is_closed() {
            let passages_due = query_rounds >= QUERY_ROUNDS_MAX && self.has_passages();
            if !passages_due && self.run_queries() {
                query_rounds += 1;
            } else if self.run_passages() {
                query_rounds = 0;
            } else if !self.queue.wait() {
                return;
            }
        }
    }

    fn has_passages(&self) -> bool {
        !self.planned.is_empty() || self.queue.has(TextKind::Passage)
    }

    /// Runs the queries that wait; `false` if there are none.
    fn run_queries(&mut self) -> bool {
        let items = self.queue.take(TextKind::Query, QUERIES_TAKEN_MAX);
        let any = !items.is_empty();
        for batch in self.prepare(items, TextKind::Query) {
            self.run_batch(batch, TextKind::Query);
        }
        any
    }

    /// Runs one batch of passages, so that queries wait for one at most; `false` if there is none.
    fn run_passages(&mut self) -> bool {
        if self.planned.is_empty() {
            let items = self.queue.take(TextKind::Passage, PASSAGES_TAKEN_MAX);
            self.planned = self.prepare(items, TextKind::Passage).into();
        }
        match self.planned.pop_front() {
            Some(batch) => {
                self.run_batch(batch, TextKind::Passage);
                true
            }
            None => false,
        }
    }

    fn prepare(&self, items: Vec<Item>, kind: TextKind) -> Vec<Vec<Ready>> {
        let ready: Vec<Ready> = items.into_iter().filter_map(|item| self.tokenize(item, kind)).collect();
        let lengths: Vec<usize> = ready.iter().map(|ready| ready.tokens.ids.len()).collect();
        let mut ready: Vec<Option<Ready>> = ready.into_iter().map(Some).collect();
        let batches = plan(&lengths, self.budget);
        batches.into_iter().map(|rows| rows.iter().filter_map(|&row| ready[row].take()).collect()).collect()
    }

    fn tokenize(&self, item: Item, kind: TextKind) -> Option<Ready> {
        match self.model.encode(&item.text, kind) {
            Ok(tokens) => {
                if tokens.cut {
                    metrics::truncated(kind);
                }
                Some(Ready { item, tokens })
            }
            Err(reason) => {
                item.job.fail(EmbedError::Failed(reason));
                None
            }
        }
    }

    fn run_batch(&mut self, mut batch: Vec<Ready>, kind: TextKind) {
        batch.retain(|ready| !ready.item.job.is_abandoned());
        if batch.is_empty() {
            return;
        }
        let started = Instant::now();
        let (rows, places) = distinct(&batch);
        let longest = rows.iter().map(|tokens| tokens.ids.len()).max().unwrap_or(0);
        let answer = self.model.run(&rows);
        metrics::batch(kind, batch.len(), rows.len() * longest, started.elapsed());
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

struct CloseAtEnd(Arc<Queue>);

impl Drop for CloseAtEnd {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Job;

    #[test]
    fn equal_texts_share_a_row() {
        let (items, _reply) = Job::split(&["a".into(), "b".into(), "a".into()], 2);
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
