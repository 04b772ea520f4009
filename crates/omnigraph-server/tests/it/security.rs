//! What attackers try: forged identities, other spellings, hostile names and bodies. Where several answers are right, a
//! harmless request succeeds afterwards, so that a server that refuses everything does not pass.

use serde_json::{Value, json};

use crate::fixtures::{Ask, Served, Setup, token};

const BUNDLE: &str = "version: 1\ngroups: { admins: [ada], readers: [bob, ada] }\nprotected_branches: [main]\nrules:\n  - id: a\n    allow: { actors: { group: admins }, actions: [change], branch_scope: protected }\n  - id: r\n    allow: { actors: { group: readers }, actions: [read] }\n  - id: d\n    allow: { actors: { group: readers }, actions: [change], branch_scope: unprotected }\n";

async fn guarded() -> Served {
    Served::with(&Setup { bundle: Some(BUNDLE), actors: &["ada", "bob"], queries: true }).await
}

fn add(branch: Value) -> Value {
    json!({"query": "query a() { insert City { name: \"x\" } }", "branch": branch})
}

#[tokio::test]
async fn no_part_of_a_request_but_its_token_says_who_calls() {
    let served = guarded().await;
    for header in
        ["x-actor-id", "x-forwarded-user", "x-omnigraph-actor", "from", "cookie", "x-auth-request-user"]
    {
        let mut body = add(json!("main"));
        body["actor"] = json!("ada");
        body["actor_id"] = json!("ada");
        let ask = Ask::post("/mutate?actor=ada&actor_id=ada&as=ada", body).actor("bob").with(header, "ada");
        let text = served.send(ask).await.refused(403, Some("forbidden"));
        assert!(text.contains("actor 'bob'"), "{text}");
    }
    let ask = Ask::post("/mutate", add(json!("main"))).actor("ada").with("x-actor-id", "bob");
    assert_eq!(served.send(ask).await.ok()["actor_id"], "ada");
    let commit = served.graph.snapshot_of("main").await.unwrap().commit();
    assert_eq!(commit.actor_id.as_deref(), Some("ada"));
    // The first of two tokens counts, whichever proves more.
    let both =
        |first: &str, second: &str| Ask::post("/mutate", add(json!("main"))).actor(first).actor(second);
    served.send(both("bob", "ada")).await.refused(403, Some("forbidden"));
    let ask = Ask::post("/mutate", add(json!("main"))).with("authorization", "Basic x").actor("ada");
    served.send(ask).await.refused(401, Some("unauthorized"));
}

#[tokio::test]
async fn tokens_are_taken_byte_for_byte() {
    let served = guarded().await;
    let exact = token("ada");
    let near = [
        exact[..exact.len() - 1].to_owned(),
        format!("{exact}x"),
        exact.to_uppercase(),
        format!(" {exact}"),
        format!("{exact},{exact}"),
        format!("\"{exact}\""),
        String::new(),
        "null".to_owned(),
        "undefined".to_owned(),
        "a.b.c".to_owned(),
    ];
    for wrong in near {
        let ask = Ask::get("/schema").with("authorization", format!("Bearer {wrong}"));
        assert_eq!(
            served.send(ask).await.refused(401, Some("unauthorized")),
            "invalid bearer token",
            "{wrong:?}"
        );
    }
    let ask = Ask::get(&format!("/schema?access_token={exact}&token={exact}"));
    served.send(ask).await.refused(401, Some("unauthorized"));
    served.send(Ask::get("/schema").with("authorization", format!("bearer {exact}"))).await.ok();
}

