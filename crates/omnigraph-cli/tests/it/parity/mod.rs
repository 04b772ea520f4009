//! The same commands on the storage of a graph and over HTTP: what they print, how they fail, what they write.
//!
//! Addresses, ids, times and the announcements of writes may differ; [`crate::targets`] replaces them before results are
//! compared. A test that allows any other difference says why.

mod addressing;
mod history;
mod reads;
mod writes;

use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::targets::Targets;

const BY_NAME: &[&str] = &["--query", "queries.gq"];

fn people() -> Targets {
    Targets::of(Sandbox::with_graph())
}

/// A graph with a Blob property.
fn documents() -> Targets {
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
    Targets::of(sandbox)
}

fn id(document: &Value, pointer: &str) -> String {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{document}")).to_owned()
}

fn head(targets: &mut Targets) -> String {
    let listed = targets.json(&["commit", "list", "--json"]);
    id(&listed, "/commits/0/graph_commit_id")
}

fn insert(targets: &mut Targets, branch: &str, name: &str, age: u32) {
    let params = json!({"name": name, "age": age}).to_string();
    let words = ["mutate", "insert_person", "--params", &params, "--branch", branch, "--json"];
    targets.json(&[&words[..], BY_NAME].concat());
}
