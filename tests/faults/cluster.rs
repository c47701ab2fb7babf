//! Servers of our own, and roles as processes on them.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use parking_lot::{Mutex, MutexGuard};
use rep_backends::{Backends, ConnectConfig, Places, SystemClock, connect};
use rep_core::{Clock, ModelId};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::process::Process;
use crate::proxy::Proxy;
use crate::servers::Servers;
use crate::support::{cli, client};

/// The model that the roles embed with.
pub(crate) const MODEL: &str = "multilingual-e5-small-q4";
/// Width of its vectors.
const DIMENSIONS: usize = 384;
/// How many of each role there are while nothing is wrong.
const USUALLY: [(&str, usize); 5] =
    [("embedder", 1), ("api", 1), ("behaviour", 2), ("inventory", 1), ("notify", 1)];

/// Kafka, as `scripts/servers` calls the one that some clients reach through a proxy.
pub(crate) const KAFKA: &str = "kafka-proxied";
/// Roles whose way to Kafka is the proxy; the others go straight.
const FAR_FROM_KAFKA: [&str; 2] = ["behaviour", "notify"];

/// Kafka, Elasticsearch, Redis and a registry, each role on them, and proxies between.
pub(crate) struct Cluster {
    /// Ended first: they would say how much they miss the servers.
    fleet: Mutex<Vec<Member>>,
    pub(crate) servers: Servers,
    /// Between some of the roles and Kafka.
    pub(crate) log: Proxy,
    /// Between the roles and Elasticsearch.
    pub(crate) search: Proxy,
    /// Between the roles and Redis.
    pub(crate) preferences: Proxy,
    runtime: Runtime,
    /// The servers themselves, for those who judge.
    direct: Places,
    args: Vec<String>,
    dir: TempDir,
}

/// A process in its place.
pub(crate) struct Member {
    pub(crate) role: &'static str,
    pub(crate) slot: usize,
    pub(crate) process: Process,
}

