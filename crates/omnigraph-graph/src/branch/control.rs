//! Creating and deleting branches.
//!
//! A branch is a ref: creating one is one put-if-absent, deleting one is the deletion of that object, however large the
//! graph is. Before its ref is deleted it is copied to `__manifest/retired/<uid>/<n>.json`, which keeps the lineage for
//! those who still name commits of the branch, and decides who may delete.
//!
//! Invariants: (1) a branch lives exactly as long as its ref exists; (2) the ref of an incarnation is deleted by at most one
//! request at a time, so that nobody deletes the ref of a later incarnation of the same name. A request may delete while it
//! holds the newest claim `<n>`; it holds it until its process has ended, or for [`CLAIM`] where that cannot be told.
//! Cost: create: finding the source's head, one put. Delete: one read, one put, one deletion.
//! Cancellation: dropping either leaves it done or not done.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use omnigraph_storage::{Created, Root};
use serde::{Deserialize, Serialize};

use super::history;
use crate::commit::format::{self, MANIFEST, STORAGE_FORMAT};
use crate::commit::ids::{BranchUid, OperationId};
use crate::commit::intent::{Liveness, Running, Writer};
use crate::commit::refs::{self, BranchRef};
use crate::commit::{BranchName, CommitId, CommitRecord, Graph, failpoints};
use crate::error::{GraphError, Result};

/// Directory of the refs of deleted branches.
pub(crate) const RETIRED: &str = "__manifest/retired/";
/// How long a claim of a process that may live is respected. A deletion takes much less, or its request is dead.
const CLAIM: TimeDelta = TimeDelta::minutes(10);
/// How long a deletion waits for another one of the same branch.
const CLAIM_WAIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// Where a branch begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForkPoint {
    /// At the newest commit of a branch.
    Head(BranchName),
    /// At a commit.
    Commit(CommitId),
}

/// The ref of a deleted branch, and who deletes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Retired {
    format: u32,
    /// The ref as it was.
    pub(crate) branch: BranchRef,
    /// Microseconds since the epoch.
    pub(crate) retired_at: i64,
    /// Who asked.
    #[serde(default)]
    pub(crate) actor: Option<String>,
    writer: Writer,
    operation_id: OperationId,
}

/// Creates a branch that sees exactly the state of its fork point.
///
/// # Errors
/// A conflict (`already exists`) when the name lives; bad request for `main`; [`GraphError::BranchNotFound`] or not
/// found for the fork point; [`GraphError::HistoricalVersionReclaimed`] when cleanup removed what it names.
pub async fn create_branch(
    graph: &Graph,
    name: &BranchName,
    from: &ForkPoint,
    creator: Option<&str>,
) -> Result<BranchRef> {
    graph.ensure_writable()?;
    if name.is_main() {
        return Err(GraphError::bad_request("cannot create branch 'main': it exists in every graph"));
    }
    graph.settle_intents().await?;
    failpoints::hit(graph.root(), failpoints::BRANCH_BARRIER)?;
    let (inherited, fork) = match from {
        ForkPoint::Head(source) => {
            let (source, head) = graph.find_head(source).await?;
            (source.lineage(head.seq), head)
        }
        ForkPoint::Commit(id) => {
            if refs::load(graph.root(), name).await?.is_some() {
                return Err(exists(name));
            }
            let found = super::commits::find_commit(graph, *id).await?;
            let record = found.ok_or_else(|| GraphError::not_found(format!("commit '{id}' not found")))?;
            // Looked for before the ref too, as a ref to what is gone is in the way of cleanups until it is taken back.
            graph.require_versions(&record).await?;
            (history::lineage(graph.log(), &record).await?, record)
        }
    };
    let branch = BranchRef {
        format: STORAGE_FORMAT,
        name: name.clone(),
        uid: BranchUid::mint(),
        inherited,
        creator: creator.map(str::to_owned),
        created_at: format::now_micros(),
    };
    if !refs::create(graph.root(), &branch).await? {
        return Err(exists(name));
    }
    if let Err(error) = confirm_fork(graph, from, &fork).await {
        refs::delete(graph.root(), &branch).await?;
        return Err(error);
    }
    Ok(branch)
}

/// Checks that what a new branch sees is there, now that its ref keeps cleanups from removing it.
async fn confirm_fork(graph: &Graph, from: &ForkPoint, fork: &CommitRecord) -> Result<()> {
    failpoints::hit(graph.root(), failpoints::BRANCH_CONFIRM)?;
    let cleaned = graph.wait_for_cleanup().await?;
    if matches!(from, ForkPoint::Commit(_)) {
        graph.require_record(fork).await?;
    }
    if cleaned || matches!(from, ForkPoint::Commit(_)) {
        graph.require_versions(fork).await?;
    }
    Ok(())
}

