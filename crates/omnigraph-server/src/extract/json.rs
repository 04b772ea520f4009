//! JSON bodies of a bounded length, decoded into a type.

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::body::{self, JSON_LIMIT};
use super::rejection::ExtractError;

/// A JSON body of at most `LIMIT` bytes.
///
/// Refuses in this order: another content type (415), too many bytes (413), what is not JSON or does not fit `T` (400,
/// with the place).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiJson<T, const LIMIT: usize = JSON_LIMIT>(
    /// The value.
    pub T,
);

impl<T: DeserializeOwned, S: Send + Sync, const LIMIT: usize> FromRequest<S> for ApiJson<T, LIMIT> {
    type Rejection = ExtractError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ExtractError> {
        if !is_json(request.headers()) {
            return Err(ExtractError::ContentType);
        }
        let bytes = body::read_request(request, LIMIT).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned, const LIMIT: usize> ApiJson<T, LIMIT> {
    /// Parses bytes whose content type does not count, as on the routes of stored queries.
    ///
    /// # Errors
    /// [`ExtractError::JsonSyntax`] and [`ExtractError::JsonShape`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ExtractError> {
        parse(bytes).map(Self)
    }
}

/// Tells whether the content type is `application/json` or `application/…+json`, with any parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(text) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.strip_prefix("application/").is_some_and(|subtype| {
        subtype == "json" || subtype.strip_suffix("+json").is_some_and(|name| !name.is_empty())
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ExtractError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        match inner.classify() {
            Category::Data => {
                let path = if path == "." { String::new() } else { path };
                ExtractError::JsonShape { path, problem: inner.to_string() }
            }
            Category::Syntax | Category::Eof | Category::Io => {
                ExtractError::JsonSyntax { problem: inner.to_string() }
            }
        }
    })?;
    deserializer.end().map_err(|error| ExtractError::JsonSyntax { problem: error.to_string() })?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, Bytes};
    use axum::response::Response;
    use axum::routing::post;
    use proptest::prelude::*;
    use serde::Deserialize;
    use tower::ServiceExt;

    use super::*;
    use crate::extract::ApiBytes;
    use crate::fixtures::body_json;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Closed {
        branch: String,
        #[serde(default)]
        limits: Vec<u8>,
    }

    fn app() -> Router {
        let echo = |ApiJson(value): ApiJson<Closed, 64>| async move {
            format!("{}{:?}", value.branch, value.limits)
        };
        let raw = |ApiBytes(bytes): ApiBytes<4>| async move { bytes };
        Router::new().route("/json", post(echo)).route("/raw", post(raw))
    }

    async fn send(path: &str, content_type: Option<&str>, body: impl Into<Body>) -> Response {
        let mut request = Request::post(path);
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        app().oneshot(request.body(body.into()).unwrap()).await.unwrap()
    }

    async fn refusal(content_type: Option<&str>, body: impl Into<Body>) -> (u16, String) {
        let response = send("/json", content_type, body).await;
        let status = response.status().as_u16();
        let envelope = body_json(response).await;
        assert_eq!(envelope["code"], "bad_request");
        (status, envelope["error"].as_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn json_types_are_accepted_with_parameters_and_suffixes() {
        for content_type in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.x+json",
            "application/json ;a=b",
        ] {
            let response = send("/json", Some(content_type), r#"{"branch":"main"}"#).await;
            assert_eq!(response.status(), 200, "{content_type}");
        }
    }

    #[tokio::test]
    async fn other_types_are_415_before_the_body_is_looked_at() {
        for content_type in [
            None,
            Some("text/plain"),
            Some("application/+json"),
            Some("text/json"),
            Some("application/jsonx"),
        ] {
            let (status, message) = refusal(content_type, "x".repeat(100)).await;
            assert_eq!(status, 415, "{content_type:?}");
            assert!(message.contains("Content-Type"), "{message}");
        }
    }

    #[tokio::test]
    async fn too_much_is_413_before_it_is_parsed_whether_announced_or_not() {
        let (status, message) = refusal(Some("application/json"), "x".repeat(65)).await;
        assert_eq!((status, message.contains("length limit")), (413, true), "{message}");
        let chunks = (0..10).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"xxxxxxxxxx")));
        let (status, _) =
            refusal(Some("application/json"), Body::from_stream(futures::stream::iter(chunks))).await;
        assert_eq!(status, 413);
        let exact = format!(r#"{{"branch":"{}"}}"#, "b".repeat(64 - 13));
        assert_eq!(exact.len(), 64);
        assert_eq!(send("/json", Some("application/json"), exact).await.status(), 200);
    }

    #[tokio::test]
    async fn broken_json_and_wrong_shapes_are_400_with_the_place() {
        for (body, parts) in [
            ("", &["not valid JSON", "line 1"][..]),
            (r#"{"branch":"x"#, &["not valid JSON"]),
            (r#"{"branch":"x"} 1"#, &["not valid JSON", "trailing"]),
            ("[1,2]", &["does not fit"]),
            (r#"{"branch":1}"#, &["`branch`", "line 1 column 11"]),
            (r#"{"branch":"x","limits":[1,300]}"#, &["`limits[1]`"]),
            (r#"{}"#, &["missing field `branch`"]),
            (r#"{"branch":"x","table_keys":1}"#, &["unknown field `table_keys`"]),
            (r#"{"branch":"x","branch":"y"}"#, &["duplicate field `branch`"]),
        ] {
            let (status, message) = refusal(Some("application/json"), body).await;
            assert_eq!(status, 400, "{body}");
            for part in parts {
                assert!(message.contains(part), "{part} is not in: {message}");
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_400() {
        let chunks = [Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))];
        let (status, message) =
            refusal(Some("application/json"), Body::from_stream(futures::stream::iter(chunks))).await;
        assert_eq!((status, message.as_str()), (400, "the request body cannot be read"));
    }

    #[tokio::test]
    async fn raw_bodies_need_no_type_but_keep_to_their_limit() {
        assert_eq!(send("/raw", Some("text/plain"), "abcd").await.status(), 200);
        assert_eq!(send("/raw", None, "abcde").await.status(), 413);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = ApiJson::<Closed>::from_bytes(&bytes);
        }
    }
}
