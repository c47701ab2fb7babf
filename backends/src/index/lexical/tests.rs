use proptest::prelude::*;
use rep_core::{Currency, Money, PriceRange};

use super::*;

fn product(id: &str, name: &str) -> Product {
    Product {
        product_id: ProductId::new(id).unwrap(),
        name: name.into(),
        description: String::new(),
        category: "Things".into(),
        brand: None,
        price: Money::from_minor(1000, Currency::EUR).unwrap(),
        stock: 1,
        image_url: None,
        attributes: Default::default(),
        name_ko: None,
        description_ko: None,
        changed_at: None,
        history: Default::default(),
        group_id: None,
    }
}

fn found(index: &LexicalIndex, query: &str) -> Vec<String> {
    let hits = index.search(query, 10, &ProductFilter::default());
    hits.into_iter().map(|(id, _)| id.as_str().to_owned()).collect()
}

#[test]
fn names_weigh_more_than_descriptions_and_rare_words_more_than_common_ones() {
    let mut index = LexicalIndex::default();
    index.upsert(&Product { description: "wireless".into(), ..product("a", "mouse") });
    index.upsert(&product("b", "wireless mouse"));
    index.upsert(&product("c", "mouse lamp"));
    assert_eq!(found(&index, "wireless"), ["b", "a"]);
    assert_eq!(found(&index, "lamp mouse")[0], "c");
    assert_eq!(found(&index, "sofa"), Vec::<String>::new());
}

#[test]
fn korean_is_found_inside_compounds_and_with_endings() {
    let mut index = LexicalIndex::default();
    index.upsert(&Product { name_ko: Some("무선이어폰".into()), ..product("a", "earbuds") });
    index.upsert(&Product { name_ko: Some("유선 키보드".into()), ..product("b", "keyboard") });
    assert_eq!(found(&index, "이어폰"), ["a"]);
    assert_eq!(found(&index, "이어폰을"), ["a"]);
    assert_eq!(found(&index, "키"), ["b"]);
}

#[test]
fn the_word_being_typed_finds_what_begins_with_it() {
    let mut index = LexicalIndex::default();
    index.upsert(&product("a", "headphones"));
    index.upsert(&product("b", "head torch"));
    assert_eq!(found(&index, "headph"), ["a"]);
    assert_eq!(found(&index, "head"), ["b", "a"]);
    assert_eq!(found(&index, "headph "), Vec::<String>::new());
}

#[test]
fn equals_come_in_order_of_their_ids() {
    let mut index = LexicalIndex::default();
    for id in ["d", "b", "a", "c"] {
        index.upsert(&product(id, "cup"));
    }
    let hits = index.search("cup", 3, &ProductFilter::default());
    assert_eq!(hits.iter().map(|hit| hit.0.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
}

fn some_product() -> impl Strategy<Value = Product> {
    let words = proptest::collection::vec("(red|blue|cups?|무선|이어폰|무선이어폰|x1|x2)", 0..5);
    ("[a-h]", words.clone(), words, "[AB]", (0_i64..5, any::<bool>()), 0_u32..2).prop_map(
        |(id, name, description, category, (price, in_euros), stock)| Product {
            name: name.join(" "),
            description: description.join(" "),
            category,
            price: Money::from_minor(price, if in_euros { Currency::EUR } else { Currency::KRW }).unwrap(),
            stock,
            ..product(&id, "")
        },
    )
}

proptest! {
    /// However it came about, an index answers like one that was made at once of what is left, and filters
    /// are exact.
    #[test]
    fn history_does_not_matter(
        steps in proptest::collection::vec((some_product(), 0_u8..4), 0..40),
        query in "(red|blue|cup|무선|이어폰|x|cu)( (red|blue|cup|무선|이어폰|x1|cu)){0,2} ?",
        max_price in proptest::option::of(0_i64..5),
        category in proptest::option::of("[ABC]"),
    ) {
        let mut index = LexicalIndex::default();
        let mut left = BTreeMap::new();
        for (product, action) in steps {
            match left.get(&product.product_id) {
                Some(_) if action == 0 => {
                    prop_assert!(index.remove(&product.product_id));
                    left.remove(&product.product_id);
                }
                Some(old) if action == 1 => {
                    let product = Product { stock: 1, price: product.price, ..Product::clone(old) };
                    prop_assert!(LexicalIndex::same_texts(old, &product));
                    index.refresh(&product);
                    left.insert(product.product_id.clone(), product);
                }
                _ => {
                    index.upsert(&product);
                    left.insert(product.product_id.clone(), product);
                }
            }
        }
        let mut fresh = LexicalIndex::default();
        left.values().for_each(|product| fresh.upsert(product));
        let price = max_price.map(|max| PriceRange::up_to(max, Currency::EUR));
        let filter = ProductFilter { price, category, ..Default::default() };
        let all = fresh.search(&query, 100, &ProductFilter::default());
        let passing: Vec<_> = all.into_iter().filter(|(id, _)| filter.admits(&left[id])).collect();
        let answer = index.search(&query, 100, &filter);
        prop_assert_eq!(answer.len(), passing.len());
        for ((id, score), (_, expected)) in answer.iter().zip(&passing) {
            prop_assert!((score - expected).abs() < 1e-3 * expected, "{} {} {}", id, score, expected);
            prop_assert!(filter.admits(&left[id]));
        }
        let few = index.search(&query, 2, &filter);
        prop_assert_eq!(&few[..], &answer[..few.len()]);
        prop_assert_eq!(few.len(), answer.len().min(2));
    }
}
