//! Writers that plan on a commit which another one is about to make.

use std::time::Duration;

use arrow_array::cast::AsArray;
use futures::TryStreamExt;
use omnigraph_storage::Scan;
use tokio::task::JoinHandle;

use super::super::ids::Seq;
use super::store::{Fault, FaultyStore, Held, When};
use super::*;
use crate::error::GraphError;

type Running = JoinHandle<Result<WriteResult<u32>>>;

fn spawn(
    graph: &Graph,
    request: WriteRequest,
    planner: Arc<impl Planner<Output = u32, Error = GraphError> + 'static>,
) -> Running {
    let graph = graph.clone();
    tokio::spawn(async move { graph.write(&request, &*planner).await })
}

/// Starts a write that is held when it has its intent and asks for its record.
async fn held_write(store: &FaultyStore, graph: &Graph) -> (Held, Running, Arc<Add>) {
    let held = store.hold("/log/");
    let planner = Arc::new(Add::new(person(), &["Ada"]));
    let running = spawn(graph, request(), planner.clone());
    held.arrived().await;
    (held, running, planner)
}

async fn planned(planner: &Add, times: u32) {
    let planned = async {
        while planner.plans() < times {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(3), planned).await.expect("the write is not planned");
}

/// Checks that a write that has all it needs to end does not.
async fn assert_waits(running: &Running) {
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!running.is_finished());
}

/// Adds a row, and refuses when the table has one.
struct AddFirst(Add);

#[async_trait]
impl Planner for AddFirst {
    type Output = u32;
    type Error = GraphError;

    async fn plan(&self, snapshot: &Snapshot) -> Result<Planned<u32>> {
        let planned = self.0.plan(snapshot).await?;
        match snapshot.table(&person()).await?.row_count() {
            0 => Ok(planned),
            rows => Err(GraphError::bad_request(format!("{rows} rows"))),
        }
    }
}

#[tokio::test]
async fn a_write_is_planned_while_the_one_before_is_published() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let (held, first, _) = held_write(&store, &graph).await;
    let planners: Vec<_> =
        ["Bob", "Cid", "Dan"].iter().map(|name| Arc::new(Add::new(person(), &[name]))).collect();
    let mut running = Vec::new();
    for planner in &planners {
        running.push(spawn(&graph, request(), planner.clone()));
        planned(planner, 1).await;
    }
    assert_waits(&running[2]).await;
    assert_eq!(rows(&graph, &person()).await, 0);
    held.release();
    let mut before = first.await.unwrap().unwrap().commit.unwrap();
    for write in running {
        let commit = write.await.unwrap().unwrap().commit.unwrap();
        assert_eq!((commit.parents[0].id, commit.seq), (before.id, before.seq.next()));
        before = commit;
    }
    assert!(planners.iter().all(|planner| planner.plans() == 1));
    assert_eq!((rows(&graph, &person()).await, assert_linear(&graph).await.len()), (4, 5));
    graph.finish().await;
    assert!(intents(&graph).await.is_empty());
}

#[tokio::test]
async fn what_was_planned_on_a_commit_that_lost_its_place_is_planned_again() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let (held, first, before) = held_write(&store, &graph).await;
    let behind = Arc::new(Add::new(person(), &["Bob"]));
    let second = spawn(&graph, request(), behind.clone());
    planned(&behind, 1).await;
    add(&open_on(&store).await, person(), "Eve").await;
    held.release();
    let commits = [first.await.unwrap().unwrap(), second.await.unwrap().unwrap()].map(|w| w.commit.unwrap());
    assert!(commits.iter().all(|commit| commit.seq > Seq(2)));
    assert_eq!((before.plans(), behind.plans()), (2, 2));
    assert_eq!((rows(&graph, &person()).await, assert_linear(&graph).await.len()), (3, 4));
    graph.finish().await;
    assert!(intents(&graph).await.is_empty());
}

