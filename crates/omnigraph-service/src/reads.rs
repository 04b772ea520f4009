//! Queries, snapshots, commits, branches and the schema: everything that only reads.

use futures::TryStreamExt;
use omnigraph::Omnigraph;
use omnigraph::db::{
    CommitPage, JsonRows, ParamMap, QueryResult, ReadTarget, STORAGE_FORMAT, SnapshotId, row_objects,
    write_row_objects,
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

/// Which members the answer of a read has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadForm {
    /// Those of [`ReadOutput`].
    Current,
    /// Those of [`LegacyReadOutput`](omnigraph_api::LegacyReadOutput).
    Legacy,
}

/// Runs a read query and writes its answer as JSON text: that of [`query`], rows without a detour through values.
///
/// `limit` is the most bytes that the result may have in memory before it is text.
///
/// # Errors
/// As [`query`]; [`OmniError::ResourceLimitExceeded`] for a larger result.
pub async fn query_text(
    graph: &Omnigraph,
    request: &QueryRequest,
    form: ReadForm,
    limit: u64,
) -> Result<Vec<u8>> {
    let (branch, snapshot) = (request.branch.as_deref(), request.snapshot.as_deref());
    let target = read_target(branch, snapshot)?;
    let params = params(request.params.as_ref())?;
    let mut stream = graph.query_stream(target, &request.query, request.name.as_deref(), &params).await?;
    let (mut batches, mut bytes, mut row_count) = (Vec::new(), 0_u64, 0);
    while let Some(batch) = stream.batches.try_next().await? {
        bytes += batch.get_array_memory_size() as u64;
        if bytes > limit {
            let resource = "query_result_bytes".to_owned();
            return Err(OmniError::ResourceLimitExceeded { resource, limit, actual: bytes });
        }
        row_count += batch.num_rows();
        batches.push(batch);
    }
    let head = ReadOutput {
        query_name: stream.query_name,
        target: ReadTargetOutput::new(branch, snapshot),
        row_count,
        columns: stream.columns.clone(),
        rows: Vec::new(),
        graph_commit_id: (form == ReadForm::Current).then_some(stream.graph_commit_id),
    };
    let head = serde_json::to_string(&head)
        .map_err(|error| OmniError::internal(format!("writing an answer: {error}")))?;
    // Names of columns cannot look like this: their quotes are escaped.
    let (before, after) =
        head.split_once(EMPTY_ROWS).ok_or_else(|| OmniError::internal("an answer has no rows"))?;
    let mut text = Vec::with_capacity(head.len() + usize::try_from(bytes).unwrap_or(0));
    text.extend_from_slice(before.as_bytes());
    text.extend_from_slice(b"\"rows\":[");
    let mut first = true;
    for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
        if !std::mem::take(&mut first) {
            text.push(b',');
        }
        write_row_objects(&mut text, batch, &stream.columns, JsonRows::Exact);
    }
    text.push(b']');
    text.extend_from_slice(after.as_bytes());
    Ok(text)
}

/// How an answer without rows shows them.
const EMPTY_ROWS: &str = "\"rows\":[]";

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
    use omnigraph::db::{Load, LoadMode, LoadSource};

    use super::*;

    #[tokio::test]
    async fn the_text_of_an_answer_is_that_of_its_values() {
        let schema = "node P { name: String @key  n: I64?  t: DateTime?  tags: [String]? }";
        let graph = Omnigraph::init("memory://query-text", schema).await.unwrap();
        let line = |name: &str, n: &str| {
            let name = serde_json::Value::from(name);
            format!("{{\"type\":\"P\",\"data\":{{\"name\":{name},\"n\":{n},\"tags\":[\"a\",\"b\"]}}}}\n")
        };
        let lines = [line("\"rows\":[]", "9223372036854775807"), line("ä\n", "null"), line("c", "-1")];
        let source = LoadSource::Text(lines.concat());
        graph.load(Load::new("main", source, LoadMode::Append)).await.unwrap();
        for text in [
            "query all() { match { $p: P } return { $p.name, $p.n as n, $p.t, $p.tags } order { $p.name } }",
            "query none() { match { $p: P  $p.n > 0  $p.n < 0 } return { $p.name } }",
            "query count() { match { $p: P } return { count($p) as n } }",
        ] {
            let request = QueryRequest {
                query: text.to_owned(),
                name: None,
                params: None,
                branch: None,
                snapshot: None,
            };
            let output = query(&graph, &request).await.unwrap();
            let values = serde_json::to_string(&output).unwrap();
            let written = query_text(&graph, &request, ReadForm::Current, u64::MAX).await.unwrap();
            assert_eq!(String::from_utf8(written).unwrap(), values);
            let values = serde_json::to_string(&omnigraph_api::LegacyReadOutput::from(output)).unwrap();
            let written = query_text(&graph, &request, ReadForm::Legacy, u64::MAX).await.unwrap();
            assert_eq!(String::from_utf8(written).unwrap(), values);
        }
        let request = QueryRequest {
            query: "query all() { match { $p: P } return { $p.name } }".to_owned(),
            name: None,
            params: None,
            branch: None,
            snapshot: None,
        };
        let refused = query_text(&graph, &request, ReadForm::Current, 1).await;
        assert!(matches!(refused, Err(OmniError::ResourceLimitExceeded { limit: 1, .. })));
    }

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
