//! Branches.

use axum::Json;
use axum::response::{IntoResponse, Response};
use omnigraph::db::MergeBranches;
use omnigraph_api::{BranchCreateRequest, BranchMergeRequest};
use omnigraph_policy::Operation;
use omnigraph_service as service;
use serde::Deserialize;

use crate::caller::{Caller, branch_name};
use crate::error::ApiError;
use crate::extract::{ApiJson, ApiPath};

/// Bytes that a write of a branch counts for.
const ESTIMATE: usize = 256;

/// `GET branches`.
pub(super) async fn list(caller: Caller) -> Result<Response, ApiError> {
    caller.authorize(Operation::ReadGraph)?;
    let output = service::branches(&caller.graph.engine).await;
    Ok(Json(output.map_err(|error| ApiError::engine(&error))?).into_response())
}

/// `POST branches`.
pub(super) async fn create(
    caller: Caller,
    ApiJson(request): ApiJson<BranchCreateRequest>,
) -> Result<Response, ApiError> {
    let from = branch_name(request.from.as_deref())?.to_owned();
    let name = branch_name(Some(&request.name))?.to_owned();
    caller.authorize(Operation::BranchCreate { source: Some(&from), name: &name })?;
    let slot = caller.admit(ESTIMATE)?;
    let (engine, actor) = (caller.graph.engine.clone(), caller.actor.clone());
    let write = async move { service::create_branch(&engine, from, &name, actor.as_deref()).await };
    let output = caller.finish(slot, write).await.map_err(|error| ApiError::engine(&error))?;
    Ok(Json(output).into_response())
}

/// The branch of a path.
#[derive(Deserialize)]
pub(super) struct Named {
    branch: String,
}

/// `DELETE branches/{branch}`.
pub(super) async fn delete(
    caller: Caller,
    ApiPath(Named { branch }): ApiPath<Named>,
) -> Result<Response, ApiError> {
    remove(&caller, &branch).await
}

/// `DELETE branches/merge`: of the branch that has this name.
pub(super) async fn delete_merge(caller: Caller) -> Result<Response, ApiError> {
    remove(&caller, "merge").await
}

async fn remove(caller: &Caller, name: &str) -> Result<Response, ApiError> {
    let name = branch_name(Some(name))?.to_owned();
    caller.authorize(Operation::BranchDelete { name: &name })?;
    let slot = caller.admit(ESTIMATE)?;
    let (engine, actor) = (caller.graph.engine.clone(), caller.actor.clone());
    let write = async move { service::delete_branch(&engine, &name, actor.as_deref()).await };
    let output = caller.finish(slot, write).await.map_err(|error| ApiError::engine(&error))?;
    Ok(Json(output).into_response())
}

/// `POST branches/merge`.
pub(super) async fn merge(
    caller: Caller,
    ApiJson(request): ApiJson<BranchMergeRequest>,
) -> Result<Response, ApiError> {
    let source = branch_name(Some(&request.source))?.to_owned();
    let target = branch_name(request.target.as_deref())?.to_owned();
    caller.authorize(Operation::BranchMerge { source: &source, target: &target })?;
    let slot = caller.admit(ESTIMATE)?;
    // Decided before the merge, acted on after it: once it is committed, nothing may fail the request.
    let deletion = request.delete_branch.then(|| caller.authorize(Operation::BranchDelete { name: &source }));
    let (engine, actor) = (caller.graph.engine.clone(), caller.actor.clone());
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
    let output = caller.finish(slot, write).await.map_err(|error| caller.refuse(&error, ""))?;
    Ok(caller.answer(output))
}
