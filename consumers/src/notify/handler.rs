//! Deliveries: whose turn it is, their settings, the cap, the inbox, the channels.

use std::ops::Range;
use std::sync::Arc;

use ahash::AHashSet;
use async_trait::async_trait;
use futures::{StreamExt, stream};
use metrics::Histogram;
use rep_core::avro::Codec;
use rep_core::ports::log::Record;
use rep_core::ports::notifications::{Delivery, DeliveryOutcome, Notifications};
use rep_core::ports::{StoreError, one_each};
use rep_core::{Notification, NotificationKind, Position, Timestamp, UserId};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::cap::{Cap, Fate, Limits, Recent, is_prompt};
use super::held::{Held, Item, Turn};
use super::round::{Decision, Refused, Round, Shopper};
use super::{Channel, ChannelOutcome, NotifyConfig, NotifyDeps};
use crate::handler::{Refusal, Tally};
use crate::panics::caught;
use crate::spans::{Work, in_stage};
use crate::{Handler, RoleContext, Verdicts};

pub(super) struct NotifyHandler {
    context: RoleContext,
    codec: Codec,
    notifications: Arc<dyn Notifications>,
    push: Arc<dyn Channel>,
    sms: Arc<dyn Channel>,
    config: NotifyConfig,
    limits: Limits,
    held: Held,
    cap: Cap,
    since_logged: Histogram,
    since_changed: Histogram,
}

impl NotifyHandler {
    pub(super) fn new(context: RoleContext, deps: NotifyDeps, config: NotifyConfig) -> Self {
        let stage = "notification";
        let limits = config.limits();
        Self {
            context,
            codec: deps.codec,
            notifications: deps.notifications,
            push: deps.push,
            sms: deps.sms,
            config,
            limits,
            held: Held::new(config.hold, config.held_max),
            cap: Cap::new(limits, config.cap_shoppers),
            since_logged: metrics::histogram!("rep_freshness_seconds", "stage" => stage, "since" => "log"),
            since_changed: metrics::histogram!("rep_freshness_seconds", "stage" => stage, "since" => "event"),
        }
    }

    /// Settles turns that have come, or every one if `all`: about a batch of them. Gives whether there were any.
    async fn settle(&mut self, all: bool, verdicts: &mut Verdicts) -> bool {
        let turns = self.held.turns(Instant::now(), all, self.config.consume.records_max);
        if turns.is_empty() {
            return false;
        }
        let items = turns.iter().flat_map(|turn| self.held.items(turn));
        let records: Vec<Record> = items.map(|item| item.record.clone()).collect();
        let work = Work::on(&records, self.context.role(), "handle");
        let settled = self.settle_turns(&turns, verdicts).instrument(work.span()).await;
        self.held.finish(&turns, &settled, Instant::now());
        true
    }

    /// Gives the records that are settled. Cancelled, it has reported nothing, and begins again.
    async fn settle_turns(&mut self, turns: &[Turn], verdicts: &mut Verdicts) -> AHashSet<Position> {
        let begun = Instant::now();
        // From here on only the store knows what these shoppers were told.
        let known: Vec<Option<Recent>> = turns.iter().map(|turn| self.cap.take(&turn.user)).collect();
        let lookups: Vec<_> = turns
            .iter()
            .zip(&known)
            .map(|(turn, recent)| self.shopper(&turn.user, recent.as_ref()))
            .collect();
        let lookups = stream::iter(lookups).buffered(self.config.lookups).collect::<Vec<_>>();
        let shoppers = in_stage("settings", lookups).await;
        self.context.observe("settings", begun);

        let now = self.context.now();
        let others = [self.push.name(), self.sms.name()];
        let (mut rounds, mut refused) = (Vec::with_capacity(turns.len()), Vec::new());
        for (turn, shopper) in turns.iter().zip(shoppers) {
            let items = self.held.items(turn);
            match shopper {
                Ok(shopper) => rounds.push(Round::of(turn, items, shopper, self.limits, others, now)),
                Err(refusal) => refused.push(Refused { items, refusal }),
            }
        }

        let begun = Instant::now();
        let deliveries: Vec<Delivery> = rounds.iter().flat_map(|round| round.deliveries(now)).collect();
        let outcomes = in_stage("deliver", self.deliver(&deliveries)).await;
        self.context.observe("deliver", begun);
        self.observe_freshness(&rounds);

        let begun = Instant::now();
        let is_new = |outcome: &Outcome| {
            matches!(outcome, Ok(DeliveryOutcome::Delivered(_) | DeliveryOutcome::Unlisted))
        };
        let sent: Vec<&Delivery> = deliveries
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| is_new(outcome))
            .map(|(sent, _)| sent)
            .collect();
        in_stage("channels", self.send(&sent)).await;
        self.context.observe("channels", begun);
        verdicts.tally.notifications += sent.len() as u64;

