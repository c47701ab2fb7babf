//! Threads that link new rows into the graph and lead it around removed ones, beside reads and writes.

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex, RwLock};

use super::graph::Scratch;
use super::rows::Slot;
use super::store::Store;

/// Removed rows after which the graph is led around them, if they are also a fiftieth of all.
const DEAD_MIN: usize = 256;
const DEAD_SHARE: usize = 50;
/// Slots looked at, or freed, under one lock.
const PART: usize = 256;

/// What index and threads share.
pub(crate) struct Shared {
    pub(crate) store: RwLock<Store>,
    /// Insertions hold it for reading, a repair for writing.
    phase: RwLock<()>,
    calls: Mutex<Calls>,
    called: Condvar,
}

#[derive(Default)]
struct Calls {
    count: u64,
    is_over: bool,
}

impl Shared {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store: RwLock::new(store),
            phase: RwLock::default(),
            calls: Mutex::default(),
            called: Condvar::new(),
        }
    }

    /// Says that there may be work.
    pub(crate) fn call(&self) {
        self.calls.lock().count += 1;
        self.called.notify_all();
    }

    /// Waits for another call than `seen`; `None` at the end.
    fn wait(&self, seen: u64) -> Option<u64> {
        let mut calls = self.calls.lock();
        while calls.count == seen && !calls.is_over {
            self.called.wait(&mut calls);
        }
        (!calls.is_over).then_some(calls.count)
    }

    fn is_over(&self) -> bool {
        self.calls.lock().is_over
    }

    /// Links one row that waits; whether there was one.
    fn link_one(&self, scratch: &mut Scratch) -> bool {
        let _phase = self.phase.read();
        let store = self.store.read();
        let Some(graph) = &store.graph else { return false };
        let Some(slot) = store.pending.lock().next() else { return false };
        // Nothing is removed while the store is locked, so the row stays until it is linked.
        if !graph.has(slot) {
            graph.insert(&store.rows, slot, scratch);
        }
        store.pending.lock().remove(slot);
        true
    }

    /// Leads the graph around removed rows if there are many.
    fn repair(&self) {
        let is_due = {
            let store = self.store.read();
            store.dead() >= DEAD_MIN.max(store.rows.live() / DEAD_SHARE)
        };
        let Some(_phase) = is_due.then(|| self.phase.try_write()).flatten() else { return };
        let dead = self.store.write().take_dead();
        let mut start = 0;
        loop {
            let store = self.store.read();
            let (Some(graph), true) = (&store.graph, start < store.rows.slots()) else { break };
            let end = store.rows.slots().min(start + PART);
            graph.lead_around(&store.rows, start as Slot..end as Slot, &dead);
            start = end;
        }
        if let Some(graph) = &mut self.store.write().graph {
            graph.leave_entry(&dead);
        }
        let dead: Vec<Slot> = dead.into_iter().collect();
        for part in dead.chunks(PART) {
            self.store.write().bury(part);
        }
    }
}

/// The threads; they end when this is dropped.
pub(crate) struct Upkeep {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Upkeep {
    /// Starts `threads`. One that cannot be started is reported and done without: search is exact then, and
    /// slower.
    pub(crate) fn start(shared: &Arc<Shared>, threads: usize) -> Self {
        let run = |_| {
            let shared = Arc::clone(shared);
            let thread = std::thread::Builder::new().name("vector-graph".to_owned());
            thread
                .spawn(move || run(&shared))
                .inspect_err(
                    |error| tracing::error!(%error, "no thread for the vector graph: search stays exact"),
                )
                .ok()
        };
        Self { shared: Arc::clone(shared), threads: (0..threads).filter_map(run).collect() }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.shared.calls.lock().is_over = true;
        self.shared.called.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the vector graph panicked");
            }
        }
    }
}

/// How much less than others a thread of the graph is given of a busy processor, as in `nice`.
const NICENESS: i32 = 10;

/// Lets requests go before the graph where processors are few.
fn stand_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS) {
        tracing::debug!(%error, "the vector graph is built at the priority of requests");
    }
}

fn run(shared: &Shared) {
    stand_back();
    let mut scratch = Scratch::default();
    let mut seen = 0;
    while let Some(call) = shared.wait(seen) {
        seen = call;
        while !shared.is_over() && shared.link_one(&mut scratch) {}
        shared.repair();
    }
}
