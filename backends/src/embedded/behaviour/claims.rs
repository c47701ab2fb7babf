//! Who is writing which trace ids right now.

use std::collections::HashSet;

use parking_lot::{Condvar, Mutex};

/// Trace ids that some call is about to write: others that carry them wait.
#[derive(Default)]
pub(super) struct Claims {
    held: Mutex<HashSet<[u8; 16], ahash::RandomState>>,
    released: Condvar,
}

/// Releases its trace ids when dropped.
pub(super) struct Claim<'a> {
    claims: &'a Claims,
    traces: &'a [[u8; 16]],
}

impl Claims {
    /// Claims all of `traces` at once, after whoever holds one of them; blocks that long. A call that holds a claim
    /// waits for no other, so nobody waits in a circle.
    pub(super) fn claim<'a>(&'a self, traces: &'a [[u8; 16]]) -> Claim<'a> {
        let mut held = self.held.lock();
        while traces.iter().any(|trace| held.contains(trace)) {
            self.released.wait(&mut held);
        }
        held.extend(traces);
        Claim { claims: self, traces }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut held = self.claims.held.lock();
        for trace in self.traces {
            held.remove(trace);
        }
        drop(held);
        self.claims.released.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn one_at_a_time_holds_a_trace() {
        let (claims, inside) = (Claims::default(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for thread in 0..4_u8 {
                let (claims, inside) = (&claims, &inside);
                scope.spawn(move || {
                    for round in 0..200_u8 {
                        // All share the trace 0; a trace twice in one call is one claim.
                        let traces = [[0; 16], [thread + 1; 16], [thread + 1; 16], [round; 16]];
                        let _claim = claims.claim(&traces);
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(claims.held.lock().is_empty());
    }
}
