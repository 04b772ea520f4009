//! Maintenance: compaction, cleanup, repair, and what recovery did.

use std::sync::Arc;

use futures::future::BoxFuture;
use omnigraph_graph::commit::recovery::{Audit, RecoveryOutcome};
use omnigraph_graph::commit::{BranchName, CommitRecord};
use serde::Serialize;

use super::handle::Omnigraph;
use super::types::ReadTarget;
use crate::error::Result;
use crate::maintenance::{
    self, CleanupPolicyOptions, DatasetCleanupStats, DatasetOptimizeStats, IndexStatus, PendingIndex,
    RepairOptions, RepairStats,
};

/// How an interrupted write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum RecoveryKind {
    /// It was published.
    RolledForward,
    /// It was discarded.
    RolledBack,
    /// It was discarded, as its branch was gone.
    OrphanedBranchDiscarded,
}

/// A table that an interrupted write changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecoveredTable {
    /// `node:T` or `edge:T`.
    pub type_key: String,
    /// The version before.
    pub from_version: u64,
    /// The version that was published.
    pub to_version: u64,
}

/// One interrupted write, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecoveryRecord {
    /// The write.
    pub operation_id: String,
    /// What became of it.
    pub recovery_kind: RecoveryKind,
    /// What kind of write it was.
    pub writer_kind: String,
    /// Who had asked for it.
    pub actor_id: Option<String>,
    /// The commit that carries it, if it was published.
    pub graph_commit_id: Option<String>,
    /// The tables it changed; none if it was discarded.
    pub tables: Vec<RecoveredTable>,
    /// When it was settled, in microseconds since the epoch.
    pub created_at: i64,
}

impl From<Audit> for RecoveryRecord {
    fn from(audit: Audit) -> Self {
        let tables = audit.per_table_outcomes.into_iter().map(|table| RecoveredTable {
            type_key: table.table_key,
            from_version: table.from_version,
            to_version: table.to_version,
        });
        RecoveryRecord {
            operation_id: audit.operation_id.to_string(),
            recovery_kind: match audit.recovery_kind {
                RecoveryOutcome::RolledForward => RecoveryKind::RolledForward,
                RecoveryOutcome::RolledBack => RecoveryKind::RolledBack,
                RecoveryOutcome::OrphanedBranchDiscarded => RecoveryKind::OrphanedBranchDiscarded,
            },
            writer_kind: audit.sidecar_writer_kind,
            actor_id: audit.recovery_for_actor,
            graph_commit_id: audit.graph_commit_id.map(|id| id.to_string()),
            tables: tables.collect(),
            created_at: audit.created_at,
        }
    }
}

