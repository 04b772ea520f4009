//! Loads and exports, as a caller sees them: modes, constraints, limits and races here; `grammar` of the input, `ids` and
//! how they are spelled, `values` of every type.

mod grammar;
mod ids;
mod values;

use std::fmt::Write as _;

use omnigraph::db::{Grammar, Load, LoadMode, LoadReceipt, LoadSource, OpenOptions};
use omnigraph::error::OmniError;
use omnigraph::{Omnigraph, Result};
use serde_json::{Value as Json, json};

use LoadMode::{Append, Merge, Overwrite};

use crate::fixtures::{fresh, fresh_with};

const SCHEMA: &str = "
    node Person { name: String @key  age: I32? }
    node Company { name: String @key }
    node Note { text: String? }
    edge Knows: Person -> Person { since: Date? }
    edge WorksAt: Person -> Company
";

const DATA: &str = r#"
{"type":"Person","data":{"name":"Ada","age":36}}
{"type":"Person","data":{"name":"Bob"}}
{"type":"Company","data":{"name":"Acme"}}
{"edge":"Knows","from":"Ada","to":"Bob","data":{"id":"k1"}}
{"edge":"WorksAt","from":"Ada","to":"Acme","data":{"id":"w1"}}
"#;

async fn load(graph: &Omnigraph, text: &str, mode: LoadMode) -> Result<LoadReceipt> {
    graph.load(Load::new("main", LoadSource::Text(text.to_owned()), mode)).await
}

async fn ingest(graph: &Omnigraph, text: &str) -> Result<LoadReceipt> {
    let load = Load::new("main", LoadSource::Text(text.to_owned()), Append);
    graph.load(Load { grammar: Grammar::Permissive, ..load }).await
}

async fn fixture() -> Omnigraph {
    let graph = fresh(SCHEMA).await;
    load(&graph, DATA, Append).await.unwrap();
    graph
}

