//! Optimize, cleanup and repair, as a caller sees them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use omnigraph::db::{
    CleanupPolicyOptions, CommitKind, CommitPage, DatasetCleanupStats, Durability, Load, LoadMode,
    LoadSource, MergeBranches, Mutate, OpenOptions, ParamMap, ReadTarget, RepairAction, RepairClassification,
    RepairOptions, SnapshotId,
};
use omnigraph::error::{ManifestErrorKind, OmniError};
use omnigraph::{Omnigraph, Result};
use serde_json::json;
use tempfile::TempDir;

use crate::fixtures::head_id;

const SCHEMA: &str = "
    node Person { name: String @key  age: I32? }
    node Company { name: String @key }
    edge Knows: Person -> Person
    edge WorksAt: Person -> Company
";

const QUERIES: &str = r#"
    query add($name: String, $age: I32) { insert Person { name: $name, age: $age } }
    query age($name: String, $age: I32) { update Person set { age: $age } where name = $name }
    query remove($name: String) { delete Person where name = $name }
    query know($a: String, $b: String) { insert Knows { from: $a, to: $b } }
    query found($name: String) { insert Company { name: $name } }
"#;

fn relaxed() -> OpenOptions {
    OpenOptions { durability: Durability::Relaxed, ..OpenOptions::default() }
}

/// A graph in a directory of its own.
struct Store {
    directory: TempDir,
    graph: Omnigraph,
}

impl Store {
    async fn new() -> Store {
        let directory = TempDir::new().unwrap();
        let graph =
            Omnigraph::init_with(directory.path().to_str().unwrap(), SCHEMA, &relaxed()).await.unwrap();
        Store { directory, graph }
    }

    async fn with_people(count: i32) -> Store {
        let store = Store::new().await;
        for n in 0..count {
            add(&store.graph, "main", &format!("p{n}"), n).await;
        }
        store
    }

    fn uri(&self) -> &str {
        self.directory.path().to_str().unwrap()
    }

    async fn reopened(&self) -> Omnigraph {
        Omnigraph::open_with(self.uri(), &relaxed()).await.unwrap()
    }

    /// Lists files with their sizes.
    fn files(&self) -> BTreeMap<String, u64> {
        let mut found = BTreeMap::new();
        walk(self.directory.path(), self.directory.path(), &mut found);
        found
    }

    fn bytes(&self) -> u64 {
        self.files()
            .iter()
            .filter(|(path, _)| !path.starts_with("__manifest/log"))
            .map(|(_, size)| size)
            .sum()
    }
}

fn walk(top: &Path, at: &Path, found: &mut BTreeMap<String, u64>) {
    for entry in std::fs::read_dir(at).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            walk(top, &entry.path(), found);
        } else {
            let path = entry.path().strip_prefix(top).unwrap().to_str().unwrap().to_owned();
            found.insert(path, entry.metadata().unwrap().len());
        }
    }
}

async fn run(graph: &Omnigraph, branch: &str, name: &str, params: serde_json::Value) -> Result<()> {
    let serde_json::Value::Object(params) = params else { panic!("parameters are an object") };
    let request = Mutate { name: Some(name), params, ..Mutate::new(branch, QUERIES) };
    graph.mutate(request).await.map(drop)
}

async fn add(graph: &Omnigraph, branch: &str, name: &str, age: i32) {
    run(graph, branch, "add", json!({"name": name, "age": age})).await.unwrap();
}

async fn people(graph: &Omnigraph, target: impl Into<ReadTarget>) -> Result<Vec<String>> {
    let text = "query q() { match { $p: Person } return { $p.name } order { $p.name } }";
    let answer = graph.query(target, text, None, &ParamMap::new()).await?;
    let names = answer.batches.iter().flat_map(|batch| {
        let column = batch.column(0).clone();
        (0..batch.num_rows()).map(move |row| {
            let text: &arrow_array::StringArray = column.as_any().downcast_ref().unwrap();
            text.value(row).to_owned()
        })
    });
    Ok(names.collect())
}

fn at(commit: &str) -> SnapshotId {
    SnapshotId::new(commit)
}

fn keep(versions: u32) -> CleanupPolicyOptions {
    CleanupPolicyOptions { keep_versions: Some(versions), ..CleanupPolicyOptions::default() }
}

/// Keeps nothing that is not needed, however young.
fn harshest() -> CleanupPolicyOptions {
    CleanupPolicyOptions { grace: Duration::ZERO, ..keep(0) }
}

