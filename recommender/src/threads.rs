//! Work on two cores, with a result that does not depend on how many there are.

use std::sync::Mutex;

/// Most threads that learning uses: the other cores serve.
pub const THREADS_MAX: usize = 2;

/// Calls `work` with each part of `parts`, on [`THREADS_MAX`] threads. Parts must not depend on each other.
pub(crate) fn each<T: Send>(parts: impl Iterator<Item = T> + Send, work: impl Fn(T) + Sync) {
    let parts = Mutex::new(parts);
    let next = || match parts.lock() {
        Ok(mut parts) => parts.next(),
        Err(_) => None,
    };
    std::thread::scope(|scope| {
        for _ in 1..THREADS_MAX {
            scope.spawn(|| {
                while let Some(part) = next() {
                    work(part);
                }
            });
        }
        while let Some(part) = next() {
            work(part);
        }
    });
}

/// `work` of each of `items`, in their order, on [`THREADS_MAX`] threads.
pub(crate) fn map<T: Sync, R: Send + Default + Clone>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let mut results = vec![R::default(); items.len()];
    let parts = items.chunks(16).zip(results.chunks_mut(16));
    each(parts, |(items, results)| {
        for (item, result) in items.iter().zip(results) {
            *result = work(item);
        }
    });
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_what_they_are_of() {
        let items: Vec<usize> = (0..1_000).collect();
        assert_eq!(map(&items, |item| item * 2), (0..1_000).map(|i| i * 2).collect::<Vec<_>>());
        assert!(map(&[] as &[usize], |item| *item).is_empty());
    }
}
