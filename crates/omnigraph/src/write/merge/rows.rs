//! Gathers what a merge does to the rows of one type: a [`TypeDelta`], which checks and staging take.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow_select::concat::concat_batches;
use omnigraph_graph::model::ID;
use omnigraph_storage::Table;
use roaring::RoaringTreemap;

use crate::error::Result;
use crate::write::delta::{OnDuplicate, OnExisting, TypeDelta};
use crate::write::spool::{MemoryBudget, SpoolWriter, spool_schema};

/// Entities per step.
const STEP: usize = 1024;

/// The effect of a merge on one table.
pub(super) struct Gathered {
    table: Table,
    writer: SpoolWriter,
    images: Vec<RecordBatch>,
    /// Entities whose row in the table is to be found.
    unlocated: Vec<Unlocated>,
    remove: RoaringTreemap,
    replaced: RoaringTreemap,
    rows: u64,
}

/// An entity whose row is to be found by its id.
struct Unlocated {
    id: String,
    /// Whether an image takes the place of the row; otherwise it is removed.
    is_replaced: bool,
}

impl Gathered {
    /// Starts with no effect on `table`.
    pub(super) fn new(table: Table, budget: Arc<MemoryBudget>) -> Gathered {
        let writer = SpoolWriter::new(spool_schema(&table.schema()), budget);
        Gathered {
            table,
            writer,
            images: Vec::new(),
            unlocated: Vec::new(),
            remove: RoaringTreemap::new(),
            replaced: RoaringTreemap::new(),
            rows: 0,
        }
    }

    /// Gives an entity an image, or none. `location` is its row in the table.
    pub(super) async fn set(
        &mut self,
        id: &str,
        location: RowLocation,
        image: Option<RecordBatch>,
    ) -> Result<()> {
        match location {
            RowLocation::At(address) => {
                self.remove.insert(address);
                if image.is_some() {
                    self.replaced.insert(address);
                }
            }
            RowLocation::Absent => {}
            RowLocation::Unknown => {
                self.unlocated.push(Unlocated { id: id.to_owned(), is_replaced: image.is_some() });
            }
        }
        if let Some(image) = image {
            self.images.push(image);
        }
        if self.images.len() >= STEP || self.unlocated.len() >= STEP {
            self.flush().await?;
        }
        Ok(())
    }

    /// Returns the effect.
    pub(super) async fn finish(mut self) -> Result<TypeDelta> {
        self.flush().await?;
        let rows = if self.rows > 0 { Some(self.writer.finish()?) } else { None };
        Ok(TypeDelta {
            rows,
            remove: self.remove,
            replace_all: false,
            on_existing: OnExisting::Resolved { replaced: self.replaced },
            on_duplicate: OnDuplicate::Reject,
        })
    }

    async fn flush(&mut self) -> Result<()> {
        let unlocated = std::mem::take(&mut self.unlocated);
        if !unlocated.is_empty() {
            let ids = unlocated.iter().map(|entity| entity.id.as_str());
            let ids: ArrayRef = Arc::new(StringArray::from_iter_values(ids));
            let matches = self.table.key_index(&[ID]).lookup(&[ids]).await?;
            for (probe, address) in matches.probe.into_iter().zip(matches.address) {
                self.remove.insert(address);
                if unlocated[probe as usize].is_replaced {
                    self.replaced.insert(address);
                }
            }
        }
        let images = std::mem::take(&mut self.images);
        if let Some(first) = images.first() {
            let batch = concat_batches(&first.schema(), &images)?;
            let lines = UInt64Array::from_iter_values(self.rows..self.rows + batch.num_rows() as u64);
            self.rows += batch.num_rows() as u64;
            let mut columns = batch.columns().to_vec();
            columns.push(Arc::new(lines));
            self.writer.push(RecordBatch::try_new(spool_schema(&self.table.schema()), columns)?)?;
        }
        Ok(())
    }
}

/// Where the row of an entity is in a table.
#[derive(Clone, Copy, Debug)]
pub(super) enum RowLocation {
    /// At an address.
    At(u64),
    /// Nowhere.
    Absent,
    /// To be found.
    Unknown,
}
