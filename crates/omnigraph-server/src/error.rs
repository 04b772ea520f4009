//! What a request is refused with: status, envelope, and the headers that belong to them.
//!
//! [`ApiError::into_response`] is the one place where this becomes bytes.

use std::time::Duration;

use axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use omnigraph::OmniError;
use omnigraph_api::legacy::Flat;
use omnigraph_api::{ChangeErrorOutput, ChangeErrorReply, ErrorCode, ErrorOutput, ErrorReply};
use omnigraph_service::error;

/// A refused request.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", .0.text())]
pub struct ApiError(Box<Parts>);

/// What there is to a refusal, behind one pointer so that results stay small.
#[derive(Clone, Debug)]
struct Parts {
    status: StatusCode,
    body: Body,
    headers: HeaderMap,
}

#[derive(Clone, Debug)]
enum Body {
    /// Of most routes.
    Error(ErrorOutput),
    /// Of the flat routes, with the members of older clients.
    FlatError(ErrorOutput),
    /// Of the change routes.
    Change(ChangeErrorOutput),
    /// Of routes that must not say more than the status.
    Empty,
}

impl Parts {
    fn text(&self) -> &str {
        match &self.body {
            Body::Error(output) | Body::FlatError(output) => &output.error,
            Body::Change(output) => &output.error,
            Body::Empty => self.status.canonical_reason().unwrap_or_default(),
        }
    }
}

impl ApiError {
    fn new(status: u16, body: Body) -> Self {
        // Every reply has a status of its own choosing between 400 and 599.
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self(Box::new(Parts { status, body, headers: HeaderMap::new() }))
    }

    fn coded(code: ErrorCode, message: impl Into<String>) -> Self {
        ErrorReply::new(code, one_line(&message.into())).into()
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::coded(ErrorCode::BadRequest, message)
    }

    /// 401, with the challenge `Bearer` (RFC 6750 §3).
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::coded(ErrorCode::Unauthorized, message)
    }

    /// 403.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::coded(ErrorCode::Forbidden, message)
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::coded(ErrorCode::NotFound, message)
    }

    /// 405; `allow` is the value of the `Allow` header, such as `GET, HEAD`, unless the router adds it.
    pub fn method_not_allowed(allow: Option<HeaderValue>) -> Self {
        let mut error = Self::coded(ErrorCode::MethodNotAllowed, "method not allowed");
        error.0.headers.extend(allow.map(|allow| (ALLOW, allow)));
        error
    }

    /// 408: the client is too slow.
    pub fn request_timeout(message: impl Into<String>) -> Self {
        let mut error = Self::coded(ErrorCode::BadRequest, message);
        error.0.status = StatusCode::REQUEST_TIMEOUT;
        error
    }

    /// 409.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::coded(ErrorCode::Conflict, message)
    }

    /// 413.
    pub fn too_large(message: impl Into<String>) -> Self {
        let mut error = Self::coded(ErrorCode::BadRequest, message);
        error.0.status = StatusCode::PAYLOAD_TOO_LARGE;
        error
    }

    /// 415.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        let mut error = Self::coded(ErrorCode::BadRequest, message);
        error.0.status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        error
    }

    /// 429, with `Retry-After` in whole seconds, rounded up.
    pub fn too_many_requests(message: impl Into<String>, retry_after: Duration) -> Self {
        let mut error = Self::coded(ErrorCode::TooManyRequests, message);
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        error.0.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        error
    }

    /// 500.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::coded(ErrorCode::Internal, message)
    }

    /// 504: the server takes too long. No code of the closed set fits.
    pub fn gateway_timeout(message: impl Into<String>) -> Self {
        let mut error = Self::coded(ErrorCode::Internal, message);
        error.0.status = StatusCode::GATEWAY_TIMEOUT;
        if let Body::Error(output) = &mut error.0.body {
            output.code = None;
        }
        error
    }

    /// The error of the engine; failures of the server go to the log with their cause.
    pub fn engine(error: &OmniError) -> Self {
        Self::of_reply(error::reply(error), error)
    }

    /// As [`ApiError::engine`]; what is wrong with `text`, which the request brought, is told with its places.
    pub fn engine_about(error: &OmniError, text: &str) -> Self {
        Self::of_reply(error::reply_about(error, text), error)
    }

    fn of_reply(reply: ErrorReply, error: &OmniError) -> Self {
        if reply.status() == 500 {
            tracing::error!(%error, "a request failed");
        }
        reply.into()
    }

    /// The error of the engine on a change route, which tells less.
    pub fn changes(error: &OmniError) -> Self {
        let reply = error::change_reply(error);
        if reply.status() == 500 {
            tracing::error!(%error, "reading changes failed");
        }
        reply.into()
    }

    /// Adds the members of older clients, which only the flat routes have.
    pub fn flat(mut self, flat: bool) -> Self {
        self.0.body = match self.0.body {
            Body::Error(output) if flat => Body::FlatError(output),
            other => other,
        };
        self
    }

    /// Adds headers.
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.0.headers.extend(headers);
        self
    }

    /// Leaves the body out, for answers to `HEAD`.
    pub fn without_body(mut self) -> Self {
        self.0.body = Body::Empty;
        self
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }
}

impl From<ErrorReply> for ApiError {
    fn from(reply: ErrorReply) -> Self {
        let (status, mut body) = reply.into_parts();
        body.error = one_line(&body.error);
        Self::new(status, Body::Error(body))
    }
}

impl From<ChangeErrorReply> for ApiError {
    fn from(reply: ChangeErrorReply) -> Self {
        let (status, mut body) = reply.into_parts();
        body.error = one_line(&body.error);
        Self::new(status, Body::Change(body))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Parts { status, body, headers } = *self.0;
        let mut response = match body {
            Body::Error(output) => (status, axum::Json(output)).into_response(),
            Body::FlatError(output) => (status, axum::Json(output.flat())).into_response(),
            Body::Change(output) => (status, axum::Json(output)).into_response(),
            Body::Empty => status.into_response(),
        };
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.headers_mut().extend(headers);
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
    use serde_json::json;

    use super::*;
    use crate::fixtures::body_json;

    #[tokio::test]
    async fn the_envelope_has_one_line_of_text_and_its_code() {
        let response = ApiError::too_large("too much\n of it").into_response();
        assert_eq!(response.status(), 413);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(body_json(response).await, json!({ "error": "too much of it", "code": "bad_request" }));
    }

    #[tokio::test]
    async fn an_error_without_code_has_no_code_member() {
        let response = ApiError::gateway_timeout("late").into_response();
        assert_eq!(response.status(), 504);
        assert_eq!(body_json(response).await, json!({ "error": "late" }));
        let response = ApiError::bad_request("x").without_body().into_response();
        assert_eq!(response.status(), 400);
        assert!(axum::body::to_bytes(response.into_body(), 9).await.unwrap().is_empty());
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
