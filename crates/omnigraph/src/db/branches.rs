//! Branches and tags.

use futures::future::BoxFuture;
use omnigraph_graph::branch::{self, ForkPoint, Tag, tags};
use omnigraph_graph::commit::{BranchName, CommitId, CommitKind, Planner, WriteRequest};
use omnigraph_policy::Operation;
use serde::Serialize;

use super::handle::Omnigraph;
use super::types::{GraphCommit, ReadTarget};
use crate::error::{OmniError, Result};
use crate::write::merge::{Merge, MergeReport, Resolution};
pub use crate::write::merge::{MergeOutcome, Preferred};

/// What a policy sees as the source of a branch that is made at a commit.
const SNAPSHOT_SOURCE: &str = "<snapshot>";

/// A named commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GraphTag {
    /// Its name.
    pub name: String,
    /// The commit.
    pub graph_commit_id: String,
    /// Who named it.
    pub actor_id: Option<String>,
    /// When, in microseconds since the epoch.
    pub created_at: i64,
}

impl From<&Tag> for GraphTag {
    fn from(tag: &Tag) -> Self {
        GraphTag {
            name: tag.name.to_string(),
            graph_commit_id: tag.commit.id.to_string(),
            actor_id: tag.creator.clone(),
            created_at: tag.created_at,
        }
    }
}

/// A merge to run. [`MergeBranches::new`] fills the optional fields with their defaults.
#[derive(Clone, Copy, Debug)]
pub struct MergeBranches<'a> {
    /// The branch that is merged; it stays as it is.
    pub source: &'a str,
    /// The branch that receives it.
    pub target: &'a str,
    /// Recorded as author of the commit.
    pub actor: Option<&'a str>,
    /// Combine changes of different properties of one entity instead of reporting them.
    pub combine_properties: bool,
    /// Take this side's image of entities that both sides changed, instead of reporting them.
    pub prefer: Option<Preferred>,
    /// Find out what would happen, and change nothing.
    pub dry_run: bool,
}

impl<'a> MergeBranches<'a> {
    /// A merge that reports every conflict.
    pub fn new(source: &'a str, target: &'a str) -> MergeBranches<'a> {
        MergeBranches { source, target, actor: None, combine_properties: false, prefer: None, dry_run: false }
    }
}

/// What a merge did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeReceipt {
    /// How it ended.
    pub outcome: MergeOutcome,
    /// The commit both sides were compared with.
    pub base_commit_id: String,
    /// The head of the source that was merged.
    pub source_commit_id: String,
    /// Types whose tables the target took from the source as they are, by key.
    pub adopted: Vec<String>,
    /// Types that were merged entity by entity, by key.
    pub merged: Vec<String>,
    /// The commit; absent when nothing was published.
    pub commit: Option<GraphCommit>,
}

impl MergeReceipt {
    fn new(report: MergeReport, commit: Option<GraphCommit>) -> MergeReceipt {
        let keys =
            |keys: &[omnigraph_compiler::catalog::TypeKey]| keys.iter().map(ToString::to_string).collect();
        MergeReceipt {
            outcome: report.outcome,
            base_commit_id: report.base.to_string(),
            source_commit_id: report.source.to_string(),
            adopted: keys(&report.adopted),
            merged: keys(&report.merged),
            commit,
        }
    }
}

