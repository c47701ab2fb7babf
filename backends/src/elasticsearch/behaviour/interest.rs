//! Who cares about a product, folded from what they did with it.
//!
//! One shopper's actions are spread over the shards, so their order is that of the log: by epoch, partition and
//! offset, and by when they were taken where a record brought several. Only documents from shortly before the moment
//! asked for are looked at: what was appended earlier tells of interest before it, or ended such.

use std::collections::HashMap;
use std::time::Duration;

use rep_core::ports::StoreError;
use rep_core::ports::behaviour::Interest;
use rep_core::{ActionType, InterestReason, ProductId, Timestamp, UserId};
use serde::Deserialize;
use serde_json::json;

use super::ElasticsearchBehaviour;
use crate::elasticsearch::error::corrupt;
use crate::elasticsearch::search::Found;

/// Documents of one page.
const PAGE: usize = 5000;
/// Documents looked at for one answer, the newest.
const DOCUMENTS_MAX: usize = 100_000;
/// How much later than an action it may say it happened, and its record still counts: clocks differ, and events from
/// five minutes ahead are let in (`rep_core::EventTimeLimits`).
const CLOCK_SLACK: Duration = Duration::from_secs(600);

const KINDS: [ActionType; 7] = [
    ActionType::View,
    ActionType::Click,
    ActionType::AddToCart,
    ActionType::Wishlist,
    ActionType::Purchase,
    ActionType::RemoveFromCart,
    ActionType::Dislike,
];

/// Values of a document, of which each is a list of one.
#[derive(Deserialize)]
struct Values {
    #[serde(rename = "userId")]
    user_id: [UserId; 1],
    #[serde(rename = "actionType")]
    action_type: [ActionType; 1],
    timestamp: [String; 1],
    taken: [i64; 1],
    #[serde(rename = "position.epoch")]
    epoch: [u32; 1],
    #[serde(rename = "position.partition")]
    partition: [u32; 1],
    #[serde(rename = "position.offset")]
    offset: [u64; 1],
}

/// An action, as far as it says something about interest. Ordered by when it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    /// Epoch, partition, offset, and number.
    order: (u32, u32, u64, i64),
    action_type: ActionType,
    at: Timestamp,
}

impl ElasticsearchBehaviour {
    pub(super) async fn find_interested(
        &self,
        product: &ProductId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Interest>, StoreError> {
        let from = since.minus(CLOCK_SLACK).as_ms();
        let mut body = json!({
            "size": PAGE,
            "track_total_hits": false,
            "_source": false,
            "fields": [
                "userId",
                "actionType",
                { "field": "timestamp", "format": "epoch_millis" },
                "taken",
                "position.epoch",
                "position.partition",
                "position.offset",
            ],
            "query": { "bool": { "filter": [
                { "term": { "productId": product } },
                { "terms": { "actionType": KINDS } },
                { "range": { "appendedAt": { "gte": from, "format": "epoch_millis" } } },
            ] } },
            // An order that later documents do not change: a page follows on the one before without a snapshot.
            "sort": [{ "appendedAt": "desc" }, { "traceId": "asc" }],
        });
        let mut steps: HashMap<UserId, Vec<Step>> = HashMap::new();
        let mut seen = 0;
        loop {
            let found: Found<Values> = self.client.search(&self.index, body.clone()).await?;
            let count = found.hits.hits.len();
            let last = found.hits.hits.last().map(|hit| hit.sort.clone());
            for hit in found.hits.hits {
                let values = hit.document;
                let ([user], [at]) = (values.user_id, values.timestamp);
                let at = at.parse::<i64>().map_err(|error| corrupt(format!("time `{at}`: {error}")))?;
                let ([epoch], [partition], [offset]) = (values.epoch, values.partition, values.offset);
                let ([action_type], [taken]) = (values.action_type, values.taken);
                let order = (epoch, partition, offset, taken);
                let step = Step { order, action_type, at: Timestamp::from_ms(at) };
                steps.entry(user).or_default().push(step);
            }
            seen += count;
            let Some(last) = last.filter(|_| count == PAGE) else { break };
            if seen >= DOCUMENTS_MAX {
                metrics::counter!("rep_elasticsearch_interest_cut_total").increment(1);
                tracing::warn!(%product, documents = seen, "interest is folded from the newest documents only");
                break;
            }
            body["search_after"] = last.into();
        }
        let interest =
            |(user_id, steps)| fold(steps, since).map(|(reason, at)| Interest { user_id, reason, at });
        let mut interested: Vec<Interest> = steps.into_iter().filter_map(interest).collect();
        interested.sort_unstable_by(|a, b| {
            a.reason.cmp(&b.reason).then(b.at.cmp(&a.at)).then_with(|| a.user_id.cmp(&b.user_id))
        });
        interested.truncate(limit);
        Ok(interested)
    }
}

/// The strongest reason of one shopper that was shown at or after `since`, and when any was shown last.
fn fold(mut steps: Vec<Step>, since: Timestamp) -> Option<(InterestReason, Timestamp)> {
    steps.sort_unstable();
    let mut shown: [Option<Timestamp>; 3] = [None; 3];
    for step in steps {
        match step.action_type {
            ActionType::AddToCart => shown[0] = Some(step.at),
            ActionType::Wishlist => shown[1] = Some(step.at),
            ActionType::View | ActionType::Click => shown[2] = Some(step.at),
            ActionType::Purchase | ActionType::RemoveFromCart | ActionType::Dislike => shown = [None; 3],
            ActionType::Search | ActionType::Unknown => {}
        }
    }
    let shown = shown.map(|at| at.filter(|at| *at >= since));
    let reasons = [InterestReason::Carted, InterestReason::Wishlisted, InterestReason::Viewed];
    let strongest = reasons.into_iter().zip(shown).find(|(_, at)| at.is_some())?.0;
    Some((strongest, shown.into_iter().flatten().max()?))
}
