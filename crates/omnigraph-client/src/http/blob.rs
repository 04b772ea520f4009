//! Reading blobs: their description, their bytes from any offset on, and references to bytes outside.

use std::num::NonZeroU64;

use omnigraph_api::headers::SNAPSHOT_ID;
use omnigraph_api::{BlobEntityKind, Operation};
use reqwest::header::{HeaderValue, IF_MATCH, RANGE};
use reqwest::{Response, StatusCode};

use super::connection::Call;
use super::error::{BlobFailure, ClientError};
use super::graph::GraphClient;
use super::stream::ByteStream;

/// Media types of the bytes and of errors about them.
const BLOB_TYPES: &str = "application/octet-stream, application/json";

/// Which Blob. Branch and snapshot exclude each other; without both it is read from `main`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobSelector {
    /// Kind of the entity that holds it.
    pub entity: BlobEntityKind,
    /// Type of the entity.
    pub type_name: String,
    /// Id of the entity.
    pub id: String,
    /// Property that holds it.
    pub property: String,
    /// Branch to read.
    pub branch: Option<String>,
    /// Commit to read.
    pub snapshot: Option<String>,
}

/// A part of a Blob, in bytes: some from a start on, or all of them. Its end may lie behind the Blob's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobRange {
    start: u64,
    length: Option<NonZeroU64>,
}

/// Numbers make no range of a Blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobRangeError {
    /// It is empty, which HTTP cannot express.
    #[error("Blob range --length must be greater than zero")]
    Empty,
    /// Its end is beyond 64 bits.
    #[error("Blob range overflows u64")]
    Overflow,
}

impl BlobRange {
    /// Makes the range of `length` bytes, or of all, from `start` on.
    ///
    /// # Errors
    /// When it is empty, or its end overflows.
    pub fn new(start: u64, length: Option<u64>) -> Result<BlobRange, BlobRangeError> {
        let length = match length {
            Some(length) => Some(NonZeroU64::new(length).ok_or(BlobRangeError::Empty)?),
            None => None,
        };
        start.checked_add(length.map_or(0, NonZeroU64::get)).ok_or(BlobRangeError::Overflow)?;
        Ok(BlobRange { start, length })
    }

    /// Returns the last byte that is asked for, if there is a bound.
    fn last(self) -> Option<u64> {
        self.length.map(|length| self.start + (length.get() - 1))
    }

    /// Returns the value of the `Range` header (RFC 9110, section 14.2).
    fn header(self) -> String {
        let last = self.last().map(|last| last.to_string()).unwrap_or_default();
        format!("bytes={}-{last}", self.start)
    }
}

/// How a Blob is read; by default as a whole and as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlobRead {
    /// The part to read.
    pub range: Option<BlobRange>,
    /// Tag that the Blob must have, as an earlier answer told it; otherwise [`BlobFailure::Changed`].
    pub if_match: Option<String>,
}

/// A Blob whose bytes the graph holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedBlob {
    /// Size of the whole Blob in bytes.
    pub size: u64,
    /// Its tag, with quotes; another content has another one.
    pub etag: String,
    /// The exact snapshot that was read, opaque.
    pub snapshot_id: String,
}

/// A Blob whose bytes are elsewhere. They are neither fetched nor checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalBlob {
    /// Where they are, as stored.
    pub uri: String,
    /// The exact snapshot that was read, opaque.
    pub snapshot_id: String,
}

/// What is known about a Blob without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobAnswer {
    /// The graph holds the bytes.
    Managed(ManagedBlob),
    /// The bytes are elsewhere.
    External(ExternalBlob),
}

/// A Blob with its bytes.
#[derive(Debug)]
pub enum BlobContent {
    /// The graph holds the bytes.
    Managed {
        /// The Blob as a whole.
        blob: ManagedBlob,
        /// First byte of the part that follows.
        start: u64,
        /// Length of the part that follows.
        length: u64,
        /// The bytes of the part.
        bytes: ByteStream,
    },
    /// The bytes are elsewhere.
    External(ExternalBlob),
}

