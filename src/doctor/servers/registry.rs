//! The schema registry: reachable, and the program's schemas in it.

use rep_backends::registry::{Applied, Outcome, Registry, RegistryConfig, RegistryError, SchemaOutcome};

use super::{ANSWER_MAX, Subject};
use crate::doctor::report::Check;

pub(super) async fn check(subject: &Subject, config: RegistryConfig) -> Vec<Check> {
    let config = RegistryConfig { answer_max: ANSWER_MAX, attempts: 1, ..config };
    let planned = match Registry::new(config) {
        Ok(registry) => registry.plan().await,
        Err(error) => Err(error),
    };
    match planned {
        Ok(planned) => told(subject, &planned),
        Err(error @ RegistryError::Unavailable { .. }) => vec![subject.away(error)],
        Err(error @ RegistryError::Refused { status: 401 | 403, .. }) => vec![subject.login_refused(error)],
        Err(error) => vec![subject.problem(
            error,
            "correct `registry`: the base URL of the Confluent-compatible API, such as `http://host:8081/apis/ccompat/v7`",
        )],
    }
}

fn told(subject: &Subject, planned: &Applied) -> Vec<Check> {
    let mut checks = Vec::new();
    let named = |schema: &SchemaOutcome| format!("{} version {}", schema.subject, schema.version);
    let missing: Vec<String> = planned
        .schemas
        .iter()
        .filter(|schema| matches!(schema.outcome, Outcome::Registered { .. }))
        .map(named)
        .collect();
    if !missing.is_empty() {
        let detail = format!("schemas are not registered: {}", missing.join(", "));
        checks.push(subject.problem(detail, "`rep schemas apply` registers them"));
    }
    for schema in &planned.schemas {
        if let Outcome::Incompatible { reasons } = &schema.outcome {
            let detail =
                format!("schema {} cannot follow what is there: {}", named(schema), reasons.join("; "));
            let hint = "somebody registered another schema under that subject: remove it, or take another `?prefix=` of `log`";
            checks.push(subject.problem(detail, hint));
        }
    }
    if checks.is_empty() {
        checks.push(subject.ok("answers; every schema is registered"));
    }
    if !planned.compatibility.is_empty() {
        let subjects: Vec<&str> = planned.compatibility.iter().map(|set| set.subject.as_str()).collect();
        checks.push(subject.warning(
            format!("takes schemas that cannot read older records: {}", subjects.join(", ")),
            "`rep schemas apply` sets these subjects to BACKWARD_TRANSITIVE",
        ));
    }
    checks
}
