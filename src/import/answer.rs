//! What the API says of a batch, item by item. A status for the whole says nothing of an item.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::entry::Problem;

/// What became of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is durable; what was odd about it all the same.
    Accepted(Vec<String>),
    /// It was there before, and has no second effect.
    Duplicate,
    /// It is not valid.
    Refused(Vec<Problem>),
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<ItemResult>,
}

#[derive(Deserialize)]
struct ItemResult {
    status: String,
    #[serde(default)]
    errors: Vec<ItemError>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct ItemError {
    #[serde(default)]
    field: String,
    message: String,
}

/// Reads the verdicts on `count` items, in their order.
///
/// # Errors
/// When the answer is not understood, or not one for each item: then nothing is known of any of them.
pub(super) fn verdicts(body: &[u8], count: usize) -> anyhow::Result<Vec<Verdict>> {
    let answer: Answer = serde_json::from_slice(body).context("the API's answer is not understood")?;
    if answer.results.len() != count {
        bail!("the API answered {} results for {count} items", answer.results.len());
    }
    answer.results.into_iter().map(verdict).collect()
}

fn verdict(result: ItemResult) -> anyhow::Result<Verdict> {
    match result.status.as_str() {
        "accepted" | "created" | "replaced" => Ok(Verdict::Accepted(result.warnings)),
        "duplicate" => Ok(Verdict::Duplicate),
        "rejected" if result.errors.is_empty() => {
            Ok(Verdict::Refused(vec![Problem::of_record("was refused by the API without a reason")]))
        }
        "rejected" => Ok(Verdict::Refused(result.errors.into_iter().map(problem).collect())),
        other => bail!("the API's answer has the unknown status `{other}`"),
    }
}

fn problem(error: ItemError) -> Problem {
    if error.field.is_empty() {
        Problem::of_record(error.message)
    } else {
        Problem::of(error.field, error.message)
    }
}

/// The reasons in a refusal of a whole batch of `count` items, by item: it names fields like `3.price`, and
/// only the first hundred, so items may be left without one.
pub(super) fn reasons(body: &[u8], count: usize) -> BTreeMap<usize, Vec<Problem>> {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(default)]
        errors: Vec<ItemError>,
    }
    let mut reasons: BTreeMap<usize, Vec<Problem>> = BTreeMap::new();
    // What is no such refusal has no reasons, and its sender reports it as it is.
    let refusal = serde_json::from_slice(body).unwrap_or(Refusal { errors: Vec::new() });
    for error in refusal.errors {
        let (index, field) = error.field.split_once('.').unwrap_or((&error.field, ""));
        if let Some(index) = index.parse().ok().filter(|index| *index < count) {
            let reason = problem(ItemError { field: field.to_owned(), message: error.message });
            reasons.entry(index).or_default().push(reason);
        }
    }
    reasons
}

/// The sentence in a `problem+json` answer, or what else it holds in short.
pub(super) fn detail(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct ProblemBody {
        detail: Option<String>,
        title: Option<String>,
    }
    let said = serde_json::from_slice::<ProblemBody>(body).ok().and_then(|body| body.detail.or(body.title));
    let said = said.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned());
    let short: String = said.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.is_empty() { "no reason given".into() } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_has_a_verdict_of_its_own() {
        let body =
            br#"{"results":[{"status":"accepted","traceId":"a","warnings":["w"]},{"status":"duplicate"},{"status":"created"},
            {"status":"rejected","errors":[{"field":"price","message":"m"},{"field":"","message":"n"}]},
            {"status":"rejected"}],"created":1}"#;
        let verdicts = verdicts(body, 5).unwrap();
        let odd = Verdict::Accepted(vec!["w".to_owned()]);
        assert_eq!(verdicts[..3], [odd, Verdict::Duplicate, Verdict::Accepted(Vec::new())]);
        let problems = vec![Problem::of("price", "m"), Problem::of_record("n")];
        assert_eq!(verdicts[3], Verdict::Refused(problems));
        assert!(matches!(&verdicts[4], Verdict::Refused(problems) if problems.len() == 1));
    }

    #[test]
    fn what_is_not_understood_is_never_taken_for_accepted() {
        for (body, count) in [
            (&br#"{"results":[{"status":"accepted"}]}"#[..], 2),
            (br#"{"results":[{"status":"accepted"},{"status":"accepted"}]}"#, 1),
            (br#"{"results":[{"status":"queued"}]}"#, 1),
            (br#"{"results":[{}]}"#, 1),
            (br#"{"results":[{"status":"accep"#, 1),
            (b"", 1),
            (b"<html>ok</html>", 1),
            (br#"[{"status":"accepted"}]"#, 1),
        ] {
            assert!(verdicts(body, count).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_refused_batch_names_its_items() {
        let body = br#"{"detail":"no event is valid","errors":[{"field":"0.userId","message":"a"},
            {"field":"0.metadata.x","message":"b"},{"field":"2","message":"c"},{"field":"9.x","message":"d"},
            {"field":"Idempotency-Key","message":"e"}]}"#;
        let reasons = reasons(body, 3);
        assert_eq!(reasons[&0], [Problem::of("userId", "a"), Problem::of("metadata.x", "b")]);
        assert_eq!(reasons[&2], [Problem::of_record("c")]);
        assert_eq!(reasons.len(), 2);
        assert!(super::reasons(b"<html>", 3).is_empty());
    }

    #[test]
    fn reasons_are_short_and_printable() {
        assert_eq!(detail(br#"{"title":"t","detail":"a store is away"}"#), "a store is away");
        assert_eq!(detail(b"Bad\nGateway"), "Bad Gateway");
        assert_eq!(detail(b""), "no reason given");
        assert_eq!(detail(&[b'x'; 5000]).len(), 200);
    }
}
