//! Handlers of `/runs`, which clients of older flat servers ask for. There are no runs; branches and merges replaced them.

use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use omnigraph_api::legacy::LegacyRunListOutput;
use omnigraph_policy::Operation;

use crate::error::ApiError;
use crate::graph_request::GraphRequest;
use crate::state::AppState;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/runs", get(list))
        .route("/runs/{id}", get(absent))
        .route("/runs/{id}/abort", post(absent))
        .route("/runs/{id}/publish", post(absent))
}

async fn list(graph_request: GraphRequest) -> Result<Response, ApiError> {
    graph_request.authorize(Operation::Read { branch: None })?;
    let mut response = Json(LegacyRunListOutput::default()).into_response();
    response.headers_mut().insert("deprecation", HeaderValue::from_static("true"));
    Ok(response)
}

async fn absent(graph_request: GraphRequest) -> Result<Response, ApiError> {
    graph_request.authorize(Operation::Read { branch: None })?;
    Err(ApiError::not_found("there are no runs: use branches and merge them"))
}
