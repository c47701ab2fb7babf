//! A real `rep` as a child process, and a client for it.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod cli;
pub(crate) mod first_release;
pub(crate) mod fold;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A running `rep up` on free ports; killed if the test forgets to stop it.
pub(crate) struct Rep {
    child: Child,
    ready_line: String,
}

impl Rep {
    /// Starts on `data_dir` and waits until it is ready.
    pub(crate) fn start(data_dir: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rep"));
        command.args(up_args(data_dir)).args(more);
        Self::spawn(command)
    }

    /// Starts `command`, which runs `rep up`, and waits until it is ready.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("rep starts");
        let output = child.stdout.take().expect("its output is piped");
        let ready_line =
            BufReader::new(output).lines().next().expect("rep says when it is ready").expect("in UTF-8");
        assert!(ready_line.starts_with("rep is ready"), "{ready_line}");
        Self { child, ready_line }
    }

    /// The address of service `name`, such as `http://127.0.0.1:40123`.
    pub(crate) fn url(&self, name: &str) -> String {
        let mut parts = self.ready_line.trim_start_matches("rep is ready: ").split(" · ");
        let prefix = format!("{name} ");
        parts.find_map(|part| part.strip_prefix(&prefix)).expect("the service is named").to_owned()
    }

    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it has ended");
    }

    /// Asks it to stop, as an operator would.
    pub(crate) fn stop(mut self) -> ExitStatus {
        rustix::process::kill_process(self.pid(), rustix::process::Signal::TERM).expect("it runs");
        self.child.wait().expect("it has ended")
    }
}

impl Drop for Rep {
    fn drop(&mut self) {
        // Already gone after `kill` and `stop`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `up` on `data_dir` and free ports.
pub(crate) fn up_args(data_dir: &Path) -> Vec<String> {
    let mut args = vec!["up".to_owned(), "--data-dir".to_owned(), data_dir.display().to_string()];
    for port in ["api", "simulator", "behaviour", "inventory", "notify", "embedder", "dashboard"] {
        args.extend([format!("--{port}-port"), "0".to_owned()]);
    }
    args
}

/// A client that gives statuses as answers, not as errors.
pub(crate) fn client() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(SLOWER * Duration::from_secs(20)))
        .build();
    config.into()
}

/// The JSON at `url`, which must be answered with 200.
pub(crate) fn get(agent: &ureq::Agent, url: &str) -> Value {
    let mut answer = agent.get(url).call().unwrap_or_else(|error| panic!("{url}: {error}"));
    assert_eq!(answer.status(), 200, "{url}");
    answer.body_mut().read_json().expect("the answer is JSON")
}

/// How many times slower than a quick and idle machine one may be before a wait counts as failed: the one factor of all
/// bounds in these tests. A wait ends with its condition, so this costs nothing where all is well.
const SLOWER: u32 = 6;

/// Waits until `condition` holds; fails after [`SLOWER`] times `usual`, which a quick machine needs at most.
pub(crate) fn wait_until(what: &str, usual: Duration, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    let longest = SLOWER * usual;
    while !condition() {
        assert!(began.elapsed() < longest, "not within {longest:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until every group has finished what is in the log.
pub(crate) fn wait_drained(agent: &ureq::Agent, api: &str) {
    wait_until("every group has caught up", Duration::from_secs(60), || {
        let status = get(agent, &format!("{api}/status"));
        status["lag"].as_array().is_some_and(|lag| lag.iter().all(|l| l["lag"] == 0))
    });
}

/// A seed for this run: `REP_TEST_SEED`, else the time; printed, so that a failure can be replayed.
pub(crate) fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let seed = std::env::var("REP_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or(now.as_millis() as u64);
    println!("REP_TEST_SEED={seed}");
    seed
}

/// Splitmix64: enough randomness for tests, the same for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}
