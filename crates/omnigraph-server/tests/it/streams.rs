//! Exports: their form, their bounds, and readers that leave or stand still.

use std::time::Duration;

use axum::body::to_bytes;
use futures::StreamExt;
use omnigraph::db::{Load, LoadMode, LoadSource, Mutate};
use serde_json::json;
use tower::ServiceExt;

use omnigraph_server::state::Shared;

use crate::fixtures::{Ask, Served, Setup};

async fn large() -> Served {
    large_with(|_| {}).await
}

async fn large_with(change: impl FnOnce(&mut Shared)) -> Served {
    let served = Served::adjusted(&Setup::default(), change).await;
    let rows: String = (0..20_000)
        .map(|n| format!("{{\"type\":\"City\",\"data\":{{\"name\":\"city-{n:06}\"}}}}\n"))
        .collect();
    served.graph.load(Load::new("main", LoadSource::Text(rows), LoadMode::Merge)).await.unwrap();
    served
}

#[tokio::test]
async fn an_export_can_be_loaded_again() {
    let served = Served::open().await;
    let reply = served.post("/graphs/atlas/export", json!({})).await;
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson; charset=utf-8"));
    let mut expected = Vec::new();
    served.graph.export("main", &[], &mut expected).await.unwrap();
    assert_eq!(reply.body, expected);
    let nodes = served.post("/export", json!({"branch": " main ", "type_names": ["City"]})).await.text();
    assert_eq!(nodes.lines().count(), 2);
    let path = "/load/ndjson?branch=copy&from=main&mode=overwrite";
    let ask = Ask::new("POST", path).with("content-type", "application/x-ndjson").bytes(reply.body.to_vec());
    served.send(ask).await.ok();
    assert_eq!(served.post("/export", json!({"branch": "copy"})).await.body, reply.body);
}

#[tokio::test]
async fn what_is_wrong_is_told_before_the_stream() {
    let served = Served::open().await;
    let refused = |body: serde_json::Value| {
        let served = &served;
        async move { served.post("/export", body).await.refused(400, Some("bad_request")) }
    };
    assert!(refused(json!({"type_names": ["Cty"]})).await.starts_with("unknown export type 'Cty'"));
    assert!(refused(json!({"table_keys": []})).await.contains("unknown field `table_keys`"));
    assert!(refused(json!({"branch": " "})).await.contains("blank"));
    refused(json!({"type_names": null})).await;
    refused(json!([])).await;
    served.post("/export", json!({"branch": "no"})).await.refused(404, Some("not_found"));
    served.send(Ask::new("POST", "/export").bytes("{}")).await.refused(415, Some("bad_request"));
    assert_eq!(served.state.transport.free(), 8, "nothing stayed reserved");
}

#[tokio::test]
async fn a_stream_shows_one_commit_and_frees_its_memory_when_the_client_leaves() {
    let served = large().await;
    let mut whole = Vec::new();
    served.graph.export("main", &[], &mut whole).await.unwrap();
    let ask = || served.app.clone().oneshot(Ask::post("/export", json!({})).request());
    let mut running = ask().await.unwrap().into_body().into_data_stream();
    let first = running.next().await.unwrap().unwrap();
    let gone = ask().await.unwrap();
    served
        .graph
        .mutate(Mutate::new("main", "query d() { delete City where name = \"oslo\" }"))
        .await
        .unwrap();
    assert_eq!(served.state.transport.free(), 6);
    drop(gone);
    let mut read = first.to_vec();
    while let Some(chunk) = running.next().await {
        let chunk = chunk.unwrap();
        assert!(chunk.len() <= 64 << 10);
        read.extend_from_slice(&chunk);
    }
    assert!(read == whole, "{} of {} bytes", read.len(), whole.len());
    while served.state.transport.free() < 8 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_ninth_stream_is_refused_while_eight_run() {
    let served = large().await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let response = served.app.clone().oneshot(Ask::post("/export", json!({})).request()).await.unwrap();
        assert_eq!(response.status(), 200);
        held.push(response);
    }
    for path in ["/export", "/changes/baseline"] {
        let ninth = served.post(path, json!({})).await;
        ninth.refused(413, Some("bad_request"));
        let limit =
            json!({"resource": "stream_export_transport_bytes", "limit": 2_097_152, "actual": 2_359_296});
        assert_eq!(ninth.json()["resource_limit"], limit);
    }
    held.pop();
    assert_eq!(served.post("/export", json!({})).await.status, 200);
}

#[tokio::test]
async fn a_reader_that_stands_still_is_given_up_and_its_part_is_free_again() {
    let served = large_with(|shared| shared.client_timeouts.reading = Duration::from_secs(1)).await;
    for path in ["/export", "/changes/baseline"] {
        let mut held = Vec::new();
        for taken in 1..=8 {
            let response = served.app.clone().oneshot(Ask::post(path, json!({})).request()).await.unwrap();
            assert_eq!(response.status(), 200);
            held.push(response);
            if taken == 1 {
                assert_eq!(served.state.transport.free(), 7);
            }
        }
        while served.state.transport.free() < 8 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for response in held {
            let whole = to_bytes(response.into_body(), usize::MAX).await;
            assert!(whole.is_err(), "what is left of {path} does not pass for a whole one");
        }
        assert_eq!(served.post(path, json!({})).await.status, 200);
    }
}
