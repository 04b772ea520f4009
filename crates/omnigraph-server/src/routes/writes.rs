//! Mutations.

use axum::http::HeaderMap;
use axum::response::Response;
use omnigraph_api::{ChangeOutput, ChangeRequest, RawJson};
use omnigraph_policy::Operation;
use omnigraph_service as service;

use crate::caller::{Caller, branch_name};
use crate::conditional;
use crate::error::ApiError;
use crate::extract::ApiJson;

/// `POST mutate` and its deprecated form `POST change`.
pub(super) async fn mutate(
    caller: Caller,
    headers: HeaderMap,
    ApiJson(request): ApiJson<ChangeRequest>,
) -> Result<Response, ApiError> {
    conditional::refused(&headers, "mutate/if-graph-commit")?;
    Ok(caller.answer(run(&caller, request, None).await?))
}

/// `POST mutate/if-graph-commit`.
pub(super) async fn mutate_if(
    caller: Caller,
    headers: HeaderMap,
    ApiJson(request): ApiJson<ChangeRequest>,
) -> Result<Response, ApiError> {
    let if_commit = conditional::required(&headers)?.to_owned();
    Ok(caller.answer(run(&caller, request, Some(if_commit)).await?))
}

/// Runs a mutation that the caller may run if it may change the branch.
pub(super) async fn run(
    caller: &Caller,
    mut request: ChangeRequest,
    if_commit: Option<String>,
) -> Result<ChangeOutput, ApiError> {
    let branch = branch_name(request.branch.as_deref())?.to_owned();
    caller.authorize(Operation::Change { branch: Some(&branch) })?;
    let params = request.params.as_ref().map_or(0, |params: &RawJson| params.get().len());
    let slot = caller.admit(request.query.len() + params)?;
    request.branch = Some(branch);
    let text = request.query.clone();
    let (engine, actor) = (caller.graph.engine.clone(), caller.actor.clone());
    let write =
        async move { service::mutate(&engine, &request, actor.as_deref(), if_commit.as_deref()).await };
    caller.finish(slot, write).await.map_err(|error| caller.refuse(&error, &text))
}
