//! What a run came to, for people and for Prometheus.

use std::collections::BTreeMap;
use std::time::Duration;

use rep_core::{ActionType, Timestamp};
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::meter::Meter;
use super::settings::Settings;
use crate::scenario::Scenario;

/// How the simulator stands.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `running` or `stopped`.
    pub state: State,
    /// The course of events.
    pub scenario: Scenario,
    /// Of the traffic.
    pub seed: u64,
    /// Regular shoppers.
    pub users: u32,
    /// Events per second that were asked for.
    pub rate: f64,
    /// Events per second that are due now: `rate` times the scenario's surge; 0 while stopped.
    pub target_rate: f64,
    /// Events per second that became durable, over the last 3 s; 0 while stopped.
    pub actual_rate: f64,
    /// Price and stock changes per second that were asked for, on a steady day.
    pub change_rate: f64,
    /// When the run began; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// Where the run's virtual time stands: tastes drift and hours pass along it; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub virtual_time: Option<Timestamp>,
    /// Counts since the run began.
    pub totals: Totals,
    /// Events that became durable more than a second after they were due, or were missed or failed: the log
    /// does not keep up.
    pub late: u64,
    /// Appends to the log that are under way.
    pub in_flight: usize,
    /// Most of them.
    pub in_flight_max: usize,
}

/// Whether a run is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// A run is on.
    Running,
    /// None is.
    Stopped,
}

/// Counts since a run began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Events that are durable.
    pub events: u64,
    /// Visits begun.
    pub sessions: u64,
    /// Events that are durable, by action.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub by_action: BTreeMap<&'static str, u64>,
    /// Prices changed.
    pub price_changes: u64,
    /// Stocks changed.
    pub stock_changes: u64,
    /// Changes that the shop refused or did not make in time.
    pub failed_changes: u64,
    /// Events that the log refused or did not take in time; some may be there all the same.
    pub failed: u64,
    /// Events that were due and never made, because too many waited.
    pub missed: u64,
    /// Actions by hand, since the simulator came up.
    pub acts: u64,
}

/// Events by action.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally([u64; ActionType::KNOWN.len()]);

impl Tally {
    pub(super) fn add(&mut self, action: ActionType) {
        if let Some(place) = ActionType::KNOWN.iter().position(|known| *known == action) {
            self.0[place] += 1;
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    fn each(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        ActionType::KNOWN.iter().zip(self.0).map(|(action, count)| (action.as_str(), count))
    }
}

/// The counts of the present or last run.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    running: bool,
    began: Option<(Instant, Timestamp)>,
    virtual_time: Option<Timestamp>,
    target_rate: f64,
    tally: Tally,
    totals: Totals,
    late: u64,
    in_flight: usize,
    meter: Meter,
    log_ails: bool,
}

impl Ledger {
    pub(super) fn begin(&mut self, at: Timestamp, target_rate: f64) {
        let acts = self.totals.acts;
        *self = Self {
            running: true,
            began: Some((Instant::now(), at)),
            target_rate,
            totals: Totals { acts, ..Totals::default() },
            log_ails: self.log_ails,
            ..Self::default()
        };
        metrics::gauge!("rep_simulator_running").set(1.0);
    }

    pub(super) fn end(&mut self) {
        self.running = false;
        self.in_flight = 0;
        metrics::gauge!("rep_simulator_running").set(0.0);
        metrics::gauge!("rep_simulator_target_rate").set(0.0);
        metrics::gauge!("rep_simulator_actual_rate").set(0.0);
    }

    pub(super) fn is_running(&self) -> bool {
        self.running
    }

    /// What is due now, and how far the traffic has come.
    pub(super) fn progress(&mut self, target_rate: f64, sessions: u64, virtual_time: Timestamp) {
        metrics::counter!("rep_simulator_sessions_total").increment(sessions - self.totals.sessions);
        metrics::gauge!("rep_simulator_target_rate").set(target_rate);
        self.target_rate = target_rate;
        self.totals.sessions = sessions;
        self.virtual_time = Some(virtual_time);
        let actual = self.actual_rate();
        metrics::gauge!("rep_simulator_actual_rate").set(actual);
    }

    pub(super) fn sending(&mut self) {
        self.in_flight += 1;
    }

