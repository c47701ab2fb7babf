//! What shoppers see first: what is popular, which is also what they act on, and the first products of the catalogue
//! and of each category.
//!
//! It is read off the stores, so that it is the same in one process and in many: nobody has to say what was shown.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rep_core::ports::catalog::Catalog;
use rep_core::ports::embedder::Urgency;
use rep_core::ports::popularity::Popularity;
use rep_core::ports::{StoreError, one_each};
use rep_core::{Product, ProductFilter, ProductId};
use tokio::time::Instant;

use crate::RoleContext;

/// Popular products that are looked at: as many as recommendations choose from.
const POPULAR_MAX: usize = 200;
/// Products of a first page: as many as the dashboard's shop shows.
const PAGE: usize = 48;
/// Categories whose first page is looked at, and products of each.
const CATEGORIES_MAX: usize = 50;
const CATEGORY_PAGE: usize = 24;
/// First pages change with the catalogue alone, and cost a request for each category.
const PAGES_INTERVAL: Duration = Duration::from_secs(10);

/// Finds what is seen first and has no vector.
pub(super) struct Seen {
    context: RoleContext,
    catalog: Arc<dyn Catalog>,
    popularity: Option<Arc<dyn Popularity>>,
    interval: Duration,
    looked_at: Option<Instant>,
    /// The first pages, and when they were read.
    pages: Option<(Instant, Vec<Arc<Product>>)>,
}

impl Seen {
    pub(super) fn new(
        context: RoleContext,
        catalog: Arc<dyn Catalog>,
        popularity: Option<Arc<dyn Popularity>>,
        interval: Duration,
    ) -> Self {
        Self { context, catalog, popularity, interval, looked_at: None, pages: None }
    }

    /// Up to `limit` products that are seen first and have no vector, and how urgent they are: what is popular and on the
    /// first page before all, as if somebody waited for it, then the first of each category. None if it was just
    /// looked and these were all.
    pub(super) async fn unembedded(
        &mut self,
        limit: usize,
    ) -> Result<(Vec<Arc<Product>>, Urgency), StoreError> {
        let Some(popularity) = self.popularity.clone() else { return Ok((Vec::new(), Urgency::Backlog)) };
        if self.looked_at.is_some_and(|at| at.elapsed() < self.interval) {
            return Ok((Vec::new(), Urgency::Backlog));
        }
        let top = self.context.bounded(popularity.top(POPULAR_MAX, self.context.now())).await?;
        let ids: Vec<ProductId> = top.into_iter().map(|(id, _)| id).collect();
        let popular = one_each(ids.len(), self.context.bounded(self.catalog.get(&ids)).await?)?;
        let mut products: Vec<Arc<Product>> = popular.into_iter().flatten().collect();
        let urgent = products.len() + PAGE;
        products.extend(self.first_pages().await?);
        let urgent: HashSet<ProductId> =
            products.iter().take(urgent).map(|product| product.product_id.clone()).collect();
        let mut seen = HashSet::new();
        products.retain(|product| seen.insert(product.product_id.clone()));
        let ids: Vec<ProductId> = products.iter().map(|product| product.product_id.clone()).collect();
        let vectors = one_each(ids.len(), self.context.bounded(self.catalog.vectors(&ids)).await?)?;
        let bare = products.into_iter().zip(vectors).filter(|(_, vector)| vector.is_none());
        let mut bare: Vec<Arc<Product>> = bare.map(|(product, _)| product).collect();
        self.looked_at = (bare.len() <= limit).then(Instant::now);
        let is_urgent = |product: &Arc<Product>| urgent.contains(&product.product_id);
        let urgency = if bare.first().is_some_and(is_urgent) {
            bare.retain(is_urgent);
            self.looked_at = None;
            Urgency::Urgent
        } else {
            Urgency::Backlog
        };
        bare.truncate(limit);
        Ok((bare, urgency))
    }

    async fn first_pages(&mut self) -> Result<Vec<Arc<Product>>, StoreError> {
        if let Some((read_at, pages)) = &self.pages
            && read_at.elapsed() < PAGES_INTERVAL
        {
            return Ok(pages.clone());
        }
        let mut products = self.first_of(&ProductFilter::default(), PAGE).await?;
        let categories = self.context.bounded(self.catalog.summary()).await?.categories;
        for (category, _) in categories.into_iter().take(CATEGORIES_MAX) {
            let filter = ProductFilter { category: Some(category), ..ProductFilter::default() };
            products.extend(self.first_of(&filter, CATEGORY_PAGE).await?);
        }
        self.pages = Some((Instant::now(), products.clone()));
        Ok(products)
    }

    async fn first_of(&self, filter: &ProductFilter, limit: usize) -> Result<Vec<Arc<Product>>, StoreError> {
        Ok(self.context.bounded(self.catalog.list(filter, None, limit)).await?.items)
    }
}
