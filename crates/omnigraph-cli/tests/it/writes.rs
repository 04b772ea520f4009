//! `load` and `mutate`.

use serde_json::json;

use crate::sandbox::Sandbox;

#[test]
fn load_reports_what_it_loaded() {
    let sandbox = Sandbox::empty();
    sandbox.ok(&["init", "g", "--schema", "schema.pg"]);
    let report =
        sandbox.json(&["load", "g", "--data", "rows.jsonl", "--mode", "append", "--json", "--as", "ada"]);
    assert_eq!(report["total_entities"], json!(11));
    assert_eq!(report["nodes"][1], json!({"name": "Person", "entities_loaded": 4}));
    assert_eq!(report["commit"]["actor_id"], json!("ada"));
    assert_eq!(report["commit"]["graph_manifest_version"], json!(2));
}

#[test]
fn load_prints_one_human_line_and_echoes_the_write() {
    let sandbox = Sandbox::empty();
    sandbox.ok(&["init", "g", "--schema", "schema.pg"]);
    let run = sandbox.run(&["load", "g", "--data", "rows.jsonl", "--mode", "append"]);
    assert_eq!(
        run.stdout,
        "loaded g on branch main with append: 11 entities across 2 node types and 2 edge types\n"
    );
    assert_eq!(run.stderr, "omnigraph load → g (direct, local)\n");
    let quiet = sandbox.run(&["load", "g", "--data", "rows.jsonl", "--mode", "overwrite", "--quiet"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
}

#[test]
fn a_bad_line_is_named_and_nothing_is_loaded() {
    let sandbox = Sandbox::with_graph();
    for (rows, fragment) in [
        ("{\"type\":\"Person\",\"data\":{\"name\":\"Eve\",\"age\":200}}\n", "@range violation on Person.age"),
        ("\n{\"type\":\"Persn\",\"data\":{\"name\":\"Eve\"}}\n", "unknown node type 'Persn'"),
        ("{\"type\":\"Person\",\"data\":{\"nam\":\"Eve\"}}\n", "unknown input field 'nam'"),
        ("{\"type\":\"Person\",\"data\":{\"name\":\"Eve\",\"age\":\"old\"}}\n", "expects Int32"),
        ("{\"type\":\"Person\",\"data\":{\"age\":1}}\n", "non-nullable"),
        ("{\"edge\":\"Knows\",\"from\":\"Alice\",\"to\":\"Nobody\"}\n", "dst 'Nobody' not found in Person"),
        ("{\"type\":\"Person\" \"data\":{}}\n", "line 1"),
    ] {
        sandbox.write(
            "bad.jsonl",
            &format!("{}{rows}", "{\"type\":\"Company\",\"data\":{\"name\":\"Half\"}}\n"),
        );
        let error = sandbox.refused(&["load", "g", "--data", "bad.jsonl", "--mode", "append", "--quiet"]);
        assert!(
            error.contains(fragment) || fragment == "line 1" && error.contains("line 2"),
            "{fragment}: {error}"
        );
    }
    let snapshot = sandbox.json(&["snapshot", "g", "--json"]);
    assert_eq!(snapshot["graph_manifest_version"], json!(2));
}

#[test]
fn append_refuses_an_existing_key_and_merge_replaces_it() {
    let sandbox = Sandbox::with_graph();
    sandbox.write("alice.jsonl", "{\"type\":\"Person\",\"data\":{\"name\":\"Alice\",\"age\":31}}\n");
    let error = sandbox.refused(&["load", "g", "--data", "alice.jsonl", "--mode", "append", "--quiet"]);
    assert!(error.contains("Alice") && error.contains("--mode merge"), "{error}");
    sandbox.ok(&["load", "g", "--data", "alice.jsonl", "--mode", "merge", "--quiet"]);
    let query = "query q() { match { $p: Person { name: \"Alice\" } } return { $p.age } }";
    assert_eq!(
        sandbox.json(&["query", "--store", "g", "-e", query, "--json"])["rows"],
        json!([{"p.age": 31}])
    );
}

#[test]
fn a_missing_file_and_an_unknown_branch_are_named() {
    let sandbox = Sandbox::with_graph();
    let error = sandbox.refused(&["load", "g", "--data", "nope.jsonl", "--mode", "append", "--quiet"]);
    assert!(error.contains("nope.jsonl"), "{error}");
    let error = sandbox.refused(&[
        "load",
        "g",
        "--data",
        "rows.jsonl",
        "--mode",
        "append",
        "--branch",
        "mian",
        "--quiet",
    ]);
    assert!(error.contains("branch 'mian' not found"), "{error}");
}

#[test]
fn a_mutation_counts_its_effects_and_returns_its_commit() {
    let sandbox = Sandbox::with_graph();
    let receipt = sandbox.json(&[
        "mutate",
        "remove_person",
        "--store",
        "g",
        "--query",
        "queries.gq",
        "--params",
        r#"{"name":"Alice"}"#,
        "--json",
    ]);
    assert_eq!((&receipt["affected_nodes"], &receipt["affected_edges"]), (&json!(1), &json!(3)));
    assert_eq!(receipt["commit"]["graph_manifest_version"], json!(3));
    let nothing = sandbox.json(&[
        "mutate",
        "remove_person",
        "--store",
        "g",
        "--query",
        "queries.gq",
        "--params",
        r#"{"name":"Alice"}"#,
        "--json",
    ]);
    assert_eq!((&nothing["affected_nodes"], &nothing["commit"]), (&json!(0), &json!(null)));
}

#[test]
fn if_commit_writes_only_on_the_expected_head() {
    let sandbox = Sandbox::with_graph();
    let head = sandbox.json(&["commit", "list", "g", "--json"])["commits"][0]["graph_commit_id"].clone();
    let head = head.as_str().unwrap();
    let write = |name: &str, json: bool| {
        let params = format!(r#"{{"name":"{name}"}}"#);
        let mut arguments = vec![
            "mutate",
            "insert_person",
            "--store",
            "g",
            "--query",
            "queries.gq",
            "--if-commit",
            head,
            "--params",
            &params,
        ];
        if json {
            arguments.push("--json");
        }
        sandbox.run(&arguments)
    };
    assert_eq!(write("Eve", false).code, 0);
    let lost = write("Mallory", false);
    assert_eq!((lost.code, lost.stdout.as_str()), (4, ""));
    assert!(lost.stderr.contains(&format!("expected head '{head}' but current is")), "{}", lost.stderr);
    let lost = write("Mallory", true);
    assert_eq!((lost.code, lost.stderr.as_str()), (4, ""));
    let object: serde_json::Value = serde_json::from_str(&lost.stdout).unwrap();
    assert_eq!(object["precondition_failure"]["expected"], json!(head));
    assert_eq!(sandbox.json(&["snapshot", "g", "--json"])["graph_manifest_version"], json!(3));
}

#[test]
fn a_load_forks_its_branch_when_a_base_is_given() {
    let sandbox = Sandbox::with_graph();
    sandbox.write("more.jsonl", "{\"type\":\"Company\",\"data\":{\"name\":\"Initech\"}}\n");
    let load =
        ["load", "g", "--data", "more.jsonl", "--mode", "merge", "--branch", "feature", "--from", "main"];
    let first = sandbox.json(&[&load[..], &["--json", "--quiet"]].concat());
    assert_eq!((&first["branch_created"], &first["base_branch"]), (&json!(true), &json!("main")));
    let second = sandbox.json(&[&load[..], &["--json", "--quiet"]].concat());
    assert_eq!((&second["branch_created"], &second["base_branch"]), (&json!(false), &json!("main")));
    let other = sandbox.run(&[&load[..6], &["--branch", "other", "--from", "feature", "--quiet"]].concat());
    assert!(other.stdout.ends_with("branch other created from feature\n"), "{}", other.stdout);
    let missing = sandbox.run(&[&load[..6], &["--branch", "nope"]].concat());
    assert!(missing.code == 1 && missing.stderr.contains("'nope'"), "{}", missing.stderr);
}
