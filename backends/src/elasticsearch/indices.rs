//! The four indices: what they must be, how they differ from it, and making them so.
//!
//! Each is read and written through an alias; the index behind it carries the version of its mapping in its name,
//! and that of the products also the model of their vectors. A new version or another model is a new index that is
//! filled beside the one in use, until [`Indices::switch`] moves the alias in one step.

mod definitions;
mod drift;
mod switch;

use std::collections::BTreeMap;
use std::time::Duration;

use elasticsearch::http::Method;
use rep_core::ModelId;
use rep_core::ports::StoreError;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use self::definitions::Definition;
pub use self::definitions::IndexKind;
pub use self::drift::{Finding, IndexPlan, Remedy};
pub use self::switch::Served;
use super::client::Client;
use super::error::Failure;
use super::health::Block;

/// How often what cannot be applied is looked for again before it is said to be left.
const LOOKS_MAX: u32 = 3;
/// Pause before that.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Makes and checks the indices of one installation.
#[derive(Clone)]
pub struct Indices {
    client: Client,
    model: ModelId,
    dimensions: usize,
    kinds: Vec<IndexKind>,
}

/// What [`Indices::apply`] did and found.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// What differed and has been mended.
    pub mended: Vec<Finding>,
    /// What differs and needs a person.
    pub left: Vec<Finding>,
}

/// An index as the server describes it.
#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    aliases: BTreeMap<String, Value>,
    #[serde(default)]
    mappings: Value,
    #[serde(default)]
    settings: Value,
}

impl Described {
    fn is_set(&self, setting: &str) -> bool {
        self.settings[setting] == "true"
    }

    fn takes_no_writes(&self) -> bool {
        self.is_set("index.blocks.write")
    }
}

impl Indices {
    /// The indices for vectors of `model` that are `dimensions` wide.
    pub fn new(client: Client, model: ModelId, dimensions: usize) -> Self {
        Self { client, model, dimensions, kinds: IndexKind::ALL.to_vec() }
    }

    /// Only those of `kinds`.
    pub fn only(mut self, kinds: &[IndexKind]) -> Self {
        self.kinds.retain(|kind| kinds.contains(kind));
        self
    }

    fn definition(&self, kind: IndexKind) -> Definition {
        Definition::of(kind, self.client.namespace(), &self.model, self.dimensions)
    }

    /// How the indices differ from what they must be; changes nothing.
    pub async fn plan(&self) -> Result<Vec<IndexPlan>, StoreError> {
        let mut plans = Vec::with_capacity(self.kinds.len());
        for kind in self.kinds.iter().copied() {
            let wanted = self.definition(kind);
            let behind = self.behind(&wanted.alias).await?;
            let described = self.described(&wanted.index).await?;
            plans.push(drift::compare(kind, &wanted, &behind, described.as_ref()));
        }
        Ok(plans)
    }

    /// Makes what is missing and adds what can be added; gives what was done and what is left. Idempotent, also when
    /// several do it at once.
    ///
    /// Never removes anything, and never moves an alias from one index to another: see [`Self::switch`].
    pub async fn apply(&self) -> Result<Applied, StoreError> {
        let mut applied = Applied::default();
        for attempt in 1.. {
            for plan in self.plan().await? {
                let wanted = self.definition(plan.kind);
                for finding in plan.findings {
                    match finding.remedy() {
                        Remedy::Apply => {
                            self.mend(&wanted, &finding).await?;
                            applied.mended.push(finding);
                        }
                        Remedy::Switch | Remedy::Person => applied.left.push(finding),
                    }
                }
            }
            if applied.left.is_empty() || attempt >= LOOKS_MAX {
                break;
            }
            // A plan is several answers: one read while another process applies may be of neither state.
            tokio::time::sleep(LOOK_AGAIN).await;
            applied.left.clear();
        }
        Ok(applied)
    }

    /// Removes the indices of this version and model, and all that is in them; those that are not there are no error.
    ///
    /// # Errors
    /// When the server is away or refuses; some may be gone then.
    pub(crate) async fn remove(&self) -> Result<(), StoreError> {
        for kind in self.kinds.iter().copied() {
            match self.client.change(Method::Delete, &self.definition(kind).index, None).await {
                Err(failure) if failure.is_status(404) => {}
                removed => removed?,
            }
        }
        Ok(())
    }

    async fn mend(&self, wanted: &Definition, finding: &Finding) -> Result<(), StoreError> {
        let index = &wanted.index;
        let answered = match finding {
            Finding::IndexMissing { served, .. } => {
                match self.client.change(Method::Put, index, Some(&wanted.body(*served))).await {
                    Err(failure) if failure.is_type("resource_already_exists_exception") => Ok(()),
                    made => made,
                }
            }
            Finding::AliasMissing { alias, .. } => {
                let actions = json!({ "actions": [{ "add": { "index": index, "alias": alias } }] });
                self.client.change(Method::Post, "_aliases", Some(&actions)).await
            }
            Finding::FieldMissing { field, .. } => {
                let path = format!("{index}/_mapping");
                self.client.change(Method::Put, &path, Some(&wanted.field(field))).await
            }
            Finding::SettingDiffers { .. } => {
                let path = format!("{index}/_settings");
                self.client.change(Method::Put, &path, Some(&wanted.live_settings)).await
            }
            Finding::NotServed { .. }
            | Finding::AliasOfSeveral { .. }
            | Finding::NameTaken { .. }
            | Finding::FieldDiffers { .. }
            | Finding::DimensionsDiffer { .. }
            | Finding::ModelDiffers { .. }
            | Finding::NotStrict { .. }
            | Finding::ShardsDiffer { .. } => Ok(()),
        };
        answered.map_err(StoreError::from)
    }

    /// Which of the indices in use take no writes, and why.
    pub async fn blocked(&self) -> Result<Vec<(String, Block)>, StoreError> {
        let mut blocked = Vec::new();
        for kind in self.kinds.iter().copied() {
            for index in self.behind(&self.definition(kind).alias).await? {
                let Some(described) = self.described(&index).await? else { continue };
                if described.is_set("index.blocks.read_only_allow_delete") {
                    blocked.push((index, Block::Disk));
                } else if described.takes_no_writes() || described.is_set("index.blocks.read_only") {
                    blocked.push((index, Block::Writes));
                }
            }
        }
        Ok(blocked)
    }

    /// The indices that `alias` stands for.
    async fn behind(&self, alias: &str) -> Result<Vec<String>, StoreError> {
        let found: Result<BTreeMap<String, Value>, Failure> =
            self.client.json(Method::Get, &format!("_alias/{alias}"), &[], None).await;
        match found {
            Ok(found) => Ok(found.into_keys().collect()),
            Err(failure) if failure.is_status(404) => match self.described(alias).await? {
                // An index of that very name: somebody wrote there before there was an alias.
                Some(_) => Ok(vec![alias.to_owned()]),
                None => Ok(Vec::new()),
            },
            Err(failure) => Err(failure.into()),
        }
    }

    async fn described(&self, index: &str) -> Result<Option<Described>, StoreError> {
        let flat = [("flat_settings", "true")];
        let found: Result<BTreeMap<String, Described>, Failure> =
            self.client.json(Method::Get, index, &flat, None).await;
        match found {
            Ok(found) => Ok(found.into_values().next()),
            Err(failure) if failure.is_status(404) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }
}
