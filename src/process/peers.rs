//! The metrics of other processes, so that one of them can tell how the whole is.

use std::time::Duration;

use axum::http::Uri;
use parking_lot::Mutex;
use rep_api::SimulatorStatus;
use rep_http::{HealthCheck, HealthStatus};
use serde::Deserialize;

use super::outbound::{Outbound, at};

/// Longest wait for one process: less than the second between two samples.
const WAIT: Duration = Duration::from_millis(900);

/// Other processes of the installation.
pub(crate) struct Peers {
    outbound: Outbound,
    peers: Vec<Peer>,
    simulator: Option<(Uri, Mutex<Option<SimulatorStatus>>)>,
}

struct Peer {
    base: Uri,
    metrics: Uri,
    /// What it said last; counters stand still while it is away.
    text: Mutex<String>,
    error: Mutex<Option<String>>,
}

/// What `GET /simulator` answers, as far as it is shown.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Simulated {
    state: String,
    actual_rate: f64,
    target_rate: f64,
    users: u64,
    scenario: String,
}

impl Peers {
    /// The processes at `bases`; the simulator is at `simulator`.
    pub(super) fn new(outbound: Outbound, bases: Vec<Uri>, simulator: Option<&Uri>) -> anyhow::Result<Self> {
        let peer = |base| {
            let metrics = at(&base, "/metrics")?;
            Ok(Peer { base, metrics, text: Mutex::default(), error: Mutex::default() })
        };
        let peers = bases.into_iter().map(peer).collect::<anyhow::Result<_>>()?;
        let simulator = simulator.map(|base| at(base, "/simulator")).transpose()?;
        Ok(Self { outbound, peers, simulator: simulator.map(|status| (status, Mutex::default())) })
    }

    /// Asks all of them; who does not answer in time keeps what it said before.
    pub(crate) async fn ask(&self) {
        let asked = self.peers.iter().map(|peer| async move {
            match self.outbound.text(&peer.metrics, WAIT).await {
                Ok(text) => {
                    *peer.text.lock() = text;
                    *peer.error.lock() = None;
                }
                Err(error) => *peer.error.lock() = Some(format!("{error:#}")),
            }
        });
        let simulator = async {
            let Some((url, status)) = &self.simulator else { return };
            let answer = self.outbound.text(url, WAIT).await.ok();
            *status.lock() = answer.and_then(|text| serde_json::from_str(&text).ok()).map(status_of);
        };
        tokio::join!(futures::future::join_all(asked), simulator);
    }

    /// The metrics of all of them.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.peers.iter().map(|peer| peer.text.lock().clone()).collect()
    }

    /// How the simulator stands; `None` if it does not answer, or is not among them.
    pub(crate) fn simulator(&self) -> Option<SimulatorStatus> {
        self.simulator.as_ref()?.1.lock().clone()
    }

    /// Who answers and who does not. Another process that is away does not make this one useless.
    pub(crate) fn checks(&self) -> Vec<HealthCheck> {
        let check = |peer: &Peer| {
            let (status, detail) = match &*peer.error.lock() {
                None => (HealthStatus::Ok, "answers".to_owned()),
                Some(error) => (HealthStatus::Degraded, format!("does not tell its metrics: {error}")),
            };
            HealthCheck { name: format!("process at {}", peer.base), status, detail }
        };
        self.peers.iter().map(check).collect()
    }
}

fn status_of(simulated: Simulated) -> SimulatorStatus {
    let Simulated { state, actual_rate, target_rate, users, scenario } = simulated;
    SimulatorStatus { state, rate: actual_rate, target_rate, users, scenario }
}
