//! Addresses that may carry a login.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// The address of a server or store. Shown, logged and written out without its login.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// The whole text, login and all: for the client that connects.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// User and password, percent-decoded, and the URL without them; `None` if it has none.
    pub fn split(&self) -> Option<(String, String, Self)> {
        let (scheme, login, rest) = parts(&self.0)?;
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let plain = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        Some((plain(user), plain(password), Self(format!("{scheme}://{rest}"))))
    }
}

/// Scheme, login, and what follows it.
fn parts(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password that nobody encoded may hold any of these: then all up to the last `@` is taken for it.
    let at = rest[..authority]
        .rfind('@')
        .or_else(|| rest.split_once("?prefix=").map_or(rest, |(it, _)| it).rfind('@'))?;
    Some((scheme, &rest[..at], &rest[at + 1..]))
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match parts(&self.0) {
            Some((scheme, _, rest)) => write!(f, "{scheme}://***@{rest}"),
            None => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ServerUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<&str> for ServerUrl {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for ServerUrl {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for ServerUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_not_shown() {
        for (url, shown) in [
            ("http://u:p@h:1/x", "http://***@h:1/x"),
            ("http://h:1/x@y", "http://***@y"),
            ("redis://:p@q@h", "redis://***@h"),
            ("redis://:pa/ss@h:1/2", "redis://***@h:1/2"),
            ("redis://:pa?ss#@h:1/2", "redis://***@h:1/2"),
            ("kafka://u:p@h:1,i:2?prefix=a@b", "kafka://***@h:1,i:2?prefix=a@b"),
            ("kafka://h:1,i:2?prefix=a@b", "kafka://h:1,i:2?prefix=a@b"),
            ("embedded:", "embedded:"),
        ] {
            let url = ServerUrl::from(url);
            assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), shown.to_owned()));
            assert_eq!(serde_json::to_value(&url).unwrap(), shown);
        }
    }

    #[test]
    fn a_login_is_split_off() {
        let (user, password, rest) = ServerUrl::from("https://me:s%40y@h:1/x").split().unwrap();
        assert_eq!((user.as_str(), password.as_str(), rest.reveal()), ("me", "s@y", "https://h:1/x"));
        assert!(ServerUrl::from("https://h:1").split().is_none());
    }
}
