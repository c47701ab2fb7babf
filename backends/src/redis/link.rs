//! The connection: one server, the master that sentinels name, or a cluster.

mod sentinels;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{FutureExt, join_all};
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{
    Arg, Client, Cmd, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo, ProtocolVersion,
    RedisError, RedisResult, ServerErrorKind, Value,
};
use rep_core::ports::{StoreError, StoreErrorKind};

use self::sentinels::{Follower, Master, Sentinels};
use crate::error::{corrupt, invalid};
use crate::server_url::ServerUrl;

/// Keys of one call that a cluster is asked for at once.
const CLUSTER_AT_ONCE: usize = 64;

/// Where Redis is, and its bounds.
#[derive(Clone)]
pub struct RedisConfig {
    /// `redis://[user:password@]host[:port][/db]` or `rediss://…` for one server,
    /// `redis-sentinel://[user:password@]host:port,host:port/name` for the master of that name,
    /// `redis-cluster://[user:password@]host:port,…` for a cluster. The login is for the servers that keep the data;
    /// sentinels are asked without one. What is special in a URL is percent-encoded in it.
    pub url: ServerUrl,
    /// Stands before every key and channel, so that several may share a server; empty for none.
    pub prefix: String,
    /// Longest wait for a connection.
    pub connect_wait: Duration,
    /// Longest wait for an answer.
    pub answer_wait: Duration,
}

impl RedisConfig {
    /// Defaults: no prefix, 2 s to connect, 2 s to answer.
    pub fn new(url: impl Into<ServerUrl>) -> Self {
        let wait = Duration::from_secs(2);
        Self { url: url.into(), prefix: String::new(), connect_wait: wait, answer_wait: wait }
    }

