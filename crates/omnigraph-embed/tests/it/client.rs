//! Requests, retries, limits and refusals of the client.

use std::time::{Duration, Instant};

use omnigraph_embed::{EmbedError, EmbeddingClient, EmbeddingConfig, Limits, Provider};
use serde_json::json;

use crate::server::{Reply, Server};

const KEY: &str = "sk-hunter2-0123456789";

/// Limits under which retries take no noticeable time.
fn quick() -> Limits {
    Limits { attempts: 3, backoff: Duration::from_millis(1), ..Limits::default() }
}

fn client(server: &Server, limits: Limits) -> EmbeddingClient {
    of(Provider::OpenAiCompatible, &server.url, limits)
}

fn of(provider: Provider, url: &str, limits: Limits) -> EmbeddingClient {
    let config = EmbeddingConfig::from_parts(provider, Some("m-1"), Some(url), Some(KEY)).unwrap();
    EmbeddingClient::new(config.with_limits(limits)).unwrap()
}

/// Asserts that nothing an error shows has the key in it.
fn keeps_secret(error: &EmbedError) {
    let mut shown = format!("{error} {error:?} {error:#?}");
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        shown.push_str(&format!("{inner} {inner:?}"));
        cause = inner.source();
    }
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn a_query_is_one_authorized_request_and_a_unit_vector() {
    let server = Server::start(|_, seen| Reply::vectors(seen)).await;
    let client = client(&server, quick());
    let vector = client.embed_query_text("abc", 3).await.unwrap();
    let norm = 10.0_f64.sqrt();
    assert_eq!(vector, [(3.0 / norm) as f32, (1.0 / norm) as f32, 0.0]);
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].path, "/v1/embeddings");
    assert_eq!(seen[0].header("authorization"), Some("Bearer sk-hunter2-0123456789"));
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    assert_eq!(seen[0].body, json!({"model": "m-1", "input": ["abc"], "dimensions": 3}));
    assert!(!format!("{client:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_query_is_remembered_by_text_and_dimension() {
    let server = Server::start(|_, seen| Reply::vectors(seen)).await;
    let client = client(&server, quick());
    let first = client.embed_query_text("abc", 3).await.unwrap();
    assert_eq!(client.clone().embed_query_text("abc", 3).await.unwrap(), first);
    assert_eq!(server.seen().len(), 1);
    client.embed_query_text("abc", 2).await.unwrap();
    client.embed_query_text("abd", 3).await.unwrap();
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn documents_travel_in_batches_and_come_back_in_order() {
    let server = Server::start(|_, seen| Reply::vectors(seen)).await;
    let texts: Vec<String> = (1..=300).map(|length| "x".repeat(length)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = client(&server, quick()).embed_documents(&texts, 2).await.unwrap();
    assert_eq!(vectors.len(), 300);
    for (vector, text) in vectors.iter().zip(&texts) {
        let ratio = f64::from(vector[0]) / f64::from(vector[1]);
        assert!((ratio - text.len() as f64).abs() < 0.01, "{ratio} for {}", text.len());
    }
    let mut sizes: Vec<usize> = server.seen().iter().map(|seen| seen.texts().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [44, 64, 64, 64, 64]);
    assert!(client(&server, quick()).embed_documents(&[], 2).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_refused_batch_is_halved_until_the_bad_text_stands_alone() {
    let server = Server::start(|_, seen| match seen.texts().iter().any(|text| text.contains("bad")) {
        true => Reply::status(400),
        false => Reply::vectors(seen),
    });
    let server = server.await;
    let error = client(&server, quick()).embed_documents(&["a", "b", "bad", "d"], 2).await.unwrap_err();
    assert!(matches!(error, EmbedError::Status { status: 400, .. }));
    let asked: Vec<Vec<String>> = server.seen().iter().map(|seen| seen.texts()).collect();
    assert_eq!(asked, [vec!["a", "b", "bad", "d"], vec!["a", "b"], vec!["bad", "d"], vec!["bad"]]);
}

#[tokio::test]
async fn a_service_that_takes_one_text_at_a_time_is_enough() {
    let server = Server::start(|_, _| Reply::ok(json!({"data": [{"index": 0, "embedding": [0, 1]}]}))).await;
    let vectors = client(&server, quick()).embed_documents(&["a", "b", "c"], 2).await.unwrap();
    assert_eq!(vectors, vec![vec![0.0, 1.0]; 3]);
}

#[tokio::test]
async fn gemini_gets_its_key_header_and_the_task() {
    let server = Server::start(|_, _| Reply::ok(json!({"embedding": {"values": [0, 2]}}))).await;
    let client = of(Provider::Gemini, &server.url, quick());
    assert_eq!(client.embed_query_text("q", 2).await.unwrap(), [0.0, 1.0]);
    assert_eq!(client.embed_documents(&["d1", "d2"], 2).await.unwrap().len(), 2);
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    for one in &seen {
        assert_eq!(one.path, "/v1/models/m-1:embedContent");
        assert_eq!(one.header("x-goog-api-key"), Some(KEY));
        assert_eq!(one.header("authorization"), None);
        assert_eq!(one.body["outputDimensionality"], 2);
    }
    assert_eq!(seen[0].body["taskType"], "RETRIEVAL_QUERY");
    assert_eq!(seen[1].body["taskType"], "RETRIEVAL_DOCUMENT");
}

#[tokio::test]
async fn busy_and_broken_answers_are_asked_again() {
    for status in [408, 429, 500, 503] {
        let server = Server::start(move |number, seen| match number {
            0 => Reply::status(status),
            1 => Reply::Break,
            _ => Reply::vectors(seen),
        });
        let server = server.await;
        client(&server, quick()).embed_query_text("a", 2).await.unwrap();
        assert_eq!(server.seen().len(), 3, "{status}");
    }
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let server = Server::start(|number, seen| match number {
        0 => Reply::Answer { status: 429, headers: "Retry-After: 1\r\n", body: String::new() },
        _ => Reply::vectors(seen),
    });
    let (server, started) = (server.await, Instant::now());
    client(&server, quick()).embed_query_text("a", 2).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_wait_past_the_deadline_is_not_begun() {
    let server = Server::start(|_, _| Reply::Answer {
        status: 429,
        headers: "Retry-After: 3600\r\n",
        body: "slow down".to_owned(),
    });
    let (server, started) = (server.await, Instant::now());
    let error = client(&server, quick()).embed_query_text("a", 2).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(30));
    assert!(error.to_string().contains("embedding deadline exceeded"), "{error}");
    assert!(error.to_string().contains("slow down"), "{error}");
    let EmbedError::DeadlineExceeded { attempts: 1, last: Some(last), .. } = error else {
        panic!("{error:?}")
    };
    assert!(matches!(*last, EmbedError::Status { status: 429, .. }));
}

#[tokio::test]
async fn attempts_end() {
    let server = Server::start(|_, _| Reply::status(502)).await;
    let error = client(&server, quick()).embed_query_text("a", 2).await.unwrap_err();
    assert!(
        matches!(&error, EmbedError::Status { status: 502, attempts: 3, message } if message == "told to fail")
    );
    assert_eq!(server.seen().len(), 3);
    assert!(error.is_retryable());
}

#[tokio::test]
async fn refusals_are_final() {
    for status in [301, 400, 401, 403, 404] {
        let server = Server::start(move |_, _| Reply::Answer {
            status,
            headers: "Location: /elsewhere\r\n",
            body: format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}"}}}}"#),
        });
        let server = server.await;
        let error = client(&server, quick()).embed_query_text("a", 2).await.unwrap_err();
        assert!(matches!(error, EmbedError::Status { attempts: 1, .. }), "{error:?}");
        assert!(error.to_string().contains("[redacted]"), "{error}");
        keeps_secret(&error);
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_silent_provider_times_out_each_attempt() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let limits = Limits { timeout: Duration::from_millis(50), deadline: None, ..quick() };
    let error = client(&server, limits).embed_query_text("a", 2).await.unwrap_err();
    assert!(matches!(error, EmbedError::Timeout { attempts: 3, .. }), "{error:?}");
    keeps_secret(&error);
}

#[tokio::test]
async fn the_deadline_ends_all_attempts() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let limits = Limits {
        timeout: Duration::from_millis(80),
        deadline: Some(Duration::from_millis(200)),
        attempts: 100,
        ..quick()
    };
    let error = client(&server, limits).embed_query_text("a", 2).await.unwrap_err();
    assert!(matches!(error, EmbedError::DeadlineExceeded { attempts: 1..=3, .. }), "{error:?}");
    assert!(error.to_string().starts_with("embedding deadline exceeded: 200 ms"), "{error}");
}

#[tokio::test]
async fn nobody_listening_is_a_transport_error() {
    let url = Server::start(|_, _| Reply::Silence).await.url.clone();
    // The server is gone; the port may take a moment to refuse, which the attempts cover.
    let limits = Limits { timeout: Duration::from_millis(500), ..quick() };
    let error = of(Provider::OpenAi, &url, limits).embed_query_text("a", 2).await.unwrap_err();
    assert!(matches!(error, EmbedError::Transport { attempts: 3, .. }), "{error:?}");
    assert!(error.is_retryable());
    keeps_secret(&error);
}

#[tokio::test]
async fn answers_that_are_no_vectors_are_refused_at_once() {
    type Check = fn(&EmbedError) -> bool;
    let cases: [(&'static str, Check); 6] = [
        ("{\"data\":", |e| matches!(e, EmbedError::Malformed { .. })),
        (r#"{"error":{"message":"sk-hunter2-0123456789 is wrong"}}"#, |e| {
            matches!(e, EmbedError::Malformed { .. })
        }),
        (r#"{"data":[]}"#, |e| matches!(e, EmbedError::Count { expected: 1, actual: 0 })),
        (r#"{"data":[{"embedding":[1]}]}"#, |e| {
            matches!(e, EmbedError::Dimension { expected: 2, actual: 1 })
        }),
        (r#"{"data":[{"embedding":[1,null]}]}"#, |e| matches!(e, EmbedError::NonFinite { component: 1 })),
        (r#"{"data":[{"embedding":[0,0]}]}"#, |e| matches!(e, EmbedError::ZeroVector)),
    ];
    for (body, check) in cases {
        let server = Server::start(move |_, _| Reply::ok(body)).await;
        let error = client(&server, quick()).embed_query_text("a", 2).await.unwrap_err();
        assert!(check(&error), "{body}: {error:?}");
        assert_eq!(server.seen().len(), 1);
        keeps_secret(&error);
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let server = Server::start(|_, _| Reply::ok(" ".repeat(3 << 20))).await;
    let error = client(&server, quick()).embed_query_text("a", 2).await.unwrap_err();
    assert!(matches!(error, EmbedError::AnswerTooLong { .. }), "{error:?}");
}

#[tokio::test]
async fn a_recorded_model_must_be_the_clients() {
    let client = of(Provider::OpenAi, "http://127.0.0.1:1", quick());
    assert_eq!(client.model(), "m-1");
    client.check_model("m-1").unwrap();
    let text = client.check_model("M-1").unwrap_err().to_string();
    for part in ["'M-1'", "'m-1'", "OMNIGRAPH_EMBED_MODEL"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn the_mock_needs_no_network_and_refuses_no_dimension_but_zero() {
    let config = EmbeddingConfig::from_parts(Provider::Mock, None, None, None).unwrap();
    let client = EmbeddingClient::new(config).unwrap();
    let query = client.embed_query_text("a", 4).await.unwrap();
    assert_eq!(query, client.embed_document_text("a", 4).await.unwrap());
    assert_eq!(client.embed_documents(&["b", "a"], 4).await.unwrap()[1], query);
    assert!(matches!(client.embed_query_text("a", 0).await, Err(EmbedError::ZeroDimension)));
}

#[test]
fn futures_can_move_between_threads() {
    fn send<T: Send>(_: T) {}
    let config = EmbeddingConfig::from_parts(Provider::Mock, None, None, None).unwrap();
    let client = EmbeddingClient::new(config).unwrap();
    send(client.embed_documents(&["a"], 4));
    send(client.embed_query_text("a", 4));
}
