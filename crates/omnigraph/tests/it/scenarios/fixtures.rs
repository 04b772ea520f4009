//! What the scenarios share: a graph in a directory, faults that hit this graph only, and what must hold after recovery.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, SystemTime};

use omnigraph::db::{
    CommitPage, Durability, GraphCommit, LoadMode, MergeBranches, MergeReceipt, Mutate, OpenOptions,
    RecoveryKind, RecoveryRecord,
};
use omnigraph::error::OmniError;
use omnigraph::failpoints::{ScopedFailPoint, names as points};
use omnigraph::{Omnigraph, Result};
use parking_lot::Mutex as Lock;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{Mutex, MutexGuard};

pub(super) use crate::fixtures::{head_id, lines, load, names, rows, run};

pub(super) const SCHEMA: &str = "
    node Person { name: String @key  age: I32? }
    node Company { name: String @key }
    edge Knows: Person -> Person
    edge WorksAt: Person -> Company
";

/// Four persons, two companies, five edges.
pub(super) const FIXTURE: &str = r#"
{"type":"Person","data":{"name":"Alice","age":30}}
{"type":"Person","data":{"name":"Bob","age":25}}
{"type":"Person","data":{"name":"Charlie","age":35}}
{"type":"Person","data":{"name":"Diana","age":28}}
{"type":"Company","data":{"name":"Acme"}}
{"type":"Company","data":{"name":"Globex"}}
{"edge":"Knows","from":"Alice","to":"Bob"}
{"edge":"Knows","from":"Alice","to":"Charlie"}
{"edge":"Knows","from":"Bob","to":"Diana"}
{"edge":"WorksAt","from":"Alice","to":"Acme"}
{"edge":"WorksAt","from":"Bob","to":"Globex"}
"#;

/// A fault point has one root and one action at a time, so one scenario runs at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

pub(super) fn relaxed() -> OpenOptions {
    OpenOptions { durability: Durability::Relaxed, ..OpenOptions::default() }
}

/// An empty directory, and the right to make what happens in it fail: the only one of the process while this lives.
pub(super) struct Directory {
    temporary: TempDir,
    _exclusive: MutexGuard<'static, ()>,
}

impl Directory {
    pub(super) async fn new() -> Directory {
        Directory { _exclusive: ONE_AT_A_TIME.lock().await, temporary: TempDir::new().unwrap() }
    }