impl Cluster {
    /// Starts the servers, makes what they need, and starts the usual roles. Takes about a minute.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        // Kafka tells its clients where it is, so it must know the proxy beforehand.
        let log = runtime.block_on(Proxy::before())?;
        let settings = vec![("REP_SERVERS_KAFKA_FAR", log.address().to_string())];
        let servers = Servers::start_with(&[KAFKA, "elasticsearch", "registry", "redis"], settings);
        log.lead_to(servers.address("REP_TEST_KAFKA_FAR"));
        let direct = Places {
            log: format!("kafka://{}", servers.address("REP_TEST_KAFKA")).into(),
            registry: Some(servers.address("REP_TEST_REGISTRY").into()),
            search: servers.address("REP_TEST_ELASTICSEARCH").into(),
            preferences: servers.address("REP_TEST_REDIS").into(),
            ..Places::default()
        };
        let host = |url: &str| url.split("://").last().unwrap_or_default().trim_end_matches('/').to_owned();
        let search = runtime.block_on(Proxy::start(host(direct.search.reveal())))?;
        let preferences = runtime.block_on(Proxy::start(host(direct.preferences.reveal())))?;
        let registry = direct.registry.clone().unwrap_or_default();
        let args = [
            format!("--log={}", direct.log),
            format!("--registry={registry}"),
            format!("--search=http://{}", search.address()),
            format!("--preferences=redis://{}", preferences.address()),
        ];
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let straight = &args[0];
        cli::run(root, &["topics", "apply", straight, "--replication=1", "--min-in-sync=1"]).expect(0, &[]);
        cli::run(root, &["schemas", "apply", straight, &args[1]]).expect(0, &[]);
        cli::run(root, &["indices", "apply", &args[2]]).expect(0, &[]);
        let (args, fleet) = (args.to_vec(), Mutex::default());
        let cluster = Self { fleet, servers, log, search, preferences, runtime, direct, args, dir };
        cluster.as_usual()?;
        Ok(cluster)
    }

    /// Runs a future to its end.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The stores, past the proxies. Nothing is remembered from one call to the next.
    pub(crate) fn stores(&self) -> anyhow::Result<Backends> {
        let dir = self.dir.path().join("oracle");
        let config = ConnectConfig {
            places: self.direct.clone(),
            ..ConnectConfig::new(dir, ModelId::new(MODEL)?, DIMENSIONS)
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let connected = connect(&config, clock, &|error| eprintln!("the oracle waits for {error}"));
        let bounded = async { tokio::time::timeout(Duration::from_secs(60), connected).await };
        Ok(self.wait(bounded).context("the servers do not answer the oracle")??)
    }

    /// All processes.
    pub(crate) fn fleet(&self) -> MutexGuard<'_, Vec<Member>> {
        self.fleet.lock()
    }

    /// The addresses of those of `role` that are ready.
    pub(crate) fn urls(&self, role: &str) -> Vec<String> {
        let fleet = self.fleet();
        let of_role = fleet.iter().filter(|member| member.role == role);
        of_role.filter_map(|member| member.process.url().map(str::to_owned)).collect()
    }

    /// The slots of `role`.
    pub(crate) fn slots(&self, role: &str) -> Vec<usize> {
        self.fleet().iter().filter(|member| member.role == role).map(|member| member.slot).collect()
    }

    /// Calls `act` with a process.
    pub(crate) fn with<T>(
        &self,
        role: &str,
        slot: usize,
        act: impl FnOnce(&mut Process) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let mut fleet = self.fleet();
        let member = fleet.iter_mut().find(|member| member.role == role && member.slot == slot);
        act(&mut member.with_context(|| format!("there is no {role} {slot}"))?.process)
    }

    /// `kill -9`, and a new process in its place, not waited for.
    pub(crate) fn kill_and_replace(&self, role: &'static str, slot: usize) -> anyhow::Result<()> {
        self.with(role, slot, Process::kill)?;
        self.replace(role, slot)
    }

    fn spawn(&self, role: &'static str, slot: usize) -> anyhow::Result<Process> {
        let mut args = self.args.clone();
        if FAR_FROM_KAFKA.contains(&role) {
            args[0] = format!("--log=kafka://{}", self.log.address());
        }
        Process::spawn(role, slot, &args, self.dir.path())
    }

    /// A new process in the place of one that has ended, with the same data directory.
    pub(crate) fn replace(&self, role: &'static str, slot: usize) -> anyhow::Result<()> {
        let process = self.spawn(role, slot)?;
        self.with(role, slot, |old| {
            *old = process;
            Ok(())
        })
    }

    /// Starts or stops processes of `role` until there are `count`; the newest are stopped, cleanly.
    pub(crate) fn have(&self, role: &'static str, count: usize) -> anyhow::Result<()> {
        let mut fleet = self.fleet();
        let mut slots: Vec<usize> = fleet.iter().filter(|m| m.role == role).map(|m| m.slot).collect();
        while slots.len() < count {
            let slot = slots.iter().max().map_or(0, |slot| slot + 1);
            let process = self.spawn(role, slot)?;
            fleet.push(Member { role, slot, process });
            slots.push(slot);
        }
        while slots.len() > count {
            let slot = slots.pop().context("there is one")?;
            let at = fleet.iter().position(|m| m.role == role && m.slot == slot).context("it is there")?;
            let (status, took) = fleet.remove(at).process.stop()?;
            ensure!(status.success(), "{role} {slot} ended with {status} {took:?} after SIGTERM");
        }
        Ok(())
    }

    /// As many of each role as there usually are, each ready and awake; fair weather.
    pub(crate) fn as_usual(&self) -> anyhow::Result<()> {
        for proxy in [&self.log, &self.search, &self.preferences] {
            proxy.delay(Duration::ZERO);
            proxy.stall(false);
            proxy.cut(false);
        }
        for (role, count) in USUALLY {
            self.have(role, count)?;
        }
        self.all_ready()
    }

    /// Waits until every process is ready, and ends the sleep of those that sleep.
    pub(crate) fn all_ready(&self) -> anyhow::Result<()> {
        for member in self.fleet().iter_mut() {
            member.process.signal(Signal::CONT)?;
            member.process.ready()?;
        }
        Ok(())
    }

    /// Asks Elasticsearch itself; gives what it answered.
    pub(crate) fn ask_search(&self, method: &str, path: &str, body: &str) -> anyhow::Result<Value> {
        let url = format!("{}/{path}", self.direct.search.reveal().trim_end_matches('/'));
        let request = ureq::http::Request::builder().method(method).uri(&url);
        let request = request.header("content-type", "application/json").body(body.to_owned())?;
        let mut answer = client().run(request)?;
        let status = answer.status();
        let said: Value = answer.body_mut().read_json()?;
        ensure!(status.is_success(), "{method} {url}: {status}: {said}");
        Ok(said)
    }

    /// Sends Redis itself a command of one line.
    pub(crate) fn tell_redis(&self, command: &str) -> anyhow::Result<()> {
        let address = self.direct.preferences.reveal().trim_start_matches("redis://");
        let mut connection = std::net::TcpStream::connect(address)?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        connection.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = [0; 128];
        let count = connection.read(&mut answer)?;
        match &answer[..count] {
            [b'+', ..] => Ok(()),
            answer => bail!("`{command}`: Redis says {}", String::from_utf8_lossy(answer)),
        }
    }

    /// What the processes logged last.
    pub(crate) fn log_ends(&self) -> String {
        self.fleet().iter().map(|member| member.process.log_end() + "\n").collect()
    }
}
