//! The middleware that counts requests, their latency, and those that are in flight.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;

use super::counters::Metrics;

/// Route label of requests that no route matches.
const UNMATCHED: &str = "unmatched";

/// Middleware: counts requests, their time to the response's head, and those whose body has not ended.
pub async fn track(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let in_flight = InFlight::new(metrics.in_flight.clone());
    let response = next.run(request).await;
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    metrics.request_answered(&method, route, response.status().as_u16(), begin.elapsed());
    response.map(|body| Body::new(Tracked { body, _in_flight: in_flight }))
}

/// One request in flight, until dropped.
struct InFlight(Gauge);

impl InFlight {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A body that is in flight until it ends or the client is gone.
struct Tracked {
    body: Body,
    _in_flight: InFlight,
}

impl http_body::Body for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::to_bytes;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    fn app(metrics: &Arc<Metrics>) -> Router {
        Router::new()
            .route("/branches/{branch}", get(|| async { "text" }))
            .route(
                "/endless",
                get(|| async {
                    Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>())
                }),
            )
            .layer(from_fn_with_state(Arc::clone(metrics), track))
    }

    async fn ask(app: &Router, method: &str, path: &str) -> Response {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn the_route_label_is_the_template_and_never_the_path() {
        let metrics = Arc::new(Metrics::new());
        let app = app(&metrics);
        for path in ["/branches/secret-1", "/branches/secret-2", "/nowhere/secret-3"] {
            ask(&app, "GET", path).await;
        }
        ask(&app, "BREW", "/branches/secret-4").await;
        let text = metrics.encode().unwrap();
        for line in [
            r#"omnigraph_http_requests_total{method="GET",route="/branches/{branch}",status="200"} 2"#,
            r#"omnigraph_http_requests_total{method="GET",route="unmatched",status="404"} 1"#,
            r#"omnigraph_http_requests_total{method="other",route="/branches/{branch}",status="405"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in:\n{text}");
        }
        assert!(!text.contains("secret"), "{text}");
    }

    #[tokio::test]
    async fn a_request_is_in_flight_until_its_body_ends_or_is_dropped() {
        let metrics = Arc::new(Metrics::new());
        let app = app(&metrics);
        let (read, endless) = (ask(&app, "GET", "/branches/x").await, ask(&app, "GET", "/endless").await);
        assert_eq!(metrics.in_flight.get(), 2);
        assert_eq!(to_bytes(read.into_body(), 99).await.unwrap(), "text");
        assert_eq!(metrics.in_flight.get(), 1);
        drop(endless);
        assert_eq!(metrics.in_flight.get(), 0);
    }

    #[tokio::test]
    async fn the_length_of_a_body_is_still_known() {
        let response = ask(&app(&Arc::new(Metrics::new())), "GET", "/branches/x").await;
        assert_eq!(http_body::Body::size_hint(response.body()).exact(), Some(4));
    }
}