        let mut settled = AHashSet::new();
        for Refused { items, refusal } in refused {
            for item in items {
                settled.insert(item.record.position);
                verdicts.rejected.push(refusal.of(&item.record));
            }
        }
        let mut outcomes = outcomes.into_iter();
        for round in rounds {
            let outcomes: Vec<Outcome> = outcomes
                .by_ref()
                .take(round.delivered().count() + usize::from(round.summary.is_some()))
                .collect();
            let is_certain = outcomes.iter().all(is_new);
            settle_round(&round, outcomes, &mut settled, verdicts);
            if let Some(item) = round.items.first().filter(|_| is_certain) {
                self.cap.put(item.notification.user_id.clone(), round.recent);
            }
        }
        self.cap.trim(now);
        settled
    }

    /// Settings, and what was told lately: `known`, or as the store knows it. Waits while the store is away.
    async fn shopper(&self, user: &UserId, known: Option<&Recent>) -> Result<Shopper, Refusal> {
        let mut retry = self.context.retry("settings");
        loop {
            let lookup = async {
                let settings = self.context.bounded(self.notifications.settings(user)).await?;
                let recent = match known {
                    Some(recent) => recent.clone(),
                    None => {
                        let recent = self.notifications.recent(user, self.limits.total);
                        Recent::learn(&self.context.bounded(recent).await?)
                    }
                };
                Ok::<_, StoreError>(Shopper { settings, recent })
            };
            match caught(lookup).await {
                Ok(Ok(shopper)) => return Ok(shopper),
                Ok(Err(error)) if error.is_retryable() => retry.wait(&error).await,
                Ok(Err(error)) => return Err(Refusal::of_store(&error, retry.attempts())),
                Err(panic) => return Err(Refusal::panic(panic, retry.attempts())),
            }
        }
    }

    /// Delivers all, after as many attempts as it takes; what is refused for good is halved until it stands alone.
    async fn deliver(&self, deliveries: &[Delivery]) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> = deliveries.iter().map(|_| None).collect();
        let mut retry = self.context.retry("deliver");
        let mut parts: Vec<Range<usize>> = std::iter::once(0..deliveries.len()).collect();
        while let Some(part) = parts.pop().filter(|part| !part.is_empty()) {
            let call = async {
                let delivered = self.notifications.deliver(deliveries[part.clone()].to_vec());
                one_each(part.len(), self.context.bounded(delivered).await?)
            };
            let refusal = match caught(call).await {
                Ok(Ok(delivered)) => {
                    outcomes[part]
                        .iter_mut()
                        .zip(delivered)
                        .for_each(|(place, outcome)| *place = Some(Ok(outcome)));
                    continue;
                }
                Ok(Err(error)) if error.is_retryable() => {
                    retry.wait(&error).await;
                    parts.push(part);
                    continue;
                }
                Ok(Err(error)) => Refusal::of_store(&error, retry.attempts()),
                Err(panic) => Refusal::panic(panic, retry.attempts()),
            };
            if part.len() > 1 {
                let middle = part.start + part.len() / 2;
                parts.extend([middle..part.end, part.start..middle]);
            } else {
                outcomes[part.start] = Some(Err(refusal));
            }
        }
        outcomes.into_iter().flatten().collect()
    }

    async fn send(&self, deliveries: &[&Delivery]) {
        let sends: Vec<_> = deliveries
            .iter()
            .flat_map(|delivery| [&self.push, &self.sms].map(|channel| (delivery, channel)))
            .filter(|(delivery, channel)| delivery.channels.iter().any(|name| name == channel.name()))
            .map(|(delivery, channel)| self.send_one(&delivery.notification, &**channel))
            .collect();
        stream::iter(sends).buffer_unordered(self.config.sends).collect::<Vec<()>>().await;
    }

    async fn send_one(&self, notification: &Notification, channel: &dyn Channel) {
        let outcome = match tokio::time::timeout(self.config.send_max, channel.send(notification)).await {
            Ok(ChannelOutcome::Sent) => "sent",
            Ok(ChannelOutcome::Failed { reason }) => {
                tracing::debug!(channel = channel.name(), reason, "message is not sent");
                "failed"
            }
            Err(_) => "timeout",
        };
        metrics::counter!("rep_notify_messages_total", "channel" => channel.name(), "outcome" => outcome)
            .increment(1);
    }

    fn observe_freshness(&self, rounds: &[Round<'_>]) {
        let now = self.context.now();
        let moment = |item: &Item| (item.record.appended_at, item.notification.timestamp);
        let due: Vec<(Timestamp, Timestamp)> = rounds.iter().flat_map(Round::delivered).map(moment).collect();
        for run in due.chunk_by(|a, b| a.0 == b.0) {
            self.since_logged.record_many(now.since(run[0].0).as_secs_f64(), run.len());
        }
        for run in due.chunk_by(|a, b| a.1 == b.1) {
            self.since_changed.record_many(now.since(run[0].1).as_secs_f64(), run.len());
        }
    }
}

