//! Stored queries: their catalog, their invocation, and who learns that there are any.

use omnigraph_server::registry::QueryRegistry;
use omnigraph_server::settings::QueryEntry;
use serde_json::json;

use crate::fixtures::{Ask, Served, Setup};

#[tokio::test]
async fn the_catalog_lists_exposed_queries() {
    let served = Served::open().await;
    let body = served.get("/graphs/atlas/queries").await.ok();
    let expected = json!({"queries": [
        {"name": "add_city", "tool_name": "tool_add_city", "mutation": true, "params": [
            {"name": "name", "kind": "string", "nullable": false},
            {"name": "people", "kind": "bigint", "nullable": true},
        ]},
        {"name": "big", "tool_name": "tool_big", "description": "Cities with more people",
         "instruction": "Give a number", "mutation": false,
         "params": [{"name": "n", "kind": "bigint", "nullable": false}]},
    ]});
    assert_eq!(body, expected);
    let without = Served::with(&Setup::default()).await;
    assert_eq!(without.get("/queries").await.ok(), json!({"queries": []}));
}

#[tokio::test]
async fn a_stored_read_and_a_stored_mutation_are_invoked_by_name() {
    let served = Served::open().await;
    let read =
        served.post("/graphs/atlas/queries/big", json!({"params": {"n": 500_000}, "expect_mutation": false}));
    assert_eq!(read.await.ok()["rows"], json!([{"c.name": "oslo"}]));
    for body in ["", "null", " {} "] {
        let ask = Ask::new("POST", "/queries/hidden").with("content-type", "text/plain").bytes(body);
        assert_eq!(served.send(ask).await.ok()["rows"][0]["n"], 2, "{body:?}");
    }
    let add = json!({"params": {"name": "bodo"}, "branch": "main", "expect_mutation": true});
    let receipt = served.post("/queries/add_city", add.clone()).await.ok();
    assert_eq!((&receipt["affected_nodes"], &receipt["query_name"]), (&json!(1), &json!("add_city")));
    assert_eq!(receipt["commit"]["manifest_version"], receipt["commit"]["graph_manifest_version"]);
    let head = served.head("main").await;
    let path = "/graphs/atlas/queries/add_city/if-graph-commit";
    let ask = Ask::post(path, add.clone()).with("Omnigraph-If-Graph-Commit", &head);
    let receipt = served.send(ask).await.ok();
    assert_eq!(receipt["commit"].get("manifest_version"), None);
    served.send(Ask::post(path, add).with("Omnigraph-If-Graph-Commit", &head)).await.refused(412, None);
}

#[tokio::test]
async fn wrong_invocations_are_refused() {
    let served = Served::open().await;
    let refused = |path: &'static str, body: serde_json::Value| {
        let served = &served;
        async move { served.post(path, body).await.refused(400, Some("bad_request")) }
    };
    let text = refused("/queries/big", json!({"expect_mutation": true})).await;
    assert_eq!(text, "'big' is a read — use omnigraph query big");
    let text = refused("/queries/add_city", json!({"expect_mutation": false})).await;
    assert_eq!(text, "'add_city' is a mutation — use omnigraph mutate add_city");
    let text = refused("/queries/add_city", json!({"snapshot": "x", "params": {"name": "x"}})).await;
    assert!(text.contains("takes no snapshot"), "{text}");
    for body in [json!([]), json!("x"), json!({"params": 1, "branch": 2})] {
        let text = refused("/queries/big", body).await;
        assert!(text.starts_with("invalid stored-query invocation body"), "{text}");
    }
    let ask = Ask::new("POST", "/queries/big").bytes("{");
    let text = served.send(ask).await.refused(400, Some("bad_request"));
    assert!(text.starts_with("invalid stored-query invocation body"), "{text}");
    let ask = Ask::post("/queries/big/if-graph-commit", json!({})).with("Omnigraph-If-Graph-Commit", "x");
    assert!(served.send(ask).await.refused(400, Some("bad_request")).contains("is a read"));
    assert_eq!(
        served.post("/queries/nope", json!({})).await.refused(404, Some("not_found")),
        "stored query not found"
    );
}

#[tokio::test]
async fn denied_and_absent_are_one_answer() {
    let bundle = "version: 1\ngroups: { a: [ada], b: [bob] }\nrules:\n  - id: r\n    allow: { actors: { group: a }, actions: [read, change, invoke_query] }\n  - id: s\n    allow: { actors: { group: b }, actions: [read, change] }\n";
    let setup = Setup { bundle: Some(bundle), actors: &["ada", "bob"], queries: true };
    let served = Served::with(&setup).await;
    let ask = |name: &str, actor: &str| {
        let ask =
            Ask::post(&format!("/graphs/atlas/queries/{name}"), json!({"params": {"n": 1}})).actor(actor);
        served.send(ask)
    };
    ask("big", "ada").await.ok();
    let (denied, absent, nobody) =
        (ask("big", "bob").await, ask("nope", "ada").await, ask("nope", "bob").await);
    assert_eq!(denied.status, 404);
    assert_eq!((&denied.body, &denied.body), (&absent.body, &nobody.body));
    let strip = |reply: &crate::fixtures::Reply| {
        let mut headers = reply.headers.clone();
        headers.remove("x-request-id");
        headers
    };
    assert_eq!(strip(&denied), strip(&absent));
    let plain = served.post("/queries/big", json!({})).await;
    plain.refused(401, Some("unauthorized"));
}

#[test]
fn all_problems_of_stored_queries_are_told_together() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let read = "query a() { match { $c: City } return { $c.name } }";
    let entry = |name: &str, file: std::path::PathBuf, tool: &str| QueryEntry {
        name: name.to_owned(),
        file,
        exposed: true,
        tool_name: tool.to_owned(),
    };
    let entries = [
        entry("a", write("a.gq", read), "t"),
        entry("b", write("b.gq", read), "t"),
        entry("c", write("c.gq", "query c( {"), "u"),
        entry("d", folder.path().join("nowhere.gq"), "v"),
    ];
    let error = QueryRegistry::load("atlas", &entries).unwrap_err();
    let shown = error.to_string();
    for part in [
        "'atlas'",
        "query 'b'",
        "no declaration `query b`",
        "tool name 't'",
        "query 'c'",
        "line 1",
        "query 'd'",
        "cannot read",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    assert_eq!(error.problems.len(), 4);
}
