//! Handlers of stored queries.
//!
//! Denied and absent are one answer, byte for byte: who may not call a query does not learn that there is one.

use axum::Json;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use omnigraph_api::{ChangeOutput, ChangeRequest, ErrorReply, InvokeStoredQueryRequest, QueryRequest};
use omnigraph_policy::Operation;
use omnigraph_service::ReadForm;

use super::{reads, writes};
use crate::conditional;
use crate::error::ApiError;
use crate::extract::{ApiBytes, ApiPath};
use crate::graph_request::GraphRequest;
use crate::registry::StoredQuery;

/// `GET queries`.
pub(super) async fn list(graph_request: GraphRequest) -> Result<Response, ApiError> {
    graph_request.authorize(Operation::Read { branch: None })?;
    Ok(Json(graph_request.graph.queries.catalog()).into_response())
}

/// The name of a query in a path.
#[derive(serde::Deserialize)]
pub(super) struct Named {
    name: String,
}

/// `POST queries/{name}`.
pub(super) async fn invoke(
    graph_request: GraphRequest,
    ApiPath(Named { name }): ApiPath<Named>,
    headers: HeaderMap,
    ApiBytes(body): ApiBytes,
) -> Result<Response, ApiError> {
    let request = invocation(&body)?;
    conditional::refused(&headers, "queries/{name}/if-graph-commit")?;
    let stored = find(&graph_request, &name)?;
    expect(stored, request.expect_mutation)?;
    if stored.mutation {
        Ok(graph_request.answer(mutate(&graph_request, stored, request, None).await?))
    } else {
        let query = QueryRequest {
            query: stored.source.to_string(),
            name: Some(stored.name.clone()),
            params: request.params,
            branch: request.branch,
            snapshot: request.snapshot,
        };
        tracing::info!(query = stored.name, kind = "read", "stored query");
        Ok(reads::json(reads::run(&graph_request, &query, ReadForm::Current).await?))
    }
}

/// `POST queries/{name}/if-graph-commit`.
pub(super) async fn invoke_if(
    graph_request: GraphRequest,
    ApiPath(Named { name }): ApiPath<Named>,
    headers: HeaderMap,
    ApiBytes(body): ApiBytes,
) -> Result<Response, ApiError> {
    let request = invocation(&body)?;
    let if_commit = conditional::required(&headers)?.to_owned();
    let stored = find(&graph_request, &name)?;
    expect(stored, request.expect_mutation)?;
    if !stored.mutation {
        return Err(ApiError::bad_request(format!(
            "'{name}' is a read, which has no condition; invoke it at queries/{name}"
        )));
    }
    Ok(graph_request.answer(mutate(&graph_request, stored, request, Some(if_commit)).await?))
}

fn invocation(body: &[u8]) -> Result<InvokeStoredQueryRequest, ApiError> {
    InvokeStoredQueryRequest::from_body(body).map_err(|error| ApiError::bad_request(error.to_string()))
}

fn find<'a>(graph_request: &'a GraphRequest, name: &str) -> Result<&'a StoredQuery, ApiError> {
    let absent = || ApiError::from(ErrorReply::stored_query_not_found());
    match graph_request.authorize(Operation::InvokeQuery) {
        Err(denied) if denied.status() == StatusCode::FORBIDDEN => return Err(absent()),
        decided => decided?,
    }
    graph_request.graph.queries.get(name).ok_or_else(absent)
}

fn expect(stored: &StoredQuery, mutation: Option<bool>) -> Result<(), ApiError> {
    let name = &stored.name;
    match mutation {
        Some(expected) if expected != stored.mutation => Err(ApiError::bad_request(if stored.mutation {
            format!("'{name}' is a mutation — use omnigraph mutate {name}")
        } else {
            format!("'{name}' is a read — use omnigraph query {name}")
        })),
        Some(_) | None => Ok(()),
    }
}

async fn mutate(
    graph_request: &GraphRequest,
    stored: &StoredQuery,
    request: InvokeStoredQueryRequest,
    if_commit: Option<String>,
) -> Result<ChangeOutput, ApiError> {
    if request.snapshot.is_some() {
        return Err(ApiError::bad_request(format!("'{}' is a mutation; it takes no snapshot", stored.name)));
    }
    tracing::info!(query = stored.name, kind = "mutate", "stored query");
    let change = ChangeRequest {
        query: stored.source.to_string(),
        name: Some(stored.name.clone()),
        params: request.params,
        branch: request.branch,
    };
    writes::run(graph_request, change, if_commit).await
}
