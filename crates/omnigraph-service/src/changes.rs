//! What commits changed: of one commit, and the feed of a branch.

use omnigraph::Omnigraph;
use omnigraph::changes::{ChangeFeedRequest, ChangeFeedScope, ChangeOp};
use omnigraph::error::Result;
use omnigraph_api::{
    ChangeBaselineRequest, ChangeFeedOutput, ChangeOpOutput, CommitChangesOutput, EntityKindOutput,
};

use crate::convert;

/// Makes the scope of a change request from the members of the wire; an empty list admits everything.
pub fn baseline_scope(request: &ChangeBaselineRequest) -> ChangeFeedScope {
    scope(&request.kind, &request.type_names, &request.op)
}

fn scope(kinds: &[EntityKindOutput], type_names: &[String], ops: &[ChangeOpOutput]) -> ChangeFeedScope {
    let op = |op: &ChangeOpOutput| match op {
        ChangeOpOutput::Insert => ChangeOp::Insert,
        ChangeOpOutput::Update => ChangeOp::Update,
        ChangeOpOutput::Delete => ChangeOp::Delete,
    };
    ChangeFeedScope {
        kinds: kinds.iter().copied().map(convert::entity_kind).collect(),
        type_names: type_names.iter().cloned().collect(),
        ops: ops.iter().map(op).collect(),
    }
}

/// Returns a page of the changes of one commit.
///
/// # Errors
/// Those of [`Omnigraph::commit_changes_page`].
pub async fn commit_changes(
    graph: &Omnigraph,
    commit_id: &str,
    scope: &ChangeFeedScope,
    page_token: Option<&str>,
    limit: Option<usize>,
) -> Result<CommitChangesOutput> {
    let page = graph.commit_changes_page(commit_id, scope, page_token, limit, None).await?;
    Ok(convert::commit_changes(page))
}

/// Returns a page of the feed of a branch.
///
/// # Errors
/// Those of [`Omnigraph::poll_change_feed`].
pub async fn poll_changes(graph: &Omnigraph, request: &ChangeFeedRequest) -> Result<ChangeFeedOutput> {
    Ok(convert::feed(graph.poll_change_feed(request).await?))
}
