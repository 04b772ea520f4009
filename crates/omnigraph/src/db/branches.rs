//! Branches and tags.

use serde::Serialize;

use super::handle::Omnigraph;
use super::types::ReadTarget;
use crate::commit::{BranchName, CommitId, ForkPoint, Tag, tags};
use crate::error::Result;

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

impl Omnigraph {
    /// Creates a branch at the head of `main`.
    ///
    /// # Errors
    /// As [`Omnigraph::branch_create_from_as`].
    pub async fn branch_create(&self, name: &str) -> Result<()> {
        self.branch_create_from_as("main", name, None).await
    }

    /// Creates a branch at the head of another, or at a commit.
    ///
    /// # Errors
    /// As [`Omnigraph::branch_create_from_as`].
    pub async fn branch_create_from(&self, from: impl Into<ReadTarget>, name: &str) -> Result<()> {
        self.branch_create_from_as(from, name, None).await
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
    /// [`crate::OmniError::BranchNotFound`] or not found for the fork point.
    pub async fn branch_create_from_as(
        &self,
        from: impl Into<ReadTarget>,
        name: &str,
        actor: Option<&str>,
    ) -> Result<()> {
        let from = match from.into() {
            ReadTarget::Branch(branch) => ForkPoint::Head(BranchName::parse(&branch)?),
            ReadTarget::Snapshot(id) => ForkPoint::Commit(CommitId::parse(id.as_str())?),
        };
        self.graph.create_branch(&BranchName::parse(name)?, &from, actor).await.map(|_| ())
    }

    /// Deletes a branch.
    ///
    /// # Errors
    /// As [`Omnigraph::branch_delete_as`].
    pub async fn branch_delete(&self, name: &str) -> Result<()> {
        self.branch_delete_as(name, None).await
    }

    /// Deletes a branch and records who asked. Its name is free at once. Commits that other branches inherited or merged
    /// stay; the others stay readable by id until cleanup.
    ///
    /// # Errors
    /// Not found; a bad request for `main`; a conflict while another request deletes it.
    pub async fn branch_delete_as(&self, name: &str, actor: Option<&str>) -> Result<()> {
        self.graph.delete_branch(&BranchName::parse(name)?, actor).await
    }

    /// Names a commit, so that cleanup keeps it; without a target the head of `main`.
    ///
    /// # Errors
    /// A conflict (`already exists`), [`crate::OmniError::BranchNotFound`], not found.
    pub async fn tag_create(
        &self,
        target: impl Into<ReadTarget>,
        name: &str,
        actor: Option<&str>,
    ) -> Result<GraphTag> {
        let name = BranchName::parse(name)?;
        let commit = self.resolve(&target.into()).await?.record().id;
        Ok((&self.graph.create_tag(&name, commit, actor).await?).into())
    }

    /// Lists the tags by name.
    ///
    /// # Errors
    /// [`crate::OmniError::Storage`].
    pub async fn tag_list(&self) -> Result<Vec<GraphTag>> {
        Ok(tags::list(self.graph.root()).await?.iter().map(GraphTag::from).collect())
    }

    /// Forgets a tag; the commit stays as long as cleanup retains it.
    ///
    /// # Errors
    /// Not found.
    pub async fn tag_delete(&self, name: &str) -> Result<()> {
        self.graph.delete_tag(&BranchName::parse(name)?).await
    }
}
