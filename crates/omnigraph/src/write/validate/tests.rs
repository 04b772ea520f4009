use crate::error::{OmniError, Violation};
use crate::write::fixtures::{PEOPLE_SCHEMA, Rows, TestGraph, refused};

fn conflict<T: std::fmt::Debug>(outcome: crate::Result<T>) -> String {
    match outcome.unwrap_err() {
        OmniError::KeyConflict { type_key, entity_id, .. } => format!("{type_key} {entity_id}"),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn append_refuses_ids_that_are_stored_and_names_the_first() {
    let graph = TestGraph::people().await;
    let rows = &[["Eve", "1", "Eve"], ["Bob", "2", "Bob"], ["Alice", "3", "Alice"]];
    assert_eq!(conflict(graph.apply(&[Rows::append("node:Person", rows)]).await), "node:Person Alice");
    assert_eq!(
        graph.stored("node:Person", &["id", "age"]).await,
        ["Alice|30", "Bob|25", "Charlie|35", "Diana|28"]
    );
}

#[tokio::test]
async fn merge_replaces_whole_entities_and_is_idempotent() {
    let graph = TestGraph::people().await;
    let rows = || [Rows::merge("node:Person", &[["Alice", "-", "Alice"], ["Eve", "5", "Eve"]])];
    for _ in 0..2 {
        graph.apply(&rows()).await.unwrap();
        let stored = graph.stored("node:Person", &["id", "age"]).await;
        assert_eq!(stored, ["Alice|", "Bob|25", "Charlie|35", "Diana|28", "Eve|5"]);
    }
    assert_eq!(graph.stored("edge:Knows", &["src"]).await.len(), 3);
}

#[tokio::test]
async fn a_key_that_occurs_twice_is_refused_in_every_mode() {
    let graph = TestGraph::people().await;
    let rows = &[["Eve", "1", "Eve"], ["Eve", "2", "Eve"]];
    for rows in [
        Rows::append("node:Person", rows),
        Rows::merge("node:Person", rows),
        Rows::overwrite("node:Person", rows),
    ] {
        let text = refused(graph.apply(&[rows]).await);
        assert!(text.contains("@unique violation on Person.name") && text.contains("Eve"), "{text}");
    }
}

#[tokio::test]
async fn an_explicit_id_that_occurs_twice_conflicts_except_in_merge_where_the_last_counts() {
    let graph = TestGraph::people().await;
    let rows = &[["e1", "Alice", "Bob", "2024-06-01"], ["e1", "Bob", "Alice", "2024-06-02"]];
    assert_eq!(conflict(graph.apply(&[Rows::append("edge:Knows", rows)]).await), "edge:Knows e1");
    assert_eq!(conflict(graph.apply(&[Rows::overwrite("edge:Knows", rows)]).await), "edge:Knows e1");
    graph.apply(&[Rows::merge("edge:Knows", rows)]).await.unwrap();
    let stored = graph.stored("edge:Knows", &["src", "dst", "since"]).await;
    assert_eq!(stored.len(), 4);
    assert!(stored.contains(&"Bob|Alice|2024-06-02".to_owned()), "{stored:?}");
}

#[tokio::test]
async fn overwrite_replaces_the_types_it_lists_and_keeps_the_others() {
    let graph = TestGraph::people().await;
    let people = &[["Alice", "1", "Alice"], ["Bob", "2", "Bob"], ["Zoe", "3", "Zoe"]];
    let knows = &[["k", "Zoe", "Alice", "-"]];
    graph
        .apply(&[Rows::overwrite("node:Person", people), Rows::overwrite("edge:Knows", knows)])
        .await
        .unwrap();
    assert_eq!(graph.stored("node:Person", &["id", "age"]).await, ["Alice|1", "Bob|2", "Zoe|3"]);
    assert_eq!(graph.stored("edge:Knows", &["src", "dst"]).await, ["Zoe|Alice"]);
    assert_eq!(graph.stored("edge:WorksAt", &["src", "dst"]).await, ["Alice|Acme", "Bob|Globex"]);
}

#[tokio::test]
async fn overwrite_may_not_cut_off_edges_of_types_it_does_not_list() {
    let graph = TestGraph::people().await;
    let people = &[["Alice", "1", "Alice"], ["Bob", "2", "Bob"], ["Diana", "3", "Diana"]];
    let text = refused(graph.apply(&[Rows::overwrite("node:Person", people)]).await);
    assert!(text.contains("dst 'Charlie' not found in Person"), "{text}");
    let text = refused(graph.apply(&[Rows::overwrite("node:Company", &[["Acme", "Acme"]])]).await);
    assert!(text.contains("dst 'Globex' not found in Company"), "{text}");
}

#[tokio::test]
async fn an_edge_may_not_end_at_a_node_of_another_type() {
    let graph = TestGraph::people().await;
    let text = refused(graph.apply(&[Rows::append("edge:WorksAt", &[["w", "Acme", "Acme"]])]).await);
    assert!(text.contains("src 'Acme' not found in Person"), "{text}");
}

#[tokio::test]
async fn the_read_set_holds_every_type_that_was_looked_at() {
    let graph = TestGraph::people().await;
    let reads = graph.apply(&[Rows::append("edge:WorksAt", &[["w", "Alice", "Acme"]])]).await.unwrap();
    assert_eq!(reads, ["node:Company", "node:Person", "edge:WorksAt"]);
    let companies = &[["Acme", "Acme"], ["Globex", "Globex"]];
    let reads = graph.apply(&[Rows::overwrite("node:Company", companies)]).await.unwrap();
    assert!(reads.contains(&"edge:WorksAt".to_owned()), "{reads:?}");
}

const TASKS: &str = r#"
    node Task {
        slug: String @key
        state: enum(todo, done)?
        points: I32?
        mail: String? @unique
        a: String?
        b: Date?
        @range(points, 0..10)
        @check(mail, "@")
        @unique(a, b)
    }
"#;

#[tokio::test]
async fn values_are_checked_by_property_and_null_passes() {
    let graph = TestGraph::new(TASKS).await;
    let columns = |state, points, mail| ["x", "-", "-", mail, points, "x", state];
    for (row, text) in [
        (columns("doing", "1", "-"), "invalid enum value 'doing' for Task.state; allowed: done, todo"),
        (columns("todo", "11", "-"), "@range violation on Task.points: 11 is not in 0..10"),
        (columns("todo", "-1", "-"), "@range violation on Task.points"),
        (columns("todo", "1", "mail"), "@check violation on Task.mail: 'mail' does not match '@'"),
    ] {
        let outcome = refused(graph.apply(&[Rows::append("node:Task", &[row])]).await);
        assert!(outcome.contains(text), "{outcome}");
    }
    graph.apply(&[Rows::append("node:Task", &[columns("-", "-", "-")])]).await.unwrap();
    let outcome = refused(graph.run(r#"update Task set { points: 12 } where slug = "x""#).await);
    assert!(outcome.contains("@range violation on Task.points"), "{outcome}");
}

#[tokio::test]
async fn a_unique_value_holds_across_commits_and_may_be_kept_or_passed_on() {
    let graph = TestGraph::new(TASKS).await;
    graph
        .run(r#"insert Task { slug: "x", mail: "m@x" }  insert Task { slug: "y", mail: "m@y" }"#)
        .await
        .unwrap();
    let text = refused(graph.run(r#"insert Task { slug: "z", mail: "m@x" }"#).await);
    assert!(text.contains("@unique violation on Task.mail") && text.contains("'x' and 'z'"), "{text}");
    graph.run(r#"insert Task { slug: "x", mail: "m@x", points: 1 }"#).await.unwrap();
    graph.run(r#"update Task set { mail: "m@x" } where slug = "x""#).await.unwrap();
    let swap = r#"
        update Task set { mail: "m@z" } where slug = "x"
        update Task set { mail: "m@x" } where slug = "y"
    "#;
    graph.run(swap).await.unwrap();
    assert_eq!(graph.stored("node:Task", &["slug", "mail"]).await, ["x|m@z", "y|m@x"]);
    graph.run(r#"delete Task where slug = "x"  insert Task { slug: "w", mail: "m@z" }"#).await.unwrap();
    assert_eq!(graph.stored("node:Task", &["slug", "mail"]).await, ["w|m@z", "y|m@x"]);
}

#[tokio::test]
async fn a_composite_unique_is_one_typed_tuple_and_exempts_null() {
    let graph = TestGraph::new(TASKS).await;
    graph.run(r#"insert Task { slug: "1", a: "x", b: date("2024-06-01") }"#).await.unwrap();
    graph.run(r#"insert Task { slug: "2", a: "x", b: date("2024-06-02") }"#).await.unwrap();
    graph.run(r#"insert Task { slug: "3", a: "x" }  insert Task { slug: "4", a: "x" }"#).await.unwrap();
    let text = refused(graph.run(r#"insert Task { slug: "5", a: "x", b: date("2024-06-02") }"#).await);
    assert!(text.contains("@unique violation on Task.(a, b)"), "{text}");
    assert!(text.contains("('x', 2024-06-02)") && text.contains("'2' and '5'"), "{text}");
}

#[tokio::test]
async fn two_rows_of_one_input_with_one_unique_value_are_refused_even_with_one_id() {
    let graph = TestGraph::new("node N { k: String @key }  edge E: N -> N { tag: String? @unique }").await;
    graph.run(r#"insert N { k: "n" }"#).await.unwrap();
    let rows = &[["e", "n", "n", "t"], ["e", "n", "n", "t"]];
    let text = refused(graph.apply(&[Rows::merge("edge:E", rows)]).await);
    assert!(text.contains("@unique violation on E.tag"), "{text}");
    let text = refused(
        graph
            .run(r#"insert E { from: "n", to: "n", tag: "t" } insert E { from: "n", to: "n", tag: "t" }"#)
            .await,
    );
    assert!(text.contains("@unique violation on E.tag"), "{text}");
}

#[tokio::test]
async fn unique_endpoints_forbid_parallel_edges() {
    let graph = TestGraph::new("node N { k: String @key }  edge E: N -> N { @unique(src, dst) }").await;
    graph.run(r#"insert N { k: "a" }  insert N { k: "b" }  insert E { from: "a", to: "b" }"#).await.unwrap();
    graph.run(r#"insert E { from: "b", to: "a" }"#).await.unwrap();
    let text = refused(graph.run(r#"insert E { from: "a", to: "b" }"#).await);
    assert!(text.contains("@unique violation on E.(dst, src)"), "{text}");
}

const BOUNDED: &str = "node P { k: String @key }  edge Owns: P -> P @card(1..2)";

async fn bounded() -> TestGraph {
    let graph = TestGraph::new(BOUNDED).await;
    graph.run(r#"insert P { k: "a" }  insert P { k: "b" }  insert P { k: "c" }"#).await.unwrap();
    graph
        .apply(&[Rows::append("edge:Owns", &[["1", "a", "b"], ["2", "a", "c"], ["3", "b", "c"]])])
        .await
        .unwrap();
    graph
}

#[tokio::test]
async fn both_bounds_hold_for_touched_sources_only() {
    let graph = bounded().await;
    let text = refused(graph.run(r#"insert Owns { from: "a", to: "a" }"#).await);
    assert!(text.contains("@card violation on edge Owns: source 'a' has 3 edges (max 2)"), "{text}");
    let text = refused(graph.run(r#"delete Owns where from = "b""#).await);
    assert!(text.contains("@card violation on edge Owns: source 'b' has 0 edges (min 1)"), "{text}");
    let text = refused(graph.run(r#"delete P where k = "c""#).await);
    assert!(text.contains("source 'b' has 0 edges (min 1)"), "{text}");
    graph.run(r#"insert P { k: "d" }"#).await.unwrap();
    graph.run(r#"delete Owns where to = "b""#).await.unwrap();
}

#[tokio::test]
async fn a_deleted_source_is_not_counted() {
    let graph = bounded().await;
    assert_eq!(graph.run(r#"delete P where k = "a""#).await.unwrap(), (1, 2));
    assert_eq!(graph.run("delete Owns where from = \"b\"  delete P where k = \"b\"").await.unwrap(), (1, 1));
}

#[tokio::test]
async fn a_moved_edge_counts_at_its_new_source_and_its_old_one_is_recounted() {
    let graph = bounded().await;
    let text = refused(graph.apply(&[Rows::merge("edge:Owns", &[["3", "a", "c"]])]).await);
    assert!(text.contains("source 'a' has 3 edges (max 2)"), "{text}");
    let text = refused(graph.apply(&[Rows::merge("edge:Owns", &[["3", "c", "c"]])]).await);
    assert!(text.contains("source 'b' has 0 edges (min 1)"), "{text}");
    graph.apply(&[Rows::merge("edge:Owns", &[["1", "b", "b"], ["1", "c", "b"]])]).await.unwrap();
    assert_eq!(graph.stored("edge:Owns", &["id", "src"]).await, ["1|c", "2|a", "3|b"]);
}

#[tokio::test]
async fn an_overwrite_recounts_every_former_source() {
    let graph = bounded().await;
    let text = refused(graph.apply(&[Rows::overwrite("edge:Owns", &[["4", "a", "b"]])]).await);
    assert!(text.contains("source 'b' has 0 edges (min 1)"), "{text}");
    let nodes = Rows::overwrite("node:P", &[["a", "a"]]);
    graph.apply(&[nodes, Rows::overwrite("edge:Owns", &[["4", "a", "a"]])]).await.unwrap();
}

#[tokio::test]
async fn checks_run_in_their_order_and_report_the_first_by_type_then_id() {
    let schema = r#"
        node A { k: String @key  n: I32?  @range(n, 0..) }
        node B { k: String @key  u: String? @unique }
        edge E: A -> A @card(0..0)
    "#;
    let graph = TestGraph::new(schema).await;
    let edges = || Rows::append("edge:E", &[["e2", "a", "x"], ["e1", "y", "a"]]);
    let unique = || Rows::append("node:B", &[["q", "q", "u"], ["p", "p", "u"]]);
    let values = Rows::append("node:A", &[["b", "b", "-1"], ["a", "a", "-2"]]);
    let good = || Rows::append("node:A", &[["b", "b", "1"], ["a", "a", "2"]]);
    let text = refused(graph.apply(&[values, unique(), edges()]).await);
    assert!(text.contains("@range violation on A.n: -2"), "{text}");
    let error = graph.apply(&[good(), unique(), edges()]).await.unwrap_err();
    assert!(
        matches!(error.violation(), Some(Violation::Unique { first, second, .. }) if first == "q" && second == "p")
    );
    let text = refused(graph.apply(&[good(), edges()]).await);
    assert!(text.contains("src 'y' not found in A"), "{text}");
    let text = refused(graph.apply(&[good(), Rows::append("edge:E", &[["e", "a", "a"]])]).await);
    assert!(text.contains("@card violation"), "{text}");
}

#[tokio::test]
async fn key_sets_larger_than_their_memory_give_the_same_answers() {
    let graph = TestGraph::with_budget(PEOPLE_SCHEMA, 0).await;
    let ids: Vec<String> = (0..40_000).map(|n| format!("person-{n:06}")).collect();
    let mut people: Vec<[&str; 3]> = ids.iter().map(|id| [id.as_str(), "-", id]).collect();
    let mut edges: Vec<[&str; 4]> = ids.windows(2).map(|w| [w[0].as_str(), &w[0], &w[1], "-"]).collect();
    edges.push(["z", "nobody", "person-000007", "-"]);
    let apply = |people: &[[&str; 3]], edges: &[[&str; 4]]| {
        [Rows::append("node:Person", people), Rows::append("edge:Knows", edges)]
    };
    let text = refused(graph.apply(&apply(&people, &edges)).await);
    assert!(text.contains("src 'nobody' not found in Person"), "{text}");
    edges.pop();
    people.push(people[17]);
    let text = refused(graph.apply(&apply(&people, &edges)).await);
    assert!(text.contains("@unique violation on Person.name") && text.contains("person-000017"), "{text}");
    people.pop();
    graph.apply(&apply(&people, &edges)).await.unwrap();
    assert_eq!(graph.stored("edge:Knows", &["id"]).await.len(), 39_999);
}
