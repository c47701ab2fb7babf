//! Products that the traffic must not name, since the shop does not have them.

use std::collections::HashSet;
use std::sync::Arc;

use rep_core::ProductId;

use super::{Parts, SimulatorError};
use crate::catalogue::Catalogue;

/// Products asked for at once.
const ASK: usize = 1_000;

/// Ids of the catalogue that the shop does not have; cheap to clone.
pub(super) type Absent = Arc<HashSet<ProductId>>;

/// Asks the shop for every product of the catalogue; refuses a shop that has none of them.
pub(super) async fn find(parts: &Parts) -> Result<Absent, SimulatorError> {
    let products = parts.catalogue.len();
    let mut absent = HashSet::new();
    for begin in (0..products).step_by(ASK) {
        let end = begin.saturating_add(ASK as u32).min(products);
        let ids: Vec<ProductId> = (begin..end).map(Catalogue::id).collect();
        let has = parts.shop.has(&ids).await.map_err(SimulatorError::Shop)?;
        absent.extend(ids.into_iter().zip(has).filter_map(|(id, has)| (!has).then_some(id)));
    }
    if absent.len() == products as usize {
        return Err(SimulatorError::Stranger(products));
    }
    if !absent.is_empty() {
        tracing::info!(
            absent = absent.len(),
            products,
            "simulated traffic leaves out products the shop lacks"
        );
    }
    Ok(Arc::new(absent))
}
