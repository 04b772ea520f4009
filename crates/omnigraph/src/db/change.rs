//! Writes: mutations and loads.

use async_trait::async_trait;
use futures::future::BoxFuture;
use omnigraph_compiler::ir;
use omnigraph_compiler::query::params;
use omnigraph_graph::GraphError;
use omnigraph_graph::branch::{self, ForkPoint};
use omnigraph_graph::commit::{
    BranchName, CommitKind, Planned, Planner, Snapshot, WriteRequest, WriteResult,
};
use omnigraph_policy::Operation;

use super::handle::Omnigraph;
use super::read::now_millis;
use super::types::{GraphCommit, Load, LoadReceipt, Mutate, MutationReceipt, MutationResult, ParamMap};
use crate::error::{OmniError, Result};
use crate::write::load::LoadPlanner;
use crate::write::mutation::Mutation;
use crate::write::mutation::planner::MutationCounts;

impl Omnigraph {
    /// Runs a mutation: all its statements take effect in one commit, or none does.
    ///
    /// # Errors
    /// [`OmniError::Compiler`], [`OmniError::Param`], a violated constraint ([`OmniError::violation`]),
    /// [`OmniError::KeyConflict`], [`OmniError::PreconditionFailed`], a conflict after bounded retries,
    /// [`OmniError::Policy`], [`OmniError::Storage`]. Nothing has happened in any of these cases.
    pub fn mutate<'a>(&'a self, request: Mutate<'a>) -> BoxFuture<'a, Result<MutationReceipt>> {
        Box::pin(async move {
            let branch = BranchName::parse(request.branch)?;
            self.allow(Operation::Change { branch: Some(branch.as_str()) }, request.actor)?;
            let mutation = Mutating {
                graph: self,
                source: request.source,
                name: request.name,
                params: &request.params,
                now: now_millis(),
            };
            if request.if_commit.is_some() {
                // A mistake in the text is told before a lost condition. What this handle left unsettled may be a schema
                // change, by which the text is to be judged.
                self.graph.settle_intents().await?;
                mutation.compiled(&self.graph.head(&branch).await?)?;
            }
            let if_commit = self.condition(&branch, request.if_commit).await?;
            let write = WriteRequest {
                branch,
                actor: request.actor.map(str::to_owned),
                kind: CommitKind::Data,
                if_commit,
            };
            let WriteResult { output: (query_name, counts), commit } =
                self.graph.write(&write, &mutation).await?;
            self.maintain_in_background(&write.branch, commit.as_ref());
            Ok(MutationReceipt {
                result: MutationResult { affected_nodes: counts.nodes, affected_edges: counts.edges },
                commit: commit.as_deref().map(GraphCommit::from),
                query_name,
            })
        })
    }

    /// Loads rows as one commit, also when there are none. Memory is bounded by the handle's budget.
    ///
    /// # Errors
    /// An invalid record with its line, a violated constraint, [`OmniError::KeyConflict`],
    /// [`OmniError::BranchNotFound`], a conflict after bounded retries, [`OmniError::Policy`], [`OmniError::Storage`].
    /// Nothing has happened
    /// in any of these cases.
    pub fn load<'a>(&'a self, request: Load<'a>) -> BoxFuture<'a, Result<LoadReceipt>> {
        Box::pin(async move {
            let branch = BranchName::parse(request.branch)?;
            self.allow(Operation::Change { branch: Some(branch.as_str()) }, request.actor)?;
            let write = WriteRequest {
                branch: branch.clone(),
                actor: request.actor.map(str::to_owned),
                kind: CommitKind::Data,
                if_commit: None,
            };
            let planner = LoadPlanner::new(
                request.source,
                request.mode,
                request.grammar,
                request.progress,
                self.graph.root().memory_budget(),
                self.sources.clone(),
                self.write_embedder(),
            );
            let base_branch = match request.base {
                Some(base) => self.fork_for(&branch, base, request.actor, &planner).await?,
                None => None,
            };
            let written = self.graph.write(&write, &planner).await?;
            self.maintain_in_background(&branch, written.commit.as_ref());
            let commit =
                written.commit.as_deref().ok_or_else(|| OmniError::internal("a load published no commit"))?;
            Ok(LoadReceipt {
                branch: branch.to_string(),
                created_from: base_branch,
                counts: written.output,
                commit: commit.into(),
            })
        })
    }

    /// Forks a branch that does not exist, once the load is known to hold on its base. Returns the base if it did.
    async fn fork_for(
        &self,
        branch: &BranchName,
        base: &str,
        actor: Option<&str>,
        planner: &LoadPlanner,
    ) -> Result<Option<String>> {
        match self.graph.head(branch).await {
            Err(GraphError::BranchNotFound { .. }) => {}
            Ok(_) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let base = BranchName::parse(base)?;
        self.allow(Operation::ForkingLoad { source: Some(base.as_str()), branch: branch.as_str() }, actor)?;
        // A load that is refused leaves no branch behind.
        planner.plan(&self.graph.head(&base).await?).await?;
        match branch::create_branch(&self.graph, branch, &ForkPoint::Head(base.clone()), actor).await {
            Ok(_) => Ok(Some(base.to_string())),
            // Another request made it meanwhile.
            Err(_) if self.graph.head(branch).await.is_ok() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// A mutation as text: each attempt compiles it under the schema of the snapshot that it plans on.
struct Mutating<'a> {
    graph: &'a Omnigraph,
    source: &'a str,
    name: Option<&'a str>,
    params: &'a ParamMap,
    now: i64,
}

impl Mutating<'_> {
    /// Compiles the text under the schema of a snapshot. Returns the name of the query too.
    fn compiled(&self, snapshot: &Snapshot) -> Result<(String, Mutation)> {
        let query = self.graph.compile(snapshot, self.source, self.name)?;
        let ir::Body::Mutation(statements) = &query.body else {
            return Err(OmniError::QueryKind { name: query.name.clone(), mutation: false });
        };
        let params = params::bind_map(&query.params, self.params)?;
        let (sources, embedder) = (self.graph.sources.clone(), self.graph.write_embedder());
        let mutation = Mutation { statements: statements.clone(), params, now: self.now, sources, embedder };
        Ok((query.name.clone(), mutation))
    }
}

#[async_trait]
impl Planner for Mutating<'_> {
    type Output = (String, MutationCounts);
    type Error = OmniError;

    async fn plan(&self, snapshot: &Snapshot) -> Result<Planned<Self::Output>> {
        let (name, mutation) = self.compiled(snapshot)?;
        let Planned { output, commit, reads, publish_unchanged } = mutation.plan(snapshot).await?;
        Ok(Planned { output: (name, output), commit, reads, publish_unchanged })
    }
}
