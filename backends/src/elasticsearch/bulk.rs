//! Bulks, whose answer is one of each operation: a bulk that "succeeded" may have done nothing.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use bytes::Bytes;
use rep_core::ports::{StoreError, StoreErrorKind};
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::error::{Cause, Failure, invalid, kind_of, unavailable};

/// Most operations of one request.
const OPERATIONS_MAX: usize = 1000;
/// How often an operation is tried that the server was too busy for.
const ATTEMPTS_MAX: u32 = 4;
/// Wait before the second attempt; doubles each time, and up to half as much again by chance.
const BACKOFF: Duration = Duration::from_millis(100);

/// One document to be written, as the bulk API wants it.
pub(super) struct Operation(Vec<u8>);

/// Guards an operation by what was read before.
#[derive(Clone, Copy, Debug)]
pub(super) enum Guard {
    /// The document must not be there.
    Absent,
    /// It must not have changed since it was read.
    Unchanged(Revision),
    /// It must not be of a greater version of ours.
    Version(u64),
    /// None.
    Any,
}

/// Which change of a document was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Revision {
    pub(super) seq_no: u64,
    pub(super) primary_term: u64,
}

#[derive(Serialize)]
struct Target<'a> {
    _index: &'a str,
    _id: &'a str,
    require_alias: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_seq_no: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_primary_term: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_type: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Action<'a> {
    Create(Target<'a>),
    Index(Target<'a>),
    Update(Target<'a>),
    Delete(Target<'a>),
}

#[derive(Serialize)]
struct Partial<'a, T> {
    doc: &'a T,
}

impl Operation {
    /// Writes the whole document; `alias` must be one.
    pub(super) fn put(
        alias: &str,
        id: &str,
        guard: Guard,
        document: &impl Serialize,
    ) -> Result<Self, StoreError> {
        let target = target(alias, id, guard);
        let action =
            if matches!(guard, Guard::Absent) { Action::Create(target) } else { Action::Index(target) };
        Self::of(&action, Some(document))
    }

    /// Writes some fields of a document that is there.
    pub(super) fn update(
        alias: &str,
        id: &str,
        guard: Guard,
        fields: &impl Serialize,
    ) -> Result<Self, StoreError> {
        Self::of(&Action::Update(target(alias, id, guard)), Some(&Partial { doc: fields }))
    }

    /// Removes a document.
    pub(super) fn delete(alias: &str, id: &str, guard: Guard) -> Result<Self, StoreError> {
        Self::of(&Action::Delete(target(alias, id, guard)), None::<&()>)
    }

    /// Its lines, as they stand in the body of a bulk.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn of(action: &Action<'_>, document: Option<&impl Serialize>) -> Result<Self, StoreError> {
        let unwritable = |error: serde_json::Error| invalid(format!("document cannot be written: {error}"));
        let mut lines = serde_json::to_vec(action).map_err(unwritable)?;
        lines.push(b'\n');
        if let Some(document) = document {
            serde_json::to_writer(&mut lines, document).map_err(unwritable)?;
            lines.push(b'\n');
        }
        Ok(Self(lines))
    }
}

fn target<'a>(alias: &'a str, id: &'a str, guard: Guard) -> Target<'a> {
    let (revision, version) = match guard {
        Guard::Unchanged(revision) => (Some(revision), None),
        Guard::Version(version) => (None, Some(version)),
        Guard::Absent | Guard::Any => (None, None),
    };
    Target {
        _index: alias,
        _id: id,
        require_alias: true,
        if_seq_no: revision.map(|r| r.seq_no),
        if_primary_term: revision.map(|r| r.primary_term),
        version,
        version_type: version.map(|_| "external_gte"),
    }
}

/// What became of one operation.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// It is done.
    Done,
    /// Its guard did not hold: somebody was there before.
    Conflict,
    /// There is no document to be updated or removed.
    Absent,
    /// The server did not take it.
    Refused {
        /// What that means.
        kind: StoreErrorKind,
        /// What it said.
        reason: String,
    },
}

impl Outcome {
    /// The outcome, or the error that its refusal is.
    pub(super) fn taken(self) -> Result<Self, StoreError> {
        match self {
            Self::Refused { kind, reason } => Err(StoreError::new(kind, reason)),
            other => Ok(other),
        }
    }

    /// Refused for a reason that may be gone in a moment; a full disk takes longer.
    fn is_worth_repeating(&self) -> bool {
        matches!(self, Self::Refused { kind: StoreErrorKind::Unavailable, .. })
    }
}

