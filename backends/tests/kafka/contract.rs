//! The contract of the log, as every backend keeps it.

rep_core::log_contract!(crate::subject::OnKafka::fresh().await);
