//! What an event costs on its way through the stores. Run it alone, and optimised for honest figures:
//! `cargo test -p rep-backends --release --test embedded -- --ignored --nocapture speed`.

use std::time::{Duration, Instant};

use rep_core::contract::support::{Subject, new_trace};
use rep_core::ports::behaviour::BehaviourDocument;
use rep_core::ports::popularity::PopularityEvent;
use rep_core::ports::preferences::PreferenceWrite;
use rep_core::{
    ActionType, Embedding, ModelId, Preference, ProductId, TasteRules, Timestamp, Topic, UnitVector,
    UserAction, UserId,
};

use crate::fold::{GROUP, offsets, poll};
use crate::store::Embedded;

const EVENTS: usize = 200_000;
const USERS: usize = 10_000;
const BATCH: usize = 500;
const WIDTH: usize = 384;

/// Time on a processor of all threads so far; zero where the system does not tell.
fn cpu() -> Duration {
    let of = |task: std::io::Result<std::fs::DirEntry>| -> Option<u64> {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    Duration::from_nanos(tasks.filter_map(of).sum())
}

/// Sums of time by stage.
#[derive(Default)]
struct Stages(Vec<(&'static str, Duration, Duration)>);

impl Stages {
    async fn time<T>(&mut self, name: &'static str, work: impl Future<Output = T>) -> T {
        let (wall, processor) = (Instant::now(), cpu());
        let result = work.await;
        let (wall, processor) = (wall.elapsed(), cpu().saturating_sub(processor));
        match self.0.iter_mut().find(|stage| stage.0 == name) {
            Some(stage) => {
                stage.1 += wall;
                stage.2 += processor;
            }
            None => self.0.push((name, wall, processor)),
        }
        result
    }
}

fn action(i: usize) -> UserAction {
    UserAction {
        trace_id: new_trace(),
        user_id: UserId::new(format!("user-{}", i * 7919 % USERS)).unwrap(),
        action_type: ActionType::Click,
        product_id: Some(ProductId::new(format!("product-{}", i * 31 % 5000)).unwrap()),
        search_query: None,
        session_id: None,
        timestamp: Timestamp::from_ms(1_767_268_800_000 + i as i64),
        metadata: Default::default(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, and checks nothing"]
async fn speed_of_an_event_through_the_stores() {
    let subject = Embedded::fresh();
    let ports = subject.ports();
    let codec = &subject.backends().codec;
    let mut stages = Stages::default();
    let embedding = UnitVector::normalised((0..WIDTH).map(|i| (i as f32).sin()).collect()).unwrap();
    for batch in 0..EVENTS / BATCH {
        let actions: Vec<UserAction> = (batch * BATCH..(batch + 1) * BATCH).map(action).collect();
        let records = actions.iter().map(|action| {
            rep_core::ports::log::NewRecord::new(
                action.user_id.as_str().to_owned(),
                codec.encode(action).unwrap(),
            )
        });
        let records = records.collect();
        stages.time("append", ports.log.append(Topic::UserAction, records)).await.unwrap();
    }
    let mut reader = ports.log.subscribe(GROUP, Topic::UserAction).await.unwrap();
    let mut done = 0;
    while done < EVENTS {
        let records = stages.time("poll", poll(&mut *reader, BATCH)).await;
        done += records.len();
        let actions: Vec<UserAction> = stages
            .time("decode", async { records.iter().map(|r| codec.decode(&r.value).unwrap()).collect() })
            .await;
        let documents = actions.iter().zip(&records).map(|(action, record)| BehaviourDocument {
            action: action.clone(),
            position: record.position,
            appended_at: record.appended_at,
        });
        let documents = documents.collect();
        stages.time("index", ports.behaviour.index(documents)).await.unwrap();
        let users: Vec<UserId> = actions.iter().map(|action| action.user_id.clone()).collect();
        let loaded = stages.time("load", ports.preferences.load(&users)).await.unwrap();
        let writes = stages
            .time("fold", async {
                let states = actions.iter().zip(&records).zip(loaded);
                let folded = states.map(|((action, record), state)| {
                    let model = || ModelId::new("m").unwrap();
                    let mut preference =
                        state.unwrap_or_else(|| Preference::new(action.user_id.clone(), model()));
                    preference.fold(
                        action,
                        record.position,
                        Embedding::Known(&embedding),
                        TasteRules::default(),
                    );
                    PreferenceWrite { preference, changes: Vec::new() }
                });
                folded.collect::<Vec<_>>()
            })
            .await;
        stages.time("store", ports.preferences.store(writes)).await.unwrap();
        let events = actions.iter().zip(&records).map(|(action, record)| PopularityEvent {
            product_id: action.product_id.clone().unwrap(),
            weight: 1.0,
            at: action.timestamp,
            position: record.position,
        });
        let events = events.collect();
        stages.time("popularity", ports.popularity.record(events)).await.unwrap();
        stages.time("commit", reader.commit(&offsets(&records))).await.unwrap();
    }
    let per_event = |time: Duration| time.as_secs_f64() * 1e6 / EVENTS as f64;
    for (name, wall, processor) in &stages.0 {
        println!(
            "{name:>10}: {:6.2} µs wall, {:6.2} µs processor an event",
            per_event(*wall),
            per_event(*processor)
        );
    }
    let (wall, processor): (Duration, Duration) =
        (stages.0.iter().map(|stage| stage.1).sum(), stages.0.iter().map(|stage| stage.2).sum());
    println!(
        "{:>10}: {:6.2} µs wall, {:6.2} µs processor an event",
        "all",
        per_event(wall),
        per_event(processor)
    );
}
