//! `init`, `schema` and `lint`.

use serde_json::json;

use crate::sandbox::Sandbox;

#[test]
fn init_creates_a_graph_once() {
    let sandbox = Sandbox::empty();
    assert_eq!(sandbox.ok(&["init", "a/b/g", "--schema", "schema.pg"]), "initialized a/b/g\n");
    assert!(sandbox.exists("a/b/g/__manifest") && sandbox.exists("a/b/g/_schema.pg"));
    let again = sandbox.refused(&["init", "a/b/g", "--schema", "schema.pg"]);
    assert!(again.contains("already exists"), "{again}");
}

#[test]
fn a_schema_error_shows_file_line_and_hint_and_creates_nothing() {
    let sandbox = Sandbox::empty();
    sandbox.write("bad.pg", "node Person {\n    name: Strin @key\n}\n");
    let error = sandbox.refused(&["init", "g", "--schema", "bad.pg"]);
    assert!(error.contains("bad.pg:2:"), "{error}");
    assert!(error.contains("name: Strin @key") && error.contains('^'), "{error}");
    assert!(!sandbox.exists("g"));
}

#[test]
fn several_schema_errors_are_reported_at_once() {
    let sandbox = Sandbox::empty();
    sandbox.write("bad.pg", "node A {\n    x: I31 @key\n}\nnode B {\n    y: Strin\n}\nedge E: A -> C\n");
    let error = sandbox.refused(&["init", "g", "--schema", "bad.pg"]);
    for location in ["bad.pg:2:", "bad.pg:5:", "bad.pg:7:"] {
        assert!(error.contains(location), "{location}: {error}");
    }
}

#[test]
fn schema_show_returns_the_source() {
    let sandbox = Sandbox::with_graph();
    assert!(sandbox.ok(&["schema", "show", "g"]).starts_with("node Person {"));
    let shown = sandbox.json(&["schema", "show", "g", "--json"]);
    assert!(shown["schema_source"].as_str().unwrap().contains("edge WorksAt"));
}

#[test]
fn schema_plan_lists_steps_and_never_writes() {
    let sandbox = Sandbox::with_graph();
    let same = sandbox.ok(&["schema", "plan", "g", "--schema", "schema.pg"]);
    assert_eq!(same, "schema plan for g\nsupported: yes\nno schema changes\n");
    let source = sandbox.ok(&["schema", "show", "g"]);
    sandbox.write("next.pg", &source.replace("age: I32?", "age: I32?\n    email: String?"));
    let plan = sandbox.json(&["schema", "plan", "g", "--schema", "next.pg", "--json"]);
    assert_eq!(plan["supported"], json!(true));
    assert_eq!(plan["step_count"], json!(1));
    assert_eq!(plan["steps"][0]["kind"], json!("add_property"));
    assert_eq!(plan["steps"][0]["property_name"], json!("email"));
}

#[test]
fn schema_apply_changes_the_schema_once() {
    let sandbox = Sandbox::with_graph();
    let source = sandbox.ok(&["schema", "show", "g"]);
    sandbox.write("next.pg", &source.replace("age: I32?", "age: I32?\n    email: String?"));
    let run = sandbox.run(&["schema", "apply", "g", "--schema", "next.pg"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.starts_with("omnigraph schema apply → g (direct, local)"), "{}", run.stderr);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines[..3], ["schema apply for g", "supported: yes", "applied: yes"]);
    assert!(lines[3].starts_with("graph_manifest_version: "), "{}", run.stdout);
    assert_eq!(lines[4..], ["- add property 'Person.email' (String?) on node 'Person'"]);
    assert!(sandbox.ok(&["schema", "show", "g"]).contains("email"));

    let again = sandbox.json(&["schema", "apply", "g", "--schema", "next.pg", "--json"]);
    let version: u64 = lines[3].trim_start_matches("graph_manifest_version: ").parse().unwrap();
    let wanted = json!({
        "uri": "g", "supported": true, "applied": false, "step_count": 0,
        "graph_manifest_version": version, "steps": [],
    });
    assert_eq!(again, wanted);
    assert!(sandbox.ok(&["schema", "apply", "g", "--schema", "next.pg"]).ends_with("no schema changes\n"));
}

#[test]
fn schema_apply_refuses_what_no_migration_covers() {
    let sandbox = Sandbox::with_graph();
    let source = sandbox.ok(&["schema", "show", "g"]);
    sandbox.write("next.pg", &source.replace("age: I32?", "age: I64?"));
    let plan = sandbox.ok(&["schema", "plan", "g", "--schema", "next.pg"]);
    assert!(plan.contains("supported: no") && plan.contains("OG-MF-106"), "{plan}");
    let error = sandbox.refused(&["schema", "apply", "g", "--schema", "next.pg"]);
    assert!(error.contains("[OG-MF-106] changing property type"), "{error}");
    assert_eq!(sandbox.ok(&["schema", "show", "g"]), source);
    sandbox.write("bad.pg", "node Person {\n    name: Strin @key\n}\n");
    let error = sandbox.refused(&["schema", "apply", "g", "--schema", "bad.pg"]);
    assert!(error.contains("bad.pg:2:"), "{error}");
}

#[test]
fn schema_apply_allows_hard_drops_on_a_branch() {
    let sandbox = Sandbox::with_graph();
    let source = sandbox.ok(&["schema", "show", "g"]);
    sandbox.write("next.pg", &source.replace("since: Date?", ""));
    let hard = ["schema", "apply", "g", "--schema", "next.pg", "--allow-data-loss", "--json"];
    let applied = sandbox.json(&hard);
    assert_eq!(applied["steps"][0]["mode"], json!("hard"));
    let error = sandbox.refused(&["schema", "apply", "g", "--schema", "next.pg", "--branch", "none"]);
    assert!(error.contains("none"), "{error}");
}

#[test]
fn lint_reports_every_query_and_exits_1_on_errors() {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "mixed.gq",
        "query good() { match { $p: Person } return { $p.name } }\n\
         query bad() { match { $p: Person } return { $p.nam } }\n",
    );
    let run = sandbox.run(&["lint", "--query", "mixed.gq", "--schema", "schema.pg"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("OK    query `good` (read)"), "{}", run.stdout);
    assert!(run.stdout.contains("ERROR query `bad`: type error: T6"), "{}", run.stdout);
    let run = sandbox.run(&["lint", "--query", "mixed.gq", "--schema", "schema.pg", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["status"], json!("error"));
    assert_eq!(report["queries_processed"], json!(2));
    assert_eq!(sandbox.run(&["lint", "--query", "queries.gq", "--schema", "schema.pg"]).code, 0);
}

#[test]
fn lint_without_a_schema_says_what_it_needs() {
    let error = Sandbox::empty().refused(&["lint", "--query", "queries.gq"]);
    assert!(error.contains("lint requires --schema <schema.pg>"), "{error}");
}
