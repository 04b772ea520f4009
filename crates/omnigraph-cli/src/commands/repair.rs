//! `omnigraph repair`.

use std::process::ExitCode;

use omnigraph::Omnigraph;
use omnigraph::db::{DatasetRepairStats, RepairAction, RepairClassification, RepairOptions};
use serde::Serialize;

use crate::address;
use crate::args::Global;
use crate::args::maintenance::Repair;
use crate::echo;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Document<'a> {
    uri: &'a str,
    confirm: bool,
    force: bool,
    graph_manifest_version: Option<u64>,
    datasets: &'a [DatasetRepairStats],
}

/// Reports on the tables of `main`.
pub(crate) async fn run(args: &Repair, global: &Global) -> Result<ExitCode, Failure> {
    let uri = &address::storage(args.uri.given(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    echo::storage_write("repair", uri, global);
    let options = RepairOptions { confirm: args.confirm, force: args.force };
    let stats = graph.repair(options).await?;
    if global.json {
        output::json(&Document {
            uri,
            confirm: args.confirm,
            force: args.force,
            graph_manifest_version: stats.graph_manifest_version,
            datasets: &stats.datasets,
        })?;
    } else {
        let mode = if args.confirm { "confirm mode" } else { "preview mode" };
        output::line(&format!("repair {uri} — {mode}, {} datasets", stats.datasets.len()))?;
        for dataset in &stats.datasets {
            output::line(&text(dataset))?;
        }
    }
    let refused = stats.datasets.iter().filter(|dataset| dataset.action == RepairAction::Refused).count();
    if refused > 0 {
        eprintln!("repair refused {refused} datasets; pass --force --confirm to publish them unverified");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn text(dataset: &DatasetRepairStats) -> String {
    let action = match dataset.action {
        RepairAction::NoOp => "no_op",
        RepairAction::Preview => "preview",
        RepairAction::Healed => "healed",
        RepairAction::Forced => "forced",
        RepairAction::Refused => "refused",
    };
    let classification = match dataset.classification {
        RepairClassification::NoDrift => "no_drift",
        RepairClassification::VerifiedMaintenance => "verified_maintenance",
        RepairClassification::Suspicious => "suspicious",
        RepairClassification::Unverifiable => "unverifiable",
    };
    let (published, tip) = (dataset.published_dataset_version, dataset.lance_head_version);
    let versions = if published == tip { published.to_string() } else { format!("{published} → {tip}") };
    let operations = match dataset.operations.is_empty() {
        true => String::new(),
        false => format!(" [{}]", dataset.operations.join(", ")),
    };
    let error = dataset.error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
    format!("  {:<40}{action:<12}{classification:<22}{versions}{operations}{error}", dataset.type_key)
}