#[derive(Deserialize)]
struct Answer {
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Item {
    Create(Told),
    Index(Told),
    Update(Told),
    Delete(Told),
}

#[derive(Deserialize)]
struct Told {
    status: u16,
    #[serde(default)]
    error: Option<Cause>,
}

impl From<Item> for Outcome {
    fn from(item: Item) -> Self {
        let (Item::Create(told) | Item::Index(told) | Item::Update(told) | Item::Delete(told)) = item;
        match (told.status, told.error) {
            (200..300, None) => Self::Done,
            (409, _) => Self::Conflict,
            (404, None) => Self::Absent,
            (404, Some(cause)) if cause.is("document_missing_exception") => Self::Absent,
            (status, cause) => {
                let cause = cause.unwrap_or_default();
                let kind = kind_of(status, &cause);
                Self::Refused {
                    kind,
                    reason: format!("Elasticsearch refused a document with {status} {cause}"),
                }
            }
        }
    }
}

impl Client {
    /// Does `operations` in requests of bounded size; gives for each, in order, what became of it.
    ///
    /// Only what the server was too busy for (429, 5xx) is tried again, up to 4 times within about a second; what it
    /// refuses is refused alone. Those on one document are done in their order as long as none is tried again. An
    /// error means that some may be done and some not.
    pub(super) async fn bulk(&self, operations: &[Operation]) -> Result<Vec<Outcome>, StoreError> {
        let nothing = || Outcome::Refused { kind: StoreErrorKind::Unavailable, reason: "not tried".into() };
        let mut outcomes: Vec<Outcome> = operations.iter().map(|_| nothing()).collect();
        let mut pending: Vec<usize> = (0..operations.len()).collect();
        for attempt in 0..ATTEMPTS_MAX {
            if pending.is_empty() {
                break;
            }
            if attempt > 0 {
                metrics::counter!("rep_elasticsearch_bulk_retried_total").increment(pending.len() as u64);
                tokio::time::sleep(backoff(attempt)).await;
            }
            for part in self.parts(&pending, operations) {
                match self.bulk_once(part, operations).await {
                    Ok(answered) => {
                        for (at, outcome) in part.iter().zip(answered) {
                            outcomes[*at] = outcome;
                        }
                    }
                    Err(failure) if failure.is_overload() => {
                        let (kind, reason) = (failure.kind(), StoreError::from(failure).to_string());
                        for at in part {
                            outcomes[*at] = Outcome::Refused { kind, reason: reason.clone() };
                        }
                    }
                    Err(failure) => return Err(failure.into()),
                }
            }
            pending.retain(|at| outcomes[*at].is_worth_repeating());
        }
        for outcome in &outcomes {
            if let Outcome::Refused { kind, .. } = outcome {
                let kind = format!("{kind:?}");
                metrics::counter!("rep_elasticsearch_bulk_refused_total", "kind" => kind).increment(1);
            }
        }
        Ok(outcomes)
    }

    /// The same, where each operation must be done or be in vain; the first that is refused makes the call fail.
    pub(super) async fn bulk_all(&self, operations: &[Operation]) -> Result<Vec<Outcome>, StoreError> {
        self.bulk(operations).await?.into_iter().map(Outcome::taken).collect()
    }

    /// `pending` in runs whose bodies stay within bounds; one that is larger by itself goes alone.
    fn parts<'a>(&self, mut pending: &'a [usize], operations: &[Operation]) -> Vec<&'a [usize]> {
        let mut parts = Vec::new();
        while !pending.is_empty() {
            let mut bytes = 0;
            let fits = |at: &&usize| {
                bytes += operations[**at].0.len();
                bytes <= self.bulk_bytes_max()
            };
            let count = pending.iter().take(OPERATIONS_MAX).take_while(fits).count().max(1);
            let (part, rest) = pending.split_at(count);
            parts.push(part);
            pending = rest;
        }
        parts
    }

    async fn bulk_once(&self, part: &[usize], operations: &[Operation]) -> Result<Vec<Outcome>, Failure> {
        let length = part.iter().map(|at| operations[*at].0.len()).sum();
        let mut body = Vec::with_capacity(length);
        for at in part {
            body.extend_from_slice(&operations[*at].0);
        }
        let answer = [("filter_path", "items.*.status,items.*.error")];
        let answer: Answer = self.lines("_bulk", &answer, Bytes::from(body)).await?;
        if answer.items.len() != part.len() {
            let reason = format!("{} answers to {} operations", answer.items.len(), part.len());
            return Err(Failure::Unreadable(reason));
        }
        Ok(answer.items.into_iter().map(Outcome::from).collect())
    }
}

/// How long to wait before `attempt`, so that not all come back at one moment.
pub(super) fn backoff(attempt: u32) -> Duration {
    let wait = BACKOFF * (1 << (attempt.clamp(1, 5) - 1));
    let chance = RandomState::new().build_hasher().finish() % 512;
    wait + wait * u32::try_from(chance).unwrap_or(0) / 1024
}

/// What a caller tells who lost too often against others that change the same document.
pub(super) fn contended(what: &str) -> StoreError {
    unavailable(format!("{what} is being changed by others; tried {CONFLICTS_MAX} times"))
}

/// How often a guarded change is made anew that others were faster than.
pub(super) const CONFLICTS_MAX: u32 = 16;
