//! Who waits for which product: an index in memory over the pending actions of all stored states.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use parking_lot::Mutex;
use rep_core::ports::StoreError;
use rep_core::ports::preferences::{WAITING_MAX, Waiting, WaitingPage};
use rep_core::{ProductId, UserId};

use crate::embedded::error::invalid;

#[derive(Default)]
pub(super) struct Waits(Mutex<Index>);

#[derive(Default)]
struct Index {
    pairs: BTreeSet<Waiting>,
    /// The same by shopper, for erasure.
    by_user: BTreeMap<UserId, BTreeSet<ProductId>>,
}

impl Waits {
    /// Whether another pair fits.
    pub(super) fn has_room(&self) -> bool {
        self.0.lock().pairs.len() < WAITING_MAX
    }

    pub(super) fn add<'a>(&self, user: &UserId, products: impl Iterator<Item = &'a ProductId>) {
        let mut products = products.peekable();
        if products.peek().is_none() {
            return;
        }
        let mut index = self.0.lock();
        for product in products {
            index.pairs.insert(Waiting { product_id: product.clone(), user_id: user.clone() });
            index.by_user.entry(user.clone()).or_default().insert(product.clone());
        }
    }

    pub(super) fn remove<'a>(&self, user: &UserId, products: impl Iterator<Item = &'a ProductId>) {
        let mut products = products.peekable();
        if products.peek().is_none() {
            return;
        }
        let mut index = self.0.lock();
        for product in products {
            index.pairs.remove(&Waiting { product_id: product.clone(), user_id: user.clone() });
            if let Some(theirs) = index.by_user.get_mut(user) {
                theirs.remove(product);
                if theirs.is_empty() {
                    index.by_user.remove(user);
                }
            }
        }
    }

    pub(super) fn forget(&self, user: &UserId) {
        let mut index = self.0.lock();
        for product_id in index.by_user.remove(user).unwrap_or_default() {
            index.pairs.remove(&Waiting { product_id, user_id: user.clone() });
        }
    }

    pub(super) fn page(&self, cursor: Option<&str>, limit: usize) -> Result<WaitingPage, StoreError> {
        let index = self.0.lock();
        let from = match cursor {
            Some(cursor) => Bound::Excluded(read_cursor(cursor)?),
            None => Bound::Unbounded,
        };
        let mut rest = index.pairs.range((from, Bound::Unbounded));
        let items: Vec<Waiting> = rest.by_ref().take(limit).cloned().collect();
        let next = items.last().filter(|_| rest.next().is_some());
        let next = next.map(|last| format!("{} {}", last.product_id, last.user_id));
        Ok(WaitingPage { items, next, total: index.pairs.len() })
    }
}

/// The last pair of the page before; ids hold no spaces.
fn read_cursor(cursor: &str) -> Result<Waiting, StoreError> {
    let pair = cursor.split_once(' ').and_then(|(product, user)| {
        Some(Waiting { product_id: ProductId::new(product).ok()?, user_id: UserId::new(user).ok()? })
    });
    pair.ok_or_else(|| invalid(format!("`{cursor}` is not a cursor of what waits")))
}