#[tokio::test]
async fn what_was_planned_on_a_commit_that_moved_up_is_published_unchanged() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let (held, first, before) = held_write(&store, &graph).await;
    let behind = Arc::new(Add::new(person(), &["Bob"]));
    let second = spawn(&graph, request(), behind.clone());
    planned(&behind, 1).await;
    add(&open_on(&store).await, company(), "Acme").await;
    held.release();
    assert_eq!(first.await.unwrap().unwrap().commit.unwrap().seq, Seq(3));
    assert_eq!(second.await.unwrap().unwrap().commit.unwrap().seq, Seq(4));
    assert_eq!((before.plans(), behind.plans()), (1, 1));
    assert_eq!((rows(&graph, &person()).await, rows(&graph, &company()).await), (2, 1));
    assert_linear(&graph).await;
}

#[tokio::test]
async fn what_was_planned_on_a_write_that_was_dropped_is_planned_again() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let (_held, first, _) = held_write(&store, &graph).await;
    let behind = Arc::new(Add::new(person(), &["Bob"]));
    let second = spawn(&graph, request(), behind.clone());
    planned(&behind, 1).await;
    first.abort();
    let commit = second.await.unwrap().unwrap().commit.unwrap();
    assert_eq!((commit.seq, behind.plans()), (Seq(2), 2));
    assert_eq!(rows(&graph, &person()).await, 1);
    // The next write settles what the dropped one left.
    add(&graph, person(), "Cid").await;
    graph.finish().await;
    assert!(intents(&graph).await.is_empty());
    assert_eq!((audits(&graph).await.len(), assert_linear(&graph).await.len()), (1, 3));
}

#[tokio::test]
async fn a_refusal_by_rows_that_never_came_is_none() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let (_held, first, _) = held_write(&store, &graph).await;
    let refusing = Arc::new(AddFirst(Add::new(person(), &["Bob"])));
    let second = spawn(&graph, request(), refusing.clone());
    planned(&refusing.0, 1).await;
    assert_waits(&second).await;
    first.abort();
    assert_eq!(second.await.unwrap().unwrap().output, 2);
    assert_eq!(rows(&graph, &person()).await, 1);
}

#[tokio::test]
async fn a_refusal_by_rows_that_are_about_to_come_is_told_when_they_are_there() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let (held, first, _) = held_write(&store, &graph).await;
    let refusing = Arc::new(AddFirst(Add::new(person(), &["Bob"])));
    let second = spawn(&graph, request(), refusing.clone());
    planned(&refusing.0, 1).await;
    assert_waits(&second).await;
    held.release();
    assert!(second.await.unwrap().unwrap_err().to_string().contains("1 rows"));
    assert_eq!(refusing.0.plans(), 1);
    first.await.unwrap().unwrap();
}

#[tokio::test]
async fn that_nothing_has_to_change_is_told_when_the_commit_before_is_there() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let (held, first, _) = held_write(&store, &graph).await;
    let nothing = Arc::new(Add::nothing());
    let second = spawn(&graph, request(), nothing.clone());
    planned(&nothing, 1).await;
    assert_waits(&second).await;
    held.release();
    assert!(second.await.unwrap().unwrap().commit.is_none());
    assert!(first.await.unwrap().unwrap().commit.is_some());
}

#[tokio::test]
async fn a_conditional_write_looks_at_the_head_after_the_commit_before() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let head = graph.head(&main_branch()).await.unwrap().record().id;
    let (held, first, _) = held_write(&store, &graph).await;
    let planner = Arc::new(Add::new(person(), &["Bob"]));
    let second = spawn(&graph, request_if(head), planner.clone());
    assert_waits(&second).await;
    held.release();
    let id = first.await.unwrap().unwrap().commit.unwrap().id;
    match second.await.unwrap().unwrap_err() {
        GraphError::PreconditionFailed { actual, .. } => assert_eq!(actual, id.to_string()),
        other => panic!("{other}"),
    }
    assert_eq!((planner.plans(), rows(&graph, &person()).await), (0, 1));
}

