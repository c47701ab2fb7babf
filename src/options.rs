//! What can be set: flags before environment before file before defaults.

mod check;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Parser;
use ipnet::IpNet;
use rep_api::{Auth, BearerAuth, TokenRules, UserTokens};
use rep_backends::embedded::embeddings::EMBEDDINGS_MAX_DEFAULT;
use rep_backends::{ConnectConfig, EMBEDDED, Places, ServerUrl};
use rep_core::{Currency, ModelId, Timestamp};
use rep_traces::TracesConfig;
use serde::{Deserialize, Serialize};

use crate::just_seen::SeenFor;
use crate::listening::ConnectionLimits;
use crate::network::Network;
use crate::retention::Retention;
use crate::secret::Secret;

/// The file that is read when none is named.
pub(crate) const FILE_DEFAULT: &str = "rep.toml";

macro_rules! options {
    ($($(#[$attr:meta])* $name:ident: $kind:ty,)*) => {
        /// Options of `rep up`; each may also stand in the file, with `-` between words.
        #[derive(clap::Args, Clone, Debug, Default, Deserialize, Serialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub(crate) struct Options {
            $($(#[$attr])* #[serde(default, skip_serializing_if = "Option::is_none")] pub(crate) $name: Option<$kind>,)*
        }

        impl Options {
            const KEYS: &'static [&'static str] = &[$(stringify!($name)),*];

            /// What is set here, else what is set in `other`.
            fn or(self, other: Self) -> Self {
                Self { $($name: self.$name.or(other.$name),)* }
            }
        }
    };
}

options! {
    /// Folder of the embedded stores [default: .rep/data]
    #[arg(long, env = "REP_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// How long the embedded log keeps what it took, such as `12h`, at least 60s; that of Kafka is set by
    /// `rep topics apply --retention` [default: 7d]
    #[arg(long, env = "REP_LOG_RETENTION", value_name = "TIME")]
    log_retention: Retention,
    /// Address to listen on; anything but loopback opens REP to your network [default: 127.0.0.1]
    #[arg(long, env = "REP_BIND", value_name = "ADDRESS")]
    bind: IpAddr,
    /// Products to invent when the catalogue is empty; 0 leaves it empty [default: 2000]
    #[arg(long, env = "REP_PRODUCTS", value_name = "COUNT")]
    products: u32,
    /// Simulated shoppers, 1 to 200000 [default: 20000]
    #[arg(long, env = "REP_USERS", value_name = "COUNT")]
    users: u32,
    /// Simulated actions a second, up to 50000 [default: 100]
    #[arg(long, env = "REP_RATE", value_name = "EVENTS/S")]
    rate: f64,
    /// Seed of catalogue and traffic: the same seed gives the same [default: 42]
    #[arg(long, env = "REP_SEED", value_name = "NUMBER")]
    seed: u64,
    /// Do not start the simulator's traffic; it can still be started by its control routes
    #[arg(long, env = "REP_NO_SIMULATOR", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    no_simulator: bool,
    /// The shop's currency, by ISO 4217: of price filters and of products that name none [default: EUR]
    #[arg(long, env = "REP_CURRENCY", value_name = "CODE")]
    currency: Currency,
    /// How long what a shopper just acted on is left out of recommendations: a time for all actions, `ACTION=TIME` for one,
    /// such as `1h,VIEW=5m,WISHLIST=0`; separated by commas, each up to 7d [default: 30m]
    #[arg(long, env = "REP_JUST_SEEN", value_name = "TIME", value_delimiter = ',')]
    just_seen: Vec<SeenFor>,
    /// Embedding model: a name that `rep model list` shows, or a folder
    #[arg(long, env = "REP_MODEL", value_name = "NAME|DIR")]
    model: String,
    /// ONNX Runtime's library, when it is not where `make run` puts it
    #[arg(long, env = "REP_ONNXRUNTIME", value_name = "FILE")]
    onnxruntime: PathBuf,
    /// Threads that embed what somebody waits for, each with its own copy of the model, 1 to 16 [default: 1]
    #[arg(long, env = "REP_EMBED_WORKERS", value_name = "COUNT")]
    embed_workers: usize,
    /// Threads that embed the rest of the catalogue at a low priority, each with its own copy of the model while there
    /// is something to do, up to 16; with 0 the others do it in between [default: 1]
    #[arg(long, env = "REP_EMBED_BACKLOG_WORKERS", value_name = "COUNT")]
    embed_backlog_workers: usize,
    /// Vectors of searches and products kept in the data directory, so that they are not made again, 1000 to 10000000; the
    /// oldest leave [default: 100000]
    #[arg(long, env = "REP_EMBED_CACHE_VECTORS", value_name = "COUNT")]
    embed_cache_vectors: usize,
    /// Where events are logged: `embedded:`, or `kafka://host:port,host:port` [default: embedded:]
    #[arg(long, env = "REP_LOG", hide_env_values = true, value_name = "URL")]
    log: ServerUrl,
    /// Schema registry of a log on Kafka, by the base URL of its Confluent-compatible API
    #[arg(long, env = "REP_REGISTRY", hide_env_values = true, value_name = "URL")]
    registry: ServerUrl,
    /// Where products and behaviour are kept: `embedded:`, or `http://host:port` of Elasticsearch [default: embedded:]
    #[arg(long, env = "REP_SEARCH", hide_env_values = true, value_name = "URL")]
    search: ServerUrl,
    /// Where preference vectors, popularity and inboxes are kept: `embedded:`, or `redis://host:port` [default: embedded:]
    #[arg(long, env = "REP_PREFERENCES", hide_env_values = true, value_name = "URL")]
    preferences: ServerUrl,
    /// What answers searches where products are on a server: it, or the memory of each process [default: elasticsearch]
    #[arg(long, env = "REP_RETRIEVAL", value_name = "WHERE")]
    retrieval: Retrieval,
    /// Where traces go: a collector's address for OTLP over HTTP, such as `http://collector:4318` [default: nowhere]
    #[arg(long, env = "REP_OTLP", value_name = "URL")]
    otlp: String,
    /// Share of traces that are recorded, 0 to 1, where the client does not say it [default: 0.01]
    #[arg(long, env = "REP_OTLP_SAMPLE", value_name = "SHARE")]
    otlp_sample: f64,
    /// Port of the API [default: 8080]
    #[arg(long, env = "REP_API_PORT", value_name = "PORT")]
    api_port: u16,
    /// Port of the simulator's control routes [default: 8084]
    #[arg(long, env = "REP_SIMULATOR_PORT", value_name = "PORT")]
    simulator_port: u16,
    /// Port of the behaviour consumer's metrics [default: 8085]
    #[arg(long, env = "REP_BEHAVIOUR_PORT", value_name = "PORT")]
    behaviour_port: u16,
    /// Port of the inventory consumer's metrics [default: 8086]
    #[arg(long, env = "REP_INVENTORY_PORT", value_name = "PORT")]
    inventory_port: u16,
    /// Port of the notification service [default: 8083]
    #[arg(long, env = "REP_NOTIFY_PORT", value_name = "PORT")]
    notify_port: u16,
    /// Port of the embedding service [default: 8000]
    #[arg(long, env = "REP_EMBEDDER_PORT", value_name = "PORT")]
    embedder_port: u16,
    /// Port of the dashboard [default: 3001]
    #[arg(long, env = "REP_DASHBOARD_PORT", value_name = "PORT")]
    dashboard_port: u16,
    /// Serve everybody who reaches an address that is not loopback, each as an operator, while no tokens are set
    #[arg(long, env = "REP_OPEN", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    open: bool,
    /// Host names, besides loopback ones, that are served while no tokens are set; separated by commas
    #[arg(long, env = "REP_ALLOWED_HOSTS", value_name = "NAME", value_delimiter = ',')]
    allowed_hosts: Vec<String>,
    /// Origins, such as `https://shop.example`, whose pages may call the API besides its own; separated by commas
    #[arg(long, env = "REP_ALLOWED_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    allowed_origins: Vec<String>,
    /// Proxies, as addresses or networks such as `10.0.0.0/8`, whose `X-Forwarded-For` says who calls; separated by commas
    /// [default: none]
    #[arg(long, env = "REP_TRUSTED_PROXIES", value_name = "NETWORK", value_delimiter = ',')]
    trusted_proxies: Vec<Network>,
    /// Connections at a time of all ports together, 16 to 1000000 [default: 16384]
    #[arg(long, env = "REP_CONNECTIONS_MAX", value_name = "COUNT")]
    connections_max: usize,
    /// Connections at a time of one address that is neither loopback nor a trusted proxy [default: 1024]
    #[arg(long, env = "REP_CONNECTIONS_OF_ADDRESS_MAX", value_name = "COUNT")]
    connections_of_address_max: usize,
    /// Requests a second of one caller, and of one address before it says who calls; 0 for no bound [default: 20000]
    #[arg(long, env = "REP_REQUESTS_RATE", value_name = "REQUESTS/S")]
    requests_rate: u32,
    /// Events a second of one shopper, ten times as many at once; 0 for no bound [default: 200]
    #[arg(long, env = "REP_EVENTS_RATE", value_name = "EVENTS/S")]
    events_rate: u32,
    /// Where `rep serve dashboard` and the commands that ask an API find it [default: the API port of this machine]
    #[arg(long, env = "REP_API", value_name = "URL")]
    api_url: String,
    /// Where `rep serve dashboard` finds the simulator [default: the simulator port of this machine]
    #[arg(long, env = "REP_SIMULATOR", value_name = "URL")]
    simulator_url: String,
    /// Other processes whose `/metrics` the API's status adds up, such as `http://behaviour:8085`; separated by commas
    #[arg(long, env = "REP_PROCESSES", value_name = "URL", value_delimiter = ',')]
    processes: Vec<String>,
    /// Token that operators must send; with it or `--token-secret` the API serves nobody without a token
    #[arg(long, env = "REP_OPERATOR_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    operator_token: Secret,
    /// File that holds the operators' token, such as a container's secret
    #[arg(long, env = "REP_OPERATOR_TOKEN_FILE", value_name = "FILE")]
    operator_token_file: PathBuf,
    /// What shoppers' tokens are signed with, such as `rep token` makes; at least 32 bytes
    #[arg(long, env = "REP_TOKEN_SECRET", hide_env_values = true, value_name = "SECRET")]
    token_secret: Secret,
    /// File that holds what shoppers' tokens are signed with
    #[arg(long, env = "REP_TOKEN_SECRET_FILE", value_name = "FILE")]
    token_secret_file: PathBuf,
    /// Who must have issued a shopper's token (`iss`) [default: anyone who has the secret]
    #[arg(long, env = "REP_TOKEN_ISSUER", value_name = "NAME")]
    token_issuer: String,
    /// Whom a shopper's token must be for (`aud`) [default: anybody]
    #[arg(long, env = "REP_TOKEN_AUDIENCE", value_name = "NAME")]
    token_audience: String,
    /// Revokes shoppers' tokens issued before (`iat`), such as 2026-12-01T08:00:00Z
    #[arg(long, env = "REP_TOKENS_SINCE", value_name = "TIME")]
    tokens_since: Timestamp,
    /// Added to every port that is not set; port 0 takes a free one [default: 0]
    #[arg(long, env = "REP_PORT_OFFSET", value_name = "NUMBER")]
    port_offset: u16,
}

/// What answers searches where products are on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Retrieval {
    /// The server
    Elasticsearch,
    /// An index in the memory of each process that searches
    Replica,
}

/// Everything set.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) log_retention: Retention,
    pub(crate) bind: IpAddr,
    pub(crate) products: u32,
    pub(crate) users: u32,
    pub(crate) rate: f64,
    pub(crate) seed: u64,
    pub(crate) no_simulator: bool,
    pub(crate) currency: Currency,
    pub(crate) just_seen: Vec<SeenFor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) onnxruntime: Option<PathBuf>,
    pub(crate) embed_workers: usize,
    pub(crate) embed_backlog_workers: usize,
    pub(crate) embed_cache_vectors: usize,
    pub(crate) log: ServerUrl,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) registry: Option<ServerUrl>,
    pub(crate) search: ServerUrl,
    pub(crate) preferences: ServerUrl,
    pub(crate) retrieval: Retrieval,
    pub(crate) open: bool,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) connections_max: usize,
    pub(crate) connections_of_address_max: usize,
    pub(crate) requests_rate: u32,
    pub(crate) events_rate: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) simulator_url: Option<String>,
    pub(crate) processes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) otlp: Option<String>,
    pub(crate) otlp_sample: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operator_token: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_secret: Option<Secret>,
    pub(crate) token_issuer: Option<String>,
    pub(crate) token_audience: Option<String>,
    pub(crate) tokens_since: Option<Timestamp>,
    #[serde(flatten)]
    pub(crate) ports: Ports,
}

