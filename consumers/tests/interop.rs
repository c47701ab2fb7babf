//! A producer that is not ours, on a real Kafka with a real registry: Confluent's client for Python, with its own
//! serializer (`scripts/interop/produce.py`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::{servers, support};

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rep_backends::SystemClock;
use rep_backends::kafka::topics::{self, TopicsConfig};
use rep_backends::kafka::{KafkaConfig, KafkaLog};
use rep_backends::registry::{Outcome, Registry, RegistryConfig};
use rep_consumers::behaviour::{BehaviourConfig, BehaviourDeps, BehaviourRole, GROUP};
use rep_core::avro::{Codec, DeadLetter, versions};
use rep_core::ports::log::{EventLog, NewRecord};
use rep_core::{Clock, Topic, UserId, partition_of};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use support::world::World;

const TOPIC: Topic = Topic::UserAction;
const SERVERS: &[&str] = &["kafka", "registry"];

/// A corner of Kafka and of the registry that nobody used.
struct Corner {
    kafka: KafkaConfig,
    registry: RegistryConfig,
    client: Registry,
}

impl Corner {
    async fn fresh() -> Self {
        // Two tests may begin within a millisecond.
        static CORNERS: AtomicU32 = AtomicU32::new(0);
        let corner = CORNERS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("interop-{}-{corner}.", SystemClock.now().as_ms());
        let brokers = servers::shared("REP_TEST_KAFKA", SERVERS).await;
        let kafka = KafkaConfig { prefix: prefix.clone(), ..KafkaConfig::new(brokers) };
        let one = TopicsConfig { replication: 1, min_in_sync: 1, ..TopicsConfig::default() };
        topics::apply(&kafka, &one).await.unwrap();
        let url = servers::shared("REP_TEST_REGISTRY", SERVERS).await;
        let registry = RegistryConfig { prefix, ..RegistryConfig::new(url) };
        let client = Registry::new(registry.clone()).unwrap();
        assert!(client.apply().await.unwrap().is_complete());
        Self { kafka, registry, client }
    }

    /// Appends `actions` by the foreign producer; gives the partition of each.
    async fn produce(&self, actions: Vec<Value>, options: &[&str]) -> Vec<u32> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/interop");
        let mut producer = Command::new(scripts.join("python"));
        producer.args([
            "produce.py",
            "--brokers",
            &self.kafka.brokers,
            "--registry",
            self.registry.url.reveal(),
        ]);
        producer.args(["--topic", &self.kafka.topic_name(TOPIC)]).args(options);
        producer.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let lines: String = actions.iter().map(|action| format!("{action}\n")).collect();
        let produced = tokio::task::spawn_blocking(move || {
            let mut running = producer.spawn().unwrap();
            running.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
            running.wait_with_output().unwrap()
        });
        let output = produced.await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let places = String::from_utf8(output.stdout).unwrap();
        places.lines().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect()
    }
}

fn click(n: usize) -> Value {
    json!({
        "traceId": format!("00000000-0000-7000-8000-{n:012}"), "userId": format!("쇼퍼-{n}"), "actionType": "CLICK",
        "productId": format!("p{}", n % 10), "timestamp": SystemClock.now().as_ms(), "metadata": {"page": "홈"},
    })
}

/// Our newest schema of actions with one more field in the middle, which has a record in it.
fn with_a_field_more() -> String {
    let ours = versions().iter().rfind(|version| version.topic == TOPIC).unwrap();
    let mut schema: Value = serde_json::from_str(ours.text).unwrap();
    let campaign = json!({"name": "campaign", "default": null, "type": ["null", {
        "type": "record", "name": "Campaign", "fields": [
            {"name": "id", "type": "string"}, {"name": "weights", "type": {"type": "array", "items": "double"}}]}]});
    schema["fields"].as_array_mut().unwrap().insert(1, campaign);
    schema.to_string()
}

