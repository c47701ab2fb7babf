//! The suite of [`Catalog`].
//!
//! Each test keeps to a category of its own, so that a store may be shared by all of them.
#![expect(clippy::unwrap_used, reason = "a suite is test code: what fails here fails the test")]

mod find;
mod history;
mod shelf;

use std::collections::HashSet;
use std::slice::from_ref;
use std::sync::Arc;

use async_trait::async_trait;

pub use self::find::*;
pub use self::history::*;
use self::shelf::{Shelf, direction, ids, price, word};
use super::support::unique;
use crate::ports::StoreErrorKind;
use crate::ports::catalog::{Catalog, Hit, VectorWrite};
use crate::{Product, ProductFilter, ProductId, UnitVector, stable_hash128};

/// A catalogue that can be shut and opened again.
#[async_trait]
pub trait CatalogSubject: Send {
    /// The catalogue, open.
    fn catalog(&self) -> Arc<dyn Catalog>;

    /// Width of its vectors; at least 8.
    fn dimensions(&self) -> usize;

    /// Drops the catalogue and opens it again on what it kept, as after a restart of the process.
    async fn reopen(&mut self);
}

/// Makes every sentence of the suite a test; `$make` gives a [`CatalogSubject`].
#[macro_export]
macro_rules! catalog_contract {
    ($make:expr) => {
        $crate::contract_tests!(
            catalog,
            $make,
            [
                a_write_is_found_by_every_read_after_it,
                what_was_written_is_there_after_a_restart,
                a_history_is_kept_and_replaced_whole,
                get_follows_the_order_of_its_ids,
                put_gives_what_stood_there_before,
                a_vector_stays_while_the_passage_does,
                another_passage_clears_the_vector,
                a_vector_is_set_for_that_very_passage_only,
                of_writes_for_one_product_in_one_call_the_last_stands,
                another_width_is_refused_as_invalid,
                unembedded_is_in_order_and_bounded,
                a_removed_product_is_gone_from_every_read,
                nearest_is_by_cosine_and_equals_by_id,
                words_find_by_relevance_and_equals_by_id,
                words_find_in_both_languages_and_any_case,
                words_that_nobody_uses_find_nothing,
                filters_are_exact_and_never_shorten_nearest,
                filters_are_exact_and_never_shorten_search_text,
                filters_follow_changes_at_once,
                groups_follow_changes_at_once,
                none_and_too_many_are_answered,
                pages_of_a_list_neither_skip_nor_repeat,
                the_summary_counts_what_is_there,
                readers_see_whole_products_while_they_change,
            ]
        );
    };
}

async fn nearest_ids(
    catalog: &dyn Catalog,
    query: &UnitVector,
    k: usize,
    filter: &ProductFilter,
) -> Vec<ProductId> {
    ids(&catalog.nearest(query, k, filter).await.unwrap())
}

async fn text_ids(catalog: &dyn Catalog, query: &str, k: usize, filter: &ProductFilter) -> Vec<ProductId> {
    ids(&catalog.search_text(query, k, filter).await.unwrap())
}

fn assert_order(hits: &[Hit]) {
    assert!(hits.iter().all(|hit| hit.score.is_finite()));
    for pair in hits.windows(2) {
        let in_order = pair[0].score > pair[1].score
            || (pair[0].score == pair[1].score && pair[0].product.product_id < pair[1].product.product_id);
        assert!(
            in_order,
            "{} {} before {} {}",
            pair[0].product.product_id, pair[0].score, pair[1].product.product_id, pair[1].score
        );
    }
}

