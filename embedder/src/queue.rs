//! The bounded queue between callers and workers, in lanes by who waits.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rep_core::ports::embedder::{EmbedError, TextKind, Urgency};

use crate::job::Item;
use crate::metrics;

/// Where texts wait, in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// What a person waits for at the screen, and urgent queries.
    Query,
    /// Urgent passages: an action waits. The newest first: with more than can be done in time, the oldest are waited
    /// for no more.
    Passage,
    /// Texts of either kind that nobody waits for.
    Backlog,
}

impl Lane {
    /// Every lane, the first first.
    pub(crate) const ALL: [Self; 3] = [Self::Query, Self::Passage, Self::Backlog];

    /// Where texts of `kind` wait.
    pub(crate) fn of(kind: TextKind, urgency: Urgency) -> Self {
        match (urgency, kind) {
            (Urgency::Backlog, _) => Self::Backlog,
            (Urgency::Immediate, _) | (Urgency::Urgent, TextKind::Query) => Self::Query,
            (Urgency::Urgent, TextKind::Passage) => Self::Passage,
        }
    }
}

/// Lanes of texts with a bound each.
pub(crate) struct Queue {
    lanes: Mutex<Lanes>,
    // Workers sleep here, each for lanes of its own; callers never wait, they are refused.
    filled: Condvar,
    texts_max: usize,
}

#[derive(Default)]
struct Lanes {
    waiting: [VecDeque<Item>; Lane::ALL.len()],
    closed: bool,
}

impl Lanes {
    fn of(&mut self, lane: Lane) -> &mut VecDeque<Item> {
        &mut self.waiting[lane as usize]
    }
}

/// What ended a worker's sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// A text waits.
    Work,
    /// None came in time.
    Idle,
    /// The queue is closed.
    Closed,
}

impl Queue {
    /// A queue of at most `texts_max` texts in each lane.
    pub(crate) fn new(texts_max: usize) -> Self {
        Self { lanes: Mutex::default(), filled: Condvar::new(), texts_max }
    }

    /// Takes all of `items` or none.
    pub(crate) fn push(&self, lane: Lane, items: Vec<Item>) -> Result<(), EmbedError> {
        let mut lanes = self.lanes.lock();
        if lanes.closed {
            return Err(stopped());
        }
        let waiting = lanes.of(lane);
        if waiting.len() + items.len() > self.texts_max {
            // Where the newest go first, what was given up lies at the bottom.
            waiting.retain(|item| !item.job.is_abandoned());
        }
        if waiting.len() + items.len() > self.texts_max {
            let reason = format!("{} texts are waiting, of at most {}", waiting.len(), self.texts_max);
            return Err(EmbedError::Overloaded(reason));
        }
        waiting.extend(items);
        metrics::queue_depth(lane, waiting.len());
        self.filled.notify_all();
        Ok(())
    }

    /// Up to `texts_max` texts of a lane in its order; those that nobody waits for are dropped.
    pub(crate) fn take(&self, lane: Lane, texts_max: usize) -> Vec<Item> {
        let mut lanes = self.lanes.lock();
        let waiting = lanes.of(lane);
        let mut taken = Vec::new();
        while taken.len() < texts_max {
            let next = if lane == Lane::Passage { waiting.pop_back() } else { waiting.pop_front() };
            match next {
                Some(item) if item.job.is_abandoned() => continue,
                Some(item) => taken.push(item),
                None => break,
            }
        }
        metrics::queue_depth(lane, waiting.len());
        taken
    }

    /// Whether a text waits in the lane.
    pub(crate) fn has(&self, lane: Lane) -> bool {
        !self.lanes.lock().of(lane).is_empty()
    }

