//! Runs the statements of a mutation, one after the other, each on the overlays that the earlier ones left, and plans the
//! result as one delta.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray, new_null_array};
use async_trait::async_trait;
use omnigraph_compiler::catalog::{EdgeType, TypeKey};
use omnigraph_compiler::ir::{Assignment, Expr, Predicate, Statement};
use omnigraph_compiler::types::Value;
use omnigraph_graph::commit::{Planned, Planner, Snapshot, failpoints};
use omnigraph_graph::model::{DST, ID, SRC};
use omnigraph_query::embedding::Embed;
use roaring::RoaringTreemap;

use super::images;
use super::overlay::{Cell, Matching, Overlay};
use super::predicate::Condition;
use crate::blob::source::Sources;
use crate::error::{OmniError, Result, Unit};
use crate::write::blobs::{Incoming, admit};
use crate::write::delta::Delta;
use crate::write::embed;
use crate::write::prepare::prepare;
use crate::write::rows::{RowBuilder, value_column};
use crate::write::spool::MemoryBudget;
use crate::write::validate::strings;

/// Ids per cascade step.
const CASCADE_ROWS: usize = 8192;

/// Part of the root's memory budget that pending images may take before they go to disk.
const IMAGE_MEMORY_SHARE: u64 = 4;

/// A mutation query with its parameters bound.
pub(crate) struct Mutation {
    /// Statements in text order.
    pub(crate) statements: Vec<Statement>,
    /// Parameter values in declared order.
    pub(crate) params: Vec<Value>,
    /// The instant of `now()`, in milliseconds since the epoch; the same for every attempt.
    pub(crate) now: i64,
    /// Where bytes outside the graph may come from.
    pub(crate) sources: Arc<Sources>,
    /// What fills the vectors that statements leave out, if anything does.
    pub(crate) embedder: Option<Arc<dyn Embed>>,
}

/// What a mutation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MutationCounts {
    /// Inserted, updated and deleted nodes; an entity counts once per insert and update that meant it.
    pub(crate) nodes: u64,
    /// The same for edges, with those that went with a deleted node.
    pub(crate) edges: u64,
}

#[async_trait]
impl Planner for Mutation {
    type Output = MutationCounts;
    type Error = OmniError;

    async fn plan(&self, snapshot: &Snapshot) -> Result<Planned<MutationCounts>> {
        let mut run = Run {
            mutation: self,
            snapshot,
            overlays: BTreeMap::new(),
            reads: BTreeSet::new(),
            counts: MutationCounts::default(),
        };
        for (line, statement) in (1..).zip(&self.statements) {
            run.statement(line, statement).await?;
        }
        run.finish().await
    }
}

/// One attempt at a mutation.
struct Run<'a> {
    mutation: &'a Mutation,
    snapshot: &'a Snapshot,
    overlays: BTreeMap<TypeKey, Overlay>,
    /// Types whose stored entities decided what a statement does.
    reads: BTreeSet<TypeKey>,
    counts: MutationCounts,
}

