use serde_json::Value;
pub(super) fn run(_quick: bool) -> anyhow::Result<Value> { anyhow::bail!("not wired") }
