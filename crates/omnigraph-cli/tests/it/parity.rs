//! The same commands on the storage of a graph and over HTTP: what they print, how they fail, what they write.
//!
//! Addresses, ids, times and what announces a write may differ; [`crate::sides`] takes them away. Every other difference
//! that is meant stands in a test here, with its reason.

use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::sides::{OUT, Sides};

const BY_NAME: &[&str] = &["--query", "queries.gq"];

fn people() -> Sides {
    Sides::of(Sandbox::with_graph())
}

/// A graph with a Blob property.
fn documents() -> Sides {
    let sandbox = Sandbox::empty();
    sandbox.write("blobs.pg", "node Doc { name: String @key  body: Blob? }");
    sandbox.write(
        "docs.jsonl",
        "{\"type\":\"Doc\",\"data\":{\"name\":\"d1\",\"body\":\"base64:aGVsbG8=\"}}\n\
         {\"type\":\"Doc\",\"data\":{\"name\":\"empty\",\"body\":\"base64:\"}}\n\
         {\"type\":\"Doc\",\"data\":{\"name\":\"none\"}}\n",
    );
    sandbox.ok(&["init", "g", "--schema", "blobs.pg"]);
    sandbox.ok(&["load", "g", "--data", "docs.jsonl", "--mode", "append"]);
    Sides::of(sandbox)
}

fn id(document: &Value, pointer: &str) -> String {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{document}")).to_owned()
}

fn head(sides: &mut Sides) -> String {
    let listed = sides.json(&["commit", "list", "--json"]);
    id(&listed, "/commits/0/graph_commit_id")
}

fn insert(sides: &mut Sides, branch: &str, name: &str, age: u32) {
    let params = json!({"name": name, "age": age}).to_string();
    let words = ["mutate", "insert_person", "--params", &params, "--branch", branch, "--json"];
    sides.json(&[&words[..], BY_NAME].concat());
}

