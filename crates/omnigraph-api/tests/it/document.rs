//! The API document says what the contract says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use omnigraph_api::{Form, Operation, Scope, components, document, document_json};
use serde_json::{Value, json};

use crate::schemas::{BANNED, BANNED_OF_CHANGES, each_map, property_names, references};

/// The statuses that each operation must at least document.
const STATUSES: &str = "
Health 200
ListGraphs 200 401 403 405
GetSnapshot 200 401 403
GetBlob 200 206 302 304 400 401 403 404 412 416 500
HeadBlob 200 302 304 400 401 403 404 412 500
Query 200 400 401 403
Read 200 400 401 403
Export 200 400 401 403 404 409 413 415 503
ListQueries 200 401 403
InvokeQuery 200 400 401 403 404 409 413 424 429 500 503
InvokeQueryIfGraphCommit 200 400 401 403 404 409 412 413 424 429 500 503
Mutate 200 400 401 403 409 413 424 429 503
MutateIfGraphCommit 200 400 401 403 409 412 413 424 429 503
Change 200 400 401 403 409 413 424 429 503
Load 200 400 401 403 409 413 424 429 503
LoadNdjson 200 400 401 403 404 409 413 415 424 429 503
Ingest 200 400 401 403 409 413 424 429 503
GetSchema 200 401 403
ApplySchema 200 400 401 403 409 429
ListBranches 200 401 403
CreateBranch 200 400 401 403 409 429 503
DeleteBranch 200 401 403 404 429 503
MergeBranches 200 400 401 403 409 413 424 429 503
ListCommits 200 401 403
GetCommit 200 401 403 404
GetCommitChanges 200 400 401 404 409 410 413 500 503
PollChanges 200 400 401 403 404 409 410 413 500 503
CaptureChangeBaseline 200 400 401 403 404 413 500 503
";

/// Request and 200 schema of each operation whose bodies are JSON; `-` is none.
const BODIES: &str = "
Health - HealthOutput
ListGraphs - GraphListResponse
GetSnapshot - SnapshotOutput
Query QueryRequest ReadOutput
Read ReadRequest LegacyReadOutput
ListQueries - QueriesCatalogOutput
Mutate ChangeRequest ChangeOutput
MutateIfGraphCommit ChangeRequest ChangeOutput
Change ChangeRequest ChangeOutput
Load IngestRequest IngestOutput
Ingest IngestRequest IngestOutput
GetSchema - SchemaOutput
ApplySchema SchemaApplyRequest SchemaApplyOutput
ListBranches - BranchListOutput
CreateBranch BranchCreateRequest BranchCreateOutput
DeleteBranch - BranchDeleteOutput
MergeBranches BranchMergeRequest BranchMergeOutput
ListCommits - CommitListOutput
GetCommit - CommitOutput
GetCommitChanges - CommitChangesOutput
PollChanges - ChangeFeedOutput
";

/// Parameters of each operation after `graph_id`: place and name, `!` when required.
const PARAMETERS: &str = "
Health
ListGraphs
GetSnapshot query:branch
GetBlob query:entity! query:type! query:id! query:property! query:branch query:snapshot header:If-Match header:If-None-Match header:Range header:If-Range
HeadBlob query:entity! query:type! query:id! query:property! query:branch query:snapshot header:If-Match header:If-None-Match header:Range header:If-Range
Query
Read
Export
ListQueries
InvokeQuery path:name!
InvokeQueryIfGraphCommit path:name! header:Omnigraph-If-Graph-Commit!
Mutate
MutateIfGraphCommit header:Omnigraph-If-Graph-Commit!
Change
Load
LoadNdjson query:branch query:from query:mode
Ingest
GetSchema
ApplySchema
ListBranches
CreateBranch
DeleteBranch path:branch!
MergeBranches
ListCommits query:branch
GetCommit path:commit_id!
GetCommitChanges path:commit_id! query:page_token query:limit query:kind query:type query:op
PollChanges query:branch query:cursor query:start query:page_token query:limit query:kind query:type query:op
CaptureChangeBaseline
";

const CHANGES: [Operation; 3] =
    [Operation::GetCommitChanges, Operation::PollChanges, Operation::CaptureChangeBaseline];

const WRITES: [Operation; 12] = [
    Operation::InvokeQuery,
    Operation::InvokeQueryIfGraphCommit,
    Operation::Mutate,
    Operation::MutateIfGraphCommit,
    Operation::Change,
    Operation::Load,
    Operation::LoadNdjson,
    Operation::Ingest,
    Operation::ApplySchema,
    Operation::CreateBranch,
    Operation::DeleteBranch,
    Operation::MergeBranches,
];

