//! The doubles of catalogue and inboxes.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::catalog::{Catalog, CatalogSummary, Hit, ProductPage, VectorWrite};
use rep_core::ports::notifications::{
    Delivery, DeliveryOutcome, InboxItem, InboxPage, Notifications, Replay,
};
use rep_core::{
    Notification, NotificationId, NotificationSettings, Product, ProductFilter, ProductId, Timestamp,
    UnitVector, UserId, stable_hash128,
};
use tokio::sync::broadcast;

use super::stores::{KeptProduct, MemoryStores};

#[async_trait]
impl Catalog for MemoryStores {
    async fn get(&self, ids: &[ProductId]) -> Result<Vec<Option<Arc<Product>>>, StoreError> {
        self.faults.enter("get").await?;
        let state = self.state.lock();
        let get = |id: &ProductId| {
            assert!(!state.cursed.contains(id), "product `{id}` is cursed");
            state.products.get(id).map(|kept| Arc::clone(&kept.product))
        };
        Ok(ids.iter().map(get).collect())
    }

    async fn vectors(&self, ids: &[ProductId]) -> Result<Vec<Option<UnitVector>>, StoreError> {
        self.faults.enter("vectors").await?;
        let state = self.state.lock();
        let vector = |id: &ProductId| {
            assert!(!state.cursed.contains(id), "product `{id}` is cursed");
            state.products.get(id)?.vector.clone()
        };
        Ok(ids.iter().map(vector).collect())
    }

    async fn put(&self, products: Vec<Product>) -> Result<Vec<Option<Arc<Product>>>, StoreError> {
        let mut state = self.state.lock();
        let mut put = |product: Product| {
            let entry = KeptProduct { product: Arc::new(product), vector: None };
            state.products.insert(entry.product.product_id.clone(), entry).map(|old| old.product)
        };
        Ok(products.into_iter().map(&mut put).collect())
    }

    async fn set_vectors(&self, writes: Vec<VectorWrite>) -> Result<Vec<bool>, StoreError> {
        self.faults.enter("set_vectors").await?;
        let mut state = self.state.lock();
        let mut set = |write: VectorWrite| match state.products.get_mut(&write.product_id) {
            Some(entry) if stable_hash128(entry.product.passage().as_bytes()) == write.passage_hash => {
                entry.vector = Some(write.vector);
                true
            }
            _ => false,
        };
        Ok(writes.into_iter().map(&mut set).collect())
    }

    async fn unembedded(&self, limit: usize) -> Result<Vec<Arc<Product>>, StoreError> {
        self.faults.enter("unembedded").await?;
        let state = self.state.lock();
        let bare = state.products.values().filter(|entry| entry.vector.is_none());
        Ok(bare.take(limit).map(|entry| Arc::clone(&entry.product)).collect())
    }

    async fn remove(&self, _: &ProductId) -> Result<Option<Arc<Product>>, StoreError> {
        Ok(None)
    }

    async fn nearest(&self, _: &UnitVector, _: usize, _: &ProductFilter) -> Result<Vec<Hit>, StoreError> {
        Ok(Vec::new())
    }

    async fn search_text(&self, _: &str, _: usize, _: &ProductFilter) -> Result<Vec<Hit>, StoreError> {
        Ok(Vec::new())
    }

    async fn list(
        &self,
        filter: &ProductFilter,
        _: Option<&ProductId>,
        limit: usize,
    ) -> Result<ProductPage, StoreError> {
        let state = self.state.lock();
        let admitted = state.products.values().filter(|entry| filter.admits(&entry.product));
        let items = admitted.take(limit).map(|entry| Arc::clone(&entry.product)).collect();
        Ok(ProductPage { items, next: None })
    }

    async fn summary(&self) -> Result<CatalogSummary, StoreError> {
        let state = self.state.lock();
        let embedded = state.products.values().filter(|entry| entry.vector.is_some()).count();
        let mut categories: BTreeMap<String, usize> = BTreeMap::new();
        for entry in state.products.values() {
            *categories.entry(entry.product.category.clone()).or_default() += 1;
        }
        let categories = categories.into_iter().collect();
        Ok(CatalogSummary { total: state.products.len(), embedded, categories })
    }
}

#[async_trait]
impl Notifications for MemoryStores {
    async fn deliver(&self, deliveries: Vec<Delivery>) -> Result<Vec<DeliveryOutcome>, StoreError> {
        self.faults.enter("deliver").await?;
        let outcomes = {
            let mut state = self.state.lock();
            let mut deliver = |delivery: Delivery| {
                let user = delivery.notification.user_id.clone();
                let id = &delivery.notification.notification_id;
                let is_known = |known: &Notification| known.user_id == user && known.notification_id == *id;
                if state.unlisted.iter().any(|unlisted| is_known(&unlisted.notification)) {
                    return DeliveryOutcome::Duplicate;
                }
                let inbox = state.inboxes.entry(user.clone()).or_default();
                if inbox.iter().any(|item| is_known(&item.notification)) {
                    return DeliveryOutcome::Duplicate;
                }
                if !delivery.is_in_app() {
                    state.unlisted.push(delivery);
                    return DeliveryOutcome::Unlisted;
                }
                let item = InboxItem {
                    sequence: inbox.len() as u64 + 1,
                    delivered_at: delivery.at,
                    channels: delivery.channels,
                    notification: delivery.notification,
                    read_at: None,
                };
                inbox.push(item.clone());
                DeliveryOutcome::Delivered(item)
            };
            deliveries.into_iter().map(&mut deliver).collect()
        };
        self.faults.leave().await;
        Ok(outcomes)
    }

    async fn inbox(&self, user: &UserId, _: Option<u64>, limit: usize) -> Result<InboxPage, StoreError> {
        self.faults.enter("inbox").await?;
        let state = self.state.lock();
        let items = state.inboxes.get(user).map_or(&[][..], |inbox| &inbox[..]);
        Ok(InboxPage { items: items.iter().rev().take(limit).cloned().collect(), unread: 0, next: None })
    }

    async fn recent(&self, user: &UserId, limit: usize) -> Result<Vec<Delivery>, StoreError> {
        self.faults.enter("recent").await?;
        let state = self.state.lock();
        let listed = state.inboxes.get(user).map_or(&[][..], |inbox| &inbox[..]);
        let unlisted = state.unlisted.iter().filter(|unlisted| unlisted.notification.user_id == *user);
        let mut all: Vec<Delivery> =
            listed.iter().cloned().map(Delivery::from).chain(unlisted.cloned()).collect();
        all.sort_by_key(|delivery| std::cmp::Reverse(delivery.at));
        all.truncate(limit);
        Ok(all)
    }

    async fn replay(&self, _: &UserId, _: u64, _: usize) -> Result<Replay, StoreError> {
        Ok(Replay { items: Vec::new(), gap: false })
    }

    async fn mark_read(
        &self,
        _: &UserId,
        _: &NotificationId,
        _: Timestamp,
    ) -> Result<Option<InboxItem>, StoreError> {
        Ok(None)
    }

    async fn settings(&self, user: &UserId) -> Result<NotificationSettings, StoreError> {
        self.faults.enter("settings").await?;
        Ok(self.state.lock().settings.get(user).cloned().unwrap_or_default())
    }

    async fn put_settings(&self, user: &UserId, settings: NotificationSettings) -> Result<(), StoreError> {
        self.state.lock().settings.insert(user.clone(), settings);
        Ok(())
    }

    async fn erase(&self, _: &UserId) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn subscribe(&self, _: &UserId) -> broadcast::Receiver<InboxItem> {
        broadcast::channel(1).1
    }
}
