//! Answers and requests as the API's documentation shows them.

use omnigraph_api::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Decodes a text and compares what is written again with it.
fn pass<T: DeserializeOwned + Serialize>(text: &str) -> T {
    let value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&value).unwrap(), text);
    value
}

fn commit() -> CommitOutput {
    CommitOutput {
        graph_commit_id: "01J9Z".to_owned(),
        graph_branch: None,
        graph_manifest_version: 7,
        parent_commit_id: Some("01J9Y".to_owned()),
        merged_parent_commit_id: None,
        actor_id: None,
        created_at: 1717200000000000,
    }
}

#[test]
fn a_query() {
    let request: QueryRequest = pass(
        r#"{"query":"query big($n: I64) { match { $c: City  $c.people > $n } return { $c.name } }","params":{"n":500000}}"#,
    );
    assert_eq!(request.params.unwrap().get(), r#"{"n":500000}"#);
    let output: ReadOutput = pass(
        r#"{"query_name":"big","target":{"branch":"main","snapshot":null},"row_count":1,"columns":["c.name"],"rows":[{"c.name":"Oslo"}],"graph_commit_id":"01J9Z"}"#,
    );
    assert_eq!(output.target, ReadTargetOutput::new(None, None));
    assert_eq!(
        serde_json::to_string(&LegacyReadOutput::from(output)).unwrap(),
        r#"{"query_name":"big","target":{"branch":"main","snapshot":null},"row_count":1,"columns":["c.name"],"rows":[{"c.name":"Oslo"}]}"#
    );
}

#[test]
fn a_query_without_columns() {
    let output: ReadOutput =
        pass(r#"{"query_name":"q","target":{"branch":null,"snapshot":"01J"},"row_count":0,"rows":[]}"#);
    assert_eq!(output.target, ReadTargetOutput::new(None, Some("01J")));
    assert!(output.columns.is_empty());
}

#[test]
fn the_deprecated_read_is_a_query() {
    let request: ReadRequest =
        pass(r#"{"query_source":"query q() {}","query_name":"q","params":{},"branch":"b","snapshot":"s"}"#);
    let text = serde_json::to_string(&QueryRequest::from(request)).unwrap();
    assert_eq!(text, r#"{"query":"query q() {}","name":"q","params":{},"branch":"b","snapshot":"s"}"#);
}

#[test]
fn parameters_keep_all_digits() {
    let text = r#"{"query":"q","params":{"n":123456789012345678901234567890,"x":1.10}}"#;
    pass::<ChangeRequest>(text);
}

#[test]
fn a_mutation() {
    let output = ChangeOutput {
        branch: "main".to_owned(),
        query_name: "add".to_owned(),
        affected_nodes: 1,
        affected_edges: 0,
        actor_id: None,
        commit: None,
    };
    let text = r#"{"branch":"main","query_name":"add","affected_nodes":1,"affected_edges":0,"actor_id":null,"commit":null}"#;
    assert_eq!(pass::<ChangeOutput>(text), output);
    let text = text.replace(
        "\"commit\":null",
        r#""commit":{"graph_commit_id":"01J9Z","graph_branch":null,"graph_manifest_version":7,"parent_commit_id":"01J9Y","merged_parent_commit_id":null,"actor_id":null,"created_at":1717200000000000}"#,
    );
    assert_eq!(pass::<ChangeOutput>(&text), ChangeOutput { commit: Some(commit()), ..output });
}

#[test]
fn a_mutation_in_its_older_spelling() {
    let request: ChangeRequest =
        serde_json::from_str(r#"{"query_source":"q","query_name":"n","params":null,"branch":null}"#).unwrap();
    let expected =
        ChangeRequest { query: "q".to_owned(), name: Some("n".to_owned()), params: None, branch: None };
    assert_eq!(request, expected);
    for text in [r#"{"query":"q","query_source":"q"}"#, r#"{"query":"q","name":"n","query_name":"n"}"#] {
        let error = serde_json::from_str::<ChangeRequest>(text).unwrap_err().to_string();
        assert!(error.starts_with("duplicate field"), "{error}");
    }
}

#[test]
fn a_load() {
    let request: IngestRequest = pass(r#"{"data":"{}\n","branch":"b","from":"main","mode":"append"}"#);
    assert_eq!(request.mode, Some(LoadMode::Append));
    assert_eq!(LoadMode::default(), LoadMode::Merge);
    let text = r#"{"branch":"b","base_branch":"main","branch_created":true,"mode":"merge","nodes":[{"name":"City","entities_loaded":2}],"edges":[],"total_entities":2,"actor_id":"ada","commit":null}"#;
    let output: GraphBatchLoadOutput = pass(text);
    let with_uri = serde_json::to_string(&output.at("/g".to_owned())).unwrap();
    assert_eq!(with_uri, text.replacen('{', r#"{"uri":"/g","#, 1));
}

#[test]
fn a_migration() {
    let request: SchemaApplyRequest = serde_json::from_str(r#"{"schema_source":"node A"}"#).unwrap();
    assert!(!request.allow_data_loss);
    let output: SchemaApplyOutput = pass(
        r#"{"uri":"/g","supported":true,"applied":true,"step_count":2,"graph_manifest_version":7,"steps":[{"kind":"add_type","type_kind":"node","name":"Tag"},{"kind":"add_constraint","type_kind":"node","type_name":"Account","constraint":{"Index":["age"]}}]}"#,
    );
    assert_eq!(output.steps[0]["kind"], "add_type");
}

#[test]
fn branches() {
    pass::<BranchListOutput>(r#"{"branches":["atlas-2","main"]}"#);
    pass::<BranchCreateOutput>(r#"{"uri":"/g","from":"main","name":"b","actor_id":null}"#);
    pass::<BranchDeleteOutput>(r#"{"uri":"/g","name":"b","actor_id":"ada"}"#);
    pass::<BranchMergeRequest>(r#"{"source":"b","target":"main","delete_branch":true}"#);
    pass::<BranchMergeRequest>(r#"{"source":"b"}"#);
    let output: BranchMergeOutput = pass(
        r#"{"source":"b","target":"main","outcome":"fast_forward","actor_id":null,"branch_deleted":false,"branch_delete_error":"denied"}"#,
    );
    assert_eq!(output.outcome, BranchMergeOutcome::FastForward);
    let output: BranchMergeOutput = pass(
        r#"{"source":"b","target":"main","outcome":"merged","actor_id":null,"commit":{"graph_commit_id":"01J","graph_branch":null,"graph_manifest_version":7,"parent_commit_id":"01H","merged_parent_commit_id":"01G","actor_id":null,"created_at":1}}"#,
    );
    assert_eq!(output.commit.unwrap().merged_parent_commit_id.as_deref(), Some("01G"));
}

#[test]
fn changes_of_a_commit() {
    let output: CommitChangesOutput = pass(concat!(
        r#"{"cause":{"graph_commit_id":"01J","parent_commit_id":"01H","authored_branch":"main","actor_id":"act-ada","authored_at":1717200000000000},"#,
        r#""changes":[{"kind":"node","type":{"id":"t-7","name":"Person"},"id":"Ada","op":"update","#,
        r#""before":{"properties":{"age":36,"name":"Ada"}},"after":{"properties":{"age":37,"name":"Ada"}}},"#,
        r#"{"kind":"edge","type":{"id":"t-9","name":"Knows"},"id":"01J","op":"insert","#,
        r#""after":{"properties":{"since":null},"endpoints":{"from":"Ada","to":"Bob"}}}]}"#,
    ));
    assert_eq!(output.changes[1].entity_type.name, "Knows");
    assert_eq!(output.changes[1].op.as_str(), "insert");
}

#[test]
fn pages_of_a_feed() {
    let at_head: ChangeFeedOutput = pass(r#"{"blocks":[],"cursor":"c","caught_up":true}"#);
    assert_eq!(at_head.caught_up, Some(true));
    pass::<ChangeFeedOutput>(r#"{"blocks":[],"next_page_token":"t"}"#);
}

#[test]
fn a_baseline() {
    pass::<ChangeBaselineRecord>(r#"{"baseline":{"snapshot_commit_id":"01J","resume_cursor":"c"}}"#);
    let request: ChangeBaselineRequest =
        serde_json::from_str(r#"{"kind":["edge"],"type":["Road"]}"#).unwrap();
    assert_eq!(request.kind, [EntityKindOutput::Edge]);
    assert_eq!(request.type_names, ["Road"]);
    assert!(request.op.is_empty());
    assert!(serde_json::from_str::<ChangeBaselineRequest>(r#"{"op":["upsert"]}"#).is_err());
}

#[test]
fn the_catalog_of_stored_queries() {
    let output: QueriesCatalogOutput = pass(
        r#"{"queries":[{"name":"nearby","tool_name":"nearby","mutation":false,"params":[{"name":"p","kind":"vector","vector_dim":3,"nullable":false},{"name":"l","kind":"list","item_kind":"datetime","nullable":true},{"name":"n","kind":"bigint","nullable":false}]}]}"#,
    );
    assert_eq!(output.queries[0].params[2].kind, ParamKind::BigInt);
}

#[test]
fn an_invocation() {
    let none = InvokeStoredQueryRequest::default();
    for body in ["", "  ", "null", " null\n", "{}", r#"{"params":null,"other":1}"#] {
        assert_eq!(InvokeStoredQueryRequest::from_body(body.as_bytes()).unwrap(), none, "{body}");
    }
    let body = r#"{"params":{"p":[1.5]},"branch":"b","expect_mutation":false}"#;
    let request = InvokeStoredQueryRequest::from_body(body.as_bytes()).unwrap();
    assert_eq!(serde_json::to_string(&request).unwrap(), body);
    for body in ["[]", "[null,null,null,null]", "1", "nul", r#"{"branch":1}"#, "{} {}"] {
        let error = InvokeStoredQueryRequest::from_body(body.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("invalid stored-query invocation body: "), "{error}");
    }
}

#[test]
fn results_of_stored_queries_are_told_apart_by_their_members() {
    let read: InvokeStoredQueryResponse = pass(
        r#"{"query_name":"q","target":{"branch":"main","snapshot":null},"row_count":1,"columns":["z","a"],"rows":[{"z":18446744073709551615,"a":30.0}]}"#,
    );
    assert!(matches!(read, InvokeStoredQueryResponse::Read(_)));
    let change: InvokeStoredQueryResponse = pass(
        r#"{"branch":"main","query_name":"add","affected_nodes":1,"affected_edges":0,"actor_id":null,"commit":null}"#,
    );
    assert!(matches!(change, InvokeStoredQueryResponse::Change(_)));
    let error = serde_json::from_str::<InvokeStoredQueryResponse>("{}").unwrap_err().to_string();
    assert_eq!(error, "expected the result of a read or of a mutation");
    let error = serde_json::from_str::<InvokeStoredQueryResponse>(r#"{"rows":[]}"#).unwrap_err().to_string();
    assert!(error.starts_with("missing field `query_name`"), "{error}");
}

#[test]
fn health_and_graphs() {
    let health = HealthOutput::ok("0.1.0", 4, None);
    let text = serde_json::to_string(&health).unwrap();
    assert_eq!(text, r#"{"status":"ok","version":"0.1.0","internal_schema_version":4}"#);
    let health = HealthOutput::ok("0.1.0", 4, Some("b5904f9"));
    assert_eq!(serde_json::to_value(&health).unwrap()["source_version"], "b5904f9");
    pass::<GraphListResponse>(r#"{"graphs":[{"graph_id":"atlas","uri":"s3://b/atlas.omni"}]}"#);
}

/// Compares what `as_str` tells with what is written, for each word of the schema.
fn words<T: DeserializeOwned>(name: &str, as_str: fn(T) -> &'static str) {
    let schema = serde_json::to_value(&components()[name]).unwrap();
    for word in schema["enum"].as_array().unwrap() {
        let value: T = serde_json::from_value(word.clone()).unwrap();
        assert_eq!(as_str(value), word, "{name}");
    }
}

#[test]
fn words_are_those_of_the_wire() {
    words("BranchMergeOutcome", BranchMergeOutcome::as_str);
    words("ChangeOpOutput", ChangeOpOutput::as_str);
    words("EntityKindOutput", EntityKindOutput::as_str);
    words("ErrorCode", ErrorCode::as_str);
    words("LoadMode", LoadMode::as_str);
    words("MergeConflictKindOutput", MergeConflictKindOutput::as_str);
}