fn value(form: Form) -> Value {
    serde_json::from_str(&document_json(form)).unwrap()
}

/// Returns the description of an operation.
fn described(document: &Value, operation: Operation) -> &Value {
    let method = operation.method().as_str().to_ascii_lowercase();
    let found = &document["paths"][operation.nested_path()][method];
    assert!(found.is_object(), "{operation:?}");
    found
}

/// Returns each operation with its description in the authenticated form.
fn each() -> Vec<(Operation, Value)> {
    let document = value(Form::Authenticated);
    Operation::ALL.into_iter().map(|operation| (operation, described(&document, operation).clone())).collect()
}

fn one(operation: Operation) -> Value {
    described(&value(Form::Authenticated), operation).clone()
}

/// Reads a table by the names of operations.
fn rows(table: &'static str) -> BTreeMap<&'static str, Vec<&'static str>> {
    let row = |line: &'static str| {
        let mut words = line.split_whitespace();
        (words.next().unwrap(), words.collect())
    };
    table.trim().lines().map(row).collect()
}

fn statuses(described: &Value) -> BTreeSet<u16> {
    described["responses"].as_object().unwrap().keys().map(|status| status.parse().unwrap()).collect()
}

/// Returns the operations that document a status.
fn with_status(status: u16) -> Vec<Operation> {
    each()
        .into_iter()
        .filter(|(_, it)| statuses(it).contains(&status))
        .map(|(operation, _)| operation)
        .collect()
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn parameter<'v>(described: &'v Value, name: &str) -> &'v Value {
    described["parameters"].as_array().unwrap().iter().find(|parameter| parameter["name"] == name).unwrap()
}

fn header_names(response: &Value) -> BTreeSet<&str> {
    response["headers"].as_object().into_iter().flat_map(|map| map.keys().map(String::as_str)).collect()
}

/// Returns the names of the schemas that a value refers to, directly and not.
fn reachable(value: &Value) -> BTreeSet<String> {
    let schemas: BTreeMap<String, Value> = components()
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap()))
        .collect();
    let mut reached = references(value);
    let mut queue: Vec<String> = reached.iter().cloned().collect();
    while let Some(name) = queue.pop() {
        for target in references(&schemas[&name]) {
            if reached.insert(target.clone()) {
                queue.push(target);
            }
        }
    }
    reached
}

#[test]
fn the_copy_in_the_repository_is_what_is_generated() {
    let path = Path::new("../../openapi.json");
    let generated = document_json(Form::Authenticated);
    if std::env::var_os("OMNIGRAPH_UPDATE_OPENAPI").is_some_and(|value| !value.is_empty()) {
        fs::write(path, &generated).unwrap();
    }
    let copy = fs::read_to_string(path).unwrap();
    assert!(
        copy == generated,
        "openapi.json is not up to date; run this test with OMNIGRAPH_UPDATE_OPENAPI=1"
    );
}

#[test]
fn the_text_is_pretty_and_always_the_same() {
    for form in [Form::Authenticated, Form::Open] {
        let text = document_json(form);
        assert!(text.starts_with("{\n  \"openapi\": \"3.1."), "{}", &text[..40]);
        assert!(text.ends_with("}\n") && !text.ends_with("\n\n"));
        assert_eq!(text, document_json(form));
        assert_eq!(serde_json::to_value(document(form)).unwrap(), value(form));
    }
}

#[test]
fn info_names_the_api() {
    let document = value(Form::Authenticated);
    assert_eq!(document["info"]["title"], "Omnigraph API");
    assert!(document["info"]["description"].as_str().unwrap().contains("Omnigraph"));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn paths_are_those_of_the_table() {
    let document = value(Form::Authenticated);
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 26);
    let nested: BTreeSet<String> = Operation::ALL.into_iter().map(Operation::nested_path).collect();
    assert_eq!(paths.keys().cloned().collect::<BTreeSet<_>>(), nested);
    let flat: Vec<&String> = paths.keys().filter(|path| !path.starts_with("/graphs/{graph_id}/")).collect();
    assert_eq!(flat, ["/graphs", "/healthz"]);
    let methods: usize = paths.values().map(|item| item.as_object().unwrap().len()).sum();
    assert_eq!(methods, Operation::ALL.len());
}