    pub(super) fn uri(&self) -> &str {
        self.temporary.path().to_str().unwrap()
    }

    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.temporary.path().join(relative)
    }

    pub(super) async fn init(&self, schema: &str) -> Result<Omnigraph> {
        Omnigraph::init_with(self.uri(), schema, &relaxed()).await
    }

    pub(super) async fn try_open(&self) -> Result<Omnigraph> {
        Omnigraph::open_with(self.uri(), &relaxed()).await
    }

    pub(super) async fn open(&self) -> Omnigraph {
        self.try_open().await.unwrap()
    }

    pub(super) async fn reader(&self) -> Omnigraph {
        let options = OpenOptions { read_only: true, ..relaxed() };
        Omnigraph::open_with(self.uri(), &options).await.unwrap()
    }

    /// Makes a point fail, for this graph only.
    pub(super) fn fail(&self, point: &'static str) -> ScopedFailPoint {
        self.arm(point, "return")
    }

    pub(super) fn arm(&self, point: &'static str, action: &str) -> ScopedFailPoint {
        assert!(points().contains(&point), "{point} is no point");
        ScopedFailPoint::limited(point, self.uri()).armed(action).unwrap()
    }

    /// Calls a function when a point is passed for the first time.
    pub(super) fn at(&self, point: &'static str, work: impl Fn() + Send + Sync + 'static) -> ScopedFailPoint {
        assert!(points().contains(&point), "{point} is no point");
        let passed = AtomicBool::new(false);
        let once = move || {
            if !passed.swap(true, Ordering::SeqCst) {
                work();
            }
        };
        ScopedFailPoint::limited(point, self.uri()).calling(once).unwrap()
    }

    /// Holds up whoever passes a point first.
    pub(super) fn park(&self, point: &'static str) -> Parked {
        let (arrive, arrived) = unbounded_channel();
        let (release, released) = channel::<()>();
        let released = Lock::new(released);
        let point = self.at(point, move || {
            let _ = arrive.send(());
            let _ = released.lock().recv();
        });
        Parked { arrived, release, _point: point }
    }

    /// Returns the intents that stand, by operation.
    pub(super) fn intents(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.path("__recovery")).into_iter().flatten();
        let mut found: Vec<String> = files
            .filter_map(|file| Some(file.unwrap().file_name().to_str()?.strip_suffix(".json")?.to_owned()))
            .collect();
        found.sort();
        found
    }

    pub(super) fn intent_path(&self, operation: &str) -> PathBuf {
        self.path(&format!("__recovery/{operation}.json"))
    }

    pub(super) fn intent(&self, operation: &str) -> Json {
        serde_json::from_slice(&std::fs::read(self.intent_path(operation)).unwrap()).unwrap()
    }

    pub(super) fn put_intent(&self, operation: &str, intent: &Json) {
        std::fs::create_dir_all(self.path("__recovery")).unwrap();
        std::fs::write(self.intent_path(operation), intent.to_string()).unwrap();
    }

    /// Makes an intent so old that its writer counts as dead.
    pub(super) fn age_intent(&self, operation: &str) {
        let file = std::fs::File::options().write(true).open(self.intent_path(operation)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    }

    /// Returns every file with its content.
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        walk(self.temporary.path(), self.temporary.path(), &mut found);
        found
    }

    /// Opens the graph again, and checks what holds after every recovery: the intent is gone, one record tells of the
    /// operation, and opening once more changes nothing.
    pub(super) async fn recovered(&self, operation: &str, kind: RecoveryKind) -> (Omnigraph, RecoveryRecord) {
        let opened = self.open().await;
        let record = self.settled(&opened, operation, kind).await;
        let before = self.files();
        drop(self.open().await);
        assert_eq!(self.files().keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
        (opened, record)
    }

    /// Checks that an operation is settled, and how.
    pub(super) async fn settled(
        &self,
        graph: &Omnigraph,
        operation: &str,
        kind: RecoveryKind,
    ) -> RecoveryRecord {
        graph.clone().close().await;
        assert_eq!(self.intents(), [] as [String; 0]);
        let mut records = graph.recovery_list().await.unwrap();
        records.retain(|record| record.operation_id == operation);
        assert_eq!(records.len(), 1, "{records:?}");
        let record = records.remove(0);
        assert_eq!(record.recovery_kind, kind);
        if kind != RecoveryKind::RolledForward {
            assert_eq!((record.tables.len(), &record.graph_commit_id), (0, &None));
        }
        record
    }
}

fn walk(top: &Path, at: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(at).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            walk(top, &entry.path(), found);
        } else {
            let path = entry.path().strip_prefix(top).unwrap().to_str().unwrap().to_owned();
            found.insert(path, std::fs::read(entry.path()).unwrap());
        }
    }
}

/// A graph in a directory of its own.
pub(super) struct Store {
    pub(super) graph: Omnigraph,
    directory: Directory,
}

impl std::ops::Deref for Store {
    type Target = Directory;

    fn deref(&self) -> &Directory {
        &self.directory
    }
}

impl Store {
    pub(super) async fn new(schema: &str) -> Store {
        let directory = Directory::new().await;
        Store { graph: directory.init(schema).await.unwrap(), directory }
    }

    pub(super) async fn empty() -> Store {
        Store::new(SCHEMA).await
    }

    /// The fixture, with nothing left in the background.
    pub(super) async fn filled() -> Store {
        let store = Store::empty().await;
        load(&store.graph, "main", FIXTURE, LoadMode::Append).await.unwrap();
        store.rest().await;
        store
    }

    /// The persons named, each in a commit of its own.
    pub(super) async fn with(persons: &[&str]) -> Store {
        let store = Store::empty().await;
        for name in persons {
            add(&store.graph, "main", name).await.unwrap();
        }
        store.rest().await;
        store
    }

    /// Waits until nothing runs in the background.
    pub(super) async fn rest(&self) {
        self.graph.clone().close().await;
    }

    /// Interrupts the insertion of a person when its intent stands; returns the operation.
    pub(super) async fn interrupt_add(&self, graph: &Omnigraph, branch: &str, name: &str) -> String {
        const POINT: &str = "mutation.post_finalize_pre_publisher";
        let fault = self.fail(POINT);
        let operation = interrupted(POINT, add_as(graph, branch, name, Some("act-x")).await);
        drop(fault);
        assert!(self.intents().contains(&operation));
        operation
    }
}

