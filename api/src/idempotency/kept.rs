//! Answers that are kept, within bounds that hold for all callers together and for each.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Method, StatusCode, Uri};
use bytes::Bytes;
use lru::LruCache;
use parking_lot::Mutex;
use rep_core::{Timestamp, half_sha256};

use crate::problem::Problem;

/// Most answers that are kept.
const ANSWERS_MAX: usize = 10_000;
/// Most bytes that they hold together.
const BYTES_MAX: usize = 64 << 20;
/// One caller holds at most this part of both.
const SHARES: usize = 8;
/// What an answer holds beside its body and headers, in bytes: a little more than it is.
const OVERHEAD_BYTES: usize = 512;

/// Which request a repeat repeats: of which caller, by SHA-256, and which of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    caller: [u8; 16],
    request: [u8; 16],
}

impl Scope {
    pub(super) fn of(caller: &str, method: &Method, uri: &Uri, key: &str) -> Self {
        let uri = uri.to_string();
        Self { caller: hashed(&[caller]), request: hashed(&[method.as_str(), &uri, key]) }
    }
}

fn hashed(parts: &[&str]) -> [u8; 16] {
    // The lengths tell where one ends.
    let lengths: Vec<[u8; 8]> = parts.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
    half_sha256(lengths.iter().zip(parts).flat_map(|(length, part)| [&length[..], part.as_bytes()]))
}

#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) problem: Option<Problem>,
}

impl Answer {
    fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        headers + self.body.len()
    }
}

/// What a request with a key is.
pub(super) enum Begun {
    /// The first: it is to be done, and its answer kept.
    First(First),
    /// A repeat of one that is still running.
    Running,
    /// Another request with the same key.
    OtherPayload,
    /// A repeat, with the answer to the first.
    Again(Answer),
}

/// Answers by scope; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Entries>>);

struct Entries {
    /// The oldest leave first, regardless of the caller.
    by_scope: LruCache<Scope, Entry>,
    shares: HashMap<[u8; 16], Share>,
    bytes: usize,
}

impl Default for Entries {
    fn default() -> Self {
        Self { by_scope: LruCache::unbounded(), shares: HashMap::new(), bytes: 0 }
    }
}

struct Entry {
    fingerprint: u128,
    at: Timestamp,
    /// `None` while the first request runs.
    answer: Option<Answer>,
    bytes: usize,
}

/// What one caller holds.
#[derive(Default)]
struct Share {
    /// Requests, oldest first; some of them have left.
    requests: VecDeque<[u8; 16]>,
    count: usize,
    bytes: usize,
}

impl Kept {
    pub(super) fn begin(&self, scope: Scope, fingerprint: u128, now: Timestamp, ttl: Duration) -> Begun {
        let mut entries = self.0.lock();
        if let Some(entry) = entries.by_scope.get(&scope)
            && now.since(entry.at) < ttl
        {
            return match &entry.answer {
                _ if entry.fingerprint != fingerprint => Begun::OtherPayload,
                Some(answer) => Begun::Again(answer.clone()),
                None => Begun::Running,
            };
        }
        entries.remove(&scope);
        entries.insert(scope, Entry { fingerprint, at: now, answer: None, bytes: OVERHEAD_BYTES });
        Begun::First(First { kept: self.clone(), scope, answered: false })
    }
}

impl Entries {
    fn insert(&mut self, scope: Scope, entry: Entry) {
        let share = self.shares.entry(scope.caller).or_default();
        share.requests.push_back(scope.request);
        share.count += 1;
        share.bytes += entry.bytes;
        self.bytes += entry.bytes;
        self.by_scope.put(scope, entry);
        self.make_room(scope.caller);
    }

    fn answer(&mut self, scope: &Scope, answer: Answer) -> bool {
        let Some(entry) = self.by_scope.get_mut(scope) else { return false };
        let more = answer.bytes();
        entry.bytes += more;
        entry.answer = Some(answer);
        self.bytes += more;
        if let Some(share) = self.shares.get_mut(&scope.caller) {
            share.bytes += more;
        }
        self.make_room(scope.caller);
        true
    }

    fn remove(&mut self, scope: &Scope) {
        let Some(entry) = self.by_scope.pop(scope) else { return };
        self.bytes -= entry.bytes;
        if let Some(share) = self.shares.get_mut(&scope.caller) {
            share.count -= 1;
            share.bytes -= entry.bytes;
            if share.count == 0 {
                self.shares.remove(&scope.caller);
            } else if share.requests.len() > 2 * share.count + 16 {
                let (by_scope, caller) = (&self.by_scope, scope.caller);
                share.requests.retain(|request| by_scope.contains(&Scope { caller, request: *request }));
            }
        }
    }