fn versions_removed(stats: &[DatasetCleanupStats]) -> u64 {
    stats.iter().map(|dataset| dataset.old_versions_removed).sum()
}

fn is_conflict(error: &OmniError, fragment: &str) -> bool {
    matches!(error, OmniError::Manifest(e) if e.kind == ManifestErrorKind::Conflict && e.message.contains(fragment))
}

#[tokio::test]
async fn optimize_compacts_all_tables_in_one_commit_and_then_rests() {
    let store = Store::with_people(12).await;
    for n in 1..11 {
        run(&store.graph, "main", "know", json!({"a": "p0", "b": format!("p{n}")})).await.unwrap();
    }
    let before = people(&store.graph, "main").await.unwrap();
    let commits = store.graph.list_commits("main", &CommitPage::default()).await.unwrap().len();

    let stats = store.graph.optimize().await.unwrap();

    let keys: Vec<&str> = stats.iter().map(|dataset| dataset.type_key.as_str()).collect();
    assert_eq!(keys, ["node:Company", "node:Person", "edge:Knows", "edge:WorksAt", "__manifest"]);
    let changed: Vec<&str> =
        stats.iter().filter(|d| d.committed).map(|dataset| dataset.type_key.as_str()).collect();
    assert_eq!(changed, ["node:Person", "edge:Knows"]);
    let person = &stats[1];
    assert!(person.fragments_removed > 1 && person.fragments_added == 1, "{person:?}");
    let snapshot = store.graph.snapshot_of("main").await.unwrap();
    let entry = snapshot.dataset("node:Person").unwrap();
    assert_eq!((entry.fragments, entry.entity_count), (1, 12));
    assert_eq!(person.published_dataset_version, Some(entry.published_dataset_version));
    assert_eq!(snapshot.commit().kind, CommitKind::Maintenance);
    assert_eq!(people(&store.graph, "main").await.unwrap(), before);
    assert_eq!(store.graph.list_commits("main", &CommitPage::default()).await.unwrap().len(), commits + 1);

    let again = store.graph.optimize().await.unwrap();
    assert!(again.iter().all(|dataset| !dataset.committed && dataset.fragments_removed == 0));
    assert_eq!(store.graph.list_commits("main", &CommitPage::default()).await.unwrap().len(), commits + 1);

    run(&store.graph, "main", "age", json!({"name": "p3", "age": 77})).await.unwrap();
    let reopened = store.reopened().await;
    assert_eq!(people(&reopened, "main").await.unwrap(), before);
}

#[tokio::test]
async fn optimize_works_on_any_branch_and_leaves_the_others() {
    let store = Store::with_people(3).await;
    store.graph.branch_create("work").await.unwrap();
    let main = head_id(&store.graph, "main").await;
    let stats = store.graph.optimize_on("work", Some("ann")).await.unwrap();
    assert!(stats.iter().any(|dataset| dataset.committed));
    assert_eq!(head_id(&store.graph, "main").await, main);
    let commit = store.graph.snapshot_of("work").await.unwrap().commit();
    assert_eq!(commit.actor_id.as_deref(), Some("ann"));
    assert_eq!(people(&store.graph, "work").await.unwrap().len(), 3);
    assert!(matches!(store.graph.optimize_on("wrk", None).await, Err(OmniError::BranchNotFound { .. })));
}

#[tokio::test]
async fn optimize_beside_writers_loses_nothing() {
    let store = Store::with_people(4).await;
    let other = store.reopened().await;
    let writing = async {
        for n in 100..120 {
            add(&other, "main", &format!("p{n}"), n).await;
        }
        run(&other, "main", "remove", json!({"name": "p0"})).await.unwrap();
    };
    let compacting = async {
        for _ in 0..6 {
            store.graph.optimize().await.unwrap();
        }
    };
    tokio::join!(writing, compacting);
    assert_eq!(people(&store.graph, "main").await.unwrap().len(), 23);
    store.graph.optimize().await.unwrap();
    assert!(store.graph.optimize().await.unwrap().iter().all(|dataset| !dataset.committed));
}

