use std::sync::Arc;

use serde_json::json;

use crate::error::OmniError;
use crate::write::fixtures::{TestGraph, refused};

const AGES: [&str; 4] = ["Alice|30", "Bob|25", "Charlie|35", "Diana|28"];

async fn ages(graph: &TestGraph) -> Vec<String> {
    graph.stored("node:Person", &["name", "age"]).await
}

#[tokio::test]
async fn a_failure_in_the_last_statement_leaves_no_trace() {
    let graph = TestGraph::people().await;
    let text = refused(
        graph
            .run(r#"insert Person { name: "Eve", age: 1 }  insert Knows { from: "Eve", to: "Nobody" }"#)
            .await,
    );
    assert!(text.contains("dst 'Nobody' not found in Person"), "{text}");
    assert_eq!(ages(&graph).await, AGES);
    assert_eq!(graph.run(r#"insert Person { name: "Eve" }"#).await.unwrap(), (1, 0));
    assert_eq!(ages(&graph).await.len(), 5);
}

#[tokio::test]
async fn an_edge_may_end_at_a_node_of_the_same_query_before_or_after_it() {
    let graph = TestGraph::people().await;
    let statements = r#"
        insert Knows { from: "Eve", to: "Alice" }
        insert Person { name: "Eve" }
        insert Knows { from: "Bob", to: "Eve" }
    "#;
    assert_eq!(graph.run(statements).await.unwrap(), (1, 2));
    assert_eq!(graph.stored("edge:Knows", &["src", "dst"]).await.len(), 5);
}

#[tokio::test]
async fn a_predicate_sees_the_pending_image_and_never_the_committed_one_too() {
    let graph = TestGraph::people().await;
    let statements = r#"
        update Person set { age: 99 } where name = "Alice"
        update Person set { age: 10 } where age > 50
        update Person set { age: 11 } where age = 30
    "#;
    assert_eq!(graph.run(statements).await.unwrap(), (2, 0));
    assert_eq!(ages(&graph).await, ["Alice|10", "Bob|25", "Charlie|35", "Diana|28"]);
}

#[tokio::test]
async fn a_predicate_sees_inserted_entities() {
    let graph = TestGraph::people().await;
    let statements = r#"
        insert Person { name: "Eve", age: 70 }
        update Person set { age: 71 } where age > 60
        update Person set { age: 72 } where name = "Eve"
    "#;
    assert_eq!(graph.run(statements).await.unwrap(), (3, 0));
    assert!(ages(&graph).await.contains(&"Eve|72".to_owned()));
}

#[tokio::test]
async fn inserting_an_existing_key_replaces_the_whole_entity() {
    let graph = TestGraph::people().await;
    assert_eq!(graph.run(r#"insert Person { name: "Alice" }"#).await.unwrap(), (1, 0));
    assert_eq!(ages(&graph).await, ["Alice|", "Bob|25", "Charlie|35", "Diana|28"]);
    assert_eq!(graph.stored("edge:Knows", &["src"]).await.len(), 3);
}

#[tokio::test]
async fn the_last_of_several_inserts_of_one_key_counts() {
    let graph = TestGraph::people().await;
    let statements = r#"
        insert Person { name: "Eve", age: 1 }
        insert Person { name: "Eve", age: 2 }
        update Person set { age: 40 } where name = "Bob"
        insert Person { name: "Bob" }
    "#;
    assert_eq!(graph.run(statements).await.unwrap(), (4, 0));
    assert_eq!(ages(&graph).await, ["Alice|30", "Bob|", "Charlie|35", "Diana|28", "Eve|2"]);
}

#[tokio::test]
async fn inserts_of_unkeyed_nodes_and_of_edges_always_add() {
    let graph = TestGraph::new("node Note { text: String }  edge Next: Note -> Note").await;
    let insert = r#"insert Note { text: "same" }"#;
    graph.run(&format!("{insert} {insert}")).await.unwrap();
    graph.run(insert).await.unwrap();
    assert_eq!(graph.stored("node:Note", &["text"]).await, ["same", "same", "same"]);
    let fixture = TestGraph::people().await;
    fixture.run(r#"insert Knows { from: "Alice", to: "Bob" }"#).await.unwrap();
    assert_eq!(fixture.stored("edge:Knows", &["src", "dst"]).await[..2], ["Alice|Bob", "Alice|Bob"]);
}

#[tokio::test]
async fn what_matches_nothing_commits_nothing() {
    let graph = TestGraph::people().await;
    for statements in [
        r#"update Person set { age: 1 } where name = "Nobody""#,
        r#"update Person set { age: 1 } where age = 3000000000"#,
        r#"delete Person where age > 100  delete Knows where from = "Diana""#,
    ] {
        let outcome = graph.mutate(&format!("query q() {{ {statements} }}")).await.unwrap();
        assert_eq!(outcome, (0, 0, false), "{statements}");
    }
}

#[tokio::test]
async fn deleting_a_node_takes_its_edges_of_every_type_along() {
    let graph = TestGraph::people().await;
    assert_eq!(graph.run(r#"delete Person where name = "Bob""#).await.unwrap(), (1, 3));
    assert_eq!(graph.stored("edge:Knows", &["src", "dst"]).await, ["Alice|Charlie"]);
    assert_eq!(graph.stored("edge:WorksAt", &["src", "dst"]).await, ["Alice|Acme"]);
    assert_eq!(graph.stored("node:Company", &["name"]).await, ["Acme", "Globex"]);
}

#[tokio::test]
async fn deletes_count_every_entity_once_however_the_predicates_overlap() {
    let graph = TestGraph::people().await;
    graph.run(r#"insert Knows { from: "Alice", to: "Alice" }"#).await.unwrap();
    let statements = r#"
        delete Knows where from = "Alice"
        delete Knows where to = "Bob"
        delete Person where age >= 25
        delete Person where age > 0
        delete Person where name = "Alice"
    "#;
    assert_eq!(graph.run(statements).await.unwrap(), (4, 6));
    assert!(graph.stored("edge:Knows", &["src"]).await.is_empty());
}

#[tokio::test]
async fn null_never_matches_and_does_not_hide_a_row_from_later_predicates() {
    let graph = TestGraph::people().await;
    graph.run(r#"insert Person { name: "Eve" }  insert Person { name: "Frank" }"#).await.unwrap();
    assert_eq!(graph.run("delete Person where age != 30").await.unwrap().0, 3);
    assert_eq!(ages(&graph).await, ["Alice|30", "Eve|", "Frank|"]);
    let statements = r#"delete Person where age > 1000  delete Person where name = "Eve""#;
    assert_eq!(graph.run(statements).await.unwrap().0, 1);
    let query = "query q($age: I32?) { delete Person where age = $age }";
    assert_eq!(graph.mutate_with(query, json!({"age": null})).await.unwrap(), (0, 0, false));
    assert_eq!(ages(&graph).await, ["Alice|30", "Frank|"]);
}

#[tokio::test]
async fn edges_are_deleted_by_either_end_or_a_property() {
    let graph = TestGraph::people().await;
    graph.run(r#"insert Knows { from: "Diana", to: "Bob", since: date("2024-06-01") }"#).await.unwrap();
    assert_eq!(graph.run(r#"delete Knows where since < date("2025-01-01")"#).await.unwrap(), (0, 1));
    assert_eq!(graph.run(r#"delete Knows where to = "Bob""#).await.unwrap(), (0, 1));
    assert_eq!(graph.run(r#"delete Knows where from != "Bob""#).await.unwrap(), (0, 1));
    assert_eq!(graph.stored("edge:Knows", &["src", "dst"]).await, ["Bob|Diana"]);
}

#[tokio::test]
async fn inserts_updates_and_deletes_mix_in_order() {
    let graph = TestGraph::people().await;
    let statements = r#"
        insert Person { name: "Eve", age: 50 }
        insert Knows { from: "Alice", to: "Eve" }
        update Person set { age: 51 } where name = "Bob"
        delete Person where age > 49
        insert Person { name: "Bob", age: 1 }
    "#;
    assert_eq!(graph.run(statements).await.unwrap(), (5, 5));
    assert_eq!(ages(&graph).await, ["Alice|30", "Bob|1", "Charlie|35", "Diana|28"]);
    assert_eq!(graph.stored("edge:Knows", &["src", "dst"]).await, ["Alice|Charlie"]);
    assert_eq!(graph.stored("edge:WorksAt", &["src", "dst"]).await, ["Alice|Acme"]);
}

#[tokio::test]
async fn an_edge_to_a_node_deleted_earlier_in_the_query_is_refused() {
    let graph = TestGraph::people().await;
    let text = refused(
        graph.run(r#"delete Person where name = "Bob"  insert Knows { from: "Bob", to: "Alice" }"#).await,
    );
    assert!(text.contains("src 'Bob' not found in Person"), "{text}");
    assert_eq!(ages(&graph).await, AGES);
}

#[tokio::test]
async fn unmentioned_properties_keep_their_values() {
    let graph = TestGraph::new(
        "node Doc { slug: String @key  title: String?  pages: I32?  score: F64?  body: Blob?  at: DateTime? }",
    )
    .await;
    let insert = r#"query q($body: Blob) {
        insert Doc { slug: "a", title: "One", pages: 3, score: 0.5, body: $body, at: now() }
    }"#;
    graph.mutate_with(insert, json!({"body": "base64:aGVsbG8="})).await.unwrap();
    let columns = ["slug", "title", "score", "body", "at"];
    let before = graph.stored("node:Doc", &columns).await;
    assert_eq!(graph.run("update Doc set { pages: 4 } where pages = 3").await.unwrap(), (1, 0));
    assert_eq!(graph.stored("node:Doc", &columns).await, before);
    assert_eq!(graph.stored("node:Doc", &["pages"]).await, ["4"]);
}

#[tokio::test]
async fn several_updates_of_one_entity_collapse_into_one_image() {
    let graph = TestGraph::new("node T { k: String @key  a: I32?  b: I32? }").await;
    graph.run(r#"insert T { k: "x", a: 1, b: 1 }  insert T { k: "y", a: 2, b: 2 }"#).await.unwrap();
    let statements = r#"
        update T set { a: 10 } where k = "x"
        update T set { b: 20 } where a = 10
        update T set { a: 30 } where b >= 2
    "#;
    assert_eq!(graph.run(statements).await.unwrap(), (4, 0));
    assert_eq!(graph.stored("node:T", &["k", "a", "b"]).await, ["x|30|20", "y|30|2"]);
}

#[tokio::test]
async fn numbers_in_predicates_compare_by_value() {
    let graph = TestGraph::new("node T { k: String @key  i: I32?  s: F32?  d: F64? }").await;
    graph.run(r#"insert T { k: "x", i: 3, s: 0.1, d: 0.1 }"#).await.unwrap();
    let matched = async |predicate: &str| {
        graph.run(&format!("update T set {{ i: 3 }} where {predicate}")).await.unwrap().0
    };
    for predicate in ["i > 2.7", "i < 3.5", "i != 2.7", "s = 0.1", "d = 0.1", "i < 3000000000"] {
        assert_eq!(matched(predicate).await, 1, "{predicate}");
    }
    for predicate in ["i = 2.7", "i = 3000000000", "i > 3", "d < 0.1"] {
        assert_eq!(matched(predicate).await, 0, "{predicate}");
    }
}

#[tokio::test]
async fn values_that_do_not_fit_are_refused_also_when_nothing_matches() {
    let graph = TestGraph::people().await;
    let query = r#"query q($age: I64) { update Person set { age: $age } where name = "Nobody" }"#;
    let text = refused(graph.mutate_with(query, json!({"age": 3_000_000_000_i64})).await);
    assert!(text.contains("exceeds Int32 range"), "{text}");
    let query = r#"query q($age: I64) { insert Person { name: "Eve", age: $age } }"#;
    let text = refused(graph.mutate_with(query, json!({"age": 3_000_000_000_i64})).await);
    assert!(text.contains("exceeds Int32 range"), "{text}");
    assert_eq!(ages(&graph).await, AGES);
}

#[tokio::test]
async fn null_for_a_required_property_is_refused() {
    let graph = TestGraph::new("node T { k: String @key  n: I32 }").await;
    graph.run(r#"insert T { k: "x", n: 1 }"#).await.unwrap();
    for query in [
        r#"query q($n: I32?) { update T set { n: $n } where k = "x" }"#,
        r#"query q($n: I32?) { insert T { k: "y", n: $n } }"#,
    ] {
        let text = refused(graph.mutate_with(query, json!({})).await);
        assert!(text.contains("non-nullable") && text.contains('n'), "{text}");
    }
    assert_eq!(graph.stored("node:T", &["k", "n"]).await, ["x|1"]);
}

#[tokio::test]
async fn a_key_property_cannot_be_updated() {
    let graph = TestGraph::people().await;
    let text = refused(graph.run(r#"update Person set { name: "Al" } where name = "Alice""#).await);
    assert!(text.contains("cannot update @key property"), "{text}");
}

#[tokio::test]
async fn typed_and_composite_keys_identify() {
    let graph = TestGraph::new(
        "node Day { on: Date @key  n: I32? }  node Page { tenant: String  slug: String  n: I32?  @key(tenant, slug) }",
    )
    .await;
    graph.run(r#"insert Day { on: date("2024-06-01"), n: 1 }"#).await.unwrap();
    graph.run(r#"insert Day { on: date("2024-06-01"), n: 2 }"#).await.unwrap();
    graph.run(r#"update Day set { n: 3 } where on = date("2024-06-01")"#).await.unwrap();
    assert_eq!(graph.stored("node:Day", &["id", "n"]).await, ["19875|3"]);
    for tenant in ["a", "b", "a"] {
        graph.run(&format!(r#"insert Page {{ tenant: "{tenant}", slug: "s" }}"#)).await.unwrap();
    }
    assert_eq!(graph.run(r#"update Page set { n: 1 } where slug = "s""#).await.unwrap(), (2, 0));
    assert_eq!(graph.stored("node:Page", &["id"]).await, [r#"["s","a"]"#, r#"["s","b"]"#]);
}

#[tokio::test]
async fn the_instant_is_the_same_in_every_statement() {
    let graph = TestGraph::new("node T { k: String @key  at: DateTime }").await;
    graph.run(r#"insert T { k: "x", at: now() }  insert T { k: "y", at: now() }"#).await.unwrap();
    let instants = graph.stored("node:T", &["at"]).await;
    assert_eq!(instants[0], instants[1]);
    assert_eq!(graph.run("update T set { at: now() } where at <= now()").await.unwrap(), (2, 0));
}

#[tokio::test]
async fn a_deleted_and_reinserted_node_comes_back_without_its_edges() {
    let graph = TestGraph::people().await;
    let statements = r#"delete Person where name = "Alice"  insert Person { name: "Alice", age: 31 }"#;
    assert_eq!(graph.run(statements).await.unwrap(), (2, 3));
    assert!(ages(&graph).await.contains(&"Alice|31".to_owned()));
    assert_eq!(graph.stored("edge:Knows", &["src", "dst"]).await, ["Bob|Diana"]);
}

#[tokio::test]
async fn updates_larger_than_one_step_are_complete() {
    let graph = TestGraph::new("node T { k: String @key  n: I32  m: I32? }").await;
    let rows: String = (0..300).map(|n| format!(r#"insert T {{ k: "k{n}", n: {n} }} "#)).collect();
    for _ in 0..2 {
        assert_eq!(graph.run(&rows).await.unwrap(), (300, 0));
    }
    assert_eq!(
        graph.run("update T set { m: 1 } where n >= 100  delete T where n < 50").await.unwrap(),
        (250, 0)
    );
    let rows = graph.stored("node:T", &["m"]).await;
    assert_eq!((rows.len(), rows.iter().filter(|m| *m == "1").count()), (250, 200));
}

#[tokio::test]
async fn violations_are_bad_requests_with_structure() {
    let graph = TestGraph::people().await;
    let error = graph.run(r#"insert WorksAt { from: "Alice", to: "Nowhere" }"#).await.unwrap_err();
    assert!(
        matches!(&error, OmniError::Manifest(m) if m.kind == crate::error::ManifestErrorKind::BadRequest)
    );
    assert_eq!(
        error.violation().unwrap().to_string().split(" (").next(),
        Some("dst 'Nowhere' not found in Company")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_mutations_all_take_effect() {
    let graph = Arc::new(TestGraph::people().await);
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let graph = graph.clone();
            tokio::spawn(async move {
                graph
                    .run(&format!(
                        r#"insert Person {{ name: "p{n}" }} insert Knows {{ from: "p{n}", to: "Alice" }}"#
                    ))
                    .await
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), (1, 1));
    }
    assert_eq!(ages(&graph).await.len(), 12);
    assert_eq!(graph.stored("edge:Knows", &["src"]).await.len(), 11);
}