#[tokio::test]
async fn another_spelling_of_a_branch_is_the_same_branch() {
    let served = guarded().await;
    let head = served.head("main").await;
    for name in [" main", "main ", "\tmain\n", "\u{a0}main", "main\u{2003}"] {
        let reply = served.send(Ask::post("/mutate", add(json!(name))).actor("bob")).await;
        assert_eq!(reply.status, 403, "{name:?}: {}", reply.text());
    }
    // These are other names, and no branches; they must not resolve to the protected one.
    for name in [
        "Main",
        "MAIN",
        "main/",
        "/main",
        "./main",
        "main\0",
        "refs/heads/main",
        "ma\u{200b}in",
        "main\u{301}",
    ] {
        let reply = served.send(Ask::post("/mutate", add(json!(name))).actor("bob")).await;
        assert!(matches!(reply.status, 400 | 404), "{name:?}: {} {}", reply.status, reply.text());
    }
    for query in ["branch=%20main", "branch=main%0a", "branch=%09main"] {
        let ask =
            Ask::new("POST", &format!("/load/ndjson?{query}")).with("content-type", "application/x-ndjson");
        served.send(ask.actor("bob")).await.refused(403, Some("forbidden"));
    }
    assert_eq!(served.head("main").await, head);
    // Who may write to the branch may do so by any of its spellings.
    served.send(Ask::post("/mutate", add(json!(" main\n"))).actor("ada")).await.ok();
    assert_ne!(served.head("main").await, head);
}

#[tokio::test]
async fn names_do_not_lead_out_of_the_graph() {
    let served = Served::open().await;
    let hostile = [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e",
        "a/../../b",
        "/etc/passwd",
        "a\0b",
        "__manifest",
        "..\\..\\x",
        "file:///etc/passwd",
        ".",
        "..",
        "a/./b",
        "x".repeat(5000).as_str(),
    ]
    .map(str::to_owned);
    for name in &hostile {
        let create = served.post("/branches", json!({"name": name})).await;
        let from = served.post("/branches", json!({"name": "ok", "from": name})).await;
        assert!(matches!(create.status, 200 | 400), "{name}: {}", create.text());
        assert!(from.status == create.status || from.status >= 400, "{name}: {}", from.text());
        let query = served.post(
            "/query",
            json!({"query": "query n() { match { $c: City } return { $c.name } }", "branch": name}),
        );
        assert!(matches!(query.await.status, 200 | 400 | 404), "{name}");
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in [
            format!("/branches/{encoded}"),
            format!("/graphs/{encoded}/schema"),
            format!("/commits/{encoded}"),
            format!("/commits/{encoded}/changes"),
            format!("/blob?entity=node&type={encoded}&id={encoded}&property={encoded}"),
            format!("/snapshot?branch={encoded}"),
            format!("/changes?start=after:{encoded}"),
        ] {
            let reply = served.get(&path).await;
            assert!(
                matches!(reply.status, 200 | 400 | 404 | 405),
                "{path}: {} {}",
                reply.status,
                reply.text()
            );
            assert!(!reply.text().contains("root:"), "{path}");
        }
        served
            .send(Ask::post(&format!("/queries/{encoded}"), json!({})))
            .await
            .refused(404, Some("not_found"));
    }
    let branches = served.graph.branch_list().await.unwrap();
    assert!(branches.iter().all(|name| !name.contains("..") && !name.starts_with('/')), "{branches:?}");
    // Names that do not try to lead anywhere are taken on the same routes.
    served.post("/branches", json!({"name": "review/7"})).await.ok();
    let query = json!({"query": "query n() { match { $c: City } return { $c.name } }", "branch": "review/7"});
    served.post("/query", query).await.ok();
    for path in ["/snapshot?branch=review%2F7", "/graphs/atlas/schema", "/changes?branch=review%2F7"] {
        served.get(path).await.ok();
    }
}

