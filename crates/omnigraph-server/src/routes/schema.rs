//! The schema.

use axum::Json;
use axum::response::{IntoResponse, Response};
use omnigraph_api::SchemaApplyRequest;
use omnigraph_policy::Operation;
use omnigraph_service as service;

use crate::caller::{Caller, MAIN};
use crate::error::ApiError;
use crate::extract::ApiJson;

/// `GET schema`.
pub(super) async fn show(caller: Caller) -> Result<Response, ApiError> {
    caller.authorize(Operation::ReadGraph)?;
    let output = service::schema(&caller.graph.engine).await;
    Ok(Json(output.map_err(|error| ApiError::engine(&error))?).into_response())
}

/// `POST schema/apply`.
pub(super) async fn apply(
    caller: Caller,
    ApiJson(request): ApiJson<SchemaApplyRequest>,
) -> Result<Response, ApiError> {
    caller.authorize(Operation::SchemaApply { branch: MAIN })?;
    let slot = caller.admit(request.schema_source.len())?;
    let text = request.schema_source.clone();
    let check = caller.graph.queries.schema_check(&caller.graph.label);
    let (engine, actor) = (caller.graph.engine.clone(), caller.actor.clone());
    let write = async move { service::apply_schema(&engine, &request, MAIN, actor.as_deref(), check).await };
    let output = caller.finish(slot, write).await.map_err(|error| caller.refuse(&error, &text))?;
    Ok(caller.answer(output))
}
