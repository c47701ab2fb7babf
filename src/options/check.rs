//! Bounds of settings, and which go together.

use anyhow::bail;
use rep_api::{Auth, SECRET_BYTES_MIN};
use rep_core::Currency;

use super::Settings;
use crate::just_seen;

impl Settings {
    /// Refuses values that are out of range by their names.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if !(1..=200_000).contains(&self.users) {
            bail!("`users` must be 1 to 200000, got {}", self.users);
        }
        if self.products > 2_000_000 {
            bail!("`products` must be at most 2000000, got {}", self.products);
        }
        if !(self.rate > 0.0 && self.rate <= 50_000.0) {
            bail!("`rate` must be above 0 and at most 50000 events/s, got {}", self.rate);
        }
        if !(16..=1_000_000).contains(&self.connections_max) {
            bail!("`connections-max` must be 16 to 1000000, got {}", self.connections_max);
        }
        if self.connections_of_address_max == 0 {
            bail!("`connections-of-address-max` must be at least 1");
        }
        // A file's value has not been parsed as a flag's has.
        if let Err(error) = self.currency.as_str().parse::<Currency>() {
            bail!("`currency` {error}, got `{}`", self.currency);
        }
        if !(1_000..=10_000_000).contains(&self.embed_cache_vectors) {
            bail!("`embed-cache-vectors` must be 1000 to 10000000, got {}", self.embed_cache_vectors);
        }
        just_seen::rules(&self.just_seen)?;
        if let Some(traces) = self.traces() {
            traces.check()?;
        }
        if let Some(origin) = self.allowed_origins.iter().find(|origin| !is_origin(origin)) {
            bail!(
                "`allowed-origins` must be as browsers send them, like `https://shop.example`: lower case, no path, \
                 no `*`, a port only where it is not the scheme's own; got `{origin}`"
            );
        }
        if !self.bind.is_loopback() && !self.open && matches!(self.auth(), Ok(Auth::Open)) {
            bail!(
                "`bind` {} lets others reach REP, and without tokens each of them is an operator: set \
                 `operator-token` (`rep token --operator` makes one), or `open` if that is what you want",
                self.bind
            );
        }
        for (key, secret) in [("operator-token", &self.operator_token), ("token-secret", &self.token_secret)]
        {
            if secret.as_ref().is_some_and(|secret| secret.reveal().len() < SECRET_BYTES_MIN) {
                bail!("`{key}` must be at least {SECRET_BYTES_MIN} bytes, so that nobody can guess it");
            }
        }
        Ok(())
    }
}

/// Scheme, host and perhaps port, as browsers send it.
pub(super) fn is_origin(text: &str) -> bool {
    let (rest, own_port) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (rest, 443),
        (_, Some(rest)) => (rest, 80),
        _ => return false,
    };
    let Ok(authority) = rest.parse::<axum::http::uri::Authority>() else { return false };
    let host = authority.host();
    let in_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c);
    let is_host = match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok_and(|address| address.to_string() == inner),
        None => !host.is_empty() && host.chars().all(in_name),
    };
    is_host
        && match authority.port_u16() {
            Some(port) => port != own_port && rest == format!("{host}:{port}"),
            None => rest == host,
        }
}
