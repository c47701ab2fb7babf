//! A text is embedded once: a bounded cache in memory, and a hook for a durable one behind it.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use lru::LruCache;
use ndarray::{Array2, ArrayView1, aview1};
use parking_lot::Mutex;
use rep_core::ModelId;
use rep_core::ports::embedder::{EmbedError, Embedder, TextKind, Urgency};
use sha2::{Digest, Sha256};

use crate::metrics;

/// What identifies a vector: the model, the side, and the text's hash. Never the text itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    /// The model that made the vector.
    pub model: ModelId,
    /// The side it was made for.
    pub kind: TextKind,
    /// SHA-256 of the text's UTF-8 bytes.
    pub text_sha256: [u8; 32],
}

impl CacheKey {
    /// The key of `text`.
    pub fn new(model: &ModelId, kind: TextKind, text: &str) -> Self {
        Self { model: model.clone(), kind, text_sha256: Sha256::digest(text.as_bytes()).into() }
    }

    /// The key as bytes for an ordered store: model, 0, `q` or `p`, hash. Ids hold no control characters, so
    /// that no two keys share their bytes, and one model's keys lie together.
    pub fn to_bytes(&self) -> Vec<u8> {
        let kind = match self.kind {
            TextKind::Query => b'q',
            TextKind::Passage => b'p',
        };
        [self.model.as_str().as_bytes(), &[0, kind], &self.text_sha256].concat()
    }
}

/// A durable cache that the composition root may put behind the one in memory, on whatever store it has.
///
/// A cache, not a store: what it loses is computed again. Vectors come back as they were put; ones of a wrong
/// width are ignored and counted.
#[async_trait]
pub trait VectorCache: Send + Sync {
    /// One answer for each key, in order; `None` where there is none.
    async fn get(&self, keys: &[CacheKey]) -> Result<Vec<Option<Vec<f32>>>, VectorCacheError>;

    /// Keeps unit vectors; putting a key again changes nothing that matters. Bounding its size is the cache's
    /// own affair.
    async fn put(&self, entries: &[(CacheKey, Vec<f32>)]) -> Result<(), VectorCacheError>;
}

/// The durable cache cannot be used now. Embedding goes on without it: counted in
/// `rep_embed_cache_errors_total`, and logged.
#[derive(Debug, thiserror::Error)]
#[error("vector cache: {0}")]
pub struct VectorCacheError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// An [`Embedder`] that asks its caches first. Equal texts in one call are embedded once.
pub struct CachedEmbedder<E> {
    inner: E,
    // Held for single look-ups only, never across an await.
    memory: Mutex<LruCache<CacheKey, Arc<[f32]>>>,
    durable: Option<Arc<dyn VectorCache>>,
}

impl<E: Embedder> CachedEmbedder<E> {
    /// Caches up to `vectors_max` vectors (of `4 × dimensions` bytes each) in memory, the least recently used
    /// going first.
    pub fn new(inner: E, vectors_max: NonZeroUsize) -> Self {
        Self { inner, memory: Mutex::new(LruCache::new(vectors_max)), durable: None }
    }

    /// Puts a durable cache behind the one in memory.
    pub fn with_durable(mut self, durable: Arc<dyn VectorCache>) -> Self {
        self.durable = Some(durable);
        self
    }

    /// The embedder that is asked when no cache knows.
    pub fn inner(&self) -> &E {
        &self.inner
    }

    fn look_in_memory(&self, wanted: &mut Wanted<'_>) -> usize {
        let mut memory = self.memory.lock();
        wanted.fill(|key| memory.get(key).cloned())
    }

    async fn look_in_durable(&self, wanted: &mut Wanted<'_>) -> usize {
        let Some(durable) = &self.durable else { return 0 };
        let keys: Vec<CacheKey> = wanted.missing().map(|(key, _)| key.clone()).collect();
        if keys.is_empty() {
            return 0;
        }
        let answers = match durable.get(&keys).await {
            Ok(answers) if answers.len() == keys.len() => answers,
            Ok(answers) => {
                let reason = format!("{} answers for {} keys", answers.len(), keys.len());
                complain("get", &VectorCacheError(reason.into()));
                return 0;
            }
            Err(error) => {
                complain("get", &error);
                return 0;
            }
        };
        let mut found: HashMap<CacheKey, Arc<[f32]>> = HashMap::new();
        for (key, vector) in keys.into_iter().zip(answers) {
            match vector {
                Some(vector) if vector.len() == self.inner.dimensions() => {
                    self.memory.lock().put(key.clone(), vector.clone().into());
                    found.insert(key, vector.into());
                }
                Some(_) => metrics::cache_errors("width"),
                None => {}
            }
        }
        wanted.fill(|key| found.get(key).cloned())
    }

