//! Queries and snapshots.

use axum::Json;
use axum::response::{IntoResponse, Response};
use omnigraph_api::{LegacyReadOutput, QueryRequest, ReadOutput, ReadRequest};
use omnigraph_policy::Operation;
use omnigraph_service as service;
use serde::Deserialize;

use crate::caller::{Caller, branch_name, read_of};
use crate::error::ApiError;
use crate::extract::{ApiJson, ApiQuery};

/// The branch that a query string names.
#[derive(Debug, Deserialize)]
pub(super) struct OfBranch {
    pub(super) branch: Option<String>,
}

/// `GET snapshot`.
pub(super) async fn snapshot(
    caller: Caller,
    ApiQuery(asked): ApiQuery<OfBranch>,
) -> Result<Response, ApiError> {
    let branch = branch_name(asked.branch.as_deref())?;
    caller.authorize(Operation::Read { branch: Some(branch) })?;
    let output = service::snapshot(&caller.graph.engine, branch).await;
    Ok(caller.answer(output.map_err(|error| ApiError::engine(&error))?))
}

/// `POST query`.
pub(super) async fn query(
    caller: Caller,
    ApiJson(request): ApiJson<QueryRequest>,
) -> Result<Response, ApiError> {
    Ok(Json(run(&caller, &request).await?).into_response())
}

/// `POST read`, the deprecated form.
pub(super) async fn read(
    caller: Caller,
    ApiJson(request): ApiJson<ReadRequest>,
) -> Result<Response, ApiError> {
    let output = run(&caller, &request.into()).await?;
    Ok(Json(LegacyReadOutput::from(output)).into_response())
}

/// Runs a query that the caller may run if it may read.
pub(super) async fn run(caller: &Caller, request: &QueryRequest) -> Result<ReadOutput, ApiError> {
    let (branch, snapshot) = read_of(request.branch.as_deref(), request.snapshot.as_deref())?;
    caller.authorize_read(branch, snapshot).await?;
    let output = service::query(&caller.graph.engine, request).await;
    output.map_err(|error| caller.refuse(&error, &request.query))
}
