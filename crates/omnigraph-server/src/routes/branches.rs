//! Handlers of branches and merges.

use axum::Json;
use axum::response::{IntoResponse, Response};
use omnigraph::db::MergeBranches;
use omnigraph_api::{BranchCreateRequest, BranchMergeRequest};
use omnigraph_policy::Operation;
use omnigraph_service as service;
use serde::Deserialize;

use crate::error::ApiError;
use crate::extract::{ApiJson, ApiPath};
use crate::graph_request::{GraphRequest, branch_name};

/// Bytes that a write of a branch counts for.
const ESTIMATE: usize = 256;

/// `GET branches`.
pub(super) async fn list(graph_request: GraphRequest) -> Result<Response, ApiError> {
    graph_request.authorize(Operation::ReadGraph)?;
    let output = service::branches(&graph_request.graph.engine).await;
    Ok(Json(output.map_err(|error| ApiError::engine(&error))?).into_response())
}

/// `POST branches`.
pub(super) async fn create(
    graph_request: GraphRequest,
    ApiJson(request): ApiJson<BranchCreateRequest>,
) -> Result<Response, ApiError> {
    let from = branch_name(request.from.as_deref())?.to_owned();
    let name = branch_name(Some(&request.name))?.to_owned();
    graph_request.authorize(Operation::BranchCreate { source: Some(&from), name: &name })?;
    let slot = graph_request.admit(ESTIMATE)?;
    let (engine, actor) = (graph_request.graph.engine.clone(), graph_request.actor.clone());
    let write = async move { service::create_branch(&engine, from, &name, actor.as_deref()).await };
    let output = graph_request.finish(slot, write).await.map_err(|error| ApiError::engine(&error))?;
    Ok(Json(output).into_response())
}

/// The branch of a path.
#[derive(Deserialize)]
pub(super) struct Named {
    branch: String,
}

/// `DELETE branches/{branch}`.
pub(super) async fn delete(
    graph_request: GraphRequest,
    ApiPath(Named { branch }): ApiPath<Named>,
) -> Result<Response, ApiError> {
    remove(&graph_request, &branch).await
}

/// `DELETE branches/merge`: of the branch that has this name.
pub(super) async fn delete_merge(graph_request: GraphRequest) -> Result<Response, ApiError> {
    remove(&graph_request, "merge").await
}

async fn remove(graph_request: &GraphRequest, name: &str) -> Result<Response, ApiError> {
    let name = branch_name(Some(name))?.to_owned();
    graph_request.authorize(Operation::BranchDelete { name: &name })?;
    let slot = graph_request.admit(ESTIMATE)?;
    let (engine, actor) = (graph_request.graph.engine.clone(), graph_request.actor.clone());
    let write = async move { service::delete_branch(&engine, &name, actor.as_deref()).await };
    let output = graph_request.finish(slot, write).await.map_err(|error| ApiError::engine(&error))?;
    Ok(Json(output).into_response())
}

/// `POST branches/merge`.
pub(super) async fn merge(
    graph_request: GraphRequest,
    ApiJson(request): ApiJson<BranchMergeRequest>,
) -> Result<Response, ApiError> {
    let source = branch_name(Some(&request.source))?.to_owned();
    let target = branch_name(request.target.as_deref())?.to_owned();
    graph_request.authorize(Operation::BranchMerge { source: &source, target: &target })?;
    let slot = graph_request.admit(ESTIMATE)?;
    // Decided before the merge, acted on after it: once it is committed, nothing may fail the request.
    let deletion =
        request.delete_branch.then(|| graph_request.authorize(Operation::BranchDelete { name: &source }));
    let (engine, actor) = (graph_request.graph.engine.clone(), graph_request.actor.clone());
    let write = async move {
        let merge = MergeBranches { actor: actor.as_deref(), ..MergeBranches::new(&source, &target) };
        let mut output = service::merge_branches(&engine, merge).await?;
        let problem = match deletion {
            None => return Ok(output),
            Some(Err(denial)) => Some(denial.to_string()),
            Some(Ok(())) => {
                let deleted = engine.branch_delete_as(&source, actor.as_deref()).await;
                deleted.err().map(|error| ApiError::engine(&error).to_string())
            }
        };
        output.branch_deleted = Some(problem.is_none());
        output.branch_delete_error = problem;
        Ok(output)
    };
    let output = graph_request.finish(slot, write).await.map_err(|error| graph_request.refuse(&error, ""))?;
    Ok(graph_request.answer(output))
}
