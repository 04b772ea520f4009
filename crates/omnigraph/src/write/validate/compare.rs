//! Comparison of a column with a constant by mathematical value, whatever the two numeric types.
//!
//! Pure. The constant is first brought to the column's type without changing the outcome of any comparison
//! (`x < 2.7` on an integer column is `x <= 2`), then one Arrow kernel runs over the column. Both zeros are equal; a
//! null in the column gives null, never true or false.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Date64Array, Float32Array, Float64Array, Int32Array,
    Int64Array, Scalar, StringArray, UInt32Array, UInt64Array,
};
use arrow_buffer::BooleanBuffer;
use arrow_ord::cmp;
use arrow_schema::DataType;
use omnigraph_compiler::ir::CompareOp;
use omnigraph_compiler::types::Value;

use crate::error::{OmniError, Result};

/// A comparison with a constant, ready for columns of one type.
#[derive(Debug)]
pub(in crate::write) enum Comparison {
    /// Unknown for every value: the constant is null.
    Unknown,
    /// The same for every non-null value.
    Always(bool),
    /// Decided by comparing with one value of the column's type.
    With {
        /// The operator.
        op: CompareOp,
        /// One value.
        constant: ArrayRef,
    },
    /// Decided by being one of the two float zeros, or not.
    Zero {
        /// Whether zeros pass, or everything else.
        equal: bool,
    },
}

impl Comparison {
    /// Prepares `column op value` for columns of this type.
    ///
    /// # Errors
    /// Internal when the two are not comparable; the query compiler refuses that.
    pub(in crate::write) fn new(column: &DataType, op: CompareOp, value: &Value) -> Result<Comparison> {
        let number = match value {
            Value::Null => return Ok(Comparison::Unknown),
            Value::Int(v) => Some(Number::Int(*v)),
            Value::Float(v) => Some(Number::Float(*v)),
            Value::Bool(_) | Value::String(_) | Value::Date(_) | Value::DateTime(_) | Value::List(_) => None,
        };
        let constant: ArrayRef = match (column, value, number) {
            (DataType::Float32 | DataType::Float64, _, Some(number)) => {
                return Ok(with_float(column, op, number));
            }
            (_, _, Some(number)) => {
                return with_integer(column, op, number).ok_or_else(|| incomparable(column, value));
            }
            (DataType::Boolean, Value::Bool(v), _) => Arc::new(BooleanArray::from(vec![*v])),
            (DataType::Utf8, Value::String(v), _) => Arc::new(StringArray::from(vec![v.as_str()])),
            (DataType::Date32, Value::Date(v), _) => Arc::new(Date32Array::from(vec![*v])),
            (DataType::Date64, Value::DateTime(v), _) => Arc::new(Date64Array::from(vec![*v])),
            _ => return Err(incomparable(column, value)),
        };
        Ok(Comparison::With { op, constant })
    }

    /// Compares every value of a column.
    pub(in crate::write) fn evaluate(&self, column: &dyn Array) -> Result<BooleanArray> {
        match self {
            Comparison::Unknown => Ok(BooleanArray::new_null(column.len())),
            Comparison::Always(outcome) => Ok(all(*outcome, column)),
            Comparison::With { op, constant } => {
                let constant = Scalar::new(constant);
                let kernel = match op {
                    CompareOp::Eq => cmp::eq,
                    CompareOp::Ne => cmp::neq,
                    CompareOp::Lt => cmp::lt,
                    CompareOp::Le => cmp::lt_eq,
                    CompareOp::Gt => cmp::gt,
                    CompareOp::Ge => cmp::gt_eq,
                };
                Ok(kernel(&column, &constant)?)
            }
            Comparison::Zero { equal } => {
                let (negative, positive) = zeros(column.data_type());
                let above = cmp::gt_eq(&column, &Scalar::new(negative))?;
                let below = cmp::lt_eq(&column, &Scalar::new(positive))?;
                let zero = arrow::compute::and(&above, &below)?;
                Ok(if *equal { zero } else { arrow::compute::not(&zero)? })
            }
        }
    }

    /// Returns the one value of the column's type that satisfies an equality, when there is exactly one.
    pub(in crate::write) fn sole_value(&self) -> Option<&ArrayRef> {
        match self {
            Comparison::With { op: CompareOp::Eq, constant } => Some(constant),
            Comparison::With { .. }
            | Comparison::Unknown
            | Comparison::Always(_)
            | Comparison::Zero { .. } => None,
        }
    }

    /// Tells whether no value satisfies it.
    pub(in crate::write) fn is_never(&self) -> bool {
        matches!(self, Comparison::Unknown | Comparison::Always(false))
    }
}

#[derive(Clone, Copy)]
enum Number {
    Int(i64),
    Float(f64),
}

fn incomparable(column: &DataType, value: &Value) -> OmniError {
    OmniError::internal(format!("a {column} column is compared with {value:?}"))
}

