//! A graph in memory for tests of writes: run mutations and deltas, look at what is stored.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, UInt64Array};
use async_trait::async_trait;
use futures::StreamExt;
use omnigraph_compiler::catalog::TypeKey;
use omnigraph_compiler::ir::Body;
use omnigraph_compiler::{query, schema};
use omnigraph_graph::commit::{
    BranchName, CommitKind, Graph, Planned, Planner, Snapshot, WriteRequest, WriteResult,
};
use omnigraph_storage::{Durability, Root, RootOptions, Scan, Tuning};
use roaring::RoaringTreemap;
use serde_json::Value as Json;

use super::delta::{Delta, OnDuplicate, OnExisting, TypeDelta};
use super::mutation::Mutation;
use super::mutation::planner::MutationCounts;
use super::prepare::prepare;
use super::spool::{MemoryBudget, SpoolWriter, spool_schema};
use crate::error::{OmniError, Result};

/// The schema most scenarios are told with.
pub(in crate::write) const PEOPLE_SCHEMA: &str = "
    node Person { name: String @key  age: I32? }
    node Company { name: String @key }
    edge Knows: Person -> Person { since: Date? }
    edge WorksAt: Person -> Company
";

/// The data that goes with it.
const PEOPLE: &str = r#"query people() {
    insert Person { name: "Alice", age: 30 }  insert Person { name: "Bob", age: 25 }
    insert Person { name: "Charlie", age: 35 }  insert Person { name: "Diana", age: 28 }
    insert Company { name: "Acme" }  insert Company { name: "Globex" }
    insert Knows { from: "Alice", to: "Bob" }  insert Knows { from: "Alice", to: "Charlie" }
    insert Knows { from: "Bob", to: "Diana" }
    insert WorksAt { from: "Alice", to: "Acme" }  insert WorksAt { from: "Bob", to: "Globex" }
}"#;

/// Rows of one type as a load would hand them over: text cells, cast to the column types.
pub(in crate::write) struct Rows {
    key: TypeKey,
    cells: Vec<Vec<Option<String>>>,
    on_existing: OnExisting,
    on_duplicate: OnDuplicate,
    replace_all: bool,
}

impl Rows {
    /// Rows in column order; `-` is null.
    pub(in crate::write) fn append<const N: usize>(key: &str, cells: &[[&str; N]]) -> Rows {
        let cell = |text: &&str| (*text != "-").then(|| (*text).to_owned());
        Rows {
            key: TypeKey::parse(key).unwrap(),
            cells: cells.iter().map(|row| row.iter().map(cell).collect()).collect(),
            on_existing: OnExisting::Reject,
            on_duplicate: OnDuplicate::Reject,
            replace_all: false,
        }
    }

    pub(in crate::write) fn merge<const N: usize>(key: &str, cells: &[[&str; N]]) -> Rows {
        let (on_existing, on_duplicate) = (OnExisting::Replace, OnDuplicate::LastWins);
        Rows { on_existing, on_duplicate, ..Rows::append(key, cells) }
    }

    pub(in crate::write) fn overwrite<const N: usize>(key: &str, cells: &[[&str; N]]) -> Rows {
        Rows { replace_all: true, ..Rows::append(key, cells) }
    }
}

/// A graph in memory that no other test has.
pub(in crate::write) struct TestGraph {
    graph: Graph,
    branch: BranchName,
}

impl TestGraph {
    pub(in crate::write) async fn new(source: &str) -> TestGraph {
        TestGraph::with_budget(source, 1 << 30).await
    }

    pub(in crate::write) async fn with_budget(source: &str, memory_budget: u64) -> TestGraph {
        let name = format!("memory://{}", ulid::Ulid::new());
        let options = RootOptions {
            durability: Durability::Relaxed,
            memory_budget,
            tuning: Tuning::small(),
            ..RootOptions::default()
        };
        let root = Root::open(&name, options).await.unwrap();
        let catalog = schema::compile(source, "01J00000000000000000000000").unwrap().catalog;
        let graph = Graph::init(root, source, catalog, None).await.unwrap();
        TestGraph { graph, branch: BranchName::parse("main").unwrap() }
    }

    /// Makes a graph with [`PEOPLE_SCHEMA`] and the data that goes with it.
    pub(in crate::write) async fn people() -> TestGraph {
        let graph = TestGraph::new(PEOPLE_SCHEMA).await;
        graph.mutate(PEOPLE).await.unwrap();
        graph
    }

    pub(in crate::write) async fn head(&self) -> Snapshot {
        self.graph.head(&self.branch).await.unwrap()
    }

