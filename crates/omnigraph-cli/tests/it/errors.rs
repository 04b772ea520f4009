//! A mistake in any input is reported on stderr with its location and a cure, and changes nothing.

use serde_json::json;

use crate::sandbox::Sandbox;

#[test]
fn a_refused_row_is_shown_with_its_file_and_line() {
    let sandbox = Sandbox::with_graph();
    let row = r#"{"type":"Person","data":{"name":"Eve","age":"old"}}"#;
    sandbox
        .write("bad.jsonl", &format!("{{\"type\":\"Company\",\"data\":{{\"name\":\"Half\"}}}}\n\n{row}\n"));
    let load = ["load", "g", "--data", "bad.jsonl", "--mode", "append", "--quiet"];
    let error = sandbox.refused(&load);
    assert_eq!(
        error,
        format!(
            "error: line 3: property 'age' of Person expects Int32, got a string\n --> bad.jsonl:3\n  |\n3 | {row}\n  |\n"
        )
    );
    let error = sandbox.refused(&[&load[..], &["--json"]].concat());
    let object: serde_json::Value = serde_json::from_str(&error).unwrap();
    assert_eq!((&object["input"]["path"], &object["input"]["line"]), (&json!("bad.jsonl"), &json!(3)));
    assert_eq!(object["code"], json!("bad_request"));
}

#[test]
fn two_rows_of_one_key_are_reported_as_such() {
    let sandbox = Sandbox::with_graph();
    let row = "{\"type\":\"Person\",\"data\":{\"name\":\"Eve\"}}\n";
    sandbox.write("twice.jsonl", &row.repeat(2));
    let error = sandbox.refused(&["load", "g", "--data", "twice.jsonl", "--mode", "append", "--quiet"]);
    assert!(error.contains("@unique violation on Person.name"), "{error}");
    assert!(error.contains("two rows 'Eve', first on line 1") && error.contains("twice.jsonl:2"), "{error}");
}

