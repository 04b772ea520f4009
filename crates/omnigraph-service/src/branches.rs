//! Branches are made, deleted and merged.

use omnigraph::Omnigraph;
use omnigraph::db::{MergeBranches, ReadTarget};
use omnigraph::error::Result;
use omnigraph_api::{BranchCreateOutput, BranchDeleteOutput, BranchMergeOutput};

use crate::convert;

/// Forks a branch.
///
/// # Errors
/// Those of [`Omnigraph::branch_create_from_as`].
pub async fn create_branch(
    graph: &Omnigraph,
    from: impl Into<ReadTarget>,
    name: &str,
    actor: Option<&str>,
) -> Result<BranchCreateOutput> {
    let from = from.into();
    let shown = match &from {
        ReadTarget::Branch(branch) => branch.clone(),
        ReadTarget::Snapshot(id) => id.as_str().to_owned(),
    };
    graph.branch_create_from_as(from, name, actor).await?;
    Ok(BranchCreateOutput {
        uri: graph.uri().to_owned(),
        from: shown,
        name: name.to_owned(),
        actor_id: actor.map(str::to_owned),
    })
}

/// Deletes a branch.
///
/// # Errors
/// Those of [`Omnigraph::branch_delete_as`].
pub async fn delete_branch(graph: &Omnigraph, name: &str, actor: Option<&str>) -> Result<BranchDeleteOutput> {
    graph.branch_delete_as(name, actor).await?;
    Ok(BranchDeleteOutput {
        uri: graph.uri().to_owned(),
        name: name.to_owned(),
        actor_id: actor.map(str::to_owned),
    })
}

/// Merges a branch. Its deletion is up to the caller, who adds what became of it.
///
/// # Errors
/// Those of [`Omnigraph::branch_merge`].
pub async fn merge_branches(graph: &Omnigraph, request: MergeBranches<'_>) -> Result<BranchMergeOutput> {
    let receipt = graph.branch_merge(request).await?;
    Ok(convert::merge(receipt, request.source, request.target, request.actor))
}