#[test]
fn operations_have_names_and_tags_of_the_table() {
    let document = value(Form::Authenticated);
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for (operation, described) in each() {
        let id = described["operationId"].as_str().unwrap();
        assert_eq!(id, operation.operation_id());
        assert_eq!(id.starts_with("cluster_"), operation.scope() == Scope::Graph, "{id}");
        assert!(ids.insert(id.to_owned()), "{id} twice");
        assert_eq!(described["tags"], json!([operation.tag()]));
        assert!(tags.contains(operation.tag()), "{}", operation.tag());
        for text in ["summary", "description"] {
            assert!(!described[text].as_str().unwrap().is_empty(), "{id}");
        }
    }
    assert_eq!(tags.len(), 10);
}

#[test]
fn parameters_are_those_of_the_contract() {
    let expected = rows(PARAMETERS);
    for (operation, described) in each() {
        let mut found = Vec::new();
        for parameter in described["parameters"].as_array().into_iter().flatten() {
            let (place, name) = (parameter["in"].as_str().unwrap(), parameter["name"].as_str().unwrap());
            let mark = if parameter["required"] == json!(true) { "!" } else { "" };
            assert!(!parameter["description"].as_str().unwrap().is_empty(), "{operation:?} {name}");
            assert!(parameter["schema"].is_object(), "{operation:?} {name}");
            found.push(format!("{place}:{name}{mark}"));
        }
        if operation.scope() == Scope::Graph {
            assert_eq!(found.remove(0), "path:graph_id!");
            assert_eq!(parameter(&described, "graph_id")["schema"]["type"], "string");
        }
        assert_eq!(found, expected[format!("{operation:?}").as_str()], "{operation:?}");
    }
}

#[test]
fn filters_of_changes_may_be_repeated() {
    for operation in [Operation::GetCommitChanges, Operation::PollChanges] {
        let described = one(operation);
        let items = [
            ("kind", reference("EntityKindOutput")),
            ("type", json!({"type": "string"})),
            ("op", reference("ChangeOpOutput")),
        ];
        for (name, item) in items {
            let found = parameter(&described, name);
            assert_eq!(found["schema"], json!({"type": "array", "items": item}), "{name}");
            assert_eq!((&found["style"], &found["explode"]), (&json!("form"), &json!(true)), "{name}");
        }
        let limit = json!({"type": "integer", "default": 1000, "minimum": 1, "maximum": 8192});
        assert_eq!(parameter(&described, "limit")["schema"], limit);
    }
}

#[test]
fn blob_parameters_tell_what_counts() {
    for operation in [Operation::GetBlob, Operation::HeadBlob] {
        let described = one(operation);
        let text = |name: &str| parameter(&described, name)["description"].as_str().unwrap();
        assert_eq!(parameter(&described, "entity")["schema"], reference("BlobEntityKind"));
        assert!(text("If-Match").contains("Strong"));
        for name in ["Range", "If-Range"] {
            assert_eq!(text(name).contains("ignored"), operation == Operation::HeadBlob, "{name}");
        }
    }
    assert_eq!(parameter(&one(Operation::LoadNdjson), "mode")["schema"], reference("LoadMode"));
}

#[test]
fn statuses_of_the_contract_are_documented() {
    let required = rows(STATUSES);
    for (operation, described) in each() {
        let found = statuses(&described);
        for status in &required[format!("{operation:?}").as_str()] {
            assert!(found.contains(&status.parse().unwrap()), "{operation:?} {status}");
        }
        for (status, response) in described["responses"].as_object().unwrap() {
            assert!(!response["description"].as_str().unwrap().is_empty(), "{operation:?} {status}");
        }
    }
}

#[test]
fn statuses_that_cannot_occur_are_not_documented() {
    assert_eq!(statuses(&one(Operation::Health)), BTreeSet::from([200]));
    assert_eq!(statuses(&one(Operation::ListGraphs)), BTreeSet::from([200, 401, 403, 405, 500]));
    assert!(!statuses(&one(Operation::GetCommitChanges)).contains(&403));
    assert_eq!(with_status(405), [Operation::ListGraphs]);
    assert_eq!(with_status(206), [Operation::GetBlob]);
    assert_eq!(with_status(416), [Operation::GetBlob]);
    assert_eq!(with_status(410), [Operation::GetCommitChanges, Operation::PollChanges]);
    let conditional = [Operation::InvokeQueryIfGraphCommit, Operation::MutateIfGraphCommit];
    assert_eq!(with_status(412), [&[Operation::GetBlob, Operation::HeadBlob][..], &conditional].concat());
    assert_eq!(with_status(429), WRITES);
}

