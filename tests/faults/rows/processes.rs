//! Faults of our own processes, and of what they are given.

use std::time::Duration;

use anyhow::ensure;
use bytes::Bytes;
use rep_core::ports::log::NewRecord;
use rep_core::{ActionType, Topic};
use rustix::process::Signal;

use super::{one_of, wait_ms};
use crate::cluster::Cluster;
use crate::load::action;
use crate::process::{Process, STOP_MAX};
use crate::run::Run;
use crate::support::Random;

pub(super) fn kill_behaviour(cluster: &Cluster, _: &Run, random: &mut Random) -> anyhow::Result<()> {
    kill_behaviours(cluster, random, 6)
}

/// Kills one behaviour process after the other at random moments, each replaced.
pub(super) fn kill_behaviours(cluster: &Cluster, random: &mut Random, times: usize) -> anyhow::Result<()> {
    for _ in 0..times {
        cluster.kill_and_replace("behaviour", one_of(random, &cluster.slots("behaviour")))?;
        cluster.all_ready()?;
        wait_ms(random, 200, 2000);
    }
    Ok(())
}

/// Kills behaviour processes just after products came that actions wait for: while they are embedded, and settled.
pub(super) fn kill_settling(cluster: &Cluster, run: &Run, random: &mut Random) -> anyhow::Result<()> {
    for round in 0..6 {
        run.stock(cluster, 6);
        wait_ms(random, 0, 2500);
        let one = one_of(random, &cluster.slots("behaviour"));
        let killed = if round % 2 == 0 { vec![one] } else { cluster.slots("behaviour") };
        killed.into_iter().try_for_each(|slot| cluster.kill_and_replace("behaviour", slot))?;
        cluster.all_ready()?;
        wait_ms(random, 0, 1000);
    }
    Ok(())
}

/// What is acted on while it is away is embedded by the behaviour role; the rest waits.
pub(super) fn embedder_away(cluster: &Cluster, run: &Run, random: &mut Random) -> anyhow::Result<()> {
    wait_ms(random, 500, 2000);
    cluster.with("embedder", 0, Process::kill)?;
    run.stock(cluster, run.late.len());
    std::thread::sleep(Duration::from_secs(15));
    let waiting = run.waiting(cluster, &cluster.stores()?)?;
    cluster.replace("embedder", 0)?;
    ensure!(waiting > 0, "nothing waited for the embedder");
    println!("{waiting} actions wait for the embedder");
    cluster.all_ready()
}

/// Asleep for twice the session of its consumer, which is 10 s: another has its partitions meanwhile.
pub(super) fn zombie(cluster: &Cluster, _: &Run, random: &mut Random) -> anyhow::Result<()> {
    let slot = one_of(random, &cluster.slots("behaviour"));
    wait_ms(random, 0, 1000);
    cluster.with("behaviour", slot, |process| process.signal(Signal::STOP))?;
    std::thread::sleep(Duration::from_secs(20));
    cluster.with("behaviour", slot, |process| process.signal(Signal::CONT))?;
    wait_ms(random, 2000, 4000);
    Ok(())
}

pub(super) fn rebalance(cluster: &Cluster, _: &Run, random: &mut Random) -> anyhow::Result<()> {
    cluster.have("behaviour", 4)?;
    cluster.all_ready()?;
    wait_ms(random, 500, 3000);
    cluster.with("behaviour", one_of(random, &cluster.slots("behaviour")[..3]), |process| {
        process.signal(Signal::STOP) // One that does not answer when the others go.
    })?;
    wait_ms(random, 100, 1000);
    cluster.all_ready()?;
    cluster.have("behaviour", 1)?;
    wait_ms(random, 500, 2000);
    cluster.have("behaviour", 3)?;
    wait_ms(random, 100, 3000);
    cluster.kill_and_replace("behaviour", one_of(random, &cluster.slots("behaviour")))?;
    cluster.all_ready()?;
    wait_ms(random, 100, 1000);
    cluster.have("behaviour", 2)
}

pub(super) fn kill_notifiers(cluster: &Cluster, _: &Run, random: &mut Random) -> anyhow::Result<()> {
    for _ in 0..5 {
        for role in ["inventory", "notify"] {
            wait_ms(random, 200, 2000);
            cluster.kill_and_replace(role, one_of(random, &cluster.slots(role)))?;
        }
        cluster.all_ready()?;
    }
    Ok(())
}

pub(super) fn kill_api(cluster: &Cluster, _: &Run, random: &mut Random) -> anyhow::Result<()> {
    cluster.have("api", 2)?;
    cluster.all_ready()?;
    for _ in 0..6 {
        wait_ms(random, 100, 1500);
        cluster.kill_and_replace("api", one_of(random, &cluster.slots("api")))?;
        cluster.all_ready()?;
    }
    cluster.have("api", 1)
}

pub(super) fn sigterm(cluster: &Cluster, _: &Run, random: &mut Random) -> anyhow::Result<()> {
    let all: Vec<_> = cluster.fleet().iter().map(|member| (member.role, member.slot)).collect();
    for (role, slot) in all {
        let (status, took) = cluster.with(role, slot, Process::stop)?;
        ensure!(status.success(), "{role} ended with {status}");
        ensure!(took <= STOP_MAX, "{role} took {took:?} to stop");
        cluster.replace(role, slot)?;
        wait_ms(random, 100, 500);
        cluster.all_ready()?;
    }
    Ok(())
}

/// What is no event, among those that are.
pub(super) fn poison(cluster: &Cluster, run: &Run, random: &mut Random) -> anyhow::Result<()> {
    let stores = cluster.stores()?;
    for round in 0..20 {
        let user = format!("{}-poisoner", run.name);
        let trace = format!("{user}-{round}");
        let good = stores.codec.encode(&action(&trace, &user, &run.products[0], ActionType::Click))?;
        let mut bad_magic = good.clone();
        bad_magic[0] = 7;
        let mut unknown_schema = good.clone();
        unknown_schema[1..5].copy_from_slice(&999_999_u32.to_be_bytes());
        let truncated = good[..good.len() - 1 - random.below(good.len() as u64 - 6) as usize].to_vec();
        // A text of 1e9 bytes, as Avro writes its length: zigzag, base 128.
        let length_bomb = [&good[..5], &[0x80, 0xa8, 0xd6, 0xb9, 0x07]].concat();
        let bad = [bad_magic, unknown_schema, truncated, length_bomb, Vec::new()];
        let bad = bad[round % bad.len()].clone();
        run.poison.lock().push(bad.clone());
        let key = Bytes::from(format!("{}-c{}-{}", run.name, random.below(3), random.below(8)));
        cluster.wait(stores.log.append(Topic::UserAction, vec![NewRecord::new(key, bad)]))?;
        wait_ms(random, 50, 500);
    }
    Ok(())
}