async fn names(graph: &Graph) -> Vec<String> {
    let table = graph.head(&main_branch()).await.unwrap().table(&person()).await.unwrap();
    let batches = table.scan(Scan::columns(["id".to_owned()])).unwrap();
    let batches: Vec<RecordBatch> = batches.try_collect().await.unwrap();
    let all = batches.iter().flat_map(|batch| batch.column(0).as_string::<i32>().iter().flatten());
    all.map(str::to_owned).collect()
}

/// Lets requests of the store fail at random: a few, which are repeated, or so many that the write is given up.
async fn disturb(store: FaultyStore) {
    loop {
        for path in ["/log/", "__recovery/", "/_versions/"] {
            let when = if rand::random() { When::Before } else { When::After };
            store.fail(Fault { request: "put", path, when, times: rand::random_range(0..12) });
        }
        tokio::time::sleep(Duration::from_millis(rand::random_range(1..20))).await;
        store.heal();
        tokio::time::sleep(Duration::from_millis(rand::random_range(1..40))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_follow_each_other_through_failures_lose_and_double_nothing() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let disturbing = tokio::spawn(disturb(store.clone()));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let graph = graph.clone();
            tokio::spawn(async move {
                let (mut done, mut open) = (Vec::new(), Vec::new());
                for number in 0..30 {
                    let name = format!("p{writer}-{number}");
                    match try_add(&graph, person(), &name).await {
                        Ok(_) => done.push(name),
                        Err(_) => open.push(name),
                    }
                }
                (done, open)
            })
        })
        .collect();
    let (mut done, mut open) = (BTreeSet::new(), BTreeSet::new());
    for writer in writers {
        let (its_done, its_open) = writer.await.unwrap();
        done.extend(its_done);
        open.extend(its_open);
    }
    disturbing.abort();
    store.heal();
    assert!(!done.is_empty());
    // The next write settles what was left.
    add(&graph, person(), "last").await;
    graph.finish().await;
    assert!(intents(&graph).await.is_empty());
    let all = names(&graph).await;
    let found: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(found.len(), all.len(), "a row came twice");
    assert!(done.is_subset(&found), "lost: {:?}", done.difference(&found));
    assert!(found.iter().all(|name| done.contains(name) || open.contains(name) || name == "last"));
    assert_eq!(assert_linear(&graph).await.len(), all.len() + 1);
}

#[tokio::test]
async fn few_writers_are_on_their_way_at_once() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let (held, first, _) = held_write(&store, &graph).await;
    let planners: Vec<_> = (0..6).map(|n| Arc::new(Add::new(person(), &[&format!("p{n}")]))).collect();
    let running: Vec<_> = planners.iter().map(|planner| spawn(&graph, request(), planner.clone())).collect();
    let waits = |running: &Running| !running.is_finished();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(planners.iter().map(|planner| planner.plans()).sum::<u32>(), 3);
    assert!(running.iter().all(waits));
    held.release();
    first.await.unwrap().unwrap();
    for write in running {
        write.await.unwrap().unwrap();
    }
    assert!(planners.iter().all(|planner| planner.plans() == 1));
    assert_eq!((rows(&graph, &person()).await, assert_linear(&graph).await.len()), (7, 8));
}

#[tokio::test]
async fn a_long_writer_holds_up_nobody_for_long() {
    struct Long(Add, Duration);
    #[async_trait]
    impl Planner for Long {
        type Output = u32;
        type Error = GraphError;
        async fn plan(&self, snapshot: &Snapshot) -> Result<Planned<u32>> {
            let planned = self.0.plan(snapshot).await?;
            tokio::time::sleep(self.1).await;
            Ok(planned)
        }
    }
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let long = Arc::new(Long(Add::new(person(), &["long"]), Duration::from_millis(1_500)));
    let slow = spawn(&graph, request(), long.clone());
    planned(&long.0, 1).await;
    // More than may be on their way: the long one has given its place up too.
    for number in 0..8 {
        add(&graph, person(), &format!("p{number}")).await;
    }
    assert!(!slow.is_finished());
    assert_eq!(slow.await.unwrap().unwrap().output, 2);
    assert_eq!(rows(&graph, &person()).await, 9);
}
