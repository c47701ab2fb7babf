//! How an Elasticsearch does: what an operator asks first.

use std::collections::BTreeMap;

use elasticsearch::http::Method;
use rep_core::ports::StoreError;
use serde::Deserialize;

use super::client::Client;
use super::error::Failure;

/// How the servers do, as they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterHealth {
    /// Version of the server that answered; `None` where it does not tell.
    pub version: Option<String>,
    /// Whether a shard has no copy in service, so that a part of some index can be neither read nor written.
    pub is_red: bool,
}

/// Why an index takes no writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// The disk is nearly full (flood stage); the servers lift it once there is room.
    Disk,
    /// Somebody made it read-only, or stopped its writes: a switch of the model does.
    Writes,
}

impl Client {
    /// How the servers do.
    ///
    /// # Errors
    /// Unavailable if they do not answer in time, or refuse who asks.
    pub async fn health(&self) -> Result<ClusterHealth, StoreError> {
        #[derive(Deserialize)]
        struct Answer {
            status: String,
        }
        #[derive(Deserialize)]
        struct Nodes {
            nodes: BTreeMap<String, Node>,
        }
        #[derive(Deserialize)]
        struct Node {
            version: String,
        }
        let answer: Answer = self.json(Method::Get, "_cluster/health", &[], None).await?;
        let filter = [("filter_path", "nodes.*.version")];
        // Not every user may ask for it.
        let nodes: Result<Nodes, Failure> = self.json(Method::Get, "_nodes/_local", &filter, None).await;
        let version = nodes.ok().and_then(|nodes| nodes.nodes.into_values().next()).map(|node| node.version);
        Ok(ClusterHealth { version, is_red: answer.status == "red" })
    }
}
