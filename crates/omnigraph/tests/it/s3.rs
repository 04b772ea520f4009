//! A graph in a bucket, through the public handle.

use std::collections::BTreeMap;

use omnigraph::db::{JsonRows, Load, LoadMode, LoadSource, Mutate, OpenOptions, ParamMap, row_objects};
use omnigraph::error::{OmniError, StorageFailureKind};
use omnigraph::{Omnigraph, Result};
use serde_json::{Value as Json, json};

use crate::server::Server;
use crate::skip::skipped;

const SCHEMA: &str = "
    node Person { name: String @key  age: I32? }
    edge Knows: Person -> Person
";

const DATA: &str = r#"
{"type":"Person","data":{"name":"Ada","age":36}}
{"type":"Person","data":{"name":"Bob"}}
{"edge":"Knows","from":"Ada","to":"Bob"}
"#;

const QUERIES: &str = r#"
    query add($name: String) { insert Person { name: $name } }
    query names() { match { $p: Person } return { $p.name as name } order { name } }
    query friends() { match { $a: Person  $a knows $b } return { $a.name as a, $b.name as b } order { a, b } }
"#;

/// Commits of each of the concurrent writers.
const ROUNDS: usize = 4;

fn options(storage: &BTreeMap<String, String>) -> OpenOptions {
    OpenOptions { storage: storage.clone(), ..OpenOptions::default() }
}

async fn ask(graph: &Omnigraph, name: &str) -> Json {
    let result = graph.query("main", QUERIES, Some(name), &ParamMap::new()).await.unwrap();
    result.batches.iter().flat_map(|batch| row_objects(batch, &result.columns, JsonRows::Exact)).collect()
}

async fn add(graph: &Omnigraph, name: &str) -> Result<()> {
    let mut request = Mutate::new("main", QUERIES);
    request.name = Some("add");
    request.params.insert("name".to_owned(), json!(name));
    graph.mutate(request).await.map(|_| ())
}

/// Makes a graph, loads, changes, reads, races two handles, opens it again and exports it.
async fn works(uri: &str, storage: &BTreeMap<String, String>) {
    let options = options(storage);
    let first = Omnigraph::init_with(uri, SCHEMA, &options).await.unwrap();
    first.load(Load::new("main", LoadSource::Text(DATA.to_owned()), LoadMode::Append)).await.unwrap();
    add(&first, "Cleo").await.unwrap();
    assert_eq!(ask(&first, "names").await, json!([{"name":"Ada"},{"name":"Bob"},{"name":"Cleo"}]));
    assert_eq!(ask(&first, "friends").await, json!([{"a":"Ada","b":"Bob"}]));

    let again = Omnigraph::init_with(uri, SCHEMA, &options).await.map(|_| ()).unwrap_err();
    assert!(matches!(again, OmniError::AlreadyInitialized { .. }), "{again}");

    let second = Omnigraph::open_with(uri, &options).await.unwrap();
    let writers = [("first", &first), ("second", &second)].map(|(prefix, graph)| {
        let graph = graph.clone();
        tokio::spawn(async move {
            for round in 0..ROUNDS {
                add(&graph, &format!("{prefix}-{round}")).await.unwrap();
            }
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }
    let mut expected: Vec<String> = ["Ada", "Bob", "Cleo"].map(str::to_owned).into();
    for prefix in ["first", "second"] {
        expected.extend((0..ROUNDS).map(|round| format!("{prefix}-{round}")));
    }
    let expected: Json = expected.iter().map(|name| json!({"name": name})).collect();
    assert_eq!(ask(&first, "names").await, expected);
    assert_eq!(ask(&second, "names").await, expected);
    first.close().await;
    second.close().await;

    let reopened = Omnigraph::open_with(uri, &options).await.unwrap();
    assert_eq!(ask(&reopened, "names").await, expected);
    let mut exported = Vec::new();
    reopened.export("main", &[], &mut exported).await.unwrap();
    let exported = String::from_utf8(exported).unwrap();
    assert_eq!(exported.lines().count(), 3 + 2 * ROUNDS + 1, "{exported}");
    reopened.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graph_works_in_a_bucket() {
    let server = Server::start().await;
    works("s3://bucket/some/graph", &server.settings()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graph_works_in_an_external_bucket() {
    match std::env::var("OMNIGRAPH_S3_TEST_BUCKET") {
        // The rest comes from the usual `AWS_…` variables.
        Ok(bucket) => works(&format!("s3://{bucket}/graph-{}", ulid::Ulid::new()), &BTreeMap::new()).await,
        Err(_) => skipped("OMNIGRAPH_S3_TEST_BUCKET is not set"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_endpoints_with_one_bucket_name_are_two_stores() {
    let (one, other) = (Server::start().await, Server::start().await);
    let uri = "s3://bucket/graph";
    let graph = Omnigraph::init_with(uri, SCHEMA, &options(&one.settings())).await.unwrap();
    add(&graph, "Ada").await.unwrap();
    let mut spelled = other.settings();
    let endpoint = spelled.remove("aws_endpoint").unwrap();
    spelled.insert("endpoint_url".to_owned(), endpoint);
    let absent = Omnigraph::open_with(uri, &options(&spelled)).await.map(|_| ()).unwrap_err();
    assert!(matches!(absent, OmniError::NotAGraph { .. }), "{absent}");
    let empty = Omnigraph::init_with(uri, SCHEMA, &options(&spelled)).await.unwrap();
    assert_eq!(ask(&empty, "names").await, json!([]));
    assert_eq!(ask(&graph, "names").await, json!([{"name":"Ada"}]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_settings_are_told_and_never_shown() {
    let server = Server::start().await;
    let uri = "s3://bucket/graph";
    Omnigraph::init_with(uri, SCHEMA, &options(&server.settings())).await.unwrap().close().await;

    let mut wrong = server.settings();
    wrong.insert("aws_secret_access_key".to_owned(), "hunter2".to_owned());
    let error = Omnigraph::open_with(uri, &options(&wrong)).await.map(|_| ()).unwrap_err();
    let OmniError::Storage(failure) = &error else { panic!("{error}") };
    assert_eq!(failure.kind, StorageFailureKind::Configuration, "{error}");
    let shown = format!("{error} {error:?}");
    assert!(shown.contains(uri) && !shown.contains("hunter2"), "{shown}");

    let mut twice = server.settings();
    twice.insert("endpoint".to_owned(), "http://127.0.0.1:1".to_owned());
    let error = Omnigraph::open_with(uri, &options(&twice)).await.map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("given twice"), "{error}");
}
