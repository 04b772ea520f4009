//! Running and explaining reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::compute;
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema, SchemaRef};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::SessionConfig;
use futures::TryStreamExt;
use omnigraph_compiler::catalog::{Catalog, TypeKey};
use omnigraph_compiler::ir::{Body, Expr, Output, OutputType, Pattern, Query, Read};
use omnigraph_compiler::types::{Type, Value};
use omnigraph_graph::commit::Snapshot;
use omnigraph_graph::model;

use super::cache::Caches;
use super::exec::{BATCH_ROWS, Shared, build, external};
use super::expr::Env;
use super::plan::{LogicalPlan, PlanContext, plan, type_key};
use super::search::{Searches, resolve};
use super::topology::TraversalMode;
use crate::embedding::Embed;
use crate::error::{QueryError, Result};

/// The answer of a read as it is computed.
pub struct QueryOutput {
    /// Physical types of the result columns.
    pub schema: SchemaRef,
    /// Names of the result columns in projection order.
    pub columns: Vec<String>,
    /// Rows in order.
    pub batches: SendableRecordBatchStream,
}

/// Starts a read on a snapshot. `now` is the instant of the query in milliseconds.
///
/// # Errors
/// Bad request when the query is a mutation, or a search has no usable query; storage failures, those of the embedder.
/// Later failures arrive in the stream.
pub async fn run(
    snapshot: &Snapshot,
    query: &Query,
    params: &[Value],
    now: i64,
    embedder: &dyn Embed,
) -> Result<QueryOutput> {
    run_in(snapshot, query, params, now, embedder, TraversalMode::from_env()).await
}

/// As [`run`], with a traversal strategy.
pub(super) async fn run_in(
    snapshot: &Snapshot,
    query: &Query,
    params: &[Value],
    now: i64,
    embedder: &dyn Embed,
    mode: TraversalMode,
) -> Result<QueryOutput> {
    let ready = prepare(snapshot, query, params, now, embedder, mode).await?;
    let rows = ready.node.execute(0, ready.context.clone())?;
    let schema = ready.schema.clone();
    let typed = rows.and_then(move |batch| futures::future::ready(retype(&schema, &batch).map_err(external)));
    let batches = RecordBatchStreamAdapter::new(ready.schema.clone(), typed);
    let columns = ready.schema.fields().iter().map(|f| f.name().clone()).collect();
    Ok(QueryOutput { schema: ready.schema, columns, batches: Box::pin(batches) })
}

/// Returns the physical plan as indented text; with `analyze`, runs it first and adds the metrics of each operator.
///
/// # Errors
/// As [`run`], and failures of the run itself.
pub async fn explain(
    snapshot: &Snapshot,
    query: &Query,
    params: &[Value],
    now: i64,
    embedder: &dyn Embed,
    analyze: bool,
) -> Result<String> {
    let ready = prepare(snapshot, query, params, now, embedder, TraversalMode::from_env()).await?;
    if !analyze {
        return Ok(DisplayableExecutionPlan::new(ready.node.as_ref()).indent(false).to_string());
    }
    let mut rows = ready.node.execute(0, ready.context.clone())?;
    while rows.try_next().await?.is_some() {}
    Ok(DisplayableExecutionPlan::with_metrics(ready.node.as_ref()).indent(false).to_string())
}

struct PreparedQuery {
    node: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    schema: SchemaRef,
}

async fn prepare(
    snapshot: &Snapshot,
    query: &Query,
    params: &[Value],
    now: i64,
    embedder: &dyn Embed,
    mode: TraversalMode,
) -> Result<PreparedQuery> {
    let Body::Read(read) = &query.body else {
        return Err(QueryError::bad_request(format!(
            "query '{}' is a mutation; run it with `mutate`",
            query.name
        )));
    };
    let catalog = snapshot.catalog();
    let types: Vec<Type> = query.params.iter().map(|p| p.ty.clone()).collect();
    let mut tables = BTreeMap::new();
    for key in tables_of(read, catalog) {
        let table = snapshot.table(&key).await?;
        tables.insert(key, table);
    }
    let caches = Caches::of(snapshot.root().memory_budget())?;
    let searches = {
        let none = Searches::default();
        let env = Env { params, types: &types, now, searches: &none };
        Arc::new(resolve(read, catalog, &env, &tables, embedder, &caches).await?)
    };
    let planned = {
        let rows = |key: &TypeKey| snapshot.pin(key).map_or(0, |pin| pin.rows);
        let env = Env { params, types: &types, now, searches: &searches };
        plan(&PlanContext { read, catalog, env, rows: &rows })?
    };
    let context = Arc::new(task_context(&caches));
    let shared = Shared { tables: Arc::new(tables), caches, mode, searches };
    let schema = result_schema(read, &planned);
    let node = build(&planned, read, catalog, &shared)?;
    Ok(PreparedQuery { node, context, schema })
}

fn task_context(caches: &Caches) -> TaskContext {
    let config = SessionConfig::new().with_batch_size(BATCH_ROWS).with_target_partitions(1);
    TaskContext::default().with_session_config(config).with_runtime(caches.runtime.clone())
}

/// Every table a read may look at: variables, edges that it follows or counts, and the node types at both ends of each.
fn tables_of(read: &Read, catalog: &Catalog) -> BTreeSet<TypeKey> {
    let mut keys: BTreeSet<TypeKey> = read.variables.iter().map(|v| type_key(&v.ty)).collect();
    let mut edges: BTreeSet<String> = BTreeSet::new();
    let mut patterns: Vec<&Pattern> = vec![&read.pattern];
    while let Some(pattern) = patterns.pop() {
        edges.extend(pattern.traversals.iter().map(|traversal| traversal.edge.clone()));
        patterns.extend(pattern.negations.iter().chain(&pattern.optionals));
    }
    read.walk(&mut |expr| {
        if let Expr::Measure { edge, .. } = expr {
            edges.insert(edge.clone());
        }
    });
    for edge in edges.iter().filter_map(|name| catalog.edges.get(name)) {
        keys.extend([TypeKey::edge(&edge.name), TypeKey::node(&edge.from), TypeKey::node(&edge.to)]);
    }
    keys
}

fn result_schema(read: &Read, plan: &LogicalPlan) -> SchemaRef {
    let fields = read.projections.iter().zip(&plan.outputs).map(|(projection, output)| {
        let nullable = match (&projection.value, &projection.ty) {
            (Output::Aggregate { .. }, _) => true,
            (Output::Value(_), OutputType::Value(ty)) => ty.nullable,
            (Output::Value(_), OutputType::Node { nullable, .. }) => *nullable,
        };
        let ty = match (&projection.value, &projection.ty) {
            (Output::Value(_), OutputType::Value(ty)) => model::column_type(ty),
            _ => output.data_type(),
        };
        Field::new(&projection.column, ty, nullable)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Gives a result batch its column names and types.
fn retype(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            Ok(if column.data_type() == field.data_type() {
                column.clone()
            } else {
                compute::cast(column, field.data_type())?
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}
