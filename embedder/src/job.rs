//! A caller's texts on their way through the queue, and the one reply they share.

use std::sync::Arc;

use ndarray::{Array2, ArrayView1};
use parking_lot::Mutex;
use rep_core::ports::embedder::{EmbedError, TextKind};
use tokio::sync::oneshot;

/// What a caller waits for.
pub(crate) type Reply = oneshot::Receiver<Result<Array2<f32>, EmbedError>>;

/// One text of a job: row `row` of its answer.
pub(crate) struct Item {
    pub(crate) text: String,
    pub(crate) kind: TextKind,
    pub(crate) row: usize,
    pub(crate) job: Arc<Job>,
}

/// Texts that are answered together.
pub(crate) struct Job {
    // Rows of one job may be finished by different workers.
    state: Mutex<State>,
}

struct State {
    vectors: Array2<f32>,
    left: usize,
    reply: Option<oneshot::Sender<Result<Array2<f32>, EmbedError>>>,
}

impl Job {
    /// Splits `texts` into items; the reply comes once each has its vector of `dimensions`, or one failed.
    pub(crate) fn split(texts: &[String], kind: TextKind, dimensions: usize) -> (Vec<Item>, Reply) {
        let (sender, receiver) = oneshot::channel();
        let vectors = Array2::zeros((texts.len(), dimensions));
        let state = State { vectors, left: texts.len(), reply: Some(sender) };
        let job = Arc::new(Self { state: Mutex::new(state) });
        let item = |(row, text): (usize, &String)| Item { text: text.clone(), kind, row, job: job.clone() };
        (texts.iter().enumerate().map(item).collect(), receiver)
    }

    /// Nobody waits any more: the caller gave up, or the job has failed already.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.state.lock().reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Sets one row; replies when it was the last.
    pub(crate) fn finish(&self, row: usize, vector: ArrayView1<'_, f32>) {
        let mut state = self.state.lock();
        state.vectors.row_mut(row).assign(&vector);
        state.left -= 1;
        if state.left == 0 {
            let vectors = std::mem::take(&mut state.vectors);
            reply(&mut state, Ok(vectors));
        }
    }

    /// Replies with `error`; later rows of this job are in vain.
    pub(crate) fn fail(&self, error: EmbedError) {
        reply(&mut self.state.lock(), Err(error));
    }
}

fn reply(state: &mut State, answer: Result<Array2<f32>, EmbedError>) {
    if let Some(sender) = state.reply.take() {
        // The caller may have stopped waiting: then nobody wants the answer.
        let _ = sender.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn replies_once_when_the_last_row_is_there() {
        let (items, mut reply) = Job::split(&["a".into(), "b".into()], TextKind::Query, 2);
        items[1].job.finish(1, array![0.0, 1.0].view());
        assert!(reply.try_recv().is_err());
        items[0].job.finish(0, array![1.0, 0.0].view());
        assert_eq!(reply.try_recv().unwrap().unwrap(), array![[1.0, 0.0], [0.0, 1.0]]);
        assert!(items[0].job.is_abandoned());
    }

    #[test]
    fn a_caller_that_left_is_noticed() {
        let (items, reply) = Job::split(&["a".into()], TextKind::Query, 2);
        assert!(!items[0].job.is_abandoned());
        drop(reply);
        assert!(items[0].job.is_abandoned());
    }
}
