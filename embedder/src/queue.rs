//! The bounded queue between callers and workers: queries before passages, neither starved.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};
use rep_core::ports::embedder::{EmbedError, TextKind};

use crate::job::Item;
use crate::metrics;

/// Two lanes of texts with a bound each.
pub(crate) struct Queue {
    lanes: Mutex<Lanes>,
    // Workers sleep here; callers never wait, they are refused.
    filled: Condvar,
    texts_max: usize,
}

#[derive(Default)]
struct Lanes {
    queries: VecDeque<Item>,
    passages: VecDeque<Item>,
    closed: bool,
}

impl Lanes {
    fn of(&mut self, kind: TextKind) -> &mut VecDeque<Item> {
        match kind {
            TextKind::Query => &mut self.queries,
            TextKind::Passage => &mut self.passages,
        }
    }
}

impl Queue {
    /// A queue of at most `texts_max` texts in each lane.
    pub(crate) fn new(texts_max: usize) -> Self {
        Self { lanes: Mutex::default(), filled: Condvar::new(), texts_max }
    }

    /// Takes all of `items` or none.
    pub(crate) fn push(&self, kind: TextKind, items: Vec<Item>) -> Result<(), EmbedError> {
        let mut lanes = self.lanes.lock();
        if lanes.closed {
            return Err(stopped());
        }
        let lane = lanes.of(kind);
        if lane.len() + items.len() > self.texts_max {
            let reason = format!("{} texts are waiting, of at most {}", lane.len(), self.texts_max);
            return Err(EmbedError::Overloaded(reason));
        }
        lane.extend(items);
        metrics::queue_depth(kind, lane.len());
        self.filled.notify_one();
        Ok(())
    }

    /// Up to `texts_max` texts of one kind, oldest first; those that nobody waits for are dropped.
    pub(crate) fn take(&self, kind: TextKind, texts_max: usize) -> Vec<Item> {
        let mut lanes = self.lanes.lock();
        let lane = lanes.of(kind);
        let mut taken = Vec::new();
        while taken.len() < texts_max {
            match lane.pop_front() {
                Some(item) if item.job.is_abandoned() => continue,
                Some(item) => taken.push(item),
                None => break,
            }
        }
        metrics::queue_depth(kind, lane.len());
        taken
    }

    /// Whether a text of this kind waits.
    pub(crate) fn has(&self, kind: TextKind) -> bool {
        !self.lanes.lock().of(kind).is_empty()
    }

    /// Sleeps until there is work; `false` once the queue is closed.
    pub(crate) fn wait(&self) -> bool {
        let mut lanes = self.lanes.lock();
        while !lanes.closed && lanes.queries.is_empty() && lanes.passages.is_empty() {
            self.filled.wait(&mut lanes);
        }
        !lanes.closed
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lanes.lock().closed
    }

    /// Refuses what comes, fails what waits, wakes the workers.
    pub(crate) fn close(&self) {
        let mut lanes = self.lanes.lock();
        lanes.closed = true;
        let waiting: Vec<Item> = std::mem::take(&mut lanes.queries).into_iter().collect();
        let waiting = waiting.into_iter().chain(std::mem::take(&mut lanes.passages));
        waiting.for_each(|item| item.job.fail(stopped()));
        metrics::queue_depth(TextKind::Query, 0);
        metrics::queue_depth(TextKind::Passage, 0);
        self.filled.notify_all();
    }
}

pub(crate) fn stopped() -> EmbedError {
    EmbedError::Unavailable("the embedding worker has stopped".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Job, Reply};

    fn items(texts: &[&str]) -> (Vec<Item>, Reply) {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        Job::split(&texts, 2)
    }

    #[test]
    fn lanes_are_bounded_each_for_itself() {
        let queue = Queue::new(2);
        let (passages, _reply) = items(&["a", "b"]);
        queue.push(TextKind::Passage, passages).unwrap();
        let (more, _more_reply) = items(&["c"]);
        let error = queue.push(TextKind::Passage, more).unwrap_err();
        assert!(matches!(error, EmbedError::Overloaded(_)), "{error}");
        let (query, _query_reply) = items(&["q"]);
        queue.push(TextKind::Query, query).unwrap();
        assert!(queue.has(TextKind::Query));
    }

    #[test]
    fn what_nobody_waits_for_is_not_worked_on() {
        let queue = Queue::new(4);
        let (abandoned, reply) = items(&["a", "b"]);
        queue.push(TextKind::Query, abandoned).unwrap();
        drop(reply);
        let (wanted, _reply) = items(&["c"]);
        queue.push(TextKind::Query, wanted).unwrap();
        let taken = queue.take(TextKind::Query, 8);
        assert_eq!(taken.iter().map(|item| item.text.as_str()).collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn closing_answers_everyone() {
        let queue = Queue::new(4);
        let (waiting, mut reply) = items(&["a"]);
        queue.push(TextKind::Query, waiting).unwrap();
        queue.close();
        assert!(matches!(reply.try_recv().unwrap(), Err(EmbedError::Unavailable(_))));
        assert!(!queue.wait());
        let (late, _reply) = items(&["b"]);
        assert!(queue.push(TextKind::Query, late).is_err());
    }
}
