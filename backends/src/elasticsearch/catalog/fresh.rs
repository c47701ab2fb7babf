//! A refresh when a read needs one, and no other.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

/// Knows whether searches see all that this process wrote.
///
/// Measured with 5,000 vectors of 384 on two busy cores: a refresh after one write takes about 10 ms, one with nothing
/// to do 4 ms; `refresh=wait_for` holds a write for up to a second, and `refresh=true` makes each write pay, also when
/// nobody reads in between.
#[derive(Debug)]
pub(super) struct Freshness {
    /// Writes so far; one stands for those of a predecessor in this process.
    written: AtomicU64,
    /// Of them seen by searches.
    refreshed: AtomicU64,
    /// One refresh at a time: who waits for it may be served by it.
    refreshing: Mutex<()>,
}

impl Default for Freshness {
    fn default() -> Self {
        Self { written: AtomicU64::new(1), refreshed: AtomicU64::new(0), refreshing: Mutex::default() }
    }
}

impl Freshness {
    /// To be called once a write is answered, or may have taken place without an answer.
    pub(super) fn written(&self) {
        self.written.fetch_add(1, Ordering::AcqRel);
    }

    /// Refreshes by `refresh` unless one that began after every write so far has ended.
    pub(super) async fn ensure<E>(&self, refresh: impl AsyncFnOnce() -> Result<(), E>) -> Result<(), E> {
        let needed = self.written.load(Ordering::Acquire);
        if self.refreshed.load(Ordering::Acquire) >= needed {
            return Ok(());
        }
        let _one = self.refreshing.lock().await;
        if self.refreshed.load(Ordering::Acquire) >= needed {
            return Ok(());
        }
        let covered = self.written.load(Ordering::Acquire);
        refresh().await?;
        self.refreshed.fetch_max(covered, Ordering::AcqRel);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn writes_share_a_refresh_and_reads_alone_need_none() {
        let freshness = Arc::new(Freshness::default());
        let count = Arc::new(AtomicU64::new(0));
        let refresh = || {
            let count = Arc::clone(&count);
            async move || {
                tokio::time::sleep(Duration::from_millis(5)).await;
                count.fetch_add(1, Ordering::Relaxed);
                Ok::<(), ()>(())
            }
        };
        freshness.ensure(refresh()).await.unwrap();
        freshness.ensure(refresh()).await.unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 1);
        (0..100).for_each(|_| freshness.written());
        let readers: Vec<_> = (0..20)
            .map(|_| {
                let (freshness, refresh) = (Arc::clone(&freshness), refresh());
                tokio::spawn(async move { freshness.ensure(refresh).await })
            })
            .collect();
        for reader in readers {
            reader.await.unwrap().unwrap();
        }
        assert_eq!(count.load(Ordering::Relaxed), 2);
        freshness.written();
        freshness.ensure(async || Err(())).await.unwrap_err();
        freshness.ensure(refresh()).await.unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 3, "a refresh that failed covers nothing");
    }
}
