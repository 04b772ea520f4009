//! Bodies of answers that are read while they arrive. Only a clean end is a success.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, TryStreamExt};
use reqwest::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use reqwest::{Response, Version};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::error::ClientError;

/// The body of an answer, as it arrives. The server waits while nobody reads.
///
/// Only an end without error is a success: a body that breaks off ends with an error, after which nothing follows.
pub struct ByteStream {
    inner: BoxStream<'static, Result<Bytes, ClientError>>,
}

struct Source {
    response: Response,
    url: String,
    /// Bytes still to come, when the answer says how many.
    left: Option<u64>,
}

impl ByteStream {
    /// Takes over a body that need not say how long it is.
    ///
    /// # Errors
    /// When the end of the body could not be told from a connection that breaks: HTTP/1 delimits a body by its length
    /// or by chunks, or not at all (RFC 9112, section 6.3).
    pub(super) fn of(response: Response, url: String) -> Result<ByteStream, ClientError> {
        let headers = response.headers();
        let delimited = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
        if response.version() < Version::HTTP_2 && !delimited {
            let problem = "it has neither a length nor chunks, so that its end cannot be known".to_owned();
            return Err(ClientError::Incomplete { url, problem });
        }
        Ok(ByteStream::new(Source { response, url, left: None }))
    }

    /// Takes over a body of a known length.
    pub(super) fn of_length(response: Response, url: String, length: u64) -> ByteStream {
        ByteStream::new(Source { response, url, left: Some(length) })
    }

    fn new(source: Source) -> ByteStream {
        let inner = stream::try_unfold(source, |mut source| async move {
            Ok(source.next().await?.map(|chunk| (chunk, source)))
        });
        ByteStream { inner: Box::pin(inner) }
    }

    /// Returns the next piece; `None` at the clean end.
    ///
    /// # Errors
    /// When the body breaks off.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        self.inner.try_next().await
    }

    /// Writes the whole body as it arrives, flushes, and returns how many bytes it had.
    ///
    /// # Errors
    /// When the body breaks off or cannot be written. What was written before stays.
    pub async fn copy_to(mut self, out: &mut (impl AsyncWrite + Unpin)) -> Result<u64, ClientError> {
        let mut written = 0;
        while let Some(chunk) = self.next_chunk().await? {
            out.write_all(&chunk).await.map_err(ClientError::Output)?;
            written += chunk.len() as u64;
        }
        out.flush().await.map_err(ClientError::Output)?;
        Ok(written)
    }
}

impl Source {
    async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        let chunk = self.response.chunk().await.map_err(|source| ClientError::BrokenBody {
            url: self.url.clone(),
            source: source.without_url(),
        })?;
        if let Some(left) = self.left {
            let came = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
            let rest = left.checked_sub(came).ok_or_else(|| self.incomplete("it is longer than it says"))?;
            if chunk.is_none() && rest > 0 {
                return Err(self.incomplete(&format!("{rest} bytes are missing")));
            }
            self.left = Some(rest);
        }
        Ok(chunk)
    }

    fn incomplete(&self, problem: &str) -> ClientError {
        ClientError::Incomplete { url: self.url.clone(), problem: problem.to_owned() }
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.as_mut().poll_next(context)
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStream").finish_non_exhaustive()
    }
}
