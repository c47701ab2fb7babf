//! Ranked items out, and why they are there.

use rep_core::ranking::{Explain, Ranked, Reason};
use rep_core::{Currency, GroupId, ProductId, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use super::names::{ActionTypeSchema, ReasonKindSchema};

/// Why an item is there.
#[derive(ToSchema)]
#[schema(as = Reason, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes `rep_core::ranking::Reason`")]
pub(crate) struct ReasonSchema {
    #[schema(inline = false)]
    kind: ReasonKindSchema,
    /// One line in English.
    #[schema(example = "Because you looked at Trail tent")]
    text: String,
    /// The product it refers to.
    #[schema(nullable = false)]
    product_id: Option<String>,
    #[schema(nullable = false)]
    product_name: Option<String>,
    /// What the shopper did with it.
    #[schema(nullable = false)]
    action_type: Option<ActionTypeSchema>,
}

/// What a score is made of: `similarity + popularity + matching + diversity = final`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Explain)]
pub(crate) struct ExplainView {
    /// Cosine to the taste or the product asked about, as measured, from -1 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cosine: Option<f32>,
    /// What similarity adds.
    similarity: f32,
    /// What popularity adds.
    popularity: f32,
    /// What the match with the search adds.
    matching: f32,
    /// What is taken away because the category, or a product of the same name and brand, is shown already; 0 or less.
    diversity: f32,
    /// The score.
    #[serde(rename = "final")]
    total: f32,
}

impl From<Explain> for ExplainView {
    fn from(explain: Explain) -> Self {
        Self {
            cosine: explain.cosine,
            similarity: explain.similarity,
            popularity: explain.popularity,
            matching: explain.matching,
            diversity: explain.diversity,
            total: explain.total,
        }
    }
}

/// A product in its place.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecommendedItem {
    #[schema(value_type = String)]
    product_id: ProductId,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name_ko: Option<String>,
    category: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    brand: Option<String>,
    /// Decimal string.
    #[schema(example = "19.90")]
    price: String,
    #[schema(value_type = String, example = "EUR")]
    currency: Currency,
    /// Pieces that can be sold now.
    stock: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    image_url: Option<String>,
    /// The variants that it is shown for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    group_id: Option<GroupId>,
    /// Comparable within one answer only; never rises from one item to the next.
    score: f32,
    /// The strongest first; at least one.
    #[schema(value_type = Vec<ReasonSchema>)]
    reasons: Vec<Reason>,
    /// With `explain=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    explain: Option<ExplainView>,
}

impl RecommendedItem {
    pub(crate) fn new(item: &Ranked, reasons: Vec<Reason>, explain: bool) -> Self {
        let product = &item.candidate.product;
        Self {
            product_id: product.product_id.clone(),
            name: product.name.clone(),
            name_ko: product.name_ko.clone(),
            category: product.category.clone(),
            brand: product.brand.clone(),
            price: product.price.amount(),
            currency: product.price.currency(),
            stock: product.stock,
            image_url: product.image_url.clone(),
            group_id: product.group_id.clone(),
            score: item.explain.total,
            reasons,
            explain: explain.then(|| item.explain.into()),
        }
    }
}

/// How the items were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Strategy {
    /// By the shopper's taste.
    Personalized,
    /// By what is popular now: nothing is known of the shopper's taste.
    Popular,
    /// By nearness to a product.
    Similar,
    /// By words and meaning.
    Hybrid,
    /// By words alone: no vector could be had.
    Lexical,
    /// By meaning alone: no product shares a word with the query.
    Semantic,
}

impl Strategy {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Personalized => "personalized",
            Self::Popular => "popular",
            Self::Similar => "similar",
            Self::Hybrid => "hybrid",
            Self::Lexical => "lexical",
            Self::Semantic => "semantic",
        }
    }
}

/// How much is known of the shopper.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KnownPreference {
    /// Actions folded into the taste.
    pub(crate) action_count: u64,
    /// Time of the latest of them.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
}

/// Items for a shopper.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Recommendations {
    #[schema(value_type = String)]
    pub(crate) user_id: UserId,
    pub(crate) strategy: Strategy,
    pub(crate) items: Vec<RecommendedItem>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) generated_at: Timestamp,
    pub(crate) trace_id: String,
    /// Time in the server, in milliseconds.
    pub(crate) took_ms: f64,
    /// Where they are to be shown, as it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) placement: Option<String>,
    /// Absent for a shopper of whom nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) preference: Option<KnownPreference>,
}

/// Items for a query.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SearchResults {
    pub(crate) query: String,
    pub(crate) strategy: Strategy,
    pub(crate) items: Vec<RecommendedItem>,
    /// Time in the server, in milliseconds.
    pub(crate) took_ms: f64,
    pub(crate) trace_id: String,
}

/// Items like a product.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SimilarProducts {
    #[schema(value_type = String)]
    pub(crate) product_id: ProductId,
    pub(crate) strategy: Strategy,
    pub(crate) items: Vec<RecommendedItem>,
    /// Time in the server, in milliseconds.
    pub(crate) took_ms: f64,
    pub(crate) trace_id: String,
}
