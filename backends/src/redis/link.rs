//! The connection: one server, the master that sentinels name, or a cluster.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    Client, Cmd, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo, ProtocolVersion, RedisError,
    RedisResult, ServerErrorKind, Value,
};
use rep_core::ports::{StoreError, StoreErrorKind};
use tokio::sync::Mutex;

use crate::error::{corrupt, invalid};

/// Commands of one call that a cluster is asked at once.
const CLUSTER_AT_ONCE: usize = 64;

/// Where Redis is, and its bounds.
#[derive(Clone)]
pub struct RedisConfig {
    /// `redis://[user:password@]host[:port][/db]` or `rediss://…` for one server,
    /// `redis-sentinel://host:port,host:port/name` for the master of that name, `redis-cluster://host:port,…`.
    pub url: String,
    /// Stands before every key and channel, so that several may share a server; empty for none.
    pub prefix: String,
    /// Longest wait for a connection.
    pub connect_wait: Duration,
    /// Longest wait for an answer.
    pub answer_wait: Duration,
}

impl RedisConfig {
    /// Defaults: no prefix, 2 s to connect, 2 s to answer.
    pub fn new(url: impl Into<String>) -> Self {
        let wait = Duration::from_secs(2);
        Self { url: url.into(), prefix: String::new(), connect_wait: wait, answer_wait: wait }
    }

    /// Checks the address.
    ///
    /// # Errors
    /// Invalid if it is none.
    pub fn validate(&self) -> Result<(), StoreError> {
        match address(&self.url)? {
            Address::One(url) => url.into_connection_info().map(drop).map_err(store_error),
            Address::Sentinels { .. } | Address::Cluster(_) => Ok(()),
        }
    }
}

impl fmt::Debug for RedisConfig {
    /// Without the address: it may carry a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// A connection to Redis, made anew whenever it is lost; cheap to clone.
#[derive(Clone)]
pub struct RedisLink {
    server: Server,
    prefix: Arc<str>,
}

#[derive(Clone)]
enum Server {
    One(ConnectionManager),
    Sentinels(Arc<Master>),
    Cluster(ClusterConnection),
}

/// The master that sentinels name, asked for again whenever it fails.
struct Master {
    sentinels: Mutex<SentinelClient>,
    current: Mutex<Option<MultiplexedConnection>>,
    answer_wait: Duration,
}

/// What an address means.
#[derive(Debug, PartialEq)]
enum Address {
    One(String),
    Sentinels { hosts: Vec<String>, master: String },
    Cluster(Vec<String>),
}

/// Told of each message of the channels that a connection listens to, or of the connection's end.
pub(super) type OnPush = Box<dyn Fn(redis::PushInfo) + Send + Sync>;

impl RedisLink {
    /// Connects, and waits until the server has answered.
    ///
    /// # Errors
    /// Invalid if the address is none, unavailable if nobody answers there.
    pub async fn connect(config: &RedisConfig) -> Result<Self, StoreError> {
        Self::open(config, None).await
    }

    pub(super) async fn open(config: &RedisConfig, on_push: Option<OnPush>) -> Result<Self, StoreError> {
        let server = match address(&config.url)? {
            Address::One(url) => Server::One(one(url.as_str(), config, on_push).await?),
            Address::Cluster(nodes) => Server::Cluster(cluster(nodes, config, on_push).await?),
            Address::Sentinels { hosts, master } => {
                if on_push.is_some() {
                    // Channels need a connection of their own to the master of the moment.
                    let info = sentinels(&hosts, &master)?.async_get_client().await.map_err(store_error)?;
                    let info = info.get_connection_info().clone();
                    Server::One(one(info, config, on_push).await?)
                } else {
                    let client = sentinels(&hosts, &master)?;
                    let (sentinels, current) = (Mutex::new(client), Mutex::default());
                    Server::Sentinels(Arc::new(Master {
                        sentinels,
                        current,
                        answer_wait: config.answer_wait,
                    }))
                }
            }
        };
        let link = Self { server, prefix: config.prefix.as_str().into() };
        link.run::<String>(redis::cmd("PING")).await?;
        Ok(link)
    }

    /// Whether it is a cluster of several servers, each with keys of its own.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.server, Server::Cluster(_))
    }

