//! Physical operators over batches of bindings, and building a DataFusion plan from them.
//!
//! `build` turns a logical plan into operators. A pipeline starts with a `scan`, a `lookup` by key or an `index_scan`;
//! `expand` follows edges (`walk` finds where), `fetch` adds properties, `cross` combines what nothing connects,
//! `negation` and `optional` run an inner pipeline on the rows, `path` adds the paths of traversals (`shortest` finds
//! them). After the match, `rank` keeps the rows of the best entities, for which `distance_bounds` drops most others
//! early, and `fuse` fuses two rankings (`fusion_inputs`).
//!
//! Every operator has one partition and streams; none holds more than one batch of input plus its stated state.
//! DataFusion's own operators do filters, sorts, aggregates, limits and projections.

mod build;
mod cross;
mod distance_bounds;
mod expand;
mod fetch;
mod fuse;
mod fusion_inputs;
mod index_scan;
mod lookup;
mod negation;
mod optional;
mod path;
mod rank;
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
use super::topology::TraversalMode;
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
    pub(crate) mode: TraversalMode,
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

/// Implements `Debug` and [`ExecutionPlan`](datafusion::physical_plan::ExecutionPlan) of an operator, whose name in
/// plans is that of its type: `operator!(CrossExec, [left, right])` names the fields that hold its inputs.
///
/// The operator has the fields `properties` and `metrics`, implements `DisplayAs`, and brings two methods: `run`, which
/// executes a partition, and, where it has inputs, `with_inputs`, which makes the same operator over others.
macro_rules! operator {
    (@debug $operator:ident) => {
        impl std::fmt::Debug for $operator {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                use datafusion::physical_plan::DisplayFormatType::Default;

                datafusion::physical_plan::DisplayAs::fmt_as(self, Default, f)
            }
        }
    };
    (@common $operator:ident) => {
        fn name(&self) -> &str {
            stringify!($operator)
        }

        fn properties(&self) -> &std::sync::Arc<datafusion::physical_plan::PlanProperties> {
            &self.properties
        }

        fn metrics(&self) -> Option<datafusion::physical_plan::metrics::MetricsSet> {
            Some(self.metrics.clone_inner())
        }

        fn execute(
            &self,
            partition: usize,
            context: std::sync::Arc<datafusion::execution::TaskContext>,
        ) -> datafusion::common::Result<datafusion::execution::SendableRecordBatchStream> {
            self.run(partition, context)
        }
    };
    ($operator:ident, []) => {
        operator!(@debug $operator);

        impl datafusion::physical_plan::ExecutionPlan for $operator {
            operator!(@common $operator);

            fn children(&self) -> Vec<&std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>> {
                vec![]
            }

            fn with_new_children(
                self: std::sync::Arc<Self>,
                _: Vec<std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>>,
            ) -> datafusion::common::Result<std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>> {
                Ok(self)
            }
        }
    };
    ($operator:ident, [$($input:ident),+]) => {
        operator!(@debug $operator);

        impl datafusion::physical_plan::ExecutionPlan for $operator {
            operator!(@common $operator);

            fn children(&self) -> Vec<&std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>> {
                vec![$(&self.$input),+]
            }

            fn with_new_children(
                self: std::sync::Arc<Self>,
                children: Vec<std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>>,
            ) -> datafusion::common::Result<std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>> {
                let inputs = children.try_into().map_err(|_| {
                    let message = concat!(stringify!($operator), " is given another number of inputs than it has");
                    datafusion::error::DataFusionError::Internal(message.into())
                })?;
                Ok(std::sync::Arc::new(self.with_inputs(inputs)?))
            }
        }
    };
}
use operator;
