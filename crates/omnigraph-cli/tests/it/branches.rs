//! `branch`, `tag` and `commit list` with filters.

use serde_json::json;

use crate::sandbox::Sandbox;

fn insert(sandbox: &Sandbox, branch: &str, name: &str, age: u32) {
    let params = format!("{{\"name\":\"{name}\",\"age\":{age}}}");
    let args = ["mutate", "insert_person", "--store", "g", "--query", "queries.gq", "--params", &params];
    sandbox.ok(&[&args[..], &["--branch", branch, "--as", name]].concat());
}

fn people(sandbox: &Sandbox, branch: &str) -> usize {
    let args = ["query", "people", "--store", "g", "--query", "queries.gq", "--branch", branch, "--json"];
    sandbox.json(&args)["rows"].as_array().unwrap().len()
}

#[test]
fn a_branch_is_made_written_merged_and_deleted() {
    let sandbox = Sandbox::with_graph();
    let made =
        sandbox.json(&["branch", "create", "review/a", "--uri", "g", "--json", "--as", "ed", "--quiet"]);
    assert_eq!(made, json!({"uri": "g", "from": "main", "name": "review/a", "actor_id": "ed"}));
    insert(&sandbox, "review/a", "Eve", 21);
    assert_eq!((people(&sandbox, "main"), people(&sandbox, "review/a")), (4, 5));
    let listed = sandbox.json(&["branch", "list", "--uri", "g", "--json"]);
    assert_eq!(listed, json!({"branches": ["main", "review/a"]}));

    let dry = sandbox.run(&["branch", "merge", "review/a", "--uri", "g", "--dry-run", "--quiet"]);
    assert_eq!(dry.stdout, "would merge review/a into main: fast_forward\n");
    assert_eq!(people(&sandbox, "main"), 4);
    let merged = sandbox.run(&["branch", "merge", "review/a", "--uri", "g", "--delete-branch"]);
    assert_eq!(merged.stdout, "merged review/a into main: fast_forward\ndeleted branch review/a\n");
    assert_eq!(merged.stderr, "omnigraph branch merge → g (direct, local)\n");
    assert_eq!(people(&sandbox, "main"), 5);
    assert_eq!(sandbox.run(&["branch", "list", "--uri", "g"]).stdout, "main\n");
}

#[test]
fn conflicts_are_listed_with_their_cure_and_resolved_on_request() {
    let sandbox = Sandbox::with_graph();
    sandbox.ok(&["branch", "create", "left", "--uri", "g"]);
    insert(&sandbox, "left", "Alice", 31);
    insert(&sandbox, "main", "Alice", 32);
    let refused = sandbox.run(&["branch", "merge", "left", "--uri", "g", "--quiet"]);
    assert_eq!(refused.code, 1);
    let conflict = "node type 'Person', entity id 'Alice' (divergent_update)";
    let expected = format!("error: merge conflicts: {conflict}\n  caused by: {conflict}: source and target");
    assert!(refused.stderr.starts_with(&expected), "{}", refused.stderr);
    assert!(refused.stderr.contains("--resolve properties"), "{}", refused.stderr);

    let refused = sandbox.run(&["branch", "merge", "left", "--uri", "g", "--quiet", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&refused.stderr).unwrap();
    assert_eq!(error["code"], "conflict");
    assert_eq!(error["merge_conflicts"][0]["entity_id"], "Alice");
    assert_eq!(error["merge_conflicts"][0]["kind"], "divergent_update");

    let args = ["branch", "merge", "left", "--uri", "g", "--quiet", "--json", "--delete-branch"];
    let merged = sandbox.json(&[&args[..], &["--resolve", "properties", "--resolve", "theirs"]].concat());
    assert_eq!(merged["outcome"], "merged");
    assert_eq!(merged["commit"]["graph_branch"], json!(null));
    assert_eq!(merged["branch_deleted"], true);
    let rows = sandbox.json(&["query", "people", "--store", "g", "--query", "queries.gq", "--json"]);
    assert_eq!(rows["rows"][0]["p.age"], 31);
}

#[test]
fn mistakes_with_branches_and_tags_are_named() {
    let sandbox = Sandbox::with_graph();
    for (args, fragment) in [
        (vec!["branch", "delete", "main"], "cannot delete branch 'main'"),
        (vec!["branch", "delete", "mian"], "branch 'mian' not found; did you mean 'main'?"),
        (vec!["branch", "create", "main"], "cannot create branch 'main'"),
        (vec!["branch", "create", "a b"], "blanks"),
        (vec!["branch", "create", "x", "--from", "mian"], "did you mean 'main'"),
        (vec!["branch", "merge", "main"], "distinct source and target"),
        (vec!["branch", "merge", "x"], "branch 'x' not found"),
        (vec!["tag", "delete", "v1"], "tag 'v1' not found"),
    ] {
        let error = sandbox.refused(&[&args[..], &["--uri", "g", "--quiet"]].concat());
        assert!(error.contains(fragment), "{args:?}: {error}");
    }
    let usage = sandbox.run(&["commit", "list", "g", "--filter", "who=ada"]);
    assert_eq!(usage.code, 2);
    assert!(usage.stderr.contains("expected actor=NAME"), "{}", usage.stderr);
}

#[test]
fn commits_are_filtered_paged_and_tagged() {
    let sandbox = Sandbox::with_graph();
    insert(&sandbox, "main", "Eve", 1);
    insert(&sandbox, "main", "Frank", 2);
    let ids = |args: &[&str]| -> Vec<String> {
        let listed = sandbox.json(&[&["commit", "list", "g", "--json"], args].concat());
        let commits = listed["commits"].as_array().unwrap().clone();
        commits.iter().map(|commit| commit["graph_commit_id"].as_str().unwrap().to_owned()).collect()
    };
    let all = ids(&[]);
    assert_eq!(ids(&["--filter", "actor=Eve"]), all[1..2]);
    assert_eq!(ids(&["--limit", "2", "--after", &all[0]]), all[1..3]);
    let tag = sandbox.json(&["tag", "create", "v1", "--snapshot", &all[1], "--uri", "g", "--json"]);
    assert_eq!(tag["graph_commit_id"], all[1].as_str());
    assert_eq!(sandbox.run(&["tag", "list", "--uri", "g"]).stdout, format!("v1 {}\n", all[1]));
    sandbox.ok(&["branch", "create", "old", "--snapshot", &all[1], "--uri", "g"]);
    assert_eq!(people(&sandbox, "old"), 5);
    assert_eq!(sandbox.run(&["tag", "delete", "v1", "--uri", "g"]).stdout, "deleted tag v1\n");
}