    /// A key or channel of this installation.
    pub(super) fn key(&self, name: impl fmt::Display) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Listens to `channel` on this connection; kept up when it is made anew.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<(), StoreError> {
        let subscribed = match &self.server {
            Server::One(manager) => manager.clone().subscribe(channel).await,
            Server::Cluster(cluster) => cluster.clone().subscribe(channel).await,
            Server::Sentinels(_) => Ok(()),
        };
        subscribed.map_err(store_error)
    }

    /// The answer of one command.
    pub(super) async fn run<T: FromRedisValue>(&self, command: Cmd) -> Result<T, StoreError> {
        let answer = self.run_all(vec![command]).await?.pop();
        let answer = answer.ok_or_else(|| invalid("Redis gave no answer"))??;
        parsed(answer)
    }

    /// The answers of commands, each with its own outcome: sent together where one server has all keys.
    pub(super) async fn run_all(
        &self,
        commands: Vec<Cmd>,
    ) -> Result<Vec<Result<Value, StoreError>>, StoreError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let answers = match &self.server {
            Server::One(manager) => together(&mut manager.clone(), &commands).await,
            Server::Sentinels(master) => master.together(&commands).await,
            Server::Cluster(cluster) => {
                let mut answers = Vec::with_capacity(commands.len());
                for part in commands.chunks(CLUSTER_AT_ONCE) {
                    let asked = part.iter().map(|command| {
                        let mut cluster = cluster.clone();
                        async move { cluster.req_packed_command(command).await }
                    });
                    answers.extend(join_all(asked).await);
                }
                Ok(answers)
            }
        };
        let answers = answers.map_err(store_error)?;
        Ok(answers
            .into_iter()
            .map(|answer| answer.and_then(Value::extract_error).map_err(store_error))
            .collect())
    }
}

impl Master {
    async fn together(&self, commands: &[Cmd]) -> RedisResult<Vec<RedisResult<Value>>> {
        let mut connection = self.connection().await?;
        let answers = together(&mut connection, commands).await;
        let lost =
            |error: &RedisError| error.is_unrecoverable_error() || error.is_io_error() || is_read_only(error);
        let is_lost = match &answers {
            Ok(answers) => answers.iter().any(|answer| answer.as_ref().is_err_and(lost)),
            Err(error) => lost(error),
        };
        if is_lost {
            // The next call asks the sentinels who is master now.
            *self.current.lock().await = None;
        }
        answers
    }

    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let mut current = self.current.lock().await;
        if let Some(connection) = &*current {
            return Ok(connection.clone());
        }
        let mut connection = self.sentinels.lock().await.get_async_connection().await?;
        connection.set_response_timeout(self.answer_wait);
        *current = Some(connection.clone());
        Ok(connection)
    }
}

/// All commands in one go; each has its own outcome.
async fn together(
    connection: &mut impl ConnectionLike,
    commands: &[Cmd],
) -> RedisResult<Vec<RedisResult<Value>>> {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command.clone());
    }
    pipeline.ignore_errors();
    pipeline.query_async(connection).await
}

async fn one(
    address: impl IntoConnectionInfo,
    config: &RedisConfig,
    on_push: Option<OnPush>,
) -> Result<ConnectionManager, StoreError> {
    let info = with_protocol(address.into_connection_info().map_err(store_error)?, on_push.is_some());
    let client = Client::open(info).map_err(store_error)?;
    let mut bounds = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(config.connect_wait))
        .set_response_timeout(Some(config.answer_wait))
        // Whoever asks tries again by their own rules.
        .set_number_of_retries(1)
        .set_max_delay(Duration::from_millis(500))
        .set_pipeline_buffer_size(256);
    if let Some(on_push) = on_push {
        bounds = bounds.set_push_sender(sender(on_push)).set_automatic_resubscription();
    }
    ConnectionManager::new_with_config(client, bounds).await.map_err(store_error)
}

async fn cluster(
    nodes: Vec<String>,
    config: &RedisConfig,
    on_push: Option<OnPush>,
) -> Result<ClusterConnection, StoreError> {
    let mut builder = ClusterClientBuilder::new(nodes)
        .connection_timeout(config.connect_wait)
        .response_timeout(config.answer_wait)
        .retries(2);
    if let Some(on_push) = on_push {
        builder = builder.use_protocol(ProtocolVersion::RESP3).push_sender(sender(on_push));
    }
    builder.build().map_err(store_error)?.get_async_connection().await.map_err(store_error)
}

