//! Draining: reads and discards what an early answer left unread of a request body.
//!
//! A request may be refused while its client still sends the body. A connection that is closed with unread bytes is reset,
//! and the client may lose the answer (RFC 9112 §9.6). So the rest of the body is read behind the answer and thrown away,
//! within bounds of bytes and time; then the connection can be used again.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use futures::StreamExt;
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::oneshot;

use crate::client_timeouts::ClientTimeouts;

/// Most bytes that are thrown away.
const DRAINED_BYTES: u64 = 8 << 20;

/// How long bytes are thrown away; not longer than a client may stand still.
const DRAINED_TIME: Duration = Duration::from_secs(10);

/// Middleware, outside of everything that may refuse a request.
pub async fn drain(request: Request, next: Next) -> Response {
    let time = DRAINED_TIME.min(ClientTimeouts::of(request.extensions()).sending);
    // Streams of HTTP/2 end one by one.
    if request.version() > Version::HTTP_11 || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (sender, unread) = oneshot::channel();
    let request = request.map(|body| Body::new(ReturnedBody { body: Some(body), sender: Some(sender) }));
    let mut response = next.run(request).await;
    let Ok(body) = unread.await else { return response };
    if body.size_hint().lower() > DRAINED_BYTES {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return response;
    }
    tokio::spawn(tokio::time::timeout(time, throw_away(body)));
    response
}

async fn throw_away(body: Body) {
    let mut chunks = body.into_data_stream();
    let mut bytes = 0;
    while let Some(Ok(chunk)) = chunks.next().await {
        bytes += chunk.len() as u64;
        if bytes > DRAINED_BYTES {
            return;
        }
    }
}

/// A body that is given back when it is dropped before its end.
struct ReturnedBody {
    body: Option<Body>,
    sender: Option<oneshot::Sender<Body>>,
}

impl http_body::Body for ReturnedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for ReturnedBody {
    fn drop(&mut self) {
        if let (Some(body), Some(sender)) = (self.body.take(), self.sender.take())
            && !body.is_end_stream()
        {
            // Nobody waits for it any more when the request was given up.
            let _ = sender.send(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::StatusCode;
    use axum::middleware::from_fn;
    use axum::routing::post;
    use tower::ServiceExt;

    use super::*;

    /// A body of chunks that counts those that were taken.
    fn counted(chunks: usize) -> (Body, Arc<AtomicUsize>) {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let chunks = futures::stream::iter(0..chunks).map(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok::<_, std::io::Error>(Bytes::from(vec![0; 1 << 20]))
        });
        (Body::from_stream(chunks), taken)
    }

    async fn send(body: Body) -> Response {
        let app =
            Router::new().route("/early", post(|| async { StatusCode::FORBIDDEN })).layer(from_fn(drain));
        app.oneshot(Request::post("/early").body(body).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_left_is_read_behind_the_answer() {
        let (body, taken) = counted(3);
        let response = send(body).await;
        assert_eq!((response.status(), taken.load(Ordering::SeqCst)), (StatusCode::FORBIDDEN, 0));
        while taken.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_is_left_is_read_up_to_a_bound() {
        let (body, taken) = counted(100);
        assert!(!send(body).await.headers().contains_key("connection"));
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(taken.load(Ordering::SeqCst), 9);
        let announced = Body::from(vec![0; (8 << 20) + 1]);
        assert_eq!(send(announced).await.headers()["connection"], "close");
    }

    #[tokio::test]
    async fn a_body_that_was_read_is_not_looked_at_again() {
        let (body, taken) = counted(2);
        let app = Router::new().route("/", post(|body: Bytes| async move { body.len().to_string() }));
        let app = app.layer(axum::extract::DefaultBodyLimit::disable()).layer(from_fn(drain));
        let response = app.oneshot(Request::post("/").body(body).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(taken.load(Ordering::SeqCst), 2);
    }
}
