//! From one model's index to another's: which is in use, stopping its writes, moving the alias.

use elasticsearch::http::Method;
use rep_core::ports::StoreError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Described, IndexKind, Indices};
use crate::elasticsearch::error::{invalid, unavailable};

/// The index that an alias stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Its name.
    pub index: String,
    /// The model of its vectors, as the index says; `None` if it says none.
    pub model: Option<String>,
    /// Width of its vectors, as the index says.
    pub dimensions: Option<usize>,
    /// Whether it takes no writes, by [`Indices::freeze`] or by somebody's hand.
    pub is_frozen: bool,
    /// Whether it is the one of this version and model.
    pub is_wanted: bool,
}

impl Served {
    fn of(index: String, described: &Described, wanted: &str) -> Self {
        let meta = &described.mappings["_meta"];
        Self {
            model: meta["model"].as_str().map(str::to_owned),
            dimensions: meta["dimensions"].as_u64().and_then(|width| usize::try_from(width).ok()),
            is_frozen: described.takes_no_writes(),
            is_wanted: index == wanted,
            index,
        }
    }
}

impl Indices {
    /// The index that the alias of `kind` stands for; `None` if there is none.
    ///
    /// # Errors
    /// Invalid if it stands for several, or if an index has its name; else as every call.
    pub async fn served(&self, kind: IndexKind) -> Result<Option<Served>, StoreError> {
        let wanted = self.definition(kind);
        let mut behind = self.behind(&wanted.alias).await?;
        let Some(index) = behind.pop() else { return Ok(None) };
        if !behind.is_empty() || index == wanted.alias {
            let alias = &wanted.alias;
            return Err(invalid(format!("`{alias}` is no alias of one index; `rep indices plan` says more")));
        }
        let described = self.described(&index).await?;
        Ok(described.map(|described| Served::of(index, &described, &wanted.index)))
    }

    /// Lets the alias of `kind` stand for the index of this version and model, in one step; gives the index that it
    /// stood for, which takes no more writes and can be removed. Idempotent.
    ///
    /// Before it, fill the new index: [`ElasticsearchCatalog::copy_to`](crate::elasticsearch::ElasticsearchCatalog::copy_to).
    /// To lose no write in between, [`Self::freeze`] the old one first and copy once more.
    pub async fn switch(&self, kind: IndexKind) -> Result<Option<String>, StoreError> {
        let wanted = self.definition(kind);
        let behind = self.behind(&wanted.alias).await?;
        if behind == [wanted.index.clone()] {
            return Ok(None);
        }
        if self.described(&wanted.index).await?.is_none() {
            return Err(unavailable(format!("index `{}` is not there yet: apply first", wanted.index)));
        }
        let removed = behind.iter().filter(|index| **index != wanted.index);
        let mut actions: Vec<Value> =
            removed.map(|index| json!({ "remove": { "index": index, "alias": wanted.alias } })).collect();
        actions.push(json!({ "add": { "index": wanted.index, "alias": wanted.alias } }));
        let body = json!({ "actions": actions });
        self.client.change(Method::Post, "_aliases", Some(&body)).await?;
        Ok(behind.into_iter().find(|index| *index != wanted.index))
    }

    /// Lets the indices that the alias of `kind` stands for, other than the one of this version and model, take no
    /// more writes: who still writes there gets a retryable error instead of writing what nobody will read. Once this
    /// is answered, writes that were under way have ended. Idempotent.
    pub async fn freeze(&self, kind: IndexKind) -> Result<(), StoreError> {
        #[derive(Deserialize)]
        struct Blocked {
            acknowledged: bool,
            shards_acknowledged: bool,
            /// Those that were not blocked already.
            indices: Vec<Value>,
        }
        let wanted = self.definition(kind);
        for index in self.behind(&wanted.alias).await?.into_iter().filter(|index| *index != wanted.index) {
            let path = format!("{index}/_block/write");
            let blocked: Blocked = self.client.change_for(Method::Put, &path, None).await?;
            let is_stopped = blocked.shards_acknowledged || blocked.indices.is_empty();
            if !(blocked.acknowledged && is_stopped) {
                let reason =
                    format!("not every shard of index `{index}` has stopped its writes yet; try again");
                return Err(unavailable(reason));
            }
        }
        Ok(())
    }

    /// Lets the indices that the alias of `kind` stands for take writes again, whichever model they are of: the way
    /// back from [`Self::freeze`]. Idempotent.
    pub async fn unfreeze(&self, kind: IndexKind) -> Result<(), StoreError> {
        for index in self.behind(&self.definition(kind).alias).await? {
            self.take_writes(&index).await?;
        }
        Ok(())
    }

    /// Lets the index of this version and model take writes: one that was in use before, and is to be again, was
    /// frozen when it was left. Idempotent.
    pub async fn reopen(&self, kind: IndexKind) -> Result<(), StoreError> {
        let index = self.definition(kind).index;
        match self.described(&index).await? {
            Some(described) if described.takes_no_writes() => self.take_writes(&index).await,
            _ => Ok(()),
        }
    }

    async fn take_writes(&self, index: &str) -> Result<(), StoreError> {
        let open = json!({ "index.blocks.write": null });
        Ok(self.client.change(Method::Put, &format!("{index}/_settings"), Some(&open)).await?)
    }
}
