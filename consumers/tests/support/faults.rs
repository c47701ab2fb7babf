//! What goes wrong, and when.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rep_core::ports::{StoreError, StoreErrorKind};
use tokio::sync::Notify;

#[derive(Default)]
struct State {
    /// Operations that fail, with what, and how often still.
    failing: HashMap<String, (StoreErrorKind, u32)>,
    /// Calls so far, by operation.
    calls: HashMap<String, u32>,
    /// How long each call takes.
    latency: Duration,
    /// Steps left until the crash: each call is two, one before and one after its effect.
    fuse: Option<u32>,
}

/// Shared by all doubles of a world.
#[derive(Clone, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
    crashed: Arc<Notify>,
}

pub const FOR_EVER: u32 = u32::MAX;

impl Faults {
    pub fn fail(&self, operation: &str, kind: StoreErrorKind, times: u32) {
        self.state.lock().failing.insert(operation.to_owned(), (kind, times));
    }

    pub fn away(&self, operation: &str) {
        self.fail(operation, StoreErrorKind::Unavailable, FOR_EVER);
    }

    pub fn heal(&self, operation: &str) {
        self.state.lock().failing.remove(operation);
    }

    pub fn calls(&self, operation: &str) -> u32 {
        self.state.lock().calls.get(operation).copied().unwrap_or(0)
    }

    /// Makes every call take its time, so that what runs side by side interleaves.
    pub fn slow(&self, latency: Duration) {
        self.state.lock().latency = latency;
    }

    pub fn crash_after(&self, steps: Option<u32>) {
        self.state.lock().fuse = steps;
    }

    pub async fn crashed(&self) {
        self.crashed.notified().await;
    }

    /// Before an effect.
    pub async fn enter(&self, operation: &str) -> Result<(), StoreError> {
        self.burn().await;
        let latency = self.state.lock().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let mut state = self.state.lock();
        *state.calls.entry(operation.to_owned()).or_default() += 1;
        match state.failing.get_mut(operation) {
            Some((_, 0)) | None => Ok(()),
            Some((kind, times)) => {
                if *times != FOR_EVER {
                    *times -= 1;
                }
                Err(StoreError::new(*kind, format!("`{operation}` is made to fail")))
            }
        }
    }

    /// After an effect.
    pub async fn leave(&self) {
        self.burn().await;
    }

    async fn burn(&self) {
        let burnt = {
            let mut state = self.state.lock();
            match &mut state.fuse {
                Some(0) => true,
                Some(steps) => {
                    *steps -= 1;
                    false
                }
                None => false,
            }
        };
        if burnt {
            self.crashed.notify_one();
            std::future::pending::<()>().await;
        }
    }
}