#[tokio::test]
async fn repair_finds_no_drift() {
    let store = Store::with_people(1).await;
    for (confirm, force) in [(false, false), (true, false), (true, true)] {
        let stats = store.graph.repair(RepairOptions { confirm, force }).await.unwrap();
        assert_eq!((stats.datasets.len(), stats.graph_manifest_version), (4, None));
        assert!(stats.datasets.iter().all(|dataset| {
            dataset.classification == RepairClassification::NoDrift && dataset.action == RepairAction::NoOp
        }));
    }
    assert!(store.graph.repair(RepairOptions { confirm: false, force: true }).await.is_err());
}

#[tokio::test]
async fn cleanup_without_a_rule_names_both_options() {
    let store = Store::new().await;
    let error = store.graph.cleanup(CleanupPolicyOptions::default()).await.unwrap_err().to_string();
    assert!(error.contains("keep_versions") && error.contains("older_than"), "{error}");
}

#[tokio::test]
async fn cleanup_keeps_the_newest_versions_and_reports_what_it_removed() {
    let store = Store::with_people(6).await;
    let mut commits = store.graph.list_commits("main", &CommitPage::default()).await.unwrap();
    commits.reverse();
    let before: u64 = store.files().values().sum();

    let dry = store.graph.cleanup(CleanupPolicyOptions { dry_run: true, ..keep(2) }).await.unwrap();
    assert_eq!(store.files().values().sum::<u64>(), before);
    let stats = store.graph.cleanup(keep(2)).await.unwrap();
    assert_eq!(stats, dry);

    let keys: Vec<&str> = stats.iter().map(|dataset| dataset.type_key.as_str()).collect();
    assert_eq!(keys, ["node:Company", "node:Person", "edge:Knows", "edge:WorksAt"]);
    // Seven versions of Person were published, five go; the other tables have one each.
    let removed: Vec<u64> = stats.iter().map(|dataset| dataset.old_versions_removed).collect();
    assert_eq!(removed, [0, 5, 0, 0]);
    let freed: u64 = stats.iter().map(|dataset| dataset.bytes_removed).sum();
    assert_eq!(before - store.files().values().sum::<u64>(), freed);

    for (graph, cached) in [(&store.graph, true), (&store.reopened().await, false)] {
        for (number, commit) in commits.iter().enumerate() {
            let read = people(graph, at(&commit.graph_commit_id)).await;
            match number {
                0..5 => assert!(
                    matches!(&read, Err(OmniError::HistoricalVersionReclaimed { published_dataset_version, .. })
                        if *published_dataset_version == number as u64 + 1),
                    "{number} {cached} {read:?}"
                ),
                _ => assert_eq!(read.unwrap().len(), number),
            }
        }
    }
    assert_eq!(versions_removed(&store.graph.cleanup(keep(2)).await.unwrap()), 0);
    assert_eq!(versions_removed(&store.graph.cleanup(keep(50)).await.unwrap()), 0);
}

#[tokio::test]
async fn age_and_number_each_protect() {
    let store = Store::with_people(4).await;
    let hour = Some(Duration::from_secs(3600));
    for options in [
        CleanupPolicyOptions { older_than: hour, ..CleanupPolicyOptions::default() },
        CleanupPolicyOptions { older_than: hour, ..keep(0) },
        CleanupPolicyOptions { older_than: Some(Duration::ZERO), ..keep(9) },
    ] {
        assert_eq!(versions_removed(&store.graph.cleanup(options).await.unwrap()), 0, "{options:?}");
    }
    let all = CleanupPolicyOptions { older_than: Some(Duration::ZERO), ..CleanupPolicyOptions::default() };
    assert_eq!(versions_removed(&store.graph.cleanup(all).await.unwrap()), 4);
}

#[tokio::test]
async fn after_the_harshest_cleanup_everything_works() {
    let store = Store::with_people(10).await;
    run(&store.graph, "main", "remove", json!({"name": "p4"})).await.unwrap();
    run(&store.graph, "main", "know", json!({"a": "p1", "b": "p2"})).await.unwrap();
    store.graph.optimize().await.unwrap();
    store.graph.cleanup(harshest()).await.unwrap();

    for graph in [store.graph.clone(), store.reopened().await] {
        assert_eq!(people(&graph, "main").await.unwrap().len(), 9);
        add(&graph, "main", "new", 1).await;
        run(&graph, "main", "age", json!({"name": "p1", "age": 99})).await.unwrap();
        run(&graph, "main", "know", json!({"a": "new", "b": "p2"})).await.unwrap();
        run(&graph, "main", "remove", json!({"name": "new"})).await.unwrap();
        graph.optimize().await.unwrap();
        graph.branch_create("again").await.unwrap();
        add(&graph, "again", "there", 2).await;
        graph.branch_delete("again").await.unwrap();
        graph.cleanup(harshest()).await.unwrap();
        assert_eq!(people(&graph, "main").await.unwrap().len(), 9);
    }
    // One version of each table, with one transaction, and what they name.
    let versions = store.files().into_keys().filter(|path| path.ends_with(".manifest")).count();
    assert_eq!(versions, 4);
}

