//! Getting the program's schemas into the registry.

use std::collections::BTreeSet;
use std::fmt;

use rep_core::avro::versions;

use super::{COMPATIBILITY, Compatibility, Registry, RegistryError};

/// What became of one schema, or would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was there.
    Unchanged {
        /// Its id.
        id: u32,
    },
    /// It was not there: it is registered, or, in a plan, can be.
    Registered {
        /// Its id; `None` in a plan.
        id: Option<u32>,
    },
    /// It cannot follow those that are there, and nothing was registered.
    Incompatible {
        /// What the registry says is wrong, if it says so.
        reasons: Vec<String>,
    },
}

/// What became of one schema, and which; as text, one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaOutcome {
    /// Its subject.
    pub subject: String,
    /// Its version, counted as the program does.
    pub version: u32,
    /// What became of it.
    pub outcome: Outcome,
}

impl fmt::Display for SchemaOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, version, outcome } = self;
        match outcome {
            Outcome::Unchanged { id } => write!(f, "= {subject} version {version}: id {id}"),
            Outcome::Registered { id: Some(id) } => write!(f, "+ {subject} version {version}: id {id}"),
            Outcome::Registered { id: None } => write!(f, "+ {subject} version {version}"),
            Outcome::Incompatible { reasons } if reasons.is_empty() => {
                write!(f, "! {subject} version {version}: incompatible; the registry gives no reason")
            }
            Outcome::Incompatible { reasons } => {
                write!(f, "! {subject} version {version}: incompatible: {}", reasons.join("; "))
            }
        }
    }
}

/// A subject whose compatibility differs from [`COMPATIBILITY`]; as text, one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompatibilitySet {
    /// Which.
    pub subject: String,
    /// What it was; `None` where the registry's default held.
    pub from: Option<String>,
}

impl fmt::Display for CompatibilitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.from.as_deref().unwrap_or("(default)");
        write!(f, "~ {}: compatibility {from} -> {COMPATIBILITY}", self.subject)
    }
}

/// What was done, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Subjects whose compatibility changes.
    pub compatibility: Vec<CompatibilitySet>,
    /// What became of each schema.
    pub schemas: Vec<SchemaOutcome>,
}

impl Applied {
    /// Whether the registry holds, or would hold, every schema of the program.
    pub fn is_complete(&self) -> bool {
        !self.schemas.iter().any(|schema| matches!(schema.outcome, Outcome::Incompatible { .. }))
    }

    /// Whether anything differs.
    pub fn is_unchanged(&self) -> bool {
        self.compatibility.is_empty()
            && self.schemas.iter().all(|schema| matches!(schema.outcome, Outcome::Unchanged { .. }))
    }
}

impl Registry {
    /// Removes the subjects of the program's schemas, with all versions and their compatibility; those that are not
    /// there are no error.
    ///
    /// # Errors
    /// As every call: unavailable, refused or malformed.
    pub(crate) async fn remove(&self) -> Result<(), RegistryError> {
        let subjects: BTreeSet<String> = versions().iter().map(|version| self.subject_of(version)).collect();
        for subject in subjects {
            // First it is marked, then it goes; a registry forgets the compatibility with it, or by the third call.
            for path in [
                format!("/subjects/{subject}"),
                format!("/subjects/{subject}?permanent=true"),
                format!("/config/{subject}"),
            ] {
                self.http.call("DELETE", path, None).await?.if_there()?;
            }
        }
        Ok(())
    }

    /// What [`Registry::apply`] would do now, under the compatibility that holds now. A second version of a
    /// subject whose first is not there yet is checked against nothing.
    ///
    /// # Errors
    /// As every call: unavailable, refused or malformed.
    pub async fn plan(&self) -> Result<Applied, RegistryError> {
        let mut planned =
            Applied { compatibility: self.compatibility_differences().await?, schemas: Vec::new() };
        for version in versions() {
            let subject = self.subject_of(version);
            let outcome = match self.id_of(&subject, version.text).await? {
                Some(id) => Outcome::Unchanged { id },
                None => match self.check(&subject, version.text).await? {
                    Compatibility::Compatible => Outcome::Registered { id: None },
                    Compatibility::Incompatible(reasons) => Outcome::Incompatible { reasons },
                },
            };
            planned.schemas.push(SchemaOutcome { subject, version: version.version, outcome });
        }
        Ok(planned)
    }

    /// Sets the compatibility of every subject and registers what is missing, older versions first. A schema that
    /// the registry refuses as incompatible is told, and the rest is done. Nothing is done where nothing differs.
    ///
    /// # Errors
    /// As every call: unavailable, refused or malformed. What was done by then stands.
    pub async fn apply(&self) -> Result<Applied, RegistryError> {
        let mut applied =
            Applied { compatibility: self.compatibility_differences().await?, schemas: Vec::new() };
        for set in &applied.compatibility {
            self.set_compatibility(&set.subject, COMPATIBILITY).await?;
        }
        for version in versions() {
            let subject = self.subject_of(version);
            let outcome = self.ensure(&subject, version.text).await?;
            applied.schemas.push(SchemaOutcome { subject, version: version.version, outcome });
        }
        Ok(applied)
    }

    /// Registers `schema` under `subject`, unless it is there.
    ///
    /// # Errors
    /// As every call: unavailable, refused or malformed. Not being compatible is an outcome, not an error.
    pub async fn ensure(&self, subject: &str, schema: &str) -> Result<Outcome, RegistryError> {
        if let Some(id) = self.id_of(subject, schema).await? {
            return Ok(Outcome::Unchanged { id });
        }
        match self.register(subject, schema).await {
            Ok(id) => Ok(Outcome::Registered { id: Some(id) }),
            // Some registries give reasons to the check, some with the refusal.
            Err(RegistryError::Refused { status: 409, message, .. }) => {
                let reasons = match self.check(subject, schema).await? {
                    Compatibility::Incompatible(reasons) if !reasons.is_empty() => reasons,
                    _ => vec![message],
                };
                Ok(Outcome::Incompatible { reasons })
            }
            Err(error) => Err(error),
        }
    }

    async fn compatibility_differences(&self) -> Result<Vec<CompatibilitySet>, RegistryError> {
        let subjects: BTreeSet<String> = versions().iter().map(|version| self.subject_of(version)).collect();
        let mut differ = Vec::new();
        for subject in subjects {
            let from = self.compatibility(&subject).await?;
            if from.as_deref() != Some(COMPATIBILITY) {
                differ.push(CompatibilitySet { subject, from });
            }
        }
        Ok(differ)
    }
}