/// A writer that is held up at a point; it goes on when this is dropped.
pub(super) struct Parked {
    arrived: UnboundedReceiver<()>,
    release: Sender<()>,
    _point: ScopedFailPoint,
}

impl Parked {
    /// Waits until the writer has arrived.
    pub(super) async fn arrived(&mut self) {
        let arrival = tokio::time::timeout(Duration::from_secs(60), self.arrived.recv());
        assert_eq!(arrival.await.unwrap(), Some(()));
    }

    /// Lets the writer go on.
    pub(super) fn release(self) {
        self.release.send(()).unwrap();
    }
}

/// Checks that a call failed at a point before it could leave anything to recovery.
pub(super) fn failed<T>(point: &str, outcome: Result<T>) -> OmniError {
    let error = outcome.err().unwrap();
    assert!(!matches!(error, OmniError::RecoveryRequired { .. }), "{error}");
    assert!(error.to_string().contains(&format!("injected failpoint triggered: {point}")), "{error}");
    error
}

/// Checks that a call failed at a point where recovery owns its outcome; returns the operation.
pub(super) fn interrupted<T>(point: &str, outcome: Result<T>) -> String {
    let error = outcome.err().unwrap();
    let text = error.to_string();
    let OmniError::RecoveryRequired { operation_id, .. } = error else { panic!("{text}") };
    assert!(text.contains(&format!("injected failpoint triggered: {point}")), "{text}");
    assert!(text.contains("reopen the graph read-write"), "{text}");
    operation_id
}

pub(super) async fn add(graph: &Omnigraph, branch: &str, name: &str) -> Result<()> {
    add_as(graph, branch, name, None).await
}

pub(super) async fn add_as(graph: &Omnigraph, branch: &str, name: &str, actor: Option<&str>) -> Result<()> {
    let text = format!(r#"query add() {{ insert Person {{ name: "{name}" }} }}"#);
    graph.mutate(Mutate { actor, ..Mutate::new(branch, &text) }).await.map(drop)
}

pub(super) async fn merge(graph: &Omnigraph, source: &str, target: &str) -> Result<MergeReceipt> {
    graph.branch_merge(MergeBranches::new(source, target)).await
}

pub(super) async fn head(graph: &Omnigraph, branch: &str) -> GraphCommit {
    graph.snapshot_of(branch).await.unwrap().commit()
}

/// Returns the version users see of a table.
pub(super) async fn version(graph: &Omnigraph, branch: &str, key: &str) -> u64 {
    graph.snapshot_of(branch).await.unwrap().dataset(key).unwrap().published_dataset_version
}

pub(super) async fn commits(graph: &Omnigraph, branch: &str) -> usize {
    graph.list_commits(branch, &CommitPage::default()).await.unwrap().len()
}

pub(super) async fn ages(graph: &Omnigraph) -> Vec<(String, i64)> {
    let text = "query q() { match { $p: Person } return { $p.name as name, $p.age as age } order { name } }";
    let found = rows(graph, "main", text).await;
    let pair = |row: Json| Some((row["name"].as_str()?.to_owned(), row["age"].as_i64()?));
    found.into_iter().filter_map(pair).collect()
}

/// Returns the pairs of an edge type between persons, sorted.
pub(super) async fn knows(graph: &Omnigraph, branch: &str) -> Vec<String> {
    let text = "query q() { match { $a: Person  $a knows $b } return { $a.name as a, $b.name as b } order { a, b } }";
    let found = rows(graph, branch, text).await;
    found.iter().map(|row| format!("{}-{}", row["a"].as_str().unwrap(), row["b"].as_str().unwrap())).collect()
}

/// An intent of the base format, as an engine that names no record writes it.
pub(super) fn bare_intent(operation: &str, branch: Option<&str>, expected: u64) -> Json {
    json!({
        "schema_version": 1,
        "operation_id": operation,
        "started_at": "1700000000000000",
        "branch": branch,
        "actor_id": "act-x",
        "writer_kind": "Mutation",
        "tables": [{
            "table_key": "node:Person",
            "table_path": "file:///nowhere/nodes/1-1",
            "expected_version": expected,
            "post_commit_pin": expected + 1,
        }],
    })
}

/// Runs a call in a task of its own.
pub(super) fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(work)
}

/// Shares a graph with a task.
pub(super) fn share(graph: &Omnigraph) -> Arc<Omnigraph> {
    Arc::new(graph.clone())
}
