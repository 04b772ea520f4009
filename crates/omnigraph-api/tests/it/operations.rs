//! The table of operations is the route table of the contract.

use std::collections::BTreeSet;

use omnigraph_api::{Method, Operation, Scope, graph_base_path};

/// The route table: method, path, operation id, tag. `B` is the base of a graph.
const ROUTES: &str = "
GET /healthz health health
GET /graphs listGraphs management
GET B/snapshot cluster_getSnapshot snapshots
GET B/blob cluster_getBlob blobs
HEAD B/blob cluster_headBlob blobs
POST B/query cluster_query queries
POST B/read cluster_read queries
POST B/export cluster_export queries
GET B/queries cluster_list_queries queries
POST B/queries/{name} cluster_invoke_query queries
POST B/queries/{name}/if-graph-commit cluster_invoke_query_if_graph_commit queries
POST B/mutate cluster_mutate mutations
POST B/mutate/if-graph-commit cluster_mutate_if_graph_commit mutations
POST B/change cluster_change mutations
POST B/load cluster_load mutations
POST B/load/ndjson cluster_loadNdjson mutations
POST B/ingest cluster_ingest mutations
GET B/schema cluster_getSchema schema
POST B/schema/apply cluster_applySchema mutations
GET B/branches cluster_listBranches branches
POST B/branches cluster_createBranch branches
DELETE B/branches/{branch} cluster_deleteBranch branches
POST B/branches/merge cluster_mergeBranches branches
GET B/commits cluster_listCommits commits
GET B/commits/{commit_id} cluster_getCommit commits
GET B/commits/{commit_id}/changes cluster_getCommitChanges changes
GET B/changes cluster_pollChanges changes
POST B/changes/baseline cluster_captureChangeBaseline changes
";

#[test]
fn the_table_is_the_route_table() {
    let line = |operation: &Operation| {
        let base = if operation.scope() == Scope::Graph { "B" } else { "" };
        let (method, path) = (operation.method().as_str(), operation.path());
        format!("{method} {base}{path} {} {}", operation.operation_id(), operation.tag())
    };
    let table: Vec<String> = Operation::ALL.iter().map(line).collect();
    assert_eq!(table, ROUTES.trim().lines().collect::<Vec<_>>());
}

#[test]
fn all_lists_each_operation_once() {
    let distinct: BTreeSet<String> =
        Operation::ALL.iter().map(|operation| format!("{operation:?}")).collect();
    assert_eq!(distinct.len(), Operation::ALL.len());
}

#[test]
fn nested_paths_name_the_graph() {
    assert_eq!(Operation::Health.nested_path(), "/healthz");
    assert_eq!(Operation::ListGraphs.nested_path(), "/graphs");
    assert_eq!(Operation::Query.nested_path(), "/graphs/{graph_id}/query");
    assert_eq!(Operation::GetBlob.nested_path(), Operation::HeadBlob.nested_path());
}

#[test]
fn older_operations_name_their_successors() {
    let deprecated: Vec<_> =
        Operation::ALL.into_iter().filter(|operation| operation.is_deprecated()).collect();
    assert_eq!(deprecated, [Operation::Read, Operation::Change, Operation::Ingest]);
    assert_eq!(Operation::Read.successor_link().unwrap(), r#"<query>; rel="successor-version""#);
    assert_eq!(Operation::Change.successor_link().unwrap(), r#"<mutate>; rel="successor-version""#);
    assert_eq!(Operation::Ingest.successor_link().unwrap(), r#"<load>; rel="successor-version""#);
    assert_eq!(Operation::Query.successor_link(), None);
    for operation in deprecated {
        let successor = operation.successor().unwrap();
        assert_eq!((operation.method(), operation.scope()), (successor.method(), successor.scope()));
        assert!(!successor.is_deprecated());
    }
}

#[test]
fn values_are_encoded_as_one_segment() {
    assert_eq!(Operation::DeleteBranch.url_path(&["review/7"]), "/branches/review%2F7");
    assert_eq!(Operation::GetCommitChanges.url_path(&["01J"]), "/commits/01J/changes");
    assert_eq!(Operation::InvokeQuery.url_path(&["a b?c#d%"]), "/queries/a%20b%3Fc%23d%25");
    assert_eq!(Operation::GetCommit.url_path(&["\u{fc}{name}"]), "/commits/%C3%BC%7Bname%7D");
    assert_eq!(Operation::GetCommit.url_path(&["azAZ09-._~"]), "/commits/azAZ09-._~");
    assert_eq!(Operation::Query.url_path(&[]), "/query");
    assert_eq!(Operation::Health.url_path(&[]), "/healthz");
    assert_eq!(graph_base_path("a_b.c~d-E9/"), "/graphs/a_b.c~d-E9%2F");
}

#[test]
fn every_byte_but_the_unreserved_is_encoded() {
    let printable: String = (1..128).map(char::from).collect();
    let path = Operation::GetCommit.url_path(&[&printable]);
    let value = path.strip_prefix("/commits/").unwrap();
    let plain: String = value.split('%').skip(1).filter_map(|piece| piece.get(2..)).collect();
    assert_eq!(plain, "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~");
    assert_eq!(value.matches('%').count(), 127 - plain.len());
}

#[test]
#[should_panic(expected = "values for the path /commits/{commit_id}")]
fn a_missing_value_is_a_mistake_of_the_caller() {
    Operation::GetCommit.url_path(&[]);
}

#[test]
fn parameters_are_those_of_the_template() {
    let parameters = |operation: Operation| operation.path_parameters().collect::<Vec<_>>();
    assert_eq!(parameters(Operation::InvokeQueryIfGraphCommit), ["name"]);
    assert_eq!(parameters(Operation::GetCommitChanges), ["commit_id"]);
    assert_eq!(parameters(Operation::Mutate), [""; 0]);
    assert_eq!(Operation::DeleteBranch.method(), Method::Delete);
}
