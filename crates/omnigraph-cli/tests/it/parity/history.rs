//! Branches, commits and change feeds print the same, and mistakes in them fail the same.

use serde_json::{Value, json};

use super::{BY_NAME, head, id, insert, people};
use crate::targets::OUT;

#[test]
fn branches_are_created_merged_and_deleted_the_same() {
    let mut targets = people();
    targets.json(&["branch", "create", "etl/run-1", "--json"]);
    targets.ok(&["branch", "create", "later", "--from", "etl/run-1"]);
    targets.json(&["branch", "list", "--json"]);
    insert(&mut targets, "etl/run-1", "Eve", 21);
    targets.ok(&[&["query", "people", "--branch", "etl/run-1"][..], BY_NAME].concat());
    targets.json(&["snapshot", "--branch", "etl/run-1", "--json"]);
    targets.ok(&["snapshot", "--branch", "etl/run-1"]);
    assert_eq!(targets.ok(&["branch", "merge", "later"]), "merged later into main: already_up_to_date\n");
    assert_eq!(targets.json(&["branch", "merge", "etl/run-1", "--json"])["outcome"], "fast_forward");
    insert(&mut targets, "etl/run-1", "Fay", 22);
    insert(&mut targets, "main", "Gus", 23);
    let merged = targets.json(&["branch", "merge", "etl/run-1", "--delete-branch", "--json"]);
    assert_eq!((&merged["outcome"], &merged["branch_deleted"]), (&json!("merged"), &json!(true)));
    targets.ok(&["branch", "merge", "later", "--into", "main", "--delete-branch"]);
    targets.ok(&["branch", "create", "last"]);
    targets.json(&["branch", "delete", "last", "--json", "--yes"]);
    targets.ok(&["commit", "list"]);
    targets.json(&["commit", "list", "--json"]);
}

#[test]
fn conflicts_are_reported_the_same() {
    let mut targets = people();
    targets.ok(&["branch", "create", "left"]);
    for (branch, age) in [("left", 31), ("main", 32)] {
        let text = format!("query u() {{ update Person set {{ age: {age} }} where name = \"Alice\" }}");
        targets.ok(&["mutate", "-e", &text, "--branch", branch]);
    }
    for more in [&[][..], &["--delete-branch"]] {
        let words = [&["branch", "merge", "left"][..], more].concat();
        let text = targets.refused(&words);
        assert_eq!(text, "error: merge conflicts: node type 'Person', entity id 'Alice' (divergent_update)");
        let object: Value =
            serde_json::from_str(&targets.refused(&[&words[..], &["--json"]].concat())).unwrap();
        assert_eq!(object["merge_conflicts"][0]["entity_id"], "Alice");
    }
    assert_eq!(targets.ok(&["branch", "list"]), "left\nmain\n");
}

#[test]
fn mistakes_with_branches_are_reported_the_same() {
    let mut targets = people();
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
        targets.refused(words);
        if words[0] != "export" {
            targets.refused(&[words, &["--json"]].concat());
        }
    }
}

#[test]
fn state_and_history_print_the_same() {
    let mut targets = people();
    insert(&mut targets, "main", "Eve", 21);
    targets.json(&["snapshot", "--json"]);
    targets.ok(&["snapshot"]);
    targets.ok(&["export"]);
    targets.ok(&["export", "--type", "Person"]);
    targets.ok(&["export", "--type", "Knows", "--type", "Company"]);
    let listed = targets.json(&["commit", "list", "--json"]);
    targets.ok(&["commit", "list"]);
    let ids: Vec<String> = (0..3).map(|at| id(&listed, &format!("/commits/{at}/graph_commit_id"))).collect();
    for commit in &ids {
        targets.json(&["commit", "show", commit, "--json"]);
        targets.ok(&["commit", "show", commit]);
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
            targets.json(&[&["commit", "changes", commit, "--json"][..], more].concat());
            targets.ok(&[&["commit", "changes", commit][..], more].concat());
        }
    }
    for more in [&[][..], &["--json"]] {
        let words = ["commit", "changes", &ids[0], "--type", "Persn", "--type", "Company"];
        let result = targets.same(&[&words[..], more].concat());
        let warning = "warning: no type of branch 'main' is called 'Persn'; did you mean 'Person'?";
        assert_eq!((result.code, result.notes), (0, vec![warning.to_owned()]), "{more:?}");
    }
    targets.refused(&["commit", "changes", &ids[1], "--limit", "9000", "--json"]);
    targets.refused(&["commit", "changes", &ids[1], "--page-token", "nonsense", "--json"]);
}

