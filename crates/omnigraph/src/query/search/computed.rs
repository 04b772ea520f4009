//! Columns that are computed from a row's address: distances to a vector, and scores.

use std::fmt;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array};
use lance_linalg::distance::{Cosine, Normalize, dot, l2};
use omnigraph_compiler::catalog::Metric;
use roaring::RoaringTreemap;

use crate::error::{OmniError, Result};
use crate::query::cache::{Caches, TableKey};
use crate::storage::Table;
use crate::storage::blocking;
use crate::storage::text::Scores;
use crate::storage::vectors::{Block, BlockId, VectorColumn};

/// One row taken costs about as much as this many rows of a block.
const TAKE_COST: u64 = 8;
/// Work that is cheap enough to run without leaving the I/O threads, in numbers multiplied.
const INLINE: usize = 64 << 10;

/// The distance of a vector property to a query vector.
#[derive(Debug)]
pub(crate) struct Distance {
    /// The vector property.
    pub(crate) property: String,
    query: Arc<[f32]>,
    norm: f32,
    /// The query as it is compared on a grid: of length one for the cosine.
    on_grid: Vec<f32>,
    /// What is measured. The distance of a zero vector by the cosine is 1; that by the dot product is negated.
    pub(crate) metric: Metric,
}

impl Distance {
    pub(super) fn new(property: String, query: Vec<f32>, metric: Metric) -> Distance {
        let norm = f32::norm_l2(&query);
        let scale = if metric == Metric::Cosine { norm } else { 1.0 };
        let on_grid = query.iter().map(|x| x / scale).collect();
        Distance { property, query: query.into(), norm, on_grid, metric }
    }

    fn to(&self, vector: &[f32]) -> f64 {
        let query: &[f32] = &self.query;
        match self.metric {
            Metric::L2 => f64::from(l2(query, vector)).sqrt(),
            Metric::Cosine => match f32::cosine_fast(query, self.norm, vector) {
                distance if distance.is_finite() => f64::from(distance),
                _ => 1.0,
            },
            Metric::Dot => -f64::from(dot(query, vector)),
        }
    }