    /// Runs the statements of a query body without parameters. Returns nodes and edges affected.
    pub(in crate::write) async fn run(&self, statements: &str) -> Result<(u64, u64)> {
        self.mutate(&format!("query q() {{ {statements} }}")).await.map(|(nodes, edges, _)| (nodes, edges))
    }

    /// Runs a query. Returns nodes and edges affected, and whether a commit was made.
    pub(in crate::write) async fn mutate(&self, source: &str) -> Result<(u64, u64, bool)> {
        self.mutate_with(source, Json::Null).await
    }

    pub(in crate::write) async fn mutate_with(&self, source: &str, params: Json) -> Result<(u64, u64, bool)> {
        let compiled =
            query::compile(source, None, self.head().await.catalog()).map_err(crate::OmniError::from)?;
        let params = query::params::bind(&compiled.params, Some(&params)).unwrap();
        let Body::Mutation(statements) = compiled.body else { panic!("a read: {source}") };
        let written: WriteResult<MutationCounts> = self
            .write(&Mutation {
                statements,
                params,
                now: 1_700_000_000_000,
                sources: Arc::default(),
                embedder: None,
            })
            .await?;
        Ok((written.output.nodes, written.output.edges, written.commit.is_some()))
    }

    /// Applies rows of several types as one write. Returns the types it read.
    pub(in crate::write) async fn apply(&self, rows: &[Rows]) -> Result<Vec<String>> {
        let snapshot = self.head().await;
        let mut delta = Delta::default();
        for rows in rows {
            let schema = spool_schema(&snapshot.table(&rows.key).await?.schema());
            let mut writer = SpoolWriter::new(schema.clone(), MemoryBudget::new(1 << 20));
            let mut columns: Vec<ArrayRef> = Vec::new();
            for (at, field) in schema.fields().iter().take(schema.fields().len() - 1).enumerate() {
                let texts: ArrayRef =
                    Arc::new(rows.cells.iter().map(|row| row[at].as_deref()).collect::<StringArray>());
                columns.push(arrow_cast::cast(&texts, field.data_type())?);
            }
            columns.push(Arc::new(UInt64Array::from_iter_values(1..=rows.cells.len() as u64)));
            writer.push(RecordBatch::try_new(schema, columns)?)?;
            let change = TypeDelta {
                rows: Some(writer.finish()?),
                remove: RoaringTreemap::new(),
                replace_all: rows.replace_all,
                on_existing: rows.on_existing.clone(),
                on_duplicate: rows.on_duplicate,
            };
            delta.types.insert(rows.key.clone(), change);
        }
        self.write(&Apply(delta)).await.map(|written| written.output)
    }

    async fn write<P: Planner<Error = OmniError>>(&self, planner: &P) -> Result<WriteResult<P::Output>> {
        let branch = self.branch.clone();
        let request = WriteRequest { branch, actor: None, kind: CommitKind::Data, if_commit: None };
        self.graph.write(&request, planner).await
    }

    /// Returns the stored entities of a type as `a|b`, sorted; null as nothing.
    pub(in crate::write) async fn stored(&self, key: &str, columns: &[&str]) -> Vec<String> {
        let table = self.head().await.table(&TypeKey::parse(key).unwrap()).await.unwrap();
        let scan = Scan { columns: Vec::new(), fragments: None, with_address: true, batch_rows: 1024 };
        let mut batches = table.scan(scan).unwrap();
        let names: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
        let mut rows = Vec::new();
        while let Some(batch) = batches.next().await {
            let batch = batch.unwrap();
            let addresses = batch.column(0).as_primitive::<UInt64Type>().values();
            let images = table.take(addresses, &names).await.unwrap();
            rows.extend((0..images.num_rows()).map(|row| {
                let cell = |c: &ArrayRef| arrow_cast::display::array_value_to_string(c, row).unwrap();
                images.columns().iter().map(cell).collect::<Vec<_>>().join("|")
            }));
            assert!(images.columns().iter().all(|c| c.len() == addresses.len()));
        }
        rows.sort();
        rows
    }
}

/// Writes a delta as it is.
struct Apply(Delta);

#[async_trait]
impl Planner for Apply {
    type Output = Vec<String>;
    type Error = OmniError;

    async fn plan(&self, snapshot: &Snapshot) -> Result<Planned<Vec<String>>> {
        let prepared = prepare(snapshot, self.0.clone()).await?;
        let output = prepared.reads.iter().map(ToString::to_string).collect();
        Ok(Planned { publish_unchanged: true, ..Planned::changes(output, prepared.changes, prepared.reads) })
    }
}

/// Returns the text of the error a write must end with.
pub(in crate::write) fn refused<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    outcome.expect_err("the write must be refused").to_string()
}
