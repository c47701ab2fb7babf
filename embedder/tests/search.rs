//! Search by meaning in a small shop: the thirty goods of `docs/samples`, asked for in English and in Korean.
//!
//! A query means one product (`fixtures/shop/queries.tsv`); what counts is the mean reciprocal rank of that product. The
//! figures in comments were measured with this test; the bounds leave a little room below.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use ndarray::Array2;
use rep_core::likeness::LikenessScale;
use rep_core::ports::embedder::TextKind;
use rep_core::{Currency, Money, Product, ProductId, UnitVector};
use rep_embedder::{ModelDir, SessionOptions, TextModel};
use serde_json::Value;

/// The goods, with what they are called and described as in both languages.
fn shop() -> Vec<Product> {
    let lines = include_str!("../../docs/samples/products.jsonl").lines();
    lines
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| line[key].as_str().map(str::to_owned);
            Product {
                product_id: ProductId::new(text("productId").unwrap()).unwrap(),
                name: text("name").unwrap(),
                description: text("description").unwrap(),
                category: text("category").unwrap(),
                brand: text("brand"),
                price: Money::from_minor(100, Currency::EUR).unwrap(),
                stock: 1,
                image_url: None,
                attributes: Default::default(),
                name_ko: text("nameKo"),
                description_ko: text("descriptionKo"),
                changed_at: None,
                history: Default::default(),
                group_id: None,
            }
        })
        .collect()
}

fn in_english(product: Product) -> Product {
    Product { name_ko: None, description_ko: None, ..product }
}

fn in_korean(product: Product) -> Product {
    let (name, description) = (product.name_ko.clone().unwrap(), product.description_ko.clone().unwrap());
    Product { name, description, ..in_english(product) }
}

struct Searches {
    /// Places of the products that are meant.
    meant: Vec<usize>,
    korean: Array2<f32>,
    english: Array2<f32>,
    model: TextModel,
}

impl Searches {
    fn by(dir: &ModelDir) -> Self {
        let mut model = TextModel::load(dir, Some(&support::runtime()), SessionOptions::default()).unwrap();
        let ids: Vec<String> = shop().iter().map(|product| product.product_id.as_str().to_owned()).collect();
        let lines: Vec<Vec<&str>> = include_str!("fixtures/shop/queries.tsv")
            .lines()
            .map(|line| line.split('\t').collect())
            .collect();
        let meant = lines.iter().map(|line| ids.iter().position(|id| id == line[0]).unwrap()).collect();
        let mut asked = |column: usize| {
            let texts: Vec<String> = lines.iter().map(|line| line[column].to_owned()).collect();
            model.embed(&texts, TextKind::Query, 256).unwrap()
        };
        let (korean, english) = (asked(1), asked(2));
        Self { meant, korean, english, model }
    }

    /// The mean reciprocal ranks, in 0 to 1, of Korean and of English queries in a shop of `products`.
    fn mrr(&mut self, products: &[Product]) -> (f64, f64) {
        let passages: Vec<String> = products.iter().map(Product::passage).collect();
        let passages = self.model.embed(&passages, TextKind::Passage, 256).unwrap();
        let of = |queries: &Array2<f32>| {
            let rank = |(query, meant): (ndarray::ArrayView1<'_, f32>, &usize)| {
                let cosines = passages.dot(&query);
                1 + cosines.iter().filter(|cosine| **cosine > cosines[*meant]).count()
            };
            let ranks = queries.outer_iter().zip(&self.meant).map(rank);
            ranks.map(|rank| 1.0 / rank as f64).sum::<f64>() / self.meant.len() as f64
        };
        (of(&self.korean), of(&self.english))
    }
}

#[test]
fn finds_what_is_meant_across_languages_where_an_english_model_does_not() {
    let (mut e5, mut mini) = (Searches::by(&support::model()), Searches::by(&support::english_model()));
    let in_both = shop();
    let english: Vec<Product> = shop().into_iter().map(in_english).collect();
    let each_in_one =
        |(place, product)| if place % 2 == 0 { in_english(product) } else { in_korean(product) };
    let mixed: Vec<Product> = shop().into_iter().enumerate().map(each_in_one).collect();

    // Every product in both languages: Korean 0.88, English 0.82; MiniLM 0.16 and 0.95.
    let (korean, in_english) = e5.mrr(&in_both);
    println!("in both: {korean:.3} {in_english:.3}");
    assert!(korean > 0.8 && in_english > 0.75, "{korean:.3} {in_english:.3}");
    assert!(mini.mrr(&in_both).0 < 0.3);

    // Every product in English alone, asked for in Korean: 0.82; MiniLM 0.14.
    let (korean, in_english) = e5.mrr(&english);
    println!("in English: {korean:.3} {in_english:.3}");
    assert!(korean > 0.72 && in_english > 0.8, "{korean:.3} {in_english:.3}");
    assert!(mini.mrr(&english).0 < 0.3);

    // Half of the products in Korean, half in English: 0.88 and 0.73; without centres 0.52 and 0.59.
    let (korean, in_english) = e5.mrr(&mixed);
    println!("mixed: {korean:.3} {in_english:.3}");
    assert!(korean > 0.78 && in_english > 0.66, "{korean:.3} {in_english:.3}");
    assert!(mini.mrr(&mixed).0 < 0.4);
}

#[test]
fn what_is_alike_stands_out_by_the_same_measure_for_both_models() {
    let products = shop();
    let passages: Vec<String> = products.iter().map(Product::passage).collect();
    for dir in [support::model(), support::english_model()] {
        let mut model = TextModel::load(&dir, Some(&support::runtime()), SessionOptions::default()).unwrap();
        let rows = model.embed(&passages, TextKind::Passage, 256).unwrap();
        let vectors: Vec<UnitVector> =
            rows.outer_iter().map(|row| UnitVector::normalised(row.to_vec()).unwrap()).collect();
        let scale = LikenessScale::of(&vectors).unwrap();
        let (mut same, mut other) = (Vec::new(), Vec::new());
        for (a, one) in products.iter().enumerate() {
            for (b, another) in products.iter().enumerate().take(a) {
                let likeness = scale.likeness(&vectors[a], &vectors[b]).unwrap();
                if one.category == another.category { same.push(likeness) } else { other.push(likeness) }
            }
        }
        let mean = |all: &[f32]| all.iter().sum::<f32>() / all.len() as f32;
        let alike =
            |all: &[f32]| all.iter().filter(|likeness| **likeness >= 2.0).count() as f32 / all.len() as f32;
        let id = dir.manifest().id.as_str();
        println!(
            "{id}: {:.2} {:.2}, alike {:.3} {:.3}",
            mean(&same),
            mean(&other),
            alike(&same),
            alike(&other)
        );
        assert!(mean(&same) > 1.0 && mean(&other) < 0.0, "{id}: {:.2} {:.2}", mean(&same), mean(&other));
        assert!(alike(&other) < 0.04, "{id}: {}", alike(&other));
    }
}