fn all(outcome: bool, column: &dyn Array) -> BooleanArray {
    let values =
        if outcome { BooleanBuffer::new_set(column.len()) } else { BooleanBuffer::new_unset(column.len()) };
    BooleanArray::new(values, column.nulls().cloned())
}

/// How a comparison with a constant between two column values is restated.
enum Between {
    /// The same for every value.
    Always(bool),
    /// This comparison with the column value below.
    Op(CompareOp),
}

/// Restates `x op c` for a `c` that is no value of the column but lies directly above `below`.
fn between(op: CompareOp) -> Between {
    match op {
        CompareOp::Eq => Between::Always(false),
        CompareOp::Ne => Between::Always(true),
        CompareOp::Lt | CompareOp::Le => Between::Op(CompareOp::Le),
        CompareOp::Gt | CompareOp::Ge => Between::Op(CompareOp::Gt),
    }
}

fn with_integer(column: &DataType, op: CompareOp, number: Number) -> Option<Comparison> {
    let (min, max) = match column {
        DataType::Int32 => (i128::from(i32::MIN), i128::from(i32::MAX)),
        DataType::Int64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
        DataType::UInt32 => (0, i128::from(u32::MAX)),
        DataType::UInt64 => (0, i128::from(u64::MAX)),
        _ => return None,
    };
    let (op, value) = match number {
        Number::Int(value) => (op, i128::from(value)),
        Number::Float(value) if value.is_nan() => return Some(Comparison::Always(op == CompareOp::Ne)),
        // The cast saturates far outside every column range.
        Number::Float(value) if value == value.floor() => (op, value as i128),
        Number::Float(value) => match between(op) {
            Between::Op(op) => (op, value.floor() as i128),
            Between::Always(outcome) => return Some(Comparison::Always(outcome)),
        },
    };
    if value > max {
        return Some(Comparison::Always(matches!(op, CompareOp::Lt | CompareOp::Le | CompareOp::Ne)));
    }
    if value < min {
        return Some(Comparison::Always(matches!(op, CompareOp::Gt | CompareOp::Ge | CompareOp::Ne)));
    }
    let constant: ArrayRef = match column {
        DataType::Int32 => Arc::new(Int32Array::from(vec![value as i32])),
        DataType::Int64 => Arc::new(Int64Array::from(vec![value as i64])),
        DataType::UInt32 => Arc::new(UInt32Array::from(vec![value as u32])),
        _ => Arc::new(UInt64Array::from(vec![value as u64])),
    };
    Some(Comparison::With { op, constant })
}

fn with_float(column: &DataType, op: CompareOp, number: Number) -> Comparison {
    let single = column == &DataType::Float32;
    let (exact, below) = match number {
        Number::Int(value) if single => at_or_below_i64(value, value as f32, f32::next_down),
        Number::Int(value) => at_or_below_i64(value, value as f64, f64::next_down),
        Number::Float(value) if value.is_nan() => return Comparison::Always(op == CompareOp::Ne),
        Number::Float(value) if single => {
            let near = value as f32;
            let below = if f64::from(near) > value { near.next_down() } else { near };
            (f64::from(near) == value, f64::from(below))
        }
        Number::Float(value) => (true, value),
    };
    let op = if exact {
        op
    } else {
        match between(op) {
            Between::Op(op) => op,
            Between::Always(outcome) => return Comparison::Always(outcome),
        }
    };
    let value = match op {
        CompareOp::Eq | CompareOp::Ne if below == 0.0 => {
            return Comparison::Zero { equal: op == CompareOp::Eq };
        }
        // The kernels order −0 before 0.
        CompareOp::Lt | CompareOp::Ge if below == 0.0 => -0.0,
        CompareOp::Le | CompareOp::Gt if below == 0.0 => 0.0,
        CompareOp::Eq | CompareOp::Ne | CompareOp::Lt | CompareOp::Le | CompareOp::Gt | CompareOp::Ge => {
            below
        }
    };
    Comparison::With { op, constant: float(column, value) }
}

/// Tells whether the float nearest to an integer equals it, and returns the largest float not above the integer.
fn at_or_below_i64<F: Into<f64> + Copy>(value: i64, near: F, down: impl Fn(F) -> F) -> (bool, f64) {
    let rounded = near.into() as i128;
    let below = if rounded > i128::from(value) { down(near) } else { near };
    (rounded == i128::from(value), below.into())
}

fn float(column: &DataType, value: f64) -> ArrayRef {
    if column == &DataType::Float32 {
        Arc::new(Float32Array::from(vec![value as f32]))
    } else {
        Arc::new(Float64Array::from(vec![value]))
    }
}

