//! Bodies within a limit.

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

/// Reads a body. One that announces too much is refused before a byte is read.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, ExtractError> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(ExtractError::TooLarge { limit });
    }
    let mut chunks = body.into_data_stream();
    let mut bytes = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ExtractError::Unreadable)?;
        if bytes.len() + chunk.len() > limit {
            return Err(ExtractError::TooLarge { limit });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}