/// "A write is durable when it returns, and found by every read of this process that begins after it."
pub async fn a_write_is_found_by_every_read_after_it(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let name = word();
    let product = Product { name: name.clone(), ..shelf.product(1) };
    let id = product.product_id.clone();
    catalog.put(vec![product.clone()]).await.unwrap();
    assert_eq!(catalog.get(from_ref(&id)).await.unwrap(), [Some(Arc::new(product.clone()))]);
    assert_eq!(catalog.vectors(from_ref(&id)).await.unwrap(), [None]);
    assert_eq!(text_ids(&*catalog, &name, 5, &ProductFilter::default()).await, from_ref(&id));
    let page = catalog.list(&shelf.filter(), None, 5).await.unwrap();
    assert_eq!(page.items, [Arc::new(product.clone())]);
    assert!(catalog.unembedded(usize::MAX).await.unwrap().iter().any(|p| p.product_id == id));
    assert!(catalog.nearest(&shelf.vector(1), 5, &shelf.filter()).await.unwrap().is_empty());

    shelf.embed(&*catalog, &product, shelf.vector(1)).await;
    let hits = catalog.nearest(&shelf.vector(1), 5, &shelf.filter()).await.unwrap();
    assert_eq!(*hits[0].product, product);
    assert!((hits[0].score - 1.0).abs() < 1e-3, "{}", hits[0].score);
    let vector = catalog.vectors(&[id]).await.unwrap().remove(0).unwrap();
    assert!(vector.cosine(&shelf.vector(1)) > 0.999);
}

/// "A write is durable when it returns."
pub async fn what_was_written_is_there_after_a_restart(subject: &mut dyn CatalogSubject) {
    let shelf = Shelf::new(subject.dimensions());
    let catalog = subject.catalog();
    let products = shelf.fill(&*catalog, 6).await;
    let changed = Product { stock: 99, ..products[0].clone() };
    let retold = Product { description: "told anew".into(), ..products[1].clone() };
    catalog.put(vec![changed.clone(), retold.clone()]).await.unwrap();
    catalog.remove(&products[2].product_id).await.unwrap();
    let before = catalog.nearest(&shelf.vector(0), 10, &shelf.filter()).await.unwrap();
    let words_before = text_ids(&*catalog, &shelf.word, 10, &shelf.filter()).await;
    drop(catalog);
    subject.reopen().await;
    let catalog = subject.catalog();
    let all: Vec<ProductId> = products.iter().map(|p| p.product_id.clone()).collect();
    let found = catalog.get(&all).await.unwrap();
    assert_eq!(found[..3], [Some(Arc::new(changed)), Some(Arc::new(retold.clone())), None]);
    let vectors = catalog.vectors(&all).await.unwrap();
    assert!(vectors[0].is_some());
    assert_eq!(vectors[1..3], [None, None]);
    let after = catalog.nearest(&shelf.vector(0), 10, &shelf.filter()).await.unwrap();
    assert_eq!(ids(&after), ids(&before));
    assert_eq!(after.len(), 4);
    assert_eq!(text_ids(&*catalog, &shelf.word, 10, &shelf.filter()).await, words_before);
    let unembedded = catalog.unembedded(usize::MAX).await.unwrap();
    let ours: Vec<_> = unembedded.iter().filter(|p| p.category == shelf.category).collect();
    assert_eq!(ours, [&Arc::new(retold)]);
}

/// "The products of `ids`, in their order; `None` for what is not there", and their vectors.
pub async fn get_follows_the_order_of_its_ids(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let products = shelf.fill(&*catalog, 3).await;
    let nobody = ProductId::new(unique("nobody")).unwrap();
    let asked = [&products[2].product_id, &nobody, &products[0].product_id, &products[2].product_id];
    let asked = asked.map(Clone::clone);
    let found = catalog.get(&asked).await.unwrap();
    let found: Vec<_> = found.iter().map(Option::as_deref).collect();
    assert_eq!(found, [Some(&products[2]), None, Some(&products[0]), Some(&products[2])]);
    let vectors = catalog.vectors(&asked).await.unwrap();
    let near = |at: usize, n| vectors[at].as_ref().is_some_and(|v| v.cosine(&shelf.vector(n)) > 0.999);
    assert!(near(0, 2) && vectors[1].is_none() && near(2, 0) && near(3, 2));
    assert!(catalog.get(&[]).await.unwrap().is_empty());
    assert!(catalog.vectors(&[]).await.unwrap().is_empty());
}

