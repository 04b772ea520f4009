//! An error answer as a server makes it: status, code, detail and text, which belong together.

use super::code::ErrorCode;
use super::detail::{ErrorDetail, PreconditionFailureOutput};
use super::output::ErrorOutput;
use super::text;
use crate::decode::BodyError;

/// An error answer: the HTTP status and the body that belongs to it.
///
/// A status cannot be paired with any body: each constructor of [`ErrorReply`] and of
/// [`ChangeErrorReply`](super::ChangeErrorReply) is one cause of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<B> {
    pub(super) status: u16,
    pub(super) body: B,
}

impl<B> Reply<B> {
    /// Returns the HTTP status, 400 to 503.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the body.
    pub fn body(&self) -> &B {
        &self.body
    }

    /// Takes the answer apart.
    pub fn into_parts(self) -> (u16, B) {
        (self.status, self.body)
    }
}

/// An error answer of any route but the change routes.
pub type ErrorReply = Reply<ErrorOutput>;

impl Reply<ErrorOutput> {
    /// An error without detail, with the status of its code.
    pub fn new(code: ErrorCode, error: impl Into<String>) -> ErrorReply {
        Reply { status: code.status(), body: ErrorOutput::new(code, error) }
    }

    /// An error with a detail, which decides status and code, and a text of its own.
    pub fn detailed(detail: ErrorDetail, error: impl Into<String>) -> ErrorReply {
        Reply { status: detail.status(), body: ErrorOutput::detailed(detail, error) }
    }

    /// 401: the request has no credentials.
    pub fn missing_token() -> ErrorReply {
        ErrorReply::new(ErrorCode::Unauthorized, "missing bearer token")
    }

    /// 401: the credentials are not usable.
    pub fn invalid_token() -> ErrorReply {
        ErrorReply::new(ErrorCode::Unauthorized, "invalid bearer token")
    }

    /// 404: no such graph is served.
    pub fn graph_not_found(graph_id: &str) -> ErrorReply {
        ErrorReply::new(ErrorCode::NotFound, format!("graph '{graph_id}' not found"))
    }

    /// 404: the branch does not exist.
    pub fn branch_not_found(branch: &str) -> ErrorReply {
        ErrorReply::new(ErrorCode::NotFound, format!("branch '{branch}' not found"))
    }

    /// 404: the branch of a load does not exist, and the load names none to fork it from.
    pub fn branch_to_load_not_found(branch: &str) -> ErrorReply {
        let error = format!("branch '{branch}' not found; pass `from` to create it");
        ErrorReply::new(ErrorCode::NotFound, error)
    }

    /// 400: what is to be exported is restricted to a type that the branch does not have.
    pub fn unknown_type(name: &str) -> ErrorReply {
        ErrorReply::new(ErrorCode::BadRequest, format!("unknown type '{name}'"))
    }

    /// 404: the commit does not exist, or must look so.
    pub fn commit_not_found(commit_id: &str) -> ErrorReply {
        ErrorReply::new(ErrorCode::NotFound, format!("commit '{commit_id}' not found"))
    }

    /// 404: the stored query does not exist, or must look so: it names no query.
    pub fn stored_query_not_found() -> ErrorReply {
        ErrorReply::new(ErrorCode::NotFound, "stored query not found")
    }

    /// 412: a conditional write found another head, or none.
    pub fn precondition_failed(branch: &str, expected: &str, actual: Option<&str>) -> ErrorReply {
        let failure =
            PreconditionFailureOutput { expected: expected.to_owned(), actual: actual.map(str::to_owned) };
        let error = text::precondition(branch, expected, actual);
        ErrorReply::detailed(ErrorDetail::PreconditionFailure(failure), error)
    }

    /// 412: no tag of a blob request's `If-Match` is the tag of the blob.
    pub fn tag_mismatch() -> ErrorReply {
        let body = ErrorOutput::new(ErrorCode::Conflict, "If-Match names no tag of the Blob as it is");
        Reply { status: 412, body }
    }

    /// 413: a request body has more bytes than the route takes.
    pub fn body_too_large(limit: u64) -> ErrorReply {
        let error = format!("length limit exceeded: a body of this route has at most {limit} bytes");
        Reply { status: 413, body: ErrorOutput::new(ErrorCode::BadRequest, error) }
    }

    /// 415: a request body has another media type than the route takes.
    pub fn unsupported_media_type(expected: &str) -> ErrorReply {
        let error = format!("expected a request with `Content-Type: {expected}`");
        Reply { status: 415, body: ErrorOutput::new(ErrorCode::BadRequest, error) }
    }

    /// 500: a blob cannot be delivered; the cause must not be told.
    pub fn blob_delivery_failed() -> ErrorReply {
        ErrorReply::new(ErrorCode::Internal, "Blob delivery failed before response headers")
    }
}

/// The detail with its own text.
impl From<ErrorDetail> for ErrorReply {
    fn from(detail: ErrorDetail) -> ErrorReply {
        let error = detail.to_string();
        ErrorReply::detailed(detail, error)
    }
}

/// 400: the body of a request is wrong.
impl From<BodyError> for ErrorReply {
    fn from(error: BodyError) -> ErrorReply {
        ErrorReply::new(ErrorCode::BadRequest, format!("invalid request body: {error}"))
    }
}
