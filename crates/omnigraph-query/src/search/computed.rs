//! Columns that are computed from a row's address: distances to a vector, and scores.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array, UInt32Array};
use arrow_buffer::ScalarBuffer;
use arrow_schema::DataType;
use omnigraph_compiler::catalog::Metric;
use omnigraph_storage::blocking;
use omnigraph_storage::indexes::text::Scores;
use omnigraph_storage::indexes::vectors::{Block, BlockId, Normalization, VectorColumn};
use omnigraph_vector::{Bounded, QuantizedVectors, Query, SearchRadius};
use roaring::RoaringTreemap;

use crate::cache::{Caches, TableKey};
use crate::error::{QueryError, Result};
use crate::topology::AddressMap;

/// A request costs about as much as reading this many rows of a block, however few it takes.
const REQUEST_COST: u64 = 256;
/// Work that is cheap enough to run without leaving the I/O threads, in numbers multiplied.
const INLINE: usize = 64 << 10;

/// The distance of a vector property to a query vector.
#[derive(Debug)]
pub(crate) struct Distance {
    column: VectorColumn,
    query: Query,
    metric: Metric,
}

impl Distance {
    pub(super) fn new(column: VectorColumn, vector: Vec<f32>, metric: Metric) -> Distance {
        let measure = match metric {
            Metric::L2 => omnigraph_vector::Metric::L2,
            Metric::Cosine => omnigraph_vector::Metric::Cosine,
            Metric::Dot => omnigraph_vector::Metric::Dot,
        };
        Distance { column, query: Query::new(vector, measure), metric }
    }
}

/// What a computed column holds; null where a row has no score.
#[derive(Debug)]
pub(crate) enum ComputedColumn {
    /// Distances.
    Distance(Distance),
    /// BM25 scores.
    Score {
        /// The text property.
        property: String,
        /// By row.
        scores: Scores,
        /// The rows that have one, gathered when they are asked for.
        rows: OnceLock<Arc<RoaringTreemap>>,
    },
    /// Measures of nodes, never null.
    Measure {
        /// What is measured.
        label: String,
        /// The nodes.
        rows: Arc<AddressMap>,
        /// Their measures.
        values: ArrayRef,
    },
    /// Fused ranks of two other columns, which the ranking operator computes.
    Fused {
        /// Their numbers.
        inputs: [usize; 2],
        /// The constant of the fusion.
        k: f64,
    },
}

/// Computes a column for the rows at these addresses, in the order given; addresses may repeat.
pub(crate) async fn fetch(
    computed: &Arc<ComputedColumn>,
    caches: &Caches,
    addresses: &[u64],
) -> Result<ArrayRef> {
    match computed.as_ref() {
        ComputedColumn::Score { scores, .. } => {
            Ok(Arc::new(scores.of(addresses).into_iter().collect::<Float64Array>()))
        }
        ComputedColumn::Distance(distance) => distances(computed, distance, caches, addresses).await,
        ComputedColumn::Measure { rows, values, .. } => {
            let positions = addresses.iter().map(|row| rows.ordinal(*row)).collect::<Option<Vec<u32>>>();
            let positions = positions.ok_or_else(|| QueryError::internal("a measured node has no number"))?;
            Ok(arrow_select::take::take(values, &UInt32Array::from(positions), None)?)
        }
        ComputedColumn::Fused { .. } => {
            Err(QueryError::internal("a fused ranking is computed over all rows"))
        }
    }
}

impl ComputedColumn {
    /// Returns the type of the column.
    pub(crate) fn data_type(&self) -> DataType {
        match self {
            ComputedColumn::Measure { values, .. } => values.data_type().clone(),
            ComputedColumn::Distance(_) | ComputedColumn::Score { .. } | ComputedColumn::Fused { .. } => {
                DataType::Float64
            }
        }
    }
}

/// Rows of a block for which it is worth to quantize all its rows.
const QUANTIZED_ROWS: usize = 128;

/// Returns the rows, of those at some addresses, whose score may be within a search radius, with bounds of it: of rows
/// that have a score, all but those whose distance is beyond it for certain. Positions ascend where addresses do.
pub(crate) async fn within(
    computed: &Arc<ComputedColumn>,
    caches: &Caches,
    addresses: &ScalarBuffer<u64>,
    radius: Option<&Arc<SearchRadius>>,
) -> Result<Vec<Bounded>> {
    let exact = |(position, score): (usize, f64)| Bounded { position, lower: score, upper: score };
    match (computed.as_ref(), radius) {
        (ComputedColumn::Distance(distance), Some(radius)) => {
            bounds(computed, distance, addresses, radius).await
        }
        (ComputedColumn::Score { scores, .. }, _) => {
            Ok(scores.among(addresses).into_iter().map(exact).collect())
        }
        _ => {
            let scores = fetch(computed, caches, addresses).await?;
            let scores = scores.as_primitive_opt::<Float64Type>();
            let scores = scores.ok_or_else(|| QueryError::internal("scores are no numbers"))?;
            let found = scores.iter().enumerate().filter_map(|(position, score)| Some((position, score?)));
            Ok(found.map(exact).collect())
        }
    }
}

