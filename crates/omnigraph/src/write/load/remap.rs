//! Older spellings of keyed ids in a permissive stream: endpoints that use one are rewritten to the canonical id.
//!
//! A node whose `id` denotes its key in another spelling is stored under the canonical id, and edges of the same input
//! may refer to it by the spelling. A spelling has to mean one node: two nodes that claim it, or one that claims what is
//! the canonical id of another, are refused, whether or not an edge uses it.
//!
//! Cost: nothing when every id is canonical. Otherwise, for each node type with such ids, a pass over its rows and a
//! rewrite of the edges that end there, and as many of both as its spellings need to fit their share of the memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::{StringBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use futures::StreamExt;
use omnigraph_compiler::catalog::{Catalog, TypeKey};
use omnigraph_graph::model::{DST, ID, SRC};

use super::Rows;
use crate::error::{OmniError, Place, Result, Unit};
use crate::write::spool::{LINE, MemoryBudget, Spool, SpoolWriter, spool_schema};
use crate::write::validate::keymap::{KeyHash, KeyMap, Partition, Passes};
use crate::write::validate::strings;

/// Column of the spelling in a spool of spellings; the canonical id and the record follow.
const SPELLING: &str = "spelling";
/// Spellings before they go to their spool.
const BATCH_ROWS: usize = 16 * 1024;
/// Least memory for the spellings of one pass.
const MEMORY_FLOOR: usize = 1 << 20;

/// Gathers the older spellings of one node type.
pub(super) struct Spellings {
    spellings: StringBuilder,
    ids: StringBuilder,
    records: UInt64Builder,
    schema: SchemaRef,
    spool: SpoolWriter,
}

impl Spellings {
    pub(super) fn new(budget: &Arc<MemoryBudget>) -> Spellings {
        let text = |name| Field::new(name, DataType::Utf8, false);
        let schema = spool_schema(&Arc::new(Schema::new(vec![text(SPELLING), text(ID)])));
        Spellings {
            spellings: StringBuilder::new(),
            ids: StringBuilder::new(),
            records: UInt64Builder::new(),
            spool: SpoolWriter::new(schema.clone(), budget.clone()),
            schema,
        }
    }

    /// Notes that a record spells the canonical `id` in another way.
    pub(super) fn add(&mut self, spelling: &str, id: &str, record: u64) -> Result<()> {
        self.spellings.append_value(spelling);
        self.ids.append_value(id);
        self.records.append_value(record);
        if self.records.values_slice().len() >= BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.spellings.finish()),
            Arc::new(self.ids.finish()),
            Arc::new(self.records.finish()),
        ];
        self.spool.push(RecordBatch::try_new(self.schema.clone(), columns)?)
    }

    /// Ends the gathering.
    pub(super) fn finish(mut self) -> Result<Spool> {
        self.flush()?;
        self.spool.finish()
    }
}

/// Rewrites the endpoints of all edges that use an older spelling.
///
/// # Errors
/// A spelling that means two nodes, with both places; failures of the temporary files.
pub(super) async fn apply(
    catalog: &Catalog,
    types: &mut BTreeMap<TypeKey, Rows>,
    spellings: &BTreeMap<TypeKey, Spool>,
    budget: &Arc<MemoryBudget>,
    memory: u64,
) -> Result<()> {
    let memory = usize::try_from(memory).unwrap_or(usize::MAX).max(MEMORY_FLOOR);
    for (node, spool) in spellings {
        let nodes = types.get(node).map(|rows| rows.spool.clone());
        let mut remap = Remap { hash: KeyHash::new(), ambiguous: None };
        let mut passes = Passes::new();
        while let Some(partition) = passes.next() {
            let Some(map) = remap.read(spool, partition, memory, &mut passes).await? else { continue };
            if let Some(nodes) = &nodes {
                remap.check_canonical(nodes, &map).await?;
            }
            if remap.ambiguous.is_some() {
                continue;
            }
            for edge in catalog.incident_edges(&node.name) {
                let Some(rows) = types.get_mut(&TypeKey::edge(&edge.name)) else { continue };
                let ends = [(&edge.from, SRC), (&edge.to, DST)];
                let columns: Vec<&str> = ends
                    .into_iter()
                    .filter(|(end, _)| **end == node.name)
                    .map(|(_, column)| column)
                    .collect();
                rows.spool = remap.rewrite(&rows.spool, &columns, &map, budget).await?;
            }
        }
        if let Some(ambiguous) = remap.ambiguous {
            return Err(ambiguous.into_error(node));
        }
    }
    Ok(())
}

/// What a spelling means.
#[derive(Clone)]
struct Meaning {
    id: String,
    record: u64,
}