#[test]
fn a_row_that_a_constraint_refuses_is_shown_with_its_line() {
    let sandbox = Sandbox::with_graph();
    let eve = r#"{"type":"Person","data":{"name":"Eve"}}"#;
    let load = ["load", "g", "--data", "bad.jsonl", "--mode", "append", "--quiet"];
    for (row, text) in [
        (r#"{"type":"Person","data":{"name":"Old","age":151}}"#, "@range violation on Person.age: 151"),
        (
            r#"{"type":"Person","data":{"name":"Bob"}}"#,
            "node type Person already has an entity with id 'Bob'",
        ),
        (r#"{"edge":"Knows","from":"Eve","to":"Nobody"}"#, "dst 'Nobody' not found in Person"),
    ] {
        sandbox.write("bad.jsonl", &format!("{eve}\n{row}\n"));
        let error = sandbox.refused(&load);
        assert!(error.starts_with(&format!("error: line 2: {text}")), "{error}");
        assert!(error.contains(&format!("--> bad.jsonl:2\n  |\n2 | {row}\n")), "{error}");
        let error = sandbox.refused(&[&load[..], &["--json"]].concat());
        let object: serde_json::Value = serde_json::from_str(&error).unwrap();
        assert_eq!(object["input"], json!({"path": "bad.jsonl", "line": 2}), "{error}");
    }
}

#[test]
fn a_path_that_cannot_be_read_has_a_code() {
    let sandbox = Sandbox::with_graph();
    std::fs::create_dir(sandbox.path("folder")).unwrap();
    for (data, code) in [("absent.jsonl", "not_found"), ("folder", "bad_request")] {
        let error = sandbox.refused(&["load", "g", "--data", data, "--mode", "append", "--json"]);
        let object: serde_json::Value = serde_json::from_str(&error).unwrap();
        assert_eq!(object["code"], json!(code), "{error}");
    }
}

#[test]
fn a_graph_below_a_file_is_reported() {
    let sandbox = Sandbox::empty();
    for uri in ["rows.jsonl/g", "rows.jsonl/deep/g"] {
        let error = sandbox.refused(&["init", uri, "--schema", "schema.pg"]);
        assert!(error.contains("its parent 'rows.jsonl' is not a directory"), "{error}");
    }
}

#[test]
fn a_table_that_was_deleted_by_hand_is_reported_as_missing() {
    let sandbox = Sandbox::with_graph();
    let nodes = sandbox.path("g/nodes");
    let before = sandbox.ok(&["export", "g"]);
    let mut failures = Vec::new();
    for entry in std::fs::read_dir(&nodes).unwrap() {
        let table = entry.unwrap().path();
        let aside = sandbox.path("aside");
        std::fs::rename(&table, &aside).unwrap();
        // Types before the missing one have been written by then.
        let export = sandbox.run(&["export", "g"]);
        assert_eq!(export.code, 1);
        let error = export.stderr;
        assert!(
            error.contains(&format!("restore 'nodes/{}'", table.file_name().unwrap().to_string_lossy())),
            "{error}"
        );
        assert!(error.contains("is missing") && !error.contains("reclaimed"), "{error}");
        failures.push(error);
        std::fs::rename(&aside, &table).unwrap();
    }
    assert!(failures.iter().any(|error| error.contains("the data of node type Person, table version")));
    assert!(failures.iter().any(|error| error.contains("the data of node type Company, table version")));
    assert_eq!(sandbox.ok(&["export", "g"]), before);
}

#[test]
fn a_file_in_place_of_a_graph_is_reported() {
    let sandbox = Sandbox::empty();
    for arguments in [
        vec!["snapshot", "rows.jsonl"],
        vec!["init", "rows.jsonl", "--schema", "schema.pg"],
        vec!["load", "rows.jsonl", "--data", "rows.jsonl", "--mode", "append"],
    ] {
        let error = sandbox.refused(&arguments);
        assert!(error.contains("'rows.jsonl' is a file; a graph is a directory"), "{error}");
    }
}

#[test]
fn init_replaces_the_schema_of_a_lost_graph_only_with_force() {
    let sandbox = Sandbox::with_graph();
    let init = ["init", "g", "--schema", "schema.pg"];
    let existing = sandbox.refused(&[&init[..], &["--force"]].concat());
    assert!(existing.contains("already initialized"), "{existing}");
    std::fs::remove_dir_all(sandbox.path("g/__manifest")).unwrap();
    let error = sandbox.refused(&init);
    assert!(error.contains("_schema.pg") && error.contains("--force"), "{error}");
    assert!(!sandbox.exists("g/__manifest"));
    sandbox.ok(&[&init[..], &["--force"]].concat());
    assert_eq!(sandbox.json(&["snapshot", "g", "--json"])["graph_manifest_version"], json!(1));
}

#[test]
fn a_graph_that_lost_its_format_stamp_is_distinguished_from_none() {
    let sandbox = Sandbox::with_graph();
    std::fs::remove_file(sandbox.path("g/__manifest/format.json")).unwrap();
    let error = sandbox.refused(&["snapshot", "g"]);
    assert!(error.contains("no graph at") && error.contains("without format.json"), "{error}");
}

#[test]
fn an_expected_head_that_is_no_commit_id_exits_4() {
    let sandbox = Sandbox::with_graph();
    let run = sandbox.run(&[
        "mutate",
        "insert_person",
        "--store",
        "g",
        "--query",
        "queries.gq",
        "--params",
        r#"{"name":"Eve"}"#,
        "--if-commit",
        "nope",
    ]);
    assert_eq!((run.code, run.stdout.as_str()), (4, ""));
    assert!(run.stderr.contains("expected head 'nope' but current is 0"), "{}", run.stderr);
    assert_eq!(sandbox.json(&["snapshot", "g", "--json"])["graph_manifest_version"], json!(2));
}

#[test]
fn an_export_of_an_unknown_type_suggests_one() {
    let error = Sandbox::with_graph().refused(&["export", "g", "--type", "Persn"]);
    assert!(error.contains("unknown export type 'Persn'; did you mean 'Person'?"), "{error}");
}

#[test]
fn a_filter_by_an_unknown_type_is_reported() {
    let sandbox = Sandbox::with_graph();
    let baseline = ["changes", "baseline", "--uri", "g", "--out", "base.jsonl", "--type", "Persn"];
    assert_eq!(sandbox.refused(&baseline), "error: unknown type 'Persn'\nhint: did you mean 'Person'?\n");
    assert!(!sandbox.exists("base.jsonl"));
    let poll = ["changes", "poll", "--uri", "g", "--start", "beginning", "--type"];
    for (name, warning) in [
        ("Persn", "warning: no type of branch 'main' is called 'Persn'; did you mean 'Person'?\n"),
        ("Zebra", "warning: no type of branch 'main' is called 'Zebra'\n"),
        ("Person", ""),
    ] {
        let run = sandbox.run(&[&poll[..], &[name]].concat());
        assert_eq!((run.code, run.stderr.as_str()), (0, warning));
    }
    for json in [&[][..], &["--json"]] {
        let diff = ["diff", "main", "main", "--uri", "g", "--type", "Persn", "--type", "Person"];
        let run = sandbox.run(&[&diff[..], json].concat());
        let warning = "warning: no type of 'main' or 'main' is called 'Persn'; did you mean 'Person'?\n";
        assert_eq!((run.code, run.stderr.as_str()), (0, warning));
    }
}

#[test]
fn lint_names_the_location_of_an_error() {
    let sandbox = Sandbox::empty();
    let lint = ["lint", "--query", "bad.gq", "--schema", "schema.pg"];
    sandbox.write("bad.gq", "query bad() {\n    match { $p: Person }\n    return { $p.nam }\n}\n");
    let run = sandbox.run(&lint);
    assert!(run.stdout.contains("has no property `nam` (bad.gq:3:17)\n"), "{}", run.stdout);
    sandbox.write("bad.gq", "query bad() {\n    mach { $p: Person }\n}\n");
    let run = sandbox.run(&lint);
    assert_eq!(run.code, 1);
    assert!(
        run.stdout.starts_with("ERROR parse error: ") && run.stdout.contains("(bad.gq:2:5)\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_plan_is_spelled_step_by_step() {
    let sandbox = Sandbox::with_graph();
    sandbox.write(
        "next.pg",
        "node Person @description(\"people\") {\n    name: String @key\n    years: I32? @rename_from(\"age\")\n    \
         @range(years, 0..150)\n    mood: enum(good, bad)?\n}\nnode City { name: String @key }\n\
         edge Knows: Person -> Person\n",
    );
    let plan = sandbox.ok(&["schema", "plan", "g", "--schema", "next.pg"]);
    for line in [
        "- add node type 'City'",
        "- rename property 'Person.age' -> 'Person.years' on node 'Person'",
        "- add property 'Person.mood' (Enum(bad|good)?) on node 'Person'",
        "- update metadata on node 'Person' (@description(\"people\"))",
        "- drop property 'Knows.since' of edge 'Knows' (soft mode)",
        "- drop edge type 'WorksAt' (soft mode)",
        "- drop node type 'Company' (soft mode)",
    ] {
        assert!(plan.lines().any(|l| l == line), "{line}: {plan}");
    }
    let hard = sandbox.ok(&["schema", "plan", "g", "--schema", "next.pg", "--allow-data-loss"]);
    assert!(hard.contains("- drop node type 'Company' (hard mode)\n"), "{hard}");
    sandbox.write("next.pg", &sandbox.ok(&["schema", "show", "g"]).replace("age: I32?", "age: I64?"));
    let refused = sandbox.ok(&["schema", "plan", "g", "--schema", "next.pg"]);
    assert!(refused.contains("supported: no\n- unsupported change on node:Person.age"), "{refused}");
}

#[test]
fn a_version_that_only_an_old_commit_needs_is_reported_as_reclaimed() {
    let sandbox = Sandbox::with_graph();
    let before = sandbox.json(&["commit", "list", "g", "--json"])["commits"][0]["graph_commit_id"].clone();
    let manifests = || -> std::collections::BTreeSet<std::path::PathBuf> {
        let tables = std::fs::read_dir(sandbox.path("g/nodes")).unwrap();
        let versions = tables.map(|table| table.unwrap().path().join("_versions"));
        versions.flat_map(|of| std::fs::read_dir(of).unwrap().map(|file| file.unwrap().path())).collect()
    };
    let old = manifests();
    sandbox.write("eve.jsonl", "{\"type\":\"Person\",\"data\":{\"name\":\"Eve\"}}\n");
    sandbox.ok(&["load", "g", "--data", "eve.jsonl", "--mode", "append"]);
    let new: Vec<std::path::PathBuf> = manifests().difference(&old).cloned().collect();
    let people = new[0].parent().unwrap();
    for manifest in old.iter().filter(|manifest| manifest.starts_with(people)) {
        std::fs::remove_file(manifest).unwrap();
    }
    let query = "query q() { match { $p: Person } return { count($p) as n } }";
    let now = ["query", "--store", "g", "-e", query, "--json"];
    assert_eq!(sandbox.json(&now)["rows"], json!([{"n": 5}]));
    let error = sandbox.refused(&[&now[..], &["--snapshot", before.as_str().unwrap()]].concat());
    assert!(error.contains("of node type Person was reclaimed by cleanup"), "{error}");
}
