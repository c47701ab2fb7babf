//! The embedded registry: which id each schema version has, for good.

use rep_core::avro::{SchemaIds, versions};
use rep_core::ports::StoreError;

use super::db::Db;
use super::error::{corrupt, invalid};

/// Registers every schema of the program that is new, and gives the ids of all. A version whose text
/// differs from what was registered under it is refused: versions are never changed, only added.
pub(crate) fn register(db: &Db) -> Result<SchemaIds, StoreError> {
    let keyspace = db.keyspace("schemas")?;
    let mut known = Vec::new();
    for entry in keyspace.iter() {
        let (key, value) = entry.into_inner().map_err(super::error::store_error)?;
        let Some((id, text)) = value.split_first_chunk::<4>() else {
            return Err(corrupt("a registered schema has no id"));
        };
        known.push((key.to_vec(), u32::from_be_bytes(*id), text.to_vec()));
    }
    let mut next = known.iter().map(|(_, id, _)| *id).max().unwrap_or(0) + 1;
    let mut ids = SchemaIds::new();
    let mut batch = db.batch();
    for version in versions() {
        let key = format!("{}/{:08}", version.subject(), version.version).into_bytes();
        let id = match known.iter().find(|(k, _, _)| *k == key) {
            Some((_, id, text)) if text == version.text.as_bytes() => *id,
            Some(_) => {
                return Err(invalid(format!(
                    "schema `{}` version {} differs from the one this data directory was written with",
                    version.subject(),
                    version.version
                )));
            }
            None => {
                let id = next;
                next += 1;
                let mut value = id.to_be_bytes().to_vec();
                value.extend_from_slice(version.text.as_bytes());
                batch.insert(&keyspace, key, value);
                id
            }
        };
        ids.insert((version.topic, version.version), id);
    }
    db.write_synced(batch)?;
    Ok(ids)
}