impl Run<'_> {
    async fn statement(&mut self, line: u64, statement: &Statement) -> Result<()> {
        match statement {
            Statement::InsertNode { node, assignments } => {
                let key = TypeKey::node(node);
                self.insert(line, &key, None, assignments).await?;
                self.counts.nodes += 1;
            }
            Statement::InsertEdge { edge, from, to, assignments } => {
                let ends = (self.endpoint(from, "from")?, self.endpoint(to, "to")?);
                let key = TypeKey::edge(edge);
                self.insert(line, &key, Some((&ends.0, &ends.1)), assignments).await?;
                self.counts.edges += 1;
            }
            Statement::UpdateNode { node, assignments, predicate } => {
                let key = TypeKey::node(node);
                self.counts.nodes += self.update(line, &key, assignments, predicate).await?;
            }
            Statement::DeleteNode { node, predicate } => {
                let key = TypeKey::node(node);
                self.counts.nodes += self.delete_nodes(&key, predicate).await?;
            }
            Statement::DeleteEdge { edge, predicate } => {
                let key = TypeKey::edge(edge);
                let matching = self.matching(&key, predicate).await?;
                self.overlay(&key).await?.remove(&matching)?;
                self.counts.edges += matching.len();
            }
        }
        Ok(())
    }

    async fn insert(
        &mut self,
        line: u64,
        key: &TypeKey,
        ends: Option<(&str, &str)>,
        assignments: &[Assignment],
    ) -> Result<()> {
        let mut values = BTreeMap::new();
        for assignment in assignments {
            values.insert(assignment.property.clone(), self.value(&assignment.value)?);
        }
        let catalog = self.snapshot.catalog();
        let mut row = RowBuilder::new(catalog, key, self.mutation.embedder.is_some())?;
        row.append_values(line, &values, ends)?;
        let keyed = ends.is_none() && catalog.nodes.get(&key.name).is_some_and(|node| node.key().is_some());
        if keyed {
            self.reads.insert(key.clone());
        }
        self.overlay(key).await?.insert(row.finish()?, !keyed)
    }

    async fn update(
        &mut self,
        line: u64,
        key: &TypeKey,
        assignments: &[Assignment],
        predicate: &Predicate,
    ) -> Result<u64> {
        let cells = self.cells(line, key, assignments).await?;
        let matching = self.matching(key, predicate).await?;
        let matched = matching.len();
        self.overlay(key).await?.update(line, matching, &cells)?;
        Ok(matched)
    }

    /// Converts assigned values to columns of one row.
    async fn cells(&mut self, line: u64, key: &TypeKey, assignments: &[Assignment]) -> Result<Arc<[Cell]>> {
        let catalog = self.snapshot.catalog();
        let node = catalog.nodes.get(&key.name).ok_or_else(|| unknown_type(key))?;
        let schema = self.overlay(key).await?.table.schema();
        let mut cells = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            let name = &assignment.property;
            if node.key().is_some_and(|members| members.iter().any(|member| &member.name == name)) {
                return Err(OmniError::bad_request(format!("cannot update @key property '{name}'")));
            }
            let property = node.property(name).ok_or_else(|| {
                OmniError::bad_request(format!("unknown property '{name}' of {}", key.name))
            })?;
            let value = value_column(key, property, line, &self.value(&assignment.value)?)?;
            cells.push(Cell { column: schema.index_of(name)?, value });
        }
        if self.mutation.embedder.is_some() {
            let assigned = |name: &str| assignments.iter().any(|assignment| assignment.property == name);
            for property in &node.properties {
                // The vector of another text is left out: it is embedded anew.
                if property.embed.as_ref().is_some_and(|embed| assigned(&embed.source))
                    && !assigned(&property.name)
                {
                    let column = schema.index_of(&property.name)?;
                    let value = new_null_array(schema.field(column).data_type(), 1);
                    cells.push(Cell { column, value });
                }
            }
        }
        Ok(cells.into())
    }

    async fn delete_nodes(&mut self, key: &TypeKey, predicate: &Predicate) -> Result<u64> {
        let matching = self.matching(key, predicate).await?;
        failpoints::hit(self.snapshot.root(), failpoints::NODE_DELETION)?;
        let overlay = self.overlay(key).await?;
        let inserted = overlay.remove(&matching)?;
        let table = overlay.table.clone();
        if matching.len() == 0 {
            return Ok(0);
        }
        if !inserted.is_empty() {
            self.cascade(key, &StringArray::from(inserted)).await?;
        }
        let mut addresses = matching.stored.iter();
        loop {
            let some: Vec<u64> = addresses.by_ref().take(CASCADE_ROWS).collect();
            if some.is_empty() {
                break;
            }
            let ids = table.take(&some, &[ID.to_owned()]).await?;
            self.cascade(key, strings(ids.column(0))?).await?;
        }
        Ok(matching.len())
    }

    /// Removes every edge that ends at one of these nodes.
    async fn cascade(&mut self, node: &TypeKey, ids: &StringArray) -> Result<()> {
        let catalog = self.snapshot.catalog().clone();
        for edge in catalog.incident_edges(&node.name) {
            let key = TypeKey::edge(&edge.name);
            self.reads.insert(key.clone());
            let overlay = self.overlay(&key).await?;
            let matching = incident(overlay, edge, &node.name, ids).await?;
            overlay.remove(&matching)?;
            self.counts.edges += matching.len();
        }
        Ok(())
    }

    /// Finds the entities of a type that a predicate means.
    async fn matching(&mut self, key: &TypeKey, predicate: &Predicate) -> Result<Matching> {
        self.reads.insert(key.clone());
        let value = self.value(&predicate.value)?;
        let catalog = self.snapshot.catalog();
        let overlay = self.overlay(key).await?;
        let schema = overlay.table.schema();
        let condition = Condition::new(catalog, key, &schema, &predicate.field, predicate.op, &value)?;
        overlay.matching(&condition).await
    }

    async fn overlay(&mut self, key: &TypeKey) -> Result<&mut Overlay> {
        if !self.overlays.contains_key(key) {
            let table = self.snapshot.table(key).await?;
            self.overlays.insert(key.clone(), Overlay::new(table));
        }
        self.overlays.get_mut(key).ok_or_else(|| unknown_type(key))
    }

    fn value(&self, expr: &Expr) -> Result<Value> {
        match expr {
            Expr::Literal { value, .. } => Ok(value.clone()),
            Expr::Param(id) => self
                .mutation
                .params
                .get(id.0)
                .cloned()
                .ok_or_else(|| OmniError::internal(format!("parameter {} is not bound", id.0))),
            Expr::Now => Ok(Value::DateTime(self.mutation.now)),
            other => Err(OmniError::internal(format!("a statement holds the expression {other:?}"))),
        }
    }

    fn endpoint(&self, expr: &Expr, name: &str) -> Result<String> {
        match self.value(expr)? {
            Value::String(id) => Ok(id),
            Value::Null => Err(OmniError::bad_request(format!(
                "missing required endpoint '{name}' ('{name}' is non-nullable)"
            ))),
            other => Err(OmniError::internal(format!("endpoint '{name}' is {other:?}"))),
        }
    }

    async fn finish(self) -> Result<Planned<MutationCounts>> {
        let budget = MemoryBudget::new(self.snapshot.root().memory_budget() / IMAGE_MEMORY_SHARE);
        let mut delta = Delta::default();
        for (key, mut overlay) in self.overlays {
            overlay.settle().await?;
            if let Some(change) = images::write(overlay, &budget).await? {
                delta.types.insert(key, change);
            }
        }
        let rows = delta.types.values_mut().filter_map(|change| change.rows.as_mut());
        let incoming = rows.map(|rows| Incoming { rows, replaces_all: false }).collect();
        admit(&self.mutation.sources, Unit::Statement, incoming, &budget).await?;
        if let Some(embedder) = &self.mutation.embedder {
            let rows = delta.types.iter_mut();
            let rows = rows.filter_map(|(key, change)| Some((key, change.rows.as_mut()?))).collect();
            let catalog = self.snapshot.catalog();
            embed::fill(embedder.as_ref(), catalog, Unit::Statement, rows, &budget, &|_| ()).await?;
        }
        let prepared = prepare(self.snapshot, delta).await?;
        let mut reads = prepared.reads;
        reads.extend(self.reads);
        Ok(Planned::changes(self.counts, prepared.changes, reads))
    }
}

