//! Faults of the servers, and of the way to them.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rep_core::ActionType;

use super::wait_ms;
use crate::cluster::{Cluster, KAFKA};
use crate::load::{Answer, action, call, event_of, patient};
use crate::process::Process;
use crate::run::{Run, lagging};
use crate::support::Random;

/// What the API may grow by while Kafka is away: the 64 MiB that its producer may hold, and what requests in
/// flight take.
const GROWTH_BYTES_MAX: u64 = 128 << 20;

pub(super) fn kafka_paused(cluster: &Cluster, run: &Run, random: &mut Random) -> anyhow::Result<()> {
    wait_ms(random, 0, 1000);
    cluster.servers.signal(KAFKA, "STOP");
    let refused = are_refused(cluster, run, "paused", Duration::from_secs(30));
    cluster.servers.signal(KAFKA, "CONT");
    refused
}

pub(super) fn kafka_killed(cluster: &Cluster, run: &Run, random: &mut Random) -> anyhow::Result<()> {
    for round in 0..2 {
        wait_ms(random, 0, 2000);
        cluster.servers.signal(KAFKA, "KILL");
        let refused = are_refused(cluster, run, &format!("killed{round}"), Duration::from_secs(8));
        cluster.servers.restart(KAFKA);
        refused?;
        wait_ms(random, 2000, 6000);
    }
    Ok(())
}

pub(super) fn kafka_cut(cluster: &Cluster, run: &Run, random: &mut Random) -> anyhow::Result<()> {
    for (round, stalls) in [true, false].into_iter().enumerate() {
        wait_ms(random, 0, 2000);
        if stalls {
            cluster.log.stall(true);
        } else {
            cluster.log.cut(true);
        }
        let taken = are_taken(cluster, run, &format!("cut{round}"), Duration::from_secs(20));
        let behind = cluster.stores().map(|stores| cluster.wait(lagging(&stores)));
        cluster.log.stall(false);
        cluster.log.cut(false);
        taken?;
        ensure!(behind?.is_some(), "nobody was cut off");
        wait_ms(random, 2000, 6000);
    }
    Ok(())
}

