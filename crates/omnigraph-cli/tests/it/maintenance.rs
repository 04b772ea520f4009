//! `optimize`, `repair`, `cleanup` and `recovery list`.

use serde_json::json;

use crate::sandbox::Sandbox;

/// A graph whose persons stand in several fragments.
fn grown() -> Sandbox {
    let sandbox = Sandbox::with_graph();
    for name in ["Eve", "Frank", "Grace"] {
        let params = json!({ "name": name }).to_string();
        let mutate =
            ["mutate", "insert_person", "--store", "g", "--query", "queries.gq", "--params", params.as_str()];
        sandbox.ok(&mutate);
    }
    sandbox
}

#[test]
fn optimize_reports_each_dataset_and_then_nothing_to_do() {
    let sandbox = grown();
    let run = sandbox.run(&["optimize", "g"]);
    assert_eq!(run.stderr, "omnigraph optimize → g (direct, local)\n");
    assert!(run.stdout.starts_with("optimize g — 5 datasets\n  node:Company"), "{}", run.stdout);
    assert!(
        run.stdout.contains("  node:Person                             frags 4 → 1 ✓\n"),
        "{}",
        run.stdout
    );

    let report = sandbox.json(&["optimize", "g", "--json", "--quiet"]);
    let datasets = report["datasets"].as_array().unwrap();
    assert_eq!((report["uri"].clone(), datasets.len()), (json!("g"), 5));
    assert_eq!(
        datasets[4],
        json!({
            "type_key": "__manifest", "fragments_removed": 0, "fragments_added": 0, "committed": false,
            "skipped": null, "published_dataset_version": null, "lance_head_version": null, "pending_indexes": [],
        })
    );
    assert!(datasets.iter().all(|dataset| dataset["committed"] == json!(false)));
}

#[test]
fn repair_finds_nothing() {
    let sandbox = grown();
    let text = sandbox.ok(&["repair", "g", "--quiet"]);
    assert!(text.starts_with("repair g — preview mode, 4 datasets\n"), "{text}");
    assert!(
        text.contains("  node:Person                             no_op       no_drift              5\n"),
        "{text}"
    );
    let report = sandbox.json(&["repair", "g", "--confirm", "--force", "--json", "--quiet"]);
    assert_eq!(
        (report["confirm"].clone(), report["graph_manifest_version"].clone()),
        (json!(true), json!(null))
    );
    assert_eq!(report["datasets"][0]["classification"], json!("no_drift"));
    assert_eq!(sandbox.run(&["repair", "g", "--force"]).code, 2);
}