fn zeros(column: &DataType) -> (ArrayRef, ArrayRef) {
    (float(column, -0.0), float(column, 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPS: [CompareOp; 6] =
        [CompareOp::Eq, CompareOp::Ne, CompareOp::Lt, CompareOp::Le, CompareOp::Gt, CompareOp::Ge];

    /// `<`, `=` and `>` of every column value against the constant.
    fn check(column: ArrayRef, value: Value, expected: &[Option<std::cmp::Ordering>]) {
        for op in OPS {
            let outcome = Comparison::new(column.data_type(), op, &value).unwrap().evaluate(&column).unwrap();
            let expected: BooleanArray = expected
                .iter()
                .map(|ordering| {
                    ordering.map(|o| match op {
                        CompareOp::Eq => o.is_eq(),
                        CompareOp::Ne => o.is_ne(),
                        CompareOp::Lt => o.is_lt(),
                        CompareOp::Le => o.is_le(),
                        CompareOp::Gt => o.is_gt(),
                        CompareOp::Ge => o.is_ge(),
                    })
                })
                .collect();
            assert_eq!(outcome, expected, "{op:?} {value:?}");
        }
    }

    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn integers_compare_with_fractions_by_value() {
        let column: ArrayRef = Arc::new(Int32Array::from(vec![Some(2), Some(3), None, Some(-3)]));
        check(column.clone(), Value::Float(2.7), &[Some(Less), Some(Greater), None, Some(Less)]);
        check(column.clone(), Value::Float(-2.7), &[Some(Greater), Some(Greater), None, Some(Less)]);
        check(column.clone(), Value::Float(3.0), &[Some(Less), Some(Equal), None, Some(Less)]);
        check(column, Value::Float(f64::INFINITY), &[Some(Less), Some(Less), None, Some(Less)]);
    }

    #[test]
    fn constants_outside_the_column_range_never_wrap() {
        let signed: ArrayRef = Arc::new(Int32Array::from(vec![Some(i32::MAX), Some(i32::MIN), None]));
        check(signed.clone(), Value::Int(3_000_000_000), &[Some(Less), Some(Less), None]);
        check(signed, Value::Int(-3_000_000_000), &[Some(Greater), Some(Greater), None]);
        let unsigned: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX, 0]));
        check(unsigned.clone(), Value::Int(-1), &[Some(Greater), Some(Greater)]);
        check(unsigned.clone(), Value::Float(18_446_744_073_709_551_616.0), &[Some(Less), Some(Less)]);
        check(unsigned, Value::Float(-0.5), &[Some(Greater), Some(Greater)]);
    }

    #[test]
    fn floats_compare_with_integers_no_float_can_hold() {
        let big = (1_i64 << 53) + 1;
        let column: ArrayRef =
            Arc::new(Float64Array::from(vec![9_007_199_254_740_992.0, 9_007_199_254_740_994.0]));
        check(column, Value::Int(big), &[Some(Less), Some(Greater)]);
        let column: ArrayRef = Arc::new(Float64Array::from(vec![9_223_372_036_854_775_808.0]));
        check(column, Value::Int(i64::MAX), &[Some(Greater)]);
        let column: ArrayRef = Arc::new(Float32Array::from(vec![16_777_216.0, 16_777_218.0]));
        check(column, Value::Int(16_777_217), &[Some(Less), Some(Greater)]);
    }

    #[test]
    fn singles_compare_with_doubles_exactly() {
        let column: ArrayRef = Arc::new(Float32Array::from(vec![0.1_f32, f32::MAX]));
        check(column.clone(), Value::Float(0.1), &[Some(Greater), Some(Greater)]);
        check(column.clone(), Value::Float(f64::from(0.1_f32)), &[Some(Equal), Some(Greater)]);
        check(column, Value::Float(1e300), &[Some(Less), Some(Less)]);
    }

    #[test]
    fn both_zeros_are_equal() {
        let column: ArrayRef =
            Arc::new(Float64Array::from(vec![Some(-0.0), Some(0.0), Some(1.0), Some(-1.0), None]));
        for zero in [Value::Float(0.0), Value::Float(-0.0), Value::Int(0)] {
            check(column.clone(), zero, &[Some(Equal), Some(Equal), Some(Greater), Some(Less), None]);
        }
    }

    #[test]
    fn booleans_texts_and_dates_are_ordered() {
        check(Arc::new(BooleanArray::from(vec![false, true])), Value::Bool(true), &[Some(Less), Some(Equal)]);
        check(
            Arc::new(StringArray::from(vec![Some("B"), Some("a"), None])),
            Value::String("a".into()),
            &[Some(Less), Some(Equal), None],
        );
        check(Arc::new(Date32Array::from(vec![-1, 5])), Value::Date(0), &[Some(Less), Some(Greater)]);
        check(Arc::new(Date64Array::from(vec![-1, 0])), Value::DateTime(0), &[Some(Less), Some(Equal)]);
    }

    #[test]
    fn null_compares_with_nothing() {
        let column: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
        check(column, Value::Null, &[None, None]);
    }
}
