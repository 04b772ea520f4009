//! Loads: receipts, refusals in their order, and clients that stop sending.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::Request;
use futures::{StreamExt, stream};
use omnigraph_server::workload::{ANONYMOUS, WorkloadController, WorkloadLimits};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::fixtures::{Ask, Served, Setup, token};

const LINE: &str = r#"{"type":"City","data":{"name":"bodo","people":50000}}"#;

#[tokio::test]
async fn a_load_is_one_commit_and_says_what_came() {
    let served = Served::open().await;
    let data = format!("{LINE}\n{}\n", r#"{"edge":"Road","from":"bodo","to":"oslo"}"#);
    let body = served.post("/graphs/atlas/load", json!({"data": data})).await.ok();
    let commit = body["commit"].clone();
    assert_eq!(commit["graph_commit_id"], json!(served.head("main").await));
    let expected = json!({
        "uri": served.graph.uri(), "branch": "main", "base_branch": null, "branch_created": false, "mode": "merge",
        "nodes": [{"name": "City", "entities_loaded": 1}], "edges": [{"name": "Road", "entities_loaded": 1}],
        "total_entities": 2, "actor_id": null, "commit": commit,
    });
    assert_eq!(body, expected);
    let raw = |query: &str, body: &str| {
        let path = format!("/graphs/atlas/load/ndjson{query}");
        Ask::new("POST", &path).with("content-type", "Application/X-NDJSON; charset=utf-8").bytes(body)
    };
    let body = served.send(raw("?mode=merge&branch=draft&from=main", LINE)).await.ok();
    assert_eq!(
        (&body["branch_created"], &body["base_branch"], body.get("uri")),
        (&json!(true), &json!("main"), None)
    );
    let again = served.send(raw("?mode=merge&branch=draft&from=main", LINE)).await.ok();
    assert_eq!((&again["branch_created"], &again["base_branch"]), (&json!(false), &json!("main")));
    let ingest = served.post("/graphs/atlas/ingest", json!({"data": LINE, "mode": "append"})).await;
    assert_eq!(ingest.header("link"), Some("<load>; rel=\"successor-version\""));
    let text = ingest.refused(409, Some("conflict"));
    assert!(text.contains("already ha") && text.contains("bodo"), "{text}");
    assert_eq!(
        ingest.json()["key_conflict"],
        json!({"entity_kind": "node", "type_name": "City", "entity_id": "bodo"})
    );
}

#[tokio::test]
async fn a_bad_batch_leaves_nothing() {
    let served = Served::open().await;
    let head = served.head("main").await;
    let raw = |content_type: &str, body: &[u8]| {
        Ask::new("POST", "/load/ndjson?branch=draft&from=main").with("content-type", content_type).bytes(body)
    };
    let broken = format!("{LINE}\n{{\"type\":\"Cty\",\"data\":{{}}}}\n");
    let text =
        served.send(raw("application/x-ndjson", broken.as_bytes())).await.refused(400, Some("bad_request"));
    assert!(text.starts_with("line 2: "), "{text}");
    served.send(raw("application/x-ndjson", b"\xff\n")).await.refused(400, Some("bad_request"));
    let wrong = served.send(raw("application/json", LINE.as_bytes())).await;
    assert!(wrong.refused(415, Some("bad_request")).contains("Content-Type"));
    served.send(Ask::new("POST", "/load/ndjson").bytes(LINE)).await.refused(415, Some("bad_request"));
    let large = vec![b'\n'; (32 << 20) + 1];
    let reply = served.send(raw("application/x-ndjson", &large)).await;
    reply.refused(413, Some("bad_request"));
    let limit = json!({"resource": "graph_batch_request_bytes", "limit": 33_554_432, "actual": 33_554_433});
    assert_eq!(reply.json()["resource_limit"], limit);
    let declared = raw("application/x-ndjson", b"").with("content-length", "99999999999");
    assert_eq!(served.send(declared).await.json()["resource_limit"]["actual"], json!(99_999_999_999_u64));
    for query in ["?mode=upsert", "?branch=a&branch=b", "?branch=%20"] {
        let ask =
            Ask::new("POST", &format!("/load/ndjson{query}")).with("content-type", "application/x-ndjson");
        served.send(ask).await.refused(400, Some("bad_request"));
    }
    let absent = served.post("/load", json!({"data": LINE, "branch": "nope"})).await;
    assert_eq!(absent.refused(404, Some("not_found")), "branch 'nope' not found; pass `from` to create it");
    served
        .post("/load", json!({"data": LINE, "branch": "nope", "from": "no"}))
        .await
        .refused(404, Some("not_found"));
    assert_eq!(served.graph.branch_list().await.unwrap(), ["main"]);
    assert_eq!(served.head("main").await, head);
}

#[tokio::test]
async fn who_may_not_load_does_not_get_to_send_a_byte() {
    let bundle = "version: 1\ngroups: { readers: [lin] }\nrules:\n  - id: r\n    allow: { actors: { group: readers }, actions: [read] }\n";
    let setup = Setup { bundle: Some(bundle), actors: &["lin"], ..Setup::default() };
    let served = Served::with(&setup).await;
    let polled = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = polled.clone();
    let body = futures::stream::poll_fn(move |_| -> std::task::Poll<Option<Result<Bytes, std::io::Error>>> {
        seen.store(true, std::sync::atomic::Ordering::SeqCst);
        std::task::Poll::Ready(None)
    });
    let request = Request::post("/graphs/atlas/load/ndjson")
        .header("content-type", "application/x-ndjson")
        .header("authorization", format!("Bearer {}", token("lin")))
        .body(Body::from_stream(body))
        .unwrap();
    let response = served.app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 403);
    assert!(!polled.load(std::sync::atomic::Ordering::SeqCst), "the body was asked for");
    // Nor learn which branches there are.
    let absent = served.send(Ask::post("/load", json!({"data": "", "branch": "nope"})).actor("lin")).await;
    let present = served.send(Ask::post("/load", json!({"data": "", "branch": "main"})).actor("lin")).await;
    assert_eq!((absent.status, present.status), (403, 403));
    assert_eq!(absent.text().replace("nope", "main"), present.text());
    let value: Value = present.json();
    assert_eq!(value["code"], "forbidden");
}