#[test]
fn feeds_are_followed_the_same() {
    let mut targets = people();
    let begin = head(&mut targets);
    insert(&mut targets, "main", "Eve", 21);
    targets.ok(&[&["mutate", "remove_person", "--params", r#"{"name":"Bob"}"#][..], BY_NAME].concat());
    let now = targets.json(&["changes", "poll", "--json"]);
    assert_eq!(now["blocks"], json!([]));
    targets.ok(&["changes", "poll", "--start", "now"]);
    for start in ["beginning", &format!("after:{begin}")] {
        for more in [
            &[][..],
            &["--limit", "2"],
            &["--kind", "edge"],
            &["--type", "Person", "--op", "delete"],
            &["--op", "insert", "--op", "update"],
        ] {
            let words = [&["changes", "poll", "--start", start][..], more].concat();
            targets.json(&[&words[..], &["--json"]].concat());
            targets.ok(&words);
        }
    }
    let cursor = id(&now, "/cursor");
    insert(&mut targets, "main", "Fay", 22);
    let polled = targets.json(&["changes", "poll", "--cursor", &cursor, "--json"]);
    assert_eq!(polled["blocks"].as_array().map(Vec::len), Some(1));
    targets.ok(&["changes", "poll", "--cursor", &cursor]);
    for words in [
        &["changes", "poll", "--cursor", "nonsense"][..],
        &["changes", "poll", "--cursor", &cursor, "--type", "Person"],
        &["changes", "poll", "--start", "after:01ARZ3NDEKTSV4RRFFQ69G5FAV"],
        &["changes", "poll", "--start", "beginning", "--branch", "mian"],
        &["changes", "poll", "--start", "beginning", "--limit", "0"],
        &["changes", "poll", "--start", "beginning", "--limit", "9000"],
    ] {
        targets.refused(words);
        targets.refused(&[words, &["--json"]].concat());
    }
    let unknown_type = ["changes", "poll", "--start", "beginning", "--type", "Persn"];
    targets.ok(&unknown_type);
    targets.json(&[&unknown_type[..], &["--json"]].concat());
}

#[test]
fn baselines_are_captured_the_same() {
    let mut targets = people();
    for more in [&[][..], &["--type", "Person"], &["--kind", "edge"], &["--op", "insert"]] {
        let words = [&["changes", "baseline", "--out", OUT][..], more].concat();
        let captured = targets.same(&[&words[..], &["--json"]].concat());
        assert!(captured.file.as_ref().is_some_and(|text| text.contains('\n')), "{captured:?}");
        targets.ok(&words);
        let document: Value = serde_json::from_str(&captured.stdout).unwrap();
        let cursor = id(&document, "/resume_cursor");
        let poll = [&["changes", "poll", "--cursor", &cursor, "--json"][..], more].concat();
        assert_eq!(targets.json(&poll)["blocks"], json!([]));
    }
    for words in [
        &["changes", "baseline", "--out", OUT, "--branch", "mian"][..],
        &["changes", "baseline", "--out", OUT, "--type", "Person", "--type", "Persn"],
        &["changes", "baseline", "--out", OUT, "--type", "Persn", "--branch", "mian"],
        &["changes", "baseline", "--out", "absent/folder/file"],
    ] {
        let result = targets.same(words);
        assert_eq!((result.code, result.file), (1, None), "{words:?}");
        targets.same(&[words, &["--json"]].concat());
    }
}
