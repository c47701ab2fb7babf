//! Who cares about a product, folded from what they did with it by the rules of [`Registers`].
//!
//! Those go by the actions' own time and forget what was before the moment asked for, so only documents of actions
//! since then are looked at, whenever they were taken. What says most is asked for first, by itself: however often a
//! product is shown, nobody's cart is left out for it.

use std::collections::{HashMap, HashSet};

use rep_core::ports::StoreError;
use rep_core::ports::behaviour::Interest;
use rep_core::{ActionType, ProductId, Registers, Standing, Timestamp, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ElasticsearchBehaviour;
use crate::elasticsearch::error::corrupt;
use crate::elasticsearch::search::Found;

/// Documents of one page.
const PAGE: usize = 5000;
/// Documents looked at for one answer, the newest, of each of [`KINDS`].
const DOCUMENTS_MAX: usize = 100_000;
/// Shoppers named in one query; the server takes 65,536 at most.
const USERS_MAX: usize = 10_000;

/// What is asked for at once.
const KINDS: [&[ActionType]; 2] = [
    &[
        ActionType::Wishlist,
        ActionType::RemoveFromWishlist,
        ActionType::AddToCart,
        ActionType::RemoveFromCart,
        ActionType::Purchase,
        ActionType::Dislike,
    ],
    &[ActionType::View, ActionType::Click],
];

/// Values of a document, of which each is a list of one.
#[derive(Deserialize)]
struct Values {
    #[serde(rename = "userId")]
    user_id: [UserId; 1],
    #[serde(rename = "actionType")]
    action_type: [ActionType; 1],
    timestamp: [String; 1],
}

impl ElasticsearchBehaviour {
    pub(super) async fn find_interested(
        &self,
        product: &ProductId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Interest>, StoreError> {
        let registers = self.registers(product, None, since).await?;
        let interest = |(user_id, registers): (UserId, Registers)| match registers.standing(since) {
            Standing::Interested { reason, at } => Some(Interest { user_id, reason, at }),
            Standing::Settled | Standing::Unconcerned => None,
        };
        let mut interested: Vec<Interest> = registers.into_iter().filter_map(interest).collect();
        interested.sort_unstable_by(|a, b| {
            a.reason.cmp(&b.reason).then(b.at.cmp(&a.at)).then_with(|| a.user_id.cmp(&b.user_id))
        });
        interested.truncate(limit);
        Ok(interested)
    }

    pub(super) async fn find_settled(
        &self,
        product: &ProductId,
        users: &[UserId],
        since: Timestamp,
    ) -> Result<HashSet<UserId>, StoreError> {
        let mut settled = HashSet::new();
        for part in users.chunks(USERS_MAX) {
            let registers = self.registers(product, Some(part), since).await?;
            let of_part = registers.into_iter().filter(|(_, r)| r.standing(since) == Standing::Settled);
            settled.extend(of_part.map(|(user, _)| user));
        }
        Ok(settled)
    }

    /// What each shopper, of `users` if they are named, did with `product` at or after `since`.
    async fn registers(
        &self,
        product: &ProductId,
        users: Option<&[UserId]>,
        since: Timestamp,
    ) -> Result<HashMap<UserId, Registers>, StoreError> {
        let mut registers = HashMap::new();
        for kinds in KINDS {
            let mut filters = vec![
                json!({ "term": { "productId": product } }),
                json!({ "terms": { "actionType": kinds } }),
                json!({ "range": { "timestamp": { "gte": since.as_ms(), "format": "epoch_millis" } } }),
            ];
            filters.extend(users.map(|users| json!({ "terms": { "userId": users } })));
            self.note(&mut registers, product, filters).await?;
        }
        Ok(registers)
    }

    /// Notes what the documents that pass `filters` say, the newest first.
    async fn note(
        &self,
        registers: &mut HashMap<UserId, Registers>,
        product: &ProductId,
        filters: Vec<Value>,
    ) -> Result<(), StoreError> {
        let mut body = json!({
            "size": PAGE,
            "track_total_hits": false,
            "_source": false,
            "fields": ["userId", "actionType", { "field": "timestamp", "format": "epoch_millis" }],
            "query": { "bool": { "filter": filters } },
            // A document that is taken meanwhile moves no other: a page follows on the one before without a snapshot.
            "sort": [{ "timestamp": "desc" }, { "traceId": "asc" }],
        });
        let mut seen = 0;
        loop {
            let found: Found<Values> = self.client.search(&self.index, body.clone()).await?;
            let count = found.hits.hits.len();
            let last = found.hits.hits.last().map(|hit| hit.sort.clone());
            for hit in found.hits.hits {
                let Values { user_id: [user], action_type: [action], timestamp: [at] } = hit.document;
                let at = at.parse::<i64>().map_err(|error| corrupt(format!("time `{at}`: {error}")))?;
                registers.entry(user).or_default().note(action, Timestamp::from_ms(at));
            }
            seen += count;
            let Some(last) = last.filter(|_| count == PAGE) else { return Ok(()) };
            if seen >= DOCUMENTS_MAX {
                metrics::counter!("rep_elasticsearch_interest_cut_total").increment(1);
                tracing::warn!(%product, documents = seen, "interest is folded from the newest actions only");
                return Ok(());
            }
            body["search_after"] = last.into();
        }
    }
}
