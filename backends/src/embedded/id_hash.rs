//! How ids become parts of keys: short, and such that nobody who chooses ids can make two meet.
//!
//! The engine keeps short keys in place, so an id stands in a key as 8 or 16 bytes of SipHash-1-3 under a secret of the
//! data directory (keyspace `id_hash`). Values say whose they are, but an entry whose key another's takes would be lost.
//!
//! A directory of release 0.1 goes on with FNV-1a, under which two ids that meet can be computed.

use std::hash::Hasher as _;

use fjall::Keyspace;
use rep_core::ports::StoreError;
use rep_core::stable_hash128;
use siphasher::sip::SipHasher13;
use siphasher::sip128::{Hasher128 as _, SipHasher13 as SipHasher13Of128};

use super::db::Db;
use super::error::{corrupt, store_error};

/// Key of the one entry of the keyspace.
const SECRET: &str = "secret";

/// The hash of a data directory.
#[derive(Clone, Copy)]
pub(crate) enum IdHash {
    /// Of directories made since.
    Keyed([u8; 16]),
    /// Of release 0.1.
    Plain,
}

impl IdHash {
    /// The hash of `db`'s directory. A new secret is made, and synced, where none of `hashed`, which hold its keys, has an
    /// entry yet.
    pub(crate) fn open(db: &Db, hashed: &[&Keyspace]) -> Result<Self, StoreError> {
        let secrets = db.keyspace("id_hash")?;
        if let Some(secret) = secrets.get(SECRET).map_err(store_error)? {
            let secret = secret[..].try_into().map_err(|_| corrupt("the secret of the hash of ids"))?;
            return Ok(Self::Keyed(secret));
        }
        for keyspace in hashed {
            if !keyspace.is_empty().map_err(store_error)? {
                return Ok(Self::Plain);
            }
        }
        let secret = *uuid::Uuid::new_v4().as_bytes();
        let mut batch = db.batch();
        batch.insert(&secrets, SECRET, secret);
        db.write_synced(batch)?;
        Ok(Self::Keyed(secret))
    }

    /// 8 bytes for an id.
    pub(crate) fn short(&self, id: &str) -> [u8; 8] {
        match self {
            Self::Keyed(secret) => {
                let mut hasher = SipHasher13::new_with_key(secret);
                hasher.write(id.as_bytes());
                hasher.finish().to_be_bytes()
            }
            Self::Plain => mixed(stable_hash128(id.as_bytes())),
        }
    }

    /// 16 bytes for two ids together; neither has a zero byte.
    pub(crate) fn of_two(&self, one: &str, other: &str) -> [u8; 16] {
        let text = [one.as_bytes(), &[0], other.as_bytes()].concat();
        match self {
            Self::Keyed(secret) => {
                let mut hasher = SipHasher13Of128::new_with_key(secret);
                hasher.write(&text);
                hasher.finish128().as_bytes()
            }
            Self::Plain => stable_hash128(&text).to_be_bytes(),
        }
    }
}

/// All bits of `hash` in each bit, where ids that differ in their last letters share its first ones. Source: the
/// finaliser of MurmurHash3, Austin Appleby.
pub(super) fn mixed(hash: u128) -> [u8; 8] {
    let mut bits = (hash >> 64) as u64 ^ hash as u64;
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (bits ^ (bits >> 33)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::SystemClock;
    use crate::embedded::db::DbConfig;

    #[test]
    fn a_new_directory_has_a_secret_and_keeps_it_and_one_that_has_keys_keeps_theirs() {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            Db::open(&dir.path().join(name), DbConfig::default(), Arc::new(SystemClock)).unwrap()
        };
        let (db, other) = (open("new"), open("other"));
        let hash = IdHash::open(&db, &[&db.keyspace("hashed").unwrap()]).unwrap();
        let again = IdHash::open(&db, &[&db.keyspace("hashed").unwrap()]).unwrap();
        let apart = IdHash::open(&other, &[]).unwrap();
        let of = |hash: IdHash| (hash.short("ann"), hash.of_two("ann", "n-1"));
        assert_eq!(of(hash), of(again));
        assert_ne!(of(hash).0, of(apart).0);
        assert_ne!(of(hash).1, of(apart).1);
        let earlier = open("earlier");
        let hashed = earlier.keyspace("hashed").unwrap();
        hashed.insert("key", "value").unwrap();
        assert!(matches!(IdHash::open(&earlier, &[&hashed]).unwrap(), IdHash::Plain));
        // By the definition of both parts.
        assert_eq!(IdHash::Plain.of_two("a", ""), stable_hash128(b"a\0").to_be_bytes());
    }
}
