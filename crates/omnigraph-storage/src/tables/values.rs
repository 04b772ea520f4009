//! Blocks: the values of one column in consecutive rows of an immutable fragment, read whole so that they can be cached.
//!
//! A block is named by data files, so it is never stale, and every table version that has the fragment shares it. Deleted rows
//! are in it, too: a caller asks for live rows only. Caching is the caller's; nothing is held here.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use lance::dataset::fragment::FileFragment;

use crate::error::{Result, StorageError};
use crate::tables::fragment::{self, DerivedKey};
use crate::tables::table::{Table, physical_rows};

/// Rows of a block; the last one of a fragment has fewer.
const BLOCK_ROWS: u32 = 64 << 10;

/// Which block a row is in: fragment, number of the block.
pub type BlockId = (u32, u32);

/// Names a block of a column across all tables of the process.
pub type BlockKey = (DerivedKey, u32);

/// A column of one table version.
#[derive(Clone)]
pub struct ValueColumn {
    table: Table,
    column: [String; 1],
    key: Arc<str>,
}

/// Returns the block of a row address, and the row's place in it.
pub fn locate(address: u64) -> (BlockId, u32) {
    let (fragment, offset) = ((address >> 32) as u32, address as u32);
    ((fragment, offset / BLOCK_ROWS), offset % BLOCK_ROWS)
}

impl ValueColumn {
    /// Looks at a column.
    ///
    /// # Errors
    /// `internal` for an unknown column.
    pub fn new(table: &Table, column: &str) -> Result<ValueColumn> {
        let column = [column.to_owned()];
        let key = fragment::columns_key(table, &column)?.into();
        Ok(ValueColumn { table: table.clone(), column, key })
    }

    /// Returns the name of a block, and how many rows it has.
    ///
    /// # Errors
    /// `internal` when there is no such block.
    pub fn block(&self, (id, block): BlockId) -> Result<(BlockKey, u64)> {
        let fragment = self.fragment(id)?;
        let start = u64::from(block) * u64::from(BLOCK_ROWS);
        let rows = physical_rows(fragment.metadata()).saturating_sub(start).min(u64::from(BLOCK_ROWS));
        Ok(((fragment::derived_key(&self.table, &fragment, &self.key), block), rows))
    }

    /// Reads a block; none when its values take more than `limit` bytes.
    ///
    /// # Errors
    /// `Storage`; `internal` when there is no such block.
    pub async fn read(&self, (id, block): BlockId, limit: usize) -> Result<Option<ArrayRef>> {
        let (_, rows) = self.block((id, block))?;
        let start = block * BLOCK_ROWS;
        let range = start..start + u32::try_from(rows).unwrap_or(BLOCK_ROWS);
        let batches = fragment::read(&self.table, &self.fragment(id)?, &self.column, Some(range)).await?;
        let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(0).as_ref()).collect();
        let bytes: usize = parts.iter().map(|part| part.get_buffer_memory_size()).sum();
        // Offsets of 32 bits hold as much at most.
        if bytes > limit.min(i32::MAX as usize) {
            return Ok(None);
        }
        Ok(Some(arrow_select::concat::concat(&parts)?))
    }

    fn fragment(&self, id: u32) -> Result<FileFragment> {
        let fragment = self.table.dataset().get_fragment(id as usize);
        fragment.ok_or_else(|| {
            StorageError::internal(format!("table {} has no fragment {id}", self.table.path()))
        })
    }
}