    /// The caller's own oldest leave first, then everybody's.
    fn make_room(&mut self, caller: [u8; 16]) {
        while let Some(share) = self.shares.get_mut(&caller)
            && (share.count > ANSWERS_MAX / SHARES || share.bytes > BYTES_MAX / SHARES)
        {
            let Some(request) = share.requests.pop_front() else { break };
            self.remove(&Scope { caller, request });
        }
        while self.by_scope.len() > ANSWERS_MAX || self.bytes > BYTES_MAX {
            let Some((scope, _)) = self.by_scope.peek_lru() else { return };
            let scope = *scope;
            self.remove(&scope);
        }
    }
}

/// The first request with a key; dropped without an answer, it frees the key.
pub(super) struct First {
    kept: Kept,
    scope: Scope,
    answered: bool,
}

impl First {
    pub(super) fn answer(mut self, answer: Answer) {
        self.answered = self.kept.0.lock().answer(&self.scope, answer);
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if !self.answered {
            self.kept.0.lock().remove(&self.scope);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    fn scope(caller: &str, key: usize) -> Scope {
        Scope::of(caller, &Method::POST, &Uri::from_static("/events"), &key.to_string())
    }

    fn begin(kept: &Kept, caller: &str, key: usize) -> Begun {
        kept.begin(scope(caller, key), 1, Timestamp::from_ms(0), TTL)
    }

    fn answer(kept: &Kept, caller: &str, key: usize, bytes: usize) {
        let Begun::First(first) = begin(kept, caller, key) else { panic!("`{caller}` `{key}` is no first") };
        let body = vec![0; bytes].into();
        first.answer(Answer { status: StatusCode::OK, headers: HeaderMap::new(), body, problem: None });
    }

    fn is_kept(kept: &Kept, caller: &str, key: usize) -> bool {
        matches!(begin(kept, caller, key), Begun::Again(_))
    }

    /// The sums are those of the entries.
    fn check(kept: &Kept) {
        let entries = kept.0.lock();
        let bytes: usize = entries.by_scope.iter().map(|(_, entry)| entry.bytes).sum();
        assert_eq!(entries.bytes, bytes);
        assert_eq!(entries.shares.values().map(|share| share.bytes).sum::<usize>(), bytes);
        assert_eq!(entries.shares.values().map(|share| share.count).sum::<usize>(), entries.by_scope.len());
        for share in entries.shares.values() {
            assert!(share.requests.len() <= 2 * share.count + 16 + 1);
        }
        assert!(entries.by_scope.len() <= ANSWERS_MAX && bytes <= BYTES_MAX);
    }

    #[test]
    fn a_request_that_went_away_frees_its_key() {
        let kept = Kept::default();
        for _ in 0..100 {
            drop(begin(&kept, "ann", 1));
        }
        check(&kept);
        assert!(kept.0.lock().shares.is_empty());
        assert!(matches!(begin(&kept, "ann", 1), Begun::First(_)));
    }

    #[test]
    fn who_sends_much_takes_nothing_from_others() {
        let kept = Kept::default();
        answer(&kept, "ben", 0, 100);
        for key in 0..ANSWERS_MAX {
            answer(&kept, "ann", key, 10);
        }
        check(&kept);
        assert_eq!(kept.0.lock().by_scope.len(), ANSWERS_MAX / SHARES + 1);
        assert!(is_kept(&kept, "ben", 0) && is_kept(&kept, "ann", ANSWERS_MAX - 1));
        // Nor who sends large ones.
        for key in 0..20 {
            answer(&kept, "cem", key, 1 << 20);
        }
        check(&kept);
        assert!(kept.0.lock().shares[&scope("cem", 0).caller].bytes <= BYTES_MAX / SHARES);
        assert!(is_kept(&kept, "ben", 0) && is_kept(&kept, "cem", 19) && !is_kept(&kept, "cem", 1));
    }

    #[test]
    fn all_together_are_bounded() {
        let kept = Kept::default();
        for caller in 0..40 {
            for key in 0..4 {
                answer(&kept, &caller.to_string(), key, 1 << 20);
            }
        }
        check(&kept);
        assert!(is_kept(&kept, "39", 3) && !is_kept(&kept, "0", 0));
    }
}