#[tokio::test]
async fn live_branches_and_tags_protect_what_they_name() {
    let store = Store::with_people(3).await;
    store.graph.branch_create("old").await.unwrap();
    for n in 3..6 {
        add(&store.graph, "main", &format!("p{n}"), n).await;
    }
    let tagged = head_id(&store.graph, "main").await;
    store.graph.tag_create(at(&tagged), "v1", None).await.unwrap();
    for n in 6..9 {
        add(&store.graph, "main", &format!("p{n}"), n).await;
    }

    store.graph.cleanup(harshest()).await.unwrap();

    let graph = store.reopened().await;
    assert_eq!(people(&graph, "old").await.unwrap().len(), 3);
    assert_eq!(people(&graph, at(&tagged)).await.unwrap().len(), 6);
    assert_eq!(people(&graph, "main").await.unwrap().len(), 9);
    add(&graph, "old", "more", 1).await;

    graph.branch_delete("old").await.unwrap();
    graph.tag_delete("v1").await.unwrap();
    assert!(versions_removed(&graph.cleanup(harshest()).await.unwrap()) > 0);
    assert!(matches!(people(&graph, at(&tagged)).await, Err(OmniError::HistoricalVersionReclaimed { .. })));
    assert_eq!(people(&graph, "main").await.unwrap().len(), 9);
}

#[tokio::test]
async fn where_live_branches_part_stays_readable() {
    let store = Store::with_people(3).await;
    let base = head_id(&store.graph, "main").await;
    store.graph.branch_create("side").await.unwrap();
    add(&store.graph, "main", "left", 1).await;
    add(&store.graph, "side", "right", 1).await;
    add(&store.graph, "side", "right2", 1).await;
    store.graph.cleanup(harshest()).await.unwrap();
    // A merge of the two compares both with this commit.
    let graph = store.reopened().await;
    assert_eq!(people(&graph, at(&base)).await.unwrap().len(), 3);
    graph.branch_merge(MergeBranches::new("side", "main")).await.unwrap();
    assert_eq!(people(&graph, "main").await.unwrap().len(), 6);
}

#[tokio::test]
async fn what_a_deleted_branch_gave_to_a_merge_stays() {
    let store = Store::with_people(1).await;
    store.graph.branch_create("side").await.unwrap();
    add(&store.graph, "side", "a", 1).await;
    run(&store.graph, "side", "found", json!({"name": "acme"})).await.unwrap();
    add(&store.graph, "main", "b", 1).await;
    // The table of companies is adopted as it is, that of persons is written anew.
    store.graph.branch_merge(MergeBranches::new("side", "main")).await.unwrap();
    store.graph.branch_create("other").await.unwrap();
    add(&store.graph, "main", "c", 1).await;
    store.graph.branch_delete("side").await.unwrap();
    store.graph.cleanup(harshest()).await.unwrap();

    let graph = store.reopened().await;
    assert_eq!(people(&graph, "main").await.unwrap(), ["a", "b", "c", "p0"]);
    run(&graph, "main", "found", json!({"name": "globex"})).await.unwrap();
    assert_eq!(graph.list_commits("main", &CommitPage::default()).await.unwrap().len(), 8);
    add(&graph, "other", "d", 1).await;
    graph.branch_merge(MergeBranches::new("other", "main")).await.unwrap();
    assert_eq!(people(&graph, "main").await.unwrap(), ["a", "b", "c", "d", "p0"]);
}