impl Omnigraph {
    /// Creates a branch at the head of `main`.
    ///
    /// # Errors
    /// As [`Omnigraph::branch_create_from_as`].
    pub fn branch_create<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.branch_create_from_as("main", name, None).await })
    }

    /// Creates a branch at the head of another, or at a commit.
    ///
    /// # Errors
    /// As [`Omnigraph::branch_create_from_as`].
    pub fn branch_create_from<'a>(
        &'a self,
        from: impl Into<ReadTarget>,
        name: &'a str,
    ) -> BoxFuture<'a, Result<()>> {
        self.branch_create_from_boxed(from.into(), name)
    }

    fn branch_create_from_boxed<'a>(&'a self, from: ReadTarget, name: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.branch_create_from_as(from, name, None).await })
    }

    /// Creates a branch at the head of another, or at a commit, and records who asked. It sees exactly that state; no
    /// data is copied and no commit is made, so the cost does not depend on the size of the graph.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let graph = omnigraph::Omnigraph::init("memory://branches", "node Person { name: String @key }").await?;
    /// graph.branch_create_from_as("main", "review/2026-11", Some("ada")).await?;
    /// assert_eq!(graph.branch_list().await?, ["main", "review/2026-11"]);
    /// # Ok::<(), omnigraph::OmniError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// A conflict (`already exists`) when the name lives, a bad request for `main` and for names that a ref cannot hold,
    /// [`crate::OmniError::BranchNotFound`] or not found for the fork point, [`OmniError::Policy`].
    pub fn branch_create_from_as<'a>(
        &'a self,
        from: impl Into<ReadTarget>,
        name: &'a str,
        actor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<()>> {
        self.branch_create_from_as_boxed(from.into(), name, actor)
    }

    fn branch_create_from_as_boxed<'a>(
        &'a self,
        from: ReadTarget,
        name: &'a str,
        actor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let name = BranchName::parse(name)?;
            let from = match from {
                ReadTarget::Branch(branch) => ForkPoint::Head(BranchName::parse(&branch)?),
                ReadTarget::Snapshot(id) => ForkPoint::Commit(CommitId::parse(id.as_str())?),
            };
            let source = match &from {
                ForkPoint::Head(branch) => branch.as_str(),
                ForkPoint::Commit(_) => SNAPSHOT_SOURCE,
            };
            self.allow(Operation::BranchCreate { source: Some(source), name: name.as_str() }, actor)?;
            Ok(branch::create_branch(&self.graph, &name, &from, actor).await.map(|_| ())?)
        })
    }

    /// Deletes a branch.
    ///
    /// # Errors
    /// As [`Omnigraph::branch_delete_as`].
    pub fn branch_delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.branch_delete_as(name, None).await })
    }

    /// Deletes a branch and records who asked. Its name is free at once. Commits that other branches inherited or merged
    /// stay; the others stay readable by id until cleanup.
    ///
    /// # Errors
    /// Not found; a bad request for `main`; a conflict while another request deletes it; [`OmniError::Policy`].
    pub fn branch_delete_as<'a>(
        &'a self,
        name: &'a str,
        actor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let name = BranchName::parse(name)?;
            self.allow(Operation::BranchDelete { name: name.as_str() }, actor)?;
            Ok(branch::delete_branch(&self.graph, &name, actor).await?)
        })
    }

    /// Merges the head that `source` has now into `target`, as one commit with two parents.
    ///
    /// Tables that only one side changed are taken by reference; of those that both changed, entities are merged. Other
    /// writers are not blocked; when the target moves meanwhile, the merge is planned again.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use omnigraph::db::{MergeBranches, MergeOutcome, Mutate};
    /// # let graph = omnigraph::Omnigraph::init("memory://merges", "node Person { name: String @key }").await?;
    /// graph.branch_create("review").await?;
    /// graph.mutate(Mutate::new("review", r#"query add() { insert Person { name: "Ada" } }"#)).await?;
    /// let merged = graph.branch_merge(MergeBranches::new("review", "main")).await?;
    /// assert_eq!(merged.outcome, MergeOutcome::FastForward);
    /// # Ok::<(), omnigraph::OmniError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`OmniError::MergeConflicts`] with every conflict; a conflict when both sides changed the schema, or one dropped
    /// a type whose rows the other changed; a bad request for a branch and itself; [`OmniError::BranchNotFound`];
    /// [`OmniError::Policy`], for a dry run too; those of every write. The target is as before.
    pub fn branch_merge<'a>(&'a self, request: MergeBranches<'a>) -> BoxFuture<'a, Result<MergeReceipt>> {
        Box::pin(async move {
            let (source, target) = (BranchName::parse(request.source)?, BranchName::parse(request.target)?);
            if source == target {
                return Err(OmniError::bad_request(format!(
                    "a merge needs a distinct source and target; both are '{source}'"
                )));
            }
            let operation = Operation::BranchMerge { source: source.as_str(), target: target.as_str() };
            self.allow(operation, request.actor)?;
            if !request.dry_run {
                // A write of this handle that is to be finished on the source is to be merged too.
                self.graph.settle_intents().await?;
            }
            let merge = Merge {
                graph: self.graph.clone(),
                source: self.graph.head(&source).await?,
                resolution: Resolution { properties: request.combine_properties, prefer: request.prefer },
                dry_run: request.dry_run,
            };
            if request.dry_run {
                let planned = merge.plan(&self.graph.head(&target).await?).await?;
                return Ok(MergeReceipt::new(planned.output, None));
            }
            let write = WriteRequest {
                branch: target,
                actor: request.actor.map(str::to_owned),
                kind: CommitKind::Merge,
                if_commit: None,
            };
            let written = self.graph.write(&write, &merge).await?;
            self.maintain_in_background(&write.branch, written.commit.as_ref());
            Ok(MergeReceipt::new(written.output, written.commit.as_deref().map(GraphCommit::from)))
        })
    }

    /// Names a commit, so that cleanup keeps it; without a target the head of `main`.
    ///
    /// # Errors
    /// A conflict (`already exists`), [`crate::OmniError::BranchNotFound`], not found.
    pub fn tag_create<'a>(
        &'a self,
        target: impl Into<ReadTarget>,
        name: &'a str,
        actor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<GraphTag>> {
        self.tag_create_boxed(target.into(), name, actor)
    }

    fn tag_create_boxed<'a>(
        &'a self,
        target: ReadTarget,
        name: &'a str,
        actor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<GraphTag>> {
        Box::pin(async move {
            let name = BranchName::parse(name)?;
            let commit = self.resolve(&target).await?.record().id;
            Ok((&branch::create_tag(&self.graph, &name, commit, actor).await?).into())
        })
    }

    /// Lists the tags by name.
    ///
    /// # Errors
    /// [`crate::OmniError::Storage`].
    pub fn tag_list<'a>(&'a self) -> BoxFuture<'a, Result<Vec<GraphTag>>> {
        Box::pin(async move { Ok(tags::list(self.graph.root()).await?.iter().map(GraphTag::from).collect()) })
    }

    /// Forgets a tag; the commit stays as long as cleanup retains it.
    ///
    /// # Errors
    /// Not found.
    pub fn tag_delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { Ok(branch::delete_tag(&self.graph, &BranchName::parse(name)?).await?) })
    }
}
