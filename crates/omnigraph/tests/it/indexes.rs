//! Declared indexes: built without commits, kept beside the data, never needed for an answer.

use std::collections::BTreeMap;
use std::path::Path;

use omnigraph::Omnigraph;
use omnigraph::db::{
    CleanupPolicyOptions, Durability, IndexKind, IndexState, IndexStatus, Load, LoadMode, LoadSource,
    OpenOptions, ReadTarget, SchemaApplyOptions, SnapshotId,
};
use serde_json::json;
use tempfile::TempDir;

use crate::fixtures::{head_id, rows};

const SCHEMA: &str = "
node Doc {
    name: String @key
    text: String? @index
    kind: enum(note, paper)? @index
    year: I32?
    vec: Vector(3)? @index
    @unique(kind, year)
}
edge Cites: Doc -> Doc
";

/// Keeps an index of every file, or of none.
fn options(index_from_rows: u64) -> OpenOptions {
    OpenOptions { durability: Durability::Relaxed, index_from_rows, ..OpenOptions::default() }
}

fn lines(docs: std::ops::Range<i32>, with_vectors: bool) -> String {
    let doc = |n: i32| {
        let vec = with_vectors.then(|| json!([n, 1, 0]));
        let data = json!({
            "name": format!("d{n:03}"), "text": format!("word{} common", n % 7), "kind": "note", "year": n, "vec": vec
        });
        json!({"type": "Doc", "data": data}).to_string()
    };
    let edge = |n: i32| {
        json!({"edge": "Cites", "from": format!("d{n:03}"), "to": format!("d{:03}", n - 1)}).to_string()
    };
    let docs: Vec<String> = docs.clone().map(doc).chain(docs.skip(1).map(edge)).collect();
    docs.join("\n")
}

struct Store {
    directory: TempDir,
}

impl Store {
    fn uri(&self) -> &str {
        self.directory.path().to_str().unwrap()
    }

    async fn open(&self, index_from_rows: u64) -> Omnigraph {
        Omnigraph::open_with(self.uri(), &options(index_from_rows)).await.unwrap()
    }

    /// Makes a graph of forty documents.
    async fn new(index_from_rows: u64, with_vectors: bool) -> Store {
        let store = Store { directory: TempDir::new().unwrap() };
        let graph = Omnigraph::init_with(store.uri(), SCHEMA, &options(index_from_rows)).await.unwrap();
        load(&graph, lines(0..40, with_vectors)).await;
        graph.close().await;
        store
    }

    /// The files that hold indexes, and their sizes.
    fn files(&self) -> BTreeMap<String, u64> {
        let mut found = BTreeMap::new();
        let mut pending = vec![self.directory.path().to_owned()];
        while let Some(directory) = pending.pop() {
            for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
                match entry.file_type().unwrap().is_dir() {
                    true => pending.push(entry.path()),
                    false if entry.file_name().to_string_lossy().starts_with("og-") => {
                        let size = entry.metadata().unwrap().len();
                        found.insert(entry.path().to_string_lossy().into_owned(), size);
                    }
                    false => {}
                }
            }
        }
        found
    }
}

async fn load(graph: &Omnigraph, lines: String) {
    graph.load(Load::new("main", LoadSource::Text(lines), LoadMode::Merge)).await.unwrap();
}

async fn list(graph: &Omnigraph) -> Vec<IndexStatus> {
    graph.index_list("main").await.unwrap()
}

fn states(statuses: &[IndexStatus]) -> Vec<(String, IndexKind, IndexState)> {
    let name = |status: &IndexStatus| format!("{}({})", status.type_key, status.properties.join(","));
    statuses.iter().map(|status| (name(status), status.kind, status.state)).collect()
}

