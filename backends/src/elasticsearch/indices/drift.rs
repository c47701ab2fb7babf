//! How an index differs from what it must be.

use std::fmt;

use serde_json::{Map, Value};

use super::Described;
use super::definitions::{Definition, IndexKind};

/// What one index lacks.
#[derive(Clone, Debug)]
pub struct IndexPlan {
    /// Which.
    pub kind: IndexKind,
    /// The index of this version and model.
    pub index: String,
    /// How it differs; nothing if all is well.
    pub findings: Vec<Finding>,
}

/// Who mends a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// [`Indices::apply`](super::Indices::apply) does.
    Apply,
    /// Filling the new index, then [`Indices::switch`](super::Indices::switch).
    Switch,
    /// A person: the index must be made anew, or its contents moved.
    Person,
}

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// The index is not there.
    IndexMissing {
        /// Which.
        index: String,
        /// Whether its alias is free, so that it will be the one in use.
        served: bool,
    },
    /// The index is there without an alias of its own.
    AliasMissing {
        /// Which index.
        index: String,
        /// Which alias.
        alias: String,
    },
    /// The alias stands for an index of another version or model.
    NotServed {
        /// Which alias.
        alias: String,
        /// What it stands for.
        serves: String,
        /// What it should stand for.
        wanted: String,
    },
    /// The alias stands for more than one index: a write would not know where to go.
    AliasOfSeveral {
        /// Which alias.
        alias: String,
        /// What it stands for.
        serves: Vec<String>,
    },
    /// There is an index where an alias must be.
    NameTaken {
        /// Its name.
        alias: String,
    },
    /// The mapping lacks a field.
    FieldMissing {
        /// In which index.
        index: String,
        /// Its path.
        field: String,
    },
    /// A field is mapped in another way.
    FieldDiffers {
        /// In which index.
        index: String,
        /// Its path and parameter.
        field: String,
        /// What it must be.
        wanted: Value,
        /// What it is.
        found: Value,
    },
    /// Vectors are of another width.
    DimensionsDiffer {
        /// In which index.
        index: String,
        /// Width of the model's vectors.
        wanted: u64,
        /// Width of the index.
        found: Value,
    },
    /// Vectors are of another model.
    ModelDiffers {
        /// In which index.
        index: String,
        /// The model of this installation.
        wanted: String,
        /// What the index says.
        found: Value,
    },
    /// The index takes fields that nobody settled.
    NotStrict {
        /// Which index.
        index: String,
    },
    /// It has another number of shards.
    ShardsDiffer {
        /// Which index.
        index: String,
        /// How many it must have.
        wanted: u32,
        /// How many it has.
        found: Value,
    },
    /// A setting is another.
    SettingDiffers {
        /// Of which index.
        index: String,
        /// Its name.
        setting: String,
        /// What it must be.
        wanted: Value,
        /// What it is.
        found: Value,
    },
}

impl Finding {
    /// Who mends it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::IndexMissing { .. }
            | Self::AliasMissing { .. }
            | Self::FieldMissing { .. }
            | Self::SettingDiffers { .. } => Remedy::Apply,
            Self::NotServed { .. } => Remedy::Switch,
            Self::AliasOfSeveral { .. }
            | Self::NameTaken { .. }
            | Self::FieldDiffers { .. }
            | Self::DimensionsDiffer { .. }
            | Self::ModelDiffers { .. }
            | Self::NotStrict { .. }
            | Self::ShardsDiffer { .. } => Remedy::Person,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IndexMissing { index, served: true } => write!(f, "index `{index}` is missing"),
            Self::IndexMissing { index, served: false } => {
                write!(f, "index `{index}` is missing; another is in use until it is filled")
            }
            Self::AliasMissing { index, alias } => write!(f, "index `{index}` lacks the alias `{alias}`"),
            Self::NotServed { alias, serves, wanted } => {
                write!(f, "alias `{alias}` stands for `{serves}`, not yet for `{wanted}`")
            }
            Self::AliasOfSeveral { alias, serves } => {
                write!(f, "alias `{alias}` stands for {}, expected one", serves.join(", "))
            }
            Self::NameTaken { alias } => {
                write!(f, "`{alias}` is an index, expected an alias: something wrote there before")
            }
            Self::FieldMissing { index, field } => write!(f, "index `{index}` lacks the field `{field}`"),
            Self::FieldDiffers { index, field, wanted, found } => {
                write!(f, "index `{index}`: `{field}` is {found}, expected {wanted}")
            }
            Self::DimensionsDiffer { index, wanted, found } => {
                write!(f, "index `{index}`: vectors are {found} wide, expected {wanted}")
            }
            Self::ModelDiffers { index, wanted, found } => {
                write!(f, "index `{index}`: vectors are of model {found}, expected \"{wanted}\"")
            }
            Self::NotStrict { index } => write!(f, "index `{index}` takes unknown fields, expected `strict`"),
            Self::ShardsDiffer { index, wanted, found } => {
                write!(f, "index `{index}` has {found} shards, expected {wanted}")
            }
            Self::SettingDiffers { index, setting, wanted, found } => {
                write!(f, "index `{index}`: `{setting}` is {found}, expected {wanted}")
            }
        }
    }
}

