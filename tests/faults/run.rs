//! One run: products and shoppers of its own, load, a fault under it, and the verdict.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rep_backends::Backends;
use rep_core::{ActionType, ProductId, Topic, UserId};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::load::{Answer, CLIENTS, Load, RECOVER_MAX, action, call, patient};
use crate::oracle::{self, Verdict};
use crate::rows::Row;
use crate::support::Random;

/// Longest time from the last acknowledgement until every group has finished, as promised.
const DRAIN_MAX: Duration = Duration::from_secs(120);
/// Time under load before a fault, so that there is work to interrupt.
const WARM_UP: Duration = Duration::from_secs(2);
/// Longest wait for what is not under a fault.
const USUAL_MAX: Duration = Duration::from_secs(90);
/// Price of a watched product, in minor units.
pub(crate) const PRICE: i64 = 10_000;
/// Its prices when it is lowered: drops that are told, as many as one shopper is told of one product in an hour.
pub(crate) const PRICES_LOWERED: [i64; 4] = [8_000, 7_000, 6_000, 5_000];
/// Shoppers who have each watched product in their cart.
const WATCHERS: usize = 5;
/// What is read by whom.
pub(crate) const GROUPS: [(&str, Topic); 3] = [
    ("behaviour", Topic::UserAction),
    ("inventory", Topic::ProductInventory),
    ("notify", Topic::NotificationPush),
];
/// Far apart in meaning, so that who watches one is not told of another.
const WATCHED: [(&str, &str); 4] = [
    ("Two-person tent", "Camping"),
    ("Espresso machine", "Kitchen"),
    ("Cello bow", "Music"),
    ("Dog leash", "Pets"),
];
/// Products that are acted on before they are in the catalogue.
const LATE: usize = 60;
const ACTED_ON: [&str; 6] = ["Wool scarf", "Desk lamp", "Garden hose", "Chess set", "Running shoes", "Atlas"];

/// What belongs to one run.
pub(crate) struct Run {
    /// Stands in front of every name.
    pub(crate) name: String,
    /// What shoppers act on.
    pub(crate) products: Vec<ProductId>,
    /// What they act on before it is there, in the order in which it comes.
    pub(crate) late: Vec<ProductId>,
    /// How many of them are there, or on their way.
    stocked: AtomicUsize,
    /// A fault took all that Redis had: inboxes, popularity and what was told are not to be had again.
    pub(crate) forgotten: AtomicBool,
    /// What becomes cheaper.
    pub(crate) watched: Vec<ProductId>,
    /// Where the topics ended when it began, by partition.
    pub(crate) begin: Vec<(Topic, Vec<u64>)>,
    pub(crate) load: Load,
    /// Values that were appended to `user.action.v1` and are no events.
    pub(crate) poison: parking_lot::Mutex<Vec<Vec<u8>>>,
}

/// What a run came to.
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// From the end of the fault until no group lagged.
    pub(crate) recovery: Duration,
}

/// Runs `row` once: what happens is decided by `seed`. A panic is an error of this run alone.
pub(crate) fn run(cluster: &Cluster, row: &Row, seed: u64) -> anyhow::Result<Outcome> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run_once(cluster, row, seed)));
    caught.unwrap_or_else(|_| bail!("the run panicked"))
}

fn run_once(cluster: &Cluster, row: &Row, seed: u64) -> anyhow::Result<Outcome> {
    let mut random = Random(seed);
    let run = Run::begin(cluster, format!("{}-{seed}", row.name))?;
    let (load, seeds) = (&run.load, [0; CLIENTS as usize].map(|_| random.below(u64::MAX)));
    let (fault, ended) = std::thread::scope(|scope| {
        for (number, seed) in (0..).zip(seeds) {
            let run = &run;
            scope.spawn(move || load.shop(cluster, run, number, Random(seed)));
        }
        scope.spawn(|| load.change_prices(cluster, &run));
        scope.spawn(|| load.supply(cluster, &run));
        std::thread::sleep(WARM_UP);
        // Clients must end, whatever happens here.
        let fault = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (row.fault)(cluster, &run, &mut random)
        }));
        load.end();
        (fault, Instant::now())
    });
    fault.map_err(|_| anyhow::anyhow!("the fault panicked"))?.context("the fault")?;
    let acknowledged = ended.elapsed();
    let stores = cluster.stores()?;
    drained(cluster, &stores)?;
    let recovery = ended.elapsed();
    if acknowledged > RECOVER_MAX {
        bail!("clients had their answers only after {acknowledged:?}");
    }
    cluster.as_usual()?;
    run.act_afresh(cluster)?;
    drained(cluster, &stores)?;
    run.settled(cluster, &stores)?;
    cluster.ask_search("POST", "_refresh", "")?;
    let verdict = cluster.wait(oracle::judge(&cluster.stores()?, &run))?;
    Ok(Outcome { verdict, recovery })
}

