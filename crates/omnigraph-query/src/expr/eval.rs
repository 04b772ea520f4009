//! Computing scalars over a batch.

use std::sync::Arc;

use arrow::compute;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Datum, RecordBatch, Scalar as ArrowScalar};
use arrow_ord::cmp;
use arrow_schema::DataType;
use datafusion::error::{DataFusionError, Result};
use omnigraph_compiler::ir::CompareOp;
use omnigraph_compiler::types::Value;

use super::cell::{Cell, Cells, holds};
use super::lower::Scalar;
use super::value::{exact_array, to_array};

/// A value per row, or one for all rows.
pub(super) enum Operand<'a> {
    Array(ArrayRef),
    Const { value: &'a Value, ty: &'a DataType },
}

impl Operand<'_> {
    fn cells(&self) -> Result<Cells<'_>> {
        match self {
            Operand::Array(array) => Cells::of(array),
            Operand::Const { value, .. } => Cells::constant(value),
        }
    }

    /// One value per row.
    pub(super) fn into_array(self, rows: usize) -> Result<ArrayRef> {
        match self {
            Operand::Array(array) => Ok(array),
            Operand::Const { value, ty } => repeat(&to_array(std::slice::from_ref(value), ty)?, rows),
        }
    }
}

fn repeat(one: &ArrayRef, rows: usize) -> Result<ArrayRef> {
    let indices = arrow_array::UInt32Array::from(vec![0u32; rows]);
    Ok(compute::take(one, &indices, None)?)
}

/// Computes a scalar for every row of a batch.
pub(super) fn evaluate<'a>(scalar: &'a Scalar, batch: &RecordBatch) -> Result<Operand<'a>> {
    Ok(match scalar {
        Scalar::Column { name, .. } => {
            let array = batch.column_by_name(name).ok_or_else(|| {
                DataFusionError::Internal(format!("column {name} is not among {:?}", batch.schema().fields()))
            })?;
            Operand::Array(array.clone())
        }
        Scalar::Const { value, ty } => Operand::Const { value, ty },
        Scalar::Normal(inner) => {
            Operand::Array(normal(&evaluate(inner, batch)?.into_array(batch.num_rows())?))
        }
        Scalar::Float(inner) => {
            let array = evaluate(inner, batch)?.into_array(batch.num_rows())?;
            Operand::Array(compute::cast(&array, &DataType::Float64)?)
        }
        Scalar::Compare { op, left, right } => {
            let (left, right) = (evaluate(left, batch)?, evaluate(right, batch)?);
            boolean(compare(*op, &left, &right, batch.num_rows())?)
        }
        Scalar::Member { list, element } => {
            let (list, element) = (evaluate(list, batch)?, evaluate(element, batch)?);
            boolean(member(&list, &element, batch.num_rows())?)
        }
        Scalar::Substring { text, part } => {
            let (text, part) = (evaluate(text, batch)?, evaluate(part, batch)?);
            boolean(strings(&text, &part, batch.num_rows(), |t, p| t.contains(p))?)
        }
        Scalar::Prefix { text, prefix } => {
            let (text, prefix) = (evaluate(text, batch)?, evaluate(prefix, batch)?);
            boolean(strings(&text, &prefix, batch.num_rows(), |t, p| t.starts_with(p))?)
        }
        Scalar::Among { address, rows, .. } => {
            let addresses = evaluate(address, batch)?.into_array(batch.num_rows())?;
            let addresses = addresses.as_primitive::<UInt64Type>();
            boolean(addresses.values().iter().map(|&row| Some(rows.contains(row))).collect())
        }
        Scalar::IsNull(inner) => {
            let array = evaluate(inner, batch)?.into_array(batch.num_rows())?;
            boolean(compute::is_null(&array)?)
        }
        Scalar::Not(inner) => boolean(compute::not(&predicate(inner, batch)?)?),
        Scalar::And(parts) => boolean(fold(parts, batch, true)?),
        Scalar::Or(parts) => boolean(fold(parts, batch, false)?),
    })
}

fn boolean<'a>(array: BooleanArray) -> Operand<'a> {
    Operand::Array(Arc::new(array))
}

/// Computes a predicate: true, false or unknown (null) per row.
pub(crate) fn predicate(scalar: &Scalar, batch: &RecordBatch) -> Result<BooleanArray> {
    let array = evaluate(scalar, batch)?.into_array(batch.num_rows())?;
    array
        .as_boolean_opt()
        .cloned()
        .ok_or_else(|| DataFusionError::Internal(format!("{scalar} is no predicate")))
}

