//! Schema changes: plan, preview, apply.

use std::fmt;

use futures::future::BoxFuture;
use omnigraph_compiler::catalog::Catalog;
use omnigraph_compiler::schema::{Evolution, MigrationPlan, MigrationStep};
use omnigraph_graph::commit::schema::Schemas;
use omnigraph_graph::commit::{BranchName, CommitId, CommitKind, TablePin, WriteRequest};
use omnigraph_policy::Operation;
use serde::Serialize;

use super::handle::Omnigraph;
use super::types::GraphCommit;
use crate::error::{OmniError, Result};
use crate::maintenance;
use crate::write::schema_apply::{self, Applied, CatalogCheck, SchemaApply, failpoints};

/// How a schema change is planned and applied. The default is main, soft drops, no actor, no condition, no check.
#[derive(Clone)]
pub struct SchemaApplyOptions<'a> {
    /// The branch whose schema changes; others keep theirs.
    pub branch: &'a str,
    /// Recorded as author of the commit.
    pub actor: Option<&'a str>,
    /// Proceed only while this is the head.
    pub if_commit: Option<&'a str>,
    /// Make every drop hard.
    pub allow_data_loss: bool,
    /// Asked about the catalog that would result, once per attempt; an error refuses the change before any effect.
    pub check: Option<CatalogCheck>,
}

impl Default for SchemaApplyOptions<'_> {
    fn default() -> Self {
        SchemaApplyOptions {
            branch: "main",
            actor: None,
            if_commit: None,
            allow_data_loss: false,
            check: None,
        }
    }
}

impl fmt::Debug for SchemaApplyOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchemaApplyOptions")
            .field("branch", &self.branch)
            .field("actor", &self.actor)
            .field("if_commit", &self.if_commit)
            .field("allow_data_loss", &self.allow_data_loss)
            .field("check", &self.check.is_some())
            .finish()
    }
}

/// What an apply would do.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaApplyPreview {
    /// The steps.
    pub plan: MigrationPlan,
    /// The catalog that would be accepted.
    pub catalog: Catalog,
}

/// What an apply did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SchemaApplyResult {
    /// Always true: an unsupported change is an error.
    pub supported: bool,
    /// Whether a commit was published; false when nothing differs.
    pub applied: bool,
    /// The version of the branch after the call.
    pub graph_manifest_version: u64,
    /// The steps.
    pub steps: Vec<MigrationStep>,
    /// The commit, if one was published.
    #[serde(skip)]
    pub commit: Option<GraphCommit>,
}

impl Omnigraph {
    /// Plans the change of main's schema to this one, with soft drops. Never writes.
    ///
    /// # Errors
    /// [`OmniError::Compiler`] when the text is no schema, or a rename hint cannot be resolved. An unsupported change is
    /// no error: the plan says so.
    pub fn plan_schema<'a>(&'a self, desired: &'a str) -> BoxFuture<'a, Result<MigrationPlan>> {
        Box::pin(async move { self.plan_schema_with_options(desired, &SchemaApplyOptions::default()).await })
    }

