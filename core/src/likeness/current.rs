//! The scale in use, shared by those who compare and the one who measures.

use std::sync::{Arc, PoisonError, RwLock};

use super::LikenessScale;

/// The scale in use; cheap to clone, `None` until it was measured.
#[derive(Clone, Debug, Default)]
pub struct CurrentScale(Arc<RwLock<Option<Arc<LikenessScale>>>>);

impl CurrentScale {
    /// The scale as it stands.
    pub fn get(&self) -> Option<Arc<LikenessScale>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the scale, for all clones.
    pub fn set(&self, scale: Option<LikenessScale>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = scale.map(Arc::new);
    }
}