    /// An append ended: its events are durable, or failed.
    pub(super) fn sent(&mut self, tally: &Tally, durable: bool, is_late: bool, took: Duration) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.note_log(durable);
        metrics::histogram!("rep_simulator_append_seconds").record(took.as_secs_f64());
        let count = tally.total();
        if durable {
            for (place, (action, count)) in tally.each().enumerate().filter(|(_, (_, count))| *count > 0) {
                self.tally.0[place] += count;
                metrics::counter!("rep_simulator_events_total", "action" => action).increment(count);
            }
            self.totals.events += count;
            if let Some((began, _)) = self.began {
                self.meter.record(began.elapsed(), count);
            }
        } else {
            self.totals.failed += count;
            metrics::counter!("rep_simulator_failed_events_total").increment(count);
        }
        if is_late || !durable {
            self.late(count);
        }
    }

    pub(super) fn missed(&mut self, count: u64) {
        self.totals.missed += count;
        metrics::counter!("rep_simulator_missed_events_total").increment(count);
        self.late(count);
    }

    /// Events that could not be sent before the run ended.
    pub(super) fn given_up(&mut self, count: u64) {
        self.totals.failed += count;
        metrics::counter!("rep_simulator_failed_events_total").increment(count);
        self.late(count);
    }

    fn late(&mut self, count: u64) {
        self.late += count;
        metrics::counter!("rep_simulator_late_events_total").increment(count);
    }

    /// A change of price or stock was made, or failed.
    pub(super) fn changed(&mut self, price: bool, stock: bool, done: bool) {
        let outcome = if done { "done" } else { "failed" };
        metrics::counter!("rep_simulator_inventory_changes_total", "outcome" => outcome).increment(1);
        if done {
            self.totals.price_changes += u64::from(price);
            self.totals.stock_changes += u64::from(stock);
        } else {
            self.totals.failed_changes += 1;
        }
    }

    pub(super) fn acted(&mut self) {
        self.totals.acts += 1;
        metrics::counter!("rep_simulator_acts_total").increment(1);
    }

    pub(super) fn note_log(&mut self, well: bool) {
        self.log_ails = !well;
    }

    pub(super) fn is_log_well(&self) -> bool {
        !self.log_ails
    }

    fn actual_rate(&mut self) -> f64 {
        match self.began {
            Some((began, _)) if self.running => self.meter.per_second(began.elapsed()),
            _ => 0.0,
        }
    }

    pub(super) fn status(&mut self, settings: Settings, in_flight_max: usize) -> Status {
        let mut totals = self.totals.clone();
        totals.by_action = self.tally.each().collect();
        Status {
            state: if self.running { State::Running } else { State::Stopped },
            scenario: settings.scenario,
            seed: settings.seed,
            users: settings.users,
            rate: settings.rate,
            target_rate: if self.running { self.target_rate } else { 0.0 },
            actual_rate: self.actual_rate(),
            change_rate: settings.change_rate,
            started_at: self.began.map(|(_, at)| at),
            virtual_time: self.virtual_time,
            totals,
            late: self.late,
            in_flight: self.in_flight,
            in_flight_max,
        }
    }
}

/// Says what the metrics mean, to whoever records them.
pub(super) fn describe_metrics() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!(
        "rep_simulator_events_total",
        Unit::Count,
        "simulated events that are durable, by action"
    );
    describe_counter!(
        "rep_simulator_late_events_total",
        Unit::Count,
        "simulated events that were durable over a second late, missed or failed"
    );
    describe_counter!(
        "rep_simulator_missed_events_total",
        Unit::Count,
        "simulated events never made, because too many waited for the log"
    );
    describe_counter!(
        "rep_simulator_failed_events_total",
        Unit::Count,
        "simulated events the log did not take"
    );
    describe_counter!("rep_simulator_sessions_total", Unit::Count, "visits begun");
    describe_counter!("rep_simulator_acts_total", Unit::Count, "actions by hand that are durable");
    describe_counter!(
        "rep_simulator_inventory_changes_total",
        Unit::Count,
        "changes of prices and stock, by outcome"
    );
    describe_gauge!("rep_simulator_running", "1 while a run is on, else 0");
    describe_gauge!("rep_simulator_target_rate", "events per second that are due");
    describe_gauge!("rep_simulator_actual_rate", "events per second that became durable, over the last 3 s");
    describe_histogram!("rep_simulator_append_seconds", Unit::Seconds, "how long appends to the log take");
}
