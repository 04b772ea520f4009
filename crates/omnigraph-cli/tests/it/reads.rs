//! `query`, `snapshot`, `export`, `commit`.

use expect_test::expect;
use serde_json::json;

use crate::sandbox::Sandbox;

#[test]
fn a_query_prints_a_table() {
    let table = Sandbox::with_graph().ok(&["query", "people", "--store", "g", "--query", "queries.gq"]);
    expect![[r#"
        4 rows from branch main via people
        p.name  | p.age
        --------+------
        Alice   | 30   
        Bob     | 25   
        Charlie | 35   
        Diana   | 28   
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_query_prints_json_with_the_commit_it_read() {
    let sandbox = Sandbox::with_graph();
    let answer = sandbox.json(&[
        "query",
        "reach",
        "--store",
        "g",
        "--query",
        "queries.gq",
        "--params",
        r#"{"name":"Alice"}"#,
        "--json",
    ]);
    assert_eq!(answer["columns"], json!(["q.name"]));
    assert_eq!(answer["rows"], json!([{"q.name": "Bob"}, {"q.name": "Charlie"}, {"q.name": "Diana"}]));
    assert_eq!(answer["target"], json!({"branch": "main", "snapshot": null}));
    let head = sandbox.json(&["commit", "list", "g", "--json"])["commits"][0]["graph_commit_id"].clone();
    assert_eq!(answer["graph_commit_id"], head);
}

#[test]
fn csv_and_json_lines_are_formats() {
    let sandbox = Sandbox::with_graph();
    let query = "query q() { match { $p: Person { name: \"Bob\" } } return { $p.name, $p.age } }";
    let csv = sandbox.ok(&["query", "--store", "g", "-e", query, "--format", "csv"]);
    assert_eq!(csv, "p.name,p.age\nBob,25\n");
    let lines = sandbox.ok(&["query", "--store", "g", "-e", query, "--format", "jsonl"]);
    assert!(lines.ends_with("{\"p.name\":\"Bob\",\"p.age\":25}\n"), "{lines}");
}

#[test]
fn an_old_commit_can_be_queried() {
    let sandbox = Sandbox::with_graph();
    let before = sandbox.json(&["commit", "list", "g", "--json"])["commits"][0]["graph_commit_id"].clone();
    sandbox.ok(&[
        "mutate",
        "remove_person",
        "--store",
        "g",
        "--query",
        "queries.gq",
        "--params",
        r#"{"name":"Alice"}"#,
    ]);
    let count = "query n() { match { $p: Person } return { count($p) as n } }";
    let now = sandbox.json(&["query", "--store", "g", "-e", count, "--json"]);
    assert_eq!(now["rows"], json!([{"n": 3}]));
    let then = sandbox.json(&[
        "query",
        "--store",
        "g",
        "-e",
        count,
        "--json",
        "--snapshot",
        before.as_str().unwrap(),
    ]);
    assert_eq!(then["rows"], json!([{"n": 4}]));
    let unknown =
        sandbox.refused(&["query", "--store", "g", "-e", count, "--snapshot", "01ARZ3NDEKTSV4RRFFQ69G5FAV"]);
    assert!(unknown.contains("commit '01ARZ3NDEKTSV4RRFFQ69G5FAV' not found"), "{unknown}");
}

#[test]
fn a_type_error_shows_the_location_and_a_suggestion() {
    let error = Sandbox::with_graph().refused(&[
        "query",
        "--store",
        "g",
        "-e",
        "query q() { match { $p: Persn } return { $p.name } }",
    ]);
    assert!(error.contains("type error: T1"), "{error}");
    assert!(error.contains("Person") && error.contains('^'), "{error}");
}

#[test]
fn an_unknown_query_name_is_named() {
    let error = Sandbox::with_graph().refused(&["query", "peple", "--store", "g", "--query", "queries.gq"]);
    assert!(error.contains("query 'peple' not found"), "{error}");
}

#[test]
fn a_missing_and_a_wrong_parameter_are_named() {
    let sandbox = Sandbox::with_graph();
    let missing = sandbox.refused(&["query", "reach", "--store", "g", "--query", "queries.gq"]);
    assert!(missing.contains("parameter 'name' not provided"), "{missing}");
    let wrong = sandbox.refused(&[
        "query",
        "reach",
        "--store",
        "g",
        "--query",
        "queries.gq",
        "--params",
        r#"{"name":5}"#,
    ]);
    assert!(wrong.contains("param 'name': expected string"), "{wrong}");
    let not_object =
        sandbox.refused(&["query", "reach", "--store", "g", "--query", "queries.gq", "--params", "[1]"]);
    assert!(not_object.contains("params must be a JSON object"), "{not_object}");
}

#[test]
fn a_failure_with_json_is_one_object_on_stderr() {
    let error = Sandbox::with_graph().refused(&[
        "query",
        "--store",
        "g",
        "-e",
        "query q() { match { $p: Persn } return { $p.name } }",
        "--json",
    ]);
    let object: serde_json::Value = serde_json::from_str(&error).unwrap();
    assert_eq!(object["code"], json!("bad_request"));
    assert_eq!(object["diagnostics"][0]["line"], json!(1));
}

#[test]
fn a_mutation_is_refused_as_a_query_and_the_other_way_round() {
    let sandbox = Sandbox::with_graph();
    let error = sandbox.refused(&[
        "query",
        "remove_person",
        "--store",
        "g",
        "--query",
        "queries.gq",
        "--params",
        r#"{"name":"Bob"}"#,
    ]);
    assert!(error.contains("contains mutations") && error.contains("`omnigraph mutate`"), "{error}");
    let error = sandbox.refused(&["mutate", "people", "--store", "g", "--query", "queries.gq"]);
    assert!(error.contains("is a read") && error.contains("`omnigraph query`"), "{error}");
}

#[test]
fn explain_prints_the_plan() {
    let plan = Sandbox::with_graph().ok(&[
        "query",
        "reach",
        "--store",
        "g",
        "--query",
        "queries.gq",
        "--params",
        r#"{"name":"Alice"}"#,
        "--explain",
    ]);
    assert!(plan.contains("Exec"), "{plan}");
}

#[test]
fn snapshot_lists_edges_before_nodes() {
    let snapshot = Sandbox::with_graph().json(&["snapshot", "g", "--json"]);
    assert_eq!(snapshot["graph_manifest_version"], json!(2));
    let types: Vec<_> = snapshot["datasets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (d["type_name"].as_str().unwrap(), d["entity_count"].as_u64().unwrap()))
        .collect();
    assert_eq!(types, [("Knows", 3), ("WorksAt", 2), ("Company", 2), ("Person", 4)]);
}

#[test]
fn an_export_loads_into_an_equal_graph() {
    let sandbox = Sandbox::with_graph();
    let exported = sandbox.ok(&["export", "g"]);
    sandbox.write("exported.jsonl", &exported);
    sandbox.ok(&["init", "h", "--schema", "schema.pg"]);
    sandbox.ok(&["load", "h", "--data", "exported.jsonl", "--mode", "append"]);
    assert_eq!(sandbox.ok(&["export", "h"]), exported);
    let people = sandbox.ok(&["export", "g", "--type", "Person"]);
    assert_eq!(people.lines().count(), 4);
    let error = sandbox.refused(&["export", "g", "--type", "Persn"]);
    assert!(error.contains("did you mean 'Person'"), "{error}");
}

#[test]
fn commits_are_listed_newest_first_and_shown() {
    let sandbox = Sandbox::with_graph();
    let list = sandbox.json(&["commit", "list", "g", "--json"]);
    let commits = list["commits"].as_array().unwrap();
    assert_eq!(commits.len(), 2);
    assert_eq!(commits[0]["parent_commit_id"], commits[1]["graph_commit_id"]);
    assert_eq!(commits[1]["parent_commit_id"], json!(null));
    let id = commits[0]["graph_commit_id"].as_str().unwrap();
    assert_eq!(sandbox.json(&["commit", "show", id, "--uri", "g", "--json"]), commits[0]);
    let error = sandbox.refused(&["commit", "show", "nonsense", "--store", "g"]);
    assert!(error.contains("commit 'nonsense' not found"), "{error}");
}
