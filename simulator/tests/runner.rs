//! The live side, on tokio's paused time: no test here waits for a wall clock.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use rep_core::Timestamp;
use rep_simulator::{Catalogue, RunnerConfig, Scenario, SimulatorError, State, Wish};
use support::{Bench, NOW_MS, bench};

fn at(rate: f64) -> Wish {
    Wish { rate: Some(rate), users: Some(2_000), ..Wish::default() }
}

async fn sleep(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_met_within_two_percent() {
    for rate in [1.0, 30.0, 1_000.0, 20_000.0] {
        let Bench { simulator, log, .. } = bench(RunnerConfig::default());
        log.keeps_records.store(false, Ordering::SeqCst);
        simulator.start(at(rate)).await.unwrap();
        sleep(5.0).await;
        let status = simulator.status();
        let wanted = rate * 5.0;
        let sent = status.totals.events as f64;
        assert!((sent - wanted).abs() <= (wanted * 0.02).max(1.0), "{sent} of {wanted}");
        assert!((status.actual_rate - rate).abs() <= (rate * 0.02).max(0.5), "{status:?}");
        assert_eq!((status.state, status.late), (State::Running, 0));
        let stopped = simulator.stop().await;
        assert_eq!(stopped.totals.events as usize, log.appended.load(Ordering::SeqCst));
        assert!(stopped.actual_rate == 0.0 && stopped.target_rate == 0.0);
    }
}

#[tokio::test(start_paused = true)]
async fn live_events_carry_the_clocks_time_and_stay_in_order() {
    let Bench { simulator, log, .. } = bench(RunnerConfig::default());
    log.delay_ms.store(7, Ordering::SeqCst);
    simulator.start(at(2_000.0)).await.unwrap();
    sleep(3.0).await;
    let status = simulator.stop().await;
    let actions = log.actions();
    assert_eq!(actions.len() as u64, status.totals.events);
    assert_eq!(status.totals.by_action.values().sum::<u64>(), status.totals.events);
    assert!(status.totals.sessions > 100 && status.started_at == Some(Timestamp::from_ms(NOW_MS)));
    let mut latest = HashMap::new();
    let mut plain = rep_simulator::Generator::new(
        rep_simulator::GeneratorConfig { users: 2_000, rate: 2_000.0, ..Default::default() },
        simulator.catalogue().clone(),
        42,
    );
    let mut by_user: HashMap<_, Vec<_>> = HashMap::new();
    for event in plain.next_batch(actions.len()) {
        by_user.entry(event.user_id).or_default().push((event.action_type, event.product_id));
    }
    let mut live: HashMap<_, Vec<_>> = HashMap::new();
    for action in actions {
        let ms = action.timestamp.as_ms();
        assert!((NOW_MS..NOW_MS + 3_100).contains(&ms));
        let last = latest.entry(action.user_id.clone()).or_insert(ms);
        assert!(*last <= ms, "a shopper's events stay in order");
        *last = ms;
        live.entry(action.user_id).or_default().push((action.action_type, action.product_id));
    }
    assert_eq!(live, by_user, "live traffic is the generator's");
}

#[tokio::test(start_paused = true)]
async fn two_runs_of_one_seed_share_no_trace_id() {
    let Bench { simulator, log, .. } = bench(RunnerConfig::default());
    for _ in 0..2 {
        simulator.start(at(200.0)).await.unwrap();
        sleep(1.0).await;
        simulator.stop().await;
    }
    let actions = log.actions();
    let ids: HashSet<_> = actions.iter().map(|action| &action.trace_id).collect();
    assert!(actions.len() > 300 && ids.len() == actions.len());
    assert_eq!(actions[0].product_id, actions[actions.len() / 2].product_id, "the same course");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_keep_up_is_seen_and_nothing_piles_up() {
    let Bench { simulator, log, .. } = bench(RunnerConfig { in_flight_max: 2, ..RunnerConfig::default() });
    log.keeps_records.store(false, Ordering::SeqCst);
    // 2 lanes, 2,000 records each, every four seconds: 1,000/s at best.
    log.delay_ms.store(4_000, Ordering::SeqCst);
    simulator.start(at(5_000.0)).await.unwrap();
    sleep(20.0).await;
    let status = simulator.status();
    assert!(status.totals.missed > 40_000 && status.late >= status.totals.missed, "{status:?}");
    assert!(status.actual_rate < 2_000.0 && status.target_rate > 4_999.0);
    assert!(log.under_way_max.load(Ordering::SeqCst) <= 2 && status.in_flight <= 2);
    let unaccounted = 20.0 * 5_000.0 - (status.totals.events + status.totals.missed) as f64;
    assert!((0.0..30_000.0).contains(&unaccounted), "waiting is bounded: {unaccounted}");
    // It recovers once the log does.
    log.delay_ms.store(0, Ordering::SeqCst);
    sleep(5.0).await;
    let missed = simulator.status().totals.missed;
    sleep(5.0).await;
    let status = simulator.status();
    assert_eq!(status.totals.missed, missed);
    assert!((status.actual_rate - 5_000.0).abs() < 100.0, "{}", status.actual_rate);
    simulator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_away_fails_events_visibly() {
    let Bench { simulator, log, .. } = bench(RunnerConfig::default());
    simulator.start(at(500.0)).await.unwrap();
    sleep(1.0).await;
    assert!(simulator.is_log_well());
    log.is_away.store(true, Ordering::SeqCst);
    sleep(2.0).await;
    let status = simulator.status();
    assert!(!simulator.is_log_well());
    assert!((900..=1_050).contains(&status.totals.failed), "{status:?}");
    assert_eq!(status.late, status.totals.failed);
    log.is_away.store(false, Ordering::SeqCst);
    sleep(1.0).await;
    assert!(simulator.is_log_well());
    simulator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn starts_once_stops_often_and_changes_while_running() {
    let config = RunnerConfig { tick: Duration::from_millis(50), ..RunnerConfig::default() };
    let Bench { simulator, log, .. } = bench(config);
    log.keeps_records.store(false, Ordering::SeqCst);
    assert_eq!(simulator.stop().await.state, State::Stopped);
    simulator.start(at(100.0)).await.unwrap();
    assert!(matches!(simulator.start(Wish::default()).await, Err(SimulatorError::Running)));
    let changed = simulator.change(Wish { rate: Some(5_000.0), ..Wish::default() }).unwrap();
    assert!(changed.rate > 4_999.0);
    sleep(4.0).await;
    assert!((simulator.status().actual_rate - 5_000.0).abs() < 100.0);
    for wish in [Wish { users: Some(5), ..Wish::default() }, Wish { seed: Some(5), ..Wish::default() }] {
        assert!(matches!(simulator.change(wish), Err(SimulatorError::Invalid(_))));
    }
    simulator.change(Wish { scenario: Some(Scenario::FlashSale), ..Wish::default() }).unwrap();
    sleep(0.1).await;
    let surging = simulator.status();
    assert!(surging.target_rate > 9_000.0 && surging.rate < 5_001.0, "{surging:?}");
    simulator.change(Wish { rate: Some(50.0), ..Wish::default() }).unwrap();
    sleep(600.0).await;
    let calm = simulator.status();
    assert!(calm.target_rate < 52.0, "{calm:?}");
    let events = simulator.stop().await.totals.events;
    assert_eq!(simulator.stop().await.totals.events, events, "totals of the last run stay");
    sleep(5.0).await;
    assert_eq!(simulator.status().totals.events, events, "nothing goes on");
    // What was set while stopped is what the next start takes.
    simulator.change(Wish { rate: Some(10.0), scenario: Some(Scenario::Steady), ..Wish::default() }).unwrap();
    let status = simulator.start(Wish::default()).await.unwrap();
    assert!(status.rate < 10.1 && status.totals.events == 0 && status.users == 2_000);
    simulator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_what_is_under_way_and_gives_up_in_time() {
    let config = RunnerConfig { drain_max: Duration::from_secs(3), ..RunnerConfig::default() };
    let Bench { simulator, log, .. } = bench(config);
    log.delay_ms.store(900, Ordering::SeqCst);
    simulator.start(at(1_000.0)).await.unwrap();
    sleep(2.0).await;
    let status = simulator.stop().await;
    assert_eq!(status.totals.events as usize, log.appended.load(Ordering::SeqCst));
    assert!((1_950..=2_010).contains(&status.totals.events), "{status:?}");
    assert_eq!((status.totals.failed, status.in_flight), (0, 0));

    log.delay_ms.store(60_000, Ordering::SeqCst);
    simulator.start(at(1_000.0)).await.unwrap();
    sleep(1.0).await;
    let before = tokio::time::Instant::now();
    let status = simulator.stop().await;
    assert!(before.elapsed() < Duration::from_secs(4));
    assert_eq!(status.state, State::Stopped);
    assert!(status.totals.failed > 900 && status.totals.events == 0, "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_takes_the_run_along() {
    let Bench { simulator, log, .. } = bench(RunnerConfig::default());
    let other = simulator.clone();
    simulator.start(at(1_000.0)).await.unwrap();
    drop(simulator);
    sleep(1.0).await;
    assert!(log.appended.load(Ordering::SeqCst) > 900);
    drop(other);
    sleep(0.5).await;
    let count = log.appended.load(Ordering::SeqCst);
    sleep(2.0).await;
    assert_eq!(log.appended.load(Ordering::SeqCst), count);
}

#[tokio::test(start_paused = true)]
async fn prices_and_stock_move_by_the_shop() {
    let Bench { simulator, shop, .. } = bench(RunnerConfig::default());
    simulator.start(Wish { change_rate: Some(5.0), ..at(1_000.0) }).await.unwrap();
    sleep(20.0).await;
    let status = simulator.status();
    let made = status.totals.price_changes + status.totals.stock_changes;
    assert!((98..=100).contains(&made), "{made}");
    assert_eq!(shop.changes.lock().len() as u64, made);
    assert!(status.totals.price_changes > 20 && status.totals.stock_changes > 20);
    // A flash sale cuts many prices at once; a tenth of the events is the most.
    simulator.change(Wish { scenario: Some(Scenario::FlashSale), ..Wish::default() }).unwrap();
    sleep(3.0).await;
    assert!(simulator.status().totals.price_changes >= status.totals.price_changes + 20);
    shop.is_away.store(true, Ordering::SeqCst);
    sleep(2.0).await;
    assert!(simulator.status().totals.failed_changes > 50);
    simulator.stop().await;
    let quiet = shop.changes.lock().len();
    sleep(5.0).await;
    assert_eq!(shop.changes.lock().len(), quiet);
}

#[tokio::test(start_paused = true)]
async fn what_the_shop_does_not_have_is_not_named() {
    let Bench { simulator, log, shop } = bench(RunnerConfig::default());
    let all: Vec<_> = (0..1_000).map(Catalogue::id).collect();
    shop.lacks.lock().extend(all.iter().cloned());
    let error = simulator.start(at(500.0)).await.unwrap_err();
    assert!(matches!(error, SimulatorError::Stranger(1_000)), "{error}");
    assert_eq!(simulator.status().state, State::Stopped);

    let lacks: HashSet<_> = all.into_iter().step_by(2).collect();
    *shop.lacks.lock() = lacks.clone();
    simulator.start(Wish { change_rate: Some(20.0), ..at(500.0) }).await.unwrap();
    sleep(4.0).await;
    let status = simulator.stop().await;
    assert!((status.totals.events as i64 - 2_000).abs() <= 40, "the rate is met all the same: {status:?}");
    let named: HashSet<_> = log.actions().into_iter().filter_map(|action| action.product_id).collect();
    assert!(named.len() > 50 && named.is_disjoint(&lacks));
    let changed: HashSet<_> = shop.changes.lock().iter().map(|change| change.product_id.clone()).collect();
    assert!(!changed.is_empty() && changed.is_disjoint(&lacks));
}