impl GraphClient {
    /// Tells what a Blob is, without reading its bytes.
    ///
    /// # Errors
    /// [`ClientError::Blob`] when the server refuses; [`ClientError::Header`] when its answer does not say all.
    pub async fn blob_head(&self, selector: &BlobSelector) -> Result<BlobAnswer, ClientError> {
        let call = selected(self.connection.call(Operation::HeadBlob, &[])?, selector);
        let url = call.url();
        let response = call.send().await?;
        match response.status() {
            StatusCode::OK => {
                let headers = Headers { response: &response, url: &url };
                Ok(BlobAnswer::Managed(headers.managed(headers.length()?)?))
            }
            StatusCode::FOUND => {
                Ok(BlobAnswer::External(Headers { response: &response, url: &url }.external()?))
            }
            _ => Err(self.blob_refusal(response, url, true).await),
        }
    }

    /// Reads a Blob, or a part of it.
    ///
    /// # Errors
    /// [`ClientError::Blob`] when the server refuses; [`ClientError::Header`] when its answer does not say all, or
    /// has not the range asked for. Failures after that end the bytes with an error.
    pub async fn blob_get(
        &self,
        selector: &BlobSelector,
        read: &BlobRead,
    ) -> Result<BlobContent, ClientError> {
        let mut call = selected(self.connection.call(Operation::GetBlob, &[])?, selector).accept(BLOB_TYPES);
        if let Some(range) = read.range {
            call = call.header(RANGE, value("the range", &range.header())?);
        }
        if let Some(tag) = &read.if_match {
            call = call.header(IF_MATCH, value("the tag", tag)?);
        }
        let url = call.url();
        let response = call.send().await?;
        let headers = Headers { response: &response, url: &url };
        let (blob, start, length) = match response.status() {
            StatusCode::OK if read.range.is_some() => {
                return Err(headers.wrong("no", "Content-Range"));
            }
            StatusCode::OK => {
                let length = headers.length()?;
                (headers.managed(length)?, 0, length)
            }
            StatusCode::PARTIAL_CONTENT => {
                let (size, length) = headers.range(read.range)?;
                (headers.managed(size)?, read.range.map_or(0, |range| range.start), length)
            }
            StatusCode::FOUND => return Ok(BlobContent::External(headers.external()?)),
            _ => return Err(self.blob_refusal(response, url, false).await),
        };
        let bytes = ByteStream::of_length(response, url, length);
        Ok(BlobContent::Managed { blob, start, length, bytes })
    }

    /// Words a refusal. Answers to `HEAD` have no body, so that their status must do; other answers of a Blob route
    /// have an error object, without which another program answered.
    async fn blob_refusal(&self, response: Response, url: String, head: bool) -> ClientError {
        let refusal = self.connection.refusal(response, url, false).await;
        let Some((status, failure)) =
            refusal.status().and_then(|status| Some((status, BlobFailure::of(status)?)))
        else {
            return refusal;
        };
        match refusal {
            ClientError::Api { error, .. } => ClientError::Blob { failure, status, error: Some(error) },
            ClientError::Unexpected { .. } if head => ClientError::Blob { failure, status, error: None },
            other => other,
        }
    }
}

fn selected<'a>(call: Call<'a>, selector: &BlobSelector) -> Call<'a> {
    call.query("entity", Some(selector.entity.as_str()))
        .query("type", Some(&selector.type_name))
        .query("id", Some(&selector.id))
        .query("property", Some(&selector.property))
        .query("branch", selector.branch.as_deref())
        .query("snapshot", selector.snapshot.as_deref())
}

fn value(what: &'static str, text: &str) -> Result<HeaderValue, ClientError> {
    HeaderValue::from_str(text).map_err(|error| ClientError::Request { what, problem: error.to_string() })
}

/// Reads the headers that an answer about a Blob must have.
struct Headers<'a> {
    response: &'a Response,
    url: &'a str,
}

