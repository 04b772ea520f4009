//! Scalars as DataFusion physical expressions.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;

use super::eval::{Operand, evaluate};
use super::lower::Scalar;
use super::value::to_array;

/// A [`Scalar`] that DataFusion's operators can evaluate. It finds its columns by name.
#[derive(Debug)]
pub(crate) struct GraphExpr {
    scalar: Scalar,
    text: String,
}

impl GraphExpr {
    /// Wraps a scalar.
    pub(crate) fn shared(scalar: Scalar) -> Arc<dyn PhysicalExpr> {
        let text = scalar.to_string();
        Arc::new(GraphExpr { scalar, text })
    }
}

impl fmt::Display for GraphExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

// The text names every column, constant and operator, so it tells expressions over one schema apart; sets of rows are
// only told apart by their size, and never compared: no operator groups or sorts by membership.
impl PartialEq for GraphExpr {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for GraphExpr {}

impl Hash for GraphExpr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PhysicalExpr for GraphExpr {
    fn data_type(&self, _schema: &Schema) -> Result<DataType> {
        Ok(self.scalar.data_type())
    }

    fn nullable(&self, _schema: &Schema) -> Result<bool> {
        Ok(true)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        Ok(match evaluate(&self.scalar, batch)? {
            Operand::Array(array) => ColumnarValue::Array(array),
            Operand::Const { value, ty } => {
                let one = to_array(std::slice::from_ref(value), ty)?;
                ColumnarValue::Scalar(ScalarValue::try_from_array(&one, 0)?)
            }
        })
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![]
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(self)
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
