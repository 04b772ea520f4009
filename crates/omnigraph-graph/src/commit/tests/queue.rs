//! The commit queue: writers of one branch that plan on a commit which another one is about to make.

use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use futures::TryStreamExt;
use omnigraph_storage::Scan;
use tokio::task::JoinHandle;

use super::super::ids::Seq;
use super::store::{Fault, FaultyStore, Held, When};
use super::*;
use crate::branch::{ForkPoint, create_branch};
use crate::error::GraphError;

type RunningWrite = JoinHandle<Result<WriteResult<u32>>>;

fn spawn(
    graph: &Graph,
    request: WriteRequest,
    planner: Arc<impl Planner<Output = u32, Error = GraphError> + 'static>,
) -> RunningWrite {
    let graph = graph.clone();
    tokio::spawn(async move { graph.write(&request, &*planner).await })
}

/// Starts a write that is held when it has its intent and asks for its record.
async fn held_write(store: &FaultyStore, graph: &Graph) -> (Held, RunningWrite, Arc<Add>) {
    let held = store.hold("/log/");
    let planner = Arc::new(Add::new(person(), &["Ada"]));
    let running = spawn(graph, request(), planner.clone());
    held.arrived().await;
    (held, running, planner)
}

/// A held write, and one behind it that was planned on the commit which the first is about to make.
struct TwoWrites<P> {
    store: FaultyStore,
    graph: Graph,
    held: Held,
    first: RunningWrite,
    first_planner: Arc<Add>,
    second: RunningWrite,
    second_planner: Arc<P>,
}

async fn two_writes<P>(planner: P) -> TwoWrites<P>
where
    P: Planner<Output = u32, Error = GraphError> + AsRef<Add> + 'static,
{
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let (held, first, first_planner) = held_write(&store, &graph).await;
    let second_planner = Arc::new(planner);
    let second = spawn(&graph, request(), second_planner.clone());
    (*second_planner).as_ref().planned(1).await;
    TwoWrites { store, graph, held, first, first_planner, second, second_planner }
}

/// Checks that writes wait: they do not end while another handle makes a whole commit on another branch, which asks more
/// of the store than they have left to do.
async fn assert_wait(store: &FaultyStore, running: &[RunningWrite]) {
    let other = open_on(store).await;
    let branch = BranchName::parse("meanwhile").unwrap();
    create_branch(&other, &branch, &ForkPoint::Head(main_branch()), None).await.unwrap();
    let on_branch = WriteRequest { branch, ..request() };
    other.write(&on_branch, &Add::new(person(), &["Eve"])).await.unwrap();
    other.finish().await;
    assert!(running.iter().all(|running| !running.is_finished()));
}

/// Adds a row, and refuses when the table has one.
struct AddFirst(Add);

impl AsRef<Add> for AddFirst {
    fn as_ref(&self) -> &Add {
        &self.0
    }
}

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
        planner.planned(1).await;
    }
    assert_wait(&store, &running).await;
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
async fn what_was_planned_on_a_commit_that_lost_its_position_is_planned_again() {
    let two = two_writes(Add::new(person(), &["Bob"])).await;
    add(&open_on(&two.store).await, person(), "Eve").await;
    two.held.release();
    let written = [two.first.await.unwrap().unwrap(), two.second.await.unwrap().unwrap()];
    assert!(written.map(|written| written.commit.unwrap()).iter().all(|commit| commit.seq > Seq(2)));
    assert_eq!((two.first_planner.plans(), two.second_planner.plans()), (2, 2));
    assert_eq!((rows(&two.graph, &person()).await, assert_linear(&two.graph).await.len()), (3, 4));
    two.graph.finish().await;
    assert!(intents(&two.graph).await.is_empty());
}

#[tokio::test]
async fn what_was_planned_on_a_commit_that_moved_up_is_published_unchanged() {
    let two = two_writes(Add::new(person(), &["Bob"])).await;
    add(&open_on(&two.store).await, company(), "Acme").await;
    two.held.release();
    assert_eq!(two.first.await.unwrap().unwrap().commit.unwrap().seq, Seq(3));
    assert_eq!(two.second.await.unwrap().unwrap().commit.unwrap().seq, Seq(4));
    assert_eq!((two.first_planner.plans(), two.second_planner.plans()), (1, 1));
    assert_eq!((rows(&two.graph, &person()).await, rows(&two.graph, &company()).await), (2, 1));
    assert_linear(&two.graph).await;
}

#[tokio::test]
async fn what_was_planned_on_a_write_that_was_dropped_is_planned_again() {
    let two = two_writes(Add::new(person(), &["Bob"])).await;
    two.first.abort();
    let commit = two.second.await.unwrap().unwrap().commit.unwrap();
    assert_eq!((commit.seq, two.second_planner.plans()), (Seq(2), 2));
    assert_eq!(rows(&two.graph, &person()).await, 1);
    // The next write settles what the dropped one left.
    add(&two.graph, person(), "Cid").await;
    two.graph.finish().await;
    assert!(intents(&two.graph).await.is_empty());
    assert_eq!((audits(&two.graph).await.len(), assert_linear(&two.graph).await.len()), (1, 3));
}

