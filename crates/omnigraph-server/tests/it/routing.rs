//! Which paths and methods there are, and what every answer has.

use omnigraph_api::{Method, Operation, Scope};
use serde_json::json;

use crate::fixtures::{Ask, Served, Setup};

/// A path of an operation with something for each of its parameters.
fn path(operation: Operation, base: &str) -> String {
    let path = match operation.scope() {
        Scope::Server => operation.path().to_owned(),
        Scope::Graph => format!("{base}{}", operation.path()),
    };
    path.replace("{branch}", "b").replace("{commit_id}", "c").replace("{name}", "n")
}

fn method(operation: Operation) -> &'static str {
    match operation.method() {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Delete => "DELETE",
    }
}

#[tokio::test]
async fn every_operation_of_the_document_has_a_route() {
    let served = Served::open().await;
    for operation in Operation::ALL {
        for base in ["/graphs/default", "/graphs/atlas", ""] {
            let ask = Ask::new(method(operation), &path(operation, base));
            let reply = served.send(ask).await;
            if operation == Operation::ListGraphs {
                assert_eq!(reply.status, 405);
                continue;
            }
            assert_ne!(reply.status, 405, "{operation:?}");
            assert_ne!(reply.text(), r#"{"error":"no such path","code":"not_found"}"#, "{operation:?}");
            assert!(reply.header("x-request-id").is_some());
            let deprecated = operation.is_deprecated();
            assert_eq!(reply.header("deprecation").is_some(), deprecated, "{operation:?}");
        }
    }
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_told_apart() {
    let served = Served::with(&Setup { actors: &["ada"], ..Setup::default() }).await;
    for path in ["/nope", "/query/", "/graphs/atlas", "/graphs/atlas/query/", "/graphs/atlas/nope", "//query"]
    {
        let text = served.get(path).await.refused(404, Some("not_found"));
        assert_eq!(text, "no such path", "{path}");
    }
    // A wrong method is told after authentication only.
    served.get("/query").await.refused(401, Some("unauthorized"));
    let wrong = served.send(Ask::get("/graphs/atlas/query").actor("ada")).await;
    wrong.refused(405, Some("method_not_allowed"));
    assert_eq!(wrong.header("allow"), Some("POST"));
    for path in ["/query", "/healthz", "/graphs/atlas/branches"] {
        let options = served.send(Ask::new("OPTIONS", path).actor("ada")).await;
        options.refused(405, Some("method_not_allowed"));
        assert!(options.header("allow").is_some(), "{path}");
    }
    let head = served.send(Ask::new("HEAD", "/graphs/atlas/schema").actor("ada")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn authentication_comes_before_the_graph_and_the_graph_before_the_body() {
    let served = Served::with(&Setup { actors: &["ada"], ..Setup::default() }).await;
    for path in ["/graphs/nope/query", "/graphs/a_b/query", "/graphs/atlas/query"] {
        let text = served.post(path, json!({})).await.refused(401, Some("unauthorized"));
        assert_eq!(text, "missing bearer token");
    }
    let wrong = served.send(Ask::post("/query", json!({})).with("authorization", "Bearer nope")).await;
    assert_eq!(wrong.refused(401, Some("unauthorized")), "invalid bearer token");
    assert_eq!(wrong.header("www-authenticate"), Some("Bearer"));
    let ask = |path: &str| served.send(Ask::new("POST", path).actor("ada"));
    assert_eq!(ask("/graphs/nope/query").await.refused(404, Some("not_found")), "graph 'nope' not found");
    assert!(
        ask("/graphs/a_b/query")
            .await
            .refused(400, Some("bad_request"))
            .starts_with("invalid graph id 'a_b'")
    );
    ask("/graphs/atlas/query").await.refused(415, Some("bad_request"));
    let text =
        served.send(Ask::new("POST", "/query").with("content-type", "application/json").actor("ada")).await;
    assert!(text.refused(400, Some("bad_request")).contains("not valid JSON"));
    let text = served.send(Ask::post("/query", json!({"query": 1})).actor("ada")).await;
    assert!(text.refused(400, Some("bad_request")).contains("`query`"));
    let large = Ask::post("/query", json!({"query": "x".repeat(1 << 20)})).actor("ada");
    assert!(served.send(large).await.refused(413, Some("bad_request")).contains("length limit"));
    // Unknown members are ignored, and null is nothing.
    let query = json!({"query": "query n() { match { $c: City } return { count($c) as n } }", "x": 1, "params": null});
    served.send(Ask::post("/query", query).actor("ada")).await.ok();
}

#[tokio::test]
async fn a_server_of_many_graphs_has_nested_routes_only() {
    let grant = "version: 1\ngroups: { ops: [ada] }\nrules:\n  - id: r\n    allow: { actors: { group: ops }, actions: [graph_list] }\n";
    let setup = Setup { actors: &["ada", "bob"], ..Setup::default() };
    let served = Served::many(&setup, Some(grant)).await;
    let ask = |path: &str, actor: &str| served.send(Ask::get(path).actor(actor));
    ask("/schema", "ada").await.refused(404, Some("not_found"));
    ask("/runs", "ada").await.refused(404, Some("not_found"));
    ask("/graphs/default/schema", "ada").await.refused(404, Some("not_found"));
    for graph in ["atlas", "ledger"] {
        ask(&format!("/graphs/{graph}/schema"), "bob").await.ok();
    }
    let list = ask("/graphs", "ada").await.ok();
    let ids: Vec<&str> =
        list["graphs"].as_array().unwrap().iter().map(|g| g["graph_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["atlas", "ledger"]);
    assert_eq!(list["graphs"][0]["uri"], json!(served.graph.uri()));
    ask("/graphs", "bob").await.refused(403, Some("forbidden"));
    let closed = Served::many(&Setup::default(), None).await;
    let text = closed.get("/graphs").await.refused(403, Some("forbidden"));
    assert!(text.contains("server-level policy"), "{text}");
}
