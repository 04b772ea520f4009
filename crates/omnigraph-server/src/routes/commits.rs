//! Handlers of commits, and who may read one.

use axum::response::Response;
use omnigraph::OmniError;
use omnigraph::db::{CommitPage, GraphCommit};
use omnigraph_api::ErrorReply;
use omnigraph_policy::Operation;
use omnigraph_service as service;
use serde::Deserialize;

use super::reads::OfBranch;
use crate::error::ApiError;
use crate::extract::{ApiPath, ApiQuery};
use crate::graph_request::{GraphRequest, branch_name};

/// `GET commits`.
pub(super) async fn list(
    graph_request: GraphRequest,
    ApiQuery(asked): ApiQuery<OfBranch>,
) -> Result<Response, ApiError> {
    let branch = branch_name(asked.branch.as_deref())?;
    graph_request.authorize(Operation::Read { branch: Some(branch) })?;
    let output = service::commits(&graph_request.graph.engine, branch, &CommitPage::default()).await;
    Ok(graph_request.answer(output.map_err(|error| ApiError::engine(&error))?))
}

/// The commit of a path.
#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) commit_id: String,
}

/// `GET commits/{commit_id}`. A commit of a branch that the caller may not read does not exist for it.
pub(super) async fn show(
    graph_request: GraphRequest,
    ApiPath(Named { commit_id }): ApiPath<Named>,
) -> Result<Response, ApiError> {
    graph_request.authorize(Operation::ReadGraph)?;
    let commit = graph_request.graph.engine.get_commit(&commit_id).await;
    let commit = commit.map_err(|error| ApiError::engine(&error))?;
    if !is_readable(&graph_request, &commit)? {
        return Err(ErrorReply::commit_not_found(commit_id.trim()).into());
    }
    Ok(graph_request.answer(service::convert::commit(commit)))
}

/// Tells whether the caller may read the branch that a commit was made on.
pub(super) fn is_readable(graph_request: &GraphRequest, commit: &GraphCommit) -> Result<bool, ApiError> {
    match graph_request.authorize(Operation::Read { branch: commit.graph_branch.as_deref() }) {
        Ok(()) => Ok(true),
        Err(denied) if denied.status() == 403 => Ok(false),
        Err(failed) => Err(failed),
    }
}

/// Tells whether an error says that there is no such commit.
pub(super) fn is_not_found(error: &OmniError) -> bool {
    service::error::reply(error).status() == 404
}
