//! `diff`, `commit changes`, `changes poll` and `changes baseline`.

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// A graph with a branch that changed one person, added one and deleted one.
fn changed() -> Sandbox {
    let sandbox = Sandbox::with_graph();
    sandbox.ok(&["branch", "create", "side", "--uri", "g", "--quiet"]);
    let text = "query c() {
        update Person set { age: 31 } where name = \"Alice\"
        insert Person { name: \"Eve\" }
        delete Person where name = \"Diana\"
    }";
    sandbox.ok(&["mutate", "--store", "g", "--branch", "side", "-e", text, "--as", "ed"]);
    sandbox
}

#[test]
fn a_difference_shows_what_branches_do_not_share() {
    let sandbox = changed();
    let text = sandbox.ok(&["diff", "main", "side", "--uri", "g", "--type", "Person", "--values"]);
    let expected = "update node Person Alice\n  age: 30 -> 31\ndelete node Person Diana\n  - age: 28\n  - name: Diana\n\
                    insert node Person Eve\n  + age: <null>\n  + name: Eve\n1 inserts, 1 updates, 1 deletes\n";
    assert_eq!(text, expected);
    let document = sandbox.json(&["diff", "side", "main", "--uri", "g", "--op", "insert", "--json"]);
    let ids: Vec<&Value> = document["changes"].as_array().unwrap().iter().map(|c| &c["id"]).collect();
    assert!(ids.contains(&&json!("Diana")), "{document}");
    let none = sandbox.ok(&["diff", "main", "main", "--uri", "g"]);
    assert_eq!(none, "0 inserts, 0 updates, 0 deletes\n");
}

#[test]
fn a_commit_tells_its_cause_and_its_changes() {
    let sandbox = changed();
    let commits = sandbox.json(&["commit", "list", "g", "--branch", "side", "--limit", "1", "--json"]);
    let id = commits["commits"][0]["graph_commit_id"].as_str().unwrap().to_owned();
    let document =
        sandbox.json(&["commit", "changes", &id, "--uri", "g", "--kind", "node", "--json", "--limit", "1"]);
    assert_eq!(document["cause"]["actor_id"], "ed");
    let ops: Vec<&str> =
        document["changes"].as_array().unwrap().iter().map(|change| change["op"].as_str().unwrap()).collect();
    assert_eq!(ops, ["update", "delete", "insert"]);
    assert_eq!(document["changes"][0]["before"]["properties"]["age"], 30);
    let text = sandbox.ok(&["commit", "changes", &id, "--uri", "g", "--kind", "edge"]);
    assert!(text.contains("delete edge Knows "), "{text}");
    assert!(text.contains("  Bob -> Diana\n"), "{text}");
}

#[test]
fn a_feed_is_followed_from_a_baseline_by_cursors() {
    let sandbox = changed();
    let args = ["changes", "baseline", "--uri", "g", "--out", "base.jsonl", "--branch", "side", "--json"];
    let captured = sandbox.json(&args);
    assert_eq!(
        std::fs::read_to_string(sandbox.path("base.jsonl")).unwrap(),
        sandbox.ok(&["export", "g", "--branch", "side"])
    );
    let cursor = captured["resume_cursor"].as_str().unwrap().to_owned();
    let poll = |cursor: &str| {
        sandbox.json(&["changes", "poll", "--uri", "g", "--branch", "side", "--cursor", cursor, "--json"])
    };
    let nothing = poll(&cursor);
    assert_eq!((&nothing["blocks"], &nothing["caught_up"]), (&json!([]), &json!(true)));
    sandbox.ok(&["branch", "merge", "main", "--into", "side", "--uri", "g", "--quiet"]);
    sandbox.ok(&[
        "mutate",
        "--store",
        "g",
        "--branch",
        "side",
        "-e",
        "query i() { insert Company { name: \"Initech\" } }",
    ]);
    let page = poll(&cursor);
    assert_eq!(page["blocks"].as_array().unwrap().len(), 1, "{page}");
    assert_eq!(page["blocks"][0]["changes"][0]["after"]["properties"]["name"], "Initech");
    let text = sandbox.ok(&["changes", "poll", "--uri", "g", "--start", "beginning"]);
    assert!(text.contains("insert node Person Alice\n"), "{text}");
    assert!(text.ends_with("caught_up: true\n"), "{text}");
}

#[test]
fn refused_polls_and_baselines_name_the_reason() {
    let sandbox = changed();
    let bad = sandbox.refused(&["changes", "poll", "--uri", "g", "--cursor", "nonsense"]);
    assert!(bad.contains("change cursor rejected:"), "{bad}");
    let usage = sandbox.run(&["changes", "poll", "--uri", "g", "--start", "yesterday"]);
    assert!(usage.stderr.contains("start must be now | beginning | after:<commit_id>"), "{}", usage.stderr);
    let commits = sandbox.json(&["commit", "list", "g", "--json"]);
    let first = commits["commits"].as_array().unwrap().last().unwrap()["graph_commit_id"].as_str().unwrap();
    let run = sandbox.run(&["commit", "changes", first, "--uri", "g", "--json"]);
    let error: Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!(error["change_diff_refusal"]["reason"], "parentless_commit");
    let gone =
        sandbox.refused(&["changes", "baseline", "--uri", "g", "--out", "x.jsonl", "--branch", "nope"]);
    assert!(gone.contains("branch 'nope' not found"), "{gone}");
    assert!(!sandbox.exists("x.jsonl"));
}
