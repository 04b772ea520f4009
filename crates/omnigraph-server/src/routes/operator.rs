//! Handlers about the process: liveness, readiness, metrics, the API document, and the list of graphs.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::future::join_all;
use omnigraph::Omnigraph;
use omnigraph::db::STORAGE_FORMAT;
use omnigraph_api::{Form, GraphInfo, GraphListResponse, HealthOutput, document_json};
use omnigraph_policy::Operation;
use serde::Serialize;

use crate::error::ApiError;
use crate::graph_request::{actor, authorize};
use crate::metrics::OPENMETRICS;
use crate::state::{AppState, Serving};

/// How long a graph may take to show that its store answers.
const PROBE: Duration = Duration::from_secs(2);

/// `GET /healthz`: the process serves.
pub(super) async fn health() -> Json<HealthOutput> {
    Json(HealthOutput::ok(
        env!("CARGO_PKG_VERSION"),
        STORAGE_FORMAT,
        option_env!("OMNIGRAPH_SOURCE_VERSION").filter(|version| !version.is_empty()),
    ))
}

/// Whether to send requests here. Counts only: which graphs there are is told to those who may list them.
#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    graphs: usize,
    unavailable: usize,
}

/// `GET /readyz`: 200 while requests should come here, 503 while the process drains or no graph's store answers.
pub(super) async fn ready(State(app): State<AppState>) -> Response {
    let graphs = app.serving.graphs();
    let probes = graphs.iter().map(|graph| tokio::time::timeout(PROBE, graph.engine.snapshot_of("main")));
    let answers = join_all(probes).await;
    let unavailable = answers.iter().filter(|answer| !matches!(answer, Ok(Ok(_)))).count();
    let status = if app.is_draining() {
        "draining"
    } else if unavailable == graphs.len() {
        "unavailable"
    } else {
        "ready"
    };
    let code = if status == "ready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(Readiness { status, graphs: graphs.len(), unavailable })).into_response()
}

/// `GET /metrics`, for every authenticated caller: no label names a graph or an actor.
pub(super) async fn metrics(State(app): State<AppState>) -> Response {
    let graphs = app.serving.graphs();
    let engines: Vec<&Omnigraph> = graphs.iter().map(|graph| &graph.engine).collect();
    app.metrics.collect(&engines, &app.workload).await;
    match app.metrics.encode() {
        Ok(text) => ([(CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => ApiError::internal("the metrics cannot be encoded").into_response(),
    }
}

/// `GET /openapi.json`.
pub(super) async fn openapi(State(app): State<AppState>) -> Response {
    let form = if app.authenticator.is_required() { Form::Authenticated } else { Form::Open };
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], document_json(form)).into_response()
}

/// `GET /graphs`. On a server of one graph there is no list, whoever asks.
pub(super) async fn graphs(
    State(app): State<AppState>,
    parts: Parts,
) -> Result<Json<GraphListResponse>, ApiError> {
    if matches!(app.serving, Serving::Single { .. }) {
        return Err(ApiError::method_not_allowed(Some(HeaderValue::from_static(""))));
    }
    authorize(app.server_policy.as_ref(), actor(&parts).as_deref(), Operation::GraphList, &app.metrics)?;
    let info = |graph: &std::sync::Arc<crate::state::GraphHandle>| GraphInfo {
        graph_id: graph.id.to_string(),
        uri: graph.uri.to_string(),
    };
    Ok(Json(GraphListResponse { graphs: app.serving.graphs().iter().map(info).collect() }))
}
