//! What is known of a shopper.

use rep_core::ports::behaviour::BehaviourDocument;
use rep_core::ports::preferences::PreferenceChange;
use rep_core::{ActionType, ModelId, ProductId, SessionId, Timestamp, TraceId, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use super::names::ActionTypeSchema;

/// A shopper in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecentUser)]
pub(crate) struct UserSummary {
    #[schema(value_type = String)]
    pub(crate) user_id: UserId,
    pub(crate) action_count: u64,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
}

/// Shoppers, last changed first.
#[derive(Serialize, ToSchema)]
#[schema(as = RecentUsers)]
pub(crate) struct Users {
    pub(crate) items: Vec<UserSummary>,
}

/// How much of the taste a category makes up.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CategoryWeight {
    pub(crate) category: String,
    /// Share of the recent actions' taste weights, from 0 to 1.
    pub(crate) weight: f32,
}

/// One of the last actions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecentView {
    #[schema(value_type = String)]
    pub(crate) product_id: ProductId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) product_name: Option<String>,
    #[schema(value_type = ActionTypeSchema)]
    pub(crate) action_type: ActionType,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
}

/// A shopper's taste.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Preference {
    #[schema(value_type = String)]
    pub(crate) user_id: UserId,
    /// The model of the vector.
    #[schema(value_type = String)]
    pub(crate) model: ModelId,
    /// Width of the vector; 0 while there is none.
    pub(crate) dimensions: usize,
    /// Actions folded in.
    pub(crate) action_count: u64,
    /// Of them those that move the vector once their product has one.
    pub(crate) waiting_actions: usize,
    /// Time of the latest action.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
    /// The categories of the last actions by weight, heaviest first.
    pub(crate) top_categories: Vec<CategoryWeight>,
    /// The last actions on products, newest first.
    pub(crate) recent: Vec<RecentView>,
    /// The first numbers of the vector: enough to see it move.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) vector_preview: Option<Vec<f32>>,
}

/// One action of a shopper's history.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryItem {
    #[schema(value_type = String)]
    pub(crate) trace_id: TraceId,
    #[schema(value_type = ActionTypeSchema)]
    pub(crate) action_type: ActionType,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub(crate) product_id: Option<ProductId>,
    /// Its name now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) product_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) search_query: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub(crate) session_id: Option<SessionId>,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) timestamp: Timestamp,
    /// When it was durable in the log.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) logged_at: Timestamp,
}

impl HistoryItem {
    pub(crate) fn new(document: BehaviourDocument, product_name: Option<String>) -> Self {
        let action = document.action;
        Self {
            trace_id: action.trace_id,
            action_type: action.action_type,
            product_id: action.product_id,
            product_name,
            search_query: action.search_query,
            session_id: action.session_id,
            timestamp: action.timestamp,
            logged_at: document.appended_at,
        }
    }
}

/// A page of a history, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HistoryPage)]
pub(crate) struct History {
    pub(crate) items: Vec<HistoryItem>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) next_cursor: Option<String>,
}

/// What was forgotten of a shopper.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Erased {
    #[schema(value_type = String)]
    pub(crate) user_id: UserId,
    /// Whether there was a preference.
    pub(crate) preference: bool,
    /// Behaviour documents.
    pub(crate) behaviour_documents: u64,
    /// Inbox items.
    pub(crate) notifications: u64,
}

/// Event `preference` of the stream of changes.
#[derive(ToSchema)]
#[schema(as = PreferenceChange, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes `PreferenceChange`, which serialises itself")]
pub(crate) struct PreferenceChangeSchema {
    trace_id: String,
    user_id: String,
    action_type: ActionTypeSchema,
    #[schema(nullable = false)]
    product_id: Option<String>,
    /// When the shopper acted.
    #[schema(format = DateTime)]
    event_at: String,
    /// When the event was durable in the log.
    #[schema(format = DateTime)]
    logged_at: String,
    /// When the vector had moved.
    #[schema(format = DateTime)]
    applied_at: String,
    /// Actions folded in so far.
    action_count: u64,
}

/// What a stream of changes carries.
pub(crate) enum ChangeTold {
    Hello,
    Change(Box<PreferenceChange>),
    Gap { missed: u64 },
    Ping,
}
