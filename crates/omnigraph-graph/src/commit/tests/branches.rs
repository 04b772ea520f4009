//! Branches, histories that fork and merge, merge bases.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::ids::{BranchUid, CommitId, OperationId, Seq};
use super::super::log::{Append, Log};
use super::super::record::{Authorship, BranchTarget, RecordChange};
use super::super::refs;
use super::store::FaultyStore;
use super::*;
use crate::branch::history::{self, History};
use crate::branch::{ForkPoint, tags};
use crate::error::GraphError;

fn named(name: &str) -> BranchName {
    BranchName::parse(name).unwrap()
}

fn head_of(name: &str) -> ForkPoint {
    ForkPoint::Head(named(name))
}

fn on(name: &str) -> WriteRequest {
    WriteRequest { branch: named(name), ..request() }
}

async fn add_on(graph: &Graph, branch: &str, name: &str) -> Arc<CommitRecord> {
    graph.write(&on(branch), &Add::new(person(), &[name])).await.unwrap().commit.unwrap()
}

async fn persons_on(graph: &Graph, branch: &str) -> u64 {
    graph.head(&named(branch)).await.unwrap().pin(&person()).unwrap().rows
}

#[tokio::test]
async fn a_branch_sees_its_fork_point_and_then_goes_its_own_way() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let ada = add(&graph, person(), "Ada").await;
    add(&graph, person(), "Bob").await;
    crate::branch::create_branch(&graph, &named("review"), &head_of("main"), Some("ed")).await.unwrap();
    crate::branch::create_branch(&graph, &named("review/x"), &ForkPoint::Commit(ada.id), None).await.unwrap();
    assert_eq!((persons_on(&graph, "review").await, persons_on(&graph, "review/x").await), (2, 1));

    let cyd = add_on(&graph, "review", "Cyd").await;
    add(&graph, person(), "Dan").await;
    crate::branch::create_branch(&graph, &named("deep"), &head_of("review"), None).await.unwrap();
    crate::branch::create_branch(&graph, &named("deeper"), &ForkPoint::Commit(cyd.id), None).await.unwrap();
    let eve = add_on(&graph, "deeper", "Eve").await;
    let other = open_on(&store).await;
    for (branch, persons) in [("main", 3), ("review", 3), ("review/x", 1), ("deep", 3), ("deeper", 4)] {
        assert_eq!(persons_on(&other, branch).await, persons, "{branch}");
    }
    let ids: Vec<CommitId> = history(&other, &named("deeper")).await.iter().map(|r| r.id).collect();
    assert_eq!(ids[1], ada.id);
    assert_eq!(ids[3..], [cyd.id, eve.id]);
    assert_eq!(crate::branch::at_commit(&other, &eve.id).await.unwrap().pin(&person()).unwrap().rows, 4);
}

#[tokio::test]
async fn a_name_is_free_once_its_branch_is_deleted_and_means_another_branch_then() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let warm = open_on(&store).await;
    crate::branch::create_branch(&graph, &named("x"), &head_of("main"), None).await.unwrap();
    let error = crate::branch::create_branch(&warm, &named("x"), &head_of("main"), None).await.unwrap_err();
    assert!(error.to_string().contains("already exists"), "{error}");
    let eve = add_on(&graph, "x", "Eve").await;
    assert_eq!(persons_on(&warm, "x").await, 1);

    crate::branch::delete_branch(&graph, &named("x"), None).await.unwrap();
    assert!(matches!(warm.head(&named("x")).await, Err(GraphError::BranchNotFound { .. })));
    let error = crate::branch::delete_branch(&graph, &named("x"), None).await.unwrap_err().to_string();
    assert!(error.contains("not found"), "{error}");
    crate::branch::create_branch(&graph, &named("x"), &head_of("main"), None).await.unwrap();
    assert_eq!(persons_on(&warm, "x").await, 0);
    assert!(!history(&warm, &named("x")).await.iter().any(|record| record.id == eve.id));
    // The commits of the first incarnation are still there for whoever knows them.
    let cold = open_on(&store).await;
    assert_eq!(crate::branch::at_commit(&cold, &eve.id).await.unwrap().pin(&person()).unwrap().rows, 1);
    crate::branch::create_branch(&cold, &named("undeleted"), &ForkPoint::Commit(eve.id), None).await.unwrap();
    assert_eq!(persons_on(&cold, "undeleted").await, 1);
}

#[tokio::test]
async fn main_is_neither_created_nor_deleted() {
    let graph = init_on(&FaultyStore::new()).await;
    let error = crate::branch::create_branch(&graph, &named("main"), &head_of("main"), None)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("cannot create branch 'main'"), "{error}");
    let error = crate::branch::delete_branch(&graph, &named("main"), None).await.unwrap_err().to_string();
    assert!(error.contains("cannot delete branch 'main'"), "{error}");
    let error = crate::branch::create_branch(&graph, &named("x"), &head_of("mein"), None)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("did you mean 'main'"), "{error}");
}

