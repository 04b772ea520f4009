//! Tests of the commit protocol over in-memory, faulty and local roots, with real tables.

mod branches;
mod creation;
#[cfg(feature = "failpoints")]
mod faults;
mod heads;
mod queue;
mod recovery;
// Outside of `src`, because tests of other crates use it too.
#[path = "../../../../omnigraph-storage/tests/support/faulty.rs"]
mod store;
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use async_trait::async_trait;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::future::BoxFuture;
use omnigraph_compiler::catalog::{Catalog, TypeKey};
use omnigraph_compiler::schema;
use omnigraph_storage::{Durability, Root, RootOptions, TableChange, Tuning};
use parking_lot::Mutex;
use tokio::sync::watch;

use self::store::FaultyStore;
use super::ids::BranchName;
use super::recovery::Audit;
use super::write::WriteResult;
use super::{CommitId, CommitKind, CommitRecord, Graph, Planned, Planner, Snapshot, WriteRequest};
use crate::error::{GraphError, Result};

const SOURCE: &str = "node Person { name: String @key }\nnode Company { name: String @key }";

fn catalog() -> Catalog {
    schema::compile(SOURCE, "01J0000000000000000000TEST").unwrap().catalog
}

fn options(store: Option<FaultyStore>) -> RootOptions {
    RootOptions {
        durability: Durability::Relaxed,
        memory_budget: 64 << 20,
        store: store.map(|store| Arc::new(store) as Arc<dyn object_store::ObjectStore>),
        tuning: Tuning::small(),
        ..RootOptions::default()
    }
}

async fn root_on(store: &FaultyStore) -> Root {
    Root::open("memory://commit-tests", options(Some(store.clone()))).await.unwrap()
}

async fn init_on(store: &FaultyStore) -> Graph {
    Graph::init(root_on(store).await, SOURCE, catalog(), Some("ann")).await.unwrap()
}

async fn open_on(store: &FaultyStore) -> Graph {
    Graph::open(root_on(store).await).await.unwrap()
}

fn person() -> TypeKey {
    TypeKey::node("Person")
}

fn company() -> TypeKey {
    TypeKey::node("Company")
}

fn main_branch() -> BranchName {
    BranchName::main()
}

fn request() -> WriteRequest {
    WriteRequest {
        branch: main_branch(),
        actor: Some("bob".to_owned()),
        kind: CommitKind::Data,
        if_commit: None,
    }
}

fn request_if(commit: CommitId) -> WriteRequest {
    WriteRequest { if_commit: Some(commit), ..request() }
}

/// Appends rows to one type; counts how often it planned.
struct Add {
    key: TypeKey,
    names: Vec<String>,
    reads: BTreeSet<TypeKey>,
    publish_unchanged: bool,
    plans: watch::Sender<u32>,
    /// Runs once, while the first plan is made.
    meanwhile: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl Add {
    fn new(key: TypeKey, names: &[&str]) -> Add {
        Add {
            reads: BTreeSet::from([key.clone()]),
            key,
            names: names.iter().map(ToString::to_string).collect(),
            publish_unchanged: false,
            plans: watch::Sender::new(0),
            meanwhile: Mutex::new(None),
        }
    }

    fn nothing() -> Add {
        Add::new(person(), &[])
    }

    fn meanwhile(self, work: impl Future<Output = ()> + Send + 'static) -> Add {
        *self.meanwhile.lock() = Some(Box::pin(work));
        self
    }

    fn plans(&self) -> u32 {
        *self.plans.borrow()
    }

    /// Waits until it was asked for its `times`-th plan.
    async fn planned(&self, times: u32) {
        let mut plans = self.plans.subscribe();
        let planned = plans.wait_for(|plans| *plans >= times);
        tokio::time::timeout(Duration::from_secs(30), planned)
            .await
            .expect("the write is not planned")
            .unwrap();
    }
}

impl AsRef<Add> for Add {
    fn as_ref(&self) -> &Add {
        self
    }
}

#[async_trait]
impl Planner for Add {
    type Output = u32;
    type Error = GraphError;

    async fn plan(&self, snapshot: &Snapshot) -> Result<Planned<u32>> {
        self.plans.send_modify(|plans| *plans += 1);
        let plans = self.plans();
        let table = snapshot.table(&self.key).await?;
        let work = self.meanwhile.lock().take();
        if let Some(work) = work {
            work.await;
        }
        let mut changes = BTreeMap::new();
        if !self.names.is_empty() {
            let names: ArrayRef = Arc::new(StringArray::from(self.names.clone()));
            let batch = RecordBatch::try_new(table.schema(), vec![names.clone(), names])?;
            let rows = futures::stream::iter([Ok(batch)]);
            let append = Box::pin(RecordBatchStreamAdapter::new(table.schema(), rows));
            changes.insert(self.key.clone(), TableChange { append: Some(append), ..TableChange::default() });
        }
        Ok(Planned {
            publish_unchanged: self.publish_unchanged,
            ..Planned::changes(plans, changes, self.reads.clone())
        })
    }
}

async fn add(graph: &Graph, key: TypeKey, name: &str) -> Arc<CommitRecord> {
    try_add(graph, key, name).await.unwrap().commit.unwrap()
}

async fn try_add(graph: &Graph, key: TypeKey, name: &str) -> Result<WriteResult<u32>> {
    graph.write(&request(), &Add::new(key, &[name])).await
}

async fn rows(graph: &Graph, key: &TypeKey) -> u64 {
    let head = graph.head(&main_branch()).await.unwrap();
    let rows = head.pin(key).unwrap().rows;
    assert_eq!(head.table(key).await.unwrap().row_count(), rows);
    rows
}

async fn paths(graph: &Graph, prefix: &str) -> Vec<String> {
    let mut paths: Vec<String> =
        graph.root().list(prefix).await.unwrap().into_iter().map(|object| object.path).collect();
    paths.sort();
    paths
}

async fn intents(graph: &Graph) -> Vec<String> {
    paths(graph, "__recovery/").await
}

async fn audits(graph: &Graph) -> Vec<Audit> {
    let mut found = Vec::new();
    for path in paths(graph, "__manifest/audit/").await {
        let bytes = graph.root().get(&path).await.unwrap().unwrap();
        found.push(serde_json::from_slice(&bytes).unwrap());
    }
    found
}

/// Returns the ancestors of a branch's head, oldest first.
async fn history(graph: &Graph, branch: &BranchName) -> Vec<Arc<CommitRecord>> {
    let mut walk = crate::branch::history(graph, branch).await.unwrap();
    let mut records = Vec::new();
    while let Some(record) = walk.next().await.unwrap() {
        records.push(record);
    }
    records.reverse();
    records
}

/// Checks what holds of every history: dense, linear, ids ascending, pins sorted, versions counted.
async fn assert_linear(graph: &Graph) -> Vec<Arc<CommitRecord>> {
    let history = history(graph, &main_branch()).await;
    assert_eq!(history[0].seq.0, 1);
    assert_eq!(history[0].kind, CommitKind::Init);
    assert!(history[0].parents.is_empty());
    for pair in history.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        assert_eq!(after.seq, before.seq.next());
        assert_eq!(after.parents, [before.as_parent()]);
        assert!(after.id > before.id);
        for pin in &after.tables {
            let old = before.pin(&pin.key()).unwrap();
            let moved = u64::from(!old.same_image(pin));
            assert_eq!(pin.table_version, old.table_version + moved);
        }
    }
    history
}
