//! The schema registry of a cluster, by Confluent's HTTP API: which id each schema version has.
//!
//! Roles only look up: [`Registry::ids`] at start. Schemas get into the registry by [`Registry::apply`], which an
//! operator runs. A running role asks the registry again only when it meets a record that another program wrote by a
//! schema of its own ([`rep_core::ports::schemas::Schemas`]): its own are compiled in and ids never change.
//!
//! The registry may be away when a role starts. Ids are for good, so the last known ones serve then, from a small
//! file ([`RegistryConfig::remembered`]), with a warning and a counter; without that file the role cannot start and
//! says so. What the registry *answers* is never overruled by what is remembered.

mod apply;
mod http;
mod remembered;
mod writers;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rep_core::avro::{SchemaIds, SchemaVersion, versions};
use rep_core::ports::{StoreError, StoreErrorKind};
use serde_json::{Value, json};

pub use self::apply::{Applied, CompatibilitySet, Outcome, SchemaOutcome};
use self::http::{Answer, Http};
use self::remembered::Remembered;
use self::writers::Versions;
use crate::server_url::ServerUrl;

/// Schemas by id that are kept in memory.
const CACHED_MAX: usize = 1000;
/// What every subject is set to: a new schema reads what all earlier ones wrote.
pub const COMPATIBILITY: &str = "BACKWARD_TRANSITIVE";

/// Where the registry is, and how patient its client.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    /// Base URL of the Confluent-compatible API, such as `http://registry:8081`.
    pub url: ServerUrl,
    /// Who asks, if the registry wants to know.
    pub credentials: Option<Credentials>,
    /// What stands before topic names in the cluster, and so before subjects: as in Kafka's configuration.
    pub prefix: String,
    /// Longest wait for one answer. 5 s; 100 ms to 1 min.
    pub answer_max: Duration,
    /// Attempts of a call that fails in passing. 3; 1 to 10.
    pub attempts: u32,
    /// File that remembers ids for a start without the registry; none by default.
    pub remembered: Option<PathBuf>,
}

/// A user and a password, sent as basic authentication.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password; not shown.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

impl RegistryConfig {
    /// Defaults for the registry at `url`.
    pub fn new(url: impl Into<ServerUrl>) -> Self {
        Self {
            url: url.into(),
            credentials: None,
            prefix: String::new(),
            answer_max: Duration::from_secs(5),
            attempts: 3,
            remembered: None,
        }
    }

    /// Checks every bound.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn validate(&self) -> Result<(), RegistryError> {
        let refused = |what: String| Err(RegistryError::Config(what));
        if !["http://", "https://"].iter().any(|scheme| self.url.reveal().starts_with(scheme)) {
            return refused(format!("`url` must begin with `http://` or `https://`, got `{}`", self.url));
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(60)).contains(&self.answer_max) {
            return refused(format!("`answer_max` must be from 100ms to 60s, got {:?}", self.answer_max));
        }
        if !(1..=10).contains(&self.attempts) {
            return refused(format!("`attempts` must be from 1 to 10, got {}", self.attempts));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !self.prefix.chars().all(fits) {
            return refused(format!(
                "`prefix` must be letters, digits, `.`, `_` and `-`, got `{}`",
                self.prefix
            ));
        }
        Ok(())
    }
}

/// Why the registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The configuration cannot be used.
    #[error("registry: {0}")]
    Config(String),
    /// It does not answer, or is overloaded.
    #[error("schema registry at {url} is away: {reason}")]
    Unavailable {
        /// Where it should be.
        url: ServerUrl,
        /// What was met instead.
        reason: String,
    },
    /// It refuses the call.
    #[error("schema registry refused `{call}` with status {status}: {message}")]
    Refused {
        /// Method and path.
        call: String,
        /// The HTTP status.
        status: u16,
        /// What it says.
        message: String,
    },
    /// It answers something else than its API says.
    #[error("schema registry answered `{call}` with something else than was asked for: {message}")]
    Malformed {
        /// Method and path.
        call: String,
        /// What is wrong.
        message: String,
    },
    /// A schema of the program is not in it.
    #[error("schema `{subject}` version {version} is not registered; `rep schemas apply` registers it")]
    Missing {
        /// Whose.
        subject: String,
        /// Which, counted as the program does.
        version: u32,
    },
}

impl RegistryError {
    /// Whether the same call may succeed later by itself.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

impl From<RegistryError> for StoreError {
    fn from(error: RegistryError) -> Self {
        let kind = match &error {
            RegistryError::Unavailable { .. } | RegistryError::Missing { .. } => StoreErrorKind::Unavailable,
            RegistryError::Config(_) | RegistryError::Refused { .. } => StoreErrorKind::Invalid,
            RegistryError::Malformed { .. } => StoreErrorKind::Corrupt,
        };
        Self::new(kind, error)
    }
}

/// Ids of the program's schemas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// By topic and version, for [`rep_core::avro::Codec::new`].
    pub ids: SchemaIds,
    /// Whether they were remembered, because the registry is away.
    pub remembered: bool,
}

/// Whether a schema may follow those of its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// It may.
    Compatible,
    /// It may not; not every registry says why.
    Incompatible(Vec<String>),
}

/// A client of the registry; cheap to clone.
#[derive(Clone)]
pub struct Registry {
    http: Arc<Http>,
    prefix: Arc<str>,
    remembered: Option<Remembered>,
    by_id: Arc<Mutex<HashMap<u32, Arc<str>>>>,
    versions: Arc<Versions>,
}

