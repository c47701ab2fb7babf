//! Of the suite of [`Catalog`](crate::ports::catalog::Catalog): what is found by vector, by words and through filters.

use std::slice::from_ref;

use super::shelf::{Shelf, direction, ids, price, word};
use super::{CatalogSubject, assert_order, nearest_ids, text_ids};
use crate::contract::support::unique;
use crate::ports::catalog::Catalog;
use crate::vector::dot;
use crate::{Currency, GroupId, Money, PriceRange, Product, ProductFilter, ProductId, stable_hash128};

/// "The `k` products nearest to `vector` by cosine, nearest first; equals in order of their ids."
pub async fn nearest_is_by_cosine_and_equals_by_id(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let products = shelf.fill(&*catalog, 60).await;
    // Twenty that are equally near, put in no order of their ids.
    let mut equals: Vec<Product> = (60..80).map(|i| shelf.product(i)).collect();
    equals.sort_by_key(|product| stable_hash128(product.product_id.as_str().as_bytes()));
    catalog.put(equals.clone()).await.unwrap();
    for product in &equals {
        shelf.embed(&*catalog, product, shelf.vector(999)).await;
    }
    for query in [shelf.vector(7), direction(4242, subject.dimensions()), shelf.vector(999)] {
        let hits = catalog.nearest(&query, 30, &shelf.filter()).await.unwrap();
        assert_order(&hits);
        let cosine = |i: usize| query.cosine(&shelf.vector(if i < 60 { i as u64 } else { 999 }));
        let mut expected: Vec<(f32, &ProductId)> =
            products.iter().enumerate().map(|(i, p)| (cosine(i), &p.product_id)).collect();
        expected.extend(equals.iter().map(|p| (cosine(60), &p.product_id)));
        expected.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        assert_eq!(hits.len(), 30);
        for (hit, (cosine, id)) in hits.iter().zip(expected) {
            assert!((hit.score - cosine).abs() < 2e-3, "{} {cosine}", hit.score);
            assert_eq!(hit.product.product_id, *id);
        }
    }
}

/// "The `k` products that match the words of `query` best, best first; equals in order of their ids."
pub async fn words_find_by_relevance_and_equals_by_id(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let (common, rare) = (word(), word());
    let named = |i, name: String| Product { name, ..shelf.product(i) };
    let mut products: Vec<Product> = (0..8).map(|i| named(i, format!("{common} thing"))).collect();
    products.push(named(8, format!("{common} {rare}")));
    products.reverse();
    catalog.put(products).await.unwrap();
    let hits = catalog.search_text(&format!("{rare} {common} "), 5, &shelf.filter()).await.unwrap();
    assert_order(&hits);
    let expected: Vec<ProductId> = [8, 0, 1, 2, 3].map(|i| shelf.id(i)).into();
    assert_eq!(ids(&hits), expected);
    assert!(hits[0].score > hits[1].score);
    assert_eq!(text_ids(&*catalog, &rare, 5, &shelf.filter()).await, [shelf.id(8)]);
}

/// Name, category, brand, attributes and descriptions are searched, in English and Korean.
pub async fn words_find_in_both_languages_and_any_case(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let product = Product {
        name: "Wireless Headphones".into(),
        name_ko: Some("무선 헤드폰".into()),
        brand: Some("Aurora".into()),
        description: "Quiet rooms, anywhere.".into(),
        description_ko: Some("조용한 방을 어디서나".into()),
        attributes: [("colour".to_owned(), "Crimson".to_owned())].into(),
        ..shelf.product(1)
    };
    catalog.put(vec![product.clone()]).await.unwrap();
    for query in [
        "wireless",
        "WIRELESS headphones",
        "headphone",
        "무선",
        "헤드폰",
        "aurora",
        "quiet",
        "어디서나",
        "crimson",
        "sofa, crimson?",
    ] {
        let found = text_ids(&*catalog, query, 3, &shelf.filter()).await;
        assert_eq!(found, from_ref(&product.product_id), "`{query}`");
    }
    assert_eq!(text_ids(&*catalog, &shelf.category, 3, &shelf.filter()).await, [product.product_id]);
}

/// What shares no word with the query is not found, and odd queries are no error.
pub async fn words_that_nobody_uses_find_nothing(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    shelf.fill(&*catalog, 2).await;
    for query in [word().as_str(), "", "   ", "\"", "AND OR (", "*:*", "\u{0}", "💥"] {
        let found = text_ids(&*catalog, query, 3, &shelf.filter()).await;
        assert!(found.is_empty(), "`{query}` found {found:?}");
    }
}

/// "Filters are exact, and never shorten a result."
pub async fn filters_are_exact_and_never_shorten_nearest(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let products = shelf.fill(&*catalog, 120).await;
    let query = direction(77, subject.dimensions());
    for filter in shelf.filters(&products) {
        for k in [1, 10, 200] {
            let hits = catalog.nearest(&query, k, &filter).await.unwrap();
            let mut expected: Vec<(f32, &ProductId)> = products
                .iter()
                .zip(0..)
                .filter(|(product, _)| filter.admits(product))
                .map(|(p, i)| (dot(query.as_slice(), shelf.vector(i).as_slice()), &p.product_id))
                .collect();
            expected.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
            expected.truncate(k);
            assert_eq!(
                ids(&hits).iter().collect::<Vec<_>>(),
                expected.iter().map(|e| e.1).collect::<Vec<_>>()
            );
            assert_order(&hits);
        }
    }
}

