//! Handlers of queries and snapshots.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use omnigraph_api::{QueryRequest, ReadRequest};
use omnigraph_policy::Operation;
use omnigraph_service::{self as service, ReadForm};
use serde::Deserialize;

use crate::error::ApiError;
use crate::extract::{ApiJson, ApiQuery};
use crate::graph_request::{GraphRequest, branch_name, read_of};

/// The branch that a query string names.
#[derive(Debug, Deserialize)]
pub(super) struct OfBranch {
    pub(super) branch: Option<String>,
}

/// `GET snapshot`.
pub(super) async fn snapshot(
    graph_request: GraphRequest,
    ApiQuery(asked): ApiQuery<OfBranch>,
) -> Result<Response, ApiError> {
    let branch = branch_name(asked.branch.as_deref())?;
    graph_request.authorize(Operation::Read { branch: Some(branch) })?;
    let output = service::snapshot(&graph_request.graph.engine, branch).await;
    Ok(graph_request.answer(output.map_err(|error| ApiError::engine(&error))?))
}

/// `POST query`.
pub(super) async fn query(
    graph_request: GraphRequest,
    ApiJson(request): ApiJson<QueryRequest>,
) -> Result<Response, ApiError> {
    Ok(json(run(&graph_request, &request, ReadForm::Current).await?))
}

/// `POST read`, the deprecated form.
pub(super) async fn read(
    graph_request: GraphRequest,
    ApiJson(request): ApiJson<ReadRequest>,
) -> Result<Response, ApiError> {
    Ok(json(run(&graph_request, &request.into(), ReadForm::Legacy).await?))
}

/// Runs a query that the caller may run if it may read; returns the text of its answer.
pub(super) async fn run(
    graph_request: &GraphRequest,
    request: &QueryRequest,
    form: ReadForm,
) -> Result<Vec<u8>, ApiError> {
    let (branch, snapshot) = read_of(request.branch.as_deref(), request.snapshot.as_deref())?;
    graph_request.authorize_read(branch, snapshot).await?;
    let text =
        service::query_text(&graph_request.graph.engine, request, form, graph_request.app.result_bytes).await;
    text.map_err(|error| graph_request.refuse(&error, &request.query))
}

/// Makes an answer of JSON text.
pub(super) fn json(text: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}
