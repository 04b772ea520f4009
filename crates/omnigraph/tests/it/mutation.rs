//! Mutations and the constraints of every write, as a caller sees them.

use omnigraph::db::{JsonRows, LoadMode, Mutate, MutationReceipt, ParamMap, row_objects};
use omnigraph::error::{OmniError, Violation};
use omnigraph::{Omnigraph, Result};
use serde_json::{Value as Json, json};

use crate::fixtures::{fresh, load};

const SCHEMA: &str = "
    node Person { name: String @key  age: I32? }
    node Company { name: String @key }
    edge Knows: Person -> Person { since: Date? }
    edge WorksAt: Person -> Company
";

const DATA: &str = r#"
{"type":"Person","data":{"name":"Alice","age":30}}
{"type":"Person","data":{"name":"Bob","age":25}}
{"type":"Person","data":{"name":"Charlie","age":35}}
{"type":"Person","data":{"name":"Diana","age":28}}
{"type":"Company","data":{"name":"Acme"}}
{"type":"Company","data":{"name":"Globex"}}
{"edge":"Knows","from":"Alice","to":"Bob"}
{"edge":"Knows","from":"Alice","to":"Charlie"}
{"edge":"Knows","from":"Bob","to":"Diana"}
{"edge":"WorksAt","from":"Alice","to":"Acme"}
{"edge":"WorksAt","from":"Bob","to":"Globex"}
"#;

const MUTATIONS: &str = r#"
    query insert_person($name: String, $age: I32?) { insert Person { name: $name, age: $age } }
    query set_age($name: String, $age: I32) { update Person set { age: $age } where name = $name }
    query remove_person($name: String) { delete Person where name = $name }
    query add_friend($from: String, $to: String) { insert Knows { from: $from, to: $to } }
    query remove_friendship($from: String) { delete Knows where from = $from }
    query insert_person_and_friend($name: String, $age: I32, $friend: String) {
        insert Person { name: $name, age: $age }
        insert Knows { from: $name, to: $friend }
    }
    query everybody() { match { $p: Person } return { $p.name, $p.age } order { $p.name } }
    query friends() {
        match { $a: Person  $a knows $b } return { $a.name as a, $b.name as b } order { a, b }
    }
    query staff() {
        match { $a: Person  $a worksAt $b } return { $a.name as a, $b.name as b } order { a, b }
    }
"#;

async fn fixture() -> Omnigraph {
    let graph = fresh(SCHEMA).await;
    load(&graph, "main", DATA, LoadMode::Append).await.unwrap();
    graph
}

async fn call(graph: &Omnigraph, name: &str, params: Json) -> Result<MutationReceipt> {
    let params: ParamMap = params.as_object().cloned().unwrap_or_default();
    graph.mutate(Mutate { name: Some(name), params, ..Mutate::new("main", MUTATIONS) }).await
}

/// Runs statements without parameters; returns affected nodes and edges.
async fn run(graph: &Omnigraph, statements: &str) -> Result<(u64, u64)> {
    let source = format!("query q() {{ {statements} }}");
    let result = graph.mutate(Mutate::new("main", &source)).await?.result;
    Ok((result.affected_nodes, result.affected_edges))
}

/// Answers a named read as `a|b` per row; null as nothing.
async fn read(graph: &Omnigraph, name: &str) -> Vec<String> {
    let answer = graph.query("main", MUTATIONS, Some(name), &ParamMap::new()).await.unwrap();
    let text = |value: &Json| match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let rows = answer.batches.iter().flat_map(|batch| row_objects(batch, &answer.columns, JsonRows::Exact));
    rows.map(|row| row.values().map(text).collect::<Vec<_>>().join("|")).collect()
}

async fn version(graph: &Omnigraph) -> u64 {
    graph.snapshot_of("main").await.unwrap().graph_manifest_version()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T>, fragment: &str) {
    let error = outcome.expect_err("the write must be refused");
    assert!(error.to_string().contains(fragment), "{error}");
}

