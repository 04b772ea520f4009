//! The handle on one graph: opens it, resolves branches to snapshots, and holds what requests of one handle share.
//!
//! Cost: [`Graph::head`] is one request on a warm handle for `main`, one round trip for other branches.
//! State: caches of immutable objects and of heads as last seen, and queues of writers; all may be dropped at any time
//! without changing an answer. Only the list of unsettled intents has a meaning of its own: a write settles them first.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use omnigraph_compiler::catalog::Catalog;
use omnigraph_compiler::diagnostics::closest;
use omnigraph_storage::Root;
use tokio::sync::Semaphore;

use super::counts::Counts;
use super::head::Heads;
use super::ids::{BranchName, Seq};
use super::intent::{InFlight, UnsettledIntents};
use super::log::Log;
use super::queue::CommitQueues;
use super::record::{BranchTarget, CommitRecord};
use super::refs::{self, BranchRef};
use super::schema::Schemas;
use super::snapshot::Snapshot;
use super::{format, init, recovery};
use crate::error::{GraphError, Result};

/// Refs of branches other than `main` kept per handle.
const CACHED_REFS: u64 = 4096;
/// Background requests of one handle; more wait.
const BACKGROUND: u32 = 64;
/// Upkeep that may run at a time.
const UPKEEP: u32 = 16;
/// How long a write waits for the deletion of its intent before it answers. A local disk needs less, so a command
/// that exits leaves none behind; a bucket needs more, and its latency should not be the writer's.
const RETIRE_WAIT: Duration = Duration::from_millis(5);

/// A handle on one graph. Cheap to clone.
#[derive(Clone)]
pub struct Graph {
    shared: Arc<Shared>,
}

struct Shared {
    root: Root,
    read_only: bool,
    main: BranchRef,
    refs: Cache<BranchName, BranchRef>,
    log: Log,
    heads: Heads,
    schemas: Schemas,
    queues: CommitQueues,
    unsettled: UnsettledIntents,
    counts: Counts,
    background: Arc<Semaphore>,
    upkeep: Arc<Semaphore>,
}

impl Graph {
    /// Creates a graph: an empty table per type, the schema contract, and a first commit without parent.
    ///
    /// # Errors
    /// [`GraphError::AlreadyInitialized`] when a graph is there or another call created one meanwhile.
    pub async fn init(
        root: Root,
        schema_source: &str,
        catalog: Catalog,
        actor: Option<&str>,
    ) -> Result<Graph> {
        let main = init::create(&root, schema_source, catalog, actor).await?;
        Ok(Graph::assemble(root, main, false))
    }

    /// Opens a graph for reading and writing, after settling writes that a crash left behind.
    ///
    /// # Errors
    /// [`GraphError::NotAGraph`], [`GraphError::UnsupportedFormat`], those of recovery.
    pub async fn open(root: Root) -> Result<Graph> {
        let graph = Graph::attach(root, false).await?;
        recovery::sweep(&graph).await?;
        Ok(graph)
    }

    /// Opens a graph for reading; the store is never written.
    ///
    /// # Errors
    /// [`GraphError::NotAGraph`], [`GraphError::UnsupportedFormat`].
    pub async fn open_read_only(root: Root) -> Result<Graph> {
        Graph::attach(root, true).await
    }

    async fn attach(root: Root, read_only: bool) -> Result<Graph> {
        let main = BranchName::main();
        let (format, main) = tokio::join!(format::load(&root), refs::load(&root, &main));
        match (format?, main?) {
            (Some(_), Some(main)) => Ok(Graph::assemble(root, main, read_only)),
            (_, None) | (None, _) => Err(GraphError::NotAGraph { uri: root.uri().to_owned() }),
        }
    }

    fn assemble(root: Root, main: BranchRef, read_only: bool) -> Graph {
        let log = Log::new(root.clone());
        Graph {
            shared: Arc::new(Shared {
                heads: Heads::new(root.clone(), log.clone()),
                schemas: Schemas::new(root.clone()),
                refs: Cache::new(CACHED_REFS),
                queues: CommitQueues::new(),
                unsettled: UnsettledIntents::default(),
                counts: Counts::default(),
                background: Arc::new(Semaphore::new(BACKGROUND as usize)),
                upkeep: Arc::new(Semaphore::new(UPKEEP as usize)),
                root,
                read_only,
                main,
                log,
            }),
        }
    }

    /// Returns the root.
    pub fn root(&self) -> &Root {
        &self.shared.root
    }

    /// Returns the newest commit of a branch that is durable at this moment, whoever made it.
    ///
    /// # Errors
    /// [`GraphError::BranchNotFound`].
    pub async fn head(&self, branch: &BranchName) -> Result<Snapshot> {
        let (branch, record) = self.find_head(branch).await?;
        self.snapshot(record, branch.target(), true).await
    }

    /// Returns the state a branch had at a position of its history, inherited commits included.
    ///
    /// # Errors
    /// [`GraphError::BranchNotFound`], or not found when the branch has not got that far.
    pub async fn at_seq(&self, branch: &BranchName, seq: Seq) -> Result<Snapshot> {
        let branch = self.branch(branch).await?;
        let record = self.shared.log.get(branch.holder(seq), seq).await?;
        let record = record
            .ok_or_else(|| GraphError::not_found(format!("branch '{}' has no version {seq}", branch.name)))?;
        self.snapshot(record, branch.target(), false).await
    }

