//! The result for people.

use std::fmt::Write as _;

use serde_json::Value;

/// `result` as lines: what, how much, what was aimed at and whether it was reached.
pub(super) fn of(result: &Value) -> String {
    let mut table = format!("\n{:<56} {:<54} {}\n", "what", "measured", "goal");
    let mut row = |what: &str, measured: String, part: &Value| {
        let met = match part["met"].as_bool() {
            Some(true) => ": met",
            Some(false) => ": not met",
            None => "",
        };
        let goal = part["goal"].as_str().unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{what:<56} {measured:<54} {goal}{met}");
    };
    let (fresh, load, knn) = (&result["freshness"], &result["throughput"], &result["knn"]);
    let latency = |of: &Value| format!("p50 {}, p99 {}", ms(&of["p50_ms"]), ms(&of["p99_ms"]));
    if !fresh.is_null() {
        let what = format!("action due -> vector seen, {} actions/s", whole(&fresh["achieved_events_per_s"]));
        row(&what, latency(&fresh["due_to_seen"]), fresh);
    }
    if !load.is_null() {
        let measured = format!(
            "{} events/s, {:.2} of the slower of the two below",
            whole(&load["behaviour_events_per_s"]),
            load["share_of_slower"].as_f64().unwrap_or_default()
        );
        row("behaviour role", measured, load);
        let each =
            [("bare consumer", "bare_consumer_events_per_s"), ("bare loader", "bare_loader_events_per_s")];
        for (what, figure) in each {
            row(what, format!("{} events/s", whole(&load[figure])), &Value::Null);
        }
    }
    for found in knn["results"].as_array().into_iter().flatten() {
        let text = |name: &str| found[name].as_str().unwrap_or_default();
        let what = format!("{} nearest by {}, filter: {}", knn["k"], text("retrieval"), text("filter"));
        let recall = found["recall_at_20"].as_f64().unwrap_or_default();
        row(&what, format!("{}, recall {recall:.3}", latency(&found["latency"])), &Value::Null);
    }
    table
}

fn whole(value: &Value) -> String {
    format!("{:.0}", value.as_f64().unwrap_or_default())
}

fn ms(value: &Value) -> String {
    format!("{:.1} ms", value.as_f64().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_figure_has_a_line_and_its_goal() {
        let latency = json!({"p50_ms": 1.26, "p99_ms": 300.0});
        let result = json!({
            "freshness": {"achieved_events_per_s": 2000.0, "due_to_seen": latency, "goal": "p99_ms <= 250", "met": false},
            "throughput": {
                "behaviour_events_per_s": 950.0, "bare_consumer_events_per_s": 9000.0, "bare_loader_events_per_s": 1000.0,
                "share_of_slower": 0.95, "goal": "share_of_slower >= 0.9", "met": true,
            },
            "knn": {"k": 20, "results": [{"retrieval": "replica", "filter": "none", "latency": latency, "recall_at_20": 1.0}]},
        });
        let table = of(&result);
        for said in [
            "p50 1.3 ms, p99 300.0 ms",
            "250: not met",
            "0.95 of",
            ">= 0.9: met",
            "1000 events/s",
            "recall 1.000",
        ] {
            assert!(table.contains(said), "no `{said}` in {table}");
        }
    }
}