#[tokio::test]
async fn of_racing_creations_and_deletions_each_is_whole() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    for round in 0..20 {
        let handles = [graph.clone(), open_on(&store).await, open_on(&store).await];
        let creating = handles.iter().map(|handle| {
            let handle = handle.clone();
            tokio::spawn(async move {
                crate::branch::create_branch(&handle, &named("x"), &head_of("main"), None).await.is_ok()
            })
        });
        let created: Vec<bool> =
            futures::future::join_all(creating).await.into_iter().map(|joined| joined.unwrap()).collect();
        assert_eq!(created.iter().filter(|won| **won).count(), 1, "round {round}");
        let deleting = handles.iter().map(|handle| {
            let handle = handle.clone();
            tokio::spawn(
                async move { crate::branch::delete_branch(&handle, &named("x"), None).await.is_ok() },
            )
        });
        let deleted: Vec<bool> =
            futures::future::join_all(deleting).await.into_iter().map(|joined| joined.unwrap()).collect();
        assert!(deleted.iter().any(|won| *won), "round {round}");
        assert_eq!(graph.branches().await.unwrap(), [main_branch()]);
    }
}

#[tokio::test]
async fn creating_a_branch_costs_the_same_beside_a_thousand_others() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let mut costs = Vec::new();
    for n in 0..1000 {
        let counted = store.sibling();
        let handle = (n % 333 == 0).then_some(open_on(&counted).await);
        counted.take_counts();
        let on = handle.as_ref().unwrap_or(&graph);
        crate::branch::create_branch(on, &named(&format!("b/{n}")), &head_of("main"), None).await.unwrap();
        if handle.is_some() {
            let counts = counted.take_counts();
            assert_eq!(counts.lists, 0);
            costs.push((counts.gets, counts.puts));
        }
    }
    assert_eq!(costs[1..], vec![costs[0]; costs.len() - 1][..], "{costs:?}");
    assert_eq!(graph.branches().await.unwrap().len(), 1001);
}

#[tokio::test]
async fn tags_name_commits() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let ada = add(&graph, person(), "Ada").await;
    let tag = crate::branch::create_tag(&graph, &named("v1"), ada.id, Some("ed")).await.unwrap();
    assert_eq!(tag.commit, ada.as_parent());
    assert!(
        crate::branch::create_tag(&graph, &named("v1"), ada.id, None)
            .await
            .unwrap_err()
            .to_string()
            .contains("already exists")
    );
    assert_eq!(tags::list(graph.root()).await.unwrap(), [tag]);
    crate::branch::delete_tag(&graph, &named("v1")).await.unwrap();
    assert!(crate::branch::delete_tag(&graph, &named("v1")).await.is_err());
}

/// One step of a random history: a commit on a branch, a merge into one, or a fork.
#[derive(Clone, Debug)]
enum Step {
    Commit(usize),
    Merge { into: usize, from: usize },
    Fork(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => any::<usize>().prop_map(Step::Commit),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(into, from)| Step::Merge { into, from }),
        1 => any::<usize>().prop_map(Step::Fork),
    ];
    proptest::collection::vec(step, 1..40)
}

/// Plays a history straight into the logs; returns the heads.
async fn play(graph: &Graph, steps: &[Step]) -> Vec<Arc<CommitRecord>> {
    let log = Log::new(graph.root().clone());
    let main = graph.head(&main_branch()).await.unwrap();
    let mut tips: Vec<(BranchTarget, Arc<CommitRecord>)> =
        vec![(main.branch_target().clone(), main.shared_record())];
    for step in steps {
        let count = tips.len();
        let (at, merged) = match step {
            Step::Commit(at) => (at % count, None),
            Step::Merge { into, from } if into % count != from % count => {
                (into % count, Some(tips[from % count].1.clone()))
            }
            Step::Merge { .. } => continue,
            Step::Fork(at) => {
                let target = BranchTarget { uid: BranchUid::mint(), name: named(&format!("b{count}")) };
                let tip = tips[at % count].1.clone();
                tips.push((target, tip));
                continue;
            }
        };
        let author = Authorship {
            operation_id: OperationId::mint(),
            actor: None,
            created_at: 0,
            kind: CommitKind::Data,
        };
        let (target, tip) = &tips[at];
        let change = RecordChange { pins: &BTreeMap::new(), schema: None, merged: merged.as_deref() };
        let next = tip.successor(target, CommitId::mint(), &author, change);
        match log.append(next).await.unwrap() {
            Append::Published(record) => tips[at].1 = record,
            Append::Lost => panic!("nobody else writes"),
        }
    }
    tips.into_iter().map(|(_, tip)| tip).collect()
}

