//! Notifications out, settings in.

use rep_core::ports::notifications::InboxItem;
use rep_core::{
    Currency, InterestReason, Money, NotificationId, NotificationKind, NotificationSettings, ProductId,
    Timestamp, UserId,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::names::{InterestReasonSchema, NotificationKindSchema};
use crate::problem::Problem;

/// A notification in an inbox.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Notification)]
pub(crate) struct NotificationView {
    #[schema(value_type = String)]
    pub(crate) notification_id: NotificationId,
    /// Its number in this inbox, from 1, without gaps; the id of stream events.
    pub(crate) sequence: u64,
    #[schema(value_type = String)]
    pub(crate) user_id: UserId,
    #[schema(value_type = String)]
    pub(crate) product_id: ProductId,
    pub(crate) product_name: String,
    #[schema(value_type = NotificationKindSchema)]
    pub(crate) kind: NotificationKind,
    #[schema(value_type = InterestReasonSchema)]
    pub(crate) reason: InterestReason,
    /// One line.
    pub(crate) title: String,
    /// One sentence with the figures.
    pub(crate) body: String,
    /// The price that this shopper saw, as a decimal string.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) price_before: Option<String>,
    /// Decimal string.
    #[schema(example = "17.90")]
    pub(crate) price_after: String,
    #[schema(value_type = String, example = "EUR")]
    pub(crate) currency: Currency,
    /// Pieces then.
    pub(crate) stock_after: i64,
    /// Products that a `SUMMARY` stands for; the one named is the first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) merged: Option<u32>,
    /// Over which channels it went.
    pub(crate) channels: Vec<String>,
    /// When price or stock changed.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) delivered_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub(crate) read_at: Option<Timestamp>,
}

impl From<InboxItem> for NotificationView {
    fn from(item: InboxItem) -> Self {
        let told = item.notification;
        let (title, body) = (told.title(), told.body());
        let decimal =
            |minor| Money::from_minor(minor, told.currency).map_or_else(|_| minor.to_string(), Money::amount);
        Self {
            sequence: item.sequence,
            title,
            body,
            price_before: told.price_before.map(decimal),
            price_after: decimal(told.price_after),
            currency: told.currency,
            stock_after: told.stock_after,
            merged: (told.merged > 0).then_some(told.merged),
            channels: item.channels,
            created_at: told.timestamp,
            delivered_at: item.delivered_at,
            read_at: item.read_at,
            notification_id: told.notification_id,
            user_id: told.user_id,
            product_id: told.product_id,
            product_name: told.product_name,
            kind: told.kind,
            reason: told.reason,
        }
    }
}

/// A page of an inbox, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NotificationPage {
    pub(crate) items: Vec<NotificationView>,
    /// All unread items of the inbox.
    pub(crate) unread: u64,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) next_cursor: Option<String>,
}

/// Event `gap` of a stream: items after `after` are lost.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Gap {
    /// The last sequence before the gap.
    pub(crate) after: u64,
    /// The first sequence behind it, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) next: Option<u64>,
}

/// A message of the WebSocket.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", tag = "type")]
pub(crate) enum SocketMessage {
    /// A notification.
    Notification(Box<NotificationView>),
    /// Some are lost.
    Gap(Gap),
    /// Nothing new; still here.
    Ping,
}

/// A ticket for one stream.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ticket {
    /// To be sent once as `?ticket=`.
    pub(crate) ticket: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
}

/// What a shopper wants to be told, and how.
#[derive(ToSchema)]
#[schema(as = NotificationSettings, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes `rep_core::NotificationSettings`, which serialises itself")]
pub(crate) struct SettingsSchema {
    /// In the inbox and the live streams; what goes over other channels alone is in neither.
    in_app: bool,
    /// By push (a simulated channel).
    push: bool,
    /// By SMS (a simulated channel).
    sms: bool,
    kinds: KindsSchema,
}

/// Which kinds of notification are wanted.
#[derive(ToSchema)]
#[schema(as = NotificationKinds, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes `rep_core::NotificationKinds`, which serialises itself")]
pub(crate) struct KindsSchema {
    price_drop: bool,
    back_in_stock: bool,
    low_stock: bool,
}

/// Reads settings.
pub(crate) fn settings_of(value: Value) -> Result<NotificationSettings, Problem> {
    serde_json::from_value(value).map_err(|error| {
        let text = error.to_string();
        match text.split('`').nth(1) {
            Some(field) if text.contains("field") => Problem::field(field, &text),
            _ => Problem::invalid(format!("the settings are not valid: {text}")),
        }
    })
}
