//! Packed logs read as they did before, whatever a handle or an interrupted cleanup knows of it.

// Holding requests is of use to tests of other crates only.
#[allow(dead_code)]
#[path = "../../../../omnigraph-storage/tests/support/faulty.rs"]
mod store;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, TimeDelta, Utc};
use object_store::ObjectStore;
use omnigraph_compiler::schema;
use omnigraph_graph::commit::ids::{BranchUid, OperationId};
use omnigraph_graph::commit::log::{self, Append, Log};
use omnigraph_graph::commit::record::{Authorship, BranchTarget, RecordChange};
use omnigraph_graph::commit::{BranchName, CommitId, CommitKind, CommitRecord, Graph, Seq, format, pack};
use omnigraph_storage::{Durability, Root, RootOptions, Tuning};

use self::store::{Fault, FaultyStore, When};
use crate::error::Result;
use crate::maintenance::mark::mark;
use crate::maintenance::packing;
use crate::maintenance::retention::Retention;

const SOURCE: &str = "node Person { name: String @key }";

async fn root_on(store: &FaultyStore) -> Root {
    let options = RootOptions {
        durability: Durability::Relaxed,
        memory_budget: 64 << 20,
        store: Some(Arc::new(store.clone()) as Arc<dyn ObjectStore>),
        tuning: Tuning::small(),
        ..RootOptions::default()
    };
    Root::open("memory://packing-tests", options).await.unwrap()
}

async fn init_on(store: &FaultyStore) -> Graph {
    let catalog = schema::compile(SOURCE, "01J0000000000000000000TEST").unwrap().catalog;
    Graph::init(root_on(store).await, SOURCE, catalog, Some("ann")).await.unwrap()
}

async fn open_on(store: &FaultyStore) -> Graph {
    Graph::open(root_on(store).await).await.unwrap()
}

fn main_branch() -> BranchName {
    BranchName::main()
}

/// Returns the ancestors of a branch's head, oldest first.
async fn history(graph: &Graph, branch: &BranchName) -> Vec<Arc<CommitRecord>> {
    let mut walk = omnigraph_graph::branch::history(graph, branch).await.unwrap();
    let mut records = Vec::new();
    while let Some(record) = walk.next().await.unwrap() {
        records.push(record);
    }
    records.reverse();
    records
}

/// A commit id as it was minted two days ago, one millisecond later per place.
fn old_id(seq: u64) -> CommitId {
    static THEN: LazyLock<i64> = LazyLock::new(|| (Utc::now() - TimeDelta::days(2)).timestamp_millis());
    let millis = u64::try_from(*THEN).unwrap() + seq;
    CommitId::from_text(&ulid::Ulid::from_parts(millis, u128::from(seq)).to_string()).unwrap()
}

/// A graph whose first commit is two days old.
async fn old_graph(store: &FaultyStore) -> Arc<CommitRecord> {
    let graph = init_on(store).await;
    let mut first = graph.head(&main_branch()).await.unwrap().record().clone();
    first.id = old_id(1);
    let path = log::path(first.branch_uid, first.seq);
    graph.root().put(&path, format::encode(&first)).await.unwrap();
    Arc::new(first)
}

/// Publishes empty old commits after `start` on a lane, up to `last`.
async fn grow(
    store: &FaultyStore,
    lane: &BranchTarget,
    start: Arc<CommitRecord>,
    last: u64,
) -> Vec<Arc<CommitRecord>> {
    let log = Log::new(root_on(store).await);
    let mut records = vec![start];
    while records[records.len() - 1].seq < Seq(last) {
        match log.append(next(&records[records.len() - 1], lane)).await.unwrap() {
            Append::Published(record) => records.push(record),
            Append::Lost => panic!("nobody else writes"),
        }
    }
    records
}

fn next(record: &CommitRecord, lane: &BranchTarget) -> CommitRecord {
    let author =
        Authorship { operation_id: OperationId::mint(), actor: None, created_at: 0, kind: CommitKind::Data };
    let unchanged = RecordChange { pins: &BTreeMap::new(), schema: None, merged: None };
    let mut next = record.successor(lane, CommitId::mint(), &author, unchanged);
    next.id = old_id(next.seq.0);
    next
}

fn lane_of(record: &CommitRecord) -> BranchTarget {
    BranchTarget { uid: record.branch_uid, name: record.branch.clone() }
}

async fn pack_before(graph: &Graph, before: DateTime<Utc>, dry_run: bool) -> Result<u64> {
    let marked = mark(graph, Retention::default()).await?;
    packing::pack(graph, &marked, before, dry_run).await
}

/// Packs what is there now.
async fn pack_all(graph: &Graph, dry_run: bool) -> Result<u64> {
    pack_before(graph, Utc::now() + TimeDelta::minutes(1), dry_run).await
}

async fn count(graph: &Graph, directory: &str) -> usize {
    graph.root().list(directory).await.unwrap().len()
}

