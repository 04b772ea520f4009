//! Reads a JWKS document from its file or URL, within a bound of bytes and time.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::settings::JwksSource;

/// Why the keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// The file cannot be read.
    #[error("cannot read the JWKS file '{}': {source}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The URL cannot be fetched.
    #[error("cannot fetch the JWKS: {0}")]
    Http(#[source] reqwest::Error),
    /// The URL answers something else than 200.
    #[error("the JWKS URL answers {0}")]
    Status(u16),
    /// Reading takes too long.
    #[error("the JWKS does not arrive within {} ms", .limit.as_millis())]
    Timeout {
        /// The bound.
        limit: Duration,
    },
    /// The document is too large.
    #[error("the JWKS is larger than {limit} bytes")]
    TooLarge {
        /// The bound.
        limit: usize,
    },
    /// The document is no JWKS.
    #[error("the JWKS is not a JSON object with a list `keys`: {0}")]
    Malformed(#[source] serde_json::Error),
    /// The set has more keys than any issuer needs.
    #[error("the JWKS has {keys} keys; the most is {limit}")]
    TooManyKeys {
        /// How many.
        keys: usize,
        /// The bound.
        limit: usize,
    },
    /// The set has no key that verifies an asymmetric signature.
    #[error("the JWKS has no key that can verify a signature")]
    NoKeys,
}

/// Returns a client for a key server: no redirects, since the operator named the server that is trusted.
pub(super) fn client() -> Result<reqwest::Client, JwksError> {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().map_err(JwksError::Http)
}

/// Reads the whole document: at most `size` bytes within `time`.
pub(super) async fn fetch(
    client: &reqwest::Client,
    source: &JwksSource,
    size: usize,
    time: Duration,
) -> Result<Vec<u8>, JwksError> {
    let read = async {
        match source {
            JwksSource::File(file) => read_file(file, size).await,
            JwksSource::Url(url) => read_url(client, url.clone(), size).await,
        }
    };
    tokio::time::timeout(time, read).await.map_err(|_| JwksError::Timeout { limit: time })?
}

async fn read_file(file: &Path, size: usize) -> Result<Vec<u8>, JwksError> {
    let failed = |source| JwksError::File { file: file.to_owned(), source };
    let mut bytes = Vec::new();
    let open = tokio::fs::File::open(file).await.map_err(failed)?;
    open.take(size as u64 + 1).read_to_end(&mut bytes).await.map_err(failed)?;
    if bytes.len() > size { Err(JwksError::TooLarge { limit: size }) } else { Ok(bytes) }
}

async fn read_url(client: &reqwest::Client, url: reqwest::Url, size: usize) -> Result<Vec<u8>, JwksError> {
    let mut response = client.get(url).send().await.map_err(JwksError::Http)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(JwksError::Status(response.status().as_u16()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(JwksError::Http)? {
        if bytes.len() + chunk.len() > size {
            return Err(JwksError::TooLarge { limit: size });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
