//! `blob get` and `blob stat`.

use serde_json::json;

use crate::sandbox::Sandbox;

fn with_documents() -> Sandbox {
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
    sandbox
}

fn get(sandbox: &Sandbox, id: &str, more: &[&str]) -> crate::sandbox::Run {
    sandbox.run(&[&["blob", "get", "node", "Doc", id, "body", "--store", "g"][..], more].concat())
}

#[test]
fn bytes_go_to_stdout_or_a_file_exactly() {
    let sandbox = with_documents();
    for (more, expected) in [
        (&[][..], "hello"),
        (&["--offset", "1", "--length", "3"], "ell"),
        (&["--offset", "3", "--length", "99"], "lo"),
    ] {
        let run = get(&sandbox, "d1", more);
        assert_eq!((run.code, run.stdout.as_str()), (0, expected), "{}", run.stderr);
    }
    assert_eq!(get(&sandbox, "d1", &["--out", "f"]).code, 0);
    assert_eq!(sandbox.read("f"), "hello");
    assert_eq!(get(&sandbox, "empty", &["--out", "f"]).code, 0);
    assert_eq!(sandbox.read("f"), "");
}

#[test]
fn what_cannot_be_read_leaves_no_output() {
    let sandbox = with_documents();
    for (id, more, text) in [
        ("none", &["--out", "x"][..], "Blob cell not found"),
        ("nobody", &["--out", "x"], "Blob cell not found"),
        ("d1", &["--offset", "5", "--out", "x"], "Blob range is not satisfiable"),
        ("d1", &["--length", "0", "--out", "x"], "Blob range --length must be greater than zero"),
        (
            "d1",
            &["--offset", "1", "--length", "18446744073709551615", "--out", "x"],
            "Blob range overflows u64",
        ),
    ] {
        let run = get(&sandbox, id, more);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{id} {more:?}");
        assert!(run.stderr.contains(text), "{}", run.stderr);
        assert!(!sandbox.exists("x"));
    }
    let run = sandbox.run(&["blob", "stat", "node", "Dok", "d1", "body", "--store", "g"]);
    assert!(run.stderr.contains("invalid Blob selector") && run.stderr.contains("'Doc'"), "{}", run.stderr);
}

#[test]
fn a_cell_is_described() {
    let sandbox = with_documents();
    let stat = ["blob", "stat", "node", "Doc", "d1", "body", "--store", "g", "--json"];
    let document = sandbox.json(&stat);
    assert_eq!(
        document["selector"],
        json!({"entity": "node", "type": "Doc", "id": "d1", "property": "body"})
    );
    assert_eq!((&document["kind"], &document["size"]), (&json!("managed"), &json!(5)));
    assert_eq!(document["etag"].as_str().unwrap().len(), 34);
    let commits = sandbox.json(&["commit", "list", "g", "--json"]);
    let commit = commits["commits"][0]["graph_commit_id"].as_str().unwrap().to_owned();
    let resolved = format!("manifest:main:v{commit}");
    assert_eq!(document["target"], json!({"branch": "main", "resolved_snapshot": resolved}));
    let at = sandbox.json(&[&stat[..], &["--snapshot", &commit]].concat());
    assert_eq!(at["target"], json!({"snapshot": commit, "resolved_snapshot": commit}));
    assert_eq!(at["etag"], document["etag"]);
    let text = sandbox.run(&stat[..8]).stdout;
    assert!(
        text.starts_with("entity: node\ntype: Doc\nid: d1\nproperty: body\nkind: managed\nsize: 5\netag: \""),
        "{text}"
    );
    assert!(text.ends_with(&format!("branch: main\nresolved_snapshot: {resolved}\n")), "{text}");
}