impl Run {
    /// Puts the products, waits for their vectors, and lets the watchers fill their carts.
    fn begin(cluster: &Cluster, name: String) -> anyhow::Result<Self> {
        let stores = cluster.stores()?;
        let id = |kind: &str, n: usize| ProductId::new(format!("{name}-{kind}{n}"));
        let watched = (0..WATCHED.len()).map(|n| id("watched", n)).collect::<Result<Vec<_>, _>>()?;
        let products = (0..3 * ACTED_ON.len()).map(|n| id("p", n)).collect::<Result<Vec<_>, _>>()?;
        let mut begin = Vec::new();
        for topic in Topic::ALL {
            let offsets = cluster.wait(stores.log.offsets(topic, "oracle"))?;
            begin.push((topic, offsets.iter().map(|partition| partition.end).collect()));
        }
        let late = (0..LATE).map(|n| id("late", n)).collect::<Result<Vec<_>, _>>()?;
        let (load, poison) = (Load::default(), parking_lot::Mutex::default());
        let (stocked, forgotten) = (AtomicUsize::new(0), AtomicBool::new(false));
        let run = Self { name, products, late, stocked, forgotten, watched, begin, load, poison };
        run.put_products(cluster)?;
        let all: Vec<ProductId> = run.products.iter().chain(&run.watched).cloned().collect();
        wait_until("every product has a vector", USUAL_MAX, || {
            cluster.wait(stores.catalog.vectors(&all)).is_ok_and(|found| found.iter().all(Option::is_some))
        })?;
        let mut carts = Vec::new();
        for product in &run.watched {
            for user in run.watchers(product) {
                carts.push(action(&format!("{user}-cart"), user.as_str(), product, ActionType::AddToCart));
            }
        }
        run.load.post(cluster, &carts);
        drained(cluster, &stores)?;
        cluster.ask_search("POST", "_refresh", "")?;
        Ok(run)
    }

    fn put_products(&self, cluster: &Cluster) -> anyhow::Result<()> {
        let acted_on = self.products.iter().zip((0..).map(|n| (n, ACTED_ON[n % ACTED_ON.len()])));
        let acted_on = acted_on.map(|(id, (n, name))| product(id, format!("{name} no. {n}"), name));
        let watched = self.watched.iter().zip(WATCHED);
        let watched = watched.map(|(id, (name, category))| product(id, name.to_owned(), category));
        let body = Value::Array(acted_on.chain(watched).collect());
        let url = format!("{}/products", cluster.urls("api").first().context("an API is ready")?);
        match call(&patient(), "POST", &url, &body) {
            Answer::Taken(answer) if answer["rejected"] == 0 => Ok(()),
            Answer::Taken(answer) => bail!("products are not taken: {answer}"),
            Answer::Wrong(answer) => bail!("products are not taken: {answer}"),
            Answer::Refused | Answer::Broken => bail!("the API is not there before the fault"),
        }
    }

    /// One of the late products, to be acted on. Of a third of them there is no action once they are there: they are
    /// embedded in their turn, not because somebody acted.
    pub(crate) fn late_product(&self, random: &mut Random) -> &ProductId {
        let at = random.below(self.late.len() as u64) as usize;
        let is_left_alone = at.is_multiple_of(3) && at < self.stocked.load(Ordering::Relaxed);
        &self.late[if is_left_alone { at + 1 } else { at }]
    }

