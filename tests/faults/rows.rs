//! The faults, each with what is promised under it. Each decides by its random numbers when and whom it hits.

mod processes;
mod servers;
mod streams;

use std::time::Duration;

use crate::cluster::Cluster;
use crate::run::Run;
use crate::support::Random;

/// A fault; returns when it is over.
pub(crate) type Fault = fn(&Cluster, &Run, &mut Random) -> anyhow::Result<()>;

/// A row of the table.
pub(crate) struct Row {
    /// In file names and variables.
    pub(crate) name: &'static str,
    pub(crate) fault: Fault,
    /// For people.
    pub(crate) title: &'static str,
    /// Besides that nothing is lost or doubled, which holds for all.
    pub(crate) promise: &'static str,
}

macro_rules! rows {
    ($($name:literal, $fault:expr, $title:literal, $promise:literal;)*) => {
        &[$(Row { name: $name, fault: $fault, title: $title, promise: $promise }),*]
    };
}

/// Every row, the most telling first.
pub(crate) const ROWS: &[Row] = rows! {
    "kill-behaviour", processes::kill_behaviour,
        "`kill -9` of a behaviour process in the middle of its work, 6 times",
        "vectors are the fold of the log";
    "kill-settling", processes::kill_settling,
        "`kill -9` of behaviour processes while products that actions wait for get their vectors, 6 times",
        "each action's share once";
    "zombie", processes::zombie,
        "behaviour asleep (SIGSTOP) for 20 s, twice its session, then awake",
        "what it still writes is fenced";
    "kafka-paused", servers::kafka_paused,
        "Kafka paused for 30 s",
        "503 with Retry-After, never a false 2xx; the API grows by less than its buffer";
    "kafka-killed", servers::kafka_killed,
        "Kafka killed and started again, twice",
        "the same";
    "kafka-cut", servers::kafka_cut,
        "behaviour and notify cut off from Kafka, which others reach: nothing passes for 20 s, twice its session, then no connection for 20 s",
        "events are taken all along";
    "rebalance", processes::rebalance,
        "2 → 4 → 1 → 3 → 2 behaviour processes, cleanly and by `kill -9`",
        "order by shopper is kept";
    "redis-killed", servers::redis_killed,
        "Redis killed and started again, 3 times",
        "vectors are the fold of the log";
    "redis-wiped", servers::redis_wiped,
        "Redis loses all that it has while actions wait, twice",
        "vectors are the fold of the log, with each action's share once; inboxes and popularity begin anew";
    "redis-full", servers::redis_full,
        "Redis out of memory for 15 s",
        "consumers wait; nothing is parked";
    "search-killed", servers::search_killed,
        "Elasticsearch killed and started again",
        "consumers wait; nothing is parked";
    "search-paused", servers::search_paused,
        "Elasticsearch paused for 30 s",
        "the same";
    "search-full", servers::search_full,
        "Elasticsearch's indices blocked by the flood stage for 15 s",
        "consumers wait, nothing is parked, they resume by themselves";
    "embedder-away", processes::embedder_away,
        "the catalogue's embedder killed while products come that actions wait for; back after 15 s",
        "they are settled then";
    "poison", processes::poison,
        "records that are no events: bad magic, unknown schema, truncated, length 1e9, empty",
        "each is a dead letter with its place and bytes; partitions move on";
    "registry-away", servers::registry_away,
        "registry killed; an API and a behaviour killed and started again without it",
        "they start with the ids that they remember";
    "kill-notifiers", processes::kill_notifiers,
        "`kill -9` of inventory and notify while prices change, 5 times each",
        "each notification is in the inbox once";
    "kill-api", processes::kill_api,
        "`kill -9` of one of two API processes while it acknowledges, 6 times",
        "what is sent again has no second effect";
    "sigterm", processes::sigterm,
        "SIGTERM to each process in turn under load",
        "each ends with status 0 within 30 s";
    "streams", streams::streams,
        "a shopper's stream read through two notify processes, each killed in turn, 5 times",
        "Last-Event-ID resumes it exactly";
    "network", servers::network,
        "200 ms latency to Redis and Elasticsearch, connections reset every 2 to 4 s, for 25 s",
        "calls are tried again";
    "stalled", servers::stalled,
        "connections to Redis, then to Elasticsearch, stall for 15 s and pass nothing on",
        "every call ends by itself";
};

/// What `cargo test` runs.
pub(crate) const SMOKE: Row = Row {
    name: "smoke",
    fault: |cluster, run, random| {
        processes::kill_behaviours(cluster, random, 2)?;
        servers::kill_redis(cluster, random, 1)?;
        servers::pause_search(cluster, Duration::from_secs(8))?;
        processes::rebalance(cluster, run, random)
    },
    title: "a little of several",
    promise: "nothing is lost or doubled",
};

/// Waits for a random time between two bounds, in ms: faults hit at any moment.
fn wait_ms(random: &mut Random, from: u64, to: u64) {
    std::thread::sleep(Duration::from_millis(from + random.below(to - from)));
}

/// One of `all`.
fn one_of<T: Copy>(random: &mut Random, all: &[T]) -> T {
    all[random.below(all.len() as u64) as usize]
}
