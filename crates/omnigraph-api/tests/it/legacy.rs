//! Older members of the flat routes.

use omnigraph_api::legacy::{Flat, LegacyRunListOutput};
use omnigraph_api::*;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::contract::{contract, sample};

/// Returns an answer as the nested and as the flat route write it.
fn both<T: DeserializeOwned + Flat>(text: &str) -> (String, String) {
    let value: T = serde_json::from_str(text).unwrap();
    (text.to_owned(), serde_json::to_string(&value.flat()).unwrap())
}

const COMMIT: &str = r#"{"graph_commit_id":"01J","graph_branch":null,"graph_manifest_version":18446744073709551615,"parent_commit_id":null,"merged_parent_commit_id":null,"actor_id":null,"created_at":-1}"#;

const LEGACY_COMMIT: &str = r#"{"graph_commit_id":"01J","graph_branch":null,"graph_manifest_version":18446744073709551615,"parent_commit_id":null,"merged_parent_commit_id":null,"actor_id":null,"created_at":-1,"manifest_branch":null,"manifest_version":18446744073709551615}"#;

#[test]
fn commits() {
    assert_eq!(both::<CommitOutput>(COMMIT).1, LEGACY_COMMIT);
    let on_branch = COMMIT.replace("\"graph_branch\":null", "\"graph_branch\":\"b\"");
    assert!(both::<CommitOutput>(&on_branch).1.contains(r#""manifest_branch":"b""#));
    let list = format!(r#"{{"commits":[{COMMIT}]}}"#);
    assert_eq!(both::<CommitListOutput>(&list).1, format!(r#"{{"commits":[{LEGACY_COMMIT}]}}"#));
}

#[test]
fn snapshots() {
    let text = r#"{"graph_branch":"b","graph_manifest_version":7,"internal_schema_version":4,"datasets":[{"entity_kind":"edge","type_name":"Road","dataset_path":"edges/1","published_dataset_version":5,"native_dataset_branch":"n","entity_count":9},{"entity_kind":"node","type_name":"City","dataset_path":"nodes/2","published_dataset_version":3,"native_dataset_branch":null,"entity_count":0}]}"#;
    let (nested, flat) = both::<SnapshotOutput>(text);
    let added = r#","branch":"b","manifest_version":7,"tables":[{"table_key":"edge:Road","table_path":"edges/1","table_version":5,"table_branch":"n","row_count":9},{"table_key":"node:City","table_path":"nodes/2","table_version":3,"table_branch":null,"row_count":0}]}"#;
    assert_eq!(flat, nested.strip_suffix('}').unwrap().to_owned() + added);
}

#[test]
fn mutations() {
    let text = format!(
        r#"{{"branch":"main","query_name":"add","affected_nodes":1,"affected_edges":0,"actor_id":null,"commit":{COMMIT}}}"#
    );
    let (nested, flat) = both::<ChangeOutput>(&text);
    assert_eq!(flat, nested.replace(COMMIT, LEGACY_COMMIT));
}

#[test]
fn loads() {
    let text = format!(
        r#"{{"branch":"b","base_branch":null,"branch_created":false,"mode":"merge","nodes":[{{"name":"City","entities_loaded":2}},{{"name":"Area","entities_loaded":1}}],"edges":[{{"name":"Road","entities_loaded":3}}],"total_entities":6,"actor_id":null,"commit":{COMMIT}}}"#
    );
    let (nested, flat) = both::<GraphBatchLoadOutput>(&text);
    let added = r#","tables":[{"table_key":"edge:Road","rows_loaded":3},{"table_key":"node:Area","rows_loaded":1},{"table_key":"node:City","rows_loaded":2}]}"#;
    assert_eq!(flat, nested.replace(COMMIT, LEGACY_COMMIT).strip_suffix('}').unwrap().to_owned() + added);
    let with_uri = |text: &str| text.replacen('{', r#"{"uri":"/g","#, 1);
    assert_eq!(both::<IngestOutput>(&with_uri(&nested)).1, with_uri(&flat));
}

#[test]
fn migrations() {
    let text = r#"{"uri":"/g","supported":true,"applied":false,"step_count":0,"graph_manifest_version":7,"steps":[]}"#;
    let (nested, flat) = both::<SchemaApplyOutput>(text);
    assert_eq!(flat, nested.strip_suffix('}').unwrap().to_owned() + r#","manifest_version":7}"#);
}

#[test]
fn merges() {
    let text = format!(
        r#"{{"source":"b","target":"main","outcome":"merged","actor_id":null,"branch_deleted":true,"commit":{COMMIT}}}"#
    );
    let (nested, flat) = both::<BranchMergeOutput>(&text);
    assert_eq!(flat, nested.replace(COMMIT, LEGACY_COMMIT));
}

#[test]
fn refused_merges() {
    let text = r#"{"error":"x","code":"conflict","merge_conflicts":[{"entity_kind":"edge","type_name":"Road","entity_id":null,"kind":"orphan_edge","message":"m"}]}"#;
    let (nested, flat) = both::<ErrorOutput>(text);
    assert_eq!(flat, nested.replace(r#""m"}"#, r#""m","table_key":"edge:Road","row_id":null}"#));
}

#[test]
fn other_errors_are_the_same_bytes() {
    for text in [
        r#"{"error":"x"}"#,
        r#"{"error":"x","code":"internal"}"#,
        r#"{"error":"x","blob_range":{"start":1,"end":2,"length":0}}"#,
    ] {
        let (nested, flat) = both::<ErrorOutput>(text);
        assert_eq!(flat, nested);
    }
}

/// Removes what the flat routes add, wherever it stands.
fn without_older_members(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for name in ["manifest_branch", "manifest_version", "tables"] {
                map.shift_remove(name);
            }
            map.values_mut().for_each(without_older_members);
        }
        Value::Array(items) => items.iter_mut().for_each(without_older_members),
        _ => {}
    }
}

#[test]
fn flat_answers_only_add() {
    let contract = contract();
    let check = |name: &str, both: fn(&str) -> (String, String)| {
        for full in [true, false] {
            let (nested, flat) = both(&sample(&contract, name, full).to_string());
            let mut value: Value = serde_json::from_str(&flat).unwrap();
            without_older_members(&mut value);
            assert_eq!(value.to_string(), nested, "{name}");
        }
    };
    check("CommitOutput", both::<CommitOutput>);
    check("CommitListOutput", both::<CommitListOutput>);
    check("ChangeOutput", both::<ChangeOutput>);
    check("BranchMergeOutput", both::<BranchMergeOutput>);
    check("IngestOutput", both::<IngestOutput>);
    check("GraphBatchLoadOutput", both::<GraphBatchLoadOutput>);
    check("SchemaApplyOutput", both::<SchemaApplyOutput>);
}

#[test]
fn there_are_no_runs() {
    assert_eq!(serde_json::to_string(&LegacyRunListOutput::default()).unwrap(), r#"{"runs":[]}"#);
}