/// "Creates or replaces products; gives for each what stood there before."
pub async fn put_gives_what_stood_there_before(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let (first, other) = (shelf.product(1), shelf.product(2));
    let second = Product { stock: 7, ..first.clone() };
    let third = Product { stock: 8, ..first.clone() };
    assert_eq!(catalog.put(vec![first.clone()]).await.unwrap(), [None]);
    let before = catalog.put(vec![second.clone(), other.clone(), third.clone()]).await.unwrap();
    assert_eq!(before, [Some(Arc::new(first)), None, Some(Arc::new(second))]);
    assert_eq!(catalog.get(from_ref(&third.product_id)).await.unwrap(), [Some(Arc::new(third))]);
    assert!(catalog.put(Vec::new()).await.unwrap().is_empty());
}

/// "A product keeps its vector while `Product::passage` stays the same."
pub async fn a_vector_stays_while_the_passage_does(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let product = shelf.fill(&*catalog, 1).await.remove(0);
    let changed = Product {
        price: price(4321),
        stock: 0,
        image_url: Some("/other.jpg".into()),
        attributes: [("colour".to_owned(), "blue".to_owned())].into(),
        ..product.clone()
    };
    catalog.put(vec![changed.clone()]).await.unwrap();
    let hits = catalog.nearest(&shelf.vector(0), 1, &shelf.filter()).await.unwrap();
    assert_eq!(*hits[0].product, changed);
    assert!(catalog.vectors(&[changed.product_id]).await.unwrap()[0].is_some());
}

/// "Another text clears it, and until a new one is set the product is found by words and by popularity
/// alone."
pub async fn another_passage_clears_the_vector(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let product = shelf.fill(&*catalog, 1).await.remove(0);
    let retold = Product { description: "something else".into(), ..product.clone() };
    catalog.put(vec![retold.clone()]).await.unwrap();
    let found = catalog.nearest(&shelf.vector(0), 1, &shelf.filter()).await.unwrap();
    assert!(found.is_empty());
    assert_eq!(catalog.vectors(from_ref(&product.product_id)).await.unwrap(), [None]);
    assert_eq!(text_ids(&*catalog, &shelf.word, 1, &shelf.filter()).await, from_ref(&product.product_id));
    assert!(catalog.unembedded(usize::MAX).await.unwrap().contains(&Arc::new(retold.clone())));
    // Back to the old text: its vector is not remembered.
    let twice = vec![product.clone(), retold.clone(), product.clone()];
    catalog.put(twice).await.unwrap();
    assert!(catalog.nearest(&shelf.vector(0), 1, &shelf.filter()).await.unwrap().is_empty());
    shelf.embed(&*catalog, &product, shelf.vector(3)).await;
    // Nor does a vector outlive a text that was there only within one call.
    catalog.put(vec![retold, product.clone()]).await.unwrap();
    assert!(catalog.nearest(&shelf.vector(3), 1, &shelf.filter()).await.unwrap().is_empty());
    drop(catalog);
    subject.reopen().await;
    let catalog = subject.catalog();
    assert!(catalog.nearest(&shelf.vector(3), 1, &shelf.filter()).await.unwrap().is_empty());
}

/// "Gives for each whether the product is there with that very passage: if not, nothing was set for it."
pub async fn a_vector_is_set_for_that_very_passage_only(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let (fits, retold, nobody) = (shelf.product(1), shelf.product(2), shelf.product(3));
    catalog.put(vec![fits.clone(), retold.clone()]).await.unwrap();
    let stale = Product { name: "as it was before".into(), ..retold.clone() };
    let writes =
        [(&fits, &fits), (&retold, &stale), (&nobody, &nobody)].map(|(product, embedded)| VectorWrite {
            product_id: product.product_id.clone(),
            passage_hash: stable_hash128(embedded.passage().as_bytes()),
            vector: shelf.vector(1),
        });
    assert_eq!(catalog.set_vectors(writes.to_vec()).await.unwrap(), [true, false, false]);
    assert_eq!(nearest_ids(&*catalog, &shelf.vector(1), 5, &shelf.filter()).await, [fits.product_id]);
    let asked = [retold.product_id, nobody.product_id];
    assert_eq!(catalog.vectors(&asked).await.unwrap(), [None, None]);
    assert!(catalog.get(&asked).await.unwrap()[1].is_none());
}

