//! Raw request bodies of a bounded length, from clients that go on sending.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use bytes::BytesMut;
use futures::StreamExt;
use http_body::Body as _;

use super::ExtractError;
use crate::client_timeouts::ClientTimeouts;

/// Most bytes of a JSON body.
pub const JSON_LIMIT: usize = 1 << 20;

/// Most bytes of a body of `load`, `ingest` and `load/ndjson`.
pub const LOAD_LIMIT: usize = 32 << 20;

/// A raw body of at most `LIMIT` bytes, whatever its content type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiBytes<const LIMIT: usize = JSON_LIMIT>(
    /// The bytes.
    pub Bytes,
);

impl<S: Send + Sync, const LIMIT: usize> FromRequest<S> for ApiBytes<LIMIT> {
    type Rejection = ExtractError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ExtractError> {
        read_request(request, LIMIT).await.map(Self)
    }
}

/// Reads the body of a request, waiting for each piece as long as the client timeouts of the request say. A body that
/// announces too much is refused before a byte is read.
///
/// # Errors
/// [`ExtractError::TooLarge`], [`ExtractError::Slow`], [`ExtractError::Unreadable`].
pub async fn read_request(request: Request, limit: usize) -> Result<Bytes, ExtractError> {
    let client_timeouts = ClientTimeouts::of(request.extensions());
    read(request.into_body(), limit, client_timeouts.sending).await
}

async fn read(body: Body, limit: usize, idle: Duration) -> Result<Bytes, ExtractError> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(ExtractError::TooLarge { limit });
    }
    let mut chunks = body.into_data_stream();
    let mut bytes = BytesMut::new();
    loop {
        let next = tokio::time::timeout(idle, chunks.next()).await;
        let Some(chunk) = next.map_err(|_| ExtractError::Slow { idle })? else { break };
        let chunk = chunk.map_err(|_| ExtractError::Unreadable)?;
        if bytes.len() + chunk.len() > limit {
            return Err(ExtractError::TooLarge { limit });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}
