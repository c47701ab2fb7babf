//! What a [`SimulatorError`] is to clients.

use rep_http::Problem;

use crate::runner::SimulatorError;

impl From<SimulatorError> for Problem {
    fn from(error: SimulatorError) -> Self {
        match error {
            SimulatorError::Running | SimulatorError::Stranger(_) => Problem::conflict(error.to_string()),
            SimulatorError::Shop(ref store) => {
                tracing::warn!(error = %store, "the shop could not be asked for its products");
                Problem::unavailable("the shop cannot be asked for its products now")
            }
            SimulatorError::Invalid(wrong) => Problem::field(wrong.field, wrong.message),
            // What the log said stays inside.
            SimulatorError::Log(ref store) => {
                tracing::warn!(error = %store, "an action by hand was not taken");
                Problem::unavailable("the log does not take events now")
            }
            SimulatorError::Timeout(_) => {
                Problem::unavailable("the log did not answer in time; the action may be there all the same")
            }
            SimulatorError::Encode(ref encode) => {
                Problem::defect("an action by hand does not fit its schema", encode)
            }
        }
    }
}