/// "`search_text` returns `k` hits while `k` eligible products exist that share a word with the query."
pub async fn filters_are_exact_and_never_shorten_search_text(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let products = shelf.fill(&*catalog, 120).await;
    for filter in shelf.filters(&products) {
        for k in [1, 10, 200] {
            let hits = catalog.search_text(&shelf.word, k, &filter).await.unwrap();
            let eligible = products.iter().filter(|product| filter.admits(product)).count();
            assert_eq!(hits.len(), eligible.min(k));
            assert!(hits.iter().all(|hit| filter.admits(&hit.product)));
            assert_order(&hits);
        }
    }
}

/// Filters see a product as it stands now.
pub async fn filters_follow_changes_at_once(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let product = shelf.fill(&*catalog, 1).await.remove(0);
    let cheap = ProductFilter {
        price: Some(PriceRange::up_to(500, Currency::EUR)),
        in_stock: true,
        ..shelf.filter()
    };
    let states = [
        (price(1000), 5, false),
        (price(500), 5, true),
        (price(500), 0, false),
        (price(400), 1, true),
        (Money::from_minor(400, Currency::KRW).unwrap(), 1, false),
        // Of an earlier release, which took any three letters.
        (Money::from_minor(400, Currency::recorded("ABC").unwrap()).unwrap(), 1, false),
        (price(0), 1, true),
        (price(501), 1, false),
    ];
    for (price, stock, passes) in states {
        catalog.put(vec![Product { price, stock, ..product.clone() }]).await.unwrap();
        let found = usize::from(passes);
        assert_eq!(nearest_ids(&*catalog, &shelf.vector(0), 3, &cheap).await.len(), found);
        assert_eq!(text_ids(&*catalog, &shelf.word, 3, &cheap).await.len(), found);
        assert_eq!(catalog.list(&cheap, None, 3).await.unwrap().items.len(), found);
        let in_its_own = ProductFilter {
            price: Some(PriceRange {
                min_minor: Some(price.minor()),
                ..PriceRange::up_to(price.minor(), price.currency())
            }),
            ..shelf.filter()
        };
        let page = catalog.list(&in_its_own, None, 3).await.unwrap();
        assert_eq!(page.items.iter().map(|found| found.price).collect::<Vec<_>>(), [price]);
    }
    let elsewhere = Product { category: unique("elsewhere"), price: price(1), stock: 1, ..product };
    catalog.put(vec![elsewhere.clone()]).await.unwrap();
    shelf.embed(&*catalog, &elsewhere, shelf.vector(0)).await;
    assert!(nearest_ids(&*catalog, &shelf.vector(0), 3, &cheap).await.is_empty());
    let there = ProductFilter { category: Some(elsewhere.category), ..cheap };
    assert_eq!(nearest_ids(&*catalog, &shelf.vector(0), 3, &there).await.len(), 1);
    assert_eq!(text_ids(&*catalog, &shelf.word, 3, &there).await.len(), 1);
}

/// A filter by groups follows products that join one, leave one, go and come back, and a group is there after a restart.
pub async fn groups_follow_changes_at_once(subject: &mut dyn CatalogSubject) {
    let (catalog, shelf) = (subject.catalog(), Shelf::new(subject.dimensions()));
    let products = shelf.fill(&*catalog, 6).await;
    let (first, other) = (shelf.group(1), shelf.group(5));
    let without = |group: &Option<GroupId>| ProductFilter {
        exclude_groups: group.iter().cloned().collect(),
        ..shelf.filter()
    };
    let mut now = products.clone();
    for (number, group) in [(1, other.clone()), (5, None), (0, first.clone()), (0, None), (2, other.clone())]
    {
        now[number].group_id = group;
        catalog.put(vec![now[number].clone()]).await.unwrap();
        found_of_groups(&*catalog, &shelf, &now, [&without(&first), &without(&other)]).await;
    }
    catalog.remove(&now[2].product_id).await.unwrap();
    found_of_groups(&*catalog, &shelf, &[&now[..2], &now[3..]].concat(), [&without(&other)]).await;
    catalog.put(vec![now[2].clone()]).await.unwrap();
    shelf.embed(&*catalog, &now[2], shelf.vector(2)).await;
    found_of_groups(&*catalog, &shelf, &now, [&without(&first), &without(&other)]).await;
    drop(catalog);
    subject.reopen().await;
    found_of_groups(&*subject.catalog(), &shelf, &now, [&without(&first), &without(&other)]).await;
}

async fn found_of_groups(
    catalog: &dyn Catalog,
    shelf: &Shelf,
    products: &[Product],
    filters: impl IntoIterator<Item = &ProductFilter>,
) {
    for filter in filters {
        let mut expected: Vec<ProductId> =
            products.iter().filter(|p| filter.admits(p)).map(|p| p.product_id.clone()).collect();
        let mut near = nearest_ids(catalog, &shelf.vector(1), 20, filter).await;
        let mut by_words = text_ids(catalog, &shelf.word, 20, filter).await;
        let page = catalog.list(filter, None, 20).await.unwrap();
        let listed: Vec<ProductId> = page.items.iter().map(|p| p.product_id.clone()).collect();
        for found in [&mut expected, &mut near, &mut by_words] {
            found.sort();
        }
        assert_eq!((&near, &by_words, &listed), (&expected, &expected, &expected));
    }
}
