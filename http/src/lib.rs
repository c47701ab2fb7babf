//! What every HTTP edge of REP shares: problem documents ([`Problem`]), readers of JSON fields ([`Fields`]) and
//! health ([`Readiness`]).
//!
//! Knows no route and no role; each edge has its own.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests stop where something is missing"))]

mod fields;
mod health;
mod problem;

pub use fields::Fields;
pub use health::{ALIVE, AsIs, HealthCheck, HealthStatus, Readiness};
pub use problem::{FIELDS_MAX, FieldProblem, Problem};
