//! What operators do with a cluster's servers, on real ones.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use crate::servers;

use std::process::{Command, Output};

use servers::Servers;

fn rep(args: &[&str]) -> (i32, Vec<String>, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_rep")).args(args).env_clear().output().unwrap();
    let lines = String::from_utf8(stdout).unwrap().lines().map(str::to_owned).collect();
    (status.code().unwrap(), lines, String::from_utf8(stderr).unwrap())
}

fn marks(lines: &[String]) -> String {
    lines.iter().map(|line| &line[..1]).collect()
}

#[test]
fn topics_and_schemas_are_compared_and_made_and_then_stand() {
    let servers = Servers::start(&["kafka", "registry"]);
    let log = format!("kafka://{}?prefix=shop.", servers.address("REP_TEST_KAFKA"));
    let registry = servers.address("REP_TEST_REGISTRY");

    let topics = |verb: &str, more: &[&str]| {
        rep(&[&["topics", verb, "--log", &log, "--replication", "1", "--min-in-sync", "1"], more].concat())
    };
    let (status, lines, _) = topics("plan", &[]);
    assert_eq!((status, &*marks(&lines)), (2, "+++++"), "{lines:?}");
    assert!(lines[0].starts_with("+ shop.user.action.v1: 12 partitions"), "{lines:?}");
    assert_eq!((topics("apply", &[]).0, topics("plan", &[]).0), (0, 0));
    let (status, lines, _) = topics("apply", &["--retention", "1d"]);
    assert_eq!((status, &*marks(&lines)), (0, "~~~~"), "{lines:?}");
    // What cannot be made is left, said, and does no harm.
    let (status, lines, _) = rep(&["topics", "apply", "--log", &log, "--retention", "1d"]);
    assert_eq!((status, &*marks(&lines)), (2, "!!!!!"), "{lines:?}");

    let schemas = |verb: &str| rep(&["schemas", verb, "--log", &log, "--registry", &registry]);
    let (status, lines, _) = schemas("plan");
    assert_eq!((status, &*marks(&lines)), (2, "~~~~+++++++"), "{lines:?}");
    assert_eq!(schemas("apply").0, 0);
    let (status, lines, _) = schemas("apply");
    assert_eq!((status, &*marks(&lines)), (0, "======="), "{lines:?}");
}

#[test]
fn what_is_wrong_is_said() {
    for (args, said) in [
        (&["topics", "plan"][..], "`--log kafka://host:9092`"),
        (&["topics", "plan", "--log", "http://127.0.0.1:1"], "a Kafka URL looks like"),
        (&["topics", "plan", "--log", "kafka://127.0.0.1:1"], "BrokerTransportFailure"),
        (&["topics", "apply", "--log", "kafka://127.0.0.1:1", "--retention", "1"], "needs a unit"),
        (&["topics", "apply", "--log", "kafka://127.0.0.1:1", "--min-in-sync", "4"], "`min_in_sync` must be"),
        (&["bench", "cluster"], "`make bench-cluster`"),
        (&["bench", "cluster"], "`scripts/servers start`"),
        (&["bench", "cluster"], "REP_LOG, REP_REGISTRY, REP_SEARCH, REP_PREFERENCES"),
        (&["bench", "cluster"], "`make cluster`"),
        (&["bench", "cluster", "--log", "kafka://127.0.0.1:1"], "`search`"),
        (&["schemas", "plan"], "`--registry http://host:port`"),
        (&["schemas", "plan", "--registry", "ftp://x"], "`url` must begin with"),
        (&["schemas", "plan", "--registry", "http://127.0.0.1:1"], "is away"),
    ] {
        let (status, lines, error) = rep(args);
        assert!(status != 0 && lines.is_empty() && error.contains(said), "{args:?}: {error}");
    }
}
