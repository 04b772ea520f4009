//! Small graphs for tests: rows as values, written in several commits so that tables have several fragments.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::RecordBatch;
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
use omnigraph_storage::{Durability, Root, RootOptions, TableChange, Tuning};

use crate::error::{QueryError, Result};
use crate::expr::to_array;
use crate::json::{JsonRows, row_objects};
use crate::run::run_in;
use crate::topology::Mode;

/// One node or edge. `ends` are the ids of an edge's nodes.
#[derive(Clone, Debug)]
pub(super) struct Entity {
    pub(super) id: String,
    pub(super) ends: Option<(String, String)>,
    pub(super) values: BTreeMap<String, Value>,
}

/// The content of a graph.
pub(super) type Data = BTreeMap<TypeKey, Vec<Entity>>;

impl PlanError for QueryError {
    fn is_gone(&self) -> bool {
        matches!(self, QueryError::Graph(error) if error.is_gone())
    }
}

struct Append<'a>(&'a Data);

#[async_trait]
impl Planner for Append<'_> {
    type Output = ();
    type Error = QueryError;

    async fn plan(&self, snapshot: &Snapshot) -> Result<Planned<()>> {
        let mut changes = BTreeMap::new();
        for (key, entities) in self.0 {
            let batch = batch(snapshot, key, entities);
            let rows = RecordBatchStreamAdapter::new(batch.schema(), futures::stream::iter([Ok(batch)]));
            changes
                .insert(key.clone(), TableChange { append: Some(Box::pin(rows)), ..TableChange::default() });
        }
        Ok(Planned::changes((), changes, BTreeSet::new()))
    }
}

fn batch(snapshot: &Snapshot, key: &TypeKey, entities: &[Entity]) -> RecordBatch {
    let schema = model::physical_schema(snapshot.catalog(), key).unwrap();
    let columns = schema.fields().iter().map(|field| {
        let values: Vec<Value> = entities
            .iter()
            .map(|e| match (field.name().as_str(), key.kind) {
                (model::ID, _) => Value::String(e.id.clone()),
                (model::SRC, EntityKind::Edge) => Value::String(e.ends.clone().unwrap().0),
                (model::DST, EntityKind::Edge) => Value::String(e.ends.clone().unwrap().1),
                (name, _) => e.values.get(name).cloned().unwrap_or(Value::Null),
            })
            .collect();
        to_array(&values, field.data_type()).unwrap()
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

/// Makes a graph; the rows of each type are spread over `commits` commits.
pub(super) async fn graph(schema_source: &str, data: &Data, commits: usize) -> Graph {
    let uri = format!("memory://{}", ulid::Ulid::new());
    let options = RootOptions {
        durability: Durability::Relaxed,
        memory_budget: 256 << 20,
        tuning: Tuning::small(),
        ..RootOptions::default()
    };
    let root = Root::open(&uri, options).await.unwrap();
    let catalog = schema::compile(schema_source, "01J0000000000000000000TEST").unwrap().catalog;
    let graph = Graph::init(root, schema_source, catalog, None).await.unwrap();
    for commit in 0..commits {
        let part: Data = data
            .iter()
            .map(|(key, all)| (key.clone(), all.iter().skip(commit).step_by(commits).cloned().collect()))
            .filter(|(_, rows): &(_, Vec<Entity>)| !rows.is_empty())
            .collect();
        let request =
            WriteRequest { branch: BranchName::main(), actor: None, kind: CommitKind::Data, if_commit: None };
        graph.write(&request, &Append(&part)).await.unwrap();
    }
    graph
}

pub(super) async fn head(graph: &Graph) -> Snapshot {
    graph.head(&BranchName::main()).await.unwrap()
}

pub(super) fn compile(snapshot: &Snapshot, text: &str) -> Query {
    query::compile(text, None, snapshot.catalog()).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// Runs a query and renders each row as a list of JSON values.
pub(super) async fn rows(
    snapshot: &Snapshot,
    query: &Query,
    params: &[Value],
    mode: Mode,
) -> Result<Vec<Vec<serde_json::Value>>> {
    let output = run_in(snapshot, query, params, 0, &NoEmbedder, mode).await?;
    let names: Vec<String> = (0..output.columns.len()).map(|i| i.to_string()).collect();
    let batches: Vec<RecordBatch> = output.batches.try_collect().await?;
    let objects = batches.iter().flat_map(|b| row_objects(b, &names, JsonRows::Exact));
    Ok(objects.map(|o| o.into_iter().map(|(_, v)| v).collect()).collect())
}

/// For queries that embed nothing.
pub(super) struct NoEmbedder;

#[async_trait::async_trait]
impl crate::embedding::Embed for NoEmbedder {
    async fn embed(&self, text: &str, _: usize, _: Option<&str>) -> Result<Vec<f32>> {
        panic!("nothing embeds '{text}' here")
    }

    async fn embed_documents(&self, texts: &[&str], _: usize, _: Option<&str>) -> Result<Vec<Vec<f32>>> {
        panic!("nothing embeds {texts:?} here")
    }
}