fn sentinels(hosts: &[String], master: &str) -> Result<SentinelClient, StoreError> {
    let mut addresses = Vec::with_capacity(hosts.len());
    for host in hosts {
        let info = format!("redis://{host}").into_connection_info().map_err(store_error)?;
        addresses.push(info.addr().clone());
    }
    let builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master);
    builder.and_then(SentinelClientBuilder::build).map_err(store_error)
}

fn with_protocol(info: ConnectionInfo, pushes: bool) -> ConnectionInfo {
    if !pushes {
        return info;
    }
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    info.set_redis_settings(settings)
}

fn sender(on_push: OnPush) -> impl Fn(redis::PushInfo) -> Result<(), redis::aio::SendError> + Send + Sync {
    move |push| {
        on_push(push);
        Ok(())
    }
}

fn address(url: &str) -> Result<Address, StoreError> {
    let hosts = |text: &str| -> Result<Vec<String>, StoreError> {
        let hosts: Vec<String> = text.split(',').map(str::trim).map(str::to_owned).collect();
        if hosts.iter().any(String::is_empty) { Err(invalid("the address names no host")) } else { Ok(hosts) }
    };
    if let Some(rest) = url.strip_prefix("redis-cluster://") {
        let nodes = hosts(rest.trim_end_matches('/'))?;
        return Ok(Address::Cluster(nodes.into_iter().map(|node| format!("redis://{node}")).collect()));
    }
    if let Some(rest) = url.strip_prefix("redis-sentinel://") {
        let (list, master) =
            rest.split_once('/').filter(|(_, master)| !master.is_empty()).ok_or_else(|| {
                invalid(
                    "an address of sentinels ends with the name of their master, as in `…:26379/mymaster`",
                )
            })?;
        return Ok(Address::Sentinels { hosts: hosts(list)?, master: master.to_owned() });
    }
    if url.starts_with("redis://") || url.starts_with("rediss://") {
        return Ok(Address::One(url.to_owned()));
    }
    Err(invalid(
        "the address begins with none of `redis://`, `rediss://`, `redis-sentinel://`, `redis-cluster://`",
    ))
}

fn is_read_only(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// What an answer says.
pub(super) fn parsed<T: FromRedisValue>(answer: Value) -> Result<T, StoreError> {
    redis::from_redis_value(answer).map_err(corrupt)
}

/// What Redis or the way to it says, as a store's error. Source of the codes: the server's own `shared` replies.
pub(super) fn store_error(error: RedisError) -> StoreError {
    let kind = match error.kind() {
        ErrorKind::InvalidClientConfig | ErrorKind::EmptySentinelList | ErrorKind::AuthenticationFailed => {
            StoreErrorKind::Invalid
        }
        ErrorKind::UnexpectedReturnType | ErrorKind::Parse => StoreErrorKind::Corrupt,
        ErrorKind::Server(
            ServerErrorKind::ResponseError | ServerErrorKind::CrossSlot | ServerErrorKind::NoPerm,
        ) => StoreErrorKind::Invalid,
        _ if error.code() == Some("OOM") || error.code() == Some("MISCONF") => StoreErrorKind::Full,
        _ if error.code() == Some("WRONGTYPE") => StoreErrorKind::Corrupt,
        // Lost connections, a server that loads or fails over, a cluster that moves slots.
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_what_kind_of_server_it_is() {
        let hosts = || vec!["a:1".to_owned(), "b:2".to_owned()];
        assert_eq!(address("redis://h").unwrap(), Address::One("redis://h".into()));
        let nodes = vec!["redis://a:1".to_owned(), "redis://b:2".to_owned()];
        assert_eq!(address("redis-cluster://a:1,b:2").unwrap(), Address::Cluster(nodes));
        let sentinels = Address::Sentinels { hosts: hosts(), master: "shop".into() };
        assert_eq!(address("redis-sentinel://a:1,b:2/shop").unwrap(), sentinels);
        for wrong in ["h:1", "http://h", "redis-sentinel://a:1", "redis-sentinel://a:1/", "redis-cluster://,"]
        {
            assert_eq!(address(wrong).unwrap_err().kind(), StoreErrorKind::Invalid, "{wrong}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", RedisConfig::new("redis://:secret@h"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