fn fold(parts: &[Scalar], batch: &RecordBatch, and: bool) -> Result<BooleanArray> {
    let mut result = BooleanArray::from(vec![and; batch.num_rows()]);
    for part in parts {
        let next = predicate(part, batch)?;
        result = if and { compute::and_kleene(&result, &next)? } else { compute::or_kleene(&result, &next)? };
    }
    Ok(result)
}

fn compare(op: CompareOp, left: &Operand<'_>, right: &Operand<'_>, rows: usize) -> Result<BooleanArray> {
    if let Some(result) = kernel(op, left, right)? {
        return Ok(result);
    }
    let (left, right) = (left.cells()?, right.cells()?);
    Ok((0..rows).map(|row| holds(op, left.get(row), right.get(row))).collect())
}

/// Uses Arrow's kernels where they agree with the language: same type on both sides, no floats.
fn kernel(op: CompareOp, left: &Operand<'_>, right: &Operand<'_>) -> Result<Option<BooleanArray>> {
    let simple = |ty: &DataType| {
        matches!(
            ty,
            DataType::Boolean
                | DataType::Int32
                | DataType::Int64
                | DataType::UInt32
                | DataType::UInt64
                | DataType::Date32
                | DataType::Date64
                | DataType::Utf8
        )
    };
    let scalar = |array: &ArrayRef, value: &Value| -> Result<Option<ArrowScalar<ArrayRef>>> {
        if !simple(array.data_type()) || value.is_null() || matches!(value, Value::List(_)) {
            return Ok(None);
        }
        Ok(exact_array(std::slice::from_ref(value), array.data_type())?.map(ArrowScalar::new))
    };
    Ok(match (left, right) {
        (Operand::Array(a), Operand::Array(b)) if a.data_type() == b.data_type() && simple(a.data_type()) => {
            Some(apply(op, a, b)?)
        }
        (Operand::Array(a), Operand::Const { value, .. }) => match scalar(a, value)? {
            Some(b) => Some(apply(op, a, &b)?),
            None => None,
        },
        (Operand::Const { value, .. }, Operand::Array(b)) => match scalar(b, value)? {
            Some(a) => Some(apply(op, &a, b)?),
            None => None,
        },
        _ => None,
    })
}

fn apply(op: CompareOp, left: &dyn Datum, right: &dyn Datum) -> Result<BooleanArray> {
    Ok(match op {
        CompareOp::Eq => cmp::eq(left, right),
        CompareOp::Ne => cmp::neq(left, right),
        CompareOp::Lt => cmp::lt(left, right),
        CompareOp::Le => cmp::lt_eq(left, right),
        CompareOp::Gt => cmp::gt(left, right),
        CompareOp::Ge => cmp::gt_eq(left, right),
    }?)
}

fn member(list: &Operand<'_>, element: &Operand<'_>, rows: usize) -> Result<BooleanArray> {
    let wanted = element.cells()?;
    match list {
        Operand::Const { value: Value::Null, .. } => Ok(BooleanArray::new_null(rows)),
        Operand::Const { value: Value::List(items), .. } => {
            let cells = items.iter().map(|v| Ok(Cells::constant(v)?.get(0))).collect::<Result<Vec<_>>>()?;
            Ok((0..rows).map(|row| contains(cells.iter().copied(), wanted.get(row))).collect())
        }
        Operand::Const { value, .. } => Err(DataFusionError::Internal(format!("{value:?} is no list"))),
        Operand::Array(array) => {
            let lists = array
                .as_list_opt::<i32>()
                .ok_or_else(|| DataFusionError::Internal(format!("{} is no list", array.data_type())))?;
            let cells = Cells::of(lists.values())?;
            let offsets = lists.value_offsets();
            Ok((0..rows)
                .map(|row| {
                    if lists.is_null(row) {
                        return None;
                    }
                    let range = offsets[row] as usize..offsets[row + 1] as usize;
                    contains(range.map(|i| cells.get(i)), wanted.get(row))
                })
                .collect())
        }
    }
}

fn contains<'a>(mut items: impl Iterator<Item = Cell<'a>>, wanted: Cell<'_>) -> Option<bool> {
    match wanted {
        Cell::Null => None,
        _ => Some(items.any(|item| holds(CompareOp::Eq, item, wanted) == Some(true))),
    }
}

