//! Queries and snapshots.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use omnigraph_api::{QueryRequest, ReadRequest};
use omnigraph_policy::Operation;
use omnigraph_service::{self as service, ReadForm};
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
    Ok(json(run(&caller, &request, ReadForm::Current).await?))
}

/// `POST read`, the deprecated form.
pub(super) async fn read(
    caller: Caller,
    ApiJson(request): ApiJson<ReadRequest>,
) -> Result<Response, ApiError> {
    Ok(json(run(&caller, &request.into(), ReadForm::Legacy).await?))
}

/// Runs a query that the caller may run if it may read; returns the text of its answer.
pub(super) async fn run(
    caller: &Caller,
    request: &QueryRequest,
    form: ReadForm,
) -> Result<Vec<u8>, ApiError> {
    let (branch, snapshot) = read_of(request.branch.as_deref(), request.snapshot.as_deref())?;
    caller.authorize_read(branch, snapshot).await?;
    let text = service::query_text(&caller.graph.engine, request, form, caller.app.result_bytes).await;
    text.map_err(|error| caller.refuse(&error, &request.query))
}

/// Makes an answer of JSON text.
pub(super) fn json(text: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}