    /// Sleeps until there is work in one of `lanes`, for `longest` at most if that is given.
    pub(crate) fn wait(&self, lanes: &[Lane], longest: Option<Duration>) -> Woken {
        // A moment, not a time: what is pushed into other lanes wakes it, too.
        let deadline = longest.map(|longest| Instant::now() + longest);
        let mut state = self.lanes.lock();
        loop {
            if state.closed {
                return Woken::Closed;
            }
            if lanes.iter().any(|lane| !state.of(*lane).is_empty()) {
                return Woken::Work;
            }
            match deadline {
                None => self.filled.wait(&mut state),
                Some(deadline) => {
                    if self.filled.wait_until(&mut state, deadline).timed_out() {
                        return Woken::Idle;
                    }
                }
            }
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lanes.lock().closed
    }

    /// Fails what waits in the lane.
    pub(crate) fn fail(&self, lane: Lane, error: impl Fn() -> EmbedError) {
        let items = std::mem::take(self.lanes.lock().of(lane));
        metrics::queue_depth(lane, 0);
        items.into_iter().for_each(|item| item.job.fail(error()));
    }

    /// Refuses what comes, fails what waits, wakes the workers.
    pub(crate) fn close(&self) {
        self.lanes.lock().closed = true;
        Lane::ALL.into_iter().for_each(|lane| self.fail(lane, stopped));
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
        Job::split(&texts, TextKind::Passage, 2)
    }

    #[test]
    fn lanes_are_bounded_each_for_itself() {
        let queue = Queue::new(2);
        let (backlog, _reply) = items(&["a", "b"]);
        queue.push(Lane::Backlog, backlog).unwrap();
        let (more, _more_reply) = items(&["c"]);
        let error = queue.push(Lane::Backlog, more).unwrap_err();
        assert!(matches!(error, EmbedError::Overloaded(_)), "{error}");
        let mut replies = Vec::new();
        for urgent in [Lane::Query, Lane::Passage] {
            let (one, reply) = items(&["q"]);
            queue.push(urgent, one).unwrap();
            assert!(queue.has(urgent));
            replies.push(reply);
        }
    }

    #[test]
    fn what_nobody_waits_for_is_not_worked_on() {
        let queue = Queue::new(4);
        let (abandoned, reply) = items(&["a", "b"]);
        queue.push(Lane::Query, abandoned).unwrap();
        drop(reply);
        let (wanted, _reply) = items(&["c"]);
        queue.push(Lane::Query, wanted).unwrap();
        let taken = queue.take(Lane::Query, 8);
        assert_eq!(taken.iter().map(|item| item.text.as_str()).collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn work_for_others_does_not_keep_a_worker_from_being_idle() {
        let queue = Queue::new(4);
        let woken = std::sync::Mutex::new(None);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let ended = queue.wait(&[Lane::Backlog], Some(Duration::from_millis(50)));
                *woken.lock().unwrap() = Some(ended);
            });
            let began = Instant::now();
            while woken.lock().unwrap().is_none() {
                assert!(began.elapsed() < Duration::from_secs(60), "it still waits");
                let (others, _reply) = items(&["q"]);
                queue.push(Lane::Query, others).unwrap();
                queue.take(Lane::Query, 4);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        assert_eq!(woken.into_inner().unwrap(), Some(Woken::Idle));
    }

    #[test]
    fn what_was_given_up_takes_no_room() {
        let queue = Queue::new(2);
        let (given_up, reply) = items(&["a", "b"]);
        queue.push(Lane::Passage, given_up).unwrap();
        drop(reply);
        let (wanted, _reply) = items(&["c", "d"]);
        queue.push(Lane::Passage, wanted).unwrap();
    }

    #[test]
    fn the_newest_urgent_passage_goes_first_and_elsewhere_the_oldest() {
        let queue = Queue::new(4);
        for lane in Lane::ALL {
            let (one, _one_reply) = items(&["old"]);
            let (other, _other_reply) = items(&["new"]);
            queue.push(lane, one).unwrap();
            queue.push(lane, other).unwrap();
            let wanted = if lane == Lane::Passage { "new" } else { "old" };
            assert_eq!(queue.take(lane, 1)[0].text, wanted, "{lane:?}");
        }
    }

    #[test]
    fn a_worker_is_woken_for_its_own_lanes() {
        let queue = Queue::new(4);
        let (text, _reply) = items(&["a"]);
        queue.push(Lane::Passage, text).unwrap();
        assert_eq!(queue.wait(&[Lane::Query, Lane::Passage], None), Woken::Work);
        assert_eq!(queue.wait(&[Lane::Backlog], Some(Duration::from_millis(1))), Woken::Idle);
    }

    #[test]
    fn closing_answers_everyone() {
        for lane in Lane::ALL {
            let queue = Queue::new(4);
            let (waiting, mut reply) = items(&["a"]);
            queue.push(lane, waiting).unwrap();
            queue.close();
            assert!(matches!(reply.try_recv().unwrap(), Err(EmbedError::Unavailable(_))));
            assert_eq!(queue.wait(&[lane], None), Woken::Closed);
            let (late, _reply) = items(&["b"]);
            assert!(queue.push(lane, late).is_err());
        }
    }
}
