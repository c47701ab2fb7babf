//! The roles that a process can have.

use std::collections::BTreeSet;

use clap::ValueEnum;

use crate::options::Ports;

/// What a process does in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Role {
    /// The dashboard, with the API and the simulator behind it
    Dashboard,
    /// The HTTP API: recommendations, search, catalogue, events in, streams out
    Api,
    /// Delivers notifications, and serves their streams
    Notify,
    /// The simulator of shoppers and merchants, with its control routes
    Simulator,
    /// Reads actions: documents, preference vectors, popularity
    Behaviour,
    /// Reads changes of price and stock: who is to hear of them
    Inventory,
    /// Embeds the catalogue, and serves the model over HTTP
    Embedder,
}

/// The roles of one process.
pub(crate) type Roles = BTreeSet<Role>;

impl Role {
    /// Every one.
    pub(crate) fn all() -> Roles {
        Self::value_variants().iter().copied().collect()
    }

    /// Its name, as it stands in options and in the line that says what is ready.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dashboard => "dashboard",
            Self::Api => "api",
            Self::Notify => "notify",
            Self::Simulator => "simulator",
            Self::Behaviour => "behaviour",
            Self::Inventory => "inventory",
            Self::Embedder => "embedder",
        }
    }

    /// The port it listens on.
    pub(crate) fn port(self, ports: &Ports) -> u16 {
        match self {
            Self::Dashboard => ports.dashboard_port,
            Self::Api => ports.api_port,
            Self::Notify => ports.notify_port,
            Self::Simulator => ports.simulator_port,
            Self::Behaviour => ports.behaviour_port,
            Self::Inventory => ports.inventory_port,
            Self::Embedder => ports.embedder_port,
        }
    }

    /// Whether it turns texts into vectors, and so loads the model.
    pub(crate) fn embeds(self) -> bool {
        matches!(self, Self::Api | Self::Behaviour | Self::Embedder)
    }

    /// Whether it works on the stores; the dashboard only passes requests on.
    pub(crate) fn has_stores(self) -> bool {
        self != Self::Dashboard
    }
}