/// Outcomes and effects of one call are those of its writes one after another.
pub async fn of_writes_for_one_product_in_one_call_the_last_stands(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let product = shelf.product(1);
    catalog.put(vec![product.clone()]).await.unwrap();
    let write = |vector| VectorWrite {
        product_id: product.product_id.clone(),
        passage_hash: stable_hash128(product.passage().as_bytes()),
        vector,
    };
    let unfit = VectorWrite { passage_hash: 1, ..write(shelf.vector(3)) };
    let writes = vec![write(shelf.vector(1)), write(shelf.vector(2)), unfit];
    assert_eq!(catalog.set_vectors(writes).await.unwrap(), [true, true, false]);
    drop(catalog);
    subject.reopen().await;
    let hits = subject.catalog().nearest(&shelf.vector(2), 5, &shelf.filter()).await.unwrap();
    assert_eq!(hits.len(), 1);
    assert!(hits[0].score > 0.999);
}

/// "Vectors are of one model and width; another width is refused as invalid."
pub async fn another_width_is_refused_as_invalid(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let (fits, wide) = (shelf.product(1), shelf.product(2));
    catalog.put(vec![fits.clone(), wide.clone()]).await.unwrap();
    let other = direction(1, subject.dimensions() + 1);
    let write = |product: &Product, vector: &UnitVector| VectorWrite {
        product_id: product.product_id.clone(),
        passage_hash: stable_hash128(product.passage().as_bytes()),
        vector: vector.clone(),
    };
    let refused = catalog.set_vectors(vec![write(&fits, &shelf.vector(1)), write(&wide, &other)]).await;
    assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Invalid);
    assert_eq!(catalog.vectors(&[wide.product_id]).await.unwrap(), [None]);
    let refused = catalog.nearest(&other, 1, &shelf.filter()).await;
    assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Invalid);
}

/// "Up to `limit` products without a vector, in order of their ids."
pub async fn unembedded_is_in_order_and_bounded(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let mut products: Vec<Product> = (0..5).map(|i| shelf.product(i)).collect();
    products.reverse();
    catalog.put(products.clone()).await.unwrap();
    shelf.embed(&*catalog, &products[1], shelf.vector(1)).await;
    let all = catalog.unembedded(usize::MAX).await.unwrap();
    assert!(all.is_sorted_by(|a, b| a.product_id < b.product_id));
    let ours = all.iter().filter(|p| p.category == shelf.category).count();
    assert_eq!(ours, 4);
    assert_eq!(catalog.unembedded(2).await.unwrap().len(), 2);
    assert!(catalog.unembedded(0).await.unwrap().is_empty());
}

/// "Removes a product; gives what stood there."
pub async fn a_removed_product_is_gone_from_every_read(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let products = shelf.fill(&*catalog, 2).await;
    let (gone, stays) = (&products[0], &products[1]);
    let removed = catalog.remove(&gone.product_id).await.unwrap();
    assert_eq!(removed.as_deref(), Some(gone));
    assert_eq!(catalog.remove(&gone.product_id).await.unwrap(), None);
    assert!(catalog.get(from_ref(&gone.product_id)).await.unwrap()[0].is_none());
    assert!(catalog.vectors(from_ref(&gone.product_id)).await.unwrap()[0].is_none());
    let left = [stays.product_id.clone()];
    assert_eq!(nearest_ids(&*catalog, &shelf.vector(0), 5, &shelf.filter()).await, left);
    assert_eq!(text_ids(&*catalog, &shelf.word, 5, &shelf.filter()).await, left);
    assert_eq!(catalog.list(&shelf.filter(), None, 5).await.unwrap().items.len(), 1);
    // Put again it is a new product: without a vector.
    catalog.put(vec![gone.clone()]).await.unwrap();
    assert_eq!(nearest_ids(&*catalog, &shelf.vector(0), 5, &shelf.filter()).await, left);
    drop(catalog);
    subject.reopen().await;
    assert_eq!(nearest_ids(&*subject.catalog(), &shelf.vector(0), 5, &shelf.filter()).await, left);
}