#[tokio::test]
async fn a_refusal_by_rows_that_never_came_is_none() {
    let two = two_writes(AddFirst(Add::new(person(), &["Bob"]))).await;
    assert_wait(&two.store, std::slice::from_ref(&two.second)).await;
    two.first.abort();
    assert_eq!(two.second.await.unwrap().unwrap().output, 2);
    assert_eq!(rows(&two.graph, &person()).await, 1);
}

#[tokio::test]
async fn a_refusal_by_rows_that_are_about_to_come_is_told_when_they_are_there() {
    let two = two_writes(AddFirst(Add::new(person(), &["Bob"]))).await;
    assert_wait(&two.store, std::slice::from_ref(&two.second)).await;
    two.held.release();
    assert!(two.second.await.unwrap().unwrap_err().to_string().contains("1 rows"));
    assert_eq!(two.second_planner.0.plans(), 1);
    two.first.await.unwrap().unwrap();
}

#[tokio::test]
async fn that_nothing_has_to_change_is_told_when_the_commit_before_is_there() {
    let two = two_writes(Add::nothing()).await;
    assert_wait(&two.store, std::slice::from_ref(&two.second)).await;
    two.held.release();
    assert!(two.second.await.unwrap().unwrap().commit.is_none());
    assert!(two.first.await.unwrap().unwrap().commit.is_some());
}

#[tokio::test]
async fn a_conditional_write_looks_at_the_head_after_the_commit_before() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let head = graph.head(&main_branch()).await.unwrap().record().id;
    let (held, first, _) = held_write(&store, &graph).await;
    let planner = Arc::new(Add::new(person(), &["Bob"]));
    let second = spawn(&graph, request_if(head), planner.clone());
    assert_wait(&store, std::slice::from_ref(&second)).await;
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
async fn queued_writers_lose_and_double_nothing_through_failures() {
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

/// How far writers plan ahead of the head.
struct PlannedAhead {
    plans: watch::Sender<u32>,
    /// Commits between the head and the base of a plan, at most.
    most: AtomicU64,
}

/// Adds a row, and notes how far ahead of the head it is planned.
struct AddAhead(Add, Graph, Arc<PlannedAhead>);

#[async_trait]
impl Planner for AddAhead {
    type Output = u32;
    type Error = GraphError;

    async fn plan(&self, snapshot: &Snapshot) -> Result<Planned<u32>> {
        let AddAhead(add, graph, ahead) = self;
        let head = graph.head(&main_branch()).await?;
        ahead.most.fetch_max(snapshot.record().seq.0.saturating_sub(head.record().seq.0), Ordering::SeqCst);
        ahead.plans.send_modify(|plans| *plans += 1);
        add.plan(snapshot).await
    }
}

#[tokio::test]
async fn few_writers_plan_ahead_of_the_head() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let (held, first, _) = held_write(&store, &graph).await;
    let ahead = Arc::new(PlannedAhead { plans: watch::Sender::new(0), most: AtomicU64::new(0) });
    let planner = |n| AddAhead(Add::new(person(), &[&format!("p{n}")]), graph.clone(), ahead.clone());
    let running: Vec<_> = (0..6).map(|n| spawn(&graph, request(), Arc::new(planner(n)))).collect();
    ahead.plans.subscribe().wait_for(|plans| *plans >= 3).await.unwrap();
    assert_wait(&store, &running).await;
    assert_eq!(*ahead.plans.borrow(), 3);
    held.release();
    first.await.unwrap().unwrap();
    for write in running {
        write.await.unwrap().unwrap();
    }
    assert_eq!((*ahead.plans.borrow(), ahead.most.load(Ordering::SeqCst)), (6, 3));
    assert_eq!((rows(&graph, &person()).await, assert_linear(&graph).await.len()), (7, 8));
}

#[tokio::test]
async fn a_long_writer_holds_up_nobody_for_long() {
    struct Long(Add, watch::Receiver<bool>);
    #[async_trait]
    impl Planner for Long {
        type Output = u32;
        type Error = GraphError;
        async fn plan(&self, snapshot: &Snapshot) -> Result<Planned<u32>> {
            let planned = self.0.plan(snapshot).await?;
            self.1.clone().wait_for(|may_end| *may_end).await.expect("the test goes on");
            Ok(planned)
        }
    }
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let may_end = watch::Sender::new(false);
    let long = Arc::new(Long(Add::new(person(), &["long"]), may_end.subscribe()));
    let slow = spawn(&graph, request(), long.clone());
    long.0.planned(1).await;
    // More than there are slots: the long one has given its own up too.
    for number in 0..8 {
        add(&graph, person(), &format!("p{number}")).await;
    }
    assert!(!slow.is_finished());
    may_end.send_replace(true);
    assert_eq!(slow.await.unwrap().unwrap().output, 2);
    assert_eq!(rows(&graph, &person()).await, 9);
}