    async fn compute(
        &self,
        wanted: &mut Wanted<'_>,
        kind: TextKind,
        urgency: Urgency,
    ) -> Result<(), EmbedError> {
        let (keys, texts): (Vec<CacheKey>, Vec<String>) =
            wanted.missing().map(|(key, text)| (key.clone(), text.to_owned())).unzip();
        if keys.is_empty() {
            return Ok(());
        }
        let vectors = self.inner.embed(&texts, kind, urgency).await?;
        let entries: Vec<(CacheKey, Vec<f32>)> =
            keys.into_iter().zip(vectors.outer_iter().map(|row| row.to_vec())).collect();
        let computed: HashMap<CacheKey, Arc<[f32]>> =
            entries.iter().map(|(key, vector)| (key.clone(), vector.as_slice().into())).collect();
        for (key, vector) in &computed {
            self.memory.lock().put(key.clone(), vector.clone());
        }
        wanted.fill(|key| computed.get(key).cloned());
        if let Some(durable) = &self.durable
            && let Err(error) = durable.put(&entries).await
        {
            complain("put", &error);
        }
        Ok(())
    }
}

#[async_trait]
impl<E: Embedder> Embedder for CachedEmbedder<E> {
    fn model(&self) -> &ModelId {
        self.inner.model()
    }

    fn dimensions(&self) -> usize {
        self.inner.dimensions()
    }

    async fn embed(
        &self,
        texts: &[String],
        kind: TextKind,
        urgency: Urgency,
    ) -> Result<Array2<f32>, EmbedError> {
        let mut wanted = Wanted::new(self.inner.model(), texts, kind);
        metrics::cache_hits(kind, "memory", self.look_in_memory(&mut wanted));
        metrics::cache_hits(kind, "durable", self.look_in_durable(&mut wanted).await);
        metrics::cache_misses(kind, wanted.missing().count());
        self.compute(&mut wanted, kind, urgency).await?;
        wanted.into_array(self.dimensions())
    }
}

fn complain(operation: &'static str, error: &VectorCacheError) {
    metrics::cache_errors(operation);
    tracing::warn!(operation, %error, "the durable vector cache failed; going on without it");
}

/// The distinct texts of one call, and what is known of each.
struct Wanted<'a> {
    /// For each text of the call, its place in `distinct`.
    places: Vec<usize>,
    distinct: Vec<Distinct<'a>>,
}

/// One text and, once known, its vector.
struct Distinct<'a> {
    key: CacheKey,
    text: &'a str,
    vector: Option<Arc<[f32]>>,
}