    /// Checks the address.
    ///
    /// # Errors
    /// Invalid if it is none.
    pub fn validate(&self) -> Result<(), StoreError> {
        match address(self.url.reveal())? {
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

/// What an address means.
#[derive(Debug, PartialEq)]
enum Address {
    One(String),
    Sentinels { login: Option<Login>, hosts: Vec<String>, master: String },
    Cluster(Vec<String>),
}

/// Who asks, and with what password.
#[derive(Clone, PartialEq)]
struct Login {
    user: Option<String>,
    password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Told of each message of the channels that a connection listens to, or of the connection's end.
pub(super) type OnPush = Box<dyn Fn(redis::PushInfo) + Send + Sync>;

impl RedisLink {
    /// Connects, and waits until the server has answered.
    ///
    /// # Errors
    /// Invalid if the address is none, unavailable if nobody answers there.
    pub async fn connect(config: &RedisConfig) -> Result<Self, StoreError> {
        let server = match address(config.url.reveal())? {
            Address::One(url) => Server::One(one(url.as_str(), config, None).boxed().await?),
            Address::Cluster(nodes) => Server::Cluster(cluster(nodes, config, None).boxed().await?),
            Address::Sentinels { login, hosts, master } => {
                let sentinels = Sentinels::new(login, &hosts, &master, config)?;
                Server::Sentinels(Arc::new(Master::new(sentinels)))
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
        // Boxed: the client's futures are deep, and the compiler bounds their depth.
        let answers = match &self.server {
            Server::One(manager) => together(&mut manager.clone(), commands).await,
            Server::Sentinels(master) => master.together(commands).boxed().await,
            Server::Cluster(cluster) => Ok(on_cluster(cluster, &commands).await),
        };
        let answers = answers.map_err(store_error)?;
        Ok(answers
            .into_iter()
            .map(|answer| answer.and_then(Value::extract_error).map_err(store_error))
            .collect())
    }
}

/// Listens to one channel, on a connection of its own that is made anew whenever it is lost, until it is dropped.
pub(super) struct Listener {
    _listening: Listening,
}

/// What must not be dropped while somebody listens.
enum Listening {
    One { _manager: ConnectionManager },
    Cluster { _cluster: ClusterConnection },
    Sentinels { _follower: Follower },
}

impl Listener {
    /// Listens to `channel` from now on. `on_push` hears its messages, when the connection is lost, and when it listens
    /// again: what was said in between is missed.
    ///
    /// # Errors
    /// Invalid if the address is none, unavailable if nobody answers there.
    pub(super) async fn open(
        config: &RedisConfig,
        channel: &str,
        on_push: OnPush,
    ) -> Result<Self, StoreError> {
        let listening = match address(config.url.reveal())? {
            Address::One(url) => {
                let mut manager = one(url.as_str(), config, Some(on_push)).boxed().await?;
                manager.subscribe(channel).boxed().await.map_err(store_error)?;
                Listening::One { _manager: manager }
            }
            Address::Cluster(nodes) => {
                let mut cluster = cluster(nodes, config, Some(on_push)).boxed().await?;
                cluster.subscribe(channel).boxed().await.map_err(store_error)?;
                Listening::Cluster { _cluster: cluster }
            }
            Address::Sentinels { login, hosts, master } => {
                let sentinels = Sentinels::new(login, &hosts, &master, config)?;
                let follower = Follower::start(sentinels, channel, on_push).boxed().await;
                Listening::Sentinels { _follower: follower.map_err(store_error)? }
            }
        };
        Ok(Self { _listening: listening })
    }
}

/// All commands in one go; each has its own outcome.
async fn together(
    connection: &mut impl ConnectionLike,
    commands: Vec<Cmd>,
) -> RedisResult<Vec<RedisResult<Value>>> {
    let mut pipeline = redis::Pipeline::with_capacity(commands.len());
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline.ignore_errors();
    pipeline.query_async(connection).await
}

/// All commands, side by side; those of one key one after the other, since a cluster's client may turn the order of what
/// it is asked at once.
async fn on_cluster(cluster: &ClusterConnection, commands: &[Cmd]) -> Vec<RedisResult<Value>> {
    let mut by_key: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (at, command) in commands.iter().enumerate() {
        by_key.entry(key_of(command)).or_default().push(at);
    }
    let chains: Vec<Vec<usize>> = by_key.into_values().collect();
    let mut answers = Vec::with_capacity(commands.len());
    for part in chains.chunks(CLUSTER_AT_ONCE) {
        let asked = part.iter().map(|chain| {
            let mut cluster = cluster.clone();
            async move {
                let mut answers = Vec::with_capacity(chain.len());
                for at in chain {
                    answers.push((*at, cluster.req_packed_command(&commands[*at]).await));
                }
                answers
            }
        });
        answers.extend(join_all(asked).await.into_iter().flatten());
    }
    answers.sort_unstable_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// What places a command in a cluster: its first key, or the part of it in braces.
fn key_of(command: &Cmd) -> &[u8] {
    let mut arguments = command.args_iter().filter_map(|argument| match argument {
        Arg::Simple(bytes) => Some(bytes),
        _ => None,
    });
    let before = if arguments.next() == Some(b"EVAL") { 2 } else { 0 };
    let key = arguments.nth(before).unwrap_or_default();
    let tag = key.iter().position(|byte| *byte == b'{').map(|open| &key[open + 1..]);
    let tag = tag.and_then(|rest| rest.iter().position(|byte| *byte == b'}').map(|close| &rest[..close]));
    tag.filter(|tag| !tag.is_empty()).unwrap_or(key)
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
        let (login, list) =
            rest.rsplit_once('@').map_or(("", rest), |(_, list)| (&rest[..rest.len() - list.len()], list));
        let nodes = hosts(list.trim_end_matches('/'))?;
        // Each node asks for the login.
        return Ok(Address::Cluster(
            nodes.into_iter().map(|node| format!("redis://{login}{node}")).collect(),
        ));
    }
    if let Some(rest) = url.strip_prefix("redis-sentinel://") {
        let (list, master) =
            rest.rsplit_once('/').filter(|(_, master)| !master.is_empty()).ok_or_else(|| {
                invalid(
                    "an address of sentinels ends with the name of their master, as in `…:26379/mymaster`",
                )
            })?;
        let (login, list) = match list.rsplit_once('@') {
            Some((login, list)) => (Some(self::login(login)?), list),
            None => (None, list),
        };
        return Ok(Address::Sentinels { login, hosts: hosts(list)?, master: master.to_owned() });
    }
    if url.starts_with("redis://") || url.starts_with("rediss://") {
        return Ok(Address::One(url.to_owned()));
    }
    Err(invalid(
        "the address begins with none of `redis://`, `rediss://`, `redis-sentinel://`, `redis-cluster://`",
    ))
}

/// `user:password` or `:password` of an address.
fn login(text: &str) -> Result<Login, StoreError> {
    let (user, password) =
        text.split_once(':').ok_or_else(|| invalid("the login of an address is `user:password`"))?;
    let plain = |text: &str| {
        let text = percent_encoding::percent_decode_str(text).decode_utf8();
        text.map(std::borrow::Cow::into_owned).map_err(|_| invalid("the login of an address is not UTF-8"))
    };
    let user = if user.is_empty() { None } else { Some(plain(user)?) };
    Ok(Login { user, password: plain(password)? })
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
        let nodes = ["redis://u:p%2F@a:1", "redis://u:p%2F@b:2"].map(str::to_owned);
        assert_eq!(address("redis-cluster://u:p%2F@a:1,b:2/").unwrap(), Address::Cluster(nodes.into()));
        let sentinels = |login| Address::Sentinels { login, hosts: hosts(), master: "shop".into() };
        assert_eq!(address("redis-sentinel://a:1,b:2/shop").unwrap(), sentinels(None));
        let login = |user: Option<&str>| Login { user: user.map(str::to_owned), password: "p@/".to_owned() };
        assert_eq!(address("redis-sentinel://:p%40%2F@a:1,b:2/shop").unwrap(), sentinels(Some(login(None))));
        let named = address("redis-sentinel://me:p%40%2F@a:1,b:2/shop").unwrap();
        assert_eq!(named, sentinels(Some(login(Some("me")))));
        for wrong in [
            "h:1",
            "http://h",
            "redis-sentinel://a:1",
            "redis-sentinel://a:1/",
            "redis-sentinel://me@a:1/shop",
            "redis-cluster://,",
        ] {
            assert_eq!(address(wrong).unwrap_err().kind(), StoreErrorKind::Invalid, "{wrong}");
        }
    }

    #[test]
    fn commands_of_one_shopper_are_told_by_their_key() {
        let command = |parts: &[&str]| redis::cmd(parts[0]).arg(&parts[1..]).to_owned();
        assert_eq!(key_of(&command(&["GET", "user:preference:me"])), b"user:preference:me");
        assert_eq!(key_of(&command(&["EVAL", "return 1", "2", "a:{tag}:x", "a:{tag}:y", "{no}"])), b"tag");
        assert_eq!(key_of(&command(&["GET", "a{}b"])), b"a{}b");
        assert_eq!(key_of(&command(&["PING"])), b"");
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", RedisConfig::new("redis://:secret@h"));
        assert!(!shown.contains("secret"), "{shown}");
        let shown = format!("{:?}", address("redis-sentinel://u:secret@h:1/m").unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }
}
