//! Single values and their comparison.
//!
//! Integers of every width meet as `i128`, floats as `f64`; an integer and a float compare by mathematical value,
//! without rounding either.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Float32Type, Float64Type, Int32Type, Int64Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use datafusion::error::{DataFusionError, Result};
use omnigraph_compiler::ir::CompareOp;
use omnigraph_compiler::types::Value;

/// One value, borrowed from an array or a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(&'a str),
}

/// Typed access to the values of one array.
pub(super) enum Cells<'a> {
    Bool(&'a arrow_array::BooleanArray),
    I32(&'a arrow_array::Int32Array),
    I64(&'a arrow_array::Int64Array),
    U32(&'a arrow_array::UInt32Array),
    U64(&'a arrow_array::UInt64Array),
    F32(&'a arrow_array::Float32Array),
    F64(&'a arrow_array::Float64Array),
    Date(&'a arrow_array::Date32Array),
    DateTime(&'a arrow_array::Date64Array),
    Str(&'a arrow_array::StringArray),
    Const(Cell<'a>),
}

impl<'a> Cells<'a> {
    pub(super) fn of(array: &'a ArrayRef) -> Result<Cells<'a>> {
        Ok(match array.data_type() {
            DataType::Boolean => Cells::Bool(array.as_boolean()),
            DataType::Int32 => Cells::I32(array.as_primitive::<Int32Type>()),
            DataType::Int64 => Cells::I64(array.as_primitive::<Int64Type>()),
            DataType::UInt32 => Cells::U32(array.as_primitive::<UInt32Type>()),
            DataType::UInt64 => Cells::U64(array.as_primitive::<UInt64Type>()),
            DataType::Float32 => Cells::F32(array.as_primitive::<Float32Type>()),
            DataType::Float64 => Cells::F64(array.as_primitive::<Float64Type>()),
            DataType::Date32 => Cells::Date(array.as_primitive::<Date32Type>()),
            DataType::Date64 => Cells::DateTime(array.as_primitive::<Date64Type>()),
            DataType::Utf8 => Cells::Str(array.as_string::<i32>()),
            DataType::Null => Cells::Const(Cell::Null),
            other => {
                return Err(DataFusionError::Internal(format!("values of type {other} cannot be compared")));
            }
        })
    }

    pub(super) fn constant(value: &'a Value) -> Result<Cells<'a>> {
        Ok(Cells::Const(match value {
            Value::Null => Cell::Null,
            Value::Bool(v) => Cell::Bool(*v),
            Value::Int(v) => Cell::Int(i128::from(*v)),
            Value::Float(v) => Cell::Float(*v),
            Value::String(v) => Cell::Str(v),
            Value::Date(v) => Cell::Int(i128::from(*v)),
            Value::DateTime(v) => Cell::Int(i128::from(*v)),
            Value::List(_) => return Err(DataFusionError::Internal("a list is no single value".into())),
        }))
    }

    pub(super) fn get(&self, row: usize) -> Cell<'a> {
        fn cell<'a, A: Array>(array: &'a A, row: usize, read: impl Fn(&'a A, usize) -> Cell<'a>) -> Cell<'a> {
            if array.is_null(row) { Cell::Null } else { read(array, row) }
        }
        match self {
            Cells::Bool(a) => cell(*a, row, |a, i| Cell::Bool(a.value(i))),
            Cells::I32(a) => cell(*a, row, |a, i| Cell::Int(i128::from(a.value(i)))),
            Cells::I64(a) => cell(*a, row, |a, i| Cell::Int(i128::from(a.value(i)))),
            Cells::U32(a) => cell(*a, row, |a, i| Cell::Int(i128::from(a.value(i)))),
            Cells::U64(a) => cell(*a, row, |a, i| Cell::Int(i128::from(a.value(i)))),
            Cells::F32(a) => cell(*a, row, |a, i| Cell::Float(f64::from(a.value(i)))),
            Cells::F64(a) => cell(*a, row, |a, i| Cell::Float(a.value(i))),
            Cells::Date(a) => cell(*a, row, |a, i| Cell::Int(i128::from(a.value(i)))),
            Cells::DateTime(a) => cell(*a, row, |a, i| Cell::Int(i128::from(a.value(i)))),
            Cells::Str(a) => cell(*a, row, |a, i| Cell::Str(a.value(i))),
            Cells::Const(c) => *c,
        }
    }
}

/// Compares two values: `None` when either is null, else whether the comparison holds.
pub(super) fn holds(op: CompareOp, left: Cell<'_>, right: Cell<'_>) -> Option<bool> {
    if left == Cell::Null || right == Cell::Null {
        return None;
    }
    let ordering = order(left, right);
    Some(match op {
        CompareOp::Eq => ordering == Some(Ordering::Equal),
        CompareOp::Ne => ordering != Some(Ordering::Equal),
        CompareOp::Lt => ordering == Some(Ordering::Less),
        CompareOp::Le => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        CompareOp::Gt => ordering == Some(Ordering::Greater),
        CompareOp::Ge => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
    })
}

fn order(left: Cell<'_>, right: Cell<'_>) -> Option<Ordering> {
    match (left, right) {
        (Cell::Bool(a), Cell::Bool(b)) => Some(a.cmp(&b)),
        (Cell::Int(a), Cell::Int(b)) => Some(a.cmp(&b)),
        (Cell::Float(a), Cell::Float(b)) => a.partial_cmp(&b),
        (Cell::Int(a), Cell::Float(b)) => int_with_float(a, b),
        (Cell::Float(a), Cell::Int(b)) => int_with_float(b, a).map(Ordering::reverse),
        (Cell::Str(a), Cell::Str(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        _ => None,
    }
}

/// Orders an integer within the 64-bit ranges against a float, exactly.
fn int_with_float(int: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    // Beyond ±2^65 no stored integer is left, and below it the conversion of the integral part is exact.
    const BOUND: f64 = 36_893_488_147_419_103_232.0;
    if float >= BOUND {
        return Some(Ordering::Less);
    }
    if float <= -BOUND {
        return Some(Ordering::Greater);
    }
    let whole = float.trunc();
    let fraction = float - whole;
    Some(int.cmp(&(whole as i128)).then_with(|| match fraction.partial_cmp(&0.0) {
        Some(Ordering::Greater) => Ordering::Less,
        Some(Ordering::Less) => Ordering::Greater,
        Some(Ordering::Equal) | None => Ordering::Equal,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_floats_compare_by_mathematical_value() {
        assert_eq!(int_with_float(i128::from(i64::MAX), 9_223_372_036_854_775_808.0), Some(Ordering::Less));
        assert_eq!(int_with_float(9_007_199_254_740_993, 9_007_199_254_740_992.0), Some(Ordering::Greater));
        assert_eq!(int_with_float(3, 2.7), Some(Ordering::Greater));
        assert_eq!(int_with_float(-2, -2.7), Some(Ordering::Greater));
        assert_eq!(int_with_float(-3, -2.7), Some(Ordering::Less));
        assert_eq!(int_with_float(0, -0.0), Some(Ordering::Equal));
        assert_eq!(int_with_float(0, f64::INFINITY), Some(Ordering::Less));
        assert_eq!(int_with_float(0, f64::NAN), None);
    }

    #[test]
    fn null_is_unknown_also_for_inequality() {
        assert_eq!(holds(CompareOp::Ne, Cell::Null, Cell::Int(1)), None);
        assert_eq!(holds(CompareOp::Ne, Cell::Int(2), Cell::Int(1)), Some(true));
        assert_eq!(holds(CompareOp::Eq, Cell::Float(0.0), Cell::Float(-0.0)), Some(true));
        assert_eq!(holds(CompareOp::Lt, Cell::Bool(false), Cell::Bool(true)), Some(true));
    }
}
