//! Handlers of the schema and its changes.

use axum::Json;
use axum::response::{IntoResponse, Response};
use omnigraph_api::SchemaApplyRequest;
use omnigraph_policy::Operation;
use omnigraph_service as service;

use crate::error::ApiError;
use crate::extract::ApiJson;
use crate::graph_request::{GraphRequest, MAIN};

/// `GET schema`.
pub(super) async fn show(graph_request: GraphRequest) -> Result<Response, ApiError> {
    graph_request.authorize(Operation::ReadGraph)?;
    let output = service::schema(&graph_request.graph.engine).await;
    Ok(Json(output.map_err(|error| ApiError::engine(&error))?).into_response())
}

/// `POST schema/apply`.
pub(super) async fn apply(
    graph_request: GraphRequest,
    ApiJson(request): ApiJson<SchemaApplyRequest>,
) -> Result<Response, ApiError> {
    graph_request.authorize(Operation::SchemaApply { branch: MAIN })?;
    let slot = graph_request.admit(request.schema_source.len())?;
    let text = request.schema_source.clone();
    let check = graph_request.graph.queries.schema_check(&graph_request.graph.label);
    let (engine, actor) = (graph_request.graph.engine.clone(), graph_request.actor.clone());
    let write = async move { service::apply_schema(&engine, &request, MAIN, actor.as_deref(), check).await };
    let output =
        graph_request.finish(slot, write).await.map_err(|error| graph_request.refuse(&error, &text))?;
    Ok(graph_request.answer(output))
}
