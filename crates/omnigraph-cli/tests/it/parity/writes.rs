//! Mutations, loads and schema changes write and report the same, and mistakes in them fail the same.

use serde_json::{Value, json};

use super::{BY_NAME, head, insert, people};

#[test]
fn mutations_write_and_report_the_same() {
    let mut targets = people();
    let before = head(&mut targets);
    insert(&mut targets, "main", "Eve", 21);
    let words = ["mutate", "remove_person", "--params", r#"{"name":"Bob"}"#];
    assert_eq!(
        targets.ok(&[&words[..], BY_NAME].concat()),
        "changed main via remove_person: 1 nodes, 3 edges\n"
    );
    let nothing = ["mutate", "remove_person", "--params", r#"{"name":"Nobody"}"#, "--json"];
    assert_eq!(targets.json(&[&nothing[..], BY_NAME].concat())["commit"], Value::Null);
    targets.ok(&["export"]);

    let now = head(&mut targets);
    let won = ["mutate", "insert_person", "--params", r#"{"name":"Fay"}"#, "--if-commit", &now, "--json"];
    targets.json(&[&won[..], BY_NAME].concat());
    for expected in [now.as_str(), before.as_str(), "01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        let lost = ["mutate", "insert_person", "--params", r#"{"name":"Gus"}"#, "--if-commit", expected];
        let lost = [&lost[..], BY_NAME].concat();
        let result = targets.same(&lost);
        assert_eq!((result.code, result.stdout.as_str()), (4, ""), "{}", result.error);
        let result = targets.same(&[&lost[..], &["--json"]].concat());
        assert_eq!((result.code, result.error.as_str()), (4, ""));
        let lost: Value = serde_json::from_str(&result.stdout).unwrap();
        let failure = &lost["precondition_failure"];
        assert!(failure["expected"].is_string() && failure["expected"] != failure["actual"], "{lost}");
    }
    targets.ok(&["export", "--type", "Person"]);
    targets.ok(&["commit", "list"]);
}

#[test]
fn mistakes_in_mutations_are_reported_the_same() {
    let mut targets = people();
    for words in [
        &["mutate", "-e", "query q() { insert Persn { name: \"x\" } }"][..],
        &["mutate", "-e", "query q() { insert Person { name: \"x\", nme: \"x\" } }"],
        &["mutate", "-e", "query q() { insert Person { name: \"Ann\", age: 200 } }"],
        &["mutate", "-e", "query q() { insert Knows { from: \"Alice\", to: \"Nobody\" } }"],
        &["mutate", "insert_person", "--query", "queries.gq"],
        &["mutate", "insert_person", "--query", "queries.gq", "--params", r#"{"name":"x","age":"old"}"#],
        &[
            "mutate",
            "insert_person",
            "--query",
            "queries.gq",
            "--params",
            r#"{"name":"x"}"#,
            "--branch",
            "mian",
        ],
    ] {
        targets.refused(words);
        targets.refused(&[words, &["--json"]].concat());
    }
    assert_eq!(targets.json(&["commit", "list", "--json"])["commits"].as_array().map(Vec::len), Some(2));
}

/// Of several mistakes in a text a server tells all in one text; the command line shows an excerpt for each.
#[test]
fn all_mistakes_of_a_text_are_reported() {
    let text = "type error: T11: type `Person` has no property `nme`";
    people().refused_with(&["mutate", "-e", "query q() { insert Person { nme: \"x\" } }"], text);
}

#[test]
fn loads_of_all_modes_do_the_same() {
    let mut targets = people();
    targets.sandbox.write("more.jsonl", "{\"type\":\"Person\",\"data\":{\"name\":\"Alice\",\"age\":31}}\n{\"type\":\"Person\",\"data\":{\"name\":\"Eve\"}}\n");
    targets.sandbox.write("fay.jsonl", "{\"type\":\"Person\",\"data\":{\"name\":\"Fay\"}}\n{\"edge\":\"Knows\",\"from\":\"Fay\",\"to\":\"Alice\"}\n");
    targets.sandbox.write("none.jsonl", "");
    targets.json(&["load", "--data", "more.jsonl", "--mode", "merge", "--json"]);
    targets.ok(&["load", "--data", "fay.jsonl", "--mode", "append"]);
    targets.same(&["load", "--data", "none.jsonl", "--mode", "append", "--json"]);
    let forked = targets.json(&[
        "load",
        "--data",
        "more.jsonl",
        "--mode",
        "merge",
        "--branch",
        "side",
        "--from",
        "main",
        "--json",
    ]);
    assert_eq!(forked["branch_created"], true);
    targets.ok(&["load", "--data", "rows.jsonl", "--mode", "merge", "--branch", "side", "--from", "main"]);
    targets.json(&["load", "--data", "rows.jsonl", "--mode", "overwrite", "--json", "--yes"]);
    targets.ok(&["export"]);
    targets.ok(&["export", "--branch", "side"]);
    targets.ok(&["branch", "list"]);
}

#[test]
fn lines_that_are_refused_are_reported_the_same() {
    let mut targets = people();
    let good = "{\"type\":\"Person\",\"data\":{\"name\":\"Zoe\"}}\n";
    for (index, line) in [
        "{\"type\":\"Persn\",\"data\":{\"name\":\"x\"}}",
        "{\"type\":\"Person\",\"data\":{\"nme\":\"x\"}}",
        "{\"type\":\"Person\",\"data\":{\"name\":5}}",
        "{\"type\":\"Person\",\"data\":{\"name\":\"Alice\"}}",
        "{\"type\":\"Person\",\"data\":{\"name\":\"Zoe\"}}",
        "{\"type\":\"Person\",\"data\":{\"name\":\"x\",\"age\":200}}",
        "{\"type\":\"Person\"",
        "[1]",
        "{\"edge\":\"Knows\",\"from\":\"Alice\",\"to\":\"Nobody\"}",
        "{\"edge\":\"Knws\",\"from\":\"Alice\",\"to\":\"Bob\"}",
    ]
    .into_iter()
    .enumerate()
    {
        let file = format!("bad{index}.jsonl");
        targets.sandbox.write(&file, &format!("{good}{line}\n"));
        let words = ["load", "--data", &file, "--mode", "append"];
        targets.refused(&words);
        targets.refused(&[&words[..], &["--json"]].concat());
    }
    for words in [
        &["load", "--data", "absent.jsonl", "--mode", "append"][..],
        &["load", "--data", "rows.jsonl", "--mode", "append", "--branch", "side", "--from", "mian"],
        &["load", "--data", "rows.jsonl", "--mode", "append", "--branch", "a b", "--from", "main"],
    ] {
        targets.refused(words);
        targets.refused(&[words, &["--json"]].concat());
    }
    assert_eq!(targets.ok(&["branch", "list"]), "main\n");
}

#[test]
fn ingests_do_the_same() {
    let mut targets = people();
    // Objects over several lines and on one line; members that nothing knows.
    targets.sandbox.write(
        "more.json",
        "{\"type\": \"Person\",\n \"data\": {\"name\": \"Alice\", \"age\": 31, \"hair\": 1}}\n\n\
         {\"type\":\"Person\",\"data\":{\"name\":\"Eve\"},\"seen\":true} {\"edge\":\"Knows\",\"from\":\"Eve\",\"to\":\"Alice\"}\n",
    );
    let result = targets.same(&["ingest", "--data", "more.json", "--json"]);
    assert_eq!(result.notes.len(), 1, "{result:?}");
    assert!(
        result.notes[0].starts_with("warning: ") && result.notes[0].contains("deprecated loader command"),
        "{result:?}"
    );
    let receipt: Value = serde_json::from_str(&result.stdout).unwrap();
    let keys: Vec<&String> = receipt.as_object().unwrap().keys().collect();
    let expected = [
        "uri",
        "branch",
        "base_branch",
        "branch_created",
        "mode",
        "nodes",
        "edges",
        "total_entities",
        "actor_id",
        "commit",
    ];
    assert_eq!(keys, expected);
    assert_eq!(
        (&receipt["branch"], &receipt["base_branch"], &receipt["branch_created"], &receipt["mode"]),
        (&json!("main"), &json!("main"), &json!(false), &json!("merge"))
    );
    assert_eq!(receipt["nodes"], json!([{"name": "Person", "entities_loaded": 2}]));
    assert_eq!(
        targets.ok(&["ingest", "--data", "more.json", "--branch", "side"]),
        "ingested 3 entities from URI into branch side from main with merge (branch created)\n\
         node type 'Person': 2 entities loaded\nedge type 'Knows': 1 entities loaded\n"
    );
    let again = ["ingest", "--data", "more.json", "--branch", "side", "--from", "main", "--quiet"];
    assert!(
        targets.ok(&again).starts_with(
            "ingested 3 entities from URI into branch side from main with merge (branch exists)\n"
        )
    );
    let forked =
        targets.json(&["ingest", "--data", "more.json", "--branch", "other", "--from", "side", "--json"]);
    assert_eq!((&forked["base_branch"], &forked["branch_created"]), (&json!("side"), &json!(true)));
    targets.sandbox.write("none.json", " \n");
    targets.ok(&["ingest", "--data", "none.json"]);
    targets.json(&["ingest", "--data", "rows.jsonl", "--mode", "overwrite", "--json", "--yes"]);
    targets.sandbox.write("fay.json", "{\"type\":\"Person\",\"data\":{\"name\":\"Fay\"}}");
    targets.ok(&["ingest", "--data", "fay.json", "--mode", "append"]);
    for branch in ["main", "side", "other"] {
        targets.ok(&["export", "--branch", branch, "--type", "Person"]);
    }
    assert_eq!(targets.ok(&["branch", "list"]), "main\nother\nside\n");
}

#[test]
fn refused_ingests_are_reported_the_same() {
    let mut targets = people();
    let good = "{\"type\":\"Person\",\"data\":{\"name\":\"Zoe\"}}";
    for (index, record) in [
        "{\"type\":\"Persn\",\"data\":{\"name\":\"x\"}}",
        "{\"type\":\"Person\",\"data\":{\"age\":5}}",
        "{\"type\":\"Person\",\"data\":{\"name\":\"x\",\"age\":200}}",
        "{\"type\":\"Person\",\"data\":{\"name\":\"Zoe\"}}",
        "{\"type\":\"Person\"",
        "{\"name\":\"x\"}",
        "{\"edge\":\"Knows\",\"from\":\"Alice\"}",
        "{\"edge\":\"Knows\",\"from\":\"Alice\",\"to\":\"Nobody\"}",
    ]
    .into_iter()
    .enumerate()
    {
        let file = format!("bad{index}.json");
        targets.sandbox.write(&file, &format!("{good}{record}\n"));
        let words = ["ingest", "--data", &file, "--branch", "new"];
        let error = targets.refused(&words);
        assert!(error.starts_with("error: ") && error.contains("record 2"), "{record}: {error}");
        targets.refused(&[&words[..], &["--json"]].concat());
    }
    for words in [
        &["ingest", "--data", "absent.json"][..],
        &["ingest", "--data", "rows.jsonl", "--mode", "append"],
        &["ingest", "--data", "rows.jsonl", "--branch", "new", "--from", "mian"],
        &["ingest", "--data", "rows.jsonl", "--branch", "a b"],
    ] {
        let result = targets.same(words);
        assert_eq!((result.code, result.notes.len()), (1, 1), "{words:?}: {}", result.error);
        targets.refused(&[words, &["--json"]].concat());
    }
    assert_eq!(targets.ok(&["branch", "list"]), "main\n");
    assert_eq!(targets.json(&["commit", "list", "--json"])["commits"].as_array().map(Vec::len), Some(2));
}

#[test]
fn schemas_change_the_same() {
    let mut targets = people();
    targets.ok(&["schema", "show"]);
    targets.json(&["schema", "show", "--json"]);
    let schema = targets.sandbox.read("schema.pg");
    targets
        .sandbox
        .write("wider.pg", &schema.replace("    age: I32?\n", "    age: I32?\n    city: String?\n"));
    targets.sandbox.write(
        "typed.pg",
        &schema.replace("age: I32?", "age: String?").replace("    @range(age, 0..150)\n", ""),
    );
    targets.sandbox.write("less.pg", &schema.replace("edge WorksAt: Person -> Company\n", ""));
    targets.sandbox.write("broken.pg", "node Person {\n    name: Strng @key\n}\n");
    targets.json(&["schema", "apply", "--schema", "schema.pg", "--json"]);
    targets.ok(&["schema", "apply", "--schema", "schema.pg"]);
    targets.json(&["schema", "apply", "--schema", "wider.pg", "--json"]);
    for file in ["typed.pg", "broken.pg", "absent.pg"] {
        targets.refused(&["schema", "apply", "--schema", file]);
        targets.refused(&["schema", "apply", "--schema", file, "--json"]);
    }
    targets.ok(&["schema", "show"]);
    targets.ok(&["schema", "apply", "--schema", "less.pg"]);
    targets.sandbox.write(
        "least.pg",
        "node Person {\n    name: String @key\n    age: I32?\n    @range(age, 0..150)\n}\n",
    );
    targets.json(&["schema", "apply", "--schema", "least.pg", "--allow-data-loss", "--json"]);
    targets.json(&["snapshot", "--json"]);
    targets.ok(&["export"]);
    targets.ok(&["commit", "list"]);
}