    /// Turns bounds of the Euclidean distance on the grid into bounds of this metric, for a vector of some length.
    fn scaled(&self, (low, high): (f64, f64), norm: f32) -> (f64, f64) {
        let (query, norm) = (f64::from(self.norm), f64::from(norm));
        // What the length of a sum of products, and that of the lengths, may be off by.
        let rounding = self.query.len() as f64 * f64::from(f32::EPSILON) * 4.0;
        match self.metric {
            Metric::L2 => (low, high),
            Metric::Cosine if query > 0.0 && norm > 0.0 => {
                (low * low / 2.0 - rounding, high * high / 2.0 + rounding)
            }
            Metric::Dot => {
                let lengths = query * query + norm * norm;
                let rounding = rounding * lengths;
                ((low * low - lengths) / 2.0 - rounding, (high * high - lengths) / 2.0 + rounding)
            }
            Metric::Cosine => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }
}

/// What a computed column holds, F64; null where a row has no score.
#[derive(Debug)]
pub(crate) enum Computed {
    /// Distances.
    Distance(Distance),
    /// BM25 scores.
    Score {
        /// The text property.
        property: String,
        /// By row.
        scores: Scores,
        /// The rows that have one.
        rows: Arc<RoaringTreemap>,
    },
    /// Fused ranks of two other columns, which the ranking operator computes.
    Fused {
        /// Their numbers.
        arms: [usize; 2],
        /// The constant of the fusion.
        k: f64,
    },
}

/// Computes a column for the rows at these addresses, in the order given; addresses may repeat.
pub(crate) async fn fetch(
    computed: &Arc<Computed>,
    caches: &Caches,
    table: &Table,
    addresses: &[u64],
) -> Result<ArrayRef> {
    match computed.as_ref() {
        Computed::Score { scores, .. } => {
            Ok(Arc::new(addresses.iter().map(|&row| scores.get(row)).collect::<Float64Array>()))
        }
        Computed::Distance(distance) => distances(computed, distance, caches, table, addresses).await,
        Computed::Fused { .. } => Err(OmniError::internal("a fused ranking is computed over all rows")),
    }
}

/// Rows of a block that are worth a sketch of all its rows.
const SKETCHED_ROWS: usize = 128;

/// Bounds the distances of rows to the query vector from below and above; null where a row has no vector.
pub(crate) async fn bounds(
    computed: &Arc<Computed>,
    table: &Table,
    addresses: &[u64],
) -> Result<(Float64Array, Float64Array)> {
    let Computed::Distance(distance) = computed.as_ref() else {
        return Err(OmniError::internal("only distances have bounds"));
    };
    let column = VectorColumn::new(table.clone(), &distance.property)?;
    let normalized = distance.metric == Metric::Cosine;
    let mut parts = Vec::new();
    for group in grouped(&column, addresses) {
        let sketch = match group.rows.len() {
            0..SKETCHED_ROWS => None,
            _ => Some(column.sketch(group.block, normalized).await?),
        };
        parts.push((sketch, group.rows));
    }
    let (computed, rows) = (computed.clone(), addresses.len());
    let run = move || {
        let Computed::Distance(distance) = computed.as_ref() else { unreachable!("as checked above") };
        let unknown = Some((f64::NEG_INFINITY, f64::INFINITY));
        let mut bounds = vec![unknown; rows];
        for (sketch, places) in &parts {
            let Some(sketch) = sketch else { continue };
            let query = sketch.place(&distance.on_grid);
            for &(row, at) in places {
                bounds[at] =
                    sketch.bounds(&query, row).map(|within| distance.scaled(within, sketch.norm(row)));
            }
        }
        bounds
    };
    let bounds = if rows * distance.query.len() <= INLINE { run() } else { blocking(run).await };
    let side = |pick: fn(&(f64, f64)) -> f64| bounds.iter().map(|b| b.as_ref().map(pick)).collect();
    Ok((side(|b| b.0), side(|b| b.1)))
}

/// Where rows are in a block, and in the result.
type Places = Vec<(usize, usize)>;

/// Rows of one block.
struct Group {
    block: BlockId,
    rows: Places,
}

async fn distances(
    computed: &Arc<Computed>,
    distance: &Distance,
    caches: &Caches,
    table: &Table,
    addresses: &[u64],
) -> Result<ArrayRef> {
    let column = VectorColumn::new(table.clone(), &distance.property)?;
    let mut parts: Vec<(Arc<Block>, Places)> = Vec::new();
    for group in grouped(&column, addresses) {
        parts.push(load(&column, distance, caches, table, addresses, group).await?);
    }
    let work = addresses.len() * distance.query.len();
    let (computed, rows) = (computed.clone(), addresses.len());
    let run = move || {
        let Computed::Distance(distance) = computed.as_ref() else {
            return Err(OmniError::internal("the column holds no distances"));
        };
        let mut values: Vec<Option<f64>> = vec![None; rows];
        for (block, places) in &parts {
            for &(row, at) in places {
                values[at] = block.get(row).map(|vector| distance.to(vector));
            }
        }
        Ok(Arc::new(Float64Array::from(values)) as ArrayRef)
    };
    if work <= INLINE { run() } else { blocking(run).await }
}

fn grouped(column: &VectorColumn, addresses: &[u64]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut last = 0;
    for (at, &address) in addresses.iter().enumerate() {
        let (block, row) = column.locate(address);
        if groups.get(last).is_none_or(|group| group.block != block) {
            last = groups.iter().position(|group| group.block == block).unwrap_or_else(|| {
                groups.push(Group { block, rows: Vec::new() });
                groups.len() - 1
            });
        }
        groups[last].rows.push((row, at));
    }
    groups
}

/// Brings the vectors of a group to memory: the block, or its few rows where little was asked of the block so far.
async fn load(
    column: &VectorColumn,
    distance: &Distance,
    caches: &Caches,
    table: &Table,
    addresses: &[u64],
    group: Group,
) -> Result<(Arc<Block>, Places)> {
    if let Some(block) = column.held(group.block).await? {
        return Ok((block, group.rows));
    }
    let what = format!("{:?}.{} {:?}", TableKey::of(table), distance.property, group.block);
    let spent = caches.spend(what, group.rows.len() as u64 * TAKE_COST);
    if spent >= u64::from(column.block_rows()) {
        return Ok((column.block(group.block).await?, group.rows));
    }
    let mut distinct: Vec<u64> = group.rows.iter().map(|&(_, at)| addresses[at]).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let taken = column.take(&distinct).await?;
    let places = group.rows.iter().map(|&(_, at)| {
        let row = distinct.binary_search(&addresses[at]).expect("every address is among the distinct ones");
        (row, at)
    });
    let places = places.collect();
    Ok((Arc::new(taken), places))
}

impl fmt::Display for Computed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Computed::Distance(distance) => {
                write!(f, "nearest({}) {}", distance.property, distance.metric)
            }
            Computed::Score { property, rows, .. } => write!(f, "bm25({property}) over {} rows", rows.len()),
            Computed::Fused { arms: [a, b], k } => write!(f, "rrf(#{a}, #{b}, {k})"),
        }
    }
}
