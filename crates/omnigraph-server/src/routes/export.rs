//! The handler of exports.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use omnigraph_api::headers::NDJSON_UTF8;
use omnigraph_api::{ErrorReply, ExportRequest};
use omnigraph_policy::Operation;

use crate::error::ApiError;
use crate::extract::ApiJson;
use crate::graph_request::{GraphRequest, branch_name};
use crate::transport;

/// `POST export`. Memory is reserved before the commit is chosen, so that nobody who waits holds one.
pub(super) async fn export(
    graph_request: GraphRequest,
    ApiJson(request): ApiJson<ExportRequest>,
) -> Result<Response, ApiError> {
    let branch = branch_name(request.branch.as_deref())?;
    graph_request.authorize(Operation::Export { branch: Some(branch) })?;
    let reservation = graph_request.app.transport.reserve().await.map_err(ErrorReply::from)?;
    let source = graph_request.graph.engine.export_stream(branch, &request.type_names).await;
    let source = source.map_err(|error| ApiError::engine(&error))?;
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(NDJSON_UTF8))];
    Ok((headers, transport::body(source, None, reservation, graph_request.app.client_timeouts.reading))
        .into_response())
}
