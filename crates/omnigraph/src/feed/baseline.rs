//! The state a feed is applied on: an export of one commit and the cursor behind it.

use std::io::Write;

use omnigraph_compiler::catalog::TypeKey;
use omnigraph_graph::commit::{BranchName, Graph, Snapshot};

use super::model::ChangeBaseline;
use super::poll::cursor_behind;
use super::scope::ChangeFeedScope;
use crate::error::Result;
use crate::write::export::{ExportStream, export, export_stream};

/// Writes the head of a branch, restricted to the kinds and types of the scope.
///
/// # Errors
/// As an export; nothing then tells where to go on.
pub(crate) async fn capture(
    graph: &Graph,
    branch: &BranchName,
    scope: &ChangeFeedScope,
    out: &mut (impl Write + Send),
) -> Result<ChangeBaseline> {
    let cut = Cut::of(graph, branch, scope).await?;
    export(&cut.head, &cut.types, out).await?;
    Ok(cut.baseline)
}

/// Returns the same data as it is read, and the cursor, which counts once all of the data was read.
///
/// # Errors
/// Those of the head and of the cursor.
pub(crate) async fn capture_stream(
    graph: &Graph,
    branch: &BranchName,
    scope: &ChangeFeedScope,
) -> Result<(ExportStream, ChangeBaseline)> {
    let cut = Cut::of(graph, branch, scope).await?;
    Ok((export_stream(&cut.head, &cut.types), cut.baseline))
}

/// What a baseline is of.
struct Cut {
    head: Snapshot,
    types: Vec<TypeKey>,
    baseline: ChangeBaseline,
}

impl Cut {
    async fn of(graph: &Graph, branch: &BranchName, scope: &ChangeFeedScope) -> Result<Cut> {
        let head = graph.head(branch).await?;
        let types = head.catalog().type_keys().filter(|key| scope.admits_type(key)).collect();
        let baseline = ChangeBaseline {
            snapshot_commit_id: head.record().id.to_string(),
            resume_cursor: cursor_behind(graph, &head, scope).await?,
        };
        Ok(Cut { head, types, baseline })
    }
}