/// A port a service.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Ports {
    pub(crate) api_port: u16,
    pub(crate) simulator_port: u16,
    pub(crate) behaviour_port: u16,
    pub(crate) inventory_port: u16,
    pub(crate) notify_port: u16,
    pub(crate) embedder_port: u16,
    pub(crate) dashboard_port: u16,
}

/// The options that are set in the environment alone.
#[derive(Parser)]
struct Environment {
    #[command(flatten)]
    options: Options,
}

impl Options {
    /// What the environment says, for commands that have no flags for it.
    pub(crate) fn from_environment() -> anyhow::Result<Self> {
        Ok(Environment::try_parse_from(["rep"])?.options)
    }

    /// These options, completed from `file` (or [`FILE_DEFAULT`] where it exists) and by the defaults.
    pub(crate) fn resolve(self, file: Option<&Path>) -> anyhow::Result<Settings> {
        let text = match file {
            Some(path) => Some(
                std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?,
            ),
            None => match std::fs::read_to_string(FILE_DEFAULT) {
                Ok(text) => Some(text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => return Err(error).with_context(|| format!("cannot read `{FILE_DEFAULT}`")),
            },
        };
        let name = file.map_or_else(|| FILE_DEFAULT.to_owned(), |path| path.display().to_string());
        let from_file =
            text.map(|text| parse_file(&text).with_context(|| format!("in `{name}`"))).transpose()?;
        self.or(from_file.unwrap_or_default()).complete()
    }

    /// These options, completed by the defaults.
    pub(crate) fn complete(self) -> anyhow::Result<Settings> {
        let offset = self.port_offset.unwrap_or(0);
        let port = |set: Option<u16>, default: u16| match set {
            Some(port) => Ok(port),
            None => default
                .checked_add(offset)
                .with_context(|| format!("port {default} and offset {offset} exceed 65535")),
        };
        let ports = Ports {
            api_port: port(self.api_port, 8080)?,
            simulator_port: port(self.simulator_port, 8084)?,
            behaviour_port: port(self.behaviour_port, 8085)?,
            inventory_port: port(self.inventory_port, 8086)?,
            notify_port: port(self.notify_port, 8083)?,
            embedder_port: port(self.embedder_port, 8000)?,
            dashboard_port: port(self.dashboard_port, 3001)?,
        };
        let settings = Settings {
            data_dir: self.data_dir.unwrap_or_else(|| ".rep/data".into()),
            log_retention: self.log_retention.unwrap_or_default(),
            bind: self.bind.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            products: self.products.unwrap_or(2_000),
            users: self.users.unwrap_or(20_000),
            rate: self.rate.unwrap_or(100.0),
            seed: self.seed.unwrap_or(42),
            no_simulator: self.no_simulator.unwrap_or(false),
            currency: self.currency.unwrap_or(Currency::EUR),
            just_seen: self.just_seen.unwrap_or_default(),
            model: self.model,
            onnxruntime: self.onnxruntime,
            embed_workers: self.embed_workers.unwrap_or(1),
            embed_backlog_workers: self.embed_backlog_workers.unwrap_or(1),
            embed_cache_vectors: self.embed_cache_vectors.unwrap_or(EMBEDDINGS_MAX_DEFAULT),
            log: self.log.unwrap_or_else(|| EMBEDDED.into()),
            registry: self.registry,
            search: self.search.unwrap_or_else(|| EMBEDDED.into()),
            preferences: self.preferences.unwrap_or_else(|| EMBEDDED.into()),
            retrieval: self.retrieval.unwrap_or(Retrieval::Elasticsearch),
            open: self.open.unwrap_or(false),
            allowed_hosts: self.allowed_hosts.unwrap_or_default(),
            allowed_origins: self.allowed_origins.unwrap_or_default(),
            trusted_proxies: self.trusted_proxies.unwrap_or_default(),
            connections_max: self.connections_max.unwrap_or(16_384),
            connections_of_address_max: self.connections_of_address_max.unwrap_or(1_024),
            requests_rate: self.requests_rate.unwrap_or(20_000),
            events_rate: self.events_rate.unwrap_or(200),
            api_url: self.api_url,
            simulator_url: self.simulator_url,
            processes: self.processes.unwrap_or_default(),
            otlp: self.otlp,
            otlp_sample: self.otlp_sample.unwrap_or(0.01),
            operator_token: secret(self.operator_token, self.operator_token_file)?,
            token_secret: secret(self.token_secret, self.token_secret_file)?,
            token_issuer: self.token_issuer,
            token_audience: self.token_audience,
            tokens_since: self.tokens_since,
            ports,
        };
        settings.check()?;
        Ok(settings)
    }
}

impl Settings {
    /// Who may call: everybody who reaches the address, unless tokens are set.
    pub(crate) fn auth(&self) -> anyhow::Result<Auth> {
        let operators: Vec<String> =
            self.operator_token.iter().map(|token| token.reveal().to_owned()).collect();
        let users = self.user_tokens()?;
        if operators.is_empty() && users.is_none() {
            return Ok(Auth::Open);
        }
        Ok(Auth::Bearer(BearerAuth::new(&operators, users)?))
    }