    /// Plans the change of a branch's schema to this one. Never writes.
    ///
    /// # Errors
    /// As [`Omnigraph::plan_schema`]; [`OmniError::BranchNotFound`].
    pub fn plan_schema_with_options<'a>(
        &'a self,
        desired: &'a str,
        options: &'a SchemaApplyOptions<'a>,
    ) -> BoxFuture<'a, Result<MigrationPlan>> {
        Box::pin(async move { Ok(self.preview_schema_apply_with_options(desired, options).await?.plan) })
    }

    /// Plans the change of a branch's schema to this one, and tells the catalog that would result. Never writes, and does
    /// not ask the caller's check.
    ///
    /// # Errors
    /// As [`Omnigraph::plan_schema_with_options`].
    pub fn preview_schema_apply_with_options<'a>(
        &'a self,
        desired: &'a str,
        options: &'a SchemaApplyOptions<'a>,
    ) -> BoxFuture<'a, Result<SchemaApplyPreview>> {
        Box::pin(async move {
            let head = self.graph.head(&BranchName::parse(options.branch)?).await?;
            let Evolution { catalog, plan, .. } =
                schema_apply::evolve(head.catalog(), desired, options.allow_data_loss)?;
            Ok(SchemaApplyPreview { plan, catalog })
        })
    }

    /// Changes main's schema to this one, with soft drops: one commit, or none when nothing differs.
    ///
    /// # Errors
    /// As [`Omnigraph::apply_schema_with_options`].
    pub fn apply_schema<'a>(&'a self, desired: &'a str) -> BoxFuture<'a, Result<SchemaApplyResult>> {
        Box::pin(async move { self.apply_schema_with_options(desired, &SchemaApplyOptions::default()).await })
    }

    /// Changes a branch's schema to this one: all tables and the accepted schema in one commit, or no commit when nothing
    /// differs. Other branches keep their own schema. Of concurrent calls each plans on the schema that the one before it
    /// left.
    ///
    /// A dropped type or property stays readable at older commits until cleanup removes them. With `allow_data_loss` the
    /// older versions of its table go right after the change, except what another live branch or a tag names; reading
    /// them then fails with [`OmniError::HistoricalVersionReclaimed`].
    ///
    /// # Errors
    /// [`OmniError::Compiler`]; a bad request with the reason, its code in brackets first, when a step is unsupported;
    /// what the caller's check returned; [`OmniError::BranchNotFound`]; [`OmniError::PreconditionFailed`];
    /// [`OmniError::Policy`];
    /// [`OmniError::Storage`]. Nothing has happened in any of these cases. [`OmniError::RecoveryRequired`] when the
    /// outcome cannot be told.
    pub fn apply_schema_with_options<'a>(
        &'a self,
        desired: &'a str,
        options: &'a SchemaApplyOptions<'a>,
    ) -> BoxFuture<'a, Result<SchemaApplyResult>> {
        Box::pin(async move {
            let branch = BranchName::parse(options.branch)?;
            self.allow(Operation::SchemaApply { branch: branch.as_str() }, options.actor)?;
            let if_commit = self.condition(&branch, options.if_commit).await?;
            let request = WriteRequest {
                branch: branch.clone(),
                actor: options.actor.map(str::to_owned),
                kind: CommitKind::Schema,
                if_commit,
            };
            let planner = SchemaApply {
                source: desired.to_owned(),
                allow_data_loss: options.allow_data_loss,
                check: options.check.clone(),
            };
            let written = self.graph.write(&request, &planner).await?;
            let Applied { plan, planned_on, reclaimable } = written.output;
            if written.commit.is_some() {
                if branch.is_main() {
                    self.refresh_schema_copy(&branch).await;
                }
                self.reclaim(&reclaimable).await;
                self.index_in_background(&branch);
            }
            Ok(SchemaApplyResult {
                supported: plan.supported,
                applied: written.commit.is_some(),
                graph_manifest_version: written.commit.as_ref().map_or(planned_on, |commit| commit.seq.0),
                steps: plan.steps,
                commit: written.commit.as_deref().map(GraphCommit::from),
            })
        })
    }

    /// Reads the condition of a write.
    ///
    /// # Errors
    /// [`OmniError::PreconditionFailed`]: a text that is no commit id is the head of no branch.
    pub(super) async fn condition(
        &self,
        branch: &BranchName,
        text: Option<&str>,
    ) -> Result<Option<CommitId>> {
        let Some(text) = text else { return Ok(None) };
        match CommitId::parse(text) {
            Ok(id) => Ok(Some(id)),
            Err(_) => Err(OmniError::PreconditionFailed {
                branch: branch.to_string(),
                expected: text.to_owned(),
                actual: self.graph.head(branch).await?.record().id.to_string(),
            }),
        }
    }

    /// Brings the copy for people up to date. The change stands whatever becomes of this, so a failure is logged.
    async fn refresh_schema_copy(&self, main: &BranchName) {
        if let Err(error) = self.copy_newest_schema(main).await {
            tracing::warn!(%error, "left the copy of the schema to the next schema change");
        }
    }

    /// Whoever writes the copy last has seen the newest schema.
    async fn copy_newest_schema(&self, main: &BranchName) -> Result<()> {
        failpoints::hit(self.graph.root(), failpoints::PUBLISHED)?;
        let schemas = Schemas::new(self.graph.root().clone());
        let mut head = self.graph.head(main).await?;
        loop {
            schemas.write_copy(head.schema_source()).await;
            let now = self.graph.head(main).await?;
            if now.record().schema == head.record().schema {
                return Ok(());
            }
            head = now;
        }
    }

    /// Removes what a hard drop took away from older commits. The change stands whatever becomes of this, so a failure is
    /// logged and left to the next cleanup.
    async fn reclaim(&self, tables: &[TablePin]) {
        if tables.is_empty() {
            return;
        }
        // The intent of the change itself may still be on its way out.
        self.graph.finish().await;
        let paths = tables.iter().map(|pin| pin.path.clone()).collect();
        if let Err(error) = maintenance::reclaim_dropped(&self.graph, &paths).await {
            tracing::warn!(%error, "left the versions that a hard drop gave up to the next cleanup");
        }
    }
}
