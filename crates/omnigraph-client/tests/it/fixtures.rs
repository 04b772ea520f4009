//! Servers that record what they are sent and give the answers that a test chooses.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use omnigraph_client::BearerToken;
use omnigraph_client::http::{GraphClient, ServerClient};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Method, and path with query as sent.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A server that answers every request alike.
pub(crate) struct Fake {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    pub(crate) async fn new(
        status: u16,
        headers: &'static [(&'static str, &'static str)],
        body: impl Into<String>,
    ) -> Fake {
        let body = body.into();
        Fake::with(move |_| {
            let mut answer = Response::builder().status(StatusCode::from_u16(status).unwrap());
            for (name, value) in headers {
                answer = answer.header(*name, *value);
            }
            answer.body(Body::from(body.clone())).unwrap()
        })
        .await
    }

    pub(crate) async fn json(status: u16, body: Value) -> Fake {
        Fake::new(status, &[("content-type", "application/json")], body.to_string()).await
    }

    /// A server that answers without reading the body.
    pub(crate) async fn refusing(status: u16, body: &'static str) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        let router = Router::new().fallback(move || async move { (status, body) });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Fake { url, seen: Arc::default() }
    }

    pub(crate) async fn with(answer: impl Fn(&Seen) -> Response + Clone + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let router = Router::new().fallback(move |request: Request| {
            let (answer, log) = (answer.clone(), log.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                let seen = Seen {
                    line: format!("{} {}", parts.method, parts.uri),
                    headers: parts.headers,
                    body: String::from_utf8(body.to_vec()).unwrap(),
                };
                log.lock().unwrap().push(seen.clone());
                answer(&seen)
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Fake { url, seen }
    }

    /// The graph `kb` of the server, with a token.
    pub(crate) fn graph(&self) -> GraphClient {
        let token = BearerToken::new("s3cret").unwrap();
        ServerClient::new(&self.url, Some(token)).unwrap().graph("kb").unwrap()
    }

    /// The one request.
    pub(crate) fn seen(&self) -> Seen {
        let seen = self.seen.lock().unwrap();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }

    /// The request with a number, from 0.
    pub(crate) fn nth(&self, number: usize) -> Seen {
        self.seen.lock().unwrap()[number].clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|seen| seen.line.clone()).collect()
    }
}

/// A server that reads one request head, writes bytes and closes.
pub(crate) async fn raw(answer: &'static [u8]) -> GraphClient {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 8192];
        let _ = socket.read(&mut head).await.unwrap();
        socket.write_all(answer).await.unwrap();
        socket.shutdown().await.unwrap();
    });
    GraphClient::new(&url, None).unwrap()
}