impl Headers<'_> {
    fn text(&self, name: &'static str) -> Result<&str, ClientError> {
        let value = self.response.headers().get(name).ok_or_else(|| self.wrong("no", name))?;
        match std::str::from_utf8(value.as_bytes()) {
            Ok(text) if !text.is_empty() => Ok(text),
            _ => Err(self.wrong("no usable", name)),
        }
    }

    fn length(&self) -> Result<u64, ClientError> {
        const NAME: &str = "Content-Length";
        digits(self.text(NAME)?).ok_or_else(|| self.wrong("no usable", NAME))
    }

    /// Returns the size of the whole Blob and the length of the part, which must be the part asked for.
    fn range(&self, asked: Option<BlobRange>) -> Result<(u64, u64), ClientError> {
        const NAME: &str = "Content-Range";
        let (first, last, size) =
            content_range(self.text(NAME)?).ok_or_else(|| self.wrong("no usable", NAME))?;
        let asked = asked.ok_or_else(|| self.wrong("no matching", NAME))?;
        let expected = asked.last().unwrap_or(u64::MAX).min(size - 1);
        if (first, last) != (asked.start, expected) {
            return Err(self.wrong("no matching", NAME));
        }
        let length = last - first + 1;
        match self.length()? == length {
            true => Ok((size, length)),
            false => Err(self.wrong("no matching", "Content-Length")),
        }
    }

    fn managed(&self, size: u64) -> Result<ManagedBlob, ClientError> {
        const NAME: &str = "ETag";
        let etag = self.text(NAME)?;
        if !is_strong(etag) {
            return Err(self.wrong("no usable", NAME));
        }
        Ok(ManagedBlob { size, etag: etag.to_owned(), snapshot_id: self.text(SNAPSHOT_ID)?.to_owned() })
    }

    fn external(&self) -> Result<ExternalBlob, ClientError> {
        let uri = self.text("Location")?.to_owned();
        Ok(ExternalBlob { uri, snapshot_id: self.text(SNAPSHOT_ID)?.to_owned() })
    }

    fn wrong(&self, problem: &'static str, name: &'static str) -> ClientError {
        ClientError::Header { url: self.url.to_owned(), name, problem }
    }
}

/// Reads `bytes a-b/N` with a ≤ b < N.
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size) = (digits(first)?, digits(last)?, digits(size)?);
    (first <= last && last < size).then_some((first, last, size))
}

/// Reads a number of digits only.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Tells whether a tag is a strong one (RFC 9110, section 8.8.3).
fn is_strong(tag: &str) -> bool {
    let inner = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.is_empty() && !inner.contains('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_bounded_at_both_ends() {
        let header = |start, length| BlobRange::new(start, length).map(BlobRange::header);
        assert_eq!(header(0, Some(1)), Ok("bytes=0-0".to_owned()));
        assert_eq!(header(5, None), Ok("bytes=5-".to_owned()));
        assert_eq!(header(1, Some(u64::MAX - 1)), Ok(format!("bytes=1-{}", u64::MAX - 1)));
        assert_eq!(header(3, Some(0)), Err(BlobRangeError::Empty));
        assert_eq!(header(2, Some(u64::MAX - 1)), Err(BlobRangeError::Overflow));
    }

    #[test]
    fn content_ranges_are_read_strictly() {
        assert_eq!(content_range("bytes 0-3/10"), Some((0, 3, 10)));
        for text in ["bytes */10", "bytes 3-2/10", "bytes 0-10/10", "0-3/10", "bytes 0-3/*", "bytes +0-3/10"]
        {
            assert_eq!(content_range(text), None, "{text}");
        }
    }

    #[test]
    fn only_strong_quoted_tags_will_do() {
        assert!(is_strong("\"0a\""));
        for tag in ["W/\"0a\"", "0a", "\"\"", "\"", "\"a\"b\"", ""] {
            assert!(!is_strong(tag), "{tag}");
        }
    }
}