    /// Puts the next `count` of the late products into the catalogue, however long that takes; gives whether all are there
    /// or on their way.
    pub(crate) fn stock(&self, cluster: &Cluster, count: usize) -> bool {
        let first = self.stocked.fetch_add(count, Ordering::Relaxed);
        let numbered = (first..).zip(self.late.iter().skip(first).take(count));
        let named = numbered.map(|(n, id)| {
            let kind = ACTED_ON[n % ACTED_ON.len()];
            product(id, format!("{kind}, late, no. {n}"), kind)
        });
        let body = Value::Array(named.collect());
        if body != json!([]) {
            self.load.put(cluster, &body);
        }
        first + count >= self.late.len()
    }

    /// How many actions wait for the vectors of their products.
    pub(crate) fn waiting(&self, cluster: &Cluster, stores: &Backends) -> anyhow::Result<usize> {
        let users: BTreeSet<UserId> =
            self.load.ledger.lock().sent.values().map(|action| action.user_id.clone()).collect();
        let states = cluster.wait(stores.preferences.load(&users.into_iter().collect::<Vec<_>>()))?;
        Ok(states.iter().flatten().map(|state| state.pending.len()).sum())
    }

    /// Waits until no action waits.
    fn settled(&self, cluster: &Cluster, stores: &Backends) -> anyhow::Result<()> {
        let mut waiting = Ok(0);
        let settled = wait_until("what waits is settled", DRAIN_MAX, || {
            waiting = self.waiting(cluster, stores);
            matches!(waiting, Ok(0))
        });
        settled.with_context(|| format!("actions that wait: {waiting:?}"))
    }

    /// Who has `product` in the cart.
    pub(crate) fn watchers(&self, product: &ProductId) -> Vec<UserId> {
        let name = |n| UserId::new(format!("{product}-watcher{n}")).expect("it is short");
        (0..WATCHERS).map(name).collect()
    }

    /// Acts as somebody new, and waits until that has changed a vector.
    fn act_afresh(&self, cluster: &Cluster) -> anyhow::Result<()> {
        let user = format!("{}-fresh", self.name);
        let fresh = action(&format!("{user}-click"), &user, &self.products[0], ActionType::Click);
        self.load.post(cluster, &[fresh]);
        let url =
            format!("{}/users/{user}/preference", cluster.urls("api").first().context("an API is ready")?);
        wait_until("a fresh event flows", USUAL_MAX, || {
            let answer = patient().get(&url).call().ok().filter(|answer| answer.status() == 200);
            let answer = answer.and_then(|mut answer| answer.body_mut().read_json::<Value>().ok());
            answer.is_some_and(|answer| answer["actionCount"] == 1)
        })
    }
}

fn product(id: &ProductId, name: String, category: &str) -> Value {
    json!({
        "productId": id, "name": name, "category": category, "stock": 1000,
        "price": format!("{}.00", PRICE / 100), "description": format!("{name}, {category}"),
    })
}

/// Waits until every group has committed all there is.
fn drained(cluster: &Cluster, stores: &Backends) -> anyhow::Result<()> {
    let mut behind = None;
    let waited = wait_until("every group has finished", DRAIN_MAX, || {
        behind = cluster.wait(lagging(stores));
        behind.is_none()
    });
    waited.with_context(|| behind.unwrap_or_default())
}

/// A group that lags, and where. Asked in the order in which one works for the next.
pub(crate) async fn lagging(stores: &Backends) -> Option<String> {
    for (group, topic) in GROUPS {
        let offsets = match stores.log.offsets(topic, group).await {
            Ok(offsets) => offsets,
            Err(error) => return Some(format!("where {group} stands: {error}")),
        };
        let lags = offsets.iter().filter(|partition| partition.lag() > 0);
        let lags: Vec<(u32, u64)> = lags.map(|partition| (partition.partition, partition.lag())).collect();
        if !lags.is_empty() {
            return Some(format!("{group} lags, by partition: {lags:?}"));
        }
    }
    None
}

/// Waits until `condition` holds; fails after `longest`.
pub(crate) fn wait_until(
    what: &str,
    longest: Duration,
    mut condition: impl FnMut() -> bool,
) -> anyhow::Result<()> {
    let began = Instant::now();
    while !condition() {
        if began.elapsed() > longest {
            bail!("not within {longest:?}: {what}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