#[tokio::test]
async fn a_packed_log_reads_as_before() {
    let store = FaultyStore::new();
    let first = old_graph(&store).await;
    let records = grow(&store, &lane_of(&first), first, 2_100).await;
    let graph = open_on(&store).await;

    let promised = pack_all(&graph, true).await.unwrap();
    assert_eq!(count(&graph, "__manifest/log").await, 2_100);
    assert_eq!(pack_all(&graph, false).await.unwrap(), promised);
    assert!(promised > 500_000, "{promised}");
    assert_eq!(count(&graph, "__manifest/log").await, 53);
    assert_eq!(count(&graph, "__manifest/packs").await, 8);
    assert_eq!(pack_all(&graph, false).await.unwrap(), 0);

    let counted = store.sibling();
    let cold = Graph::open_read_only(root_on(&counted).await).await.unwrap();
    assert_eq!(cold.head(&main_branch()).await.unwrap().record(), &*records[2_099]);
    for place in [1, 2, 1_023, 1_024, 2_047, 2_048] {
        let found = omnigraph_graph::branch::at_commit(&cold, &old_id(place)).await.unwrap();
        assert_eq!(found.record(), &*records[usize::try_from(place).unwrap() - 1]);
    }
    counted.take_counts();
    let walked = history(&cold, &main_branch()).await;
    assert!(walked.iter().eq(&records));
    // One request per record that is not packed and two per pack, besides a few that are asked for ahead of need.
    assert!(counted.take_counts().gets < 350);
}

#[tokio::test]
async fn a_handle_that_fell_behind_sees_past_the_pack_and_cannot_write_into_it() {
    let store = FaultyStore::new();
    let first = old_graph(&store).await;
    let lane = lane_of(&first);
    let early = grow(&store, &lane, first, 5).await;
    let behind = open_on(&store).await;
    assert_eq!(behind.head(&main_branch()).await.unwrap().record().seq, Seq(5));

    let records = grow(&store, &lane, early[4].clone(), 1_030).await;
    let graph = open_on(&store).await;
    pack_all(&graph, false).await.unwrap();
    assert_eq!(count(&graph, "__manifest/log").await, 7);

    let stale = next(&early[4], &lane);
    assert!(matches!(behind.log().append(stale).await.unwrap(), Append::Lost));
    assert_eq!(count(&graph, "__manifest/log").await, 7);
    assert_eq!(behind.head(&main_branch()).await.unwrap().record().id, records[1_025].id);
}

#[tokio::test]
async fn an_interrupted_packing_is_finished_by_the_next() {
    let store = FaultyStore::new();
    let first = old_graph(&store).await;
    let records = grow(&store, &lane_of(&first), first, 1_030).await;
    let graph = open_on(&store).await;
    store.fail(Fault { request: "delete", path: "__manifest/log", when: When::Before, times: 1 });
    assert!(pack_all(&graph, false).await.is_err());
    store.heal();
    assert!(count(&graph, "__manifest/log").await > 7);
    assert!(history(&open_on(&store).await, &main_branch()).await.iter().eq(&records));
    pack_all(&graph, false).await.unwrap();
    assert_eq!(count(&graph, "__manifest/log").await, 7);
    assert!(history(&open_on(&store).await, &main_branch()).await.iter().eq(&records));
}

#[tokio::test]
async fn nothing_is_removed_for_a_pack_that_lacks_it() {
    let store = FaultyStore::new();
    let first = old_graph(&store).await;
    let records = grow(&store, &lane_of(&first), first, 1_030).await;
    let graph = open_on(&store).await;
    let short = pack::encode(&[format::encode(&*records[0])]).unwrap();
    graph.root().put(&pack::path(records[0].branch_uid, 0), short).await.unwrap();
    let error = pack_all(&graph, false).await.unwrap_err().to_string();
    assert!(error.contains("its log has a gap; nothing was removed"), "{error}");
    assert_eq!(count(&graph, "__manifest/log").await, 1_030);
}

#[tokio::test]
async fn what_is_young_stays_as_it_is() {
    let store = FaultyStore::new();
    let first = old_graph(&store).await;
    grow(&store, &lane_of(&first), first, 1_030).await;
    let graph = open_on(&store).await;
    assert_eq!(pack_before(&graph, Utc::now() - TimeDelta::minutes(1), false).await.unwrap(), 0);
    assert_eq!(count(&graph, "__manifest/log").await, 1_030);
}

#[tokio::test]
async fn a_log_that_begins_within_a_block_is_packed_from_its_fork() {
    let store = FaultyStore::new();
    let first = old_graph(&store).await;
    let main = grow(&store, &lane_of(&first), first, 1_500).await;
    let graph = open_on(&store).await;
    let name = BranchName::parse("side").unwrap();
    let fork = omnigraph_graph::branch::ForkPoint::Head(main_branch());
    let uid: BranchUid =
        omnigraph_graph::branch::create_branch(&graph, &name, &fork, None).await.unwrap().uid;
    let lane = BranchTarget { uid, name: name.clone() };
    let side = grow(&store, &lane, main[1_499].clone(), 2_060).await;
    pack_all(&graph, false).await.unwrap();
    // Of main: 1280..=1500; of the branch: 2048..=2060.
    assert_eq!(count(&graph, "__manifest/log").await, 221 + 13);
    let cold = open_on(&store).await;
    assert_eq!(cold.head(&name).await.unwrap().record(), &**side.last().unwrap());
    let walked = history(&cold, &name).await;
    assert!(walked.iter().eq(main.iter().chain(&side[1..])));
}