impl<'a> Wanted<'a> {
    fn new(model: &ModelId, texts: &'a [String], kind: TextKind) -> Self {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let mut distinct = Vec::new();
        let mut place = |text: &'a String| {
            *seen.entry(text).or_insert_with(|| {
                distinct.push(Distinct { key: CacheKey::new(model, kind, text), text, vector: None });
                distinct.len() - 1
            })
        };
        let places = texts.iter().map(&mut place).collect();
        Self { places, distinct }
    }

    fn missing(&self) -> impl Iterator<Item = (&CacheKey, &str)> {
        self.distinct.iter().filter(|one| one.vector.is_none()).map(|one| (&one.key, one.text))
    }

    /// Asks `find` for what is missing; says how many it had.
    fn fill(&mut self, mut find: impl FnMut(&CacheKey) -> Option<Arc<[f32]>>) -> usize {
        let mut filled = 0;
        for one in self.distinct.iter_mut().filter(|one| one.vector.is_none()) {
            one.vector = find(&one.key);
            filled += usize::from(one.vector.is_some());
        }
        filled
    }

    fn into_array(self, dimensions: usize) -> Result<Array2<f32>, EmbedError> {
        let mut array = Array2::zeros((self.places.len(), dimensions));
        for (row, &place) in self.places.iter().enumerate() {
            let vector: ArrayView1<'_, f32> = match &self.distinct[place].vector {
                Some(vector) if vector.len() == dimensions => aview1(vector),
                _ => return Err(EmbedError::Failed("the embedder left a text without its vector".into())),
            };
            array.row_mut(row).assign(&vector);
        }
        Ok(array)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    /// Makes `[length of the text, 0]`, and counts what it was asked.
    struct Counting {
        model: ModelId,
        asked: AtomicUsize,
        /// Of each call.
        urgencies: Mutex<Vec<Urgency>>,
    }

    impl Counting {
        fn new() -> Self {
            Self {
                model: ModelId::new("counting").unwrap(),
                asked: AtomicUsize::new(0),
                urgencies: Mutex::default(),
            }
        }
    }

    #[async_trait]
    impl Embedder for Counting {
        fn model(&self) -> &ModelId {
            &self.model
        }

        fn dimensions(&self) -> usize {
            2
        }

        async fn embed(
            &self,
            texts: &[String],
            _: TextKind,
            urgency: Urgency,
        ) -> Result<Array2<f32>, EmbedError> {
            self.urgencies.lock().push(urgency);
            self.asked.fetch_add(texts.len(), Ordering::SeqCst);
            let value =
                |(row, column): (usize, usize)| if column == 0 { texts[row].len() as f32 } else { 0.0 };
            Ok(Array2::from_shape_fn((texts.len(), 2), value))
        }
    }

    #[derive(Default)]
    struct Shelf {
        vectors: Mutex<HashMap<CacheKey, Vec<f32>>>,
        broken: AtomicBool,
    }

    impl Shelf {
        fn check(&self) -> Result<(), VectorCacheError> {
            if self.broken.load(Ordering::SeqCst) { Err(VectorCacheError("broken".into())) } else { Ok(()) }
        }
    }

    #[async_trait]
    impl VectorCache for Shelf {
        async fn get(&self, keys: &[CacheKey]) -> Result<Vec<Option<Vec<f32>>>, VectorCacheError> {
            self.check()?;
            Ok(keys.iter().map(|key| self.vectors.lock().get(key).cloned()).collect())
        }

        async fn put(&self, entries: &[(CacheKey, Vec<f32>)]) -> Result<(), VectorCacheError> {
            self.check()?;
            self.vectors.lock().extend(entries.iter().cloned());
            Ok(())
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn embedder(vectors_max: usize) -> CachedEmbedder<Counting> {
        CachedEmbedder::new(Counting::new(), NonZeroUsize::new(vectors_max).unwrap())
    }

    fn asked(embedder: &CachedEmbedder<Counting>) -> usize {
        embedder.inner().asked.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn embeds_each_distinct_text_once_and_keeps_the_order() {
        let cached = embedder(8);
        let call = texts(&["a", "bbb", "a", "cc"]);
        let first = cached.embed(&call, TextKind::Query, Urgency::Urgent).await.unwrap();
        assert_eq!(first.column(0).to_vec(), [1.0, 3.0, 1.0, 2.0]);
        assert_eq!(cached.embed(&call, TextKind::Query, Urgency::Urgent).await.unwrap(), first);
        assert_eq!(asked(&cached), 3);
        cached.embed(&call, TextKind::Passage, Urgency::Urgent).await.unwrap();
        assert_eq!(asked(&cached), 6, "the two sides have vectors of their own");
    }

    #[tokio::test]
    async fn what_was_embedded_urgently_is_known_to_the_backlog() {
        let cached = embedder(8);
        cached.embed(&texts(&["a"]), TextKind::Passage, Urgency::Urgent).await.unwrap();
        cached.embed(&texts(&["a", "bb"]), TextKind::Passage, Urgency::Backlog).await.unwrap();
        assert_eq!(asked(&cached), 2);
        assert_eq!(*cached.inner().urgencies.lock(), [Urgency::Urgent, Urgency::Backlog]);
    }

    #[tokio::test]
    async fn forgets_the_least_recently_used_and_still_answers_a_call_wider_than_itself() {
        let cached = embedder(2);
        let call = texts(&["a", "bb", "ccc", "dddd"]);
        let vectors = cached.embed(&call, TextKind::Query, Urgency::Urgent).await.unwrap();
        assert_eq!(vectors.column(0).to_vec(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(cached.memory.lock().len(), 2);
    }

    #[tokio::test]
    async fn a_durable_cache_outlives_the_process_and_may_break() {
        let shelf = Arc::new(Shelf::default());
        let first = embedder(8).with_durable(shelf.clone());
        first.embed(&texts(&["a", "bb"]), TextKind::Query, Urgency::Urgent).await.unwrap();
        let second = embedder(8).with_durable(shelf.clone());
        let vectors = second.embed(&texts(&["bb", "ccc"]), TextKind::Query, Urgency::Urgent).await.unwrap();
        assert_eq!(vectors.column(0).to_vec(), [2.0, 3.0]);
        assert_eq!(asked(&second), 1);
        shelf.broken.store(true, Ordering::SeqCst);
        second.embed(&texts(&["new"]), TextKind::Query, Urgency::Urgent).await.unwrap();
        assert_eq!(asked(&second), 2);
    }

    #[tokio::test]
    async fn a_vector_of_another_width_is_computed_again() {
        let shelf = Arc::new(Shelf::default());
        let key = CacheKey::new(&ModelId::new("counting").unwrap(), TextKind::Query, "a");
        shelf.put(&[(key, vec![1.0, 2.0, 3.0])]).await.unwrap();
        let cached = embedder(8).with_durable(shelf);
        assert_eq!(
            cached.embed(&texts(&["a"]), TextKind::Query, Urgency::Urgent).await.unwrap().column(0).to_vec(),
            [1.0]
        );
        assert_eq!(asked(&cached), 1);
    }

    #[tokio::test]
    async fn nothing_in_gives_nothing_out() {
        assert_eq!(embedder(1).embed(&[], TextKind::Query, Urgency::Urgent).await.unwrap().dim(), (0, 2));
    }

    #[test]
    fn keys_differ_in_their_bytes() {
        let model = ModelId::new("m").unwrap();
        let query = CacheKey::new(&model, TextKind::Query, "a").to_bytes();
        assert_ne!(query, CacheKey::new(&model, TextKind::Passage, "a").to_bytes());
        assert_ne!(query, CacheKey::new(&ModelId::new("mq").unwrap(), TextKind::Query, "a").to_bytes());
        assert_eq!(query.len(), 1 + 2 + 32);
    }
}
