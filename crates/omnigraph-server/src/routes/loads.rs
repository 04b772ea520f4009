//! Handlers of loads.

use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::Response;
use omnigraph::OmniError;
use omnigraph::db::{Grammar, LoadSource};
use omnigraph_api::headers::NDJSON;
use omnigraph_api::{
    ErrorDetail, ErrorReply, GraphBatchLoadOutput, IngestRequest, LoadMode, ResourceLimitOutput,
};
use omnigraph_policy::Operation;
use omnigraph_service::{self as service, LoadRequest};
use serde::Deserialize;

use crate::error::ApiError;
use crate::extract::{ApiJson, ApiQuery, ExtractError, LOAD_LIMIT, read_request};
use crate::graph_request::{GraphRequest, branch_name, given_branch};

/// Where a load goes.
struct Target {
    branch: String,
    from: Option<String>,
    mode: LoadMode,
}

impl Target {
    /// Reads the members of a request and asks for permission. A branch that is missing and is not to be made is told only
    /// to those who could have written to it.
    async fn authorized(
        graph_request: &GraphRequest,
        branch: Option<&str>,
        from: Option<&str>,
        mode: Option<LoadMode>,
    ) -> Result<Target, ApiError> {
        let (branch, from) = (branch_name(branch)?, given_branch(from)?);
        match graph_request.graph.engine.snapshot_of(branch).await {
            Ok(_) => graph_request.authorize(Operation::Change { branch: Some(branch) })?,
            Err(OmniError::BranchNotFound { .. }) => match from {
                Some(_) => graph_request.authorize(Operation::ForkingLoad { source: from, branch })?,
                None => {
                    graph_request.authorize(Operation::Change { branch: Some(branch) })?;
                    return Err(ErrorReply::branch_to_load_not_found(branch).into());
                }
            },
            Err(error) => {
                graph_request.authorize(Operation::Change { branch: Some(branch) })?;
                return Err(ApiError::engine(&error));
            }
        }
        let mode = mode.unwrap_or_default();
        Ok(Target { branch: branch.to_owned(), from: from.map(str::to_owned), mode })
    }

    async fn load(
        self,
        graph_request: &GraphRequest,
        data: String,
        grammar: Grammar,
    ) -> Result<GraphBatchLoadOutput, ApiError> {
        let slot = graph_request.admit(data.len())?;
        let (engine, actor) = (graph_request.graph.engine.clone(), graph_request.actor.clone());
        let write = async move {
            let request = LoadRequest {
                branch: &self.branch,
                from: self.from.as_deref(),
                mode: self.mode,
                source: LoadSource::Text(data),
                grammar,
                progress: None,
            };
            service::load(&engine, request, actor.as_deref()).await
        };
        graph_request.finish(slot, write).await.map_err(|error| ApiError::engine(&error))
    }
}

/// `POST load` and its deprecated form `POST ingest`.
pub(super) async fn load(
    graph_request: GraphRequest,
    ApiJson(request): ApiJson<IngestRequest, LOAD_LIMIT>,
) -> Result<Response, ApiError> {
    let (branch, from) = (request.branch.as_deref(), request.from.as_deref());
    let target = Target::authorized(&graph_request, branch, from, request.mode).await?;
    let output = target.load(&graph_request, request.data, Grammar::Permissive).await?;
    Ok(graph_request.answer(output.at(graph_request.graph.engine.uri().to_owned())))
}

/// What the query string of a raw batch says.
#[derive(Debug, Deserialize)]
pub(super) struct BatchQuery {
    branch: Option<String>,
    from: Option<String>,
    mode: Option<LoadMode>,
}

/// `POST load/ndjson`. Permission comes before the body: who may not load does not get to send it.
pub(super) async fn load_ndjson(
    graph_request: GraphRequest,
    ApiQuery(asked): ApiQuery<BatchQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    let (branch, from) = (asked.branch.as_deref(), asked.from.as_deref());
    let target = Target::authorized(&graph_request, branch, from, asked.mode).await?;
    let data = batch(request).await?;
    Ok(graph_request.answer(target.load(&graph_request, data, Grammar::Strict).await?))
}

async fn batch(request: Request) -> Result<String, ApiError> {
    let headers = request.headers();
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(NDJSON) {
        return Err(ErrorReply::unsupported_media_type(NDJSON).into());
    }
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if let Some(actual) = declared.filter(|length| *length > LOAD_LIMIT as u64) {
        return Err(too_large(actual));
    }
    let bytes = read_request(request, LOAD_LIMIT).await.map_err(|error| match error {
        // How much more there would have been is not known: reading stopped.
        ExtractError::TooLarge { .. } => too_large(LOAD_LIMIT as u64 + 1),
        other => other.into(),
    })?;
    String::from_utf8(bytes.into()).map_err(|_| ApiError::bad_request("the request body is not UTF-8"))
}

fn too_large(actual: u64) -> ApiError {
    let resource = "graph_batch_request_bytes".to_owned();
    let limit = ResourceLimitOutput { resource, limit: LOAD_LIMIT as u64, actual };
    ErrorReply::from(ErrorDetail::ResourceLimit(limit)).into()
}