#[tokio::test]
async fn a_mutation_is_one_commit_however_many_types_it_touches() {
    let graph = fixture().await;
    let before = version(&graph).await;
    let receipt =
        call(&graph, "insert_person_and_friend", json!({"name": "Eve", "age": 40, "friend": "Alice"})).await;
    let receipt = receipt.unwrap();
    assert_eq!((receipt.result.affected_nodes, receipt.result.affected_edges), (1, 1));
    assert_eq!(receipt.commit.unwrap().graph_manifest_version, before + 1);
    assert_eq!(version(&graph).await, before + 1);
    assert_eq!(read(&graph, "friends").await, ["Alice|Bob", "Alice|Charlie", "Bob|Diana", "Eve|Alice"]);
}

#[tokio::test]
async fn tables_that_a_mutation_does_not_touch_keep_their_pin() {
    let graph = fixture().await;
    let before = graph.snapshot_of("main").await.unwrap();
    call(&graph, "set_age", json!({"name": "Alice", "age": 31})).await.unwrap();
    let after = graph.snapshot_of("main").await.unwrap();
    let pins = |snapshot: &omnigraph::db::SnapshotView, key: &str| {
        snapshot.dataset(key).unwrap().published_dataset_version
    };
    for key in ["node:Company", "edge:Knows", "edge:WorksAt"] {
        assert_eq!(pins(&after, key), pins(&before, key), "{key}");
    }
    assert_eq!(pins(&after, "node:Person"), pins(&before, "node:Person") + 1);
    assert_eq!(after.dataset("node:Person").unwrap().entity_count, 4);
}