    /// Returns the live branches, `main` first, the others by name.
    pub async fn branches(&self) -> Result<Vec<BranchName>> {
        refs::list(&self.shared.root).await
    }

    /// Settles every abandoned intent of the root, as opening does.
    ///
    /// # Errors
    /// Those of recovery; bad request on a handle opened for reading.
    pub async fn recover(&self) -> Result<()> {
        self.ensure_writable()?;
        recovery::sweep(self).await
    }

    /// Waits until no request runs in the background, so that the process may end.
    pub async fn finish(&self) {
        // The semaphore is never closed, so that acquiring fails is impossible and would mean that nothing runs.
        // Upkeep may write, and what a write leaves to the background comes after it.
        let _ = self.shared.upkeep.acquire_many(UPKEEP).await;
        let _ = self.shared.background.acquire_many(BACKGROUND).await;
    }

    /// Returns the log of commit records.
    pub fn log(&self) -> &Log {
        &self.shared.log
    }

    pub(crate) fn schemas(&self) -> &Schemas {
        &self.shared.schemas
    }

    pub(crate) fn heads(&self) -> &Heads {
        &self.shared.heads
    }

    pub(crate) fn queues(&self) -> &CommitQueues {
        &self.shared.queues
    }

    /// Returns the intents of this handle that are not settled yet.
    pub fn unsettled_intents(&self) -> &UnsettledIntents {
        &self.shared.unsettled
    }

    /// Returns what this handle counted.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Settles what writes of this handle left behind; free when they left nothing.
    ///
    /// # Errors
    /// Those of recovery.
    pub async fn settle_intents(&self) -> Result<()> {
        recovery::settle_intents(self).await
    }

    /// Checks that this handle may write.
    ///
    /// # Errors
    /// Bad request on a handle opened for reading.
    pub fn ensure_writable(&self) -> Result<()> {
        if self.shared.read_only {
            return Err(GraphError::bad_request("the graph was opened read-only"));
        }
        Ok(())
    }

    /// Returns the ref of a live branch. `main` lives as long as its graph, so its ref is read once.
    pub(crate) async fn branch(&self, name: &BranchName) -> Result<BranchRef> {
        if name.is_main() {
            return Ok(self.shared.main.clone());
        }
        match refs::load(&self.shared.root, name).await? {
            Some(branch) => {
                self.shared.refs.insert(name.clone(), branch.clone());
                Ok(branch)
            }
            None => {
                self.shared.refs.invalidate(name);
                Err(self.branch_not_found(name).await)
            }
        }
    }

    async fn branch_not_found(&self, name: &BranchName) -> GraphError {
        let live = self.branches().await.unwrap_or_default();
        let near = closest(name.as_str(), live.iter().map(BranchName::as_str));
        GraphError::BranchNotFound { branch: name.to_string(), did_you_mean: near.map(str::to_owned) }
    }

    /// Finds the head of a branch; the ref as it was last seen lets both requests run at the same time.
    pub(crate) async fn find_head(&self, name: &BranchName) -> Result<(BranchRef, Arc<CommitRecord>)> {
        if !name.is_main()
            && let Some(seen) = self.shared.refs.get(name)
        {
            let (branch, head) = tokio::join!(self.branch(name), self.shared.heads.find(&seen));
            let branch = branch?;
            if branch.uid == seen.uid {
                return Ok((branch, head?));
            }
            let head = self.shared.heads.find(&branch).await?;
            return Ok((branch, head));
        }
        let branch = self.branch(name).await?;
        let head = self.shared.heads.find(&branch).await?;
        Ok((branch, head))
    }

    pub(crate) fn forget_ref(&self, name: &BranchName) {
        self.shared.refs.invalidate(name);
    }

    pub(crate) async fn snapshot(
        &self,
        record: Arc<CommitRecord>,
        target: BranchTarget,
        is_head: bool,
    ) -> Result<Snapshot> {
        let schema = self.shared.schemas.get(&record.schema).await?;
        Ok(Snapshot::new(record, schema, target, self.shared.root.clone(), is_head))
    }

    /// Notes a commit this handle published, and leaves a hint for cold handles now and then.
    pub(crate) fn published(&self, record: &Arc<CommitRecord>) {
        self.shared.counts.committed();
        self.shared.heads.saw(record.branch_uid, record);
        // When too much runs in the background already, the hint is left to a later commit.
        if Heads::hint_due(record.seq) {
            let (heads, uid, seq) = (self.shared.heads.clone(), record.branch_uid, record.seq);
            self.in_background(async move { heads.write_hint(uid, seq).await });
        }
    }

    /// Runs something that nobody waits for, except [`Graph::finish`]; not when too much runs already.
    pub(crate) fn in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(permit) = self.shared.background.clone().try_acquire_owned() {
            tokio::spawn(async move {
                work.await;
                drop(permit);
            });
        }
    }

    /// As [`Graph::in_background`], for work that may itself write to the graph.
    pub fn as_upkeep(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(permit) = self.shared.upkeep.clone().try_acquire_owned() {
            tokio::spawn(async move {
                work.await;
                drop(permit);
            });
        }
    }

    /// Deletes the intent of a write that has ended; a slow deletion goes on in the background.
    pub(crate) async fn retire(&self, in_flight: InFlight) {
        let permit = self.shared.background.clone().acquire_owned().await;
        let root = self.shared.root.clone();
        let deletion = tokio::spawn(async move {
            in_flight.retire(&root).await;
            drop(permit);
        });
        let _ = tokio::time::timeout(RETIRE_WAIT, deletion).await;
    }
}
