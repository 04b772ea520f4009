//! Mutations, loads and schema changes.

use std::sync::Arc;

use omnigraph::Omnigraph;
use omnigraph::db::{CatalogCheck, Grammar, Load, LoadProgress, LoadSource, Mutate, SchemaApplyOptions};
use omnigraph::error::Result;
use omnigraph_api::{
    ChangeOutput, ChangeRequest, GraphBatchLoadOutput, LoadMode, SchemaApplyOutput, SchemaApplyRequest,
};

use crate::convert;
use crate::reads::params;

/// Runs a mutation on the branch of the request, `main` without one; with `if_commit` only while that is its head.
///
/// # Errors
/// Those of [`Omnigraph::mutate`] and [`params`].
pub async fn mutate(
    graph: &Omnigraph,
    request: &ChangeRequest,
    actor: Option<&str>,
    if_commit: Option<&str>,
) -> Result<ChangeOutput> {
    let branch = request.branch.as_deref().unwrap_or("main").trim();
    let mutation = Mutate {
        name: request.name.as_deref(),
        params: params(request.params.as_ref())?,
        actor,
        if_commit,
        ..Mutate::new(branch, &request.query)
    };
    Ok(convert::mutation(graph.mutate(mutation).await?, branch, actor))
}

/// A load.
pub struct LoadRequest<'a> {
    /// The branch to load into.
    pub branch: &'a str,
    /// The branch to fork it from if it does not exist.
    pub from: Option<&'a str>,
    /// What happens to entities that exist.
    pub mode: LoadMode,
    /// The lines.
    pub source: LoadSource,
    /// How they are read.
    pub grammar: Grammar,
    /// Called now and then.
    pub progress: Option<Arc<dyn Fn(LoadProgress) + Send + Sync>>,
}

/// Loads lines as one commit.
///
/// # Errors
/// Those of [`Omnigraph::load`].
pub async fn load(
    graph: &Omnigraph,
    request: LoadRequest<'_>,
    actor: Option<&str>,
) -> Result<GraphBatchLoadOutput> {
    let LoadRequest { branch, from, mode, source, grammar, progress } = request;
    let load =
        Load { base: from, grammar, actor, progress, ..Load::new(branch, source, convert::load_mode(mode)) };
    let receipt = graph.load(load).await?;
    let total = receipt.counts.total();
    Ok(GraphBatchLoadOutput {
        branch: branch.to_owned(),
        base_branch: from.map(str::to_owned),
        branch_created: receipt.created_from.is_some(),
        mode,
        nodes: convert::loaded(receipt.counts.nodes),
        edges: convert::loaded(receipt.counts.edges),
        total_entities: usize::try_from(total).unwrap_or(usize::MAX),
        actor_id: actor.map(str::to_owned),
        commit: Some(convert::commit(receipt.commit)),
    })
}

/// Changes the schema of a branch. `check` is asked about the schema that would result, before anything is done.
///
/// # Errors
/// Those of [`Omnigraph::apply_schema_with_options`].
pub async fn apply_schema(
    graph: &Omnigraph,
    request: &SchemaApplyRequest,
    branch: &str,
    actor: Option<&str>,
    check: Option<CatalogCheck>,
) -> Result<SchemaApplyOutput> {
    let options = SchemaApplyOptions {
        branch,
        actor,
        if_commit: None,
        allow_data_loss: request.allow_data_loss,
        check,
    };
    let result = graph.apply_schema_with_options(&request.schema_source, &options).await?;
    Ok(convert::schema_apply(result, graph.uri()))
}
