//! The bodies of requests and answers, as the OpenAPI document shows them.

use rep_core::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::scenario::Scenario;

/// `POST /simulator/start`; every field may be left out.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct StartRequest {
    /// Regular shoppers.
    #[schema(minimum = 1, maximum = 200_000, example = 20_000)]
    pub users: Option<u32>,
    /// Events per second.
    #[schema(exclusive_minimum = 0, maximum = 200_000, example = 100)]
    pub rate: Option<f64>,
    /// The course of events.
    pub scenario: Option<Scenario>,
    /// Of the traffic: the same seed takes the same course.
    #[schema(minimum = 0, example = 42)]
    pub seed: Option<u64>,
    /// Price and stock changes per second on a steady day; never more than a tenth of `rate` happen.
    #[schema(minimum = 0, maximum = 20_000, example = 0.2)]
    pub change_rate: Option<f64>,
}

/// `PATCH /simulator`; every field may be left out.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ChangeRequest {
    /// Events per second.
    #[schema(exclusive_minimum = 0, maximum = 200_000, example = 1_000)]
    pub rate: Option<f64>,
    /// The course of events.
    pub scenario: Option<Scenario>,
    /// Price and stock changes per second on a steady day.
    #[schema(minimum = 0, maximum = 20_000, example = 1)]
    pub change_rate: Option<f64>,
}

/// `POST /simulator/act`.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ActRequest {
    /// Who acts; need not be one of the simulated shoppers.
    #[schema(max_length = 128, example = "u-000001")]
    pub user_id: String,
    /// What they do.
    #[schema(example = "CLICK")]
    pub action_type: String,
    /// With which product; required by every action but `SEARCH`.
    #[schema(max_length = 128, example = "p-000123")]
    pub product_id: Option<String>,
    /// What they search for; required by `SEARCH`.
    #[schema(max_length = 512, example = "running shoes")]
    pub search_query: Option<String>,
}

/// An action that is durable in the log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActAnswer {
    /// The event's id.
    pub trace_id: String,
    /// Who acted.
    pub user_id: String,
    /// What they did.
    pub action_type: &'static str,
    /// With which product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    /// What they searched for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_query: Option<String>,
    /// The visit it counts to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
}

/// A scenario.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScenarioItem {
    /// What requests call it.
    pub id: Scenario,
    /// Its name for people.
    pub name: &'static str,
    /// What happens in it.
    pub description: &'static str,
}

/// The scenarios.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScenarioList {
    /// All of them.
    pub items: Vec<ScenarioItem>,
}
