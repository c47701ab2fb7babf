use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::clock::SystemClock;
use crate::embedded::db::DbConfig;

fn db(path: &Path) -> Db {
    Db::open(path, DbConfig::default(), Arc::new(SystemClock)).unwrap()
}

fn key(number: usize) -> Vec<u8> {
    format!("m\0q{number:09}").into_bytes()
}

fn put(cache: &EmbeddingCache, numbers: std::ops::Range<usize>) {
    cache.put(numbers.map(|number| (key(number), vec![number as f32; 4]))).unwrap();
}

/// Which of `count` are there.
fn there(cache: &EmbeddingCache, count: usize) -> Vec<usize> {
    (0..count).filter(|number| cache.get(&key(*number)).unwrap().is_some()).collect()
}

fn entries(cache: &EmbeddingCache) -> (usize, usize) {
    (cache.vectors.iter().count(), cache.order.iter().count() - 1)
}

#[test]
fn the_oldest_leave_and_the_bound_outlives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    {
        let cache = EmbeddingCache::open(&db(dir.path()), 10).unwrap();
        put(&cache, 0..8);
        put(&cache, 0..2);
        put(&cache, 8..13);
        assert_eq!(there(&cache, 13), (3..13).collect::<Vec<_>>());
        assert_eq!(cache.get(&key(12)).unwrap().unwrap(), [12.0; 4]);
    }
    let cache = EmbeddingCache::open(&db(dir.path()), 10).unwrap();
    put(&cache, 13..15);
    assert_eq!((there(&cache, 15), entries(&cache)), ((5..15).collect(), (10, 10)));
    drop(cache);
    let cache = EmbeddingCache::open(&db(dir.path()), 4).unwrap();
    assert_eq!(
        (there(&cache, 15), entries(&cache)),
        ((11..15).collect(), (4, 4)),
        "a lower bound holds at once"
    );
    put(&cache, 100..5_200);
    assert_eq!(entries(&cache), (4, 4));
}

#[test]
fn a_cache_without_a_bound_is_trimmed_when_it_is_opened_also_after_a_crash_on_the_way() {
    let dir = tempfile::tempdir().unwrap();
    {
        let db = db(dir.path());
        let (vectors, order) = (db.keyspace("embeddings").unwrap(), db.keyspace("embeddings_order").unwrap());
        let mut batch = db.batch();
        for number in 0..2_500 {
            batch.insert(&vectors, key(number), 1_f32.to_le_bytes());
        }
        // As far as one came that was killed.
        batch.insert(&order, 0_u64.to_be_bytes(), key(0));
        db.write(batch).unwrap();
    }
    let cache = EmbeddingCache::open(&db(dir.path()), 100).unwrap();
    assert_eq!(entries(&cache), (100, 100));
    put(&cache, 5_000..5_100);
    assert_eq!((there(&cache, 5_000), entries(&cache)), (Vec::new(), (100, 100)));
}
