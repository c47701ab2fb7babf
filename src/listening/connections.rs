//! How many connections there may be, of everybody and of each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ipnet::IpNet;
use parking_lot::Mutex;

/// Bounds of connections.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionLimits {
    /// Most of all ports of this process.
    pub(crate) total_max: usize,
    /// Most of one address, or of one network of 64 bits in IPv6.
    pub(crate) of_address_max: usize,
    /// Addresses that speak for many: they have no bound of their own, nor has loopback.
    pub(crate) trusted: Vec<IpNet>,
}

/// The connections of this process; cheap to clone.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Shared>);

struct Shared {
    limits: ConnectionLimits,
    total: AtomicUsize,
    of_address: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection's place, until it is dropped.
pub(super) struct Place {
    shared: Arc<Shared>,
    counted: Option<IpAddr>,
}

impl Connections {
    pub(crate) fn new(limits: ConnectionLimits) -> Self {
        Self(Arc::new(Shared { limits, total: AtomicUsize::new(0), of_address: Mutex::default() }))
    }

    /// A place for a connection from `address`; `None` if there is none: closed at once, it costs less than one that waits.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Place> {
        let shared = &self.0;
        let is_free = |total: usize| (total < shared.limits.total_max).then_some(total + 1);
        if shared.total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_free).is_err() {
            refused("total");
            return None;
        }
        metrics::gauge!("rep_http_connections").increment(1.0);
        // From here on dropping it gives the place back.
        let mut place = Place { shared: Arc::clone(shared), counted: None };
        let address = address.to_canonical();
        let speaks_for_many =
            address.is_loopback() || shared.limits.trusted.iter().any(|net| net.contains(&address));
        if !speaks_for_many {
            let network = network_of(address);
            let mut of_address = shared.of_address.lock();
            let count = of_address.entry(network).or_default();
            if *count >= shared.limits.of_address_max {
                drop(of_address);
                refused("address");
                return None;
            }
            *count += 1;
            place.counted = Some(network);
        }
        Some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.total.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("rep_http_connections").decrement(1.0);
        let Some(network) = self.counted else { return };
        let mut of_address = self.shared.of_address.lock();
        if let Some(count) = of_address.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                of_address.remove(&network);
            }
        }
    }
}

fn refused(reason: &'static str) {
    metrics::counter!("rep_http_connections_refused_total", "reason" => reason).increment(1);
}

/// A client with one address of IPv6 usually has the whole network.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            octets[8..].fill(0);
            IpAddr::from(octets)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(total_max: usize, of_address_max: usize) -> Connections {
        let trusted = vec!["10.0.0.0/8".parse().unwrap()];
        Connections::new(ConnectionLimits { total_max, of_address_max, trusted })
    }

    fn admit(connections: &Connections, address: &str) -> Option<Place> {
        connections.admit(address.parse().unwrap())
    }

    #[test]
    fn one_address_takes_its_share_and_gives_it_back() {
        let connections = connections(100, 2);
        let first = admit(&connections, "203.0.113.7").unwrap();
        let _mapped = admit(&connections, "::ffff:203.0.113.7").unwrap();
        assert!(admit(&connections, "203.0.113.7").is_none());
        assert!(admit(&connections, "203.0.113.8").is_some());
        drop(first);
        assert!(admit(&connections, "203.0.113.7").is_some());
        let _network = [admit(&connections, "2001:db8::1"), admit(&connections, "2001:db8::2")];
        assert!(
            admit(&connections, "2001:db8::3").is_none() && admit(&connections, "2001:db8:0:1::3").is_some()
        );
    }

    #[test]
    fn proxies_and_loopback_speak_for_many_and_all_have_one_bound() {
        let connections = connections(5, 1);
        let places: Vec<_> = ["10.1.2.3", "10.1.2.3", "127.0.0.1", "::1", "::1"]
            .map(|at| admit(&connections, at).unwrap())
            .into();
        assert!(admit(&connections, "127.0.0.1").is_none());
        drop(places);
        assert!(connections.0.of_address.lock().is_empty());
        assert!(admit(&connections, "127.0.0.1").is_some());
    }
}
