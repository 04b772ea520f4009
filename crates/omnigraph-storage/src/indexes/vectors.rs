//! Vectors of one column in memory, by row address.
//!
//! Derived state: blocks of consecutive rows of immutable fragments are read once, held in a bounded cache of the process, and
//! shared by every table version that has the fragment. Quantized blocks are also stored as index parts
//! ([`crate::indexes::part`]). Blocks have deleted rows, too: a caller asks for live rows only.
//!
//! Memory: the cache's bound, plus one block per caller.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, FixedSizeListArray, Float32Array};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use lance::dataset::fragment::FileFragment;
use lance_table::format::Fragment;
use omnigraph_vector::QuantizedVectors;

use crate::error::{Result, StorageError};
use crate::indexes::part::{self, PartKind, PartLocation};
use crate::objects::failure;
use crate::objects::root::blocking;
use crate::single_flight::build_once;
use crate::tables::fragment::{self, DerivedKey};
use crate::tables::table::{Table, physical_rows};

/// Bytes of a block; one row at least.
const BLOCK_BYTES: usize = 8 << 20;

/// What is done to vectors before they are quantized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Normalization {
    /// Nothing.
    None,
    /// They are given length one, as lengths do not count for the cosine.
    UnitLength,
}

/// Vectors of consecutive rows.
pub struct Block {
    dimension: usize,
    values: Float32Array,
    nulls: Option<NullBuffer>,
}

impl Block {
    fn new(lists: &FixedSizeListArray) -> Result<Block> {
        let values = lists.values().as_primitive_opt::<Float32Type>();
        let values = values.ok_or_else(|| StorageError::internal("a vector column does not hold F32"))?;
        let dimension = usize::try_from(lists.value_length()).unwrap_or(0);
        let first = usize::try_from(lists.value_offset(0)).unwrap_or(0);
        let values = values.slice(first, lists.len() * dimension);
        Ok(Block { dimension, values, nulls: lists.nulls().cloned() })
    }

    /// Returns the vector of a row; none when it is null.
    ///
    /// # Panics
    /// When the row is not in the block.
    pub fn get(&self, row: usize) -> Option<&[f32]> {
        let valid = self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        valid.then(|| &self.values.values()[row * self.dimension..(row + 1) * self.dimension])
    }

    fn rows(&self) -> usize {
        self.values.len().checked_div(self.dimension).unwrap_or(0)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.len() * size_of::<f32>() + size_of::<Block>()
    }
}

/// The vectors of a column of one table version.
#[derive(Clone, Debug)]
pub struct VectorColumn {
    table: Table,
    column: Vec<String>,
    key: Arc<str>,
    block_rows: u32,
}

/// Which block a row is in: fragment, number of the block.
pub type BlockId = (u32, u32);

impl VectorColumn {
    /// Looks at a column.
    ///
    /// # Errors
    /// `internal` when it does not hold vectors.
    pub fn new(table: Table, column: &str) -> Result<VectorColumn> {
        let column = vec![column.to_owned()];
        let schema = table.project(&column)?;
        let DataType::FixedSizeList(_, dimension) = schema.field(0).data_type() else {
            return Err(StorageError::internal(format!("column '{}' does not hold vectors", column[0])));
        };
        let row_bytes = usize::try_from(*dimension).unwrap_or(1).max(1) * size_of::<f32>();
        let block_rows = u32::try_from((BLOCK_BYTES / row_bytes).max(1)).unwrap_or(u32::MAX);
        let key = fragment::columns_key(&table, &column)?.into();
        Ok(VectorColumn { table, column, key, block_rows })
    }

    /// Returns the table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Returns the name of the column.
    pub fn name(&self) -> &str {
        &self.column[0]
    }

    /// Returns the number of rows of a block; the last one of a fragment has fewer.
    pub fn block_rows(&self) -> u32 {
        self.block_rows
    }

    /// Returns the block of a row address, and the row's position in it.
    pub fn locate(&self, address: u64) -> (BlockId, usize) {
        let (fragment, offset) = ((address >> 32) as u32, address as u32);
        ((fragment, offset / self.block_rows), (offset % self.block_rows) as usize)
    }

    /// Returns the address of the first row of a block.
    pub fn first(&self, (fragment, block): BlockId) -> u64 {
        (u64::from(fragment) << 32) + u64::from(block) * u64::from(self.block_rows)
    }

