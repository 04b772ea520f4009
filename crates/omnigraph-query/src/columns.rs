//! Late fetch: property values of rows named by address.
//!
//! Few rows are taken from storage, each distinct row once. A block of a column ([`omnigraph_storage::tables::values`])
//! from which much was taken is read once and kept ([`Caches::reads_whole`]), and later fetches from it are memory
//! lookups, for this table version and every other that has the file. A block that exceeds its share of the memory
//! budget is never kept.

use std::collections::{BTreeMap, HashMap};

use arrow::compute;
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, UInt32Array, new_empty_array};
use omnigraph_storage::tables::values::{BlockId, BlockKey, ValueColumn, locate};
use omnigraph_storage::{Table, build_once};

use super::cache::Caches;
use crate::error::{QueryError, Result};

/// Rows per batch of internal scans.
pub(crate) const SCAN_ROWS: usize = 8192;
/// A request costs about as much as reading this many rows of a block, however few it takes.
const REQUEST_COST: u64 = 512;

/// Where rows are: the blocks that hold them, and for each row which of these, and its position there.
struct Rows {
    blocks: Vec<(BlockId, u64)>,
    positions: Vec<(usize, usize)>,
}

impl Rows {
    fn new(addresses: &[u64]) -> Rows {
        let mut known: BTreeMap<BlockId, usize> = BTreeMap::new();
        let (mut blocks, mut positions): (Vec<(BlockId, u64)>, _) =
            (Vec::new(), Vec::with_capacity(addresses.len()));
        // Most rows are in the block of the one before.
        let mut last: Option<(BlockId, usize)> = None;
        for address in addresses {
            let (block, row) = locate(*address);
            let at = match last {
                Some((known, at)) if known == block => at,
                _ => *known.entry(block).or_insert_with(|| {
                    blocks.push((block, 0));
                    blocks.len() - 1
                }),
            };
            last = Some((block, at));
            blocks[at].1 += 1;
            positions.push((at, row as usize));
        }
        Rows { blocks, positions }
    }
}

/// Returns one array per column with the values of the rows, in the order given; addresses may repeat.
pub(crate) async fn fetch(
    caches: &Caches,
    table: &Table,
    columns: &[String],
    addresses: &[u64],
) -> Result<Vec<ArrayRef>> {
    if addresses.is_empty() {
        let schema = table.project(columns)?;
        return Ok(schema.fields().iter().map(|field| new_empty_array(field.data_type())).collect());
    }
    let rows = Rows::new(addresses);
    let mut held: Vec<Vec<Option<ArrayRef>>> = Vec::with_capacity(columns.len());
    // Columns by which of the blocks are not in memory: they are taken together.
    let mut cold: BTreeMap<Vec<bool>, Vec<usize>> = BTreeMap::new();
    for (at, column) in columns.iter().enumerate() {
        let column = ValueColumn::new(table, column)?;
        let mut blocks = Vec::with_capacity(rows.blocks.len());
        for (block, wanted) in &rows.blocks {
            blocks.push(whole_block(caches, &column, *block, *wanted, rows.blocks.len() as u64).await?);
        }
        if blocks.iter().any(Option::is_none) {
            cold.entry(blocks.iter().map(Option::is_none).collect()).or_default().push(at);
        }
        held.push(blocks);
    }
    let mut taken: Vec<Option<ArrayRef>> = vec![None; columns.len()];
    for (blocks, at) in cold {
        let names: Vec<String> = at.iter().map(|at| columns[*at].clone()).collect();
        let missing = addresses.iter().zip(&rows.positions).filter(|(_, (block, _))| blocks[*block]);
        let missing: Vec<u64> = missing.map(|(address, _)| *address).collect();
        for (at, array) in at.into_iter().zip(take_distinct(table, &names, &missing).await?) {
            taken[at] = Some(array);
        }
    }
    let columns = held.into_iter().zip(taken);
    columns.map(|(blocks, taken)| assembled(&rows, &blocks, taken)).collect()
}

