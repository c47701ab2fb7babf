//! Reads: searches, counts, and documents by their ids.

use elasticsearch::http::Method;
use rep_core::ports::StoreError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::bulk::Revision;
use super::client::Client;
use super::error::{Cause, Failure, kind_of};

/// Most documents that one search gives, by the server's own limit (`index.max_result_window`).
pub(super) const WINDOW_MAX: usize = 10_000;
/// Ids of one request for documents.
const IDS_MAX: usize = 500;

/// What a search found.
#[derive(Deserialize)]
#[serde(bound = "S: DeserializeOwned, A: DeserializeOwned + Default")]
pub(super) struct Found<S, A = ()> {
    #[serde(default)]
    timed_out: bool,
    pub(super) hits: Hits<S>,
    #[serde(default)]
    pub(super) aggregations: A,
}

#[derive(Deserialize)]
#[serde(bound = "S: DeserializeOwned")]
pub(super) struct Hits<S> {
    pub(super) hits: Vec<SearchHit<S>>,
    #[serde(default)]
    pub(super) total: Total,
}

#[derive(Default, Deserialize)]
pub(super) struct Total {
    pub(super) value: u64,
}

/// One document of a search.
#[derive(Deserialize)]
#[serde(bound = "S: DeserializeOwned")]
pub(super) struct SearchHit<S> {
    #[serde(rename = "_id")]
    pub(super) id: String,
    #[serde(rename = "_score", default)]
    pub(super) score: Option<f32>,
    /// What was asked of it: its source, or some of its values.
    #[serde(alias = "_source", alias = "fields")]
    pub(super) document: S,
    #[serde(rename = "_seq_no", default)]
    seq_no: Option<u64>,
    #[serde(rename = "_primary_term", default)]
    primary_term: Option<u64>,
    #[serde(default)]
    pub(super) sort: Vec<Value>,
}

impl<S> SearchHit<S> {
    /// Which change of it was found, if that was asked for.
    pub(super) fn revision(&self) -> Option<Revision> {
        Some(Revision { seq_no: self.seq_no?, primary_term: self.primary_term? })
    }
}

/// A document as it stands now.
pub(super) struct Stored<S> {
    pub(super) document: S,
    pub(super) revision: Revision,
}

#[derive(Deserialize)]
struct Documents<S> {
    docs: Vec<Document<S>>,
}

#[derive(Deserialize)]
struct Document<S> {
    #[serde(default)]
    found: bool,
    #[serde(rename = "_source")]
    document: Option<S>,
    #[serde(rename = "_seq_no", default)]
    seq_no: u64,
    #[serde(rename = "_primary_term", default)]
    primary_term: u64,
    #[serde(default)]
    error: Option<Cause>,
}

/// Which part of a document is read.
#[derive(Clone, Copy)]
pub(super) enum Part {
    /// These fields only. A vector must be named by its own name: what 9.2 or later leaves out by itself is given
    /// then, and 8.19 leaves nothing out.
    Only(&'static str),
    /// All but these.
    Without(&'static str),
}

impl Client {
    /// Searches `index`; an answer of some shards only is an error, and so is one that was cut short.
    pub(super) async fn search<S: DeserializeOwned, A: DeserializeOwned + Default>(
        &self,
        index: &str,
        mut body: Value,
    ) -> Result<Found<S, A>, Failure> {
        if let Value::Object(fields) = &mut body {
            fields.insert("timeout".into(), self.search_timeout().into());
        }
        let whole = [("allow_partial_search_results", "false")];
        let found: Found<S, A> =
            self.json(Method::Post, &format!("{index}/_search"), &whole, Some(&body)).await?;
        if found.timed_out {
            return Err(Failure::NoAnswer("Elasticsearch had not finished a search in time".into()));
        }
        Ok(found)
    }

    /// How many documents of `index` match `query`.
    pub(super) async fn count(&self, index: &str, query: Value) -> Result<u64, Failure> {
        #[derive(Deserialize)]
        struct Counted {
            count: u64,
            _shards: Shards,
        }
        #[derive(Deserialize)]
        struct Shards {
            failed: u32,
        }
        let body = json!({ "query": query });
        let counted: Counted = self.json(Method::Post, &format!("{index}/_count"), &[], Some(&body)).await?;
        if counted._shards.failed > 0 {
            return Err(Failure::NoAnswer(format!("{} shards did not count", counted._shards.failed).into()));
        }
        Ok(counted.count)
    }

    /// The documents of `ids` as they stand now, in their order. Sees every write that was answered.
    pub(super) async fn documents<S: DeserializeOwned>(
        &self,
        index: &str,
        ids: &[&str],
        part: Part,
    ) -> Result<Vec<Option<Stored<S>>>, StoreError> {
        let source = match part {
            Part::Only(fields) => ("_source_includes", fields),
            Part::Without(fields) => ("_source_excludes", fields),
        };
        let parameters = [source, ("realtime", "true")];
        let path = format!("{index}/_mget");
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_MAX) {
            let body = json!({ "ids": ids });
            let answer: Documents<S> = self.json(Method::Post, &path, &parameters, Some(&body)).await?;
            if answer.docs.len() != ids.len() {
                let reason = format!("{} documents for {} ids", answer.docs.len(), ids.len());
                return Err(Failure::Unreadable(reason).into());
            }
            for document in answer.docs {
                if let Some(cause) = document.error {
                    let kind = kind_of(500, &cause);
                    return Err(StoreError::new(
                        kind,
                        format!("Elasticsearch cannot read a document: {cause}"),
                    ));
                }
                let revision = Revision { seq_no: document.seq_no, primary_term: document.primary_term };
                let document = document.document.filter(|_| document.found);
                found.push(document.map(|document| Stored { document, revision }));
            }
        }
        Ok(found)
    }

    /// Makes every write that was answered visible to searches.
    pub(super) async fn refresh(&self, index: &str) -> Result<(), Failure> {
        let _: Value = self.json(Method::Post, &format!("{index}/_refresh"), &[], None).await?;
        Ok(())
    }
}
