//! What a product carries of its past.

use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use super::CatalogSubject;
use super::shelf::{Shelf, price};
use crate::{InventoryChange, Product, Timestamp};

/// The product that `steps` of (price, stock) lead to, each an hour after the one before.
fn after(steps: &[(i64, u32)], first: &Product) -> Product {
    let mut now: Option<Product> = None;
    let mut at = Timestamp::from_ms(1_767_268_800_123);
    for (minor, stock) in steps {
        let mut next = Product { price: price(*minor), stock: *stock, ..first.clone() };
        InventoryChange::between(now.as_ref(), &mut next, at);
        at = at.plus(Duration::from_secs(3600));
        now = Some(next);
    }
    now.unwrap()
}

/// A product comes back with its history, and a write leaves nothing of the one before: neither where the text stays, and
/// with it the vector, nor where it is another.
pub async fn a_history_is_kept_and_replaced_whole(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let first = shelf.product(1);
    let id = first.product_id.clone();
    let long = after(&[(100, 9), (90, 0), (80, 5), (70, 2)], &first);
    let short = after(&[(100, 9)], &first);
    let another = Product { description: "Another text.".to_owned(), ..after(&[(60, 0), (50, 0)], &first) };
    assert_eq!((long.history.prices().len(), short.history.prices().len()), (4, 1));
    for product in [&long, &short, &long, &another, &first, &long] {
        catalog.put(vec![product.clone()]).await.unwrap();
        assert_eq!(catalog.get(from_ref(&id)).await.unwrap(), [Some(Arc::new(product.clone()))]);
    }
    drop(catalog);
    subject.reopen().await;
    assert_eq!(subject.catalog().get(from_ref(&id)).await.unwrap(), [Some(Arc::new(long))]);
}
