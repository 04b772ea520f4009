//! Handlers of blobs: the bytes of a cell, or the reference that it holds.

use axum::body::{Body, Bytes};
use axum::extract::RawQuery;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LOCATION,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::{Stream, stream};
use omnigraph::OmniError;
use omnigraph::db::{BLOB_READ_BYTES, BlobCell, BlobContent, BlobRead, BlobReader, ReadTarget, SnapshotId};
use omnigraph_api::headers::SNAPSHOT_ID;
use omnigraph_api::{BlobEntityKind, BlobRangeOutput, ErrorDetail, ErrorReply};
use omnigraph_compiler::catalog::EntityKind;

use super::range::{Condition, Wanted, condition, wanted};
use crate::error::ApiError;
use crate::extract::query_pairs;
use crate::graph_request::{GraphRequest, MAIN, read_of};

/// `GET blob`.
pub(super) async fn get(
    graph_request: GraphRequest,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let read = open(&graph_request, query.as_deref()).await?;
    deliver(read, &headers, false)
}

/// `HEAD blob`: the same headers without a byte; ranges are ignored.
pub(super) async fn head(
    graph_request: GraphRequest,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let read = open(&graph_request, query.as_deref()).await;
    match read.and_then(|read| deliver(read, &headers, true)) {
        Ok(response) => response,
        Err(error) => error.without_body().into_response(),
    }
}

/// The cell that a query string selects.
struct Selector {
    cell: BlobCell,
    branch: Option<String>,
    snapshot: Option<String>,
}

fn selector(query: &str) -> Result<Selector, String> {
    let (mut entity, mut type_name, mut id, mut property) = (None, None, None, None);
    let (mut branch, mut snapshot) = (None, None);
    for (name, value) in query_pairs(query).map_err(|error| error.to_string())? {
        let slot = match name.as_str() {
            "entity" => &mut entity,
            "type" => &mut type_name,
            "id" => &mut id,
            "property" => &mut property,
            "branch" => &mut branch,
            "snapshot" => &mut snapshot,
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return Err(format!("'{name}' is given more than once"));
        }
    }
    let required = |name: &str, value: Option<String>| value.ok_or_else(|| format!("'{name}' is missing"));
    let entity = required("entity", entity)?;
    let entity = serde_json::from_value::<BlobEntityKind>(entity.clone().into())
        .map_err(|_| format!("'entity' is node or edge, not '{entity}'"))?;
    let cell = BlobCell {
        entity: match entity {
            BlobEntityKind::Node => EntityKind::Node,
            BlobEntityKind::Edge => EntityKind::Edge,
        },
        type_name: required("type", type_name)?,
        id: required("id", id)?,
        property: required("property", property)?,
    };
    Ok(Selector { cell, branch, snapshot })
}

async fn open(graph_request: &GraphRequest, query: Option<&str>) -> Result<BlobRead, ApiError> {
    let Selector { cell, branch, snapshot } = selector(query.unwrap_or_default()).map_err(|problem| {
        ApiError::bad_request(format!("invalid Blob selector query parameters: {problem}"))
    })?;
    let (branch, snapshot) = read_of(branch.as_deref(), snapshot.as_deref())?;
    graph_request.authorize_read(branch, snapshot).await.map_err(hidden)?;
    let target = match snapshot {
        Some(id) => ReadTarget::Snapshot(SnapshotId::new(id)),
        None => ReadTarget::Branch(branch.unwrap_or(MAIN).to_owned()),
    };
    let read = graph_request.graph.engine.read_blob_at(target, cell).await;
    read.map_err(|error| hidden(ApiError::engine(&error)))
}

/// Hides why bytes cannot be delivered; the cause is in the log.
fn hidden(error: ApiError) -> ApiError {
    if error.status() == StatusCode::INTERNAL_SERVER_ERROR {
        ErrorReply::blob_delivery_failed().into()
    } else {
        error
    }
}

fn failed(problem: &str) -> ApiError {
    tracing::error!(problem, "a blob cannot be delivered");
    ErrorReply::blob_delivery_failed().into()
}

fn deliver(read: BlobRead, request: &HeaderMap, head: bool) -> Result<Response, ApiError> {
    let mut headers = HeaderMap::new();
    let snapshot = value(read.resolved_target.as_str())?;
    headers
        .insert(HeaderName::from_bytes(SNAPSHOT_ID.as_bytes()).map_err(|_| failed("header name"))?, snapshot);
    let (length, etag, reader) = match read.content {
        BlobContent::Managed { length, etag, reader } => (length, etag, reader),
        BlobContent::External(reference) if reference.offset != 0 || reference.length.is_some() => {
            return Err(failed("a reference to a part of an object cannot be redirected to"));
        }
        BlobContent::External(reference) => {
            headers.insert(LOCATION, value(&reference.uri)?);
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            return Ok((StatusCode::FOUND, headers).into_response());
        }
    };
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, value(etag.as_str())?);
    match condition(request, etag.as_str()) {
        Condition::Holds => {}
        Condition::Failed => return Err(ApiError::from(ErrorReply::tag_mismatch()).with_headers(headers)),
        Condition::NotModified => {
            headers.insert(CONTENT_LENGTH, length.into());
            return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
        }
    }
    let (status, range) = match if head { Wanted::All } else { wanted(request, etag.as_str(), length) } {
        Wanted::All => (StatusCode::OK, 0..length),
        Wanted::Part(range) => {
            let shown = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            headers.insert(CONTENT_RANGE, value(&shown)?);
            (StatusCode::PARTIAL_CONTENT, range)
        }
        Wanted::Outside { start, end } => {
            headers.insert(CONTENT_RANGE, value(&format!("bytes */{length}"))?);
            let detail = BlobRangeOutput { start, end, length };
            let reply = ErrorReply::from(ErrorDetail::BlobRange(detail));
            return Err(ApiError::from(reply).with_headers(headers));
        }
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_LENGTH, (range.end - range.start).into());
    let body = if head { Body::empty() } else { Body::from_stream(chunks(reader, range.start, range.end)) };
    Ok((status, headers, body).into_response())
}

fn value(text: &str) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(text).map_err(|_| failed("a header cannot hold its value"))
}

/// Reads the bytes as the client takes them. They are those of the commit that was read, whatever happens meanwhile.
fn chunks(reader: BlobReader, from: u64, to: u64) -> impl Stream<Item = Result<Bytes, OmniError>> + Send {
    stream::try_unfold((reader, from), move |(reader, at)| async move {
        if at == to {
            return Ok(None);
        }
        let next = to.min(at + BLOB_READ_BYTES);
        let bytes = reader.read_range(at..next).await?;
        Ok(Some((bytes, (reader, next))))
    })
}