impl Omnigraph {
    /// Compacts small and sparse fragments of `main` into full ones, in one commit, or none when there are none, and
    /// builds what its declared indexes lack.
    ///
    /// Rows, ids and answers stay what they are, and so does everything older commits name. Writers go on meanwhile.
    ///
    /// # Errors
    /// A conflict (`requires a clean recovery state`) while an interrupted write is not settled, or after bounded
    /// retries; [`OmniError::Storage`](crate::OmniError::Storage).
    pub fn optimize<'a>(&'a self) -> BoxFuture<'a, Result<Vec<DatasetOptimizeStats>>> {
        Box::pin(async move { self.optimize_on(BranchName::main().as_str(), None).await })
    }

    /// Does the same on any branch, naming who asked.
    ///
    /// # Errors
    /// As [`Omnigraph::optimize`], and `BranchNotFound`.
    pub fn optimize_on<'a>(
        &'a self,
        branch: &'a str,
        actor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<DatasetOptimizeStats>>> {
        Box::pin(async move { maintenance::optimize(&self.graph, &BranchName::parse(branch)?, actor).await })
    }

    /// Builds what the declared indexes of `main` lack; see [`Omnigraph::ensure_indices_on`].
    ///
    /// # Errors
    /// As [`Omnigraph::ensure_indices_on`].
    pub fn ensure_indices<'a>(&'a self) -> BoxFuture<'a, Result<Vec<PendingIndex>>> {
        Box::pin(async move { self.ensure_indices_on(BranchName::main().as_str()).await })
    }

    /// Builds what the declared indexes of a branch lack, and returns those that cannot be built yet.
    ///
    /// Indexes belong to immutable files, not to branches: no commit is made, nothing waits, and no answer changes.
    /// May be repeated; what is built already costs one listing per table.
    ///
    /// # Errors
    /// `BranchNotFound`; a bad request on a handle opened for reading; [`OmniError::Storage`](crate::OmniError::Storage).
    pub fn ensure_indices_on<'a>(&'a self, branch: &'a str) -> BoxFuture<'a, Result<Vec<PendingIndex>>> {
        Box::pin(async move {
            self.graph.ensure_writable()?;
            maintenance::indexes::ensure(&self.graph.head(&BranchName::parse(branch)?).await?).await
        })
    }

    /// Lists the declared indexes of a branch or commit: what they cover, their size and state.
    ///
    /// # Errors
    /// As [`Omnigraph::snapshot_of`]; [`OmniError::Storage`](crate::OmniError::Storage).
    pub fn index_list<'a>(
        &'a self,
        target: impl Into<ReadTarget>,
    ) -> BoxFuture<'a, Result<Vec<IndexStatus>>> {
        self.index_list_boxed(target.into())
    }

    fn index_list_boxed<'a>(&'a self, target: ReadTarget) -> BoxFuture<'a, Result<Vec<IndexStatus>>> {
        Box::pin(async move { maintenance::indexes::list(&self.resolve(&target).await?).await })
    }

    /// Builds, in the background, what is declared over the large files that a commit brought, and compacts what it left
    /// sparse if the handle may.
    pub(super) fn maintain_in_background(&self, branch: &BranchName, commit: Option<&Arc<CommitRecord>>) {
        let Some(commit) = commit.cloned() else { return };
        let (graph, branch, compact) = (self.graph.clone(), branch.clone(), self.compact);
        self.graph.as_upkeep(async move {
            if let Err(error) = maintenance::maintain(&graph, &branch, &commit, compact).await {
                tracing::debug!(%error, %branch, "maintenance is left to the next write");
            }
        });
    }

    /// Builds, in the background, what the indexes of a branch lack.
    pub(super) fn index_in_background(&self, branch: &BranchName) {
        let (graph, branch) = (self.graph.clone(), branch.clone());
        self.graph.as_upkeep(async move {
            let built = async { maintenance::indexes::ensure(&graph.head(&branch).await?).await };
            if let Err(error) = built.await {
                tracing::debug!(%error, %branch, "indexes are left to their first use");
            }
        });
    }

    /// Reports on tables that were written to behind the graph's back: none, as that cannot happen here.
    ///
    /// # Errors
    /// Bad request for `force` without `confirm`; a conflict while an interrupted write is not settled.
    pub fn repair<'a>(&'a self, options: RepairOptions) -> BoxFuture<'a, Result<RepairStats>> {
        Box::pin(async move { maintenance::repair(&self.graph, options).await })
    }

    /// Removes table versions that the options do not keep and no live branch or tag needs, and other garbage.
    ///
    /// A commit whose versions are gone is `HistoricalVersionReclaimed` when it is read. Safe beside writers of any
    /// process, as long as [`CleanupPolicyOptions::grace`] is longer than a write takes. May be repeated at any time.
    ///
    /// # Errors
    /// Bad request without a rule; a conflict (`clean recovery state`) while an interrupted write is not settled; a
    /// conflict (`could not classify live branch`) when a live branch cannot be read. Nothing is removed in these cases.
    pub fn cleanup<'a>(
        &'a self,
        options: CleanupPolicyOptions,
    ) -> BoxFuture<'a, Result<Vec<DatasetCleanupStats>>> {
        Box::pin(async move { maintenance::cleanup(&self.graph, options).await })
    }

    /// Returns the writes that a crash interrupted and recovery settled, oldest first.
    ///
    /// # Errors
    /// [`OmniError::Storage`](crate::OmniError::Storage).
    pub fn recovery_list<'a>(&'a self) -> BoxFuture<'a, Result<Vec<RecoveryRecord>>> {
        Box::pin(
            async move { Ok(self.graph.audits().await?.into_iter().map(RecoveryRecord::from).collect()) },
        )
    }
}
