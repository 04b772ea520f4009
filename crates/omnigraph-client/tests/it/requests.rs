//! What each call sends, and what becomes of a success.

use omnigraph_api::*;
use omnigraph_client::http::{
    ChangeFilter, FeedPosition, FeedStart, GraphClient, ServerClient, file_body, graph_base,
};
use serde_json::{Value, json};

use crate::fixtures::Fake;

fn read_output() -> Value {
    json!({"query_name":"q","target":{"branch":"main","snapshot":null},"row_count":1,"columns":["n"],
           "rows":[{"n":18446744073709551615_u64}],"graph_commit_id":"01J"})
}

fn change_output() -> Value {
    json!({"branch":"main","query_name":"q","affected_nodes":1,"affected_edges":0,"actor_id":null,"commit":null})
}

fn commit() -> Value {
    json!({"graph_commit_id":"01J","graph_branch":null,"graph_manifest_version":3,"parent_commit_id":null,
           "merged_parent_commit_id":null,"actor_id":null,"created_at":7})
}

fn cause() -> Value {
    json!({"graph_commit_id":"01J","authored_branch":"main","authored_at":7})
}

/// A query, without its optional members.
fn bare_query() -> QueryRequest {
    QueryRequest { query: "query q() {}".into(), name: None, params: None, branch: None, snapshot: None }
}

fn bare_change() -> ChangeRequest {
    ChangeRequest { query: "query q() {}".into(), name: None, params: None, branch: None }
}

