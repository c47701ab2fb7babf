//! Filling the index of another model from the one in use.

use rep_core::ProductFilter;
use rep_core::ports::StoreError;
use rep_core::ports::catalog::Catalog;

use super::ElasticsearchCatalog;

/// What a copy did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyReport {
    /// Products of this catalogue that were compared.
    pub compared: usize,
    /// Products written, because they were missing or another.
    pub written: usize,
    /// Products removed, because they are gone here.
    pub removed: usize,
}

impl ElasticsearchCatalog {
    /// Makes the products of `target` those of this catalogue, without vectors, which are of another model; products
    /// that are the same there already keep theirs.
    ///
    /// Idempotent: called again it only carries over what changed since, so that a model is changed by copying,
    /// embedding what `target` says is unembedded, copying once more, and switching the alias
    /// ([`Indices::switch`](crate::elasticsearch::Indices::switch)). `progress` is told of every page.
    pub async fn copy_to(
        &self,
        target: &Self,
        progress: &mut (dyn FnMut(&CopyReport) + Send),
    ) -> Result<CopyReport, StoreError> {
        const PAGE: usize = 250;
        // What others wrote until now is to be seen, not only what this process did.
        self.client.refresh(&self.index).await?;
        let everything = ProductFilter::default();
        let mut report = CopyReport::default();
        let mut after = None;
        loop {
            let page = self.list(&everything, after.as_ref(), PAGE).await?;
            let ids: Vec<_> = page.items.iter().map(|product| product.product_id.clone()).collect();
            let there = target.get(&ids).await?;
            let differ =
                page.items.iter().zip(there).filter(|(product, there)| there.as_ref() != Some(*product));
            let differ: Vec<_> = differ.map(|(product, _)| (**product).clone()).collect();
            let written = differ.len();
            target.put(differ).await?;
            report.written += written;
            report.compared += page.items.len();
            progress(&report);
            let Some(next) = page.next else { break };
            after = Some(next);
        }
        let mut after = None;
        loop {
            let page = target.list(&everything, after.as_ref(), PAGE).await?;
            let ids: Vec<_> = page.items.iter().map(|product| product.product_id.clone()).collect();
            for (id, here) in ids.iter().zip(self.get(&ids).await?) {
                if here.is_none() {
                    report.removed += usize::from(target.remove(id).await?.is_some());
                }
            }
            let Some(next) = page.next else { break };
            after = Some(next);
        }
        Ok(report)
    }
}
