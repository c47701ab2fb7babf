//! Who was erased: keyspace `erased`, hash of the shopper → when, and up to where in the log.

use fjall::{Keyspace, OwnedWriteBatch as WriteBatch};
use rep_core::ports::StoreError;
use rep_core::{Erasure, UserId, UserKey};

use crate::embedded::codec::{decode, encode};
use crate::embedded::db::Db;
use crate::embedded::error::store_error;

const VERSION: u8 = 1;

pub(super) struct Erased(Keyspace);

impl Erased {
    pub(super) fn open(db: &Db) -> Result<Self, StoreError> {
        db.keyspace("erased").map(Self)
    }

    /// The last erasure of `user`.
    pub(super) fn find(&self, user: &UserId) -> Result<Option<Erasure>, StoreError> {
        let bytes = self.0.get(UserKey::of(user).0).map_err(store_error)?;
        bytes.map(|bytes| decode(VERSION, &bytes, "an erasure")).transpose()
    }

    pub(super) fn insert(
        &self,
        batch: &mut WriteBatch,
        user: &UserId,
        erasure: Erasure,
    ) -> Result<(), StoreError> {
        batch.insert(&self.0, UserKey::of(user).0, encode(VERSION, &erasure)?);
        Ok(())
    }
}
