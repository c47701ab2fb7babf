//! The catalogue's contract, kept by the embedded store.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use rep_backends::SystemClock;
use rep_backends::embedded::catalog::EmbeddedCatalog;
use rep_backends::embedded::{Db, DbConfig};
use rep_core::ModelId;
use rep_core::contract::catalog::CatalogSubject;
use rep_core::ports::catalog::Catalog;
use tempfile::TempDir;

const DIMENSIONS: usize = 24;

struct Embedded {
    dir: TempDir,
    catalog: Option<Arc<dyn Catalog>>,
}

impl Embedded {
    fn fresh() -> Self {
        let mut subject = Self { dir: TempDir::new().unwrap(), catalog: None };
        subject.open();
        subject
    }

    fn open(&mut self) {
        let db = Db::open(self.dir.path(), DbConfig::default(), Arc::new(SystemClock)).unwrap();
        let model = ModelId::new("contract").unwrap();
        self.catalog = Some(Arc::new(EmbeddedCatalog::open(&db, model, DIMENSIONS).unwrap()));
    }
}

#[async_trait]
impl CatalogSubject for Embedded {
    fn catalog(&self) -> Arc<dyn Catalog> {
        Arc::clone(self.catalog.as_ref().unwrap())
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    async fn reopen(&mut self) {
        self.catalog = None;
        self.open();
    }
}

rep_core::catalog_contract!(Embedded::fresh());
