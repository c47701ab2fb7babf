//! Bounds of settings, and which go together.

use anyhow::bail;
use rep_api::{Auth, SECRET_BYTES_MIN};
use rep_core::Currency;

use super::Settings;

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
        if let Some(traces) = self.traces() {
            traces.check()?;
        }
        if let Some(origin) = self.allowed_origins.iter().find(|origin| !is_origin(origin)) {
            bail!("`allowed-origins` must be like `https://shop.example`, without a path, got `{origin}`");
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
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let authority = rest.parse::<axum::http::uri::Authority>();
        authority.is_ok_and(|authority| {
            !authority.host().is_empty() && authority.as_str() == rest && !rest.contains('@')
        })
    })
}
