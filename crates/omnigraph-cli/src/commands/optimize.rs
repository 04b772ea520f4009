//! `omnigraph optimize`.

use omnigraph::Omnigraph;
use omnigraph::db::{DatasetOptimizeStats, SkipReason};
use serde::Serialize;

use crate::address;
use crate::args::Global;
use crate::args::maintenance::Optimize;
use crate::echo;
use crate::failure::Failure;
use crate::operator;
use crate::output;

#[derive(Serialize)]
struct Pending<'a> {
    property: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Dataset<'a> {
    type_key: &'a str,
    fragments_removed: u64,
    fragments_added: u64,
    committed: bool,
    skipped: Option<SkipReason>,
    published_dataset_version: Option<u64>,
    lance_head_version: Option<u64>,
    pending_indexes: Vec<Pending<'a>>,
}

impl<'a> From<&'a DatasetOptimizeStats> for Dataset<'a> {
    fn from(stats: &'a DatasetOptimizeStats) -> Self {
        let pending = stats.pending_indexes.iter();
        Dataset {
            type_key: &stats.type_key,
            fragments_removed: stats.fragments_removed,
            fragments_added: stats.fragments_added,
            committed: stats.committed,
            skipped: stats.skipped,
            published_dataset_version: stats.published_dataset_version,
            lance_head_version: stats.lance_head_version,
            pending_indexes: pending.map(|p| Pending { property: &p.property, reason: &p.reason }).collect(),
        }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    uri: &'a str,
    datasets: Vec<Dataset<'a>>,
}

/// Compacts the tables of a branch.
pub(crate) async fn run(args: &Optimize, global: &Global) -> Result<(), Failure> {
    let uri = &address::storage(args.uri.given(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, false)).await?;
    echo::storage_write("optimize", uri, global);
    let stats = graph.optimize_on(&args.branch, operator::actor(global)).await?;
    graph.close().await;
    if global.json {
        return output::json(&Document { uri, datasets: stats.iter().map(Dataset::from).collect() });
    }
    output::line(&format!("optimize {uri} — {} datasets", stats.len()))?;
    for dataset in &stats {
        let result = match dataset.skipped {
            Some(SkipReason::DriftNeedsRepair) => "skipped (drift_needs_repair)".to_owned(),
            None if dataset.committed => {
                format!("frags {} → {} ✓", dataset.fragments_removed, dataset.fragments_added)
            }
            None => "no-op".to_owned(),
        };
        output::line(&format!("  {:<40}{result}", dataset.type_key))?;
        for index in &dataset.pending_indexes {
            output::line(&format!("    ↳ index pending on property '{}': {}", index.property, index.reason))?;
        }
    }
    Ok(())
}