/// Deletes a branch. Its commits stay readable by id until cleanup, those that others inherit or merged for ever.
///
/// # Errors
/// Not found; bad request for `main`; a conflict while another request is deleting it.
pub async fn delete_branch(graph: &Graph, name: &BranchName, actor: Option<&str>) -> Result<()> {
    graph.ensure_writable()?;
    if name.is_main() {
        return Err(GraphError::bad_request("cannot delete branch 'main': it lives as long as its graph"));
    }
    failpoints::hit(graph.root(), failpoints::BRANCH_BARRIER)?;
    let branch = match graph.branch(name).await {
        Err(error @ GraphError::BranchNotFound { .. }) => {
            return Err(GraphError::not_found(error.to_string()));
        }
        found => found?,
    };
    let (graph, actor) = (graph.clone(), actor.map(str::to_owned));
    // In a task of its own: once claimed, the deletion is not cut short between its request and its answer.
    let deletion = tokio::spawn(async move { delete_incarnation(&graph, branch, actor).await });
    deletion.await.map_err(|error| GraphError::internal(format!("deleting a branch: {error}")))?
}

/// Deletes the ref of one incarnation of a branch, if it still stands.
pub(crate) async fn delete_incarnation(
    graph: &Graph,
    branch: BranchRef,
    actor: Option<String>,
) -> Result<()> {
    let running = Running::begin(OperationId::mint());
    claim(graph, &branch, actor, &running).await?;
    failpoints::hit(graph.root(), failpoints::BRANCH_CLAIMED)?;
    // Before the claim was this request's, another may have deleted the branch, and a third created the next.
    if refs::load(graph.root(), &branch.name).await?.is_some_and(|found| found.uid == branch.uid) {
        refs::delete(graph.root(), &branch).await?;
    }
    graph.forget_ref(&branch.name);
    Ok(())
}

/// Obtains the right to delete the ref of an incarnation.
async fn claim(graph: &Graph, branch: &BranchRef, actor: Option<String>, running: &Running) -> Result<()> {
    let claim = Retired {
        format: STORAGE_FORMAT,
        branch: branch.clone(),
        retired_at: format::now_micros(),
        actor,
        writer: Writer::current().clone(),
        operation_id: running.operation(),
    };
    let started = tokio::time::Instant::now();
    let mut n = 0_u32;
    loop {
        let path = claim_path(branch.uid, n);
        let other: Retired = match graph.root().create(&path, format::encode(&claim)).await? {
            Created::Yes => return Ok(()),
            Created::Taken(found) => format::decode(graph.root(), &path, &found)?,
        };
        if refs::load(graph.root(), &branch.name).await?.is_none_or(|found| found.uid != branch.uid) {
            return Err(GraphError::not_found(format!("branch '{}' not found", branch.name)));
        }
        if other.has_ended() {
            n += 1;
            continue;
        }
        if started.elapsed() > CLAIM_WAIT {
            return Err(GraphError::refused(format!(
                "branch '{}' is being deleted by another request; retry",
                branch.name
            )));
        }
        tokio::time::sleep(POLL).await;
    }
}

fn exists(name: &BranchName) -> GraphError {
    GraphError::refused(format!("branch '{name}' already exists; choose another name, or delete it first"))
}

impl Retired {
    fn has_ended(&self) -> bool {
        let age = Utc::now().signed_duration_since(
            chrono::DateTime::from_timestamp_micros(self.retired_at).unwrap_or_default(),
        );
        match self.writer.liveness(self.operation_id) {
            Liveness::Ended => true,
            Liveness::Running | Liveness::Unknown => age > CLAIM,
        }
    }
}

/// Lists the deleted branches whose refs are kept.
pub(crate) async fn retired(root: &Root) -> Result<Vec<Retired>> {
    let mut found = Vec::new();
    for object in root.list(RETIRED).await? {
        if object.path.ends_with("/0.json")
            && let Some(retired) = load_claim(root, &object.path).await?
        {
            found.push(retired);
        }
    }
    Ok(found)
}

async fn load_claim(root: &Root, path: &str) -> Result<Option<Retired>> {
    match root.get(path).await? {
        Some(bytes) => format::decode(root, path, &bytes).map(Some),
        None => Ok(None),
    }
}

/// Returns the object of a claim on an incarnation; claim 0 is the one that is kept for its lineage.
pub(crate) fn claim_path(uid: BranchUid, n: u32) -> String {
    format!("{MANIFEST}/retired/{uid}/{n}.json")
}
