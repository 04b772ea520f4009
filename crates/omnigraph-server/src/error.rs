//! What a request is refused with: status, coarse code, one line of text, and optional structure.
//!
//! [`ApiError::into_response`] is the one place where this becomes bytes.

use std::time::Duration;

use axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// The closed set of codes that clients know. It never grows: what must be told beyond it is an [`ErrorDetail`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 400, 413, 415, 416.
    BadRequest,
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 409, 412.
    Conflict,
    /// 429.
    TooManyRequests,
    /// 500.
    Internal,
}

impl ErrorCode {
    /// Returns the word in the envelope.
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
}

/// Structure beside the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorDetail {
    /// A ceiling that was exceeded: `actual` > `limit`.
    ResourceLimit {
        /// What is limited.
        resource: &'static str,
        /// The ceiling.
        limit: u64,
        /// What was asked for.
        actual: u64,
    },
}

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct ApiError(Box<Parts>);

/// What there is to a refusal, behind one pointer so that results stay small.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    status: StatusCode,
    code: Option<ErrorCode>,
    message: String,
    detail: Option<ErrorDetail>,
    retry_after: Option<Duration>,
    allow: Option<HeaderValue>,
}

impl ApiError {
    /// Returns an error with this status, code and text.
    pub fn new(status: StatusCode, code: Option<ErrorCode>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Parts { status, code, message, detail: None, retry_after: None, allow: None }))
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Some(ErrorCode::BadRequest), message)
    }

    /// 401, with the challenge `Bearer` (RFC 6750 §3).
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, Some(ErrorCode::Unauthorized), message)
    }

    /// 403.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, Some(ErrorCode::Forbidden), message)
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, Some(ErrorCode::NotFound), message)
    }

    /// 405; `allow` is the value of the `Allow` header, such as `GET, HEAD`, unless the router adds it.
    pub fn method_not_allowed(allow: Option<HeaderValue>) -> Self {
        let code = Some(ErrorCode::MethodNotAllowed);
        let mut error = Self::new(StatusCode::METHOD_NOT_ALLOWED, code, "method not allowed");
        error.0.allow = allow;
        error
    }

    /// 409.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, Some(ErrorCode::Conflict), message)
    }

    /// 413.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, Some(ErrorCode::BadRequest), message)
    }

    /// 415.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Some(ErrorCode::BadRequest), message)
    }

    /// 429, with `Retry-After` in whole seconds, rounded up.
    pub fn too_many_requests(message: impl Into<String>, retry_after: Duration) -> Self {
        let code = Some(ErrorCode::TooManyRequests);
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, code, message);
        error.0.retry_after = Some(retry_after);
        error
    }

    /// 500.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Some(ErrorCode::Internal), message)
    }

    /// Adds structure.
    pub fn with_detail(mut self, detail: ErrorDetail) -> Self {
        self.0.detail = Some(detail);
        self
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns the code, if the cause has one.
    pub fn code(&self) -> Option<ErrorCode> {
        self.0.code
    }

    /// Returns the structure, if there is one.
    pub fn detail(&self) -> Option<&ErrorDetail> {
        self.0.detail.as_ref()
    }
}

impl Parts {
    /// Returns the JSON envelope `{"error": …, "code"?: …, <detail>?: …}`.
    fn envelope(&self) -> Value {
        let mut members = Map::new();
        members.insert("error".to_owned(), Value::from(one_line(&self.message)));
        if let Some(code) = self.code {
            members.insert("code".to_owned(), Value::from(code.as_str()));
        }
        match &self.detail {
            Some(ErrorDetail::ResourceLimit { resource, limit, actual }) => {
                let detail = json!({ "resource": resource, "limit": limit, "actual": actual });
                members.insert("resource_limit".to_owned(), detail);
            }
            None => {}
        }
        Value::Object(members)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let parts = *self.0;
        let mut response = (parts.status, axum::Json(parts.envelope())).into_response();
        let headers = response.headers_mut();
        if parts.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(after) = parts.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = parts.allow {
            headers.insert(ALLOW, allow);
        }
        response
    }
}

/// Answers paths that no route has. For `Router::fallback`.
pub async fn unknown_path() -> ApiError {
    ApiError::not_found("no such path")
}

/// Answers methods that a path does not have; the router adds `Allow`. For `Router::method_not_allowed_fallback`.
pub async fn unknown_method() -> ApiError {
    ApiError::method_not_allowed(None)
}

/// Makes one line of a text: clients show it as such.
fn one_line(text: &str) -> String {
    text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::body_json;

    #[tokio::test]
    async fn the_envelope_has_text_and_code_and_detail() {
        let error = ApiError::too_large("too much\n of it").with_detail(ErrorDetail::ResourceLimit {
            resource: "body",
            limit: 1,
            actual: 2,
        });
        let response = error.into_response();
        assert_eq!(response.status(), 413);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(
            body_json(response).await,
            json!({ "error": "too much of it", "code": "bad_request",
                    "resource_limit": { "resource": "body", "limit": 1, "actual": 2 } })
        );
    }

    #[tokio::test]
    async fn an_error_without_code_has_no_code_member() {
        let response = ApiError::new(StatusCode::GONE, None, "gone").into_response();
        assert_eq!(body_json(response).await, json!({ "error": "gone" }));
    }

    #[test]
    fn headers_follow_the_status() {
        let response = ApiError::unauthorized("missing bearer token").into_response();
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        let response = ApiError::too_many_requests("slow down", Duration::from_millis(1500)).into_response();
        assert_eq!(response.headers()["retry-after"], "2");
        let response =
            ApiError::method_not_allowed(Some(HeaderValue::from_static("GET, HEAD"))).into_response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (405, &HeaderValue::from_static("GET, HEAD"))
        );
    }

    #[tokio::test]
    async fn unknown_paths_and_methods_get_the_envelope_too() {
        use axum::body::Body;
        use axum::extract::Request;
        use axum::routing::get;
        use tower::ServiceExt;

        let app = axum::Router::new()
            .route("/known", get(|| async {}))
            .fallback(unknown_path)
            .method_not_allowed_fallback(unknown_method);
        let ask = |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            app.clone().oneshot(request)
        };
        let response = ask("GET", "/unknown").await.unwrap();
        assert_eq!(response.status(), 404);
        assert_eq!(body_json(response).await["code"], "not_found");
        let response = ask("POST", "/known").await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (405, &HeaderValue::from_static("GET,HEAD"))
        );
        assert_eq!(body_json(response).await["code"], "method_not_allowed");
    }
}
