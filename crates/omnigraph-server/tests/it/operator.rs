//! Health, readiness, metrics, the API document, CORS, panics.

use omnigraph_api::{Form, document_json};
use omnigraph_server::settings::CorsOrigins;
use serde_json::{Value, json};

use crate::fixtures::{Ask, Served, Setup};

#[tokio::test]
async fn health_and_the_document_need_no_token() {
    for (setup, form) in [
        (Setup { actors: &["ada"], ..Setup::default() }, Form::Authenticated),
        (Setup::default(), Form::Open),
    ] {
        let served = Served::with(&setup).await;
        for path in ["/healthz", "/graphs/atlas/healthz"] {
            let body = served.send(Ask::get(path).with("authorization", "Bearer nonsense")).await.ok();
            assert_eq!(body["status"], "ok");
            assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
            assert_eq!(body["internal_schema_version"], omnigraph::db::STORAGE_FORMAT);
        }
        let document = served.get("/openapi.json").await;
        assert_eq!(document.text(), document_json(form));
        assert_eq!(document.ok()["info"]["title"], "Omnigraph API");
    }
}

#[tokio::test]
async fn readiness_follows_the_process_and_shows_no_name() {
    let served = Served::many(&Setup { actors: &["ada"], ..Setup::default() }, None).await;
    let ready = served.get("/readyz").await.ok();
    assert_eq!(ready, json!({"status": "ready", "graphs": 2, "unavailable": 0}));
    served.state.drain();
    let draining = served.get("/readyz").await;
    assert_eq!((draining.status, &draining.json()["status"]), (503, &json!("draining")));
}

#[tokio::test]
async fn metrics_count_requests_decisions_and_commits_without_names() {
    let bundle = "version: 1\ngroups: { a: [ada] }\nrules:\n  - id: r\n    allow: { actors: { group: a }, actions: [change] }\n";
    let served = Served::with(&Setup { bundle: Some(bundle), actors: &["ada"], ..Setup::default() }).await;
    served.get("/metrics").await.refused(401, Some("unauthorized"));
    let query = json!({"query": "query a() { insert City { name: \"secret-city\" } }"});
    served.send(Ask::post("/graphs/atlas/mutate", query).actor("ada")).await.ok();
    served.send(Ask::get("/graphs/atlas/schema").actor("ada")).await.refused(403, Some("forbidden"));
    let reply = served.send(Ask::get("/metrics").actor("ada")).await;
    assert!(reply.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let text = reply.text();
    for line in [
        r#"omnigraph_http_requests_total{method="POST",route="/graphs/{graph_id}/mutate",status="200"} 1"#,
        r#"omnigraph_http_requests_total{method="GET",route="/graphs/{graph_id}/schema",status="403"} 1"#,
        r#"omnigraph_policy_decisions_total{action="change",outcome="allow"} 1"#,
        r#"omnigraph_policy_decisions_total{action="read",outcome="deny"} 1"#,
        r#"omnigraph_auth_failures_total{reason="missing"} 1"#,
        "omnigraph_commits_total 2",
        "omnigraph_open_intents 0",
        "omnigraph_writes_in_flight 0",
    ] {
        let with_fraction = format!("{line}.0");
        assert!(
            text.lines().any(|found| found == line || found == with_fraction),
            "{line} is not in:\n{text}"
        );
    }
    assert!(text.contains("omnigraph_storage_calls_total{kind=\"create\"}"), "{text}");
    assert!(text.contains("omnigraph_cache_bytes{cache=\"keys\"}"), "{text}");
    for name in ["secret-city", "atlas", "ada", "memory"] {
        assert!(!text.contains(name), "{name} is in the metrics");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn browsers_of_listed_origins_may_call() {
    let origin = "https://console.example.org";
    let served = Served::adjusted(&Setup { actors: &["ada"], ..Setup::default() }, |shared| {
        shared.cors = CorsOrigins::List(vec![origin.parse().unwrap()]);
    })
    .await;
    let preflight = Ask::new("OPTIONS", "/graphs/atlas/query")
        .with("origin", origin)
        .with("access-control-request-method", "POST")
        .with("access-control-request-headers", "authorization");
    let reply = served.send(preflight).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some(origin)));
    let refused = served.send(Ask::get("/schema").with("origin", origin)).await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.header("access-control-allow-origin"),
        Some(origin),
        "browsers must be able to read refusals"
    );
    let other = served.send(Ask::get("/schema").with("origin", "https://evil.example")).await;
    assert_eq!(other.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_request_id_is_returned_and_made() {
    let served = Served::open().await;
    let given = served.send(Ask::get("/healthz").with("x-request-id", "r-7")).await;
    assert_eq!(given.header("x-request-id"), Some("r-7"));
    let made = served.get("/nope").await;
    assert_eq!(made.header("x-request-id").unwrap().len(), 26);
    let body: Value = made.json();
    assert_eq!(body["code"], "not_found");
}