async fn bounds(
    computed: &Arc<ComputedColumn>,
    distance: &Distance,
    addresses: &ScalarBuffer<u64>,
    radius: &Arc<SearchRadius>,
) -> Result<Vec<Bounded>> {
    let column = &distance.column;
    // Runs of rows of one block: long ones when addresses ascend.
    let (addresses, order) = if addresses.is_sorted() {
        (addresses.clone(), None)
    } else {
        let mut order: Vec<usize> = (0..addresses.len()).collect();
        order.sort_unstable_by_key(|at| addresses[*at]);
        (order.iter().map(|at| addresses[*at]).collect(), Some(order))
    };
    let mut runs: Vec<(Range<usize>, u64, Option<Arc<QuantizedVectors>>)> = Vec::new();
    let normalization = match distance.query.normalized() {
        true => Normalization::UnitLength,
        false => Normalization::None,
    };
    let mut start = 0;
    while let Some(address) = addresses.get(start) {
        let block = column.locate(*address).0;
        let first = column.first(block);
        let end = first + u64::from(column.block_rows());
        let rows = addresses[start..].partition_point(|address| *address < end);
        let quantized = match rows {
            0..QUANTIZED_ROWS => None,
            _ => Some(column.quantized(block, normalization).await?),
        };
        runs.push((start..start + rows, first, quantized));
        start += rows;
    }
    let inline = addresses.len() * distance.query.dimension() <= INLINE;
    let (computed, radius) = (computed.clone(), radius.clone());
    let run = move || {
        let mut found = Vec::new();
        let ComputedColumn::Distance(distance) = computed.as_ref() else { return found };
        for (rows, first, quantized) in runs {
            match quantized {
                Some(quantized) => {
                    let at = rows.start;
                    distance.query.bounds(&quantized, first, &addresses[rows], at, &radius, &mut found);
                }
                // Nothing is known of few rows.
                None => found.extend(rows.map(|position| Bounded {
                    position,
                    lower: f64::NEG_INFINITY,
                    upper: f64::INFINITY,
                })),
            }
        }
        if let Some(order) = order {
            found.iter_mut().for_each(|row| row.position = order[row.position]);
        }
        found.sort_unstable_by_key(|row| row.position);
        found
    };
    Ok(if inline { run() } else { blocking(run).await })
}

/// Where rows are in a block, and in the result.
type Positions = Vec<(usize, usize)>;

/// The rows of one block that are asked for.
struct BlockRows {
    block: BlockId,
    rows: Positions,
}

async fn distances(
    computed: &Arc<ComputedColumn>,
    distance: &Distance,
    caches: &Caches,
    addresses: &[u64],
) -> Result<ArrayRef> {
    let column = &distance.column;
    let mut parts: Vec<(Arc<Block>, Positions)> = Vec::new();
    for group in grouped(column, addresses) {
        parts.push(load(column, caches, addresses, group).await?);
    }
    let work = addresses.len() * distance.query.dimension();
    let (computed, rows) = (computed.clone(), addresses.len());
    let run = move || {
        let ComputedColumn::Distance(distance) = computed.as_ref() else {
            return Err(QueryError::internal("the column holds no distances"));
        };
        let mut values: Vec<Option<f64>> = vec![None; rows];
        for (block, positions) in &parts {
            for &(row, at) in positions {
                values[at] = block.get(row).map(|vector| distance.query.distance(vector));
            }
        }
        Ok(Arc::new(Float64Array::from(values)) as ArrayRef)
    };
    if work <= INLINE { run() } else { blocking(run).await }
}

fn grouped(column: &VectorColumn, addresses: &[u64]) -> Vec<BlockRows> {
    let mut groups: Vec<BlockRows> = Vec::new();
    // The group of the last address, and the addresses of its block: most follow one another.
    let (mut last, mut span) = (0, 0..0);
    for (at, &address) in addresses.iter().enumerate() {
        if !span.contains(&address) {
            let block = column.locate(address).0;
            let first = column.first(block);
            span = first..first + u64::from(column.block_rows());
            last = groups.iter().position(|group| group.block == block).unwrap_or_else(|| {
                groups.push(BlockRows { block, rows: Vec::new() });
                groups.len() - 1
            });
        }
        groups[last].rows.push(((address - span.start) as usize, at));
    }
    groups
}

/// Brings the vectors of a group to memory: the block, or its few rows where little was asked of the block so far.
async fn load(
    column: &VectorColumn,
    caches: &Caches,
    addresses: &[u64],
    group: BlockRows,
) -> Result<(Arc<Block>, Positions)> {
    if let Some(block) = column.cached(group.block).await? {
        return Ok((block, group.rows));
    }
    let name = format!("{:?}.{} {:?}", TableKey::of(column.table()), column.name(), group.block);
    let (block_rows, taken) = (u64::from(column.block_rows()), group.rows.len() as u64);
    if caches.reads_whole(name, block_rows, taken, REQUEST_COST) {
        return Ok((column.block(group.block).await?, group.rows));
    }
    let mut distinct: Vec<u64> = group.rows.iter().map(|&(_, at)| addresses[at]).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let taken = column.take(&distinct).await?;
    let positions = group.rows.iter().map(|&(_, at)| {
        let row = distinct.binary_search(&addresses[at]).expect("every address is among the distinct ones");
        (row, at)
    });
    let positions = positions.collect();
    Ok((Arc::new(taken), positions))
}

impl fmt::Display for ComputedColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ComputedColumn::Distance(distance) => {
                write!(f, "nearest({}) {}", distance.column.name(), distance.metric)
            }
            ComputedColumn::Score { property, scores, .. } => {
                write!(f, "bm25({property}) over {} rows", scores.len())
            }
            ComputedColumn::Measure { label, .. } => f.write_str(label),
            ComputedColumn::Fused { inputs: [a, b], k } => write!(f, "rrf(#{a}, #{b}, {k})"),
        }
    }
}