    /// Returns a block, read from storage if it is not in memory.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn block(&self, id: BlockId) -> Result<Arc<Block>> {
        let key = (self.fragment_key(id.0)?, id.1);
        let caches = self.table.root().caches();
        let this = self.clone();
        build_once(&caches.vectors, key, async move { this.read(id).await.map(Arc::new) }).await
    }

    /// Returns a block if it is in memory.
    ///
    /// # Errors
    /// `internal` when there is no such fragment.
    pub async fn cached(&self, id: BlockId) -> Result<Option<Arc<Block>>> {
        let key = (self.fragment_key(id.0)?, id.1);
        Ok(self.table.root().caches().vectors.get(&key).await)
    }

    /// Returns a block with quantized vectors.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn quantized(
        &self,
        id: BlockId,
        normalization: Normalization,
    ) -> Result<Arc<QuantizedVectors>> {
        let key = self.fragment_key(id.0)?;
        let caches = self.table.root().caches();
        let location = self.part_location(self.fragment(id.0)?.metadata(), id.1, normalization);
        let this = self.clone();
        let build = async move {
            let root = this.table.root();
            if let Some(location) = &location
                && let Some(quantized) = part::load(root, location, QuantizedVectors::from_bytes).await
            {
                return Ok(Arc::new(quantized));
            }
            let quantized = this.quantize(id, normalization).await?;
            if let Some(location) = location {
                let quantized = quantized.clone();
                root.store_part(location, move || Ok(quantized.to_bytes()));
            }
            Ok(quantized)
        };
        build_once(&caches.quantized, (key, id.1, normalization), build).await
    }

    async fn quantize(&self, id: BlockId, normalization: Normalization) -> Result<Arc<QuantizedVectors>> {
        let block = self.block(id).await?;
        let unit_length = normalization == Normalization::UnitLength;
        let quantize =
            move || QuantizedVectors::new(block.dimension, block.rows(), unit_length, |row| block.get(row));
        Ok(Arc::new(blocking(quantize).await))
    }

    /// Returns where a quantized block is stored; nowhere if the fragment is too small.
    fn part_location(
        &self,
        fragment: &Fragment,
        block: u32,
        normalization: Normalization,
    ) -> Option<PartLocation> {
        let suffix = match normalization {
            Normalization::None => "",
            Normalization::UnitLength => "/normalized",
        };
        let part = format!("{block}/{}{suffix}", self.block_rows);
        PartLocation::of(&self.table, fragment, &self.key, PartKind::QuantizedVectors, &part)
    }

    /// Returns where the quantized blocks of a fragment are stored; nowhere if it is too small.
    pub(crate) fn part_locations(
        &self,
        fragment: &Fragment,
        normalization: Normalization,
    ) -> Vec<PartLocation> {
        let blocks = physical_rows(fragment).div_ceil(u64::from(self.block_rows));
        let blocks = 0..u32::try_from(blocks).unwrap_or(u32::MAX);
        blocks.map_while(|block| self.part_location(fragment, block, normalization)).collect()
    }

    /// Reads the vectors of some rows, whose ascending addresses are given, past the cache.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn take(&self, addresses: &[u64]) -> Result<Block> {
        let batch = self.table.take(addresses, &self.column).await?;
        Block::new(lists(&batch)?)
    }

    async fn read(&self, (fragment, block): BlockId) -> Result<Block> {
        let fragment = self.fragment(fragment)?;
        let rows = fragment.physical_rows().await.map_err(|e| failure::table(self.table.path(), e))?;
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        let start = block * self.block_rows;
        let range = start..start.saturating_add(self.block_rows).min(rows);
        let batches = fragment::read(&self.table, &fragment, &self.column, Some(range)).await?;
        let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(0).as_ref()).collect();
        let whole = arrow_select::concat::concat(&parts)?;
        let lists = whole.as_fixed_size_list_opt();
        Block::new(lists.ok_or_else(|| StorageError::internal("a vector column holds something else"))?)
    }

    fn fragment_key(&self, id: u32) -> Result<DerivedKey> {
        Ok(fragment::derived_key(&self.table, &self.fragment(id)?, &self.key))
    }

    fn fragment(&self, id: u32) -> Result<FileFragment> {
        let fragment = self.table.dataset().get_fragment(id as usize);
        fragment.ok_or_else(|| {
            StorageError::internal(format!("table {} has no fragment {id}", self.table.path()))
        })
    }
}

fn lists(batch: &arrow_array::RecordBatch) -> Result<&FixedSizeListArray> {
    let lists = batch.column(0).as_fixed_size_list_opt();
    lists.ok_or_else(|| StorageError::internal("a vector column holds something else"))
}