/// Puts the values of the rows together, from blocks in memory and from those that were taken, in the same order.
fn assembled(rows: &Rows, blocks: &[Option<ArrayRef>], taken: Option<ArrayRef>) -> Result<ArrayRef> {
    match (blocks, taken) {
        ([Some(block)], _) => {
            let positions: Vec<u32> = rows.positions.iter().map(|(_, row)| *row as u32).collect();
            Ok(compute::take(block, &UInt32Array::from(positions), None)?)
        }
        (blocks, Some(taken)) if blocks.iter().all(Option::is_none) => Ok(taken),
        (blocks, taken) => {
            let mut sources: Vec<&dyn arrow_array::Array> = Vec::with_capacity(blocks.len() + 1);
            let mut source_of = Vec::with_capacity(blocks.len());
            for block in blocks {
                source_of.push(block.as_ref().map(|block| {
                    sources.push(block.as_ref());
                    sources.len() - 1
                }));
            }
            let rest = sources.len();
            sources.extend(taken.as_deref());
            let mut next = 0;
            let positions = rows.positions.iter().map(|(block, row)| match source_of[*block] {
                Some(source) => (source, *row),
                None => {
                    next += 1;
                    (rest, next - 1)
                }
            });
            let positions: Vec<(usize, usize)> = positions.collect();
            Ok(compute::interleave(&sources, &positions)?)
        }
    }
}

/// Returns a block if it is in memory, or is worth it by now: `wanted` of its rows are, in a request to so many blocks.
async fn whole_block(
    caches: &Caches,
    column: &ValueColumn,
    id: BlockId,
    wanted: u64,
    requested: u64,
) -> Result<Option<ArrayRef>> {
    let (key, rows) = column.block(id)?;
    if let Some(known) = caches.columns.get(&key).await {
        return Ok(known);
    }
    let name = format!("{}\0{}", key.0, key.1);
    if !caches.reads_whole(name, rows, wanted, REQUEST_COST / requested.max(1)) {
        return Ok(None);
    }
    load(caches, column, id, key).await
}

async fn load(caches: &Caches, column: &ValueColumn, id: BlockId, key: BlockKey) -> Result<Option<ArrayRef>> {
    let (column, limit) = (column.clone(), caches.column_bytes);
    Ok(build_once(&caches.columns, key, async move { column.read(id, limit).await }).await?)
}

/// Returns the values of a text column for some rows, which may repeat; none where it is null.
pub(crate) async fn texts(
    caches: &Caches,
    table: &Table,
    column: &str,
    mut rows: Vec<u64>,
) -> Result<HashMap<u64, String>> {
    rows.sort_unstable();
    rows.dedup();
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let fetched = fetch(caches, table, &[column.to_owned()], &rows).await?;
    let texts = fetched[0].as_string_opt::<i32>();
    let texts = texts.ok_or_else(|| QueryError::internal(format!("column '{column}' holds no texts")))?;
    Ok(rows.iter().zip(texts).filter_map(|(row, text)| Some((*row, text?.to_owned()))).collect())
}

/// Takes rows, which may repeat, in the order given; each distinct one is read once.
pub(crate) async fn take_distinct(
    table: &Table,
    columns: &[String],
    addresses: &[u64],
) -> Result<Vec<ArrayRef>> {
    let ascending = addresses.windows(2).all(|w| w[0] < w[1]);
    if ascending {
        return Ok(table.take(addresses, columns).await?.columns().to_vec());
    }
    let mut distinct = addresses.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let batch = table.take(&distinct, columns).await?;
    let positions: UInt32Array = addresses
        .iter()
        .map(|a| {
            distinct.binary_search(a).map(|i| i as u32).expect("every address is among the distinct ones")
        })
        .collect::<Vec<u32>>()
        .into();
    batch.columns().iter().map(|c| Ok(compute::take(c, &positions, None)?)).collect()
}