    /// How shoppers' tokens are signed, if any are taken.
    pub(crate) fn user_tokens(&self) -> anyhow::Result<Option<UserTokens>> {
        let rules = TokenRules {
            issuer: self.token_issuer.clone(),
            audience: self.token_audience.clone(),
            issued_since: self.tokens_since,
        };
        let tokens =
            self.token_secret.as_ref().map(|secret| UserTokens::new(secret.reveal().as_bytes(), rules));
        Ok(tokens.transpose()?)
    }

    /// Where the stores are, for vectors of `model`.
    pub(crate) fn stores(&self, model: ModelId, dimensions: usize) -> ConnectConfig {
        ConnectConfig {
            places: self.places(),
            log_retention: self.log_retention.duration(),
            embeddings_max: self.embed_cache_vectors,
            ..ConnectConfig::new(self.data_dir.clone(), model, dimensions)
        }
    }

    /// How many connections there may be.
    pub(crate) fn connection_limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            total_max: self.connections_max,
            of_address_max: self.connections_of_address_max,
            trusted: self.proxies(),
        }
    }

    /// Proxies whose `X-Forwarded-For` says who calls.
    pub(crate) fn proxies(&self) -> Vec<IpNet> {
        self.trusted_proxies.iter().map(|network| network.0).collect()
    }

    /// Where each store is.
    pub(crate) fn places(&self) -> Places {
        Places {
            log: self.log.clone(),
            registry: self.registry.clone(),
            search: self.search.clone(),
            preferences: self.preferences.clone(),
            retrieval: match self.retrieval {
                Retrieval::Elasticsearch => rep_backends::Retrieval::Elasticsearch,
                Retrieval::Replica => rep_backends::Retrieval::Replica,
            },
        }
    }

    /// Where traces go, if anywhere.
    pub(crate) fn traces(&self) -> Option<TracesConfig> {
        let collector = self.otlp.clone()?;
        Some(TracesConfig { collector, sample: self.otlp_sample })
    }

    /// Where a person on this machine reaches `port`.
    pub(crate) fn url_of(&self, port: u16) -> String {
        let host = match self.bind {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(host, port))
    }
}

/// A secret as it is given, else what its file holds, less white space around it.
fn secret(given: Option<Secret>, file: Option<PathBuf>) -> anyhow::Result<Option<Secret>> {
    let Some(file) = file.filter(|_| given.is_none()) else { return Ok(given) };
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
    Ok(Some(text.trim().parse()?))
}

fn parse_file(text: &str) -> anyhow::Result<Options> {
    let table: toml::Table = text.parse()?;
    let known = || Options::KEYS.iter().map(|key| key.replace('_', "-"));
    for key in table.keys() {
        if !known().any(|k| k == *key) {
            let nearest =
                known().max_by(|a, b| strsim::jaro_winkler(a, key).total_cmp(&strsim::jaro_winkler(b, key)));
            bail!("unknown key `{key}`; did you mean `{}`?", nearest.unwrap_or_default());
        }
    }
    Ok(table.try_into()?)
}

#[cfg(test)]
mod tests;
