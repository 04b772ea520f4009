//! Reads: queries, plans, exports, history.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use futures::TryStreamExt;
use futures::future::BoxFuture;
use omnigraph_compiler::catalog::TypeKey;
use omnigraph_compiler::diagnostics::closest;
use omnigraph_compiler::ir;
use omnigraph_compiler::query::params;
use omnigraph_compiler::types::Value;
use omnigraph_graph::branch;
use omnigraph_graph::commit::{BranchName, CommitId, Snapshot};
use omnigraph_graph::model::ID;
use omnigraph_query::context::{Context, ContextRequest, context};
use omnigraph_query::json::{JsonRows, row_objects};
use serde_json::{Map, Value as Json};

use super::handle::Omnigraph;
use super::types::{CommitPage, GraphCommit, ParamMap, QueryResult, QueryStream, ReadTarget};
use crate::error::{OmniError, Result};
use crate::write::export::{ExportCounts, ExportStream, export, export_stream};

impl Omnigraph {
    /// Runs a read query and collects its rows. `name` may be absent when the text holds one query.
    ///
    /// # Errors
    /// [`OmniError::Compiler`], [`OmniError::Param`], a bad request when the query is a mutation,
    /// [`OmniError::BranchNotFound`], [`OmniError::Storage`].
    pub fn query<'a>(
        &'a self,
        target: impl Into<ReadTarget>,
        source: &'a str,
        name: Option<&'a str>,
        params: &'a ParamMap,
    ) -> BoxFuture<'a, Result<QueryResult>> {
        self.query_boxed(target.into(), source, name, params)
    }

    fn query_boxed<'a>(
        &'a self,
        target: ReadTarget,
        source: &'a str,
        name: Option<&'a str>,
        params: &'a ParamMap,
    ) -> BoxFuture<'a, Result<QueryResult>> {
        Box::pin(async move {
            let stream = self.query_stream(target, source, name, params).await?;
            let batches = stream.batches.try_collect().await?;
            Ok(QueryResult {
                query_name: stream.query_name,
                graph_commit_id: stream.graph_commit_id,
                columns: stream.columns,
                schema: stream.schema,
                batches,
            })
        })
    }

    /// Runs a read query and hands out its rows as they are computed, so that the result may exceed memory.
    ///
    /// # Errors
    /// As [`Omnigraph::query`]; later failures arrive in the stream.
    pub fn query_stream<'a>(
        &'a self,
        target: impl Into<ReadTarget>,
        source: &'a str,
        name: Option<&'a str>,
        params: &'a ParamMap,
    ) -> BoxFuture<'a, Result<QueryStream>> {
        self.query_stream_boxed(target.into(), source, name, params)
    }

    fn query_stream_boxed<'a>(
        &'a self,
        target: ReadTarget,
        source: &'a str,
        name: Option<&'a str>,
        params: &'a ParamMap,
    ) -> BoxFuture<'a, Result<QueryStream>> {
        Box::pin(async move {
            let prepared = self.prepare_read(&target, source, name, params).await?;
            let (snapshot, query, params) = (&prepared.snapshot, &prepared.query, &prepared.params);
            let output =
                omnigraph_query::run(snapshot, query, params, now_millis(), self.embedder.as_ref()).await?;
            Ok(QueryStream {
                query_name: prepared.query.name.clone(),
                graph_commit_id: prepared.snapshot.record().id.to_string(),
                columns: output.columns,
                schema: output.schema,
                batches: output.batches,
            })
        })
    }

    /// Returns the physical plan of a read query as indented text; with `analyze`, runs it and adds metrics.
    ///
    /// # Errors
    /// As [`Omnigraph::query`].
    pub fn explain<'a>(
        &'a self,
        target: impl Into<ReadTarget>,
        source: &'a str,
        name: Option<&'a str>,
        params: &'a ParamMap,
        analyze: bool,
    ) -> BoxFuture<'a, Result<String>> {
        self.explain_boxed(target.into(), source, name, params, analyze)
    }

    fn explain_boxed<'a>(
        &'a self,
        target: ReadTarget,
        source: &'a str,
        name: Option<&'a str>,
        params: &'a ParamMap,
        analyze: bool,
    ) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            let prepared = self.prepare_read(&target, source, name, params).await?;
            let (snapshot, query, params) = (&prepared.snapshot, &prepared.query, &prepared.params);
            Ok(omnigraph_query::explain(
                snapshot,
                query,
                params,
                now_millis(),
                self.embedder.as_ref(),
                analyze,
            )
            .await?)
        })
    }

    /// Returns what a graph knows about a text: the entities that rank best by words and meaning, and what edges lead to
    /// from there, best first, within a budget, each with the way to it.
    ///
    /// # Errors
    /// Bad request for an unknown type, and where nothing is indexed to search by; [`OmniError::Embedding`] when there is
    /// no other ranking; those of [`Omnigraph::query`].
    pub fn context<'a>(
        &'a self,
        target: impl Into<ReadTarget>,
        request: &'a ContextRequest,
    ) -> BoxFuture<'a, Result<Context>> {
        self.context_boxed(target.into(), request)
    }

    fn context_boxed<'a>(
        &'a self,
        target: ReadTarget,
        request: &'a ContextRequest,
    ) -> BoxFuture<'a, Result<Context>> {
        Box::pin(async move {
            let snapshot = self.resolve(&target).await?;
            Ok(context(&snapshot, request, now_millis(), self.embedder.as_ref()).await?)
        })
    }

    /// Returns an entity as one object: `id`, for edges `src` and `dst`, and every property. None when it is absent, or the
    /// type did not exist there. `type_key` is `node:T` or `edge:T`.
    ///
    /// # Errors
    /// Bad request for a text that is no type key; those of resolving the target; [`OmniError::Storage`].
    pub fn entity_at<'a>(
        &'a self,
        target: impl Into<ReadTarget>,
        type_key: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Map<String, Json>>>> {
        self.entity_at_boxed(target.into(), type_key, id)
    }

    fn entity_at_boxed<'a>(
        &'a self,
        target: ReadTarget,
        type_key: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Map<String, Json>>>> {
        Box::pin(async move {
            let key = TypeKey::parse(type_key).ok_or_else(|| {
                OmniError::bad_request(format!("'{type_key}' is no type key; write node:T or edge:T"))
            })?;
            let snapshot = self.resolve(&target).await?;
            if snapshot.pin(&key).is_none() {
                return Ok(None);
            }
            let table = snapshot.table(&key).await?;
            let ids: ArrayRef = Arc::new(StringArray::from(vec![id]));
            let found = table.key_index(&[ID]).lookup(&[ids]).await?;
            let Some(address) = found.address.first() else { return Ok(None) };
            let columns: Vec<String> =
                table.schema().fields().iter().map(|field| field.name().clone()).collect();
            let row = table.take(&[*address], &columns).await?;
            Ok(row_objects(&row, &columns, JsonRows::Exact).pop())
        })
    }

    /// Writes a snapshot as a strict graph batch. `types` holds type names or keys; empty means all.
    ///
    /// # Errors
    /// Bad request for an unknown type, [`OmniError::Io`] when the writer fails, [`OmniError::Storage`].
    pub fn export<'a>(
        &'a self,
        target: impl Into<ReadTarget>,
        types: &'a [String],
        out: &'a mut (impl Write + Send),
    ) -> BoxFuture<'a, Result<ExportCounts>> {
        self.export_boxed(target.into(), types, out)
    }

    fn export_boxed<'a>(
        &'a self,
        target: ReadTarget,
        types: &'a [String],
        out: &'a mut (impl Write + Send),
    ) -> BoxFuture<'a, Result<ExportCounts>> {
        Box::pin(async move {
            let snapshot = self.resolve(&target).await?;
            let keys = select_types(&snapshot, types)?;
            export(&snapshot, &keys, out).await
        })
    }

    /// Returns a snapshot as a strict graph batch as it is read: pieces of whole lines. `types` as in
    /// [`Omnigraph::export`].
    ///
    /// # Errors
    /// Bad request for an unknown type; those of resolving the target. Later failures arrive in the stream.
    pub fn export_stream<'a>(
        &'a self,
        target: impl Into<ReadTarget>,
        types: &'a [String],
    ) -> BoxFuture<'a, Result<ExportStream>> {
        self.export_stream_boxed(target.into(), types)
    }

    fn export_stream_boxed<'a>(
        &'a self,
        target: ReadTarget,
        types: &'a [String],
    ) -> BoxFuture<'a, Result<ExportStream>> {
        Box::pin(async move {
            let snapshot = self.resolve(&target).await?;
            let keys = select_types(&snapshot, types)?;
            Ok(export_stream(&snapshot, &keys))
        })
    }

    /// Returns commits that are ancestors of a branch's head, the head included, newest first: by descending version,
    /// then time, then id.
    ///
    /// # Errors
    /// [`OmniError::BranchNotFound`]; not found when [`CommitPage::after`] is not in the branch's history;
    /// [`OmniError::Storage`].
    pub fn list_commits<'a>(
        &'a self,
        branch: &'a str,
        page: &'a CommitPage,
    ) -> BoxFuture<'a, Result<Vec<GraphCommit>>> {
        Box::pin(async move {
            let after = page.after.as_deref().map(CommitId::parse).transpose()?;
            let mut history = branch::history(&self.graph, &BranchName::parse(branch)?).await?;
            let (mut commits, mut skipping) = (Vec::new(), after.is_some());
            while page.limit.is_none_or(|limit| commits.len() < limit) {
                let Some(record) = history.next().await? else { break };
                if skipping {
                    skipping = Some(record.id) != after;
                } else if page.actor.is_none() || page.actor == record.actor {
                    commits.push(GraphCommit::from(record.as_ref()));
                }
            }
            match after {
                Some(after) if skipping => {
                    Err(OmniError::not_found(format!("commit '{after}' not found on branch '{branch}'")))
                }
                Some(_) | None => Ok(commits),
            }
        })
    }

    /// Returns a commit by id.
    ///
    /// # Errors
    /// Not found (`commit '<id>' not found`).
    pub fn get_commit<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<GraphCommit>> {
        Box::pin(
            async move { Ok(branch::at_commit(&self.graph, &CommitId::parse(id)?).await?.record().into()) },
        )
    }

    async fn prepare_read(
        &self,
        target: &ReadTarget,
        source: &str,
        name: Option<&str>,
        params: &ParamMap,
    ) -> Result<PreparedRead> {
        let snapshot = self.resolve(target).await?;
        let query = self.compile(&snapshot, source, name)?;
        if matches!(query.body, ir::Body::Mutation(_)) {
            return Err(OmniError::QueryKind { name: query.name.clone(), mutation: true });
        }
        let params = params::bind_map(&query.params, params)?;
        Ok(PreparedRead { snapshot, query, params })
    }
}

struct PreparedRead {
    snapshot: Snapshot,
    query: Arc<ir::Query>,
    params: Vec<Value>,
}

/// Returns the current instant in milliseconds since the epoch: the value of `now()` for one query.
pub(super) fn now_millis() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

fn select_types(snapshot: &Snapshot, names: &[String]) -> Result<Vec<TypeKey>> {
    let all: Vec<TypeKey> = snapshot.catalog().type_keys().collect();
    if names.is_empty() {
        return Ok(all);
    }
    let mut chosen = Vec::new();
    for name in names {
        let before = chosen.len();
        let wanted = |key: &&TypeKey| key.name == *name || key.to_string() == *name;
        chosen.extend(all.iter().filter(wanted).cloned());
        if chosen.len() == before {
            let hint = closest(name, all.iter().map(|key| key.name.as_str()))
                .map(|near| format!("; did you mean '{near}'?"))
                .unwrap_or_default();
            return Err(OmniError::bad_request(format!("unknown export type '{name}'{hint}")));
        }
    }
    chosen.sort();
    chosen.dedup();
    Ok(chosen)
}
