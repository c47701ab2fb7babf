//! Networks, as they are written in settings.

use std::net::IpAddr;
use std::str::FromStr;

use anyhow::Context as _;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// An address, or a network such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Network(pub(crate) IpNet);

impl FromStr for Network {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network
            .map(Self)
            .with_context(|| format!("`{text}` is no address and no network such as `10.0.0.0/8`"))
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|error: anyhow::Error| error.to_string())
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_read() {
        assert_eq!("10.0.0.0/8".parse::<Network>().unwrap().0.to_string(), "10.0.0.0/8");
        assert_eq!("::1".parse::<Network>().unwrap().0.to_string(), "::1/128");
        for bad in ["", "10.0.0.0/33", "proxy.example"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