#[test]
fn cleanup_previews_until_it_is_confirmed() {
    let sandbox = grown();
    let preview = sandbox.run(&["cleanup", "g", "--keep", "1"]);
    assert_eq!((preview.code, preview.stdout.as_str()), (0, ""));
    assert!(preview.stderr.contains("--confirm") && preview.stderr.contains("keep 1"), "{}", preview.stderr);
    let planned = sandbox.json(&["cleanup", "g", "--keep", "1", "--json"]);
    assert_eq!((planned["preview"].clone(), planned["keep_versions"].clone()), (json!(true), json!(1)));

    let done = sandbox.json(&["cleanup", "g", "--keep", "1", "--confirm", "--json"]);
    assert_eq!(done["datasets"], planned["datasets"]);
    assert_eq!((done["preview"].clone(), done["older_than_secs"].clone()), (json!(null), json!(null)));
    // Company 1 (the empty table), Person 4, Knows 1, WorksAt 1.
    let removed: u64 = done["datasets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|dataset| dataset["old_versions_removed"].as_u64().unwrap())
        .sum();
    assert_eq!(removed, 7);

    let run = sandbox.run(&["cleanup", "g", "--keep", "1", "--older-than", "2h", "--confirm"]);
    assert_eq!(
        run.stdout,
        "cleanup g (keep 1, older than 7200s) — removed 0 versions (0 bytes) across 4 datasets\n"
    );
    assert_eq!(run.stderr, "omnigraph cleanup → g (direct, local)\n");
    assert!(sandbox.ok(&["query", "people", "--store", "g", "--query", "queries.gq"]).contains("Grace"));
}

#[test]
fn cleanup_needs_a_rule_it_understands() {
    let sandbox = grown();
    let error = sandbox.refused(&["cleanup", "g"]);
    assert!(error.contains("--keep") && error.contains("--older-than"), "{error}");
    for age in ["soon", "1.5h", "500ms"] {
        let run = sandbox.run(&["cleanup", "g", "--older-than", age]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{age}");
        assert!(run.stderr.contains("--older-than") && run.stderr.contains("30"), "{}", run.stderr);
    }
    let error = sandbox.refused(&["cleanup", "s3://bucket/g", "--keep", "1", "--confirm", "--json"]);
    assert!(error.contains("refusing destructive `cleanup`") && error.contains("--yes"), "{error}");
}

#[test]
fn recoveries_are_listed() {
    let sandbox = Sandbox::with_graph();
    assert_eq!(sandbox.ok(&["recovery", "list", "g"]), "");
    let report = sandbox.json(&["recovery", "list", "g", "--json"]);
    assert_eq!(report, json!({"uri": "g", "recoveries": []}));
}

/// A graph with a file that is large enough to be indexed.
fn large() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("docs.pg", "node Doc { name: String @key  text: String @index  vec: Vector(2)? @index }");
    let rows = (0..20_000)
        .map(|n| format!("{{\"type\":\"Doc\",\"data\":{{\"name\":\"d{n}\",\"text\":\"word{}\"}}}}\n", n % 9));
    sandbox.write("docs.jsonl", &rows.collect::<String>());
    sandbox.ok(&["init", "g", "--schema", "docs.pg"]);
    sandbox.ok(&["load", "g", "--data", "docs.jsonl", "--mode", "append"]);
    sandbox
}

fn remove_indexes(directory: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            let is_index = path.file_name().unwrap().to_string_lossy().starts_with("og-");
            match path.is_dir() {
                true => remove_indexes(&path),
                false if is_index => std::fs::remove_file(&path).map(|()| 1).unwrap(),
                false => 0,
            }
        })
        .sum()
}

#[test]
fn a_load_leaves_its_indexes_ready_and_lost_ones_are_built_again() {
    let sandbox = large();
    let states = |sandbox: &Sandbox| -> Vec<(String, String)> {
        let report = sandbox.json(&["index", "list", "g", "--json"]);
        let indexes = report["indexes"].as_array().unwrap();
        let text = |index: &serde_json::Value, field: &str| index[field].as_str().unwrap().to_owned();
        indexes.iter().map(|index| (text(index, "kind"), text(index, "state"))).collect()
    };
    let expect = |state: &str| -> Vec<(String, String)> {
        let pairs =
            [("key", state), ("key", state), ("text", state), ("substring", state), ("vector", "pending")];
        pairs.map(|(kind, state)| (kind.to_owned(), state.to_owned())).to_vec()
    };
    assert_eq!(states(&sandbox), expect("ready"));
    assert_eq!(remove_indexes(&sandbox.path("g")), 4);
    assert_eq!(states(&sandbox), expect("missing"));

    let run = sandbox.run(&["index", "build", "g"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, "omnigraph index build → g (direct, local)\n"));
    assert_eq!(
        run.stdout,
        "built the indexes of main\n    ↳ index pending on node:Doc.vec: no non-null vectors to train on yet\n"
    );
    assert_eq!(states(&sandbox), expect("ready"));
    let table = sandbox.ok(&["index", "list", "g"]);
    let line =
        table.lines().find(|line| line.starts_with("node:Doc(text)") && line.contains("text    ")).unwrap();
    assert!(line.contains(" ready ") && line.contains(" 20000 "), "{table}");
    let text = sandbox.ok(&["optimize", "g", "--quiet"]);
    assert!(text.contains("    ↳ index pending on property 'vec': no non-null vectors"), "{text}");

    assert!(sandbox.refused(&["index", "list", "g", "--branch", "mian"]).contains("branch 'mian' not found"));
    assert!(sandbox.refused(&["index", "build", "nowhere"]).contains("nowhere"));
    assert_eq!(sandbox.run(&["index", "built", "g"]).code, 2);
}
