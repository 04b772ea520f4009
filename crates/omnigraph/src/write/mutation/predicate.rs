//! Which entities a `where` means: one comparison on one column, and how to find what satisfies it.
//!
//! Three-valued: a null on either side never matches. Numbers compare by mathematical value, except that the value
//! compared with an F32 property is rounded to F32 first.

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, SchemaRef};
use futures::StreamExt;
use omnigraph_compiler::catalog::{Catalog, Constraint, EntityKind, TypeKey};
use omnigraph_compiler::ir::{CompareOp, Field};
use omnigraph_compiler::types::Value;
use omnigraph_graph::model::{DST, ID, SRC};
use omnigraph_storage::objects::failure;
use omnigraph_storage::{Scan, Table};
use roaring::RoaringTreemap;

use crate::error::Result;
use crate::write::validate::compare::Comparison;

/// Rows per batch of a predicate scan.
const SCAN_ROWS: usize = 8192;

/// A comparison, resolved for one table.
pub(super) struct Condition {
    /// Position of the column in the table's schema.
    pub(super) column: usize,
    name: String,
    comparison: Comparison,
    /// The column whose key index answers equality, if there is one.
    index: Option<String>,
}

impl Condition {
    /// Resolves `field op value` for the table of a type.
    pub(super) fn new(
        catalog: &Catalog,
        key: &TypeKey,
        schema: &SchemaRef,
        field: &Field,
        op: CompareOp,
        value: &Value,
    ) -> Result<Condition> {
        let name = match field {
            Field::Property { name, .. } => name.as_str(),
            Field::From => SRC,
            Field::To => DST,
        };
        let column = schema.index_of(name)?;
        let ty = schema.field(column).data_type();
        let comparison = Comparison::new(ty, op, &rounded(ty, value))?;
        let index = index_column(catalog, key, name, ty).map(str::to_owned);
        Ok(Condition { column, name: name.to_owned(), comparison, index })
    }

    /// Returns the addresses of the stored entities whose committed image satisfies it.
    pub(super) async fn stored(&self, table: &Table) -> Result<RoaringTreemap> {
        if self.comparison.is_never() || table.row_count() == 0 {
            return Ok(RoaringTreemap::new());
        }
        match (self.comparison.sole_value(), &self.index) {
            (Some(value), Some(index)) => {
                let matches = table.key_index(&[index]).lookup(std::slice::from_ref(value)).await?;
                Ok(matches.address.into_iter().collect())
            }
            _ => self.scan(table).await,
        }
    }

    async fn scan(&self, table: &Table) -> Result<RoaringTreemap> {
        let columns = vec![self.name.clone()];
        let scan = Scan { columns, fragments: None, with_address: true, batch_rows: SCAN_ROWS };
        let mut batches = table.scan(scan)?;
        let mut found = RoaringTreemap::new();
        while let Some(batch) = batches.next().await.transpose().map_err(failure::stream)? {
            tokio::task::consume_budget().await;
            let outcome = self.comparison.evaluate(batch.column(0))?;
            let addresses = batch.column(1).as_primitive::<UInt64Type>().values();
            found.extend((0..outcome.len()).filter(|&row| holds(&outcome, row)).map(|row| addresses[row]));
        }
        Ok(found)
    }

    /// Tells whether one value of the column satisfies it.
    pub(super) fn accepts(&self, value: &ArrayRef) -> Result<bool> {
        Ok(holds(&self.comparison.evaluate(value)?, 0))
    }

    /// Tells whether nothing satisfies it.
    pub(super) fn is_never(&self) -> bool {
        self.comparison.is_never()
    }
}

fn holds(outcome: &arrow_array::BooleanArray, row: usize) -> bool {
    outcome.is_valid(row) && outcome.value(row)
}

/// Applies the rule that a value is rounded to the width of the F32 property it is compared with.
fn rounded(column: &DataType, value: &Value) -> Value {
    match value {
        Value::Int(v) if column == &DataType::Float32 => Value::Float(f64::from(*v as f32)),
        Value::Float(v) if column == &DataType::Float32 => Value::Float(f64::from(*v as f32)),
        other => other.clone(),
    }
}

/// Returns the column to look a value up by: the id for a text key, the column itself where it is declared to be looked
/// up by, and for endpoints.
fn index_column<'a>(catalog: &Catalog, key: &TypeKey, column: &'a str, ty: &DataType) -> Option<&'a str> {
    let constraints = match key.kind {
        EntityKind::Edge if column == SRC || column == DST => return Some(column),
        EntityKind::Edge => &catalog.edges.get(&key.name)?.constraints,
        EntityKind::Node => &catalog.nodes.get(&key.name)?.constraints,
    };
    let alone = |members: &[String]| matches!(members, [one] if one == column);
    let declared = |constraint: &Constraint| match constraint {
        Constraint::Key(members) | Constraint::Unique(members) | Constraint::Index(members) => alone(members),
        Constraint::Range { .. } | Constraint::Check { .. } => false,
    };
    let is_key = |constraint: &Constraint| matches!(constraint, Constraint::Key(members) if alone(members));
    if ty == &DataType::Utf8 && constraints.iter().any(is_key) {
        return Some(ID);
    }
    constraints.iter().any(declared).then_some(column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_rounded_to_the_width_of_a_single_precision_property() {
        let tenth = Value::Float(f64::from(0.1_f32));
        assert_eq!(rounded(&DataType::Float32, &Value::Float(0.1)), tenth);
        assert_eq!(rounded(&DataType::Float64, &Value::Float(0.1)), Value::Float(0.1));
        assert_eq!(rounded(&DataType::Float32, &Value::Int(16_777_217)), Value::Float(16_777_216.0));
        assert_eq!(rounded(&DataType::Int64, &Value::Int(16_777_217)), Value::Int(16_777_217));
    }
}
