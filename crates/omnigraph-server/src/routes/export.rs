//! Exports.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use omnigraph_api::headers::NDJSON_UTF8;
use omnigraph_api::{ErrorReply, ExportRequest};
use omnigraph_policy::Operation;

use crate::caller::{Caller, branch_name};
use crate::error::ApiError;
use crate::extract::ApiJson;
use crate::transport;

/// `POST export`. Memory is reserved before the commit is chosen, so that nobody who waits holds one.
pub(super) async fn export(
    caller: Caller,
    ApiJson(request): ApiJson<ExportRequest>,
) -> Result<Response, ApiError> {
    let branch = branch_name(request.branch.as_deref())?;
    caller.authorize(Operation::Export { branch: Some(branch) })?;
    let reservation = caller.app.transport.reserve().await.map_err(ErrorReply::from)?;
    let source = caller.graph.engine.export_stream(branch, &request.type_names).await;
    let source = source.map_err(|error| ApiError::engine(&error))?;
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(NDJSON_UTF8))];
    Ok((headers, transport::body(source, None, reservation, caller.app.patience.reading)).into_response())
}
