//! Elasticsearch: reachable, whole, its indices there and of the model, and taking writes.

use rep_backends::elasticsearch::{
    Block, Client, ElasticsearchConfig, Finding, IndexKind, Indices, Remedy, Served,
};
use rep_core::ports::StoreError;
use rep_embedder::ModelDir;

use super::{ANSWER_MAX, Subject};
use crate::doctor::report::Check;

pub(super) async fn check(
    subject: &Subject,
    config: ElasticsearchConfig,
    model: Option<&ModelDir>,
) -> Vec<Check> {
    match look(subject, config, model).await {
        Ok(checks) => checks,
        Err(error) => {
            let text = error.to_string();
            let refused = ["answered 401", "answered 403"].iter().any(|status| text.contains(status));
            vec![if refused { subject.login_refused(text) } else { subject.away(text) }]
        }
    }
}

async fn look(
    subject: &Subject,
    config: ElasticsearchConfig,
    model: Option<&ModelDir>,
) -> Result<Vec<Check>, StoreError> {
    let client = Client::new(&ElasticsearchConfig { timeout: ANSWER_MAX, ..config })?;
    let health = client.health().await?;
    let mut checks = Vec::new();
    if health.is_red {
        checks.push(subject.problem(
            "its health is red: a part of some index is in service nowhere",
            "`GET _cluster/allocation/explain` says why; a node may be away, or its disk full",
        ));
    }
    let Some(model) = model else {
        checks.push(
            subject.warning("its indices were not compared, since there is no model", "mend the model first"),
        );
        return Ok(checks);
    };
    let manifest = model.manifest();
    let indices = Indices::new(client, manifest.id.clone(), manifest.dimensions);
    let served = indices.served(IndexKind::Product).await.ok().flatten();
    for plan in indices.plan().await? {
        let other = plan.findings.iter().any(|finding| matches!(finding, Finding::NotServed { .. }));
        // The index of a model that is not in use need not be there.
        let told = plan.findings.iter().filter(|finding| !other || finding.remedy() == Remedy::Switch);
        checks
            .extend(told.map(|finding| difference(subject, finding, served.as_ref(), manifest.id.as_str())));
    }
    for (index, block) in indices.blocked().await? {
        checks.push(blocked(subject, &index, block));
    }
    if checks.is_empty() {
        let version = health.version.map(|version| format!(" {version}")).unwrap_or_default();
        checks.push(subject.ok(format!("answers{version}; indices are as `{}` needs them", manifest.id)));
    }
    Ok(checks)
}

fn difference(subject: &Subject, finding: &Finding, served: Option<&Served>, model: &str) -> Check {
    if let (Finding::NotServed { .. }, Some(served)) = (finding, served) {
        let found = served.model.as_deref().unwrap_or("another version");
        return subject.problem(
            format!("products have vectors of `{found}`, the configuration's model is `{model}`"),
            format!(
                "`rep indices switch --model {model}` changes them, or run with the model in use (`--model`)"
            ),
        );
    }
    let hint = match finding.remedy() {
        Remedy::Apply => "`rep indices apply` mends that",
        Remedy::Switch => "`rep indices switch` fills that and switches",
        Remedy::Person => {
            "move what is there away (`_reindex`), remove it, then `rep indices apply`; or take another `?prefix=` of `search`"
        }
    };
    subject.problem(finding, hint)
}

fn blocked(subject: &Subject, index: &str, block: Block) -> Check {
    match block {
        Block::Disk => subject.problem(
            format!("index `{index}` takes no writes: a disk is nearly full (flood stage)"),
            "make room on the disks of Elasticsearch; it lifts the block by itself",
        ),
        Block::Writes => subject.problem(
            format!("index `{index}` takes no writes: it is blocked"),
            "`rep indices switch` finishes a switch that was begun, `--undo` gives it up; else lift `index.blocks`",
        ),
    }
}