const DECLARED: [(&str, IndexKind); 10] = [
    ("edge:Cites(id)", IndexKind::Key),
    ("edge:Cites(src)", IndexKind::Key),
    ("edge:Cites(dst)", IndexKind::Key),
    ("node:Doc(id)", IndexKind::Key),
    ("node:Doc(kind,year)", IndexKind::Key),
    ("node:Doc(kind)", IndexKind::Key),
    ("node:Doc(text)", IndexKind::Key),
    ("node:Doc(text)", IndexKind::Text),
    ("node:Doc(text)", IndexKind::Substring),
    ("node:Doc(vec)", IndexKind::Vector),
];

fn assert_all(statuses: &[IndexStatus], state: IndexState) {
    let mut found = states(statuses);
    found.sort_by(|a, b| a.0.cmp(&b.0).then((a.1 as u8).cmp(&(b.1 as u8))));
    let mut expected: Vec<(String, IndexKind, IndexState)> =
        DECLARED.iter().map(|(name, kind)| ((*name).to_owned(), *kind, state)).collect();
    expected.sort_by(|a, b| a.0.cmp(&b.0).then((a.1 as u8).cmp(&(b.1 as u8))));
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_load_is_indexed_behind_its_back() {
    let store = Store::new(1, true).await;
    let graph = store.open(1).await;
    let listed = list(&graph).await;
    assert_all(&listed, IndexState::Ready);
    assert!(listed.iter().all(|status| status.bytes > 0 && status.rows_covered == status.rows));
    assert_eq!(listed.iter().map(|status| status.bytes).sum::<u64>(), store.files().values().sum::<u64>());
}

#[tokio::test]
async fn ensure_builds_what_is_missing_and_commits_nothing() {
    let store = Store::new(u64::MAX, true).await;
    let graph = store.open(1).await;
    assert_all(&list(&graph).await, IndexState::Missing);
    let before = head_id(&graph, "main").await;
    assert_eq!(graph.ensure_indices().await.unwrap(), []);
    assert_all(&list(&graph).await, IndexState::Ready);
    let files = store.files();
    assert_eq!(files.len(), DECLARED.len());
    assert_eq!(graph.ensure_indices().await.unwrap(), []);
    assert_eq!((store.files(), head_id(&graph, "main").await), (files, before));
}

#[tokio::test]
async fn an_index_without_vectors_is_pending_and_holds_nothing_back() {
    let store = Store::new(u64::MAX, false).await;
    let graph = store.open(1).await;
    let pending = graph.ensure_indices().await.unwrap();
    let [pending] = pending.as_slice() else { panic!("{pending:?}") };
    assert_eq!((pending.type_key.as_str(), pending.property.as_str()), ("node:Doc", "vec"));
    assert_eq!(pending.reason, "no non-null vectors to train on yet");
    let listed = list(&graph).await;
    let vector = listed.iter().find(|status| status.kind == IndexKind::Vector).unwrap();
    assert_eq!(
        (vector.state, vector.reason.as_deref()),
        (IndexState::Pending, Some(pending.reason.as_str()))
    );
    assert!(listed.iter().filter(|s| s.kind != IndexKind::Vector).all(|s| s.state == IndexState::Ready));
    let stats = graph.optimize().await.unwrap();
    let told: Vec<&str> =
        stats.iter().flat_map(|s| &s.pending_indexes).map(|p| p.property.as_str()).collect();
    assert_eq!(told, ["vec"]);
}

#[tokio::test]
async fn what_is_too_small_is_ready_and_keeps_nothing() {
    let store = Store::new(1000, true).await;
    let graph = store.open(1000).await;
    graph.ensure_indices().await.unwrap();
    let listed = list(&graph).await;
    assert_all(&listed, IndexState::Ready);
    assert!(listed.iter().all(|status| (status.rows_small, status.bytes) == (status.rows, 0)));
    assert!(store.files().is_empty());
}

const SEARCH: &str = "query q() { match { $d: Doc { kind: \"note\" } } return { $d.name } \
                      order { rrf(bm25($d.text, \"word3\"), nearest($d.vec, [3, 1, 0])) } limit 5 }";

#[tokio::test]
async fn a_reader_keeps_nothing_and_uses_what_is_kept() {
    let store = Store::new(u64::MAX, true).await;
    let reader = OpenOptions { read_only: true, ..options(1) };
    let reader = Omnigraph::open_with(store.uri(), &reader).await.unwrap();
    let found = rows(&reader, "main", SEARCH).await;
    assert_eq!(found.len(), 5);
    assert!(reader.ensure_indices().await.unwrap_err().to_string().contains("read"));
    reader.clone().close().await;
    assert!(store.files().is_empty());
    assert_all(&list(&reader).await, IndexState::Missing);
    store.open(1).await.ensure_indices().await.unwrap();
    assert_all(&list(&reader).await, IndexState::Ready);
    #[cfg(feature = "failpoints")]
    reader.forget_derived().await;
    assert_eq!(rows(&reader, "main", SEARCH).await, found);
}

#[tokio::test]
async fn a_query_keeps_what_it_derived() {
    let store = Store::new(u64::MAX, true).await;
    let graph = store.open(1).await;
    rows(&graph, "main", SEARCH).await;
    graph.clone().close().await;
    let listed = list(&graph).await;
    let ready: Vec<(String, IndexKind, IndexState)> =
        states(&listed).into_iter().filter(|status| status.2 == IndexState::Ready).collect();
    // Forty vectors are compared faster than they are put on a grid.
    let expected = [("node:Doc(kind)", IndexKind::Key), ("node:Doc(text)", IndexKind::Text)];
    assert_eq!(ready.iter().map(|(name, kind, _)| (name.as_str(), *kind)).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn branches_and_old_commits_share_what_is_kept_and_a_copy_has_it_too() {
    let store = Store::new(1, true).await;
    let graph = store.open(1).await;
    let first = head_id(&graph, "main").await;
    graph.branch_create("review").await.unwrap();
    load(&graph, lines(40..80, true)).await;
    graph.clone().close().await;
    assert_all(&list(&graph).await, IndexState::Ready);
    assert_all(&graph.index_list("review").await.unwrap(), IndexState::Ready);
    let old = graph.index_list(ReadTarget::Snapshot(SnapshotId::new(&first))).await.unwrap();
    assert_all(&old, IndexState::Ready);

    let copy = TempDir::new().unwrap();
    copy_all(store.directory.path(), copy.path());
    let copied = Omnigraph::open_with(copy.path().to_str().unwrap(), &options(1)).await.unwrap();
    assert_all(&list(&copied).await, IndexState::Ready);
    assert_eq!(rows(&copied, "main", SEARCH).await, rows(&graph, "main", SEARCH).await);
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_all(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[tokio::test]
async fn cleanup_takes_what_belongs_to_files_that_go() {
    let store = Store::new(1, true).await;
    let graph = store.open(1).await;
    load(&graph, lines(40..80, true)).await;
    graph.clone().close().await;
    graph.optimize().await.unwrap();
    let (files, listed) = (store.files(), list(&graph).await);
    let kept = listed.iter().map(|status| status.bytes).sum::<u64>();
    assert!(files.values().sum::<u64>() > kept, "old files have theirs still");
    let policy = CleanupPolicyOptions { keep_versions: Some(0), ..CleanupPolicyOptions::default() };
    graph.cleanup(policy).await.unwrap();
    assert_eq!(store.files().values().sum::<u64>(), kept);
    assert_eq!(list(&graph).await, listed);
}

#[tokio::test]
async fn an_index_that_a_schema_change_declares_is_built() {
    let store = Store { directory: TempDir::new().unwrap() };
    let plain = SCHEMA.replace(" @index", "");
    let graph = Omnigraph::init_with(store.uri(), &plain, &options(1)).await.unwrap();
    load(&graph, lines(0..40, true)).await;
    graph.clone().close().await;
    assert_eq!(list(&graph).await.len(), 5);
    graph.apply_schema_with_options(SCHEMA, &SchemaApplyOptions::default()).await.unwrap();
    graph.clone().close().await;
    assert_all(&list(&graph).await, IndexState::Ready);
}

const INDEXED: &str = "
node Doc {
    name: String @key
    title: String? @index
    year: I32? @index
    at: DateTime? @index
}
";

#[tokio::test]
async fn ranges_prefixes_and_parts_are_found_by_what_is_kept() {
    let directory = TempDir::new().unwrap();
    let uri = directory.path().to_str().unwrap();
    let kept = Omnigraph::init_with(uri, INDEXED, &options(1)).await.unwrap();
    let doc = |n: i32| {
        let year = (n % 9 != 0).then_some(n - 200);
        let at = format!("20{:02}-01-01T00:00:00Z", n % 60);
        let title = (n % 11 != 0).then(|| format!("title é{n:04} of {}", n % 5));
        json!({"type": "Doc", "data": {"name": format!("d{n:03}"), "title": title, "year": year, "at": at}})
            .to_string()
    };
    let others = (0..3600).map(|n| json!({"type": "Doc", "data": {"name": format!("e{n:04}")}}).to_string());
    load(&kept, (0..400).map(doc).chain(others).collect::<Vec<_>>().join("\n")).await;
    kept.mutate(omnigraph::db::Mutate::new("main", "query m() { delete Doc where year = 105 }"))
        .await
        .unwrap();
    kept.ensure_indices().await.unwrap();
    // This handle takes every fragment for too small to look at what is kept of it.
    let scanning = Omnigraph::open_with(uri, &options(u64::MAX)).await.unwrap();
    let conditions = [
        ("$d.year > 180", "order of year", 17),
        ("$d.year >= 180 $d.year < 185", "order of year", 5),
        ("100 <= $d.year $d.year < 110", "order of year", 8),
        ("$d.year > 1000", "order of year", 0),
        ("$d.at < datetime(\"2001-06-01T00:00:00Z\")", "order of at", 14),
        ("$d.name starts_with \"d12\"", "order of id", 10),
        ("$d.title starts_with \"title é012\"", "order of title", 9),
        ("$d.title contains \"é012\"", "runs of title", 9),
        ("$d.title contains \"nowhere\"", "runs of title", 0),
        ("$d.title contains \"é012\" $d.year > -75", "", 3),
    ];
    for (condition, by, count) in conditions {
        let query = format!(
            "query q() {{ match {{ $d: Doc {condition} }} return {{ $d.name as name }} order {{ name }} }}"
        );
        let expected = rows(&scanning, "main", &query).await;
        assert_eq!(rows(&kept, "main", &query).await, expected, "{condition}");
        assert_eq!(expected.len(), count, "{condition}");
        let plan = kept.explain("main", &query, None, &Default::default(), false).await.unwrap();
        assert!(plan.contains("IndexScanExec: node:Doc, by=[") && plan.contains(by), "{condition}: {plan}");
        let plan = scanning.explain("main", &query, None, &Default::default(), false).await.unwrap();
        assert!(plan.contains("NodeScanExec"), "{condition}: {plan}");
    }
    // Most of all is scanned; what is in no required condition narrows nothing.
    for condition in ["$d.name > \"d1\"", "not { $d.year > 180 }", "$d.title contains \"of\""] {
        let query = format!(
            "query q() {{ match {{ $d: Doc {condition} }} return {{ $d.name as name }} order {{ name }} }}"
        );
        assert_eq!(rows(&kept, "main", &query).await, rows(&scanning, "main", &query).await, "{condition}");
        let plan = kept.explain("main", &query, None, &Default::default(), false).await.unwrap();
        assert!(!plan.contains("IndexScanExec"), "{condition}: {plan}");
    }
}
