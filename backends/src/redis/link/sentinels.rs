//! The master that sentinels name, and following it from one server to the next.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind,
    RedisError, RedisResult, Value,
};
use rep_core::ports::StoreError;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;

use super::{Login, OnPush, RedisConfig, is_read_only, store_error, together};

/// How often a listener looks whether its server is still the master.
const LOOK: Duration = Duration::from_secs(1);
/// Wait after an attempt to listen that failed.
const RETRY_WAIT: Duration = Duration::from_millis(250);

/// The sentinels of one master.
pub(super) struct Sentinels {
    client: SentinelClient,
    bounds: AsyncConnectionConfig,
}

impl Sentinels {
    pub(super) fn new(
        login: Option<Login>,
        hosts: &[String],
        master: &str,
        config: &RedisConfig,
    ) -> Result<Self, StoreError> {
        let mut addresses = Vec::with_capacity(hosts.len());
        for host in hosts {
            let info = format!("redis://{host}").into_connection_info().map_err(store_error)?;
            addresses.push(info.addr().clone());
        }
        let builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master);
        let mut builder = builder.map_err(store_error)?.set_client_to_redis_protocol(ProtocolVersion::RESP3);
        if let Some(Login { user, password }) = login {
            builder = builder.set_client_to_redis_password(password);
            if let Some(user) = user {
                builder = builder.set_client_to_redis_username(user);
            }
        }
        let bounds = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(config.connect_wait))
            .set_response_timeout(Some(config.answer_wait));
        Ok(Self { client: builder.build().map_err(store_error)?, bounds })
    }

    /// Where the master is now, as the sentinels and it itself say.
    async fn address(&mut self) -> RedisResult<ConnectionAddr> {
        Ok(self.client.async_get_client().await?.get_connection_info().addr().clone())
    }

    /// A connection to the master of now.
    async fn connect(&mut self) -> RedisResult<MultiplexedConnection> {
        self.client.get_async_connection_with_config(&self.bounds).await
    }
}

/// A connection to the master, which the sentinels are asked for again whenever it fails.
pub(super) struct Master {
    sentinels: Mutex<Sentinels>,
    current: Mutex<Option<MultiplexedConnection>>,
}

impl Master {
    pub(super) fn new(sentinels: Sentinels) -> Self {
        Self { sentinels: Mutex::new(sentinels), current: Mutex::default() }
    }

    /// All commands in one go; each has its own outcome.
    pub(super) async fn together(&self, commands: Vec<Cmd>) -> RedisResult<Vec<RedisResult<Value>>> {
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
        let connection = self.sentinels.lock().await.connect().await?;
        *current = Some(connection.clone());
        Ok(connection)
    }
}

/// Listens to a channel of whichever server is master, until it is dropped.
pub(super) struct Follower {
    task: JoinHandle<()>,
}

impl Follower {
    /// Listens from now on.
    pub(super) async fn start(sentinels: Sentinels, channel: &str, on_push: OnPush) -> RedisResult<Self> {
        let mut following = Following {
            sentinels,
            channel: channel.to_owned(),
            on_push: Arc::new(on_push),
            lost: Arc::default(),
        };
        let heard = following.listen().await?;
        Ok(Self { task: tokio::spawn(following.run(heard)) })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Following {
    sentinels: Sentinels,
    channel: String,
    on_push: Arc<OnPush>,
    /// Rings when the connection is lost.
    lost: Arc<Notify>,
}

/// A connection that listens, and to which server.
struct Heard {
    connection: MultiplexedConnection,
    address: ConnectionAddr,
}

impl Following {
    async fn run(mut self, mut heard: Heard) {
        loop {
            self.until_lost(&mut heard).await;
            (self.on_push)(PushInfo { kind: PushKind::Disconnection, data: Vec::new() });
            drop(heard);
            metrics::counter!("rep_redis_listeners_moved_total").increment(1);
            heard = loop {
                match self.listen().await {
                    Ok(heard) => break heard,
                    Err(error) => tracing::debug!(%error, "no master to listen to yet"),
                }
                tokio::time::sleep(RETRY_WAIT).await;
            };
            tracing::info!(master = %heard.address, channel = self.channel, "listening to the master of now");
        }
    }

    async fn listen(&mut self) -> RedisResult<Heard> {
        // What the connection before this one said last is not said of this one.
        self.lost = Arc::default();
        let (on_push, lost) = (Arc::clone(&self.on_push), Arc::clone(&self.lost));
        let sender = move |push: PushInfo| -> Result<(), redis::aio::SendError> {
            match push.kind {
                PushKind::Disconnection => lost.notify_one(),
                _ => on_push(push),
            }
            Ok(())
        };
        let client = self.sentinels.client.async_get_client().await?;
        let address = client.get_connection_info().addr().clone();
        let bounds = self.sentinels.bounds.clone().set_push_sender(sender);
        let mut connection = client.get_multiplexed_async_connection_with_config(&bounds).await?;
        connection.subscribe(&self.channel).await?;
        Ok(Heard { connection, address })
    }

    /// Returns once the connection is lost, its server does not answer, or another is master. A server that is hung
    /// keeps its connections, and one that is cut off from the others takes itself for the master.
    async fn until_lost(&mut self, heard: &mut Heard) {
        loop {
            if tokio::time::timeout(LOOK, self.lost.notified()).await.is_ok() {
                return;
            }
            // Sentinels that are away say nothing about the master.
            let moved = self.sentinels.address().await.is_ok_and(|address| address != heard.address);
            let silent = redis::cmd("PING").exec_async(&mut heard.connection).await.is_err();
            if moved || silent {
                return;
            }
        }
    }
}
