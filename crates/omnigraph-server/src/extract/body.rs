//! Bodies within a limit.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use bytes::BytesMut;
use futures::StreamExt;
use http_body::Body as _;

use super::ExtractError;

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
        read(request.into_body(), LIMIT).await.map(Self)
    }
}

/// How long a client may take for the next bytes of a body.
const IDLE: Duration = Duration::from_secs(30);

/// Reads a body. One that announces too much is refused before a byte is read, one that stands still is given up.
///
/// # Errors
/// [`ExtractError::TooLarge`], [`ExtractError::Slow`], [`ExtractError::Unreadable`].
pub async fn read(body: Body, limit: usize) -> Result<Bytes, ExtractError> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(ExtractError::TooLarge { limit });
    }
    let mut chunks = body.into_data_stream();
    let mut bytes = BytesMut::new();
    loop {
        let next = tokio::time::timeout(IDLE, chunks.next()).await;
        let Some(chunk) = next.map_err(|_| ExtractError::Slow { seconds: IDLE.as_secs() })? else { break };
        let chunk = chunk.map_err(|_| ExtractError::Unreadable)?;
        if bytes.len() + chunk.len() > limit {
            return Err(ExtractError::TooLarge { limit });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}
