//! The pending state of one type: its table as the statements so far have left it.
//!
//! An update assigns constants, so it is kept as an address set plus constants: the pending image of a stored entity is
//! its committed image with the assignments of every update whose set holds it, in order. Inserted entities are kept as
//! images.
//!
//! Invariants: (1) an entity is either stored and not hidden, or inserted, never both; (2) hidden entities match nothing;
//! (3) addresses are those of the table version the overlay was opened on.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use omnigraph_graph::model::ID;
use omnigraph_storage::Table;
use roaring::RoaringTreemap;

use super::predicate::Condition;
use crate::error::Result;
use crate::write::validate::strings;

/// The pending state of one type.
pub(super) struct Overlay {
    /// Its committed state.
    pub(super) table: Table,
    /// Stored entities that are deleted, or replaced by an inserted one.
    pub(super) hidden: RoaringTreemap,
    /// Updates of stored entities, in order.
    pub(super) updates: Vec<Update>,
    /// Inserted entities by arrival: one-row images in spool form.
    pub(super) inserted: BTreeMap<u64, RecordBatch>,
    /// Arrival of each inserted id.
    arrivals: HashMap<String, u64>,
    /// Stored entities whose id was inserted, by that id.
    pub(super) holders: HashMap<String, u64>,
    /// Inserted ids that may be stored as well.
    unsettled: Vec<String>,
    next_arrival: u64,
}

/// Constants assigned to some stored entities.
pub(super) struct Update {
    /// Number of the statement, from 1.
    pub(super) line: u64,
    /// Which entities.
    pub(super) addresses: RoaringTreemap,
    /// What is assigned.
    pub(super) cells: Arc<[Cell]>,
}

/// A constant for one column.
#[derive(Debug)]
pub(super) struct Cell {
    /// Position of the column in the table's schema.
    pub(super) column: usize,
    /// One value of the column's type.
    pub(super) value: ArrayRef,
}

/// Entities that a condition holds for.
pub(super) struct Matching {
    /// Addresses of stored ones.
    pub(super) stored: RoaringTreemap,
    /// Arrivals of inserted ones.
    pub(super) inserted: Vec<u64>,
}

impl Matching {
    pub(super) fn len(&self) -> u64 {
        self.stored.len() + self.inserted.len() as u64
    }
}

impl Overlay {
    pub(super) fn new(table: Table) -> Overlay {
        Overlay {
            table,
            hidden: RoaringTreemap::new(),
            updates: Vec::new(),
            inserted: BTreeMap::new(),
            arrivals: HashMap::new(),
            holders: HashMap::new(),
            unsettled: Vec::new(),
            next_arrival: 0,
        }
    }

    /// Adds an entity, or replaces the one with its id. `fresh` says that no stored entity can have it.
    pub(super) fn insert(&mut self, image: RecordBatch, fresh: bool) -> Result<()> {
        let id = strings(image.column(0))?.value(0).to_owned();
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        if let Some(earlier) = self.arrivals.insert(id.clone(), arrival) {
            self.inserted.remove(&earlier);
        } else if !fresh && !self.holders.contains_key(&id) {
            self.unsettled.push(id);
        }
        self.inserted.insert(arrival, image);
        Ok(())
    }

    /// Finds and hides the stored entities that inserted ones replace.
    pub(super) async fn settle(&mut self) -> Result<()> {
        let ids = std::mem::take(&mut self.unsettled);
        if ids.is_empty() || self.table.row_count() == 0 {
            return Ok(());
        }
        let probes: ArrayRef = Arc::new(StringArray::from_iter_values(&ids));
        let matches = self.table.key_index(&[ID]).lookup(&[probes]).await?;
        for (probe, address) in matches.probe.into_iter().zip(matches.address) {
            self.hidden.insert(address);
            self.holders.insert(ids[probe as usize].clone(), address);
        }
        Ok(())
    }

    /// Finds the entities whose pending image satisfies a condition.
    pub(super) async fn matching(&mut self, condition: &Condition) -> Result<Matching> {
        if condition.is_never() {
            return Ok(Matching { stored: RoaringTreemap::new(), inserted: Vec::new() });
        }
        self.settle().await?;
        let mut stored = condition.stored(&self.table).await?;
        for update in &self.updates {
            for cell in update.cells.iter().filter(|cell| cell.column == condition.column) {
                if condition.accepts(&cell.value)? {
                    stored |= &update.addresses;
                } else {
                    stored -= &update.addresses;
                }
            }
        }
        stored -= &self.hidden;
        let mut inserted = Vec::new();
        for (arrival, image) in &self.inserted {
            if condition.accepts(image.column(condition.column))? {
                inserted.push(*arrival);
            }
        }
        Ok(Matching { stored, inserted })
    }

    /// Assigns constants to entities.
    pub(super) fn update(&mut self, line: u64, matching: Matching, cells: &Arc<[Cell]>) -> Result<()> {
        for arrival in matching.inserted {
            if let Some(image) = self.inserted.get_mut(&arrival) {
                let mut columns = image.columns().to_vec();
                for cell in cells.iter() {
                    columns[cell.column] = cell.value.clone();
                }
                *image = RecordBatch::try_new(image.schema(), columns)?;
            }
        }
        if !matching.stored.is_empty() {
            self.updates.push(Update { line, addresses: matching.stored, cells: cells.clone() });
        }
        Ok(())
    }

    /// Removes entities. Returns the ids of the inserted ones among them.
    pub(super) fn remove(&mut self, matching: &Matching) -> Result<Vec<String>> {
        self.hidden |= &matching.stored;
        let mut ids = Vec::with_capacity(matching.inserted.len());
        for arrival in &matching.inserted {
            if let Some(image) = self.inserted.remove(arrival) {
                let id = strings(image.column(0))?.value(0).to_owned();
                self.arrivals.remove(&id);
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// Returns the stored entities that are updated and still there.
    pub(super) fn updated(&self) -> RoaringTreemap {
        let mut updated = RoaringTreemap::new();
        for update in &self.updates {
            updated |= &update.addresses;
        }
        updated - &self.hidden
    }
}