/// No results asked for, more than there are, and a category that nobody uses.
pub async fn none_and_too_many_are_answered(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    shelf.fill(&*catalog, 3).await;
    let nowhere = ProductFilter { category: Some(unique("nowhere")), ..Default::default() };
    for (filter, k, expected) in [(shelf.filter(), 0, 0), (shelf.filter(), 5000, 3), (nowhere, 5, 0)] {
        assert_eq!(nearest_ids(&*catalog, &shelf.vector(1), k, &filter).await.len(), expected);
        assert_eq!(text_ids(&*catalog, &shelf.word, k, &filter).await.len(), expected);
    }
}

/// "Up to `limit` products after `after`, in order of their ids."
pub async fn pages_of_a_list_neither_skip_nor_repeat(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let products = shelf.fill(&*catalog, 25).await;
    for filter in shelf.filters(&products) {
        let mut expected: Vec<&Product> = products.iter().filter(|p| filter.admits(p)).collect();
        expected.sort_by(|a, b| a.product_id.cmp(&b.product_id));
        for limit in [1, 5, 24, 25, 26] {
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let page = catalog.list(&filter, after.as_ref(), limit).await.unwrap();
                assert!(page.items.len() <= limit);
                found.extend(page.items);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found.iter().map(|p| &**p).collect::<Vec<_>>(), expected);
        }
    }
    // It goes on after an id that is not there (any more).
    let gone = &products[10].product_id;
    catalog.remove(gone).await.unwrap();
    let page = catalog.list(&shelf.filter(), Some(gone), 100).await.unwrap();
    assert_eq!(page.items.len(), products.iter().filter(|p| p.product_id > *gone).count());
    assert!(page.next.is_none());
}

/// "Counts."
pub async fn the_summary_counts_what_is_there(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let products = shelf.fill(&*catalog, 4).await;
    catalog.put(vec![shelf.product(4), shelf.product(5)]).await.unwrap();
    catalog.remove(&products[0].product_id).await.unwrap();
    let moved = Product { category: unique("moved"), ..products[1].clone() };
    catalog.put(vec![moved.clone()]).await.unwrap();
    let summary = catalog.summary().await.unwrap();
    assert!(summary.total >= 5);
    assert!(summary.embedded >= 2);
    assert!(summary.embedded <= summary.total);
    assert!(summary.categories.is_sorted_by(|a, b| a.0 < b.0));
    let count =
        |category: &str| summary.categories.iter().find(|(name, _)| name == category).map(|(_, n)| *n);
    assert_eq!(count(&shelf.category), Some(4));
    assert_eq!(count(&moved.category), Some(1));
    assert!(summary.categories.iter().all(|(_, count)| *count > 0));
}

/// While a product changes, each answer shows it as it stood at one time, and none breaks its filter.
pub async fn readers_see_whole_products_while_they_change(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let products = shelf.fill(&*catalog, 20).await;
    let writer = {
        let catalog = Arc::clone(&catalog);
        let products = products.clone();
        tokio::spawn(async move {
            for round in 0..30_u32 {
                // Price and stock move together: dear is sold out, cheap is not.
                let (minor, stock) = if round % 2 == 0 { (900, 0) } else { (100, 3) };
                let changed = products[..10].iter();
                let changed = changed.map(|p| Product { price: price(minor), stock, ..p.clone() }).collect();
                catalog.put(changed).await.unwrap();
            }
        })
    };
    let in_stock = ProductFilter { in_stock: true, ..shelf.filter() };
    let known: HashSet<ProductId> = products.iter().map(|p| p.product_id.clone()).collect();
    let steady = products[10..].iter().filter(|product| in_stock.admits(product)).count();
    while !writer.is_finished() {
        let hits = catalog.nearest(&shelf.vector(1), 20, &in_stock).await.unwrap();
        assert!(hits.len() >= steady, "{} of {steady}", hits.len());
        assert!(hits.iter().all(|hit| hit.product.stock > 0 && known.contains(&hit.product.product_id)));
        assert_eq!(hits.iter().map(|hit| &hit.product.product_id).collect::<HashSet<_>>().len(), hits.len());
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}
