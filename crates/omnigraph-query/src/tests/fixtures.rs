//! Small graphs for tests: rows as values, written in several commits so that tables have several fragments, and changed
//! through the calls by which the engine changes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use async_trait::async_trait;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;
use omnigraph_compiler::catalog::{EntityKind, TypeKey};
use omnigraph_compiler::ir::Query;
use omnigraph_compiler::types::Value;
use omnigraph_compiler::{query, schema};
use omnigraph_graph::commit::{
    BranchName, CommitKind, Graph, PlanError, Planned, Planner, Snapshot, WriteRequest,
};
use omnigraph_graph::model;
use omnigraph_storage::tables::reclaim::{self, Versions};
use omnigraph_storage::{Durability, Root, RootOptions, Table, TableChange, Tuning};
use roaring::RoaringTreemap;

use crate::error::{QueryError, Result};
use crate::expr::to_array;
use crate::json::{JsonRows, row_objects};
use crate::run::run_in;
use crate::topology::TraversalMode;

/// Memory budget of the graphs.
pub(crate) const MEMORY_BUDGET: u64 = 256 << 20;

/// One node or edge. `endpoints` are the ids of an edge's nodes.
#[derive(Clone, Debug)]
pub(crate) struct Entity {
    pub(crate) id: String,
    pub(crate) endpoints: Option<(String, String)>,
    pub(crate) values: BTreeMap<String, Value>,
}

/// The content of a graph.
pub(crate) type Data = BTreeMap<TypeKey, Vec<Entity>>;

impl PlanError for QueryError {
    fn is_gone(&self) -> bool {
        matches!(self, QueryError::Graph(error) if error.is_gone())
    }
}

/// What one commit does.
pub(crate) enum Change {
    /// Removes rows by their ids, then adds rows. A row that is removed and added is updated.
    Rows { remove: BTreeMap<TypeKey, Vec<String>>, append: Data },
    /// Compacts the tables that need it.
    Compaction,
}

#[async_trait]
impl Planner for Change {
    type Output = ();
    type Error = QueryError;

    async fn plan(&self, snapshot: &Snapshot) -> Result<Planned<()>> {
        let mut changes: BTreeMap<TypeKey, TableChange> = BTreeMap::new();
        match self {
            Change::Rows { remove, append } => {
                for (key, ids) in remove {
                    changes.entry(key.clone()).or_default().remove = rows_of(snapshot, key, ids).await?;
                }
                for (key, entities) in append {
                    let batch = batch(snapshot, key, entities);
                    let rows =
                        RecordBatchStreamAdapter::new(batch.schema(), futures::stream::iter([Ok(batch)]));
                    changes.entry(key.clone()).or_default().append = Some(Box::pin(rows));
                }
            }
            Change::Compaction => {
                for pin in &snapshot.record().tables {
                    if snapshot.table(&pin.key()).await?.fragments_to_compact() > 0 {
                        changes.insert(pin.key(), TableChange::compaction());
                    }
                }
            }
        }
        Ok(Planned::changes((), changes, BTreeSet::new()))
    }
}

/// Returns the addresses of the entities with these ids.
async fn rows_of(snapshot: &Snapshot, key: &TypeKey, ids: &[String]) -> Result<RoaringTreemap> {
    let ids: ArrayRef = Arc::new(StringArray::from(ids.to_vec()));
    let found = snapshot.table(key).await?.key_index(&[model::ID]).lookup(&[ids]).await?;
    Ok(found.address.into_iter().collect())
}

