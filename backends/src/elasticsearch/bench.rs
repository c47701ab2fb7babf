//! What the server takes of ready documents: the bound of every role that writes them; `rep bench cluster` compares
//! with it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::try_join_all;
use rep_core::ports::StoreError;
use rep_core::ports::behaviour::BehaviourDocument;
use serde::Deserialize;

use super::behaviour::{NewDocument, alias};
use super::bulk::{Guard, Operation};
use super::client::{Client, ElasticsearchConfig};
use super::error::unavailable;
use super::indices::IndexKind;

/// Bulks of documents, written out, to be loaded.
pub struct BareLoader {
    client: Client,
    bodies: Vec<Bytes>,
}

impl BareLoader {
    /// The same requests by which the behaviour role writes `documents`, `bulk_documents` in each. Asks nothing of the
    /// server; the index of `config`'s namespace must be there for [`Self::run`], and without these documents.
    ///
    /// # Errors
    /// Invalid if the configuration is refused.
    pub fn new(
        config: &ElasticsearchConfig,
        documents: &[BehaviourDocument],
        bulk_documents: usize,
    ) -> Result<Self, StoreError> {
        let client = Client::new(config)?;
        let index = alias(&client, IndexKind::Behaviour);
        let mut taken = 0;
        let mut body = |documents: &[BehaviourDocument]| {
            let mut body = Vec::new();
            for document in documents {
                taken += 1;
                let (id, document) =
                    (document.action.event_id().key().to_string(), NewDocument::of(document, taken));
                body.extend(Operation::put(&index, &id, Guard::Absent, &document)?.into_bytes());
            }
            Ok(Bytes::from(body))
        };
        let bodies =
            documents.chunks(bulk_documents.max(1)).map(&mut body).collect::<Result<_, StoreError>>()?;
        Ok(Self { client, bodies })
    }

    /// Sends all bulks, `lanes` at a time; gives how long that took.
    ///
    /// # Errors
    /// When the server is away, or refuses a document.
    pub async fn run(&self, lanes: usize) -> Result<Duration, StoreError> {
        let (began, lanes) = (Instant::now(), lanes.max(1));
        let lane = |lane: usize| async move {
            for body in self.bodies.iter().skip(lane).step_by(lanes) {
                self.send(body.clone()).await?;
            }
            Ok::<_, StoreError>(())
        };
        try_join_all((0..lanes).map(lane)).await?;
        Ok(began.elapsed())
    }

    async fn send(&self, body: Bytes) -> Result<(), StoreError> {
        #[derive(Deserialize)]
        struct Answer {
            errors: bool,
        }
        let answer: Answer = self.client.lines("_bulk", &[("filter_path", "errors")], body).await?;
        if answer.errors {
            return Err(unavailable("Elasticsearch refused documents of a bulk"));
        }
        Ok(())
    }
}
