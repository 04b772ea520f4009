//! Handlers of mutations.

use axum::http::HeaderMap;
use axum::response::Response;
use omnigraph_api::{ChangeOutput, ChangeRequest, RawJson};
use omnigraph_policy::Operation;
use omnigraph_service as service;

use crate::conditional;
use crate::error::ApiError;
use crate::extract::ApiJson;
use crate::graph_request::{GraphRequest, branch_name};

/// `POST mutate` and its deprecated form `POST change`.
pub(super) async fn mutate(
    graph_request: GraphRequest,
    headers: HeaderMap,
    ApiJson(request): ApiJson<ChangeRequest>,
) -> Result<Response, ApiError> {
    conditional::refused(&headers, "mutate/if-graph-commit")?;
    Ok(graph_request.answer(run(&graph_request, request, None).await?))
}

/// `POST mutate/if-graph-commit`.
pub(super) async fn mutate_if(
    graph_request: GraphRequest,
    headers: HeaderMap,
    ApiJson(request): ApiJson<ChangeRequest>,
) -> Result<Response, ApiError> {
    let if_commit = conditional::required(&headers)?.to_owned();
    Ok(graph_request.answer(run(&graph_request, request, Some(if_commit)).await?))
}

/// Runs a mutation that the caller may run if it may change the branch.
pub(super) async fn run(
    graph_request: &GraphRequest,
    mut request: ChangeRequest,
    if_commit: Option<String>,
) -> Result<ChangeOutput, ApiError> {
    let branch = branch_name(request.branch.as_deref())?.to_owned();
    graph_request.authorize(Operation::Change { branch: Some(&branch) })?;
    let params = request.params.as_ref().map_or(0, |params: &RawJson| params.get().len());
    let slot = graph_request.admit(request.query.len() + params)?;
    request.branch = Some(branch);
    let text = request.query.clone();
    let (engine, actor) = (graph_request.graph.engine.clone(), graph_request.actor.clone());
    let write =
        async move { service::mutate(&engine, &request, actor.as_deref(), if_commit.as_deref()).await };
    graph_request.finish(slot, write).await.map_err(|error| graph_request.refuse(&error, &text))
}