fn batch(snapshot: &Snapshot, key: &TypeKey, entities: &[Entity]) -> RecordBatch {
    let schema = model::physical_schema(snapshot.catalog(), key).unwrap();
    let columns = schema.fields().iter().map(|field| {
        let values: Vec<Value> = entities
            .iter()
            .map(|e| match (field.name().as_str(), key.kind) {
                (model::ID, _) => Value::String(e.id.clone()),
                (model::SRC, EntityKind::Edge) => Value::String(e.endpoints.clone().unwrap().0),
                (model::DST, EntityKind::Edge) => Value::String(e.endpoints.clone().unwrap().1),
                (name, _) => e.values.get(name).cloned().unwrap_or(Value::Null),
            })
            .collect();
        to_array(&values, field.data_type()).unwrap()
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

/// Makes a graph; the rows of each type are spread over `commits` commits.
pub(crate) async fn graph(schema_source: &str, data: &Data, commits: usize) -> Graph {
    let graph = init(&format!("memory://{}", ulid::Ulid::new()), schema_source).await;
    for commit in 0..commits {
        let part: Data = data
            .iter()
            .map(|(key, all)| (key.clone(), all.iter().skip(commit).step_by(commits).cloned().collect()))
            .filter(|(_, rows): &(_, Vec<Entity>)| !rows.is_empty())
            .collect();
        write(&graph, &Change::Rows { remove: BTreeMap::new(), append: part }).await;
    }
    graph
}

/// Makes a graph without entities.
pub(crate) async fn init(uri: &str, schema_source: &str) -> Graph {
    let catalog = schema::compile(schema_source, "01J0000000000000000000TEST").unwrap().catalog;
    Graph::init(root(uri).await, schema_source, catalog, None).await.unwrap()
}

/// Opens a graph as another process would: nothing that was written through another handle is in its memory.
pub(crate) async fn open(uri: &str) -> Graph {
    Graph::open(root(uri).await).await.unwrap()
}

async fn root(uri: &str) -> Root {
    let options = RootOptions {
        durability: Durability::Relaxed,
        memory_budget: MEMORY_BUDGET,
        tuning: Tuning::small(),
        ..RootOptions::default()
    };
    Root::open(uri, options).await.unwrap()
}

/// Makes a commit, if the change changes anything.
pub(crate) async fn write(graph: &Graph, change: &Change) {
    let kind = match change {
        Change::Rows { .. } => CommitKind::Data,
        Change::Compaction => CommitKind::Maintenance,
    };
    let request = WriteRequest { branch: BranchName::main(), actor: None, kind, if_commit: None };
    graph.write(&request, change).await.unwrap();
}

/// Removes the files that other versions of these tables consist of, as a cleanup does.
pub(crate) async fn remove_other_versions(graph: &Graph, tables: &[&Table]) {
    for table in tables {
        let objects = graph.root().list(table.path()).await.unwrap();
        let kept = BTreeSet::from([table.version()]);
        let versions = Versions { current: kept.clone(), keep: kept, published: BTreeSet::new() };
        // After every file, so that none counts as one that is being written.
        let after = objects.iter().map(|object| object.modified).max().unwrap() + Duration::from_secs(1);
        let garbage = reclaim::garbage(graph.root(), table.path(), objects, &versions, after).await.unwrap();
        garbage.remove(graph.root()).await.unwrap();
    }
}

pub(crate) async fn head(graph: &Graph) -> Snapshot {
    graph.head(&BranchName::main()).await.unwrap()
}

pub(crate) fn compile(snapshot: &Snapshot, text: &str) -> Query {
    query::compile(text, None, snapshot.catalog()).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// Runs a query and renders each row as a list of JSON values.
pub(crate) async fn rows(
    snapshot: &Snapshot,
    query: &Query,
    params: &[Value],
    mode: TraversalMode,
) -> Result<Vec<Vec<serde_json::Value>>> {
    let output = run_in(snapshot, query, params, 0, &NoEmbedder, mode).await?;
    let names: Vec<String> = (0..output.columns.len()).map(|i| i.to_string()).collect();
    let batches: Vec<RecordBatch> = output.batches.try_collect().await?;
    let objects = batches.iter().flat_map(|b| row_objects(b, &names, JsonRows::Exact));
    Ok(objects.map(|o| o.into_iter().map(|(_, v)| v).collect()).collect())
}

/// For queries that embed nothing.
pub(crate) struct NoEmbedder;

#[async_trait::async_trait]
impl crate::embedding::Embed for NoEmbedder {
    async fn embed(&self, text: &str, _: usize, _: Option<&str>) -> Result<Vec<f32>> {
        panic!("nothing embeds '{text}' here")
    }

    async fn embed_documents(&self, texts: &[&str], _: usize, _: Option<&str>) -> Result<Vec<Vec<f32>>> {
        panic!("nothing embeds {texts:?} here")
    }
}
