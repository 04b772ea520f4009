//! The state a feed is applied on: an export of one commit and the cursor behind it.

use std::io::Write;

use omnigraph_compiler::catalog::TypeKey;

use super::model::ChangeBaseline;
use super::poll::cursor_behind;
use super::scope::ChangeFeedScope;
use crate::commit::{BranchName, Graph};
use crate::error::Result;
use crate::write::export::export;

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
    let head = graph.head(branch).await?;
    let types: Vec<TypeKey> = head.catalog().type_keys().filter(|key| scope.admits_type(key)).collect();
    export(&head, &types, out).await?;
    Ok(ChangeBaseline {
        snapshot_commit_id: head.record().id.to_string(),
        resume_cursor: cursor_behind(graph, &head, scope).await?,
    })
}
