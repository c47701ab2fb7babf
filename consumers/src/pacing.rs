//! Keeps long loops from holding the runtime.

/// Steps between two chances for others to run: about 100 µs of decoding or folding.
const STEPS: usize = 64;

/// Lets other tasks run, now and then; `step` counts the turns of the loop.
pub(crate) async fn breathe(step: usize) {
    if step % STEPS == STEPS - 1 {
        tokio::task::yield_now().await;
    }
}
