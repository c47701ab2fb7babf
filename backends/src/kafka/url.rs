//! Kafka's URL: brokers, who asks, and how.

use percent_encoding::percent_decode_str;

use super::config::{KafkaConfig, KafkaConfigError};

/// Ways to talk to brokers, as the client library names them.
const SECURITY: [&str; 4] = ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"];
/// Ways to say who asks.
const MECHANISMS: [&str; 3] = ["plain", "scram-sha-256", "scram-sha-512"];

impl KafkaConfig {
    /// Defaults for a URL: `kafka://[user:password@]host:port,host:port[?name=value&…]`. What is special in a URL is
    /// percent-encoded in user, password and values. Names:
    /// - `prefix`: stands before topics and groups;
    /// - `security`: `plaintext` (the default), `ssl`, `sasl_plaintext` or `sasl_ssl`;
    /// - `mechanism`: `plain`, `scram-sha-256` or `scram-sha-512`, where `security` is one of `sasl_…`;
    /// - `ca`: PEM file of who signs the brokers' certificates; the system's authorities by default.
    ///
    /// # Errors
    /// When it is no such URL, or a part of it is refused. The error shows neither user nor password.
    pub fn from_url(url: &str) -> Result<Self, KafkaConfigError> {
        let Some(rest) = url.strip_prefix("kafka://") else {
            let scheme = url.split(':').next().unwrap_or_default();
            return Err(refused(format!("it begins with `{scheme}:`")));
        };
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains('/') || query.contains('@') {
            return Err(refused(
                "`/`, `?` and `@` in a user, a password or a value are written %2F, %3F, %40",
            ));
        }
        let (login, brokers) =
            authority.rsplit_once('@').map_or((None, authority), |(login, brokers)| (Some(login), brokers));
        let mut config = Self::new(brokers);
        let (mut security, mut mechanism, mut ca) = (None, None, None);
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = decoded(name, value)?;
            match name {
                "prefix" => config.prefix = value,
                "security" => security = Some(one_of("security", &value, &SECURITY)?),
                "mechanism" => mechanism = Some(one_of("mechanism", &value, &MECHANISMS)?),
                "ca" => ca = Some(value),
                other => {
                    return Err(refused(format!(
                        "`{other}` is none of `prefix`, `security`, `mechanism`, `ca`"
                    )));
                }
            }
        }
        let security = security.unwrap_or_default();
        let mut set = |name: &str, value: String| config.settings.0.insert(name.to_owned(), value);
        match (security.starts_with("sasl_"), login, mechanism) {
            (true, Some(login), Some(mechanism)) => {
                let (user, password) =
                    login.split_once(':').ok_or_else(|| refused("a login is `user:password`"))?;
                set("sasl.mechanism", mechanism.to_ascii_uppercase());
                set("sasl.username", decoded("user", user)?);
                set("sasl.password", decoded("password", password)?);
            }
            (true, None, _) => return Err(refused(format!("`security={security}` needs `user:password@`"))),
            (true, _, None) => {
                return Err(refused(format!(
                    "`security={security}` needs `mechanism`, {}",
                    list(&MECHANISMS)
                )));
            }
            (false, None, None) => {}
            (false, ..) => {
                return Err(refused(
                    "a login and a `mechanism` need `security=sasl_ssl` or `sasl_plaintext`",
                ));
            }
        }
        match (security.ends_with("ssl"), ca) {
            (true, Some(ca)) => drop(set("ssl.ca.location", ca)),
            (false, Some(_)) => return Err(refused("`ca` needs `security=ssl` or `sasl_ssl`")),
            (_, None) => {}
        }
        if !security.is_empty() {
            set("security.protocol", security);
        }
        config.validate()?;
        Ok(config)
    }
}

fn refused(reason: impl Into<String>) -> KafkaConfigError {
    KafkaConfigError::Url(reason.into())
}

fn decoded(what: &str, text: &str) -> Result<String, KafkaConfigError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| refused(format!("`{what}` is not UTF-8")))
}

fn one_of(name: &str, value: &str, known: &[&str]) -> Result<String, KafkaConfigError> {
    let value = value.to_ascii_lowercase();
    if known.contains(&value.as_str()) {
        return Ok(value);
    }
    Err(refused(format!("`{name}` must be {}, got `{value}`", list(known))))
}

fn list(known: &[&str]) -> String {
    known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_brokers_and_prefix_and_nothing_else() {
        let config = KafkaConfig::from_url("kafka://a:9092,b:9093/?prefix=shop.").unwrap();
        assert_eq!((&*config.brokers, &*config.prefix), ("a:9092,b:9093", "shop."));
        let plain = KafkaConfig::from_url("kafka://a:1").unwrap();
        assert!(plain.prefix.is_empty() && plain.settings.0.is_empty());
        for wrong in
            ["http://a:1", "kafka://", "kafka://a", "kafka://a:1?acks=0", "kafka://a:1?prefix=a&acks=0"]
        {
            assert!(KafkaConfig::from_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_login_and_who_signs_are_handed_on_and_not_shown() {
        let url = "kafka://me:hu%40sh%2F:x@a:1,b:2?security=SASL_SSL&mechanism=scram-sha-512&ca=/etc/ca.pem";
        let config = KafkaConfig::from_url(url).unwrap();
        assert_eq!(config.brokers, "a:1,b:2");
        let settings: Vec<(&str, &str)> =
            config.settings.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            settings,
            [
                ("sasl.mechanism", "SCRAM-SHA-512"),
                ("sasl.password", "hu@sh/:x"),
                ("sasl.username", "me"),
                ("security.protocol", "sasl_ssl"),
                ("ssl.ca.location", "/etc/ca.pem"),
            ]
        );
        let shown = format!("{config:?}");
        assert!(!shown.contains("hu@sh") && !shown.contains("\"me\""), "{shown}");
    }

    #[test]
    fn what_is_refused_says_what_to_do_and_shows_no_password() {
        for (wrong, says) in [
            ("kafka://me:hush@a:1", "`security=sasl_ssl`"),
            ("kafka://me:hush@a:1?security=ssl", "`security=sasl_ssl`"),
            ("kafka://me:hush@a:1?security=sasl_ssl", "needs `mechanism`"),
            ("kafka://me:hush@a:1?security=sasl_ssl&mechanism=gssapi", "`scram-sha-512`, got `gssapi`"),
            ("kafka://a:1?security=sasl_ssl&mechanism=plain", "`user:password@`"),
            ("kafka://a:1?security=tls", "`sasl_ssl`, got `tls`"),
            ("kafka://a:1?ca=/x", "`ca` needs"),
            ("kafka://hush@a:1?security=sasl_ssl&mechanism=plain", "`user:password`"),
            ("kafka://me:hu/sh@a:1?security=sasl_ssl&mechanism=plain", "%2F"),
            ("kafka://me:hu?sh@a:1?security=sasl_ssl&mechanism=plain", "%3F"),
            ("kafka://me:hush@a?security=sasl_ssl&mechanism=plain", "got `a`"),
        ] {
            let error = KafkaConfig::from_url(wrong).unwrap_err().to_string();
            assert!(error.contains(says), "{wrong}: {error}");
            assert!(!error.contains("hu"), "{error}");
        }
    }
}
