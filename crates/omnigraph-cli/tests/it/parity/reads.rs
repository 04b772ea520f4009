//! Queries, states and Blob cells print the same, and mistakes in them fail the same.

use serde_json::json;

use super::{BY_NAME, documents, head, id, insert, people};
use crate::sandbox::Sandbox;
use crate::targets::{OUT, Targets};

#[test]
fn reads_print_the_same_in_every_format() {
    let mut targets = people();
    for format in ["table", "kv", "csv", "jsonl", "json"] {
        targets.ok(&[&["query", "people", "--format", format][..], BY_NAME].concat());
    }
    let none = "query q() { match { $p: Person { name: \"Nobody\" } } return { $p.name, $p.age } }";
    for format in ["table", "kv", "csv", "jsonl", "json"] {
        targets.ok(&["query", "-e", none, "--format", format]);
    }
    let alice = [&["query", "reach", "--params", r#"{"name":"Alice"}"#, "--json"][..], BY_NAME].concat();
    let read = targets.json(&alice);
    assert_eq!(read["row_count"], 3);
    targets.sandbox.write("params.json", r#"{"name":"Bob","extra":null}"#);
    targets.ok(&[&["query", "reach", "--params-file", "params.json"][..], BY_NAME].concat());

    let before = id(&read, "/graph_commit_id");
    insert(&mut targets, "main", "Eve", 21);
    let then = targets.json(&[&["query", "people", "--snapshot", &before, "--json"][..], BY_NAME].concat());
    assert_eq!(then["target"], json!({"branch": null, "snapshot": before}));
    targets.ok(&[&["query", "people", "--snapshot", &before][..], BY_NAME].concat());
    targets.ok(&[&["query", "people", "--branch", "main"][..], BY_NAME].concat());
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
    let mut targets = Targets::of(sandbox);
    let all = "query q() { match { $t: T } return { $t.k, $t.a, $t.b, $t.c, $t.d, $t.e, $t.f, $t.g, $t.h, $t.i, $t.l, $t.v } \
               order { $t.k } }";
    for format in ["table", "kv", "csv", "jsonl", "json"] {
        targets.ok(&["query", "-e", all, "--format", format]);
    }
    targets.ok(&["export"]);
}

#[test]
fn mistakes_in_queries_are_reported_the_same() {
    let mut targets = people();
    targets.sandbox.write("broken.gq", "query q() {\n    match { $p: Persn }\n    return { $p.name }\n}\n");
    targets.sandbox.write("empty.gq", "// nothing\n");
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
        let text = targets.refused(words);
        assert!(text.starts_with("error"), "{words:?}: {text}");
        let object = targets.refused(&[words, &["--json"]].concat());
        assert!(object.starts_with('{'), "{words:?}: {object}");
    }
}

#[test]
fn blobs_are_read_the_same() {
    let mut targets = documents();
    let at = head(&mut targets);
    let (mut described, mut read) = (0, 0);
    for entity in ["d1", "empty", "none", "nobody"] {
        for more in [&[][..], &["--branch", "main"], &["--snapshot", &at], &["--branch", "mian"]] {
            let words = ["blob", "stat", "node", "Doc", entity, "body"];
            described += i32::from(targets.same(&[&words[..], more].concat()).code == 0);
            described += i32::from(targets.same(&[&words[..], more, &["--json"]].concat()).code == 0);
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
            read += i32::from(targets.same(&[&words[..], more].concat()).code == 0);
            let to_file = targets.same(&[&words[..], more, &["--out", OUT]].concat());
            assert_eq!(to_file.file.is_some(), to_file.code == 0, "{entity} {more:?}: {to_file:?}");
            read += i32::from(to_file.code == 0);
        }
    }
    // `d1` and `empty` have a cell on `main`; what is asked of other cells, branches and ranges is refused.
    assert!(described >= 12 && read >= 14, "{described} described, {read} read");
    for words in [
        ["node", "Dok", "d1", "body"],
        ["node", "Doc", "d1", "bdy"],
        ["node", "Doc", "d1", "name"],
        ["edge", "Doc", "d1", "body"],
    ] {
        targets.refused(&[&["blob", "get"][..], &words].concat());
        targets.refused(&[&["blob", "stat"][..], &words, &["--json"]].concat());
    }
}