/// What became of a delivery, or why it is refused for good.
type Outcome = Result<DeliveryOutcome, Refusal>;

/// Reports what became of `round`: `outcomes` of what was delivered, and then of its summary.
fn settle_round(
    round: &Round<'_>,
    outcomes: Vec<Outcome>,
    settled: &mut AHashSet<Position>,
    verdicts: &mut Verdicts,
) {
    let mut outcomes = outcomes.into_iter();
    let mut of_items: Vec<Outcome> = outcomes.by_ref().take(round.delivered().count()).collect();
    of_items.reverse();
    let summarised = match outcomes.next() {
        Some(Ok(_)) => true,
        Some(Err(Refusal { error, .. })) => {
            tracing::warn!(error, "a summary is refused");
            false
        }
        None => false,
    };
    for (item, decision) in round.items.iter().zip(&round.decisions) {
        let why = match decision {
            Decision::Postponed => continue,
            Decision::Unwanted => Some("unwanted"),
            Decision::Capped(Fate::Repeat) => Some("repeat"),
            Decision::Capped(Fate::OverCap | Fate::OverProduct) if summarised => Some("merged"),
            Decision::Capped(Fate::OverCap) => Some("cap"),
            Decision::Capped(Fate::OverProduct) => Some("product"),
            Decision::Capped(Fate::Deliver) => match of_items.pop() {
                Some(Err(refusal)) => {
                    settled.insert(item.record.position);
                    verdicts.rejected.push(refusal.of(&item.record));
                    continue;
                }
                Some(Ok(DeliveryOutcome::Duplicate)) => Some("repeat"),
                _ => None,
            },
        };
        if let Some(why) = why {
            muted(why, &mut verdicts.tally);
        }
        settled.insert(item.record.position);
        verdicts.done.push(item.record.position);
    }
}

/// Counts what was held back, and why.
fn muted(why: &'static str, tally: &mut Tally) {
    metrics::counter!("rep_notify_muted_total", "why" => why).increment(1);
    tally.muted += 1;
}

#[async_trait]
impl Handler for NotifyHandler {
    /// Holds what is due; it is delivered by the next [`Self::tick`], or by a later one. Kinds that only newer producers
    /// know are dropped.
    async fn handle(&mut self, records: &[Record], verdicts: &mut Verdicts) -> Result<(), StoreError> {
        let now = Instant::now();
        for record in records {
            match self.codec.decode::<Notification>(&record.value) {
                Err(error) => verdicts.reject(record, error.reason(), error),
                Ok(notification) if notification.kind == NotificationKind::Unknown => {
                    verdicts.done.push(record.position);
                    verdicts.tally.skipped += 1;
                }
                Ok(notification) => {
                    let is_prompt = is_prompt(notification.reason);
                    self.held.push(Item { record: record.clone(), notification, is_prompt }, now);
                }
            }
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        self.held.due(Instant::now())
    }

    async fn tick(&mut self, verdicts: &mut Verdicts) -> Result<(), StoreError> {
        while self.settle(false, verdicts).await {}
        Ok(())
    }

    async fn flush(&mut self, verdicts: &mut Verdicts) -> Result<(), StoreError> {
        while self.settle(true, verdicts).await {}
        Ok(())
    }

    fn revoked(&mut self, partitions: &[u32]) {
        self.held.revoked(partitions);
    }
}