impl Registry {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// When the configuration is refused.
    pub fn new(config: RegistryConfig) -> Result<Self, RegistryError> {
        config.validate()?;
        let remembered = config.remembered.clone().map(|file| Remembered::new(file, config.url.to_string()));
        Ok(Self {
            prefix: config.prefix.as_str().into(),
            http: Arc::new(Http::new(config)),
            remembered,
            by_id: Arc::default(),
            versions: Arc::default(),
        })
    }

    fn subject_of(&self, version: &SchemaVersion) -> String {
        format!("{}{}", self.prefix, version.subject())
    }

    /// The ids of all schemas of the program; remembered ones when the registry is away and there are any.
    ///
    /// # Errors
    /// Unavailable when it is away and nothing usable is remembered; missing when a schema is not registered.
    pub async fn ids(&self) -> Result<Ids, RegistryError> {
        match self.look_up_ids().await {
            Ok(ids) => {
                self.remember(&ids).await;
                Ok(Ids { ids, remembered: false })
            }
            Err(error) if error.is_retryable() => {
                let Some(ids) = self.recall().await else { return Err(error) };
                metrics::counter!("rep_registry_remembered_total").increment(1);
                tracing::warn!(%error, "schema ids are those remembered from the last start");
                Ok(Ids { ids, remembered: true })
            }
            Err(error) => Err(error),
        }
    }

    async fn look_up_ids(&self) -> Result<SchemaIds, RegistryError> {
        let mut ids = SchemaIds::new();
        for version in versions() {
            let subject = self.subject_of(version);
            let Some(id) = self.id_of(&subject, version.text).await? else {
                return Err(RegistryError::Missing { subject, version: version.version });
            };
            ids.insert((version.topic, version.version), id);
        }
        Ok(ids)
    }

    /// The id of `schema` under `subject`; `None` if it is not registered there.
    ///
    /// # Errors
    /// As every call: unavailable, refused or malformed.
    pub async fn id_of(&self, subject: &str, schema: &str) -> Result<Option<u32>, RegistryError> {
        let answer =
            self.http.call("POST", format!("/subjects/{subject}"), Some(json!({"schema": schema}))).await?;
        answer.if_there()?.map(|answer| answer.id()).transpose()
    }

    /// The schema of `id`, as JSON; `None` if there is none. Schemas never change: each is asked for once.
    ///
    /// # Errors
    /// As every call: unavailable, refused or malformed.
    pub async fn schema(&self, id: u32) -> Result<Option<Arc<str>>, RegistryError> {
        if let Some(known) = self.by_id.lock().get(&id) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(answer) = self.http.call("GET", format!("/schemas/ids/{id}"), None).await?.if_there()?
        else {
            return Ok(None);
        };
        let schema: Arc<str> = answer.text("schema")?.into();
        let mut by_id = self.by_id.lock();
        if by_id.len() >= CACHED_MAX {
            by_id.clear();
        }
        by_id.insert(id, Arc::clone(&schema));
        Ok(Some(schema))
    }

    /// Whether `schema` may become the next of `subject`; it may if there is none yet.
    ///
    /// # Errors
    /// As every call: unavailable, refused or malformed.
    pub async fn check(&self, subject: &str, schema: &str) -> Result<Compatibility, RegistryError> {
        let path = format!("/compatibility/subjects/{subject}/versions?verbose=true");
        let answer = self.http.call("POST", path, Some(json!({"schema": schema}))).await?;
        let Some(answer) = answer.if_there()? else { return Ok(Compatibility::Compatible) };
        match answer.field("is_compatible")? {
            Value::Bool(true) => Ok(Compatibility::Compatible),
            Value::Bool(false) => Ok(Compatibility::Incompatible(answer.messages())),
            other => Err(answer.malformed(format!("`is_compatible` is {other}"))),
        }
    }

    /// Registers `schema` under `subject`, unless it is; the same schema gets the same id again.
    ///
    /// # Errors
    /// Refused with status 409 when it is not compatible; else as every call.
    pub async fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        let path = format!("/subjects/{subject}/versions");
        self.http.call("POST", path, Some(json!({"schema": schema}))).await?.good()?.id()
    }

    /// The compatibility that `subject` itself is set to; `None` where the registry's default holds.
    ///
    /// # Errors
    /// As every call: unavailable, refused or malformed.
    pub async fn compatibility(&self, subject: &str) -> Result<Option<String>, RegistryError> {
        let answer = self.http.call("GET", format!("/config/{subject}"), None).await?;
        answer.if_there()?.map(|answer: Answer| answer.text("compatibilityLevel")).transpose()
    }

    /// Sets the compatibility of `subject`, also while somebody else sets the same.
    ///
    /// # Errors
    /// As every call: unavailable, refused or malformed.
    pub async fn set_compatibility(&self, subject: &str, level: &str) -> Result<(), RegistryError> {
        let body = json!({"compatibility": level});
        let set = self.http.call("PUT", format!("/config/{subject}"), Some(body)).await?.good();
        match set {
            // Apicurio's answer to the second of two at once.
            Err(RegistryError::Refused { status: 409, .. })
                if self.compatibility(subject).await?.as_deref() == Some(level) =>
            {
                Ok(())
            }
            set => set.map(drop),
        }
    }
}