#[tokio::test]
async fn a_missing_branch_is_told_before_anything_else_is_refused() {
    let served = Served::adjusted(&Setup::default(), |shared| {
        shared.workload = WorkloadController::new(WorkloadLimits { inflight: 1, bytes: 1000 });
    })
    .await;
    let raw = |query: &str, content_type: &str, body: &[u8]| {
        Ask::new("POST", &format!("/load/ndjson{query}")).with("content-type", content_type).bytes(body)
    };
    let asks = |query: &str, branch: &str| {
        [
            (raw(query, "text/plain", b""), 415),
            (raw(query, "application/x-ndjson", b"\xff"), 400),
            (raw(query, "application/x-ndjson", b"").with("content-length", "99999999999"), 413),
            (raw(query, "application/x-ndjson", b"nonsense"), 429),
            (Ask::post("/load", json!({"data": "nonsense", "branch": branch})), 429),
        ]
    };
    let slot = served.state.workload.try_admit(ANONYMOUS, 1).unwrap();
    for (ask, _) in asks("?branch=nope", "nope") {
        let shown = format!("{ask:?}");
        let text = served.send(ask).await.refused(404, Some("not_found"));
        assert_eq!(text, "branch 'nope' not found; pass `from` to create it", "{shown}");
    }
    for (ask, status) in asks("", "main") {
        let shown = format!("{ask:?}");
        assert_eq!(served.send(ask).await.status, status, "{shown}");
    }
    drop(slot);
    let text = served.send(raw("?branch=nope", "application/x-ndjson", b"nonsense")).await;
    assert!(text.refused(404, Some("not_found")).contains("pass `from`"));
}

#[tokio::test]
async fn a_client_that_stops_sending_is_given_up_and_holds_nothing() {
    let served = Served::adjusted(&Setup::default(), |shared| {
        shared.client_timeouts.sending = Duration::from_millis(200);
        shared.workload = WorkloadController::new(WorkloadLimits { inflight: 1, bytes: 1000 });
    })
    .await;
    for (path, content_type) in [
        ("/load", "application/json"),
        ("/load/ndjson", "application/x-ndjson"),
        ("/mutate", "application/json"),
        ("/query", "application/json"),
    ] {
        let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{"))]);
        let request = Request::post(path)
            .header("content-type", content_type)
            .body(Body::from_stream(begun.chain(stream::pending())))
            .unwrap();
        let slow = tokio::spawn(served.app.clone().oneshot(request));
        tokio::task::yield_now().await;
        // The only slot is not taken by who does not send.
        served.post("/load", json!({"data": LINE})).await.ok();
        let response = slow.await.unwrap().unwrap();
        assert_eq!(response.status(), 408, "{path}");
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"], "the request body stood still for 0.2 seconds", "{path}");
        assert_eq!(served.state.workload.inflight(), 0, "{path}");
    }
}
