//! Repair: reports that no table has drifted from its commit.
//!
//! A commit names exact table versions, and a version that somebody writes to a table directly is named by none, so it
//! cannot be reached and there is nothing to heal. The report exists for those who script it.

use omnigraph_graph::commit::{BranchName, Graph};
use serde::Serialize;

use crate::error::{OmniError, Result};

/// How far repair may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairOptions {
    /// Act instead of previewing.
    pub confirm: bool,
    /// Also publish what cannot be verified; only with `confirm`.
    pub force: bool,
}

/// What is known about the tip of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RepairClassification {
    /// It is the published version.
    NoDrift,
    /// Only compaction is ahead. Never reported.
    VerifiedMaintenance,
    /// Data is ahead. Never reported.
    Suspicious,
    /// The history cannot be read. Never reported.
    Unverifiable,
}

/// What repair did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RepairAction {
    /// Nothing, as nothing was wrong.
    NoOp,
    /// It would act. Never reported.
    Preview,
    /// It published the tip. Never reported.
    Healed,
    /// It published the tip unverified. Never reported.
    Forced,
    /// It would not act. Never reported.
    Refused,
}

/// What repair found of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatasetRepairStats {
    /// `node:T` or `edge:T`.
    pub type_key: String,
    /// The published version.
    pub published_dataset_version: u64,
    /// The tip; the same.
    pub lance_head_version: u64,
    /// What the tip is.
    pub classification: RepairClassification,
    /// What was done.
    pub action: RepairAction,
    /// Operations between the two; none.
    pub operations: Vec<String>,
    /// Why the table could not be examined.
    pub error: Option<String>,
}

/// What repair found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RepairStats {
    /// Per table of `main`.
    pub datasets: Vec<DatasetRepairStats>,
    /// The version it published; none.
    pub graph_manifest_version: Option<u64>,
}

/// Reports on the tables of `main`.
///
/// # Errors
/// Bad request for `force` without `confirm`; a conflict while an interrupted write is not settled; `Storage`.
pub(crate) async fn repair(graph: &Graph, options: RepairOptions) -> Result<RepairStats> {
    if options.force && !options.confirm {
        return Err(OmniError::bad_request("repair with force requires confirm"));
    }
    super::settled::require_settled(graph, "repair").await?;
    let head = graph.head(&BranchName::main()).await?;
    let datasets = head.record().tables.iter().map(|pin| DatasetRepairStats {
        type_key: pin.key().to_string(),
        published_dataset_version: pin.table_version,
        lance_head_version: pin.table_version,
        classification: RepairClassification::NoDrift,
        action: RepairAction::NoOp,
        operations: Vec::new(),
        error: None,
    });
    Ok(RepairStats { datasets: datasets.collect(), graph_manifest_version: None })
}