#[tokio::test]
async fn hostile_bodies_are_refused_and_harm_nobody() {
    let served = Served::open().await;
    let head = served.head("main").await;
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let object = |n: usize| format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n));
    let bodies = [
        String::new(),
        "{".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "\u{feff}{}".to_owned(),
        deep(100_000),
        object(100_000),
        format!("{{\"query\":\"x\",\"params\":{}}}", deep(100_000)),
        format!("{{\"query\":\"x\",\"params\":{}}}", object(100)),
        "{\"query\":\"x\",\"query\":\"y\"}".to_owned(),
        "{\"query\":\"\\ud800\"}".to_owned(),
        format!("{{\"query\":\"query q() {{ match {{ $c: City }} return {{ {} }} }}\"}}", "(".repeat(50_000)),
        format!("{{\"query\":\"{}\"}}", "query q() { ".repeat(5_000)),
        format!("{{\"data\":\"{}\"}}", "[".repeat(500_000)),
        "{\"schema_source\":\"node A { a: \",\"name\":\"\\u0000\"}".to_owned(),
        "{\"query\":\"x\",\"params\":{\"n\":1e999999}}".to_owned(),
    ];
    for path in [
        "/query",
        "/read",
        "/mutate",
        "/change",
        "/load",
        "/ingest",
        "/export",
        "/schema/apply",
        "/branches",
        "/branches/merge",
        "/changes/baseline",
        "/queries/big",
        "/graphs/atlas/mutate/if-graph-commit",
    ] {
        for body in &bodies {
            let ask = Ask::new("POST", path).with("content-type", "application/json").bytes(body.as_str());
            let reply = served.send(ask).await;
            let short: String = body.chars().take(60).collect();
            let harmless = matches!(path, "/export" | "/queries/big" | "/changes/baseline");
            assert!(
                (400..500).contains(&reply.status) || (harmless && reply.status == 200),
                "{path} {short}: {} {}",
                reply.status,
                reply.text()
            );
            if reply.status >= 400 {
                assert!(reply.json()["error"].is_string());
                assert!(
                    reply.body.len() < 100_000,
                    "{path} {short} is answered with {} bytes",
                    reply.body.len()
                );
            }
        }
    }
    let bytes =
        Ask::new("POST", "/query").with("content-type", "application/json").bytes(vec![0xff, 0xfe, 0x00]);
    served.send(bytes).await.refused(400, Some("bad_request"));
    for value in ["text/plain", "application/xml", "multipart/form-data", "application/jsonp", "json"] {
        let ask = Ask::new("POST", "/query").with("content-type", value).bytes("{}");
        assert!(served.send(ask).await.refused(415, Some("bad_request")).contains("Content-Type"));
    }
    assert_eq!(served.head("main").await, head);
    // The server still answers what is not hostile.
    let query = json!({"query": "query n() { match { $c: City } return { $c.name } }"});
    assert_eq!(served.post("/query", query).await.ok()["row_count"], 2);
    served.post("/mutate", add(json!("main"))).await.ok();
}

#[tokio::test]
async fn a_failure_of_the_store_shows_no_path() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("secret-folder");
    let engine = omnigraph::Omnigraph::init(root.to_str().unwrap(), crate::fixtures::SCHEMA).await.unwrap();
    let state = {
        use omnigraph_server::auth::Authenticator;
        use omnigraph_server::state::{AppState, Serving};
        let handle = crate::fixtures::handle(&engine, "default", &Setup::default()).await;
        AppState::new(Serving::Single { graph: handle.into(), alias: None }, Authenticator::open())
    };
    let served = Served { app: omnigraph_server::build_app(state.clone()), state, graph: engine };
    served.post("/branches", json!({"name": "draft"})).await.ok();
    std::fs::remove_dir_all(root.join("__manifest")).unwrap();
    std::fs::write(root.join("__manifest"), "not a folder").unwrap();
    let asks = [
        Ask::get("/branches"),
        Ask::get("/commits?branch=draft"),
        Ask::get("/changes?branch=draft"),
        Ask::post("/branches", json!({"name": "b"})),
        Ask::post("/mutate", add(json!("main"))),
        Ask::post("/export", json!({"branch": "draft"})),
        Ask::get("/blob?entity=node&type=City&id=a&property=photo&branch=draft"),
    ];
    for ask in asks {
        let shown = format!("{ask:?}");
        let reply = served.send(ask).await;
        assert!(reply.status >= 404, "{shown}: {} {}", reply.status, reply.text());
        assert!(!reply.text().contains("secret-folder"), "{shown}: {}", reply.text());
    }
}