#[tokio::test]
async fn a_failed_mutation_leaves_no_trace_and_does_not_disturb_the_next() {
    let graph = fixture().await;
    let before = version(&graph).await;
    let failing =
        call(&graph, "insert_person_and_friend", json!({"name": "Eve", "age": 1, "friend": "Nobody"})).await;
    refused(failing, "dst 'Nobody' not found in Person");
    assert_eq!(version(&graph).await, before);
    assert_eq!(read(&graph, "everybody").await, ["Alice|30", "Bob|25", "Charlie|35", "Diana|28"]);
    call(&graph, "insert_person_and_friend", json!({"name": "Eve", "age": 1, "friend": "Alice"}))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_mutation_that_affects_nothing_makes_no_commit() {
    let graph = fixture().await;
    let before = version(&graph).await;
    let receipt = call(&graph, "set_age", json!({"name": "Nobody", "age": 1})).await.unwrap();
    assert_eq!((receipt.result.affected_nodes, receipt.commit), (0, None));
    let receipt = call(&graph, "remove_friendship", json!({"from": "Diana"})).await.unwrap();
    assert_eq!((receipt.result.affected_edges, receipt.commit), (0, None));
    assert_eq!(version(&graph).await, before);
}

#[tokio::test]
async fn statements_see_the_effects_of_earlier_ones() {
    let graph = fixture().await;
    let statements = r#"
        update Person set { age: 99 } where name = "Alice"
        update Person set { age: 10 } where age > 50
    "#;
    assert_eq!(run(&graph, statements).await.unwrap(), (2, 0));
    assert_eq!(read(&graph, "everybody").await[0], "Alice|10");
}

#[tokio::test]
async fn inserting_and_updating_one_node_counts_two() {
    let graph = fixture().await;
    let statements = r#"insert Person { name: "Eve" }  update Person set { age: 3 } where name = "Eve""#;
    assert_eq!(run(&graph, statements).await.unwrap(), (2, 0));
    assert_eq!(read(&graph, "everybody").await[4], "Eve|3");
}

#[tokio::test]
async fn inserting_an_existing_key_replaces_the_entity_and_keeps_its_edges() {
    let graph = fixture().await;
    call(&graph, "insert_person", json!({"name": "Alice"})).await.unwrap();
    assert_eq!(read(&graph, "everybody").await, ["Alice|", "Bob|25", "Charlie|35", "Diana|28"]);
    assert_eq!(read(&graph, "friends").await, ["Alice|Bob", "Alice|Charlie", "Bob|Diana"]);
}

#[tokio::test]
async fn inserting_an_edge_twice_makes_two_edges() {
    let graph = fixture().await;
    for _ in 0..2 {
        call(&graph, "add_friend", json!({"from": "Diana", "to": "Diana"})).await.unwrap();
    }
    assert_eq!(graph.snapshot_of("main").await.unwrap().dataset("edge:Knows").unwrap().entity_count, 5);
}

#[tokio::test]
async fn deleting_a_node_removes_its_edges_of_every_type_in_the_same_commit() {
    let graph = fixture().await;
    let before = version(&graph).await;
    let receipt = call(&graph, "remove_person", json!({"name": "Bob"})).await.unwrap();
    assert_eq!((receipt.result.affected_nodes, receipt.result.affected_edges), (1, 3));
    assert_eq!(version(&graph).await, before + 1);
    assert_eq!(read(&graph, "friends").await, ["Alice|Charlie"]);
    assert_eq!(read(&graph, "staff").await, ["Alice|Acme"]);
}

#[tokio::test]
async fn overlapping_deletes_count_every_entity_once() {
    let graph = fixture().await;
    let statements = r#"
        delete Knows where from = "Alice"
        delete Knows where to = "Bob"
        delete Person where age > 26
        delete Person where age > 1
    "#;
    assert_eq!(run(&graph, statements).await.unwrap(), (4, 5));
    assert!(read(&graph, "everybody").await.is_empty());
}

#[tokio::test]
async fn a_null_never_matches_a_predicate() {
    let graph = fixture().await;
    call(&graph, "insert_person", json!({"name": "Eve"})).await.unwrap();
    assert_eq!(run(&graph, "delete Person where age != 30").await.unwrap().0, 3);
    assert_eq!(read(&graph, "everybody").await, ["Alice|30", "Eve|"]);
    let overlapping = r#"delete Person where age < 0  delete Person where name = "Eve""#;
    assert_eq!(run(&graph, overlapping).await.unwrap().0, 1);
}

#[tokio::test]
async fn inserts_updates_and_deletes_may_share_a_query() {
    let graph = fixture().await;
    let statements = r#"
        delete Person where name = "Bob"
        insert Person { name: "Bob", age: 1 }
        insert Knows { from: "Bob", to: "Alice" }
        update Person set { age: 2 } where age = 1
    "#;
    assert_eq!(run(&graph, statements).await.unwrap(), (3, 4));
    assert_eq!(read(&graph, "everybody").await, ["Alice|30", "Bob|2", "Charlie|35", "Diana|28"]);
    assert_eq!(read(&graph, "friends").await, ["Alice|Charlie", "Bob|Alice"]);
}

#[tokio::test]
async fn a_key_cannot_be_updated_and_an_edge_not_at_all() {
    let graph = fixture().await;
    let update = run(&graph, r#"update Person set { name: "Al" } where name = "Alice""#).await;
    refused(update, "cannot update @key property");
    assert!(
        run(&graph, r#"update Knows set { since: date("2024-06-01") } where from = "Alice""#).await.is_err()
    );
}

#[tokio::test]
async fn unknown_names_and_missing_parameters_are_typed_errors() {
    let graph = fixture().await;
    for statements in [r#"insert Persons { name: "x" }"#, r#"insert Person { name: "x", agee: 1 }"#] {
        assert!(matches!(run(&graph, statements).await, Err(OmniError::Compiler(_))), "{statements}");
    }
    assert!(matches!(call(&graph, "set_age", json!({"name": "Alice"})).await, Err(OmniError::Param(_))));
    refused(call(&graph, "nothing", json!({})).await, "query 'nothing' not found");
    let read = graph.mutate(Mutate { name: Some("everybody"), ..Mutate::new("main", MUTATIONS) }).await;
    assert!(matches!(read, Err(OmniError::QueryKind { mutation: false, .. })), "{read:?}");
    let missing = graph.mutate(Mutate::new("nowhere", r#"query q() { insert Company { name: "x" } }"#)).await;
    assert!(matches!(missing, Err(OmniError::BranchNotFound { .. })));
}

#[tokio::test]
async fn a_unique_value_given_up_earlier_may_be_taken_later() {
    let graph = fresh("node User { name: String @key  mail: String? @unique }").await;
    run(&graph, r#"insert User { name: "a", mail: "x" }  insert User { name: "b", mail: "y" }"#)
        .await
        .unwrap();
    let take = r#"update User set { mail: "x" } where name = "b""#;
    let error = run(&graph, take).await.unwrap_err();
    assert!(
        matches!(error.violation(), Some(Violation::Unique { first, second, .. }) if first == "a" && second == "b")
    );
    let give = r#"update User set { mail: "z" } where name = "a""#;
    assert_eq!(run(&graph, &format!("{give} {take}")).await.unwrap(), (2, 0));
    run(&graph, r#"insert User { name: "b", mail: "x" }"#).await.unwrap();
}

#[tokio::test]
async fn constraints_hold_alike_for_mutations_and_loads() {
    let schema = r#"
        node Task { slug: String @key  state: enum(todo, done)  points: I32?  mail: String?
                    @range(points, 0..10)  @check(mail, "@") }
        edge Blocks: Task -> Task @card(0..1)
    "#;
    let graph = fresh(schema).await;
    run(&graph, r#"insert Task { slug: "a", state: "todo" }  insert Task { slug: "b", state: "done" }"#)
        .await
        .unwrap();
    for (data, statements, text) in [
        (
            r#"{"slug":"x","state":"todo","points":11}"#,
            r#"insert Task { slug: "x", state: "todo", points: 11 }"#,
            "@range violation on Task.points",
        ),
        (
            r#"{"slug":"x","state":"todo","mail":"m"}"#,
            r#"insert Task { slug: "x", state: "todo", mail: "m" }"#,
            "@check violation on Task.mail",
        ),
    ] {
        refused(run(&graph, statements).await, text);
        refused(
            load(&graph, "main", &format!(r#"{{"type":"Task","data":{data}}}"#), LoadMode::Append).await,
            text,
        );
    }
    let state = json!({"state": "later"});
    let query = r#"query q($state: String) { insert Task { slug: "x", state: $state } }"#;
    let params = state.as_object().unwrap().clone();
    refused(
        graph.mutate(Mutate { params, ..Mutate::new("main", query) }).await,
        "invalid enum value 'later'",
    );
    let line = r#"{"type":"Task","data":{"slug":"x","state":"later"}}"#;
    refused(load(&graph, "main", line, LoadMode::Merge).await, "invalid enum value 'later'");
    let edge = r#"insert Blocks { from: "a", to: "b" }"#;
    run(&graph, edge).await.unwrap();
    refused(run(&graph, edge).await, "@card violation on edge Blocks: source 'a' has 2 edges (max 1)");
    let line = r#"{"edge":"Blocks","from":"a","to":"a"}"#;
    refused(
        load(&graph, "main", line, LoadMode::Append).await,
        "@card violation on edge Blocks: source 'a' has 2 edges (max 1)",
    );
}

#[tokio::test]
async fn append_refuses_what_exists_and_merge_replaces_it() {
    let graph = fixture().await;
    let line = r#"{"type":"Person","data":{"name":"Alice"}}"#;
    let outcome = load(&graph, "main", line, LoadMode::Append).await;
    assert!(matches!(outcome, Err(OmniError::KeyConflict { entity_id, .. }) if entity_id == "Alice"));
    assert_eq!(read(&graph, "everybody").await[0], "Alice|30");
    load(&graph, "main", line, LoadMode::Merge).await.unwrap();
    assert_eq!(read(&graph, "everybody").await[0], "Alice|");
    let twice = format!("{line}\n{line}");
    for mode in [LoadMode::Append, LoadMode::Merge, LoadMode::Overwrite] {
        refused(load(&graph, "main", &twice, mode).await, "@unique violation on Person.name");
    }
}

#[tokio::test]
async fn overwrite_replaces_listed_types_and_may_not_cut_off_edges() {
    let graph = fixture().await;
    refused(
        load(&graph, "main", r#"{"type":"Company","data":{"name":"Acme"}}"#, LoadMode::Overwrite).await,
        "not found in",
    );
    let both = r#"
{"type":"Company","data":{"name":"Initech"}}
{"edge":"WorksAt","from":"Diana","to":"Initech"}
"#;
    load(&graph, "main", both, LoadMode::Overwrite).await.unwrap();
    assert_eq!(read(&graph, "staff").await, ["Diana|Initech"]);
    assert_eq!(read(&graph, "everybody").await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_appends_of_one_id_exactly_one_succeeds() {
    let graph = fixture().await;
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let graph = graph.clone();
            tokio::spawn(async move {
                load(&graph, "main", r#"{"type":"Person","data":{"name":"Eve"}}"#, LoadMode::Append).await
            })
        })
        .collect();
    let mut succeeded = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => succeeded += 1,
            Err(error) => assert!(
                matches!(&error, OmniError::KeyConflict { entity_id, .. } if entity_id == "Eve"),
                "{error}"
            ),
        }
    }
    assert_eq!(succeeded, 1);
}
