//! From a delta to changes of tables: checks the final image, then builds what is to be stored.
//!
//! Owns [`prepare`]. Reads the snapshot; publishes nothing.
//!
//! Invariants: (1) a change is built only from a delta whose final image violates no constraint; (2) of two rows with
//! one id at most one is appended; (3) an address is removed at most once.
//! Cost: grows with the delta, not with the graph; memory is bounded by the root's budget, rows stay in their spools.
//! Cancellation: dropping the future has no effect on the graph.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use omnigraph_compiler::catalog::TypeKey;
use omnigraph_graph::commit::Snapshot;
use omnigraph_storage::TableChange;
use roaring::RoaringTreemap;

use super::delta::Delta;
use super::spool::Spool;
use super::validate::{self, Change, Image};
use crate::error::Result;

/// A checked delta.
pub(crate) struct Prepared {
    /// Changes of the types that have any.
    pub(crate) changes: BTreeMap<TypeKey, TableChange>,
    /// Types whose stored entities were looked at.
    pub(crate) reads: BTreeSet<TypeKey>,
}

/// Checks the image of the graph after `delta` and builds the table changes that produce it.
///
/// # Errors
/// The first violation, in the order value constraints, ids and uniqueness, endpoints, cardinality, and inside one
/// check by type key, then id; [`crate::OmniError::KeyConflict`] for refused ids; storage failures.
pub(crate) async fn prepare(snapshot: &Snapshot, delta: Delta) -> Result<Prepared> {
    let mut image = Image::open(snapshot, delta).await?;
    validate::check(&mut image).await?;
    let (changes, reads) = image.into_parts();
    Ok(Prepared { changes: table_changes(changes), reads })
}

/// Turns checked changes into changes of tables, where there is anything to change.
pub(in crate::write) fn table_changes(changes: BTreeMap<TypeKey, Change>) -> BTreeMap<TypeKey, TableChange> {
    let changes = changes.into_iter().filter_map(|(key, change)| {
        let append = change.rows.map(|spool| appended(&spool, change.table.schema(), change.superseded));
        let remove = if change.replace_all { RoaringTreemap::new() } else { change.remove };
        let replace_all = change.replace_all && change.table.row_count() > 0;
        let changes_something = append.is_some() || replace_all || !remove.is_empty();
        changes_something.then_some((key, TableChange { remove, replace_all, append, compact: false }))
    });
    changes.collect()
}

/// Streams the rows of a spool in the table's schema, without those at the superseded ordinals.
fn appended(spool: &Spool, schema: SchemaRef, superseded: RoaringTreemap) -> SendableRecordBatchStream {
    let columns: Vec<usize> = (0..schema.fields().len()).collect();
    let mut next = 0_u64;
    let target = schema.clone();
    let rows = spool.stream(Some(&columns)).map(move |batch| {
        let batch = batch.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let first = next;
        next += batch.num_rows() as u64;
        let batch = without(batch, first, &superseded)?;
        Ok(RecordBatch::try_new(target.clone(), batch.columns().to_vec())?)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}

/// Drops the rows of `batch` whose ordinal, counted from `first`, is superseded.
fn without(
    batch: RecordBatch,
    first: u64,
    superseded: &RoaringTreemap,
) -> std::result::Result<RecordBatch, DataFusionError> {
    let end = first + batch.num_rows() as u64;
    if superseded.is_empty() || superseded.range_cardinality(first..end) == 0 {
        return Ok(batch);
    }
    let live: BooleanArray = (first..end).map(|ordinal| Some(!superseded.contains(ordinal))).collect();
    Ok(filter_record_batch(&batch, &live)?)
}
