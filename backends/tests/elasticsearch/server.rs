//! A corner of the server for each test; `REP_TEST_ELASTICSEARCH` is its base URL.

use std::time::Duration;

use rep_backends::elasticsearch::{Client, ElasticsearchConfig, IndexKind, Indices, Namespace};
use rep_core::ModelId;
use rep_core::contract::support::unique;

use crate::servers::shared;

/// Width of the vectors of tests.
pub(crate) const DIMENSIONS: usize = 24;

async fn url() -> String {
    shared("REP_TEST_ELASTICSEARCH", &["elasticsearch"]).await
}

/// Indices that only one test uses; removed when it ends.
pub(crate) struct Space {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    url: String,
}

impl Space {
    /// A space without indices.
    pub(crate) async fn empty() -> Self {
        Self::at(url().await)
    }

    /// A space without indices on a server of one's own.
    pub(crate) fn at(url: String) -> Self {
        let namespace = format!("{}-", unique("test"));
        let config = ElasticsearchConfig {
            namespace: Namespace::new(&namespace).unwrap(),
            // A machine whose disks are busy with other tests takes its time.
            timeout: Duration::from_secs(60),
            ..ElasticsearchConfig::new(url.clone())
        };
        Self { client: Client::new(&config).unwrap(), namespace, url }
    }

    /// A space with the index of `kind`.
    pub(crate) async fn with(kind: IndexKind) -> Self {
        let space = Self::empty().await;
        space.apply(kind).await;
        space
    }

    pub(crate) async fn apply(&self, kind: IndexKind) {
        let applied = self.indices("contract", DIMENSIONS).only(&[kind]).apply().await.unwrap();
        assert!(applied.left.is_empty(), "{:?}", applied.left);
    }

    pub(crate) fn indices(&self, model: &str, dimensions: usize) -> Indices {
        Indices::new(self.client.clone(), ModelId::new(model).unwrap(), dimensions)
    }

    /// Calls the server as any other client does.
    pub(crate) fn raw(&self, method: &str, path: &str, body: Option<serde_json::Value>) -> serde_json::Value {
        raw(&self.url, method, path, body)
    }
}

fn raw(url: &str, method: &str, path: &str, body: Option<serde_json::Value>) -> serde_json::Value {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().new_agent();
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{url}/{path}"))
        .header("content-type", "application/json");
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let mut response = agent.run(request.body(body).unwrap()).unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text))
}

impl Drop for Space {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // By name: patterns may be refused. What a test leaves when it is killed ends with the server.
        let ours = self.raw("GET", &format!("_cat/indices/{}*?format=json&h=index", self.namespace), None);
        for index in ours.as_array().into_iter().flatten().filter_map(|row| row["index"].as_str()) {
            self.raw("DELETE", index, None);
        }
    }
}
