//! `omnigraph snapshot`.

use omnigraph_service as service;

use crate::address::{self, Access, Target};
use crate::args::Global;
use crate::args::data::Snapshot;
use crate::failure::Failure;
use crate::output;

/// Shows the version and the tables of the head of a branch.
pub(crate) async fn run(args: &Snapshot, global: &Global) -> Result<(), Failure> {
    let snapshot = match address::target(args.uri.given(), global, Access::Read).await? {
        Target::Served(graph) => graph.snapshot(Some(&args.branch)).await?,
        Target::Direct(uri) => {
            service::snapshot(&address::open(&uri, global, Access::Read).await?, &args.branch).await?
        }
    };
    if global.json {
        return output::json(&snapshot);
    }
    let mut lines = vec![
        format!("graph_branch: {}", snapshot.graph_branch),
        format!("graph_manifest_version: {}", snapshot.graph_manifest_version),
        format!("internal_schema_version: {}", snapshot.internal_schema_version),
    ];
    lines.extend(snapshot.datasets.iter().map(|dataset| {
        format!(
            "{} type '{}' published_dataset_version={} native_dataset_branch={} entities={}",
            dataset.entity_kind,
            dataset.type_name,
            dataset.published_dataset_version,
            dataset.native_dataset_branch.as_deref().unwrap_or("main"),
            dataset.entity_count
        )
    }));
    output::line(&lines.join("\n"))
}
