//! A request for the wrong command or the wrong target fails the same.

use super::{head, id, people};

#[test]
fn the_wrong_command_for_a_request_is_reported_the_same() {
    let mut targets = people();
    let listed = targets.json(&["commit", "list", "--json"]);
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
        let error = targets.refused(words);
        assert!(error.starts_with("error: ") && error.contains(text), "{words:?}: {error}");
        targets.refused(&[words, &["--json"]].concat());
    }
}

/// What the HTTP API has no request for; the command line says so before it sends anything.
#[test]
fn some_flags_work_on_storage_only() {
    let mut targets = people();
    let at = head(&mut targets);
    targets.ok(&["branch", "create", "side"]);
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
        for (name, result) in targets.each(words) {
            if name == "storage" {
                assert_eq!(result.code, 0, "{words:?}: {}", result.error);
            } else {
                assert_eq!((result.code, result.stdout.as_str()), (1, ""), "{words:?}");
                assert!(result.error.contains("works on storage only"), "{words:?}: {}", result.error);
            }
        }
    }
}