#[test]
fn statuses_that_any_request_may_get_are_documented() {
    for (operation, described) in
        each().into_iter().filter(|(operation, _)| operation.scope() == Scope::Graph)
    {
        let found = statuses(&described);
        for status in [400, 401, 404, 500, 503, 504] {
            assert!(found.contains(&status), "{operation:?} {status}");
        }
        let json_body = &described["requestBody"]["content"]["application/json"];
        assert!(json_body.is_null() || found.contains(&413), "{operation:?}");
        assert!(
            json_body.is_null()
                || described["requestBody"]["required"] == json!(false)
                || found.contains(&415)
        );
    }
    let without_data = [Operation::ApplySchema, Operation::CreateBranch, Operation::DeleteBranch];
    let with_data: Vec<_> =
        WRITES.into_iter().filter(|operation| !without_data.contains(operation)).collect();
    assert_eq!(with_status(424), with_data);
}

#[test]
fn mutations_in_queries_are_mentioned() {
    for operation in [Operation::Query, Operation::Read] {
        let described = one(operation);
        let text = described["responses"]["400"]["description"].as_str().unwrap();
        assert!(text.contains("mutations") && text.contains("POST /mutate"), "{text}");
    }
}

#[test]
fn bodies_are_those_of_the_contract() {
    let documented = value(Form::Authenticated);
    for (name, words) in rows(BODIES) {
        let operation =
            Operation::ALL.into_iter().find(|operation| format!("{operation:?}") == name).unwrap();
        let described = described(&documented, operation);
        match words[0] {
            "-" => assert!(described.get("requestBody").is_none(), "{name}"),
            request => {
                let body = json!({
                    "content": {"application/json": {"schema": reference(request)}},
                    "required": true
                });
                assert_eq!(described["requestBody"], body, "{name}");
            }
        }
        let content = json!({"application/json": {"schema": reference(words[1])}});
        assert_eq!(described["responses"]["200"]["content"], content, "{name}");
    }
}

#[test]
fn stored_queries_need_no_body() {
    for (operation, output) in [
        (Operation::InvokeQuery, "InvokeStoredQueryResponse"),
        (Operation::InvokeQueryIfGraphCommit, "ChangeOutput"),
    ] {
        let described = one(operation);
        let body = &described["requestBody"];
        assert_eq!(body["required"], json!(false));
        let schema = json!({"oneOf": [reference("InvokeStoredQueryRequest"), {"type": "null"}]});
        assert_eq!(body["content"], json!({"application/json": {"schema": schema}}));
        let content = json!({"application/json": {"schema": reference(output)}});
        assert_eq!(described["responses"]["200"]["content"], content);
    }
}

