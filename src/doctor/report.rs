//! What was found: one line a check.

use std::fmt;

use serde::Serialize;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Status {
    Ok,
    Warning,
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    name: &'static str,
    status: Status,
    detail: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Check {
    pub(super) fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, detail: detail.into(), hint: None }
    }

    pub(super) fn warning(name: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, status: Status::Warning, detail: detail.into(), hint: Some(hint.into()) }
    }

    pub(super) fn problem(name: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, status: Status::Problem, detail: detail.into(), hint: Some(hint.into()) }
    }
}

/// All checks.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The worst of them.
    status: Status,
    checks: Vec<Check>,
}

impl Default for Report {
    fn default() -> Self {
        Self { status: Status::Ok, checks: Vec::new() }
    }
}

impl Report {
    pub(super) fn add(&mut self, check: Check) {
        self.status = self.status.max(check.status);
        self.checks.push(check);
    }

    pub(super) fn has_problem(&self) -> bool {
        self.status == Status::Problem
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            let status = match check.status {
                Status::Ok => "ok",
                Status::Warning => "warning",
                Status::Problem => "problem",
            };
            write!(f, "{status:<8} {:<14} {}", check.name, check.detail)?;
            match &check.hint {
                Some(hint) => writeln!(f, " → {hint}")?,
                None => writeln!(f)?,
            }
        }
        let count = |status| self.checks.iter().filter(|check| check.status == status).count();
        match (count(Status::Problem), count(Status::Warning)) {
            (0, 0) => write!(f, "nothing is in the way"),
            (0, warnings) => write!(f, "{warnings} to look at, nothing is in the way"),
            (problems, _) => write!(f, "{problems} to be mended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_check_decides() {
        let mut report = Report::default();
        report.add(Check::ok("a", "fine"));
        assert!(!report.has_problem() && report.to_string().ends_with("nothing is in the way"));
        report.add(Check::problem("b", "broken", "mend it"));
        report.add(Check::warning("c", "odd", "look at it"));
        assert!(report.has_problem());
        assert_eq!(report.to_string().lines().nth(1), Some("problem  b              broken → mend it"));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["status"], &json["checks"][1]["hint"]), (&"problem".into(), &"mend it".into()));
    }
}