#[tokio::test]
async fn the_storage_of_a_deleted_branch_goes() {
    let store = Store::with_people(2).await;
    let before = store.files();
    store.graph.branch_create("feature").await.unwrap();
    add(&store.graph, "feature", "eve", 1).await;
    run(&store.graph, "feature", "found", json!({"name": "acme"})).await.unwrap();
    let gone = head_id(&store.graph, "feature").await;
    store.graph.branch_delete("feature").await.unwrap();
    assert!(store.files().len() > before.len());

    store.graph.cleanup(keep(9)).await.unwrap();

    let mut left = store.files();
    left.retain(|path, _| !path.starts_with("__manifest/hints"));
    assert_eq!(left.into_keys().collect::<Vec<_>>(), before.into_keys().collect::<Vec<_>>());
    let reopened = store.reopened().await;
    assert!(people(&reopened, at(&gone)).await.is_err());
    reopened.branch_create("feature").await.unwrap();
    add(&reopened, "feature", "frank", 1).await;
    assert_eq!(people(&reopened, "feature").await.unwrap(), ["frank", "p0", "p1"]);
}

#[tokio::test]
async fn a_branch_forked_from_a_deleted_one_keeps_its_history() {
    let store = Store::with_people(1).await;
    store.graph.branch_create("parent").await.unwrap();
    add(&store.graph, "parent", "a", 1).await;
    store.graph.branch_create_from("parent", "child").await.unwrap();
    store.graph.branch_delete("parent").await.unwrap();
    store.graph.cleanup(harshest()).await.unwrap();

    let graph = store.reopened().await;
    assert_eq!(people(&graph, "child").await.unwrap(), ["a", "p0"]);
    add(&graph, "child", "b", 1).await;
    assert_eq!(graph.list_commits("child", &CommitPage::default()).await.unwrap().len(), 4);
}