#[test]
fn streams_have_their_media_types() {
    let load = one(Operation::LoadNdjson);
    assert_eq!(load["requestBody"]["required"], json!(true));
    let lines = json!({"application/x-ndjson": {"schema": {"type": "string"}}});
    assert_eq!(load["requestBody"]["content"], lines);
    let receipt = json!({"application/json": {"schema": reference("GraphBatchLoadOutput")}});
    assert_eq!(load["responses"]["200"]["content"], receipt);
    let export = one(Operation::Export);
    assert_eq!(export["requestBody"]["content"]["application/json"]["schema"], reference("ExportRequest"));
    assert_eq!(export["responses"]["200"]["content"], json!({"application/x-ndjson": {}}));
    let baseline = one(Operation::CaptureChangeBaseline);
    assert_eq!(
        baseline["requestBody"]["content"]["application/json"]["schema"],
        reference("ChangeBaselineRequest")
    );
    let record = json!({"application/x-ndjson": {"schema": reference("ChangeBaselineRecord")}});
    assert_eq!(baseline["responses"]["200"]["content"], record);
    let binary = json!({"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}});
    let bytes = [(Operation::GetBlob, "200"), (Operation::GetBlob, "206"), (Operation::HeadBlob, "200")];
    for (operation, status) in bytes {
        assert_eq!(one(operation)["responses"][status]["content"], binary, "{operation:?} {status}");
    }
    for operation in [Operation::GetBlob, Operation::HeadBlob] {
        for status in ["302", "304"] {
            assert!(one(operation)["responses"][status].get("content").is_none(), "{operation:?} {status}");
        }
    }
}

#[test]
fn errors_have_the_body_of_their_routes() {
    for (operation, described) in each() {
        let name = if CHANGES.contains(&operation) { "ChangeErrorOutput" } else { "ErrorOutput" };
        for (status, response) in described["responses"].as_object().unwrap() {
            if status.parse::<u16>().unwrap() < 400 {
                continue;
            }
            match operation {
                Operation::HeadBlob => assert!(response.get("content").is_none(), "{status}"),
                _ => assert_eq!(
                    response["content"],
                    json!({"application/json": {"schema": reference(name)}}),
                    "{operation:?} {status}"
                ),
            }
            assert!(header_names(response).contains("X-Request-Id"), "{operation:?} {status}");
        }
    }
}

#[test]
fn refused_writes_tell_when_to_come_back() {
    for (operation, described) in each() {
        for (status, response) in described["responses"].as_object().unwrap() {
            assert_eq!(
                header_names(response).contains("Retry-After"),
                status == "429",
                "{operation:?} {status}"
            );
        }
    }
}

#[test]
fn blob_answers_have_their_headers() {
    let tagged = ["Accept-Ranges", "ETag", "Omnigraph-Snapshot-Id"];
    let whole = [&tagged[..], &["Content-Length"]].concat();
    let range = ["Content-Range"];
    let expected = [
        ("200", whole.clone()),
        ("206", [&whole[..], &range].concat()),
        ("302", vec!["Cache-Control", "Location", "Omnigraph-Snapshot-Id"]),
        ("304", whole.clone()),
        ("412", tagged.to_vec()),
        ("416", [&tagged[..], &range].concat()),
        ("400", vec![]),
    ];
    for operation in [Operation::GetBlob, Operation::HeadBlob] {
        let described = one(operation);
        for (status, headers) in &expected {
            let Some(response) = described["responses"].get(status) else {
                assert_eq!(operation, Operation::HeadBlob);
                assert!(["206", "416"].contains(status));
                continue;
            };
            let mut found = header_names(response);
            found.remove("X-Request-Id");
            assert_eq!(found, headers.iter().copied().collect(), "{operation:?} {status}");
        }
    }
}

#[test]
fn older_operations_say_so_on_every_answer() {
    for (operation, described) in each() {
        assert_eq!(described.get("deprecated") == Some(&json!(true)), operation.is_deprecated());
        for (status, response) in described["responses"].as_object().unwrap() {
            let headers = header_names(response);
            for name in ["Deprecation", "Link"] {
                assert_eq!(headers.contains(name), operation.is_deprecated(), "{operation:?} {status}");
            }
            if let Some(link) = operation.successor_link() {
                let text = response["headers"]["Link"]["description"].as_str().unwrap();
                assert!(text.contains(&link), "{text}");
            }
        }
    }
}

#[test]
fn everything_but_health_asks_for_credentials() {
    let document = value(Form::Authenticated);
    let schemes = json!({"bearer_token": {"type": "http", "scheme": "bearer"}});
    assert_eq!(document["components"]["securitySchemes"], schemes);
    for (operation, described) in each() {
        match operation {
            Operation::Health => assert!(described.get("security").is_none()),
            _ => assert_eq!(described["security"], json!([{"bearer_token": []}]), "{operation:?}"),
        }
    }
}

#[test]
fn the_open_form_differs_in_credentials_only() {
    let open = value(Form::Open);
    assert!(open["components"].get("securitySchemes").is_none());
    each_map(&open, &mut |map| assert!(!map.contains_key("security")));
    let mut authenticated = value(Form::Authenticated);
    authenticated["components"].as_object_mut().unwrap().shift_remove("securitySchemes");
    for item in authenticated["paths"].as_object_mut().unwrap().values_mut() {
        for described in item.as_object_mut().unwrap().values_mut() {
            described.as_object_mut().unwrap().shift_remove("security");
        }
    }
    assert_eq!(authenticated, open);
}

#[test]
fn components_are_those_of_the_wire_types() {
    let document = value(Form::Authenticated);
    assert_eq!(document["components"]["schemas"], serde_json::to_value(components()).unwrap());
    for target in references(&document) {
        assert!(document["components"]["schemas"].get(&target).is_some(), "{target}");
    }
    for banned in BANNED {
        assert!(!property_names(&document).contains(banned), "{banned}");
    }
}

#[test]
fn every_component_is_used() {
    let document = value(Form::Authenticated);
    let reached = reachable(&document["paths"]);
    let all: BTreeSet<String> = components().into_keys().collect();
    assert_eq!(all.difference(&reached).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn operations_about_changes_have_words_of_graphs_only() {
    let schemas = components();
    for operation in CHANGES {
        let described = one(operation);
        let reached = reachable(&described);
        assert!(reached.contains("ChangeErrorOutput"), "{operation:?}");
        for absent in ["ErrorOutput", "CommitOutput"] {
            assert!(!reached.contains(absent), "{operation:?} reaches {absent}");
        }
        let mut text = described.to_string();
        for name in reached {
            text += &serde_json::to_string(&schemas[&name]).unwrap();
        }
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        for banned in BANNED_OF_CHANGES {
            assert!(!words.contains(banned), "{operation:?} says {banned}");
        }
    }
}
