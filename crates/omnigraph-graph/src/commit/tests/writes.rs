use super::super::ids::{BranchUid, Seq};
use super::super::refs::{self, BranchRef, Segment};
use super::store::{Fault, FaultyStore, When};
use super::*;
use crate::error::GraphError;

async fn writers(graphs: &[Graph], tasks: usize, commits: usize) {
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let graph = graphs[task % graphs.len()].clone();
            tokio::spawn(async move {
                for commit in 0..commits {
                    add(&graph, person(), &format!("p{task}-{commit}")).await;
                }
            })
        })
        .collect();
    for task in running {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_of_one_handle_lose_nothing() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    writers(std::slice::from_ref(&graph), 8, 50).await;
    assert_eq!(rows(&graph, &person()).await, 400);
    assert_eq!(assert_linear(&graph).await.len(), 401);
    graph.finish().await;
    assert!(intents(&graph).await.is_empty());
    assert_eq!(assert_linear(&open_on(&store).await).await.len(), 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_handles_lose_nothing() {
    let store = FaultyStore::new();
    let first = init_on(&store).await;
    let graphs = [first, open_on(&store).await, open_on(&store).await];
    writers(&graphs, 3, 20).await;
    assert_eq!(rows(&graphs[0], &person()).await, 60);
    assert_eq!(assert_linear(&graphs[1]).await.len(), 61);
    for graph in &graphs {
        graph.finish().await;
    }
    assert!(intents(&graphs[0]).await.is_empty());
    assert!(audits(&graphs[0]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_handles_on_a_local_root_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let uri = directory.path().to_str().unwrap().to_owned();
    let first = Graph::init(Root::open(&uri, options(None)).await.unwrap(), SOURCE, catalog(), None);
    let first = first.await.unwrap();
    let second = Graph::open(Root::open(&uri, options(None)).await.unwrap()).await.unwrap();
    writers(&[first.clone(), second], 4, 10).await;
    assert_eq!(rows(&first, &person()).await, 40);
    assert_eq!(assert_linear(&first).await.len(), 41);
}

#[tokio::test]
async fn a_lost_acknowledgement_is_resolved_by_looking() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    store.fail(Fault { request: "put", path: "/log/", when: When::After, times: 1 });
    let written = try_add(&graph, person(), "Ada").await.unwrap();
    assert_eq!(written.output, 1);
    assert_eq!(written.commit.unwrap().seq, Seq(2));
    store.fail(Fault { request: "put", path: "/log/", when: When::Before, times: 2 });
    assert_eq!(add(&graph, person(), "Bob").await.seq, Seq(3));
    assert_eq!(rows(&graph, &person()).await, 2);
    assert_eq!(assert_linear(&graph).await.len(), 3);
}

#[tokio::test]
async fn a_plan_on_other_tables_is_published_unchanged_after_a_lost_race() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let other = open_on(&store).await;
    let planner = Add::new(person(), &["Ada"]).meanwhile(async move {
        add(&other, company(), "Acme").await;
        add(&other, company(), "Globex").await;
    });
    let written = graph.write(&request(), &planner).await.unwrap();
    assert_eq!((planner.plans(), written.commit.unwrap().seq), (1, Seq(4)));
    assert_eq!((rows(&graph, &person()).await, rows(&graph, &company()).await), (1, 2));
    assert_linear(&graph).await;
    graph.finish().await;
    assert!(intents(&graph).await.is_empty());
}

#[tokio::test]
async fn a_plan_on_a_table_that_moved_is_made_again() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let other = open_on(&store).await;
    let planner = Add::new(person(), &["Ada"]).meanwhile(async move {
        add(&other, person(), "Bob").await;
    });
    let written = graph.write(&request(), &planner).await.unwrap();
    assert_eq!((written.output, planner.plans()), (2, 2));
    assert_eq!(rows(&graph, &person()).await, 2);
    assert_linear(&graph).await;
}

#[tokio::test]
async fn a_plan_that_read_a_table_that_moved_is_made_again() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let other = open_on(&store).await;
    let mut planner = Add::new(person(), &["Ada"]).meanwhile(async move {
        add(&other, company(), "Acme").await;
    });
    planner.reads.insert(company());
    graph.write(&request(), &planner).await.unwrap();
    assert_eq!(planner.plans(), 2);
}

#[tokio::test]
async fn a_plan_that_loses_for_ever_ends_in_a_conflict() {
    struct Unlucky(Graph);
    #[async_trait]
    impl Planner for Unlucky {
        type Output = u32;
        type Error = GraphError;
        async fn plan(&self, snapshot: &Snapshot) -> Result<Planned<u32>> {
            add(&self.0, person(), "Bob").await;
            Add::new(person(), &["Ada"]).plan(snapshot).await
        }
    }
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let unlucky = Unlucky(open_on(&store).await);
    match graph.write(&request(), &unlucky).await.unwrap_err() {
        GraphError::Contention { attempts, .. } => assert_eq!(attempts, 33),
        other => panic!("{other}"),
    }
    assert_eq!(rows(&graph, &person()).await, 33);
    graph.finish().await;
    assert!(intents(&graph).await.is_empty());
}

