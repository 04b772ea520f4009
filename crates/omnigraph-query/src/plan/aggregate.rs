//! Grouping: the keys and aggregates of a grouped or distinct result, and what its columns are after it.

use std::collections::BTreeSet;

use arrow_schema::DataType;
use omnigraph_compiler::ir::{Aggregate, Expr, Output};
use omnigraph_graph::model;

use super::{PlanContext, address, column};
use crate::error::Result;
use crate::expr::Scalar;

/// Grouping of rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grouping {
    /// Output column name and value of each key; the address of a node is its key.
    pub(crate) keys: Vec<(String, Scalar)>,
    pub(crate) aggregates: Vec<AggregateBy>,
}

/// One aggregate.
#[derive(Clone, Debug)]
pub(crate) struct AggregateBy {
    /// Output column name.
    pub(crate) name: String,
    pub(crate) function: Aggregate,
    /// `None` counts rows.
    pub(crate) argument: Option<Scalar>,
    pub(crate) distinct: bool,
}

impl Grouping {
    /// Collects the columns that keys and arguments are computed from.
    pub(super) fn columns(&self, into: &mut BTreeSet<String>) {
        self.keys.iter().for_each(|(_, key)| key.columns(into));
        self.aggregates.iter().filter_map(|a| a.argument.as_ref()).for_each(|a| a.columns(into));
    }
}

/// A grouping and its results.
pub(super) struct Grouped {
    pub(super) grouping: Grouping,
    /// Result columns, in the order of the projections.
    pub(super) outputs: Vec<Scalar>,
    /// Those of them that tell groups apart: all but aggregates.
    pub(super) keys: Vec<Scalar>,
    /// Ids of the node variables among the keys, which are fetched once per group.
    pub(super) ids: BTreeSet<String>,
}

/// Plans the grouping of a read that is grouped or distinct.
pub(super) fn plan(context: &PlanContext<'_>) -> Result<Grouped> {
    let mut grouped =
        Grouped { grouping: Grouping::default(), outputs: vec![], keys: vec![], ids: BTreeSet::new() };
    let grouping = &mut grouped.grouping;
    for (at, projection) in context.read.projections.iter().enumerate() {
        let output = match &projection.value {
            Output::Value(Expr::Node(var)) => {
                let name = address(*var);
                if !grouping.keys.iter().any(|(known, _)| *known == name) {
                    let key = Scalar::Column { name: name.clone(), ty: DataType::UInt64 };
                    grouping.keys.push((name, key));
                }
                grouped.ids.insert(column(*var, model::ID));
                Scalar::Column { name: column(*var, model::ID), ty: DataType::Utf8 }
            }
            Output::Value(expr) => {
                let scalar = context.env.lower(expr)?;
                let (name, ty) = (format!("k{at}"), scalar.data_type());
                grouping.keys.push((name.clone(), scalar.normal()));
                Scalar::Column { name, ty }
            }
            Output::Aggregate { function, argument, distinct } => {
                let argument = aggregate_argument(context, *function, argument.as_ref(), *distinct)?;
                let (name, ty) = (format!("a{at}"), result_type(*function, argument.as_ref()));
                grouping.aggregates.push(AggregateBy {
                    name: name.clone(),
                    function: *function,
                    distinct: *distinct && argument.is_some(),
                    argument,
                });
                grouped.outputs.push(Scalar::Column { name, ty });
                continue;
            }
        };
        grouped.keys.push(output.clone());
        grouped.outputs.push(output);
    }
    Ok(grouped)
}

fn result_type(function: Aggregate, argument: Option<&Scalar>) -> DataType {
    match function {
        Aggregate::Count => DataType::Int64,
        Aggregate::Sum | Aggregate::Avg => DataType::Float64,
        Aggregate::Min | Aggregate::Max => argument.map_or(DataType::Null, Scalar::data_type),
    }
}

/// `None` counts rows. A node is counted by its address, which is as good as its id and need not be fetched.
fn aggregate_argument(
    context: &PlanContext<'_>,
    function: Aggregate,
    argument: Option<&Expr>,
    distinct: bool,
) -> Result<Option<Scalar>> {
    let Some(expr) = argument else { return Ok(None) };
    if let (Aggregate::Count, Expr::Node(var)) = (function, expr) {
        let counted = Scalar::Column { name: address(*var), ty: DataType::UInt64 };
        let may_be_null = context.read.variables[var.0].optional;
        return Ok((distinct || may_be_null).then_some(counted));
    }
    let scalar = context.env.lower(expr)?;
    Ok(Some(match function {
        Aggregate::Sum | Aggregate::Avg => Scalar::Float(Box::new(scalar)).normal(),
        Aggregate::Count | Aggregate::Min | Aggregate::Max => scalar.normal(),
    }))
}
