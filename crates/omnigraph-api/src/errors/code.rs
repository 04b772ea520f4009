//! The class of an error, a closed set of codes.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Coarse class of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// No or unusable credentials.
    Unauthorized,
    /// Policy denies.
    Forbidden,
    /// The request is wrong as it stands.
    BadRequest,
    /// What the request names does not exist.
    NotFound,
    /// The route has no such method.
    MethodNotAllowed,
    /// The state of the graph is in the way.
    Conflict,
    /// Too much at a time.
    TooManyRequests,
    /// The server failed.
    Internal,
}

impl ErrorCode {
    /// All codes, in the order of the API document. The set never grows, as clients of other releases know no other.
    pub const ALL: [ErrorCode; 8] = [
        ErrorCode::Unauthorized,
        ErrorCode::Forbidden,
        ErrorCode::BadRequest,
        ErrorCode::NotFound,
        ErrorCode::MethodNotAllowed,
        ErrorCode::Conflict,
        ErrorCode::TooManyRequests,
        ErrorCode::Internal,
    ];

    /// Returns the word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::Unauthorized => "unauthorized",
            ErrorCode::Forbidden => "forbidden",
            ErrorCode::BadRequest => "bad_request",
            ErrorCode::NotFound => "not_found",
            ErrorCode::MethodNotAllowed => "method_not_allowed",
            ErrorCode::Conflict => "conflict",
            ErrorCode::TooManyRequests => "too_many_requests",
            ErrorCode::Internal => "internal",
        }
    }

    /// Returns the HTTP status of an error that has this code and no detail.
    pub fn status(self) -> u16 {
        match self {
            ErrorCode::Unauthorized => 401,
            ErrorCode::Forbidden => 403,
            ErrorCode::BadRequest => 400,
            ErrorCode::NotFound => 404,
            ErrorCode::MethodNotAllowed => 405,
            ErrorCode::Conflict => 409,
            ErrorCode::TooManyRequests => 429,
            ErrorCode::Internal => 500,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A code as it arrived. Another server may know codes that this release does not; they are kept as they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum WireCode {
    /// A code of the closed set.
    Known(ErrorCode),
    /// Any other text.
    Unknown(String),
}

impl WireCode {
    /// Returns the code when it is one of the closed set.
    pub fn known(&self) -> Option<ErrorCode> {
        match self {
            WireCode::Known(code) => Some(*code),
            WireCode::Unknown(_) => None,
        }
    }
}

impl From<ErrorCode> for WireCode {
    fn from(code: ErrorCode) -> WireCode {
        WireCode::Known(code)
    }
}
