//! Streams whose server dies: another one resumes them.

use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::wait_ms;
use crate::cluster::Cluster;
use crate::run::Run;
use crate::support::Random;

/// What a reader of one shopper's stream has.
#[derive(Default)]
struct Reader {
    /// Sequences in the order in which they came.
    seen: Vec<u64>,
    gaps: usize,
}

impl Reader {
    /// Reads on at `base`, from behind what it has, until the stream breaks off or `longest` has passed.
    fn read(&mut self, base: &str, user: &str, longest: Duration) -> anyhow::Result<()> {
        let config = ureq::Agent::config_builder().timeout_global(Some(longest)).build();
        let last = self.seen.last().copied().unwrap_or(0).to_string();
        let request = config.new_agent().get(format!("{base}/notifications/stream?userId={user}"));
        let answer = request.header("last-event-id", last).call().context("the stream opens")?;
        let lines = BufReader::new(answer.into_body().into_reader()).lines();
        for line in lines.map_while(Result::ok) {
            self.gaps += usize::from(line == "event: gap" || line == "event:gap");
            if let Some(id) = line.strip_prefix("id:") {
                self.seen.push(id.trim().parse()?);
            }
        }
        Ok(())
    }
}

/// A shopper's stream is read through one notify process and then the other, each killed as it is read.
pub(super) fn streams(cluster: &Cluster, run: &Run, random: &mut Random) -> anyhow::Result<()> {
    cluster.have("notify", 2)?;
    cluster.all_ready()?;
    let user = run.watchers(&run.watched[0]).swap_remove(0).to_string();
    let mut reader = Reader::default();
    for round in 0..5 {
        let slot = cluster.slots("notify")[round % 2];
        let base = cluster.with("notify", slot, |it| it.url().map(str::to_owned).context("it is ready"))?;
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| reader.read(&base, &user, Duration::from_secs(60)));
            wait_ms(random, 1000, 5000);
            let killed = cluster.kill_and_replace("notify", slot);
            reading.join().map_err(|_| anyhow::anyhow!("the reader panicked"))?.and(killed)
        })?;
        cluster.all_ready()?;
    }
    let there =
        cluster.wait(cluster.stores()?.notifications.inbox(&run.watchers(&run.watched[0])[0], None, 1))?;
    let newest = there.items.first().map_or(0, |item| item.sequence);
    reader.read(cluster.urls("notify").first().context("one is ready")?, &user, Duration::from_secs(8))?;
    let seen = reader.seen;
    ensure!(seen.iter().copied().eq(1..=seen.len() as u64), "the stream of {user} brought {seen:?}");
    ensure!(reader.gaps == 0, "the stream of {user} told of {} gaps, and nothing was lost", reader.gaps);
    ensure!(
        newest > 0 && seen.len() as u64 >= newest,
        "the inbox of {user} has {newest}, the stream brought {seen:?}"
    );
    cluster.have("notify", 1)
}
