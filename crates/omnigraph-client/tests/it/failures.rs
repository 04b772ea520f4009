//! What becomes of answers that are no success, and of no answer at all.

use std::time::Duration;

use omnigraph_api::{ChangeRequest, ErrorCode, InvokeStoredQueryRequest};
use omnigraph_client::BearerToken;
use omnigraph_client::http::{ClientError, GraphClient};
use serde_json::json;

use crate::fixtures::{Fake, raw};

fn change() -> ChangeRequest {
    ChangeRequest { query: "q".into(), name: None, params: None, branch: None }
}

#[tokio::test]
async fn an_error_object_is_shown_by_its_text_alone() {
    let body = json!({"error":"branch 'x' not found","code":"not_found"});
    let fake = Fake::new(404, &[("retry-after", "60")], body.to_string()).await;
    let error = fake.graph().commits(Some("x")).await.unwrap_err();
    assert_eq!(error.to_string(), "branch 'x' not found");
    assert_eq!((error.status(), error.code()), (Some(404), Some(ErrorCode::NotFound)));
    assert!(!error.unsure());
    let ClientError::Api { retry_after, .. } = error else { panic!("{error:?}") };
    assert_eq!(retry_after, Some(Duration::from_secs(60)));
}

#[tokio::test]
async fn a_lost_condition_has_both_heads() {
    let text = "precondition failed on branch 'main': expected head 'a' but current is b";
    let body = json!({"error":text,"precondition_failure":{"expected":"a","actual":"b"},"later":{"x":1}});
    let fake = Fake::json(412, body).await;
    let error = fake.graph().mutate(&change(), Some("a")).await.unwrap_err();
    assert_eq!(error.to_string(), text);
    let failure = error.precondition_failure().unwrap();
    assert_eq!((failure.expected.as_str(), failure.actual.as_deref()), ("a", Some("b")));
}

#[tokio::test]
async fn a_conditional_route_that_does_not_exist_is_a_missing_capability() {
    let fake = Fake::new(404, &[], "").await;
    let invocation = InvokeStoredQueryRequest::default();
    for error in [
        fake.graph().mutate(&change(), Some("a")).await.unwrap_err(),
        fake.graph().invoke("q", &invocation, Some("a")).await.unwrap_err(),
    ] {
        assert!(matches!(error, ClientError::NoConditionalWrites { .. }), "{error:?}");
        assert!(error.to_string().contains("does not support") && !error.unsure(), "{error}");
    }
    let error = fake.graph().mutate(&change(), None).await.unwrap_err();
    assert_eq!(error.to_string(), "server returned 404: (empty body)");
    // The route exists, and the query does not.
    let fake = Fake::json(404, json!({"error":"stored query not found","code":"not_found"})).await;
    let error = fake.graph().invoke("q", &invocation, Some("a")).await.unwrap_err();
    assert_eq!(error.to_string(), "stored query not found");
}

#[tokio::test]
async fn other_bodies_are_shown_with_the_status_and_cut() {
    let fake = Fake::new(502, &[("content-type", "text/html")], "<h1>Bad Gateway</h1>\n").await;
    let error = fake.graph().schema().await.unwrap_err();
    assert_eq!(error.to_string(), "server returned 502: <h1>Bad Gateway</h1>");
    assert!(error.unsure());
    let fake = Fake::new(500, &[], "x".repeat(100_000)).await;
    let text = fake.graph().schema().await.unwrap_err().to_string();
    assert!(text.len() < 3_000 && text.ends_with('…'), "{}", text.len());
    let fake = Fake::json(500, json!(["error"])).await;
    assert_eq!(fake.graph().schema().await.unwrap_err().to_string(), r#"server returned 500: ["error"]"#);
}

#[tokio::test]
async fn redirects_are_told_and_not_followed() {
    let fake = Fake::new(307, &[("location", "http://elsewhere/")], "").await;
    let text = fake.graph().schema().await.unwrap_err().to_string();
    assert_eq!(text, "server returned 307: redirects are not followed, here to http://elsewhere/");
    assert_eq!(fake.lines().len(), 1);
}

#[tokio::test]
async fn a_token_is_never_shown_even_when_the_server_repeats_it() {
    let fake = Fake::with(|seen| {
        let told = seen.header("authorization").unwrap().to_owned();
        axum::response::Response::builder().status(401).body(told.into()).unwrap()
    })
    .await;
    let client = fake.graph();
    let error = client.schema().await.unwrap_err();
    assert_eq!(error.to_string(), "server returned 401: Bearer ***");
    assert!(!format!("{client:?} {error:?}").contains("s3cret"));
    let fake = Fake::json(401, json!({"error":"bad token s3cret"})).await;
    assert_eq!(fake.graph().schema().await.unwrap_err().to_string(), "bad token ***");
}

#[tokio::test]
async fn a_success_that_cannot_be_read_names_the_url() {
    let fake = Fake::new(200, &[], "<html>").await;
    let error = fake.graph().schema().await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, ClientError::Unreadable { .. }) && error.unsure(), "{error:?}");
    assert!(text.contains(&format!("{}/graphs/kb/schema", fake.url)), "{text}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_without_password() {
    let token = BearerToken::new("s3cret").unwrap();
    let client = GraphClient::new("http://ada:pw@127.0.0.1:1/x", Some(token)).unwrap();
    let error = client.schema().await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot reach http://127.0.0.1:1/x/schema: "), "{text}");
    assert!(text.ends_with("(is the server running?)") && !error.unsure(), "{text}");
    let shown = format!("{error:?} {client:?} {}", client.base());
    assert!(!shown.contains("pw") && !shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn a_connection_that_closes_without_answer_leaves_a_write_unsure() {
    let error = raw(b"").await.mutate(&change(), None).await.unwrap_err();
    assert!(matches!(error, ClientError::NoAnswer { .. }) && error.unsure(), "{error:?}");
}

#[tokio::test]
async fn a_json_body_that_breaks_off_is_told() {
    let error =
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"schema").await.schema().await.unwrap_err();
    assert!(matches!(error, ClientError::BrokenBody { .. }) && error.unsure(), "{error:?}");
    // A refusal is one also when it breaks off.
    let error = raw(b"HTTP/1.1 503 No\r\ncontent-length: 50\r\n\r\nbusy").await.schema().await.unwrap_err();
    assert_eq!(error.to_string(), "server returned 503: busy");
}