async fn export(graph: &Omnigraph, types: &[&str]) -> String {
    let types: Vec<String> = types.iter().map(|name| (*name).to_owned()).collect();
    let mut out = Vec::new();
    graph.export("main", &types, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

/// Returns the `data` of every exported line of a type.
async fn rows(graph: &Omnigraph, name: &str) -> Vec<Json> {
    let data = |line: &str| serde_json::from_str::<Json>(line).unwrap()["data"].take();
    export(graph, &[name]).await.lines().map(data).collect()
}

/// Returns the ids of a type in order.
async fn ids(graph: &Omnigraph, name: &str) -> Vec<String> {
    rows(graph, name).await.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

async fn version(graph: &Omnigraph) -> u64 {
    graph.snapshot_of("main").await.unwrap().graph_manifest_version()
}

fn person(name: &str) -> String {
    format!("{{\"type\":\"Person\",\"data\":{{\"name\":\"{name}\"}}}}\n")
}

/// Checks that a load is refused with a text, makes no commit, and leaves every row as it was.
async fn refused(graph: &Omnigraph, text: &str, mode: LoadMode, fragment: &str) -> OmniError {
    let before = (version(graph).await, export(graph, &[]).await);
    let error = load(graph, text, mode).await.expect_err(fragment);
    assert!(error.to_string().contains(fragment), "{text}: {error}");
    assert_eq!((version(graph).await, export(graph, &[]).await), before, "{text}");
    error
}

#[tokio::test]
async fn append_refuses_what_exists_and_keeps_the_rest() {
    let graph = fixture().await;
    let error = refused(&graph, r#"{"type":"Person","data":{"name":"Ada","age":1}}"#, Append, "Ada").await;
    assert!(matches!(error, OmniError::KeyConflict { entity_id, .. } if entity_id == "Ada"));
    let edge = r#"{"edge":"Knows","from":"Bob","to":"Ada","data":{"id":"k1"}}"#;
    assert!(matches!(refused(&graph, edge, Append, "k1").await, OmniError::KeyConflict { .. }));
    let twice = person("Eve") + &person("Eve");
    refused(&graph, &twice, Append, "@unique violation on Person.name").await;
    let note = "{\"type\":\"Note\",\"data\":{\"id\":\"n1\"}}\n";
    let error = refused(&graph, &note.repeat(2), Append, "n1").await;
    assert!(matches!(error, OmniError::KeyConflict { .. }));
    load(&graph, &(person("Eve") + note), Append).await.unwrap();
    assert_eq!(ids(&graph, "Person").await, ["Ada", "Bob", "Eve"]);
    assert_eq!(ids(&graph, "Knows").await, ["k1"]);
}

#[tokio::test]
async fn merge_replaces_full_images_and_is_idempotent() {
    let graph = fixture().await;
    let text = r#"{"type":"Person","data":{"name":"Ada"}}
{"type":"Note","data":{"id":"n1","text":"first"}}
{"edge":"Knows","from":"Bob","to":"Ada","data":{"id":"k1","since":"2024-06-01"}}
{"type":"Note","data":{"id":"n1","text":"last"}}"#;
    let receipt = load(&graph, text, Merge).await.unwrap();
    assert_eq!(receipt.counts.nodes["Note"], 2, "lines are counted, not entities");
    assert_eq!(rows(&graph, "Person").await[0], json!({"id":"Ada","age":null,"name":"Ada"}));
    assert_eq!(rows(&graph, "Note").await, [json!({"id":"n1","text":"last"})]);
    let edges = export(&graph, &["Knows"]).await;
    assert_eq!(
        edges,
        "{\"edge\":\"Knows\",\"from\":\"Bob\",\"to\":\"Ada\",\"data\":{\"id\":\"k1\",\"since\":19875}}\n"
    );
    let once = export(&graph, &[]).await;
    load(&graph, text, Merge).await.unwrap();
    assert_eq!(export(&graph, &[]).await, once);
    refused(&graph, &person("Eve").repeat(2), Merge, "@unique violation on Person.name").await;
}

/// One schema with every constraint that is judged after the input was read.
const STRICT: &str = r#"
    node P {
        k: String @key
        n: I32?
        m: String? @unique
        s: enum(on, off)?
        @range(n, 0..10)
        @check(m, "@")
    }
    node Note { text: String? }
    edge E: P -> P @card(0..1)
"#;

#[tokio::test]
async fn refusals_after_reading_name_the_line_of_the_row() {
    let p = |k: &str, rest: &str| format!("{{\"type\":\"P\",\"data\":{{\"k\":\"{k}\"{rest}}}}}\n");
    let e = |from: &str, to: &str| format!("{{\"edge\":\"E\",\"from\":\"{from}\",\"to\":\"{to}\"}}\n");
    let note = |id: &str| format!("{{\"type\":\"Note\",\"data\":{{\"id\":\"{id}\"}}}}\n");
    let good = format!("{}\n{}{}", p("x", ""), e("x", "x"), p("y", r#","m":"a@b""#));
    let cases = [
        (p("z", r#","n":11"#), "line 5: @range violation on P.n: 11"),
        (p("z", r#","m":"mail""#), "line 5: @check violation on P.m: 'mail'"),
        (p("z", r#","s":"dim""#), "line 5: invalid enum value 'dim' for P.s"),
        (
            p("z", r#","m":"a@b""#),
            "line 5: @unique violation on P.m: value 'a@b' is held by 'y' (line 4) and 'z'",
        ),
        (p("x", ""), "line 5: @unique violation on P.k: value 'x' is held by two rows 'x', first on line 1"),
        (e("y", "nobody"), "line 5: dst 'nobody' not found in P"),
        (e("nobody", "y"), "line 5: src 'nobody' not found in P"),
        (e("x", "y"), "line 5: @card violation on edge E: source 'x' has 2 edges (max 1)"),
        (
            p("z", "") + &note("n") + &note("n"),
            "line 7: node type Note already has an entity with id 'n', first on line 6",
        ),
    ];
    // Rows of a spilled spool keep their lines as well.
    for memory_budget in [OpenOptions::default().memory_budget, 0] {
        let graph = fresh_with(STRICT, &OpenOptions { memory_budget, ..OpenOptions::default() }).await;
        for (bad, text) in &cases {
            let error = refused(&graph, &format!("{good}{bad}"), Append, text).await;
            assert!(error.to_string().starts_with(text), "{error}");
            let place = error.place().unwrap();
            assert_eq!(text.split(':').next().unwrap(), place.to_string());
        }
    }
    let graph = fresh(STRICT).await;
    load(&graph, &good, Append).await.unwrap();
    let error = refused(&graph, &(p("v", "") + &p("x", "")), Append, "'x' (@key k)").await;
    assert_eq!(error.to_string(), "line 2: node type P already has an entity with id 'x' (@key k)");
    refused(&graph, &(p("v", "") + &p("w", r#","m":"a@b""#)), Append, "line 2: @unique violation on P.m")
        .await;
    refused(&graph, &e("x", "y"), Merge, "line 1: @card violation").await;
    // The edge that loses its end is a stored one: no line is at fault.
    let error = refused(&graph, &p("y", ""), Overwrite, "src 'x' not found in P").await;
    assert_eq!(error.place(), None);
    let error = ingest(&graph, &(p("v", "") + &p("w", r#","n":-1"#))).await.unwrap_err();
    assert!(error.to_string().starts_with("record 2: @range violation"), "{error}");
}

#[tokio::test]
async fn overwrite_replaces_the_types_of_the_input_only() {
    let graph = fixture().await;
    refused(&graph, &person("Ada"), Overwrite, "dst 'Bob' not found in Person").await;
    refused(&graph, &person("Ada").repeat(2), Overwrite, "@unique violation").await;
    let edge = "{\"edge\":\"Knows\",\"from\":\"Ada\",\"to\":\"Bob\",\"data\":{\"id\":\"x\"}}\n";
    let error = refused(&graph, &edge.repeat(2), Overwrite, "x").await;
    assert!(matches!(error, OmniError::KeyConflict { .. }));
    let text = format!("{}{}{}", edge.replace("Bob", "Eve"), person("Ada"), person("Eve"));
    load(&graph, &text, Overwrite).await.unwrap();
    assert_eq!(ids(&graph, "Person").await, ["Ada", "Eve"]);
    assert_eq!(ids(&graph, "Knows").await, ["x"]);
    assert_eq!(ids(&graph, "WorksAt").await, ["w1"]);
    assert_eq!(ids(&graph, "Company").await, ["Acme"]);
}

#[tokio::test]
async fn constraints_hold_over_the_final_image() {
    let schema = "
        node User {
            name: String @key
            mail: String? @unique
            age: I32?
            first: String?
            last: String?
            code: String?
            @range(age, 0..120)
            @unique(first, last)
            @check(code, \"^[a-z]+$\")
        }
        edge Leads: User -> User @card(0..1)
        edge Owns: User -> User @card(1..2)
    ";
    let graph = fresh(schema).await;
    let user =
        |name: &str, rest: &str| format!("{{\"type\":\"User\",\"data\":{{\"name\":\"{name}\"{rest}}}}}\n");
    let mail = |name: &str, mail: &str| user(name, &format!(",\"mail\":\"{mail}\""));
    load(&graph, &(mail("a", "x") + &mail("b", "y") + &user("c", "")), Append).await.unwrap();
    refused(&graph, &user("d", ",\"age\":121"), Append, "@range violation on User.age").await;
    refused(&graph, &user("d", ",\"code\":\"A\""), Append, "@check violation on User.code").await;
    refused(&graph, &mail("d", "x"), Append, "@unique violation on User.mail").await;
    refused(&graph, &(mail("d", "z") + &mail("e", "z")), Append, "@unique violation on User.mail").await;
    let full = |name: &str| user(name, ",\"first\":\"p\",\"last\":\"q\"");
    refused(&graph, &(full("d") + &full("e")), Append, "@unique violation on User.(first, last)").await;
    load(&graph, &mail("a", "x"), Merge).await.unwrap();
    load(&graph, &(mail("a", "y") + &mail("b", "x")), Merge).await.unwrap();
    load(&graph, &(user("a", "") + &mail("c", "y")), Merge).await.unwrap();
    refused(&graph, &mail("d", "y"), Append, "@unique violation on User.mail").await;

    let edge = |name: &str, id: &str, from: &str, to: &str| {
        format!("{{\"edge\":\"{name}\",\"from\":\"{from}\",\"to\":\"{to}\",\"data\":{{\"id\":\"{id}\"}}}}\n")
    };
    load(&graph, &edge("Leads", "l1", "a", "b"), Append).await.unwrap();
    let text = "@card violation on edge Leads: source 'a' has 2 edges (max 1)";
    refused(&graph, &edge("Leads", "l2", "a", "c"), Append, text).await;
    load(&graph, &edge("Leads", "l1", "a", "c"), Merge).await.unwrap();
    load(&graph, &edge("Owns", "o1", "a", "b"), Append).await.unwrap();
    let text = "@card violation on edge Owns: source 'a' has 0 edges (min 1)";
    refused(&graph, &edge("Owns", "o1", "b", "c"), Merge, text).await;
    let cascade = omnigraph::db::Mutate::new("main", "query q() { delete User where name = \"b\" }");
    let error = graph.mutate(cascade).await.unwrap_err().to_string();
    assert!(error.contains(text), "{error}");
    let whole = omnigraph::db::Mutate::new("main", "query q() { delete User where name = \"a\" }");
    graph.mutate(whole).await.unwrap();
    assert_eq!(ids(&graph, "Owns").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_small_budget_spills_and_still_checks_everything() {
    const NODES: usize = 200_000;
    const EDGES: usize = 100_000;
    let mut text = String::new();
    for n in 0..EDGES {
        let (from, to) = (n, n * 7 % NODES);
        writeln!(text, "{{\"edge\":\"Knows\",\"from\":\"person-{from:08}\",\"to\":\"person-{to:08}\"}}")
            .unwrap();
    }
    for n in 0..NODES {
        text += &person(&format!("person-{n:08}"));
    }
    let options = OpenOptions { memory_budget: 16 << 20, ..OpenOptions::default() };
    let graph = fresh_with(SCHEMA, &options).await;
    let before = version(&graph).await;
    let bad = text.clone() + &person("person-00000003");
    let error = load(&graph, &bad, Append).await.unwrap_err().to_string();
    assert!(
        error.contains("@unique violation on Person.name: value") && error.contains("person-00000003"),
        "{error}"
    );
    let bad = text.clone() + "{\"edge\":\"Knows\",\"from\":\"person-00000001\",\"to\":\"nobody\"}\n";
    let error = load(&graph, &bad, Append).await.unwrap_err().to_string();
    assert!(error.contains("dst 'nobody' not found in Person"), "{error}");
    assert_eq!(version(&graph).await, before);
    load(&graph, &text, Append).await.unwrap();
    assert_eq!(graph.snapshot_of("main").await.unwrap().entity_counts(), (NODES as u64, EDGES as u64));
    let error = load(&graph, &person("person-00199999"), Append).await.unwrap_err();
    assert!(matches!(error, OmniError::KeyConflict { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn appends_race_by_id_only() {
    let graph = fresh(SCHEMA).await;
    let append = |name: String| {
        let graph = graph.clone();
        tokio::spawn(async move { load(&graph, &person(&name), Append).await })
    };
    let disjoint: Vec<_> = (0..8).map(|n| append(format!("p{n}"))).collect();
    for task in disjoint {
        task.await.unwrap().unwrap();
    }
    assert_eq!(ids(&graph, "Person").await.len(), 8);
    let same: Vec<_> = (0..8).map(|_| append("only".to_owned())).collect();
    let mut winners = 0;
    for task in same {
        match task.await.unwrap() {
            Ok(_) => winners += 1,
            Err(OmniError::KeyConflict { entity_id, .. }) => assert_eq!(entity_id, "only"),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(winners, 1);
    assert_eq!(version(&graph).await, 10);
}
