//! Crashes at every durable step of a schema change: the next open finds the old schema or the new one, never a mixture.

use omnigraph_compiler::catalog::TypeKey;
use omnigraph_graph::commit::failpoints::{INTENT_WRITTEN, PUBLISH_AFTER, PUBLISH_BEFORE, STAGED};
use omnigraph_storage::objects::fault::RESHAPE_VERSION_WRITTEN;

use super::{Load, LoadMode, LoadSource, Omnigraph};
use crate::write::schema_apply::failpoints::{PLANNED, PUBLISHED};

const OLD: &str = "node Person { name: String @key  age: I32? }";
const NEW: &str =
    "node Human @rename_from(\"Person\") { name: String @key  years: I32? @rename_from(age)  city: String? }
    node Tag { name: String @key }";

/// Arms a point to panic on this thread only, until dropped: the registry is shared by all tests of the process.
struct Crash(&'static str);

impl Crash {
    fn at(point: &'static str) -> Crash {
        let thread = std::thread::current().id();
        fail::cfg_callback(point, move || {
            if std::thread::current().id() == thread {
                panic!("crash");
            }
        })
        .unwrap();
        Crash(point)
    }
}

impl Drop for Crash {
    fn drop(&mut self) {
        fail::remove(self.0);
    }
}

async fn load(graph: &Omnigraph, line: &str) {
    graph.load(Load::new("main", LoadSource::Text(line.to_owned()), LoadMode::Merge)).await.unwrap();
}

async fn export(graph: &Omnigraph) -> String {
    let mut out = Vec::new();
    graph.export("main", &[], &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

/// Crashes an apply at `point`; tells whether the next open finds the new schema.
async fn crash(point: &'static str) -> bool {
    let uri = format!("memory://schema-crash-{point}");
    let graph = Omnigraph::init(&uri, OLD).await.unwrap();
    load(&graph, r#"{"type":"Person","data":{"name":"Alice","age":30}}"#).await;
    let armed = Crash::at(point);
    let doomed = graph.clone();
    let crashed = tokio::spawn(async move { doomed.apply_schema(NEW).await.map(|_| ()) }).await;
    assert!(crashed.is_err(), "{point} was not passed");
    drop(armed);
    drop(graph);

    let graph = Omnigraph::open(&uri).await.unwrap();
    let snapshot = graph.graph.head(&omnigraph_graph::commit::BranchName::main()).await.unwrap();
    let new = snapshot.catalog().nodes.contains_key("Human");
    assert_eq!(snapshot.schema_source(), if new { NEW } else { OLD });
    assert_eq!(snapshot.pin(&TypeKey::node("Tag")).map(|pin| pin.rows), new.then_some(0), "{point}");
    assert_eq!(snapshot.pin(&TypeKey::node("Person")).is_none(), new, "{point}");
    let text = export(&graph).await;
    assert!(text.contains(if new { r#""years":30"# } else { r#""age":30"# }), "{point}: {text}");

    // A second try does what is left to do.
    let again = graph.apply_schema(NEW).await.unwrap();
    assert_eq!(again.applied, !new, "{point}");
    load(&graph, r#"{"type":"Tag","data":{"name":"red"}}"#).await;
    assert_eq!(export(&graph).await.lines().count(), 2);
    new
}

#[tokio::test]
async fn a_crashed_apply_is_whole_or_nothing() {
    for point in [RESHAPE_VERSION_WRITTEN, PLANNED, STAGED] {
        assert!(!crash(point).await, "{point}");
    }
    for point in [INTENT_WRITTEN, PUBLISH_BEFORE, PUBLISH_AFTER, PUBLISHED] {
        assert!(crash(point).await, "{point}");
    }
}
