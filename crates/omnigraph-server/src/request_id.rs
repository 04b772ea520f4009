//! Request ids: each request has one, its client's own (`X-Request-Id`) or a new one. It is in every log line of the request
//! and in its answer.

use std::fmt;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use tracing::field::{Empty, display};
use tracing::{Instrument, info_span};
use ulid::Ulid;

/// The header that carries the id, both ways.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header of W3C Trace Context.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Longest id that is taken from a client, in characters.
const LONGEST: usize = 128;

/// Makes the ids of requests that bring none.
#[derive(Clone)]
pub struct RequestIds(Arc<dyn Fn() -> Ulid + Send + Sync>);

impl RequestIds {
    /// Takes ids from a function.
    pub fn new(next: impl Fn() -> Ulid + Send + Sync + 'static) -> RequestIds {
        RequestIds(Arc::new(next))
    }
}

impl Default for RequestIds {
    /// Ids of the time of day and random bits.
    fn default() -> RequestIds {
        RequestIds::new(Ulid::new)
    }
}

impl fmt::Debug for RequestIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestIds")
    }
}

/// Name of a request: 1 to 128 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Takes the client's id if it is one, or makes a ULID.
    pub fn of(headers: &HeaderMap, ids: &RequestIds) -> Self {
        let given = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
        match given.filter(|id| is_id(id)) {
            Some(id) => Self(id.into()),
            None => Self((ids.0)().to_string().into()),
        }
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_id(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Trace and parent ids of a `traceparent` header.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TraceParent {
    trace: String,
    parent: String,
}

/// Parses a `traceparent` (W3C Trace Context §3.2.2): lower-case hex fields, ids not zero. Versions above 00 may have
/// more behind a further dash.
fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let text = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let mut fields = text.splitn(5, '-');
    let (version, trace, parent, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let hex = |field: &str, length: usize| {
        field.len() == length && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let id = |field: &str, length| hex(field, length) && field.bytes().any(|byte| byte != b'0');
    let more = fields.next().is_some();
    let valid = hex(version, 2)
        && version != "ff"
        && id(trace, 32)
        && id(parent, 16)
        && hex(flags, 2)
        && !(more && version == "00");
    valid.then(|| TraceParent { trace: trace.to_owned(), parent: parent.to_owned() })
}

/// Middleware, the outermost: names the request, runs it in a span of that name, logs its end at `info`, and returns
/// the name in the response.
///
/// The request carries its [`RequestId`] as an extension. The span `request` has the fields `request_id`, `method`,
/// `route`, `trace_id` and `parent_id`, and leaves `actor` and `graph` for those who find them out.
pub async fn name_request(State(ids): State<RequestIds>, mut request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let id = RequestId::of(request.headers(), &ids);
    let span = info_span!(
        "request",
        request_id = %id.as_str(),
        method = %request.method(),
        route = Empty,
        trace_id = Empty,
        parent_id = Empty,
        graph = Empty,
        actor = Empty,
    );
    if let Some(route) = request.extensions().get::<MatchedPath>() {
        span.record("route", route.as_str());
    }
    if let Some(trace) = traceparent(request.headers()) {
        span.record("trace_id", display(trace.trace)).record("parent_id", display(trace.parent));
    }
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).instrument(span.clone()).await;
    span.in_scope(|| {
        let elapsed_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(status = response.status().as_u16(), elapsed_ms, "answered");
    });
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use axum::{Extension, Router};
    use proptest::prelude::*;
    use tower::ServiceExt;

    use super::*;

    fn headers(name: HeaderName, values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[tokio::test]
    async fn the_clients_id_is_used_and_returned_or_else_a_new_one() {
        let made = Ulid::from_parts(1, 2);
        let app = Router::new()
            .route("/", get(|Extension(id): Extension<RequestId>| async move { id.as_str().to_owned() }))
            .layer(from_fn_with_state(RequestIds::new(move || made), name_request));
        for (given, kept) in [(Some("abc-1"), true), (Some("two words"), false), (None, false)] {
            let mut request = Request::builder().uri("/");
            if let Some(id) = given {
                request = request.header("X-Request-Id", id);
            }
            let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            let returned = response.headers()["x-request-id"].to_str().unwrap().to_owned();
            let seen = axum::body::to_bytes(response.into_body(), 999).await.unwrap();
            assert_eq!(seen, returned.as_bytes());
            assert_eq!(Some(returned.as_str()) == given, kept);
            if !kept {
                assert_eq!(returned, made.to_string());
            }
        }
    }

    #[test]
    fn an_id_is_visible_ascii_of_bounded_length() {
        let longest = [b'x'; 128];
        let too_long = [b'x'; 129];
        let id = |value: &[u8]| RequestId::of(&headers(X_REQUEST_ID, &[value]), &RequestIds::default());
        assert_eq!(id(b"!~").as_str(), "!~");
        assert_eq!(id(&longest).as_str().len(), 128);
        for other in [&too_long[..], b"", b"a b", b"a\tb", b"caf\xc3\xa9"] {
            assert!(Ulid::from_string(id(other).as_str()).is_ok(), "{other:?}");
        }
    }

    #[test]
    fn a_traceparent_is_read_as_the_recommendation_says() {
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let read = |text: &str| traceparent(&headers(TRACEPARENT, &[text.as_bytes()]));
        let expected = Some(TraceParent { trace: trace.into(), parent: parent.into() });
        assert_eq!(read(&format!("00-{trace}-{parent}-01")), expected);
        assert_eq!(read(&format!("cc-{trace}-{parent}-01-what-else")), expected);
        for wrong in [
            format!("00-{trace}-{parent}-01-more"),
            format!("ff-{trace}-{parent}-01"),
            format!("00-{}-{parent}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
            format!("00-{trace}-{parent}"),
            format!("00-{trace}-{parent}-1"),
            String::new(),
        ] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
        let one = format!("00-{trace}-{parent}-01");
        assert_eq!(traceparent(&headers(TRACEPARENT, &[one.as_bytes(), one.as_bytes()])), None);
    }

    proptest! {
        #[test]
        fn every_request_gets_an_id_that_a_header_can_hold(value in prop::collection::vec(0x20..=0xffu8, 0..200)) {
            prop_assume!(!value.contains(&0x7f));
            let id = RequestId::of(&headers(X_REQUEST_ID, &[&value]), &RequestIds::default());
            prop_assert!(is_id(id.as_str()));
            prop_assert!(HeaderValue::from_str(id.as_str()).is_ok());
        }
    }
}
