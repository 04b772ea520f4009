//! Reads.

use omnigraph::Omnigraph;
use omnigraph::db::{
    CommitPage, JsonRows, ParamMap, QueryResult, ReadTarget, STORAGE_FORMAT, SnapshotId, row_objects,
};
use omnigraph::error::{OmniError, Result};
use omnigraph_api::{
    BranchListOutput, CommitListOutput, CommitOutput, QueryRequest, RawJson, ReadOutput, ReadTargetOutput,
    SchemaOutput, SnapshotOutput,
};
use omnigraph_compiler::query::params::ParamError;
use serde_json::Value;

use crate::convert;

/// The branch that is meant when none is named.
const MAIN: &str = "main";

/// Returns what a request wants to read: a branch or a commit, `main` without either.
///
/// # Errors
/// Bad request for both.
pub fn read_target(branch: Option<&str>, snapshot: Option<&str>) -> Result<ReadTarget> {
    match (branch, snapshot) {
        (Some(_), Some(_)) => Err(OmniError::bad_request("give a branch or a snapshot, not both")),
        (None, Some(id)) => Ok(ReadTarget::Snapshot(SnapshotId::new(id.trim()))),
        (branch, None) => Ok(ReadTarget::Branch(branch.unwrap_or(MAIN).trim().to_owned())),
    }
}

/// Reads the parameters of a request; absent and null are none.
///
/// # Errors
/// [`OmniError::Param`] for anything but an object; bad request for numbers beyond a double and values nested deeper than
/// 128 levels.
pub fn params(raw: Option<&RawJson>) -> Result<ParamMap> {
    let Some(raw) = raw else { return Ok(ParamMap::new()) };
    match raw.to_value().map_err(|error| OmniError::bad_request(format!("params: {error}")))? {
        Value::Object(members) => Ok(members),
        Value::Null => Ok(ParamMap::new()),
        _ => Err(ParamError::NotAnObject.into()),
    }
}

/// Runs a read query.
///
/// # Errors
/// Those of [`Omnigraph::query`], [`read_target`] and [`params`].
pub async fn query(graph: &Omnigraph, request: &QueryRequest) -> Result<ReadOutput> {
    let (branch, snapshot) = (request.branch.as_deref(), request.snapshot.as_deref());
    let target = read_target(branch, snapshot)?;
    let params = params(request.params.as_ref())?;
    let result = graph.query(target, &request.query, request.name.as_deref(), &params).await?;
    Ok(read_output(&result, ReadTargetOutput::new(branch, snapshot)))
}

fn read_output(result: &QueryResult, target: ReadTargetOutput) -> ReadOutput {
    let rows = result.batches.iter();
    ReadOutput {
        query_name: result.query_name.clone(),
        target,
        row_count: result.row_count(),
        columns: result.columns.clone(),
        rows: rows.flat_map(|batch| row_objects(batch, &result.columns, JsonRows::Exact)).collect(),
        graph_commit_id: Some(result.graph_commit_id.clone()),
    }
}

/// Returns what the head of a branch consists of.
///
/// # Errors
/// Those of [`Omnigraph::snapshot_of`].
pub async fn snapshot(graph: &Omnigraph, branch: &str) -> Result<SnapshotOutput> {
    let snapshot = graph.snapshot_of(branch).await?;
    let mut entries = snapshot.datasets();
    entries.sort_by(|a, b| a.type_key.cmp(&b.type_key));
    Ok(SnapshotOutput {
        graph_branch: branch.to_owned(),
        graph_manifest_version: snapshot.graph_manifest_version(),
        internal_schema_version: STORAGE_FORMAT,
        datasets: entries.into_iter().map(convert::dataset).collect(),
    })
}

/// Lists the commits that the head of a branch reaches, newest first.
///
/// # Errors
/// Those of [`Omnigraph::list_commits`].
pub async fn commits(graph: &Omnigraph, branch: &str, page: &CommitPage) -> Result<CommitListOutput> {
    let commits = graph.list_commits(branch, page).await?;
    Ok(CommitListOutput { commits: commits.into_iter().map(convert::commit).collect() })
}

/// Returns a commit.
///
/// # Errors
/// Not found.
pub async fn commit(graph: &Omnigraph, id: &str) -> Result<CommitOutput> {
    Ok(convert::commit(graph.get_commit(id).await?))
}

/// Lists the branches, ascending.
///
/// # Errors
/// [`OmniError::Storage`].
pub async fn branches(graph: &Omnigraph) -> Result<BranchListOutput> {
    let mut branches = graph.branch_list().await?;
    branches.sort();
    Ok(BranchListOutput { branches })
}

/// Returns the accepted schema of `main`.
///
/// # Errors
/// [`OmniError::Storage`].
pub async fn schema(graph: &Omnigraph) -> Result<SchemaOutput> {
    let snapshot = graph.snapshot_of(MAIN).await?;
    Ok(SchemaOutput { schema_source: snapshot.schema_source().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_has_one_target() {
        assert_eq!(read_target(None, None).unwrap(), ReadTarget::Branch("main".into()));
        assert_eq!(read_target(Some(" d "), None).unwrap(), ReadTarget::Branch("d".into()));
        assert_eq!(read_target(None, Some("x")).unwrap(), ReadTarget::Snapshot(SnapshotId::new("x")));
        assert!(read_target(Some("d"), Some("x")).unwrap_err().to_string().contains("not both"));
    }

    #[test]
    fn parameters_are_an_object_or_nothing() {
        let read = |text: &str| params(Some(&RawJson::parse(text).unwrap()));
        assert_eq!(read("null").unwrap(), ParamMap::new());
        assert_eq!(read("{\"a\":1}").unwrap()["a"], 1);
        assert!(matches!(read("[1]"), Err(OmniError::Param(ParamError::NotAnObject))));
        assert!(read("1e400").unwrap_err().to_string().starts_with("params: "));
        assert_eq!(params(None).unwrap(), ParamMap::new());
    }
}
