//! Exports and baselines, whole and broken off.

use futures::TryStreamExt;
use omnigraph_api::{ChangeBaselineRequest, EntityKindOutput, ExportRequest};
use omnigraph_client::http::ClientError;
use serde_json::json;

use crate::fixtures::{Fake, raw};

const LINES: &str = "{\"edge\":\"Knows\",\"from\":\"a\",\"to\":\"b\"}\n{\"type\":\"A\",\"data\":{}}\n";
const CLOSING: &str = "{\"baseline\":{\"snapshot_commit_id\":\"01J\",\"resume_cursor\":\"c1\"}}\n";

#[tokio::test]
async fn an_export_arrives_as_it_is() {
    let fake = Fake::new(200, &[("content-type", "application/x-ndjson; charset=utf-8")], LINES).await;
    let request = ExportRequest { branch: Some("dev".into()), type_names: vec!["A".into()] };
    let mut out = Vec::new();
    let written = fake.graph().export(&request).await.unwrap().copy_to(&mut out).await.unwrap();
    assert_eq!((written, out.as_slice()), (LINES.len() as u64, LINES.as_bytes()));
    let seen = fake.seen();
    assert_eq!(seen.line, "POST /graphs/kb/export");
    assert_eq!(seen.json(), json!({"branch":"dev","type_names":["A"]}));
    assert_eq!(seen.header("accept"), Some("application/x-ndjson, application/json"));
    let pieces: Vec<_> = fake
        .graph()
        .export(&request)
        .await
        .unwrap()
        .map_ok(|piece| piece.to_vec())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(pieces.concat(), LINES.as_bytes());
}

#[tokio::test]
async fn an_empty_export_is_a_success_and_a_refusal_is_not() {
    let fake = Fake::new(200, &[], "").await;
    let mut stream = fake.graph().export(&ExportRequest::default()).await.unwrap();
    assert_eq!(stream.next_chunk().await.unwrap(), None);
    let fake = Fake::json(400, json!({"error":"unknown export type 'X'","code":"bad_request"})).await;
    let error = fake.graph().export(&ExportRequest::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "unknown export type 'X'");
}

#[tokio::test]
async fn an_export_that_breaks_off_is_an_error_after_what_came() {
    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcd\n\r\n";
    const SHORT: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabcd\n";
    const BAD: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcd\n\r\nzz\r\n";
    for answer in [CHUNKED, SHORT, BAD] {
        let mut out = Vec::new();
        let stream = raw(answer).await.export(&ExportRequest::default()).await.unwrap();
        let error = stream.copy_to(&mut out).await.unwrap_err();
        assert!(matches!(error, ClientError::BrokenBody { .. }), "{error:?}");
        assert!(error.to_string().contains("broke off"), "{error}");
        assert_eq!(out, b"abcd\n");
    }
}

#[tokio::test]
async fn a_body_whose_end_cannot_be_known_is_refused() {
    let error = raw(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabcd\n")
        .await
        .export(&ExportRequest::default())
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Incomplete { .. }), "{error:?}");
}

#[tokio::test]
async fn a_baseline_passes_the_records_and_returns_the_cursor() {
    let fake = Fake::new(200, &[], format!("{LINES}{CLOSING}")).await;
    let request = ChangeBaselineRequest {
        branch: Some("dev".into()),
        kind: vec![EntityKindOutput::Node],
        type_names: vec!["A".into()],
        op: Vec::new(),
    };
    let mut out = Vec::new();
    let baseline = fake.graph().capture_baseline(&request, &mut out).await.unwrap();
    assert_eq!((baseline.snapshot_commit_id.as_str(), baseline.resume_cursor.as_str()), ("01J", "c1"));
    assert_eq!(String::from_utf8(out).unwrap(), LINES);
    let seen = fake.seen();
    assert_eq!(seen.line, "POST /graphs/kb/changes/baseline");
    assert_eq!(seen.json(), json!({"branch":"dev","kind":["node"],"type":["A"],"op":[]}));
}

#[tokio::test]
async fn a_baseline_without_its_end_has_no_usable_cursor() {
    const BROKEN: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcd\n\r\n";
    let request = ChangeBaselineRequest::default();
    let mut out = Vec::new();
    let ended = Fake::new(200, &[], LINES).await;
    let error = ended.graph().capture_baseline(&request, &mut out).await.unwrap_err();
    assert!(error.to_string().contains("no usable cursor"), "{error}");
    let error = raw(BROKEN).await.capture_baseline(&request, &mut out).await.unwrap_err();
    assert!(error.to_string().contains("no usable cursor"), "{error}");
    let ClientError::NoCursor { source: Some(source), .. } = error else { panic!("{error:?}") };
    assert!(matches!(*source, ClientError::BrokenBody { .. }), "{source:?}");
    // A closing record before a break is none.
    const LATE: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e\r\n\
        {\"baseline\":{\"snapshot_commit_id\":\"01J\",\"resume_cursor\":\"c1\"}}\n\r\n";
    let error = raw(LATE).await.capture_baseline(&request, &mut out).await.unwrap_err();
    assert!(error.to_string().contains("no usable cursor"), "{error}");
}