/// Compares what `alias` stands for, and the index itself, with what is wanted.
pub(super) fn compare(
    kind: IndexKind,
    wanted: &Definition,
    behind: &[String],
    found: Option<&Described>,
) -> IndexPlan {
    let index = || wanted.index.clone();
    let mut findings = Vec::new();
    if behind == [wanted.alias.as_str()] {
        findings.push(Finding::NameTaken { alias: wanted.alias.clone() });
        return IndexPlan { kind, index: index(), findings };
    }
    match found {
        None => findings.push(Finding::IndexMissing { index: index(), served: behind.is_empty() }),
        Some(found) => compare_index(wanted, found, &mut findings),
    }
    let alias = || wanted.alias.clone();
    match behind {
        [] => {
            if found.is_some() {
                findings.push(Finding::AliasMissing { index: index(), alias: alias() });
            }
        }
        [one] if *one == wanted.index => {}
        [other] => {
            findings.push(Finding::NotServed { alias: alias(), serves: other.clone(), wanted: index() });
        }
        several => findings.push(Finding::AliasOfSeveral { alias: alias(), serves: several.to_vec() }),
    }
    IndexPlan { kind, index: index(), findings }
}

fn compare_index(wanted: &Definition, found: &Described, findings: &mut Vec<Finding>) {
    let index = || wanted.index.clone();
    if wanted.own_alias != wanted.alias && !found.aliases.contains_key(&wanted.own_alias) {
        findings.push(Finding::AliasMissing { index: index(), alias: wanted.own_alias.clone() });
    }
    if found.mappings["dynamic"] != "strict" {
        findings.push(Finding::NotStrict { index: index() });
    }
    let shards = &found.settings["index.number_of_shards"];
    if !is_same(&wanted.shards.into(), shards) {
        findings.push(Finding::ShardsDiffer { index: index(), wanted: wanted.shards, found: shards.clone() });
    }
    if let Value::Object(settings) = &wanted.live_settings {
        for (setting, wanted) in settings {
            let found = &found.settings[setting];
            if !is_same(wanted, found) {
                let (setting, wanted, found) = (setting.clone(), wanted.clone(), found.clone());
                findings.push(Finding::SettingDiffers { index: index(), setting, wanted, found });
            }
        }
    }
    if let Some((model, _)) = &wanted.model {
        let found = &found.mappings["_meta"]["model"];
        if *found != model.as_str() {
            let wanted = model.as_str().to_owned();
            findings.push(Finding::ModelDiffers { index: index(), wanted, found: found.clone() });
        }
    }
    let none = Map::new();
    let found = found.mappings["properties"].as_object().unwrap_or(&none);
    if let Value::Object(fields) = &wanted.mapping {
        compare_fields(&wanted.index, "", fields, found, findings);
    }
}

fn compare_fields(
    index: &str,
    path: &str,
    wanted: &Map<String, Value>,
    found: &Map<String, Value>,
    findings: &mut Vec<Finding>,
) {
    for (name, wanted) in wanted {
        let field = format!("{path}{name}");
        let Some(found) = found.get(name) else {
            findings.push(Finding::FieldMissing { index: index.to_owned(), field });
            continue;
        };
        for (parameter, wanted) in wanted.as_object().into_iter().flatten() {
            let found = &found[parameter];
            if is_same(wanted, found) || is_left_out(parameter, wanted, found) {
                continue;
            }
            if let ("properties", Some(wanted), Some(found)) =
                (parameter.as_str(), wanted.as_object(), found.as_object())
            {
                compare_fields(index, &format!("{field}."), wanted, found, findings);
            } else if let ("dims", Some(wanted)) = (parameter.as_str(), wanted.as_u64()) {
                let (index, found) = (index.to_owned(), found.clone());
                findings.push(Finding::DimensionsDiffer { index, wanted, found });
            } else {
                let (index, field) = (index.to_owned(), format!("{field}.{parameter}"));
                let (wanted, found) = (wanted.clone(), found.clone());
                findings.push(Finding::FieldDiffers { index, field, wanted, found });
            }
        }
    }
}

/// The server does not repeat that a plain object is one.
fn is_left_out(parameter: &str, wanted: &Value, found: &Value) -> bool {
    parameter == "type" && wanted == "object" && found.is_null()
}

/// Settings come back as text. Within `index_options`, newer servers add parameters of their own.
fn is_same(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.iter().all(|(key, wanted)| found.get(key).is_some_and(|found| is_same(wanted, found)))
        }
        (Value::Number(wanted), Value::String(found)) => wanted.to_string() == *found,
        _ => wanted == found,
    }
}