/// Whether the API, which is not cut off, goes on to take events for a while.
fn are_taken(cluster: &Cluster, run: &Run, when: &str, longest: Duration) -> anyhow::Result<()> {
    let (agent, began) = (patient(), Instant::now());
    let url = format!("{}/events", cluster.urls("api").first().context("an API is ready")?);
    for probe in 0.. {
        if began.elapsed() >= longest {
            break;
        }
        let user = format!("{}-prober", run.name);
        let probe = action(&format!("{user}-{when}-{probe}"), &user, &run.products[0], ActionType::Click);
        let answer = call(&agent, "POST", &url, &event_of(&probe));
        ensure!(matches!(answer, Answer::Taken(_)), "not taken while only others are cut off: {answer:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Whether the API says for a while that it cannot take events, and its memory stays within bounds.
fn are_refused(cluster: &Cluster, run: &Run, when: &str, longest: Duration) -> anyhow::Result<()> {
    let (agent, began) = (patient(), Instant::now());
    let slot = *cluster.slots("api").first().context("there is an API")?;
    let before = cluster.with("api", slot, |api| Process::resident_bytes(api))?;
    let url = format!("{}/events", cluster.urls("api").first().context("it is ready")?);
    let user = format!("{}-prober", run.name);
    let mut probes = 0;
    while began.elapsed() < longest {
        let probe = action(&format!("{user}-{when}-{probes}"), &user, &run.products[0], ActionType::Click);
        match call(&agent, "POST", &url, &event_of(&probe)) {
            Answer::Refused => probes += 1,
            Answer::Taken(answer) => bail!("acknowledged while Kafka was away: {answer}"),
            Answer::Broken => bail!("the API does not answer while Kafka is away"),
            Answer::Wrong(answer) => bail!("while Kafka is away: {answer}"),
        }
    }
    let grown = cluster.with("api", slot, |api| Process::resident_bytes(api))?.saturating_sub(before);
    ensure!(grown < GROWTH_BYTES_MAX, "the API grew by {} MiB while Kafka was away", grown >> 20);
    println!("{probes} probes were refused, the API grew by {} MiB", grown >> 20);
    Ok(())
}

pub(super) fn redis_killed(cluster: &Cluster, _: &Run, random: &mut Random) -> anyhow::Result<()> {
    kill_redis(cluster, random, 3)
}

/// Kills Redis at random moments and starts it again on what it kept.
pub(super) fn kill_redis(cluster: &Cluster, random: &mut Random, times: usize) -> anyhow::Result<()> {
    for _ in 0..times {
        wait_ms(random, 200, 3000);
        cluster.servers.signal("redis", "KILL");
        wait_ms(random, 500, 5000);
        cluster.servers.restart("redis");
    }
    Ok(())
}

/// As when its disk is lost, or it is started anew without one.
pub(super) fn redis_wiped(cluster: &Cluster, run: &Run, random: &mut Random) -> anyhow::Result<()> {
    run.forgotten.store(true, Ordering::Relaxed);
    let stores = cluster.stores()?;
    for _ in 0..2 {
        wait_ms(random, 1000, 5000);
        let waiting = run.waiting(cluster, &stores)?;
        ensure!(waiting > 0, "nothing waits when Redis is wiped");
        println!("{waiting} actions wait when Redis is wiped");
        cluster.tell_redis("FLUSHALL")?;
    }
    wait_ms(random, 3000, 6000);
    Ok(())
}

pub(super) fn redis_full(cluster: &Cluster, _: &Run, random: &mut Random) -> anyhow::Result<()> {
    wait_ms(random, 0, 1000);
    cluster.tell_redis("CONFIG SET maxmemory 1mb")?;
    std::thread::sleep(Duration::from_secs(15));
    cluster.tell_redis("CONFIG SET maxmemory 512mb")
}

pub(super) fn search_killed(cluster: &Cluster, _: &Run, random: &mut Random) -> anyhow::Result<()> {
    wait_ms(random, 0, 2000);
    cluster.servers.signal("elasticsearch", "KILL");
    wait_ms(random, 5000, 10_000);
    cluster.servers.restart("elasticsearch");
    Ok(())
}

pub(super) fn search_paused(cluster: &Cluster, _: &Run, random: &mut Random) -> anyhow::Result<()> {
    wait_ms(random, 0, 2000);
    pause_search(cluster, Duration::from_secs(30))
}

/// Puts Elasticsearch to sleep.
pub(super) fn pause_search(cluster: &Cluster, longest: Duration) -> anyhow::Result<()> {
    cluster.servers.signal("elasticsearch", "STOP");
    std::thread::sleep(longest);
    cluster.servers.signal("elasticsearch", "CONT");
    Ok(())
}

/// What the server itself does to indices on a disk that is nearly full.
pub(super) fn search_full(cluster: &Cluster, _: &Run, random: &mut Random) -> anyhow::Result<()> {
    wait_ms(random, 0, 1000);
    let block = |value: &str| {
        let body = format!(r#"{{"index.blocks.read_only_allow_delete": {value}}}"#);
        cluster.ask_search("PUT", "_all/_settings", &body).map(drop)
    };
    block("true")?;
    std::thread::sleep(Duration::from_secs(15));
    block("null")
}

pub(super) fn registry_away(cluster: &Cluster, _: &Run, random: &mut Random) -> anyhow::Result<()> {
    cluster.servers.signal("registry", "KILL");
    wait_ms(random, 500, 2000);
    let started = ["behaviour", "api"].into_iter().try_for_each(|role| {
        cluster.kill_and_replace(role, 0)?;
        cluster.all_ready()
    });
    wait_ms(random, 500, 2000);
    cluster.servers.restart("registry");
    started
}

pub(super) fn network(cluster: &Cluster, _: &Run, random: &mut Random) -> anyhow::Result<()> {
    let (proxies, began) = ([&cluster.search, &cluster.preferences], Instant::now());
    proxies.iter().for_each(|proxy| proxy.delay(Duration::from_millis(200)));
    while began.elapsed() < Duration::from_secs(25) {
        wait_ms(random, 2000, 4000);
        proxies[random.below(2) as usize].reset();
    }
    proxies.iter().for_each(|proxy| proxy.delay(Duration::ZERO));
    Ok(())
}

pub(super) fn stalled(cluster: &Cluster, _: &Run, random: &mut Random) -> anyhow::Result<()> {
    for proxy in [&cluster.preferences, &cluster.search] {
        wait_ms(random, 500, 2000);
        proxy.stall(true);
        std::thread::sleep(Duration::from_secs(15));
        proxy.stall(false);
    }
    Ok(())
}