/// The behaviour role on the log of a cluster, and on stores in memory.
fn role(world: &World, log: Arc<dyn EventLog>, codec: Codec) -> BehaviourRole {
    let deps = BehaviourDeps {
        log,
        codec,
        clock: Arc::new(SystemClock),
        behaviour: Arc::new(world.stores.clone()),
        preferences: Arc::new(world.stores.clone()),
        catalog: Arc::new(world.stores.clone()),
        popularity: Arc::new(world.stores.clone()),
        embedder: world.embedder.clone(),
    };
    BehaviourRole::new(deps, BehaviourConfig::default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_another_client_take_effect_whatever_compatible_schema_wrote_them() {
    let corner = Corner::fresh().await;
    let log: Arc<dyn EventLog> = Arc::new(KafkaLog::connect(corner.kafka.clone()).unwrap());
    let codec = Codec::new(&corner.client.ids().await.unwrap().ids).unwrap();
    let codec = codec.learning_from(Arc::new(corner.client.clone()));
    let world = World::with_products(10);
    let role = role(&world, Arc::clone(&log), codec.clone());
    let (stats, shutdown) = (role.stats(), CancellationToken::new());
    let task = tokio::spawn(role.run(shutdown.clone()));

    // By the newest version there is: our own.
    let partitions = corner.produce((0..40).map(click).collect(), &[]).await;
    let ours: Vec<u32> = (0..40).map(|n| partition_of(format!("쇼퍼-{n}").as_bytes(), 12)).collect();
    assert_eq!(partitions, ours, "one shopper's events stand in one partition, whoever appends them");
    // By a newer one that somebody registers while the role runs.
    let subject = format!("{}-value", corner.kafka.topic_name(TOPIC));
    let registered = corner.client.ensure(&subject, &with_a_field_more()).await.unwrap();
    assert!(matches!(registered, Outcome::Registered { .. }), "{registered:?}");
    let campaign = |n| {
        let mut action = click(n);
        action["campaign"] = json!({"id": "봄", "weights": [0.5, 1.0]});
        action
    };
    corner.produce((40..60).map(campaign).collect(), &[]).await;
    // What no schema wrote, and what an unknown one claims to have written.
    corner.produce((60..63).map(click).collect(), &["--raw"]).await;
    let garbage = |value: &'static [u8]| NewRecord::new("x", value);
    let garbage = vec![garbage(b"\0\x7f\xff\xff\xff?"), garbage(b"\x01\x02"), garbage(b"\0\0\0")];
    log.append(TOPIC, garbage).await.unwrap();

    world.until("all is done", || stats.snapshot().processed + stats.snapshot().dead_lettered >= 66).await;
    {
        let state = world.stores.state.lock();
        for n in 0..60 {
            let user = UserId::new(format!("쇼퍼-{n}")).unwrap();
            let preference = state.derived.preferences.get(&user).unwrap_or_else(|| panic!("{user}"));
            assert!(preference.action_count == 1 && preference.vector.is_some(), "{preference:?}");
        }
        assert_eq!(state.derived.documents.len(), 60);
        assert!(state.derived.documents.values().all(|document| document.action.metadata["page"] == "홈"));
    }
    shutdown.cancel();
    task.await.unwrap().unwrap();
    assert!(log.offsets(TOPIC, GROUP).await.unwrap().iter().all(|partition| partition.lag() == 0));
    let mut reasons = Vec::new();
    for partition in 0..Topic::UserActionDlq.partitions() {
        for record in log.read(Topic::UserActionDlq, partition, 0, 100).await.unwrap() {
            reasons.push(codec.decode::<DeadLetter>(&record.value).unwrap().reason);
        }
    }
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        ["BAD_LENGTH", "BAD_LENGTH", "BAD_MAGIC", "BAD_MAGIC", "BAD_MAGIC", "UNKNOWN_SCHEMA"]
    );
}

/// Why `docs/EVENTS.md` tells other producers to set `partitioner`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_with_librdkafkas_default_partitioner_scatters_a_shoppers_events() {
    let corner = Corner::fresh().await;
    let ours: Vec<u32> = (0..40).map(|n| partition_of(format!("쇼퍼-{n}").as_bytes(), 12)).collect();
    let theirs = corner.produce((0..40).map(click).collect(), &["--partitioner", "consistent_random"]).await;
    assert_ne!(theirs, ours);
    // An older version than the newest can be named too.
    let theirs = corner.produce((0..5).map(click).collect(), &["--version", "1"]).await;
    assert_eq!(theirs, ours[..5]);
    tokio::time::timeout(Duration::from_secs(30), corner.client.ids()).await.unwrap().unwrap();
}