/// A spelling that means two nodes.
struct Ambiguous {
    spelling: String,
    first: Meaning,
    second: Meaning,
}

impl Ambiguous {
    fn into_error(self, node: &TypeKey) -> OmniError {
        let Ambiguous { spelling, first, second } = self;
        let at = Place { unit: Unit::Record, number: first.record };
        let text = format!(
            "ambiguous edge endpoint remap: '{spelling}' of {} is '{}' here and '{}' at {at}; \
             use the canonical ids",
            node.name, second.id, first.id
        );
        OmniError::input(Unit::Record, second.record, Some(node.clone()), None, text)
    }
}

/// The spellings of one node type.
struct Remap {
    hash: KeyHash,
    /// The ambiguity that shows first in record order.
    ambiguous: Option<Ambiguous>,
}

impl Remap {
    /// Reads the spellings of a partition; nothing when they need too much memory and the partition was split.
    async fn read(
        &mut self,
        spool: &Spool,
        partition: Partition,
        memory: usize,
        passes: &mut Passes,
    ) -> Result<Option<KeyMap<Meaning>>> {
        let mut map: KeyMap<Meaning> = KeyMap::new();
        let mut held = 0;
        let mut batches = spool.stream(None);
        while let Some(batch) = batches.next().await.transpose()? {
            let (spellings, ids) = (strings(batch.column(0))?, strings(batch.column(1))?);
            let records = batch.column(2).as_primitive::<UInt64Type>().values();
            for row in 0..batch.num_rows() {
                let (spelling, id, record) = (spellings.value(row), ids.value(row), records[row]);
                let hash = self.hash.of(spelling.as_bytes());
                if !partition.holds(hash) {
                    continue;
                }
                let meaning = Meaning { id: id.to_owned(), record };
                let (known, added) = map.entry(hash, spelling.as_bytes(), meaning);
                if added {
                    held += id.len();
                } else if known.id != id {
                    let (first, second) = (known.clone(), Meaning { id: id.to_owned(), record });
                    self.offer(spelling, first, second);
                }
            }
            if map.memory() + held > memory && passes.split(partition) {
                return Ok(None);
            }
            tokio::task::consume_budget().await;
        }
        Ok(Some(map))
    }

    /// Finds nodes whose canonical id is the spelling of another one.
    async fn check_canonical(&mut self, nodes: &Spool, map: &KeyMap<Meaning>) -> Result<()> {
        let schema = nodes.schema();
        let columns = [schema.index_of(ID)?, schema.index_of(LINE)?];
        let mut batches = nodes.stream(Some(&columns));
        while let Some(batch) = batches.next().await.transpose()? {
            let ids = strings(batch.column(0))?;
            let records = batch.column(1).as_primitive::<UInt64Type>().values();
            for (id, &record) in ids.iter().flatten().zip(records) {
                let Some(known) = map.get(self.hash.of(id.as_bytes()), id.as_bytes()) else { continue };
                if known.id != id {
                    let (one, other) = (known.clone(), Meaning { id: id.to_owned(), record });
                    let (first, second) = if one.record < record { (one, other) } else { (other, one) };
                    self.offer(id, first, second);
                }
            }
            tokio::task::consume_budget().await;
        }
        Ok(())
    }

    fn offer(&mut self, spelling: &str, first: Meaning, second: Meaning) {
        let earlier = self.ambiguous.as_ref().is_none_or(|held| second.record < held.second.record);
        if earlier {
            self.ambiguous = Some(Ambiguous { spelling: spelling.to_owned(), first, second });
        }
    }

    /// Replaces the spellings of one pass in some columns of edge rows.
    async fn rewrite(
        &self,
        edges: &Spool,
        columns: &[&str],
        map: &KeyMap<Meaning>,
        budget: &Arc<MemoryBudget>,
    ) -> Result<Spool> {
        let schema = edges.schema();
        let mut writer = SpoolWriter::new(schema.clone(), budget.clone());
        let mut batches = edges.stream(None);
        while let Some(batch) = batches.next().await.transpose()? {
            let mut arrays = batch.columns().to_vec();
            for column in columns {
                let at = schema.index_of(column)?;
                let canonical = |id: &'_ str| map.get(self.hash.of(id.as_bytes()), id.as_bytes());
                let ends = strings(&arrays[at])?;
                let rewritten: StringArray = ends
                    .iter()
                    .map(|end| end.map(|id| canonical(id).map_or(id, |known| &known.id)))
                    .collect();
                arrays[at] = Arc::new(rewritten);
            }
            writer.push(RecordBatch::try_new(schema.clone(), arrays)?)?;
            tokio::task::consume_budget().await;
        }
        writer.finish()
    }
}
