//! The servers of a cluster: whether each answers and has what REP needs of it.

mod elasticsearch;
mod kafka;
mod redis;
mod registry;

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use rep_backends::places::Servers;
use rep_backends::{Places, ServerUrl};
use rep_embedder::ModelDir;

use super::report::{Check, Report};

/// Longest wait for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// Longest wait for all that is asked of one server.
const SERVER_MAX: Duration = Duration::from_secs(5);
/// Longest wait for calls that were given up.
const END_MAX: Duration = Duration::from_millis(100);

/// A server that is looked at: what it is called, and where it is.
struct Subject {
    name: &'static str,
    key: &'static str,
    place: String,
}

impl Subject {
    fn new(name: &'static str, key: &'static str, url: &ServerUrl) -> Self {
        Self { name, key, place: url.to_string() }
    }

    fn ok(&self, detail: impl Display) -> Check {
        Check::ok(self.name, format!("{}: {detail}", self.place))
    }

    fn warning(&self, detail: impl Display, hint: impl Into<String>) -> Check {
        Check::warning(self.name, format!("{}: {detail}", self.place), hint)
    }

    fn problem(&self, detail: impl Display, hint: impl Into<String>) -> Check {
        Check::problem(self.name, format!("{}: {detail}", self.place), hint)
    }

    /// Nobody answers, or not in time.
    fn away(&self, why: impl Display) -> Check {
        let Self { name, key, .. } = self;
        self.problem(why, format!("start {name}, look at its log, or correct `{key}`"))
    }

    /// It refuses who asks.
    fn login_refused(&self, why: impl Display) -> Check {
        self.problem(why, format!("correct user and password in `{}`", self.key))
    }

    /// What `checks` found, within the time of one server.
    async fn within(&self, checks: impl Future<Output = Vec<Check>>) -> Vec<Check> {
        let late = |_| vec![self.away(format!("no answer within {} s", SERVER_MAX.as_secs()))];
        tokio::time::timeout(SERVER_MAX, checks).await.unwrap_or_else(late)
    }
}

/// Looks at all servers at once.
pub(super) fn check(places: &Places, servers: Servers, model: Option<&ModelDir>, report: &mut Report) {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let hint = "give the process room for threads and files (`ulimit -u`, `ulimit -n`)";
            report.add(Check::problem("servers", format!("cannot be asked: {error}"), hint));
            return;
        }
    };
    let unnamed = ServerUrl::default();
    let kafka = Subject::new("kafka", "log", &places.log);
    let registry = Subject::new("registry", "registry", places.registry.as_ref().unwrap_or(&unnamed));
    let elasticsearch = Subject::new("elasticsearch", "search", &places.search);
    let redis = Subject::new("redis", "preferences", &places.preferences);
    let found = runtime.block_on(async {
        tokio::join!(
            kafka.within(kafka::check(&kafka, servers.kafka)),
            registry.within(registry::check(&registry, servers.registry)),
            elasticsearch.within(elasticsearch::check(&elasticsearch, servers.elasticsearch, model)),
            redis.within(redis::check(&redis, servers.redis)),
        )
    });
    runtime.shutdown_timeout(END_MAX);
    for check in [found.0, found.1, found.2, found.3].into_iter().flatten() {
        report.add(check);
    }
}
