//! Nearest products by Elasticsearch and by the replica in memory, on the same products, in turn.

use std::sync::Arc;
use std::time::Instant;

use rep_backends::{Retrieval, Trial};
use rep_core::ports::catalog::Catalog;
use rep_core::{Product, ProductFilter, ProductId, UnitVector};
use serde_json::{Value, json};

use super::Bench;
use crate::bench::Latencies;
use crate::bench::fixture::{product, product_id, stock_with, until_idle, vector};

/// Categories, of one size each: one leaves 5 %.
const CATEGORIES: u64 = 20;
const K: usize = 20;
const QUERIES: u64 = 500;
/// Queries before those that count.
const WARM_UP: u64 = 50;
/// Number of the first query's vector: far from those of products.
const FIRST_QUERY: u64 = 1_000_000_000;

/// Products of this part, and of the installation.
pub(super) fn products(quick: bool) -> u64 {
    if quick { 2_000 } else { 20_000 }
}

/// Searches of one kind by one catalogue.
struct Figures {
    retrieval: &'static str,
    filter: &'static str,
    latencies: Latencies,
    found: usize,
    wanted: usize,
}

/// Both catalogues, by name.
pub(super) type Catalogs = [(&'static str, Arc<dyn Catalog>); 2];

/// Loads the products of `trial`.
pub(super) async fn stock(bench: &Bench, trial: &Trial) -> anyhow::Result<Catalogs> {
    let (products, dimensions) = (products(bench.quick), bench.model.dimensions);
    let elasticsearch = bench.connect(trial, Retrieval::Elasticsearch).await?;
    eprintln!("loading {products} products × {dimensions}");
    stock_with(&elasticsearch, products, dimensions, in_category).await?;
    let replica = bench.connect(trial, Retrieval::Replica).await?;
    until_idle().await?;
    Ok([("elasticsearch", elasticsearch.catalog), ("replica", replica.catalog)])
}

pub(super) async fn measure(bench: &Bench, catalogs: Catalogs) -> anyhow::Result<Value> {
    let (products, dimensions) = (products(bench.quick), bench.model.dimensions);
    let vectors: Vec<UnitVector> = (0..products).map(|n| vector(n, dimensions)).collect();
    let figures = |filter| catalogs.each_ref().map(|(retrieval, _)| Figures::new(retrieval, filter));
    let mut all = [figures("none"), figures("category, 5 %")];
    eprintln!("{QUERIES} queries for {K}, without and with a filter, by both");
    for query in 0..WARM_UP + QUERIES {
        let wanted = vector(FIRST_QUERY + query, dimensions);
        // Now and then the category of the query's own centre, mostly another.
        let category = query / CATEGORIES % CATEGORIES;
        let filters = [None, Some(category)];
        for (figures, category) in all.iter_mut().zip(filters) {
            let exact = nearest(&vectors, &wanted, category);
            let filter = ProductFilter { category: category.map(name), ..ProductFilter::default() };
            // Who is first changes with each query.
            for turn in 0..catalogs.len() {
                let at = (turn + query as usize) % catalogs.len();
                let figures = (query >= WARM_UP).then_some(&mut figures[at]);
                search(&catalogs[at].1, &wanted, &filter, &exact, figures).await?;
            }
        }
    }
    let results: Vec<Value> = all.iter().flatten().map(Figures::json).collect();
    Ok(json!({
        "products": products, "dimensions": dimensions, "k": K, "queries": QUERIES, "results": results,
        "goal": "none: to choose `retrieval` by", "met": null,
    }))
}

async fn search(
    catalog: &Arc<dyn Catalog>,
    wanted: &UnitVector,
    filter: &ProductFilter,
    exact: &[ProductId],
    figures: Option<&mut Figures>,
) -> anyhow::Result<()> {
    let asked = Instant::now();
    let hits = catalog.nearest(wanted, K, filter).await?;
    let took = asked.elapsed();
    if let Some(figures) = figures {
        figures.latencies.record(took);
        figures.wanted += exact.len();
        figures.found += hits.iter().filter(|hit| exact.contains(&hit.product.product_id)).count();
    }
    Ok(())
}

/// The nearest products by the cosine of all.
fn nearest(vectors: &[UnitVector], wanted: &UnitVector, category: Option<u64>) -> Vec<ProductId> {
    let mut scores: Vec<(f32, u64)> = (0_u64..)
        .zip(vectors)
        .filter(|(n, _)| category.is_none_or(|category| n % CATEGORIES == category))
        .map(|(n, vector)| (vector.cosine(wanted), n))
        .collect();
    let by_score = |a: &(f32, u64), b: &(f32, u64)| b.0.total_cmp(&a.0);
    let k = K.min(scores.len());
    if k > 0 && k < scores.len() {
        scores.select_nth_unstable_by(k - 1, by_score);
    }
    scores[..k].iter().map(|(_, n)| product_id(*n)).collect()
}

fn name(category: u64) -> String {
    format!("category-{category:02}")
}

fn in_category(n: u64) -> Product {
    Product { category: name(n % CATEGORIES), ..product(n) }
}

impl Figures {
    fn new(retrieval: &'static str, filter: &'static str) -> Self {
        Self { retrieval, filter, latencies: Latencies::new(), found: 0, wanted: 0 }
    }

    fn json(&self) -> Value {
        let recall = self.found as f64 / self.wanted.max(1) as f64;
        json!({
            "retrieval": self.retrieval, "filter": self.filter, "latency": self.latencies.json(), "recall_at_20": recall,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_are_by_cosine_and_of_the_category() {
        let vectors: Vec<UnitVector> = (0..200).map(|n| vector(n, 16)).collect();
        let found = nearest(&vectors, &vectors[7], None);
        assert_eq!(found.len(), K);
        assert!(found.contains(&product_id(7)));
        let found = nearest(&vectors, &vectors[7], Some(3));
        assert_eq!(found.len(), 10);
        assert!(found.contains(&product_id(143)) && !found.contains(&product_id(7)));
    }
}
