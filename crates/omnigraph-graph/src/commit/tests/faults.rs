//! Crashes at every fault point: the next open finds a graph that keeps every invariant.

use super::super::failpoints::{self, ALL};
use super::store::FaultyStore;
use super::*;
use crate::branch::ForkPoint;

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

/// Runs work that may crash; tells whether it came to its end.
async fn survives(work: impl Future<Output = ()> + Send + 'static) -> bool {
    tokio::spawn(work).await.is_ok()
}

async fn crash_in_init(point: &'static str) {
    let store = FaultyStore::new();
    let crash = Crash::at(point);
    let doomed = store.clone();
    assert!(!survives(async move { drop(init_on(&doomed).await) }).await, "{point} was not passed");
    drop(crash);
    let root = root_on(&store).await;
    let graph = match Graph::open(root.clone()).await {
        Ok(graph) => graph,
        Err(_) => Graph::init(root, SOURCE, catalog(), None).await.unwrap(),
    };
    add(&graph, person(), "Ada").await;
    assert_eq!(assert_linear(&open_on(&store).await).await.len(), 2);
}

/// Crashes a write at `point`; returns how many persons the next open finds besides the first.
async fn crash_in_write(point: &'static str, recovery: Option<&'static str>) -> u64 {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    add(&graph, person(), "Ada").await;
    graph.finish().await;
    let crash = Crash::at(point);
    let survived = survives(async move {
        add(&graph, person(), "Eve").await;
    })
    .await;
    // What runs in the background may crash without taking the write with it.
    assert_eq!(survived, point == failpoints::INTENT_DELETE, "{point}");
    drop(crash);
    if let Some(recovery) = recovery {
        let crash = Crash::at(recovery);
        let doomed = store.clone();
        assert!(!survives(async move { drop(open_on(&doomed).await) }).await, "{recovery} was not passed");
        drop(crash);
    }
    let opened = open_on(&store).await;
    let found = rows(&opened, &person()).await;
    let history = assert_linear(&opened).await;
    assert_eq!(history.len() as u64, found + 1);
    assert!(intents(&opened).await.is_empty());
    let settled = audits(&opened).await.len();
    assert!(settled <= 1);
    let again = open_on(&store).await;
    assert_eq!((assert_linear(&again).await.len(), audits(&again).await.len()), (history.len(), settled));
    add(&again, person(), "Frank").await;
    assert_eq!(rows(&again, &person()).await, found + 1);
    found - 1
}

/// Crashes the creation or deletion of a branch: afterwards it is there or not, and can be deleted and created.
async fn crash_in_branch_control(point: &'static str) {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let (name, from) = (BranchName::parse("review").unwrap(), ForkPoint::Head(main_branch()));
    let doomed = (graph.clone(), name.clone(), from.clone());
    let crash = Crash::at(point);
    survives(async move {
        let (graph, name, from) = doomed;
        let _ = crate::branch::create_branch(&graph, &name, &from, None).await;
        let _ = crate::branch::delete_branch(&graph, &name, None).await;
    })
    .await;
    drop(crash);
    let opened = open_on(&store).await;
    let lives = opened.branches().await.unwrap().contains(&name);
    let dies = matches!(point, failpoints::BRANCH_DELETED | failpoints::BRANCH_BARRIER);
    assert_eq!(lives, !dies, "{point}");
    if lives {
        crate::branch::delete_branch(&opened, &name, None).await.unwrap();
    }
    crate::branch::create_branch(&opened, &name, &from, None).await.unwrap();
    assert_eq!(opened.branches().await.unwrap(), [main_branch(), name]);
}

#[tokio::test]
async fn a_crash_at_any_point_leaves_the_commit_or_nothing() {
    for point in ALL {
        match point {
            failpoints::INIT_CLAIMED
            | failpoints::INIT_TABLE
            | failpoints::INIT_PREPARED
            | failpoints::INIT_UNACKNOWLEDGED
            | failpoints::INIT_CREATED
            | failpoints::INIT_READY => {
                crash_in_init(point).await;
            }
            failpoints::TABLE_STAGED | failpoints::STAGED | failpoints::INTENT_WRITE => {
                assert_eq!(crash_in_write(point, None).await, 0, "{point}");
            }
            failpoints::RECOVERY_LIST
            | failpoints::RECOVERY_LISTED
            | failpoints::RECOVERY_READ
            | failpoints::RECOVERY_PUBLISH
            | failpoints::RECOVERY_AUDIT => {
                assert_eq!(crash_in_write(failpoints::INTENT_WRITTEN, Some(point)).await, 1, "{point}");
            }
            failpoints::BRANCH_BARRIER
            | failpoints::BRANCH_CONFIRM
            | failpoints::BRANCH_CREATED
            | failpoints::BRANCH_CLAIMED
            | failpoints::BRANCH_DELETED => {
                crash_in_branch_control(point).await;
            }
            // Passed by merges, schema changes, compactions, deletions, feeds and cleanups; or after another fault. The
            // scenarios arm them, and the command line is stopped at each.
            failpoints::MERGE_CAPTURED
            | failpoints::MERGE_VALIDATED
            | failpoints::MERGE_TABLE
            | failpoints::MERGE_STAGED
            | failpoints::MERGE_PUBLISH
            | failpoints::SCHEMA_PUBLISH
            | failpoints::SCHEMA_READ
            | failpoints::OPTIMIZE_PUBLISH
            | failpoints::NODE_DELETION
            | failpoints::NO_EFFECT
            | failpoints::CLEANUP_BRANCH
            | failpoints::FEED_CAPTURED
            | failpoints::FEED_READ
            | failpoints::INIT_PROBE => {}
            // Passed when a branch is deleted under an intent; see the tests of recovery.
            failpoints::RECOVERY_ORPHAN_AUDIT => {}
            other => assert_eq!(crash_in_write(other, None).await, 1, "{other}"),
        }
    }
}
