//! Physical operators over batches of bindings, and building a DataFusion plan from them.
//!
//! Every operator has one partition and streams; none holds more than one batch of input plus its stated state.
//! DataFusion's own operators do filters, sorts, aggregates, limits and projections.

mod arms;
mod bound;
mod build;
mod cross;
mod expand;
mod fetch;
mod fuse;
mod lookup;
mod negation;
mod optional;
mod path;
mod rank;
mod rows;
mod scan;
mod shortest;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result as DfResult;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{Partitioning, PlanProperties};
use omnigraph_compiler::catalog::TypeKey;
use omnigraph_storage::Table;

use super::cache::Caches;
use super::search::Searches;
use super::topology::Mode;
use crate::error::{QueryError, Result};

pub(crate) use build::build;

/// Rows per output batch.
pub(crate) const BATCH_ROWS: usize = 8192;

/// What the operators of one query share.
#[derive(Clone)]
pub(crate) struct Shared {
    /// Every table the query may read.
    pub(crate) tables: Arc<BTreeMap<TypeKey, Table>>,
    pub(crate) caches: Arc<Caches>,
    pub(crate) mode: Mode,
    pub(crate) searches: Arc<Searches>,
}

impl Shared {
    pub(crate) fn table(&self, key: &TypeKey) -> Result<&Table> {
        self.tables
            .get(key)
            .ok_or_else(|| QueryError::internal(format!("{key} was not opened for the query")))
    }
}

/// Properties of a streaming operator with one partition.
fn properties(schema: &SchemaRef) -> Arc<PlanProperties> {
    Arc::new(PlanProperties::new(
        EquivalenceProperties::new(schema.clone()),
        Partitioning::UnknownPartitioning(1),
        EmissionType::Incremental,
        Boundedness::Bounded,
    ))
}

fn address_field(name: String) -> Field {
    Field::new(name, DataType::UInt64, false)
}

/// Returns a schema with the named fields of another, in that order, and more fields after them.
fn select(schema: &Schema, names: &[String], more: impl IntoIterator<Item = Field>) -> DfResult<SchemaRef> {
    let mut fields =
        names.iter().map(|name| Ok(schema.field_with_name(name)?.clone())).collect::<DfResult<Vec<_>>>()?;
    fields.extend(more);
    Ok(Arc::new(Schema::new(fields)))
}

/// Returns an address column of a batch.
fn addresses<'a>(batch: &'a RecordBatch, name: &str) -> DfResult<&'a UInt64Array> {
    batch
        .column_by_name(name)
        .and_then(|c| c.as_primitive_opt::<UInt64Type>())
        .ok_or_else(|| DataFusionError::Internal(format!("no address column {name}")))
}

/// Carries an error of these crates through a DataFusion stream.
pub(crate) fn external(error: impl Into<QueryError>) -> DataFusionError {
    match error.into() {
        QueryError::DataFusion(error) => error,
        other => DataFusionError::External(Box::new(other)),
    }
}

/// Implements what all operators answer alike; `children` and `with_new_children` differ.
macro_rules! operator {
    ($name:literal) => {
        fn name(&self) -> &str {
            $name
        }

        fn properties(&self) -> &Arc<datafusion::physical_plan::PlanProperties> {
            &self.properties
        }

        fn metrics(&self) -> Option<datafusion::physical_plan::metrics::MetricsSet> {
            Some(self.metrics.clone_inner())
        }
    };
}
use operator;
