//! Redis: reachable, and set up so that it loses nothing.

use indicatif::HumanBytes;
use rep_backends::redis::{RedisConfig, RedisHealth};
use rep_core::ports::StoreError;

use super::{ANSWER_MAX, Subject};
use crate::doctor::report::Check;

/// Share of its memory, in percent, beyond which it is time to give it more.
const USED_PERCENT_MAX: u64 = 85;

pub(super) async fn check(subject: &Subject, config: RedisConfig) -> Vec<Check> {
    let config = RedisConfig { connect_wait: ANSWER_MAX / 2, answer_wait: ANSWER_MAX / 2, ..config };
    match RedisHealth::ask(&config).await {
        Ok(Some(health)) => told(subject, &health),
        Ok(None) => vec![subject.ok("answers; how each node of the cluster is set up was not looked at")],
        Err(error) => vec![failed(subject, &error)],
    }
}

fn failed(subject: &Subject, error: &StoreError) -> Check {
    let text = error.to_string();
    let refused = ["NOAUTH", "WRONGPASS", "NOPERM", "uthentication"].iter().any(|said| text.contains(said));
    if refused { subject.login_refused(text) } else { subject.away(text) }
}

fn told(subject: &Subject, health: &RedisHealth) -> Vec<Check> {
    let mut checks = Vec::new();
    if health.eviction != "noeviction" {
        checks.push(subject.problem(
            format!("forgets what is in it when its memory is full (`maxmemory-policy {}`)", health.eviction),
            "`CONFIG SET maxmemory-policy noeviction`, and in redis.conf: it refuses writes then, and nothing is lost",
        ));
    }
    if !health.has_append_only {
        checks.push(subject.problem(
            "keeps no append-only file: a restart loses vectors and inboxes",
            "`CONFIG SET appendonly yes`, and in redis.conf",
        ));
    } else if !health.append_only_works {
        checks.push(
            subject.problem("cannot write its append-only file", "make room on its disk and look at its log"),
        );
    }
    let used = HumanBytes(health.used_bytes);
    match health.bytes_max {
        Some(max) if health.used_bytes.saturating_mul(100) > max.saturating_mul(USED_PERCENT_MAX) => {
            checks.push(subject.warning(
                format!("{used} of {} in use; when it is full consumers pause", HumanBytes(max)),
                "give it more memory (`maxmemory`)",
            ));
        }
        _ => {}
    }
    if checks.is_empty() {
        checks.push(subject.ok(format!("answers {}; loses nothing, {used} in use", health.version)));
    }
    checks
}