#[tokio::test]
async fn a_query_sends_its_members_and_the_token() {
    let fake = Fake::json(200, read_output()).await;
    let request = QueryRequest {
        params: Some(RawJson::parse(r#"{"big":123456789012345678901234567890}"#).unwrap()),
        branch: Some("etl/run-1".into()),
        ..bare_query()
    };
    let output = fake.graph().query(&request).await.unwrap();
    assert_eq!(output.rows[0]["n"], 18446744073709551615_u64);
    assert_eq!(output.graph_commit_id.as_deref(), Some("01J"));
    let seen = fake.seen();
    assert_eq!(seen.line, "POST /graphs/kb/query");
    assert_eq!(seen.header("authorization"), Some("Bearer s3cret"));
    assert_eq!(
        seen.body,
        r#"{"query":"query q() {}","params":{"big":123456789012345678901234567890},"branch":"etl/run-1"}"#
    );
    seen.json();
}

#[tokio::test]
async fn without_token_no_authorization_is_sent_and_passwords_are_not_shown() {
    let fake = Fake::json(200, json!({"schema_source":"node A {}"})).await;
    let client = GraphClient::new(&format!("{}/", fake.url), None).unwrap();
    assert_eq!(client.schema().await.unwrap().schema_source, "node A {}");
    let seen = fake.seen();
    assert_eq!((seen.line.as_str(), seen.header("authorization")), ("GET /schema", None));
    assert_eq!(seen.header("accept"), Some("application/json"));
}

#[tokio::test]
async fn names_in_paths_are_one_segment() {
    let deleted = json!({"uri":"u","name":"etl/run-1","actor_id":null});
    let fake = Fake::json(200, deleted).await;
    assert_eq!(fake.graph().delete_branch("etl/run-1").await.unwrap().name, "etl/run-1");
    let seen = fake.seen();
    assert_eq!((seen.line.as_str(), seen.body.as_str()), ("DELETE /graphs/kb/branches/etl%2Frun-1", ""));

    let fake = Fake::json(200, commit()).await;
    assert_eq!(fake.graph().commit("a b?").await.unwrap().created_at, 7);
    assert_eq!(fake.seen().line, "GET /graphs/kb/commits/a%20b%3F");
    assert!(fake.graph().commit("..").await.is_err());
}

#[tokio::test]
async fn branches_are_listed_made_and_merged() {
    let fake = Fake::json(200, json!({"branches":["main"]})).await;
    assert_eq!(fake.graph().branches().await.unwrap().branches, ["main"]);
    assert_eq!(fake.seen().line, "GET /graphs/kb/branches");

    let fake = Fake::json(200, json!({"uri":"u","from":"main","name":"x","actor_id":"ada"})).await;
    let request = BranchCreateRequest { name: "x".into(), from: None };
    assert_eq!(fake.graph().create_branch(&request).await.unwrap().actor_id.as_deref(), Some("ada"));
    let seen = fake.seen();
    assert_eq!((seen.line.as_str(), seen.json()), ("POST /graphs/kb/branches", json!({"name":"x"})));

    let merged =
        json!({"source":"x","target":"main","outcome":"merged","actor_id":null,"branch_deleted":true});
    let fake = Fake::json(200, merged).await;
    let request = BranchMergeRequest { source: "x".into(), target: Some("main".into()), delete_branch: true };
    let output = fake.graph().merge_branches(&request).await.unwrap();
    assert_eq!((output.outcome, output.branch_deleted), (BranchMergeOutcome::Merged, Some(true)));
    let seen = fake.seen();
    assert_eq!(seen.line, "POST /graphs/kb/branches/merge");
    assert_eq!(seen.json(), json!({"source":"x","target":"main","delete_branch":true}));
}

#[tokio::test]
async fn a_branch_in_a_query_string_is_form_encoded() {
    let snapshot =
        json!({"graph_branch":"a/b c","graph_manifest_version":1,"internal_schema_version":2,"datasets":[]});
    let fake = Fake::json(200, snapshot).await;
    assert_eq!(fake.graph().snapshot(Some("a/b c&d")).await.unwrap().internal_schema_version, 2);
    assert_eq!(fake.seen().line, "GET /graphs/kb/snapshot?branch=a%2Fb+c%26d");

    let fake = Fake::json(200, json!({"commits":[commit()]})).await;
    assert_eq!(fake.graph().commits(None).await.unwrap().commits.len(), 1);
    assert_eq!(fake.seen().line, "GET /graphs/kb/commits");
}

#[tokio::test]
async fn mutations_use_a_route_of_their_own_when_conditional() {
    let fake = Fake::json(200, change_output()).await;
    assert_eq!(fake.graph().mutate(&bare_change(), None).await.unwrap().affected_nodes, 1);
    let seen = fake.seen();
    assert_eq!(seen.line, "POST /graphs/kb/mutate");
    assert_eq!(
        (seen.header("omnigraph-if-graph-commit"), seen.json()),
        (None, json!({"query":"query q() {}"}))
    );

    let fake = Fake::json(200, change_output()).await;
    fake.graph().mutate(&bare_change(), Some("01J")).await.unwrap();
    let seen = fake.seen();
    assert_eq!(seen.line, "POST /graphs/kb/mutate/if-graph-commit");
    assert_eq!(seen.header("omnigraph-if-graph-commit"), Some("01J"));

    let error = fake.graph().mutate(&bare_change(), Some("01\n")).await.unwrap_err();
    assert!(error.to_string().starts_with("the expected commit cannot be sent"), "{error}");
}

#[tokio::test]
async fn stored_queries_are_listed_and_invoked() {
    let entry = json!({"name":"find","tool_name":"find","mutation":false,"params":[]});
    let fake = Fake::json(200, json!({ "queries": [entry] })).await;
    assert_eq!(fake.graph().queries().await.unwrap().queries[0].name, "find");
    assert_eq!(fake.seen().line, "GET /graphs/kb/queries");

    let fake = Fake::json(200, read_output()).await;
    let request = InvokeStoredQueryRequest { expect_mutation: Some(false), ..Default::default() };
    let output = fake.graph().invoke("find/x", &request, None).await.unwrap();
    assert!(matches!(output, InvokeStoredQueryResponse::Read(_)));
    let seen = fake.seen();
    assert_eq!(seen.line, "POST /graphs/kb/queries/find%2Fx");
    assert_eq!(seen.json(), json!({"expect_mutation":false}));

    let fake = Fake::json(200, change_output()).await;
    let output = fake.graph().invoke("add", &InvokeStoredQueryRequest::default(), Some("01J")).await.unwrap();
    assert!(matches!(output, InvokeStoredQueryResponse::Change(_)));
    let seen = fake.seen();
    assert_eq!(seen.line, "POST /graphs/kb/queries/add/if-graph-commit");
    assert_eq!((seen.header("omnigraph-if-graph-commit"), seen.json()), (Some("01J"), json!({})));
}

#[tokio::test]
async fn a_file_is_loaded_with_its_length() {
    let loaded = json!({"branch":"f","base_branch":"main","branch_created":true,"mode":"append","nodes":[],
                        "edges":[],"total_entities":0,"actor_id":null,"commit":null});
    let fake = Fake::json(200, loaded).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let data = "{\"type\":\"A\"}\n".repeat(50_000);
    std::fs::write(file.path(), &data).unwrap();
    let body = file_body(file.path(), |_| {}).await.unwrap();
    let output = fake.graph().load_ndjson(Some("f"), Some("main"), LoadMode::Append, body).await.unwrap();
    assert!(output.branch_created);
    let seen = fake.seen();
    assert_eq!(seen.line, "POST /graphs/kb/load/ndjson?branch=f&mode=append&from=main");
    assert_eq!(seen.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(seen.header("content-length"), Some(data.len().to_string().as_str()));
    assert!(seen.body == data);
    assert!(file_body(std::env::temp_dir(), |_| {}).await.is_err());
}

#[tokio::test]
async fn a_refusal_before_the_upload_ends_is_told() {
    let fake = Fake::refusing(413, r#"{"error":"too large","code":"bad_request"}"#).await;
    let data = vec![b'x'; 40 << 20];
    let error = fake.graph().load_ndjson(None, None, LoadMode::Merge, data).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.status()), ("too large", Some(413)));
}

#[tokio::test]
async fn an_ingest_and_a_migration_send_their_requests() {
    let loaded = json!({"uri":"u","branch":"main","base_branch":null,"branch_created":false,"mode":"merge","nodes":[],
                        "edges":[],"total_entities":2,"actor_id":null,"commit":null});
    let fake = Fake::json(200, loaded).await;
    let request = IngestRequest {
        data: "{}\n".into(),
        branch: None,
        from: Some("main".into()),
        mode: Some(LoadMode::Merge),
    };
    assert_eq!(fake.graph().ingest(&request).await.unwrap().total_entities, 2);
    let seen = fake.seen();
    assert_eq!(seen.line, "POST /graphs/kb/ingest");
    assert_eq!(seen.json(), json!({"data":"{}\n","from":"main","mode":"merge"}));

    let applied = json!({"uri":"u","supported":true,"applied":false,"step_count":0,"graph_manifest_version":1,"steps":[]});
    let fake = Fake::json(200, applied).await;
    let request = SchemaApplyRequest { schema_source: "node A {}".into(), allow_data_loss: true };
    assert!(!fake.graph().apply_schema(&request).await.unwrap().applied);
    let seen = fake.seen();
    assert_eq!(seen.line, "POST /graphs/kb/schema/apply");
    assert_eq!(seen.json(), json!({"schema_source":"node A {}","allow_data_loss":true}));
}

#[tokio::test]
async fn filters_repeat_their_keys() {
    let filter = ChangeFilter {
        kinds: vec![EntityKindOutput::Node, EntityKindOutput::Edge],
        types: vec!["A".into(), "B".into()],
        ops: vec![ChangeOpOutput::Insert, ChangeOpOutput::Delete],
    };
    let fake = Fake::json(200, json!({"cause":cause(),"changes":[],"next_page_token":"t2"})).await;
    let page = fake.graph().commit_changes("01J", &filter, Some(5), Some("t/1")).await.unwrap();
    assert_eq!(page.next_page_token.as_deref(), Some("t2"));
    assert_eq!(
        fake.seen().line,
        "GET /graphs/kb/commits/01J/changes?page_token=t%2F1&limit=5&kind=node&kind=edge&type=A&type=B&op=insert\
         &op=delete"
    );
}

#[tokio::test]
async fn a_poll_sends_one_position() {
    for (position, sent) in [
        (FeedPosition::default(), "start=now"),
        (FeedPosition::Start(FeedStart::After("01J".into())), "start=after%3A01J"),
        (FeedPosition::Cursor("c+1".into()), "cursor=c%2B1"),
        (FeedPosition::Page("p".into()), "page_token=p"),
    ] {
        let fake = Fake::json(200, json!({"blocks":[],"cursor":"c2","caught_up":true})).await;
        let filter = ChangeFilter::default();
        let page = fake.graph().poll_changes(Some("dev"), &position, &filter, Some(9)).await.unwrap();
        assert_eq!((page.cursor.as_deref(), page.caught_up), (Some("c2"), Some(true)));
        assert_eq!(fake.seen().line, format!("GET /graphs/kb/changes?branch=dev&{sent}&limit=9"));
    }
}

#[tokio::test]
async fn a_server_lists_its_graphs_and_tells_its_release() {
    let list = json!({"graphs":[{"graph_id":"kb","uri":"/kb"},{"graph_id":"lab","uri":"/lab"}]});
    let fake = Fake::json(200, list).await;
    let server = ServerClient::new(&fake.url, None).unwrap();
    assert_eq!(server.graphs().await.unwrap().graphs.len(), 2);
    let error = server.select(None).await.unwrap_err().to_string();
    assert!(error.contains("kb, lab") && error.contains("--graph <id>"), "{error}");
    assert_eq!(server.select(Some("lab")).await.unwrap().base(), format!("{}/graphs/lab", fake.url));
    assert_eq!(fake.lines(), ["GET /graphs", "GET /graphs"]);
    assert_eq!(graph_base("http://h/", "a b").unwrap(), "http://h/graphs/a%20b");

    let fake = Fake::json(200, json!({"status":"ok","version":"1.2.3","internal_schema_version":4})).await;
    assert_eq!(ServerClient::new(&fake.url, None).unwrap().health().await.unwrap().version, "1.2.3");
    assert_eq!(fake.seen().line, "GET /healthz");
}

#[tokio::test]
async fn a_server_without_list_is_the_graph() {
    for (status, body) in [
        (200, json!({"graphs":[]})),
        (405, json!({"error":"no","code":"method_not_allowed"})),
        (403, json!({"error":"no"})),
        (200, json!("?")),
    ] {
        let fake = Fake::json(status, body).await;
        let graph = ServerClient::new(&format!("{}/", fake.url), None).unwrap().select(None).await.unwrap();
        assert_eq!(graph.base(), fake.url);
    }
    let nowhere = ServerClient::new("http://127.0.0.1:1", None).unwrap();
    assert_eq!(nowhere.select(None).await.unwrap().base(), "http://127.0.0.1:1");
}