fn strings(
    left: &Operand<'_>,
    right: &Operand<'_>,
    rows: usize,
    test: impl Fn(&str, &str) -> bool,
) -> Result<BooleanArray> {
    let (left, right) = (left.cells()?, right.cells()?);
    Ok((0..rows)
        .map(|row| match (left.get(row), right.get(row)) {
            (Cell::Str(a), Cell::Str(b)) => Some(test(a, b)),
            _ => None,
        })
        .collect())
}

/// Gives floats that are equal by value one form, so that hashing and sorting treat them as equal, NaN above all.
fn normal(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float32 => Arc::new(
            array
                .as_primitive::<Float32Type>()
                .unary::<_, Float32Type>(|v| if v.is_nan() { f32::NAN } else { v + 0.0 }),
        ),
        DataType::Float64 => Arc::new(
            array
                .as_primitive::<Float64Type>()
                .unary::<_, Float64Type>(|v| if v.is_nan() { f64::NAN } else { v + 0.0 }),
        ),
        _ => array.clone(),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float32Array, Int32Array, ListArray, StringArray, UInt64Array};
    use arrow_schema::{Field, Schema};

    use super::*;

    fn batch(array: ArrayRef) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("c", array.data_type().clone(), true)]);
        RecordBatch::try_new(Arc::new(schema), vec![array]).unwrap()
    }

    fn check(array: ArrayRef, op: CompareOp, value: Value, expected: Vec<Option<bool>>) {
        let ty = array.data_type().clone();
        let column = Box::new(Scalar::Column { name: "c".into(), ty: ty.clone() });
        let scalar = Scalar::Compare { op, left: column, right: Box::new(Scalar::Const { value, ty }) };
        assert_eq!(predicate(&scalar, &batch(array)).unwrap(), BooleanArray::from(expected));
    }

    #[test]
    fn numbers_compare_across_widths() {
        let ints: ArrayRef = Arc::new(Int32Array::from(vec![Some(2), Some(3), None]));
        check(ints.clone(), CompareOp::Eq, Value::Float(2.7), vec![Some(false), Some(false), None]);
        check(ints.clone(), CompareOp::Gt, Value::Float(2.7), vec![Some(false), Some(true), None]);
        check(ints.clone(), CompareOp::Lt, Value::Int(3_000_000_000), vec![Some(true), Some(true), None]);
        check(ints.clone(), CompareOp::Ne, Value::Null, vec![None, None, None]);
        check(ints, CompareOp::Ne, Value::Int(2), vec![Some(false), Some(true), None]);
        let big: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX, 0]));
        check(big.clone(), CompareOp::Gt, Value::Int(i64::MAX), vec![Some(true), Some(false)]);
        check(big, CompareOp::Ge, Value::Int(-1), vec![Some(true), Some(true)]);
    }

    #[test]
    fn membership_ignores_null_elements_and_null_lists() {
        let lists: ArrayRef =
            Arc::new(ListArray::from_iter_primitive::<arrow_array::types::Int32Type, _, _>([
                Some(vec![Some(1), None]),
                Some(vec![]),
                None,
            ]));
        let ty = lists.data_type().clone();
        let scalar = Scalar::Member {
            list: Box::new(Scalar::Column { name: "c".into(), ty }),
            element: Box::new(Scalar::Const { value: Value::Float(1.0), ty: DataType::Float64 }),
        };
        let expected = BooleanArray::from(vec![Some(true), Some(false), None]);
        assert_eq!(predicate(&scalar, &batch(lists)).unwrap(), expected);
    }

    #[test]
    fn string_predicates_are_exact() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a_b%"), Some("axb"), None]));
        let column = || Box::new(Scalar::Column { name: "c".into(), ty: DataType::Utf8 });
        let text = |s: &str| Box::new(Scalar::Const { value: Value::String(s.into()), ty: DataType::Utf8 });
        let contains = Scalar::Substring { text: column(), part: text("_b%") };
        let got = predicate(&contains, &batch(texts.clone())).unwrap();
        assert_eq!(got, BooleanArray::from(vec![Some(true), Some(false), None]));
        let prefix = Scalar::Prefix { text: column(), prefix: text("a_") };
        let got = predicate(&prefix, &batch(texts)).unwrap();
        assert_eq!(got, BooleanArray::from(vec![Some(true), Some(false), None]));
    }

    #[test]
    fn equal_floats_get_one_form() {
        let floats: ArrayRef = Arc::new(Float32Array::from(vec![-0.0, 0.0, -f32::NAN]));
        let array = normal(&floats);
        let values = array.as_primitive::<Float32Type>().values();
        assert_eq!(values[0].to_bits(), values[1].to_bits());
        assert!(values[2].is_sign_positive());
    }
}
