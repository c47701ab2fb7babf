//! Products in and out.

use std::collections::BTreeMap;

use rep_core::{Currency, FieldError, GroupId, Money, Product, ProductId, STOCK_MAX};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::problem::FieldProblem;
use rep_http::Fields;

/// A product.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Product)]
pub(crate) struct ProductView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub(crate) product_id: ProductId,
    /// Its name.
    pub(crate) name: String,
    /// What it is.
    pub(crate) description: String,
    /// The one category it stands in.
    pub(crate) category: String,
    /// Who makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) brand: Option<String>,
    /// What one piece costs, as a decimal string.
    #[schema(example = "19.90")]
    pub(crate) price: String,
    /// ISO 4217.
    #[schema(value_type = String, example = "EUR")]
    pub(crate) currency: Currency,
    /// Pieces that can be sold now.
    pub(crate) stock: u32,
    /// A picture of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) image_url: Option<String>,
    /// Such as colour or size.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Its name in Korean.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) name_ko: Option<String>,
    /// What it is, in Korean.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) description_ko: Option<String>,
    /// The variants that it belongs to, such as all sizes and colours of a shirt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub(crate) group_id: Option<GroupId>,
}

impl From<&Product> for ProductView {
    fn from(product: &Product) -> Self {
        Self {
            product_id: product.product_id.clone(),
            name: product.name.clone(),
            description: product.description.clone(),
            category: product.category.clone(),
            brand: product.brand.clone(),
            price: product.price.amount(),
            currency: product.price.currency(),
            stock: product.stock,
            image_url: product.image_url.clone(),
            attributes: product.attributes.clone(),
            name_ko: product.name_ko.clone(),
            description_ko: product.description_ko.clone(),
            group_id: product.group_id.clone(),
        }
    }
}

/// A product as it is put. `productId` may be left out where the path has it.
#[derive(ToSchema)]
#[schema(as = NewProduct, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `product_of` reads")]
pub(crate) struct NewProductSchema {
    #[schema(nullable = false)]
    product_id: Option<String>,
    name: String,
    #[schema(nullable = false)]
    description: Option<String>,
    category: String,
    #[schema(nullable = false)]
    brand: Option<String>,
    /// Decimal string, such as `19.90`, with at most as many digits after the point as the currency has; never a number.
    #[schema(example = "19.90")]
    price: String,
    /// ISO 4217, of a currency that goods are sold in; the shop's currency if left out.
    #[schema(nullable = false, example = "EUR")]
    currency: Option<String>,
    stock: u32,
    #[schema(nullable = false)]
    image_url: Option<String>,
    #[schema(nullable = false)]
    attributes: Option<BTreeMap<String, String>>,
    #[schema(nullable = false)]
    name_ko: Option<String>,
    #[schema(nullable = false)]
    description_ko: Option<String>,
    /// The same for all variants of a product, such as its sizes and colours; an id as `productId` is one. Of a group one
    /// product, the best, is shown in recommendations, searches and similar products, and none in the recommendations of
    /// who bought one.
    #[schema(nullable = false)]
    group_id: Option<String>,
}

/// Reads a product, with `id` as the path says it.
pub(crate) fn product_of(
    value: Value,
    id: Option<&ProductId>,
    currency: Currency,
) -> Result<Product, Vec<FieldProblem>> {
    let mut fields = Fields::of(value)?;
    let product_id = match id {
        Some(id) => {
            if fields.parsed::<ProductId>("productId").is_some_and(|own| own != *id) {
                fields.refuse("productId", "must be that of the path");
            }
            Some(id.clone())
        }
        None => fields.required("productId"),
    };
    let name = fields.required_text("name");
    let description = fields.text("description").unwrap_or_default();
    let category = fields.required_text("category");
    let brand = fields.text("brand");
    let currency = fields.parsed("currency").unwrap_or(currency);
    let price = fields.required_text("price").and_then(|text| money(&mut fields, &text, currency));
    let stock = fields.count("stock", STOCK_MAX);
    let image_url = fields.text("imageUrl");
    let attributes = fields.labels("attributes");
    let (name_ko, description_ko) = (fields.text("nameKo"), fields.text("descriptionKo"));
    let group_id: Option<GroupId> = fields.parsed("groupId");
    fields.refuse_unknown();
    fields.finish()?;
    let missing = |field| vec![FieldProblem::new(field, "is required")];
    let product = Product {
        product_id: product_id.ok_or_else(|| missing("productId"))?,
        name: name.ok_or_else(|| missing("name"))?,
        description,
        category: category.ok_or_else(|| missing("category"))?,
        brand,
        price: price.ok_or_else(|| missing("price"))?,
        stock: stock.ok_or_else(|| missing("stock"))?,
        image_url,
        attributes,
        name_ko,
        description_ko,
        changed_at: None,
        history: Default::default(),
        group_id,
    };
    product.validate().map_err(|error: FieldError| vec![error.into()])?;
    Ok(product)
}

fn money(fields: &mut Fields, text: &str, currency: Currency) -> Option<Money> {
    Money::parse(text, currency).map_err(|error| fields.refuse("price", error.to_string())).ok()
}

/// A change of price, stock or both.
#[derive(ToSchema)]
#[schema(as = ProductPatch)]
#[expect(dead_code, reason = "describes what `patch_of` reads")]
pub(crate) struct ProductPatchSchema {
    /// Decimal string in the product's currency, with at most as many digits after the point as it has.
    #[schema(nullable = false, example = "17.90")]
    price: Option<String>,
    /// Pieces that can be sold now.
    #[schema(nullable = false)]
    stock: Option<u32>,
}

/// Reads a patch: the price as text, since its currency is the product's, and the stock.
pub(crate) fn patch_of(value: Value) -> Result<(Option<String>, Option<u32>), Vec<FieldProblem>> {
    let mut fields = Fields::of(value)?;
    let (price, stock) = (fields.text("price"), fields.count("stock", STOCK_MAX));
    fields.refuse_unknown();
    fields.finish()?;
    if price.is_none() && stock.is_none() {
        return Err(vec![FieldProblem::new("", "must change `price`, `stock` or both")]);
    }
    Ok((price, stock))
}

/// A page of the catalogue, in order of the products' ids.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProductPage {
    pub(crate) items: Vec<ProductView>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) next_cursor: Option<String>,
    /// Products of the catalogue, or of the category asked for, whatever the other filters say.
    pub(crate) total: usize,
}

/// What became of one product.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutResult {
    /// Which, if it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub(crate) product_id: Option<ProductId>,
    pub(crate) status: PutStatus,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) errors: Vec<FieldProblem>,
}

/// What became of one product.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum PutStatus {
    Created,
    Replaced,
    Rejected,
}

/// What became of each product, in their order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutResults {
    pub(crate) results: Vec<PutResult>,
    pub(crate) created: usize,
    pub(crate) replaced: usize,
    pub(crate) rejected: usize,
}

/// A category and how many products stand in it.
#[derive(Serialize, ToSchema)]
#[schema(as = Category)]
pub(crate) struct CategoryCount {
    pub(crate) category: String,
    pub(crate) count: usize,
}

/// The categories, ordered by name.
#[derive(Serialize, ToSchema)]
#[schema(as = CategoryList)]
pub(crate) struct Categories {
    pub(crate) items: Vec<CategoryCount>,
}