/// Distances from a commit to all its ancestors, by breadth-first search.
async fn distances(log: &Log, head: &Arc<CommitRecord>) -> BTreeMap<CommitId, (u64, Arc<CommitRecord>)> {
    let mut found = BTreeMap::from([(head.id, (0, head.clone()))]);
    let mut level = vec![head.clone()];
    for distance in 1.. {
        let mut next = Vec::new();
        for record in &level {
            for parent in &record.parents {
                if !found.contains_key(&parent.id) {
                    let parent = log.get(parent.branch_uid, parent.seq).await.unwrap().unwrap();
                    found.insert(parent.id, (distance, parent.clone()));
                    next.push(parent);
                }
            }
        }
        if next.is_empty() {
            break;
        }
        level = next;
    }
    found
}

fn listing_order(record: &CommitRecord) -> (Seq, i64, CommitId) {
    (record.seq, record.created_at, record.id)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn histories_and_merge_bases_are_those_of_a_naive_search(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let graph = init_on(&FaultyStore::new()).await;
            let tips = play(&graph, &steps).await;
            let log = Log::new(graph.root().clone());
            let mut ancestors = Vec::new();
            for tip in &tips {
                let found = distances(&log, tip).await;
                let mut expected: Vec<Arc<CommitRecord>> = found.values().map(|(_, r)| r.clone()).collect();
                expected.sort_by_key(|record| std::cmp::Reverse(listing_order(record)));
                let mut walk = History::of(Log::new(graph.root().clone()), tip.clone());
                for wanted in &expected {
                    let got = walk.next().await.unwrap().unwrap();
                    assert_eq!(got.id, wanted.id);
                }
                assert!(walk.next().await.unwrap().is_none());
                let lineage = history::lineage(&log, tip).await.unwrap();
                let own = lineage.last().unwrap();
                assert_eq!((own.branch_uid, own.last), (tip.branch_uid, tip.seq));
                ancestors.push(found);
            }
            for (a, of_a) in tips.iter().zip(&ancestors) {
                for (b, of_b) in tips.iter().zip(&ancestors) {
                    let common: Vec<&Arc<CommitRecord>> =
                        of_a.iter().filter(|(id, _)| of_b.contains_key(id)).map(|(_, (_, record))| record).collect();
                    let mut below = std::collections::BTreeSet::new();
                    for record in &common {
                        below.extend(distances(&log, record).await.into_keys().filter(|id| *id != record.id));
                    }
                    let best = common
                        .iter()
                        .filter(|record| !below.contains(&record.id))
                        .map(|record| {
                            let sum = of_a[&record.id].0 + of_b[&record.id].0;
                            (sum, std::cmp::Reverse(listing_order(record)), record.id)
                        })
                        .min()
                        .unwrap()
                        .2;
                    let found = history::merge_base(&log, a, b).await.unwrap().unwrap();
                    assert_eq!(found.id, best, "{steps:?} {:?} {:?} found {:?}", a.seq, b.seq, found.seq);
                }
            }
        });
    }
}

#[tokio::test]
async fn finding_a_merge_base_reads_what_lies_above_it() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let mut steps = vec![Step::Commit(0); 10];
    steps.push(Step::Fork(0));
    steps.extend(vec![Step::Commit(0); 500]);
    steps.extend(vec![Step::Commit(1); 300]);
    let tips = play(&graph, &steps).await;
    let counted = store.sibling();
    let log = Log::new(root_on(&counted).await);
    counted.take_counts();
    let base = history::merge_base(&log, &tips[0], &tips[1]).await.unwrap().unwrap();
    assert_eq!(base.seq, Seq(11));
    // Both stretches, and what is read ahead of need below the base.
    assert!(counted.take_counts().gets <= 500 + 300 + 32);
}

#[tokio::test]
async fn a_ref_is_never_deleted_by_a_request_for_an_earlier_incarnation() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let first = crate::branch::create_branch(&graph, &named("x"), &head_of("main"), None).await.unwrap();
    crate::branch::delete_branch(&graph, &named("x"), None).await.unwrap();
    let second = crate::branch::create_branch(&graph, &named("x"), &head_of("main"), None).await.unwrap();
    assert_ne!(first.uid, second.uid);
    // A request that read the first ref and slept until now.
    let error =
        crate::branch::control::delete_incarnation(&graph, first, None).await.unwrap_err().to_string();
    assert!(error.contains("not found"), "{error}");
    assert_eq!(refs::load(graph.root(), &named("x")).await.unwrap(), Some(second));
}
