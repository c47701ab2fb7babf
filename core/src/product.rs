//! The catalogue's subject.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{FieldError, History, Money, ProductId, Timestamp};

/// Longest product name, in bytes.
pub const NAME_BYTES_MAX: usize = 512;
/// Longest description, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 8 * 1024;
/// Longest category, brand, attribute key or value, in bytes.
pub const LABEL_BYTES_MAX: usize = 128;
/// Most attributes of a product.
pub const ATTRIBUTES_MAX: usize = 64;
/// Greatest stock, in pieces.
pub const STOCK_MAX: u32 = 100_000_000;

/// A product as the shop describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// Its identifier.
    pub product_id: ProductId,
    /// Its name in English, or the shop's one language.
    pub name: String,
    /// What it is.
    pub description: String,
    /// The one category it stands in.
    pub category: String,
    /// Who makes it.
    pub brand: Option<String>,
    /// What one piece costs.
    pub price: Money,
    /// Pieces that can be sold now.
    pub stock: u32,
    /// A picture of it.
    pub image_url: Option<String>,
    /// Such as colour or size.
    pub attributes: BTreeMap<String, String>,
    /// Its name in Korean.
    pub name_ko: Option<String>,
    /// What it is, in Korean.
    pub description_ko: Option<String>,
    /// When price or stock last changed, as far as that was noted: grows with each change, see
    /// [`crate::InventoryChange::between`].
    #[serde(default)]
    pub changed_at: Option<Timestamp>,
    /// Its earlier prices and stock, as far as they were noted: what is news is judged by it. The shop's writer keeps it;
    /// what callers put in is replaced.
    #[serde(default)]
    pub history: History,
}

impl Product {
    /// The text that is embedded: name, category and description, in each language given.
    pub fn passage(&self) -> String {
        let mut text = format!("{}. {}. ", self.name, self.category);
        if let Some(brand) = &self.brand {
            text.push_str(brand);
            text.push_str(". ");
        }
        text.push_str(&self.description);
        for more in [&self.name_ko, &self.description_ko].into_iter().flatten() {
            text.push(' ');
            text.push_str(more);
        }
        text
    }

    /// Checks lengths and bounds that the types do not.
    pub fn validate(&self) -> Result<(), FieldError> {
        let text = |field, value: &str, max: usize, required: bool| {
            if required && value.trim().is_empty() {
                return Err(FieldError::new(field, "must not be blank"));
            }
            if value.len() > max {
                return Err(FieldError::new(field, format!("must be at most {max} bytes")));
            }
            Ok(())
        };
        text("name", &self.name, NAME_BYTES_MAX, true)?;
        text("category", &self.category, LABEL_BYTES_MAX, true)?;
        text("description", &self.description, DESCRIPTION_BYTES_MAX, false)?;
        text("brand", self.brand.as_deref().unwrap_or_default(), LABEL_BYTES_MAX, false)?;
        text("nameKo", self.name_ko.as_deref().unwrap_or_default(), NAME_BYTES_MAX, false)?;
        text(
            "descriptionKo",
            self.description_ko.as_deref().unwrap_or_default(),
            DESCRIPTION_BYTES_MAX,
            false,
        )?;
        text("imageUrl", self.image_url.as_deref().unwrap_or_default(), 2048, false)?;
        if self.stock > STOCK_MAX {
            return Err(FieldError::new("stock", format!("must be at most {STOCK_MAX}")));
        }
        if self.attributes.len() > ATTRIBUTES_MAX {
            return Err(FieldError::new("attributes", format!("must hold at most {ATTRIBUTES_MAX} entries")));
        }
        if self.attributes.iter().any(|(k, v)| k.len() > LABEL_BYTES_MAX || v.len() > LABEL_BYTES_MAX) {
            return Err(FieldError::new(
                "attributes",
                format!("must hold keys and values of at most {LABEL_BYTES_MAX} bytes"),
            ));
        }
        if let Some(url) = &self.image_url
            && !(url.starts_with("https://") || url.starts_with("http://") || url.starts_with('/'))
        {
            return Err(FieldError::new("imageUrl", "must be an http(s) address or an absolute path"));
        }
        Ok(())
    }
}

/// Which products may be shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProductFilter {
    /// Only this category.
    pub category: Option<String>,
    /// At least this price, in minor units.
    pub min_price_minor: Option<i64>,
    /// At most this price, in minor units.
    pub max_price_minor: Option<i64>,
    /// Only what is in stock.
    pub in_stock: bool,
    /// Not these.
    pub exclude: std::collections::HashSet<ProductId>,
}

impl ProductFilter {
    /// Whether `product` passes.
    pub fn admits(&self, product: &Product) -> bool {
        self.admits_fields(&product.category, product.price.minor(), product.stock)
            && !self.exclude.contains(&product.product_id)
    }

    /// The same without the exclusions, on bare fields: an index keeps these beside its vectors.
    pub fn admits_fields(&self, category: &str, price_minor: i64, stock: u32) -> bool {
        self.category.as_deref().is_none_or(|wanted| wanted == category)
            && self.min_price_minor.is_none_or(|min| price_minor >= min)
            && self.max_price_minor.is_none_or(|max| price_minor <= max)
            && (!self.in_stock || stock > 0)
    }

    /// Whether everything passes.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }
}