/// Finds the edges of one type that end at nodes of type `node` with these ids.
async fn incident(overlay: &Overlay, edge: &EdgeType, node: &str, ids: &StringArray) -> Result<Matching> {
    let ends = [(&edge.from, SRC), (&edge.to, DST)];
    let columns: Vec<&str> =
        ends.into_iter().filter(|(end, _)| *end == node).map(|(_, column)| column).collect();
    let mut stored = RoaringTreemap::new();
    if overlay.table.row_count() > 0 {
        let probes: ArrayRef = Arc::new(ids.clone());
        for column in &columns {
            let matches = overlay.table.key_index(&[column]).lookup(std::slice::from_ref(&probes)).await?;
            stored.extend(matches.address);
        }
        stored -= &overlay.hidden;
    }
    let mut inserted = Vec::new();
    if !overlay.inserted.is_empty() {
        let gone: HashSet<&str> = ids.iter().flatten().collect();
        for (arrival, image) in &overlay.inserted {
            let mut at = columns.iter().filter_map(|column| image.column_by_name(column));
            if at.any(|end| strings(end).is_ok_and(|end| gone.contains(end.value(0)))) {
                inserted.push(*arrival);
            }
        }
    }
    Ok(Matching { stored, inserted })
}

fn unknown_type(key: &TypeKey) -> OmniError {
    OmniError::bad_request(format!("unknown type '{key}'"))
}
