//! Routes that only older clients of flat servers call. There are no runs; branches and merges replaced them.

use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use omnigraph_api::legacy::LegacyRunListOutput;
use omnigraph_policy::Operation;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::state::AppState;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/runs", get(list))
        .route("/runs/{id}", get(absent))
        .route("/runs/{id}/abort", post(absent))
        .route("/runs/{id}/publish", post(absent))
}

async fn list(caller: Caller) -> Result<Response, ApiError> {
    caller.authorize(Operation::Read { branch: None })?;
    let mut response = Json(LegacyRunListOutput::default()).into_response();
    response.headers_mut().insert("deprecation", HeaderValue::from_static("true"));
    Ok(response)
}

async fn absent(caller: Caller) -> Result<Response, ApiError> {
    caller.authorize(Operation::Read { branch: None })?;
    Err(ApiError::not_found("there are no runs: use branches and merge them"))
}
