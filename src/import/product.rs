//! A record as a product.

use std::collections::BTreeMap;

use rep_core::{GroupId, Product, ProductId};
use serde::Serialize;

use super::args::Kind;
use super::entry::{Problem, Row};
use super::fields::Fields;
use super::value;

/// A product as `POST /products` takes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProductItem<'a> {
    product_id: &'a ProductId,
    name: &'a str,
    description: &'a str,
    category: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    brand: Option<&'a str>,
    price: String,
    currency: &'a str,
    stock: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_ko: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description_ko: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<&'a GroupId>,
}

/// The JSON of the product that `row` describes, or everything that is wrong with it.
pub(super) fn item(row: Row) -> Result<Vec<u8>, Vec<Problem>> {
    let product = read(row)?;
    product.validate().map_err(|error| vec![Problem::of(error.field, error.message)])?;
    let currency = product.price.currency();
    let item = ProductItem {
        product_id: &product.product_id,
        name: &product.name,
        description: &product.description,
        category: &product.category,
        brand: product.brand.as_deref(),
        price: product.price.amount(),
        currency: currency.as_str(),
        stock: product.stock,
        image_url: product.image_url.as_deref(),
        attributes: &product.attributes,
        name_ko: product.name_ko.as_deref(),
        description_ko: product.description_ko.as_deref(),
        group_id: product.group_id.as_ref(),
    };
    serde_json::to_vec(&item).map_err(|error| vec![Problem::of_record(error.to_string())])
}

fn read(row: Row) -> Result<Product, Vec<Problem>> {
    let mut fields = Fields::sort(Kind::Products, row);
    let product_id = fields
        .required("productId", |value| ProductId::new(value::key(value)?).map_err(|error| error.to_string()));
    let name = fields.required("name", value::text);
    let category = fields.required("category", |value| Ok(value::text(value)?.trim().to_owned()));
    let currency = fields.required("currency", value::currency);
    // The currency decides how many digits a price may have.
    let price = currency.and_then(|currency| fields.required("price", |price| value::price(price, currency)));
    let stock = fields.required("stock", value::stock);
    let description = fields.optional("description", value::text).unwrap_or_default();
    let brand = fields.optional("brand", value::text);
    let image_url = fields.optional("imageUrl", |value| Ok(value::text(value)?.trim().to_owned()));
    let name_ko = fields.optional("nameKo", value::text);
    let description_ko = fields.optional("descriptionKo", value::text);
    let group_id = fields
        .optional("groupId", |value| GroupId::new(value::key(value)?).map_err(|error| error.to_string()));
    let attributes = std::mem::take(&mut fields.entries);
    let product = (|| {
        Some(Product {
            product_id: product_id?,
            name: name?,
            description,
            category: category?,
            brand,
            price: price?,
            stock: stock?,
            image_url,
            attributes,
            name_ko,
            description_ko,
            changed_at: None,
            history: Default::default(),
            group_id,
        })
    })();
    fields.finish(product)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn row(value: Value) -> Row {
        let Value::Object(fields) = value else { panic!("an object") };
        fields.into_iter().collect()
    }

    #[test]
    fn a_product_is_sent_in_the_shape_of_the_api() {
        let bytes = item(row(json!({
            "product_id": 7, "name": "Ramie shirt", "nameKo": "모시 셔츠", "category": "Shirts", "price": "35000",
            "currency": "KRW", "stock": "4", "attr.colour": "ivory", "group_id": 12, "attributes": {"size": 2, "old": null},
            "brand": null
        })))
        .unwrap();
        let sent: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(
            sent,
            json!({
                "productId": "7", "name": "Ramie shirt", "nameKo": "모시 셔츠", "category": "Shirts",
                "description": "", "groupId": "12", "price": "35000", "currency": "KRW", "stock": 4,
                "attributes": {"colour": "ivory", "size": "2"}
            })
        );
    }

    #[test]
    fn every_problem_of_a_record_is_told_at_once() {
        let problems = item(row(json!({
            "productId": "a b", "name": "x", "category": "c", "price": "19,90", "currency": "EUR", "colour": "red",
            "attributes": [1]
        })))
        .unwrap_err();
        let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_deref()).collect();
        assert_eq!(fields, [Some("attributes"), None, Some("productId"), Some("price"), Some("stock")]);
        let blank = json!({"productId": "p", "name": " ", "category": "c", "price": "1", "currency": "EUR", "stock": 1});
        assert_eq!(item(row(blank)).unwrap_err()[0].to_string(), "`name` must not be blank");
    }
}