#[tokio::test]
async fn a_write_that_changes_nothing_stores_nothing() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    store.take_counts();
    let written = graph.write(&request(), &Add::nothing()).await.unwrap();
    assert!(written.commit.is_none());
    let counts = store.take_counts();
    assert_eq!((counts.puts, counts.deletes, counts.lists), (0, 0, 0));
}

#[tokio::test]
async fn an_empty_load_publishes_a_commit() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let planner = Add { publish_unchanged: true, ..Add::nothing() };
    let commit = graph.write(&request(), &planner).await.unwrap().commit.unwrap();
    assert_eq!(commit.seq, Seq(2));
    assert_eq!(commit.pin(&person()).unwrap().table_version, 1);
}

#[tokio::test]
async fn conditional_write_fails_when_head_moved() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let old = graph.head(&main_branch()).await.unwrap().record().id;
    let new = add(&graph, company(), "Acme").await.id;
    for planner in [Add::new(person(), &["Ada"]), Add::nothing()] {
        match graph.write(&request_if(old), &planner).await.unwrap_err() {
            GraphError::PreconditionFailed { branch, expected, actual } => {
                assert_eq!((branch, expected, actual), ("main".into(), old.to_string(), new.to_string()));
            }
            other => panic!("{other}"),
        }
        assert_eq!(planner.plans(), 0);
    }
    let commit = graph.write(&request_if(new), &Add::new(person(), &["Ada"])).await.unwrap().commit.unwrap();
    assert_eq!(commit.first_parent(), Some(new));
}

#[tokio::test]
async fn conditional_write_fails_when_head_moves_before_publication() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let head = graph.head(&main_branch()).await.unwrap().record().id;
    for names in [&["Ada"][..], &[]] {
        let other = open_on(&store).await;
        let head =
            if names.is_empty() { graph.head(&main_branch()).await.unwrap().record().id } else { head };
        let planner = Add::new(person(), names).meanwhile(async move {
            add(&other, company(), "Acme").await;
        });
        let error = graph.write(&request_if(head), &planner).await.unwrap_err();
        assert!(matches!(error, GraphError::PreconditionFailed { .. }), "{error}");
        assert_eq!(planner.plans(), 1);
    }
    assert_eq!(rows(&graph, &person()).await, 0);
    graph.finish().await;
    assert!(intents(&graph).await.is_empty());
}

#[tokio::test]
async fn a_warm_one_table_write_costs_few_requests() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    add(&graph, person(), "Ada").await;
    graph.finish().await;
    store.take_counts();
    add(&graph, person(), "Bob").await;
    graph.finish().await;
    let counts = store.take_counts();
    assert_eq!((counts.lists, counts.deletes), (0, 1), "{counts:?}");
    assert!(counts.puts <= 6, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_write_leaves_the_commit_or_nothing() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    for round in 0..40_u64 {
        let writer = graph.clone();
        let task = tokio::spawn(async move { add(&writer, person(), &format!("p{round}")).await });
        tokio::time::sleep(std::time::Duration::from_micros(round * 150)).await;
        task.abort();
        let _ = task.await;
    }
    add(&graph, person(), "last").await;
    graph.finish().await;
    graph.recover().await.unwrap();
    assert!(intents(&graph).await.is_empty());
    let history = assert_linear(&graph).await;
    assert_eq!(rows(&graph, &person()).await, history.len() as u64 - 1);
}

#[tokio::test]
async fn a_fork_sees_its_source_and_goes_its_own_way() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let shared = add(&graph, person(), "Ada").await;
    let name = BranchName::parse("review/1").unwrap();
    let fork = BranchRef {
        format: 1,
        name: name.clone(),
        uid: BranchUid::mint(),
        inherited: vec![Segment { branch_uid: shared.branch_uid, last: shared.seq }],
        creator: None,
        created_at: 0,
    };
    assert!(refs::create(graph.root(), &fork).await.unwrap());
    assert!(!refs::create(graph.root(), &BranchRef { uid: BranchUid::mint(), ..fork }).await.unwrap());
    assert_eq!(graph.head(&name).await.unwrap().record().id, shared.id);
    add(&graph, person(), "Bob").await;

    let on_fork = WriteRequest { branch: name.clone(), if_commit: Some(shared.id), ..request() };
    let own = graph.write(&on_fork, &Add::new(person(), &["Eve", "Finn"])).await.unwrap().commit.unwrap();
    assert_eq!((own.seq, own.branch.clone()), (Seq(3), name.clone()));
    assert_eq!(own.parents, [shared.as_parent()]);
    assert_eq!(graph.head(&name).await.unwrap().pin(&person()).unwrap().rows, 3);
    assert_eq!(rows(&graph, &person()).await, 2);
    assert_eq!(graph.branches().await.unwrap(), [main_branch(), name.clone()]);

    let cold = open_on(&store).await;
    let history = history(&cold, &name).await;
    assert_eq!(history.iter().map(|r| r.seq.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(history[1].id, shared.id);
    assert_eq!(cold.at_seq(&name, Seq(2)).await.unwrap().record().id, shared.id);
    let cold = open_on(&store).await;
    assert_eq!(crate::branch::at_commit(&cold, &own.id).await.unwrap().record().id, own.id);
    assert!(crate::branch::at_commit(&cold, &CommitId::mint()).await.is_err());
    assert!(cold.at_seq(&name, Seq(4)).await.is_err());
}