#[test]
fn reads_print_the_same_in_every_format() {
    let mut sides = people();
    for format in ["table", "kv", "csv", "jsonl", "json"] {
        sides.ok(&[&["query", "people", "--format", format][..], BY_NAME].concat());
    }
    let none = "query q() { match { $p: Person { name: \"Nobody\" } } return { $p.name, $p.age } }";
    for format in ["table", "kv", "csv", "jsonl", "json"] {
        sides.ok(&["query", "-e", none, "--format", format]);
    }
    let alice = [&["query", "reach", "--params", r#"{"name":"Alice"}"#, "--json"][..], BY_NAME].concat();
    let read = sides.json(&alice);
    assert_eq!(read["row_count"], 3);
    sides.sandbox.write("params.json", r#"{"name":"Bob","extra":null}"#);
    sides.ok(&[&["query", "reach", "--params-file", "params.json"][..], BY_NAME].concat());

    let before = id(&read, "/graph_commit_id");
    insert(&mut sides, "main", "Eve", 21);
    let then = sides.json(&[&["query", "people", "--snapshot", &before, "--json"][..], BY_NAME].concat());
    assert_eq!(then["target"], json!({"branch": null, "snapshot": before}));
    sides.ok(&[&["query", "people", "--snapshot", &before][..], BY_NAME].concat());
    sides.ok(&[&["query", "people", "--branch", "main"][..], BY_NAME].concat());
}

#[test]
fn values_of_every_type_print_the_same() {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "types.pg",
        "node T {\n  k: String @key\n  a: I32?\n  b: I64?\n  c: U32?\n  d: U64?\n  e: F32?\n  f: F64?\n  \
         g: Bool?\n  h: Date?\n  i: DateTime?\n  l: [String]?\n  v: Vector(3)?\n}",
    );
    sandbox.write(
        "types.jsonl",
        "{\"type\":\"T\",\"data\":{\"k\":\"full\",\"a\":-1,\"b\":9007199254740993,\"c\":4294967295,\"d\":18446744073709551615,\
         \"e\":0.1,\"f\":1e-7,\"g\":true,\"h\":\"2024-02-29\",\"i\":\"2024-02-29T12:00:00.5Z\",\"l\":[\"x, y\",\"\\\"\"],\
         \"v\":[1,0,0.5]}}\n{\"type\":\"T\",\"data\":{\"k\":\"line\\nbreak\"}}\n",
    );
    sandbox.ok(&["init", "g", "--schema", "types.pg"]);
    sandbox.ok(&["load", "g", "--data", "types.jsonl", "--mode", "append"]);
    let mut sides = Sides::of(sandbox);
    let all = "query q() { match { $t: T } return { $t.k, $t.a, $t.b, $t.c, $t.d, $t.e, $t.f, $t.g, $t.h, $t.i, $t.l, $t.v } \
               order { $t.k } }";
    for format in ["table", "kv", "csv", "jsonl", "json"] {
        sides.ok(&["query", "-e", all, "--format", format]);
    }
    sides.ok(&["export"]);
}

#[test]
fn mistakes_in_queries_are_told_the_same() {
    let mut sides = people();
    sides.sandbox.write("broken.gq", "query q() {\n    match { $p: Persn }\n    return { $p.name }\n}\n");
    sides.sandbox.write("empty.gq", "// nothing\n");
    let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for words in [
        &["query", "-e", "query q( { }"][..],
        &["query", "-e", "query q() { match { $p: Persn } return { $p.name } }"],
        &["query", "-e", "query q() { match { $p: Person } return { $p.nme } }"],
        &["query", "-e", " "],
        &["query", "--query", "broken.gq"],
        &["query", "--query", "empty.gq"],
        &["query", "--query", "queries.gq"],
        &["query", "--query", "absent.gq"],
        &["query", "peple", "--query", "queries.gq"],
        &["query", "reach", "--query", "queries.gq"],
        &["query", "reach", "--query", "queries.gq", "--params", r#"{"name":5}"#],
        &["query", "reach", "--query", "queries.gq", "--params", r#"{"name":null}"#],
        &["query", "reach", "--query", "queries.gq", "--params", "[1]"],
        &["query", "reach", "--query", "queries.gq", "--params", "{"],
        &["query", "people", "--query", "queries.gq", "--branch", "mian"],
        &["query", "people", "--query", "queries.gq", "--branch", "a b"],
        &["query", "people", "--query", "queries.gq", "--snapshot", unknown],
        &["query", "people", "--query", "queries.gq", "--snapshot", "nonsense"],
    ] {
        let text = sides.refused(words);
        assert!(text.starts_with("error"), "{words:?}: {text}");
        let object = sides.refused(&[words, &["--json"]].concat());
        assert!(object.starts_with('{'), "{words:?}: {object}");
    }
}

#[test]
fn mutations_write_and_report_the_same() {
    let mut sides = people();
    let before = head(&mut sides);
    insert(&mut sides, "main", "Eve", 21);
    let words = ["mutate", "remove_person", "--params", r#"{"name":"Bob"}"#];
    assert_eq!(
        sides.ok(&[&words[..], BY_NAME].concat()),
        "changed main via remove_person: 1 nodes, 3 edges\n"
    );
    let nothing = ["mutate", "remove_person", "--params", r#"{"name":"Nobody"}"#, "--json"];
    assert_eq!(sides.json(&[&nothing[..], BY_NAME].concat())["commit"], Value::Null);
    sides.ok(&["export"]);

    let now = head(&mut sides);
    let won = ["mutate", "insert_person", "--params", r#"{"name":"Fay"}"#, "--if-commit", &now, "--json"];
    sides.json(&[&won[..], BY_NAME].concat());
    for expected in [now.as_str(), before.as_str(), "01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        let lost = ["mutate", "insert_person", "--params", r#"{"name":"Gus"}"#, "--if-commit", expected];
        let lost = [&lost[..], BY_NAME].concat();
        let outcome = sides.same(&lost);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (4, ""), "{}", outcome.error);
        let outcome = sides.same(&[&lost[..], &["--json"]].concat());
        assert_eq!((outcome.code, outcome.error.as_str()), (4, ""));
        let lost: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let failure = &lost["precondition_failure"];
        assert!(failure["expected"].is_string() && failure["expected"] != failure["actual"], "{lost}");
    }
    sides.ok(&["export", "--type", "Person"]);
    sides.ok(&["commit", "list"]);
}

#[test]
fn mistakes_in_mutations_are_told_the_same() {
    let mut sides = people();
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
        sides.refused(words);
        sides.refused(&[words, &["--json"]].concat());
    }
    assert_eq!(sides.json(&["commit", "list", "--json"])["commits"].as_array().map(Vec::len), Some(2));
}

#[test]
fn loads_of_all_modes_do_the_same() {
    let mut sides = people();
    sides.sandbox.write("more.jsonl", "{\"type\":\"Person\",\"data\":{\"name\":\"Alice\",\"age\":31}}\n{\"type\":\"Person\",\"data\":{\"name\":\"Eve\"}}\n");
    sides.sandbox.write("fay.jsonl", "{\"type\":\"Person\",\"data\":{\"name\":\"Fay\"}}\n{\"edge\":\"Knows\",\"from\":\"Fay\",\"to\":\"Alice\"}\n");
    sides.sandbox.write("none.jsonl", "");
    sides.json(&["load", "--data", "more.jsonl", "--mode", "merge", "--json"]);
    sides.ok(&["load", "--data", "fay.jsonl", "--mode", "append"]);
    sides.same(&["load", "--data", "none.jsonl", "--mode", "append", "--json"]);
    let forked = sides.json(&[
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
    sides.ok(&["load", "--data", "rows.jsonl", "--mode", "merge", "--branch", "side", "--from", "main"]);
    sides.json(&["load", "--data", "rows.jsonl", "--mode", "overwrite", "--json", "--yes"]);
    sides.ok(&["export"]);
    sides.ok(&["export", "--branch", "side"]);
    sides.ok(&["branch", "list"]);
}

#[test]
fn ingests_do_the_same() {
    let mut sides = people();
    // Objects over several lines and on one line; members that nothing knows.
    sides.sandbox.write(
        "more.json",
        "{\"type\": \"Person\",\n \"data\": {\"name\": \"Alice\", \"age\": 31, \"hair\": 1}}\n\n\
         {\"type\":\"Person\",\"data\":{\"name\":\"Eve\"},\"seen\":true} {\"edge\":\"Knows\",\"from\":\"Eve\",\"to\":\"Alice\"}\n",
    );
    let outcome = sides.same(&["ingest", "--data", "more.json", "--json"]);
    assert_eq!(outcome.notes.len(), 1, "{outcome:?}");
    assert!(
        outcome.notes[0].starts_with("warning: ") && outcome.notes[0].contains("deprecated loader command"),
        "{outcome:?}"
    );
    let receipt: Value = serde_json::from_str(&outcome.stdout).unwrap();
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
        sides.ok(&["ingest", "--data", "more.json", "--branch", "side"]),
        "ingested 3 entities from URI into branch side from main with merge (branch created)\n\
         node type 'Person': 2 entities loaded\nedge type 'Knows': 1 entities loaded\n"
    );
    let again = ["ingest", "--data", "more.json", "--branch", "side", "--from", "main", "--quiet"];
    assert!(
        sides.ok(&again).starts_with(
            "ingested 3 entities from URI into branch side from main with merge (branch exists)\n"
        )
    );
    let forked =
        sides.json(&["ingest", "--data", "more.json", "--branch", "other", "--from", "side", "--json"]);
    assert_eq!((&forked["base_branch"], &forked["branch_created"]), (&json!("side"), &json!(true)));
    sides.sandbox.write("none.json", " \n");
    sides.ok(&["ingest", "--data", "none.json"]);
    sides.json(&["ingest", "--data", "rows.jsonl", "--mode", "overwrite", "--json", "--yes"]);
    sides.sandbox.write("fay.json", "{\"type\":\"Person\",\"data\":{\"name\":\"Fay\"}}");
    sides.ok(&["ingest", "--data", "fay.json", "--mode", "append"]);
    for branch in ["main", "side", "other"] {
        sides.ok(&["export", "--branch", branch, "--type", "Person"]);
    }
    assert_eq!(sides.ok(&["branch", "list"]), "main\nother\nside\n");
}

#[test]
fn refused_ingests_are_told_the_same() {
    let mut sides = people();
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
        sides.sandbox.write(&file, &format!("{good}{record}\n"));
        let words = ["ingest", "--data", &file, "--branch", "new"];
        let error = sides.refused(&words);
        assert!(error.starts_with("error: ") && error.contains("record 2"), "{record}: {error}");
        sides.refused(&[&words[..], &["--json"]].concat());
    }
    for words in [
        &["ingest", "--data", "absent.json"][..],
        &["ingest", "--data", "rows.jsonl", "--mode", "append"],
        &["ingest", "--data", "rows.jsonl", "--branch", "new", "--from", "mian"],
        &["ingest", "--data", "rows.jsonl", "--branch", "a b"],
    ] {
        let outcome = sides.same(words);
        assert_eq!((outcome.code, outcome.notes.len()), (1, 1), "{words:?}: {}", outcome.error);
        sides.refused(&[words, &["--json"]].concat());
    }
    assert_eq!(sides.ok(&["branch", "list"]), "main\n");
    assert_eq!(sides.json(&["commit", "list", "--json"])["commits"].as_array().map(Vec::len), Some(2));
}

#[test]
fn lines_that_are_refused_are_told_the_same() {
    let mut sides = people();
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
        sides.sandbox.write(&file, &format!("{good}{line}\n"));
        let words = ["load", "--data", &file, "--mode", "append"];
        sides.refused(&words);
        sides.refused(&[&words[..], &["--json"]].concat());
    }
    for words in [
        &["load", "--data", "absent.jsonl", "--mode", "append"][..],
        &["load", "--data", "rows.jsonl", "--mode", "append", "--branch", "side", "--from", "mian"],
        &["load", "--data", "rows.jsonl", "--mode", "append", "--branch", "a b", "--from", "main"],
    ] {
        sides.refused(words);
        sides.refused(&[words, &["--json"]].concat());
    }
    assert_eq!(sides.ok(&["branch", "list"]), "main\n");
}

#[test]
fn branches_live_the_same() {
    let mut sides = people();
    sides.json(&["branch", "create", "etl/run-1", "--json"]);
    sides.ok(&["branch", "create", "later", "--from", "etl/run-1"]);
    sides.json(&["branch", "list", "--json"]);
    insert(&mut sides, "etl/run-1", "Eve", 21);
    sides.ok(&[&["query", "people", "--branch", "etl/run-1"][..], BY_NAME].concat());
    sides.json(&["snapshot", "--branch", "etl/run-1", "--json"]);
    sides.ok(&["snapshot", "--branch", "etl/run-1"]);
    assert_eq!(sides.ok(&["branch", "merge", "later"]), "merged later into main: already_up_to_date\n");
    assert_eq!(sides.json(&["branch", "merge", "etl/run-1", "--json"])["outcome"], "fast_forward");
    insert(&mut sides, "etl/run-1", "Fay", 22);
    insert(&mut sides, "main", "Gus", 23);
    let merged = sides.json(&["branch", "merge", "etl/run-1", "--delete-branch", "--json"]);
    assert_eq!((&merged["outcome"], &merged["branch_deleted"]), (&json!("merged"), &json!(true)));
    sides.ok(&["branch", "merge", "later", "--into", "main", "--delete-branch"]);
    sides.ok(&["branch", "create", "last"]);
    sides.json(&["branch", "delete", "last", "--json", "--yes"]);
    sides.ok(&["commit", "list"]);
    sides.json(&["commit", "list", "--json"]);
}

#[test]
fn conflicts_are_told_the_same() {
    let mut sides = people();
    sides.ok(&["branch", "create", "left"]);
    for (branch, age) in [("left", 31), ("main", 32)] {
        let text = format!("query u() {{ update Person set {{ age: {age} }} where name = \"Alice\" }}");
        sides.ok(&["mutate", "-e", &text, "--branch", branch]);
    }
    for more in [&[][..], &["--delete-branch"]] {
        let words = [&["branch", "merge", "left"][..], more].concat();
        let text = sides.refused(&words);
        assert_eq!(text, "error: merge conflicts: node type 'Person', entity id 'Alice' (divergent_update)");
        let object: Value =
            serde_json::from_str(&sides.refused(&[&words[..], &["--json"]].concat())).unwrap();
        assert_eq!(object["merge_conflicts"][0]["entity_id"], "Alice");
    }
    assert_eq!(sides.ok(&["branch", "list"]), "left\nmain\n");
}

#[test]
fn mistakes_with_branches_are_told_the_same() {
    let mut sides = people();
    for words in [
        &["branch", "delete", "main", "--yes"][..],
        &["branch", "delete", "mian", "--yes"],
        &["branch", "create", "main"],
        &["branch", "create", "a b"],
        &["branch", "create", "x", "--from", "mian"],
        &["branch", "merge", "main"],
        &["branch", "merge", "x"],
        &["branch", "merge", "main", "--into", "x"],
        &["snapshot", "--branch", "mian"],
        &["export", "--branch", "mian"],
        &["export", "--type", "Persn"],
        &["commit", "list", "--branch", "mian"],
        &["commit", "show", "nonsense"],
        &["commit", "show", "01ARZ3NDEKTSV4RRFFQ69G5FAV"],
        &["commit", "changes", "01ARZ3NDEKTSV4RRFFQ69G5FAV"],
    ] {
        sides.refused(words);
        if words[0] != "export" {
            sides.refused(&[words, &["--json"]].concat());
        }
    }
}

#[test]
fn state_and_history_print_the_same() {
    let mut sides = people();
    insert(&mut sides, "main", "Eve", 21);
    sides.json(&["snapshot", "--json"]);
    sides.ok(&["snapshot"]);
    sides.ok(&["export"]);
    sides.ok(&["export", "--type", "Person"]);
    sides.ok(&["export", "--type", "Knows", "--type", "Company"]);
    let listed = sides.json(&["commit", "list", "--json"]);
    sides.ok(&["commit", "list"]);
    let ids: Vec<String> = (0..3).map(|at| id(&listed, &format!("/commits/{at}/graph_commit_id"))).collect();
    for commit in &ids {
        sides.json(&["commit", "show", commit, "--json"]);
        sides.ok(&["commit", "show", commit]);
    }
    for more in [
        &[][..],
        &["--kind", "node"],
        &["--kind", "edge", "--kind", "node"],
        &["--type", "Person"],
        &["--type", "Knows", "--type", "WorksAt"],
        &["--op", "insert"],
        &["--op", "delete"],
        &["--limit", "2"],
    ] {
        for commit in &ids[..2] {
            sides.json(&[&["commit", "changes", commit, "--json"][..], more].concat());
            sides.ok(&[&["commit", "changes", commit][..], more].concat());
        }
    }
    for more in [&[][..], &["--json"]] {
        let words = ["commit", "changes", &ids[0], "--type", "Persn", "--type", "Company"];
        let outcome = sides.same(&[&words[..], more].concat());
        let warning = "warning: no type of branch 'main' is called 'Persn'; did you mean 'Person'?";
        assert_eq!((outcome.code, outcome.notes), (0, vec![warning.to_owned()]), "{more:?}");
    }
    sides.same(&["commit", "changes", &ids[1], "--limit", "9000", "--json"]);
    sides.same(&["commit", "changes", &ids[1], "--page-token", "nonsense", "--json"]);
}

#[test]
fn the_wrong_command_for_a_request_is_told_the_same() {
    let mut sides = people();
    let listed = sides.json(&["commit", "list", "--json"]);
    let (head, first) =
        (id(&listed, "/commits/0/graph_commit_id"), id(&listed, "/commits/1/graph_commit_id"));
    for (words, text) in [
        (
            &["query", "remove_person", "--query", "queries.gq", "--params", r#"{"name":"Bob"}"#][..],
            "query 'remove_person' contains mutations and cannot run as a read; run it with `omnigraph mutate`",
        ),
        (
            &["mutate", "people", "--query", "queries.gq"],
            "query 'people' is a read; run it with `omnigraph query`",
        ),
        (
            &["load", "--data", "rows.jsonl", "--mode", "append", "--branch", "mian"],
            "branch 'mian' not found; pass `from` to create it",
        ),
        (&["commit", "changes", &first], "has no parent to compare with"),
        (&["commit", "changes", &head, "--limit", "0"], "at least 1"),
    ] {
        let error = sides.refused(words);
        assert!(error.starts_with("error: ") && error.contains(text), "{words:?}: {error}");
        sides.refused(&[words, &["--json"]].concat());
    }
}

/// Of several mistakes in a text a server tells all in one text; the command line shows an excerpt for each.
#[test]
fn all_mistakes_of_a_text_are_told() {
    let text = "type error: T11: type `Person` has no property `nme`";
    people().refused_with(&["mutate", "-e", "query q() { insert Person { nme: \"x\" } }"], text);
}

/// What the HTTP API has no request for; the command line says so before it sends anything.
#[test]
fn some_flags_work_on_storage_only() {
    let mut sides = people();
    let at = head(&mut sides);
    sides.ok(&["branch", "create", "side"]);
    for words in [
        &["commit", "list", "--limit", "1", "--json"][..],
        &["commit", "list", "--after", &at, "--json"],
        &["commit", "list", "--filter", "actor=nobody", "--json"],
        &["branch", "merge", "side", "--dry-run", "--json"],
        &["branch", "merge", "side", "--resolve", "ours", "--json"],
        &["branch", "create", "old", "--snapshot", &at, "--json"],
        &["schema", "apply", "--schema", "schema.pg", "--branch", "side", "--json"],
        &["query", "people", "--query", "queries.gq", "--explain"],
        &["query", "people", "--query", "queries.gq", "--analyze"],
    ] {
        for (name, outcome) in sides.each(words) {
            if name == "storage" {
                assert_eq!(outcome.code, 0, "{words:?}: {}", outcome.error);
            } else {
                assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{words:?}");
                assert!(outcome.error.contains("works on storage only"), "{words:?}: {}", outcome.error);
            }
        }
    }
}

#[test]
fn feeds_are_followed_the_same() {
    let mut sides = people();
    let begin = head(&mut sides);
    insert(&mut sides, "main", "Eve", 21);
    sides.ok(&[&["mutate", "remove_person", "--params", r#"{"name":"Bob"}"#][..], BY_NAME].concat());
    let now = sides.json(&["changes", "poll", "--json"]);
    assert_eq!(now["blocks"], json!([]));
    sides.ok(&["changes", "poll", "--start", "now"]);
    for start in ["beginning", &format!("after:{begin}")] {
        for more in [
            &[][..],
            &["--limit", "2"],
            &["--kind", "edge"],
            &["--type", "Person", "--op", "delete"],
            &["--op", "insert", "--op", "update"],
        ] {
            let words = [&["changes", "poll", "--start", start][..], more].concat();
            sides.json(&[&words[..], &["--json"]].concat());
            sides.ok(&words);
        }
    }
    let cursor = id(&now, "/cursor");
    insert(&mut sides, "main", "Fay", 22);
    let polled = sides.json(&["changes", "poll", "--cursor", &cursor, "--json"]);
    assert_eq!(polled["blocks"].as_array().map(Vec::len), Some(1));
    sides.ok(&["changes", "poll", "--cursor", &cursor]);
    for words in [
        &["changes", "poll", "--cursor", "nonsense"][..],
        &["changes", "poll", "--cursor", &cursor, "--type", "Person"],
        &["changes", "poll", "--start", "after:01ARZ3NDEKTSV4RRFFQ69G5FAV"],
        &["changes", "poll", "--start", "beginning", "--branch", "mian"],
        &["changes", "poll", "--start", "beginning", "--limit", "0"],
        &["changes", "poll", "--start", "beginning", "--limit", "9000"],
        &["changes", "poll", "--start", "beginning", "--type", "Persn"],
    ] {
        sides.same(words);
        sides.same(&[words, &["--json"]].concat());
    }
}

#[test]
fn baselines_are_captured_the_same() {
    let mut sides = people();
    for more in [&[][..], &["--type", "Person"], &["--kind", "edge"], &["--op", "insert"]] {
        let words = [&["changes", "baseline", "--out", OUT][..], more].concat();
        let captured = sides.same(&[&words[..], &["--json"]].concat());
        assert!(captured.file.as_ref().is_some_and(|text| text.contains('\n')), "{captured:?}");
        sides.ok(&words);
        let document: Value = serde_json::from_str(&captured.stdout).unwrap();
        let cursor = id(&document, "/resume_cursor");
        let poll = [&["changes", "poll", "--cursor", &cursor, "--json"][..], more].concat();
        assert_eq!(sides.json(&poll)["blocks"], json!([]));
    }
    for words in [
        &["changes", "baseline", "--out", OUT, "--branch", "mian"][..],
        &["changes", "baseline", "--out", OUT, "--type", "Person", "--type", "Persn"],
        &["changes", "baseline", "--out", OUT, "--type", "Persn", "--branch", "mian"],
        &["changes", "baseline", "--out", "absent/folder/file"],
    ] {
        let outcome = sides.same(words);
        assert_eq!((outcome.code, outcome.file), (1, None), "{words:?}");
        sides.same(&[words, &["--json"]].concat());
    }
}

#[test]
fn blobs_are_read_the_same() {
    let mut sides = documents();
    let at = head(&mut sides);
    for entity in ["d1", "empty", "none", "nobody"] {
        for more in [&[][..], &["--branch", "main"], &["--snapshot", &at], &["--branch", "mian"]] {
            let words = ["blob", "stat", "node", "Doc", entity, "body"];
            sides.same(&[&words[..], more].concat());
            sides.same(&[&words[..], more, &["--json"]].concat());
        }
        for more in [
            &[][..],
            &["--offset", "1", "--length", "3"],
            &["--offset", "3", "--length", "99"],
            &["--offset", "4"],
            &["--offset", "5"],
            &["--length", "2"],
            &["--length", "0"],
            &["--offset", "1", "--length", "18446744073709551615"],
            &["--snapshot", &at],
            &["--snapshot", "01ARZ3NDEKTSV4RRFFQ69G5FAV"],
        ] {
            let words = ["blob", "get", "node", "Doc", entity, "body"];
            sides.same(&[&words[..], more].concat());
            sides.same(&[&words[..], more, &["--out", OUT]].concat());
        }
    }
    for words in [
        ["node", "Dok", "d1", "body"],
        ["node", "Doc", "d1", "bdy"],
        ["node", "Doc", "d1", "name"],
        ["edge", "Doc", "d1", "body"],
    ] {
        sides.refused(&[&["blob", "get"][..], &words].concat());
        sides.refused(&[&["blob", "stat"][..], &words, &["--json"]].concat());
    }
}

#[test]
fn schemas_change_the_same() {
    let mut sides = people();
    sides.ok(&["schema", "show"]);
    sides.json(&["schema", "show", "--json"]);
    let schema = sides.sandbox.read("schema.pg");
    sides.sandbox.write("wider.pg", &schema.replace("    age: I32?\n", "    age: I32?\n    city: String?\n"));
    sides.sandbox.write(
        "typed.pg",
        &schema.replace("age: I32?", "age: String?").replace("    @range(age, 0..150)\n", ""),
    );
    sides.sandbox.write("less.pg", &schema.replace("edge WorksAt: Person -> Company\n", ""));
    sides.sandbox.write("broken.pg", "node Person {\n    name: Strng @key\n}\n");
    sides.json(&["schema", "apply", "--schema", "schema.pg", "--json"]);
    sides.ok(&["schema", "apply", "--schema", "schema.pg"]);
    sides.json(&["schema", "apply", "--schema", "wider.pg", "--json"]);
    for file in ["typed.pg", "broken.pg", "absent.pg"] {
        sides.refused(&["schema", "apply", "--schema", file]);
        sides.refused(&["schema", "apply", "--schema", file, "--json"]);
    }
    sides.ok(&["schema", "show"]);
    sides.ok(&["schema", "apply", "--schema", "less.pg"]);
    sides.sandbox.write(
        "least.pg",
        "node Person {\n    name: String @key\n    age: I32?\n    @range(age, 0..150)\n}\n",
    );
    sides.json(&["schema", "apply", "--schema", "least.pg", "--allow-data-loss", "--json"]);
    sides.json(&["snapshot", "--json"]);
    sides.ok(&["export"]);
    sides.ok(&["commit", "list"]);
}
