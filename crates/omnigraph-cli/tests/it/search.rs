//! `embed`, and search functions in queries, by the mock embedder.

use serde_json::Value;

use crate::sandbox::Sandbox;

const MOCK: (&str, &str) = ("OMNIGRAPH_EMBEDDINGS_MOCK", "1");

fn with_rows() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox
        .write("docs.pg", "node Doc { name: String @key  text: String  vec: Vector(4)? @embed(\"text\") }");
    sandbox
        .write("spec.json", r#"{"dimension": 4, "types": {"Doc": {"target": "vec", "fields": ["text"]}}}"#);
    sandbox.write(
        "rows.jsonl",
        "{\"type\":\"Doc\",\"data\":{\"name\":\"a\",\"text\":\"graph databases\"}}\n\
         {\"type\":\"Doc\",\"data\":{\"name\":\"b\",\"text\":\"mango lassi\"}}\n",
    );
    sandbox
}

const EMBED: [&str; 7] = ["embed", "--input", "rows.jsonl", "--output", "full.jsonl", "--spec", "spec.json"];

#[test]
fn vectors_are_filled_in_and_found_again() {
    let sandbox = with_rows();
    let run = sandbox.run_with(&[&EMBED[..], &["--json"]].concat(), &[MOCK]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&report["records"], &report["embedded_records"]), (&2.into(), &2.into()));
    assert_eq!(report["mode"], "fill_missing");
    sandbox.ok(&["init", "g", "--schema", "docs.pg"]);
    sandbox.ok(&["load", "g", "--data", "full.jsonl", "--mode", "append"]);
    // What was embedded for row b, so its distance is zero.
    let query = "query q() { match { $d: Doc } return { $d.name as name, nearest($d.vec, \"type: Doc\\ntext: mango lassi\") as far }
        order { nearest($d.vec, \"type: Doc\\ntext: mango lassi\") } limit 2 }";
    let run = sandbox.run_with(&["query", "--store", "g", "--json", "-e", query], &[MOCK]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(found["rows"][0]["name"], "b", "{found}");
    assert!(found["rows"][0]["far"].as_f64().unwrap() < 1e-6, "{found}");
}

#[test]
fn a_missing_key_is_named() {
    let sandbox = with_rows();
    let run = sandbox.run(&EMBED);
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains("OPENROUTER_API_KEY"), "{}", run.stderr);
    sandbox.ok(&["init", "g", "--schema", "docs.pg"]);
    let query = "query q() { match { $d: Doc } return { $d.name } order { nearest($d.vec, \"x\") } limit 2 }";
    let run = sandbox.run(&["query", "--store", "g", "-e", query]);
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains("OPENROUTER_API_KEY"), "{}", run.stderr);
}

#[test]
fn a_bad_row_is_reported_with_its_number_and_leaves_the_old_output() {
    let sandbox = with_rows();
    sandbox.write("full.jsonl", "old");
    sandbox.write("rows.jsonl", "{\"type\":\"Doc\",\"data\":{\"text\":\"x\"}}\n{\"type\":\"Doc\"}\n");
    let run = sandbox.run_with(&EMBED, &[MOCK]);
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains('2'), "{}", run.stderr);
    assert_eq!(sandbox.read("full.jsonl"), "old");
    let run = sandbox.run_with(&["embed", "--input", "rows.jsonl"], &[MOCK]);
    assert_eq!(run.code, 2, "{}", run.stderr);
}

#[test]
fn a_context_names_what_it_found_and_how() {
    let sandbox = Sandbox::empty();
    sandbox.write("docs.pg", "node Doc { name: String @key  text: String @index }\nedge Cites: Doc -> Doc");
    sandbox.write(
        "docs.jsonl",
        "{\"type\":\"Doc\",\"data\":{\"name\":\"a\",\"text\":\"graph databases\"}}\n\
         {\"type\":\"Doc\",\"data\":{\"name\":\"b\",\"text\":\"mango lassi\"}}\n\
         {\"edge\":\"Cites\",\"from\":\"b\",\"to\":\"a\"}\n",
    );
    sandbox.ok(&["init", "g", "--schema", "docs.pg"]);
    sandbox.ok(&["load", "g", "--data", "docs.jsonl", "--mode", "append"]);
    let text = sandbox.ok(&["context", "graph", "--store", "g"]);
    let expected = "node:Doc a  0.0164\n  name: a\n  text: graph databases\n\
                    node:Doc b  0.0082  node:Doc a <-Cites-\n  name: b\n  text: mango lassi\n\
                    2 entities, about 19 tokens, by bm25(Doc.text)\n";
    assert_eq!(text, expected);
    let found = sandbox.json(&["context", "graph", "--store", "g", "--limit", "1", "--json"]);
    assert_eq!((&found["items"][0]["id"], &found["left_out"]), (&"a".into(), &1.into()));
    assert!(found["items"][0]["via"].is_null(), "{found}");
    let refusal = sandbox.refused(&["context", "graph", "--store", "g", "--type", "Dok"]);
    assert!(refusal.contains("unknown node type 'Dok'; did you mean 'Doc'?"), "{refusal}");
    assert_eq!(sandbox.run(&["context", "--store", "g"]).code, 2);
}