#[tokio::test]
async fn an_unsettled_write_refuses_maintenance() {
    let store = Store::with_people(3).await;
    let recovery = store.directory.path().join("__recovery");
    std::fs::create_dir_all(&recovery).unwrap();
    let intent = recovery.join("01ARZ3NDEKTSV4RRFFQ69G5FAV.json");
    std::fs::write(&intent, r#"{"schema_version": 1}"#).unwrap();
    // The intents of the writes before are deleted in the background.
    store.graph.clone().close().await;
    let before = store.files();

    let refused = store.graph.optimize().await.unwrap_err();
    assert!(is_conflict(&refused, "requires a clean recovery state"), "{refused}");
    let refused = store.graph.cleanup(keep(1)).await.unwrap_err();
    assert!(is_conflict(&refused, "clean recovery state"), "{refused}");
    assert!(store.graph.repair(RepairOptions::default()).await.is_err());
    assert_eq!(store.files(), before);

    std::fs::remove_file(intent).unwrap();
    assert!(versions_removed(&store.graph.cleanup(keep(1)).await.unwrap()) > 0);
}

#[tokio::test]
async fn a_live_branch_that_cannot_be_read_refuses_cleanup() {
    let store = Store::with_people(3).await;
    store.graph.branch_create("torn").await.unwrap();
    add(&store.graph, "torn", "x", 1).await;
    add(&store.graph, "torn", "y", 1).await;
    let path = store.directory.path().join("__manifest/refs/torn.json");
    let text = std::fs::read(&path).unwrap();
    let before = |store: &Store| store.files().len();

    std::fs::write(&path, "{").unwrap();
    let files = before(&store);
    let refused = store.reopened().await.cleanup(harshest()).await.unwrap_err();
    assert!(is_conflict(&refused, "could not classify live branch 'torn'"), "{refused}");
    assert_eq!(store.files().len(), files);
    std::fs::write(&path, text).unwrap();

    // A record in the middle of its history is gone.
    let is_fifth = |path: &String| path.starts_with("__manifest/log/") && path.ends_with("5.json");
    let record = store.files().into_keys().find(is_fifth).unwrap();
    std::fs::remove_file(store.directory.path().join(record)).unwrap();
    let refused = store.reopened().await.cleanup(harshest()).await.unwrap_err();
    assert!(is_conflict(&refused, "could not classify live branch 'torn'"), "{refused}");
    assert_eq!(store.files().len(), files - 1);
}

#[tokio::test]
async fn garbage_of_crashes_goes_once_it_is_old() {
    let store = Store::with_people(2).await;
    let before = store.files();
    let table = before.keys().find(|path| path.contains("nodes/") && path.contains("/data/")).unwrap();
    let table = table.split("/data/").next().unwrap();
    let garbage = [
        format!("{table}/data/unnamed.lance"),
        format!("{table}/_deletions/0-1-2.arrow"),
        "nodes/9-9-dead/_versions/18446744073709551614.manifest".to_owned(),
        "__manifest/schema/0000.json".to_owned(),
        "__manifest/hints/01ARZ3NDEKTSV4RRFFQ69G5FAV.json".to_owned(),
    ];
    for path in &garbage {
        let path = store.directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "garbage").unwrap();
    }

    store.graph.cleanup(keep(9)).await.unwrap();
    assert_eq!(store.files().len(), before.len() + garbage.len());

    let long_ago = SystemTime::now() - Duration::from_secs(48 * 60 * 60);
    for path in &garbage {
        let file = std::fs::File::options().write(true).open(store.directory.path().join(path)).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    let dry = store.graph.cleanup(CleanupPolicyOptions { dry_run: true, ..keep(9) }).await.unwrap();
    let stats = store.graph.cleanup(keep(9)).await.unwrap();
    assert_eq!(stats, dry);
    assert_eq!(stats.iter().map(|dataset| dataset.bytes_removed).sum::<u64>(), 7 * garbage.len() as u64);
    assert_eq!(store.files(), before);
    assert!(!store.directory.path().join("nodes/9-9-dead").exists());
}

#[tokio::test]
async fn a_log_that_nobody_can_read_goes_once_it_is_old() {
    let store = Store::with_people(1).await;
    let before = store.files();
    let log = store.directory.path().join("__manifest/log/01ARZ3NDEKTSV4RRFFQ69G5FAV");
    std::fs::create_dir_all(&log).unwrap();
    std::fs::write(log.join("00000000000000000001.json"), "garbage").unwrap();
    store.graph.cleanup(keep(9)).await.unwrap();
    assert!(log.join("00000000000000000001.json").exists());
    store.graph.cleanup(CleanupPolicyOptions { grace: Duration::ZERO, ..keep(9) }).await.unwrap();
    assert_eq!(store.files(), before);
}

#[tokio::test]
async fn what_was_reclaimed_is_not_needed_again() {
    let store = Store::with_people(3).await;
    let commits = store.graph.list_commits("main", &CommitPage::default()).await.unwrap();
    let old = at(&commits[1].graph_commit_id);
    store.graph.cleanup(harshest()).await.unwrap();
    let reclaimed = |error: OmniError| matches!(error, OmniError::HistoricalVersionReclaimed { .. });
    assert!(reclaimed(store.graph.branch_create_from(old.clone(), "late").await.unwrap_err()));
    assert!(reclaimed(store.graph.tag_create(old, "late", None).await.unwrap_err()));
    assert_eq!(store.graph.branch_list().await.unwrap(), ["main"]);
    assert_eq!(store.graph.tag_list().await.unwrap(), []);
}

#[tokio::test]
async fn a_cleanup_of_a_process_that_ended_hinders_nobody() {
    let store = Store::with_people(2).await;
    let mark = store.directory.path().join("__manifest/cleanup.json");
    let ended = json!({
        "format": 1,
        "operation_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "renewed_at": 0,
        "writer": {"process": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "pid": 1},
    });
    std::fs::write(&mark, ended.to_string()).unwrap();
    store.graph.branch_create("work").await.unwrap();
    assert!(versions_removed(&store.graph.cleanup(keep(1)).await.unwrap()) > 0);
    assert!(!mark.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_in_other_handles_are_safe_during_cleanups() {
    let store = Store::with_people(2).await;
    let mut writers = Vec::new();
    for writer in 0..2 {
        let other = store.reopened().await;
        writers.push(tokio::spawn(async move {
            for n in 0..20 {
                let name = format!("w{writer}-{n}");
                add(&other, "main", &name, n).await;
                if n % 4 == 0 {
                    run(&other, "main", "age", json!({"name": name, "age": 1})).await.unwrap();
                }
            }
        }));
    }
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        match store.graph.cleanup(keep(0)).await {
            Ok(stats) => assert!(stats.iter().all(|dataset| dataset.error.is_none()), "{stats:?}"),
            Err(error) => assert!(is_conflict(&error, "clean recovery state"), "{error}"),
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let graph = store.reopened().await;
    assert_eq!(people(&graph, "main").await.unwrap().len(), 42);
    graph.optimize().await.unwrap();
    assert_eq!(people(&graph, "main").await.unwrap().len(), 42);
}

#[tokio::test]
async fn many_small_commits_leave_no_more_than_twice_a_fresh_load() {
    const ROWS: i32 = 1000;
    let store = Store::with_people(ROWS).await;
    store.graph.optimize().await.unwrap();
    store.graph.cleanup(keep(1)).await.unwrap();

    let fresh = Store::new().await;
    let rows: String = (0..ROWS)
        .map(|n| format!("{{\"type\":\"Person\",\"data\":{{\"name\":\"p{n}\",\"age\":{n}}}}}\n"))
        .collect();
    let load = Load::new("main", LoadSource::Text(rows), LoadMode::Append);
    fresh.graph.load(load).await.unwrap();

    assert_eq!(people(&store.graph, "main").await.unwrap().len(), ROWS as usize);
    assert!(store.bytes() <= 2 * fresh.bytes(), "{} against {}", store.bytes(), fresh.bytes());
}

#[tokio::test]
async fn recoveries_are_listed() {
    let store = Store::with_people(1).await;
    assert_eq!(store.graph.recovery_list().await.unwrap(), []);
}

#[tokio::test]
async fn a_long_history_is_packed_and_stays_readable() {
    let store = Store::new().await;
    for n in 0..1_100 {
        add(&store.graph, "main", &format!("p{n}"), n).await;
    }
    let everything = CommitPage { limit: Some(5_000), ..CommitPage::default() };
    let before = store.graph.list_commits("main", &everything).await.unwrap();
    let early = at(&before[900].graph_commit_id);
    store.graph.tag_create(early.clone(), "early", None).await.unwrap();
    let records =
        |store: &Store| store.files().keys().filter(|path| path.contains("__manifest/log/")).count();
    assert_eq!(records(&store), 1_101);

    let pack = CleanupPolicyOptions { pack_after: Duration::ZERO, ..harshest() };
    let dry = store.graph.cleanup(CleanupPolicyOptions { dry_run: true, ..pack }).await.unwrap();
    assert_eq!(store.graph.cleanup(pack).await.unwrap(), dry);
    assert_eq!(records(&store), 78);
    assert_eq!(store.graph.list_commits("main", &everything).await.unwrap(), before);

    let opened = Omnigraph::open(store.uri()).await.unwrap();
    assert_eq!(opened.list_commits("main", &everything).await.unwrap(), before);
    assert_eq!(people(&opened, early.clone()).await.unwrap().len(), 200);
    let reclaimed = people(&opened, at(&before[500].graph_commit_id)).await;
    assert!(matches!(reclaimed, Err(OmniError::HistoricalVersionReclaimed { .. })));

    opened.branch_create_from(early, "from-early").await.unwrap();
    add(&opened, "from-early", "late", 1).await;
    opened.branch_merge(MergeBranches::new("from-early", "main")).await.unwrap();
    assert_eq!(people(&opened, "main").await.unwrap().len(), 1_101);
}

#[tokio::test]
async fn a_live_handle_compacts_what_its_deletes_leave_sparse() {
    for compacts in [true, false] {
        let directory = TempDir::new().unwrap();
        let uri = directory.path().to_str().unwrap();
        let options = OpenOptions { index_from_rows: 50, compact_in_background: compacts, ..relaxed() };
        let graph = Omnigraph::init_with(uri, SCHEMA, &options).await.unwrap();
        let line = |n: i32| {
            json!({"type": "Person", "data": {"name": format!("p{n:03}"), "age": n % 4}}).to_string()
        };
        let lines = (0..100).map(line).collect::<Vec<_>>().join("\n");
        graph.load(Load::new("main", LoadSource::Text(lines), LoadMode::Append)).await.unwrap();
        let delete = async |age: i32| {
            let text = format!("query m() {{ delete Person where age = {age} }}");
            graph.mutate(Mutate::new("main", &text)).await.unwrap();
            graph.clone().close().await;
            graph.snapshot_of("main").await.unwrap().commit()
        };
        // A quarter is left where it is, half is not.
        assert_eq!(delete(0).await.kind, CommitKind::Data);
        let head = delete(1).await;
        let expected = if compacts { CommitKind::Maintenance } else { CommitKind::Data };
        assert_eq!(head.kind, expected);
        assert_eq!(head.actor_id.as_deref(), compacts.then_some("omnigraph:maintenance"));
        assert_eq!(people(&graph, "main").await.unwrap().len(), 50);
        // What was compacted is dense.
        assert_eq!(graph.snapshot_of("main").await.unwrap().commit().graph_commit_id, head.graph_commit_id);
    }
}
