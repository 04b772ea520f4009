//! Constants as Arrow values.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Date64Builder, Float32Builder, Float64Builder, Int32Builder, Int64Builder,
    StringBuilder, UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, FixedSizeListArray, ListArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::DataType;
use datafusion::error::{DataFusionError, Result};
use omnigraph_compiler::scalar::{spell_f32, spell_f64};
use omnigraph_compiler::types::{Scalar, Value};

/// Builds an array with one element per value. A value that has no exact form in the type is an error.
pub(crate) fn to_array(values: &[Value], ty: &DataType) -> Result<ArrayRef> {
    if let DataType::List(item) | DataType::FixedSizeList(item, _) = ty {
        let mut lengths = Vec::with_capacity(values.len());
        let mut valid = Vec::with_capacity(values.len());
        let mut flat = Vec::new();
        for value in values {
            valid.push(!value.is_null());
            match (value, ty) {
                (Value::List(items), _) => {
                    lengths.push(items.len());
                    flat.extend(items.iter().cloned());
                }
                (Value::Null, DataType::FixedSizeList(_, n)) => {
                    lengths.push(*n as usize);
                    flat.extend(std::iter::repeat_n(Value::Null, *n as usize));
                }
                (Value::Null, _) => lengths.push(0),
                (other, _) => return Err(mismatch(other, ty)),
            }
        }
        let items = to_array(&flat, item.data_type())?;
        let nulls = Some(NullBuffer::from(valid));
        return Ok(match ty {
            DataType::FixedSizeList(_, n) => {
                Arc::new(FixedSizeListArray::try_new(item.clone(), *n, items, nulls)?)
            }
            _ => {
                Arc::new(ListArray::try_new(item.clone(), OffsetBuffer::from_lengths(lengths), items, nulls)?)
            }
        });
    }
    exact_array(values, ty)?.ok_or_else(|| {
        let culprit =
            values.iter().find(|v| matches!(exact_array(std::slice::from_ref(v), ty), Ok(None) | Err(_)));
        mismatch(culprit.unwrap_or(&Value::Null), ty)
    })
}

/// Builds an array of a scalar type; `None` when a value equals nothing of that type.
pub(crate) fn exact_array(values: &[Value], ty: &DataType) -> Result<Option<ArrayRef>> {
    macro_rules! build {
        ($builder:expr, $convert:expr) => {{
            let mut builder = $builder;
            for value in values {
                if value.is_null() {
                    builder.append_null();
                    continue;
                }
                match $convert(value) {
                    Some(v) => builder.append_value(v),
                    None => return Ok(None),
                }
            }
            Arc::new(builder.finish()) as ArrayRef
        }};
    }
    let n = values.len();
    Ok(Some(match ty {
        DataType::Boolean => build!(BooleanBuilder::with_capacity(n), |v: &Value| match v {
            Value::Bool(b) => Some(*b),
            _ => None,
        }),
        DataType::Int32 => {
            build!(Int32Builder::with_capacity(n), |v: &Value| integer(v).and_then(|i| i32::try_from(i).ok()))
        }
        DataType::Int64 => build!(Int64Builder::with_capacity(n), integer),
        DataType::UInt32 => {
            build!(UInt32Builder::with_capacity(n), |v: &Value| integer(v)
                .and_then(|i| u32::try_from(i).ok()))
        }
        DataType::UInt64 => {
            build!(UInt64Builder::with_capacity(n), |v: &Value| integer(v)
                .and_then(|i| u64::try_from(i).ok()))
        }
        DataType::Float32 => build!(Float32Builder::with_capacity(n), |v: &Value| match v {
            Value::Int(i) => Some(*i as f32),
            Value::Float(f) => Some(*f as f32),
            _ => None,
        }),
        DataType::Float64 => build!(Float64Builder::with_capacity(n), |v: &Value| match v {
            Value::Int(i) if (*i as f64) as i128 == i128::from(*i) => Some(*i as f64),
            Value::Float(f) => Some(*f),
            _ => None,
        }),
        DataType::Date32 => build!(Date32Builder::with_capacity(n), |v: &Value| match v {
            Value::Date(d) => Some(*d),
            _ => None,
        }),
        DataType::Date64 => build!(Date64Builder::with_capacity(n), |v: &Value| match v {
            Value::DateTime(t) => Some(*t),
            _ => None,
        }),
        DataType::Utf8 => {
            let mut builder = StringBuilder::new();
            for value in values {
                match value {
                    Value::Null => builder.append_null(),
                    Value::String(s) => builder.append_value(s),
                    _ => return Ok(None),
                }
            }
            Arc::new(builder.finish())
        }
        other => return Err(DataFusionError::Internal(format!("no constants of type {other}"))),
    }))
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(v) => Some(*v),
        Value::Float(f)
            if f.trunc() == *f && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(f) =>
        {
            Some(*f as i64)
        }
        _ => None,
    }
}

/// Writes the canonical spelling that a stored value equal to `value` has in ids; `None` when no value of that type
/// equals it.
pub(crate) fn spell(value: &Value, scalar: Scalar) -> Option<String> {
    match scalar {
        Scalar::String => match value {
            Value::String(s) => Some(s.clone()),
            _ => None,
        },
        Scalar::Bool => match value {
            Value::Bool(b) => Some(b.to_string()),
            _ => None,
        },
        Scalar::I32 => i32::try_from(integer(value)?).ok().map(|v| v.to_string()),
        Scalar::I64 => integer(value).map(|v| v.to_string()),
        Scalar::U32 => u32::try_from(integer(value)?).ok().map(|v| v.to_string()),
        Scalar::U64 => u64::try_from(integer(value)?).ok().map(|v| v.to_string()),
        Scalar::F32 => match value {
            Value::Int(v) => spell_f32(*v as f32),
            Value::Float(v) => spell_f32(*v as f32),
            _ => None,
        },
        Scalar::F64 => match value {
            Value::Int(v) if (*v as f64) as i128 == i128::from(*v) => spell_f64(*v as f64),
            Value::Float(v) => spell_f64(*v),
            _ => None,
        },
        Scalar::Date => match value {
            Value::Date(v) => Some(v.to_string()),
            _ => None,
        },
        Scalar::DateTime => match value {
            Value::DateTime(v) => Some(v.to_string()),
            _ => None,
        },
        Scalar::Blob => None,
    }
}

fn mismatch(value: &Value, ty: &DataType) -> DataFusionError {
    DataFusionError::Internal(format!("constant {value:?} is no {ty}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_without_an_equal_in_the_type_are_told() {
        assert!(exact_array(&[Value::Float(2.7)], &DataType::Int32).unwrap().is_none());
        assert!(exact_array(&[Value::Float(2.0)], &DataType::Int32).unwrap().is_some());
        assert!(exact_array(&[Value::Int(3_000_000_000)], &DataType::Int32).unwrap().is_none());
        assert!(exact_array(&[Value::Int(9_007_199_254_740_993)], &DataType::Float64).unwrap().is_none());
        assert_eq!(spell(&Value::Float(-0.0), Scalar::F64).as_deref(), Some("0"));
        assert_eq!(spell(&Value::Float(5.0), Scalar::I32).as_deref(), Some("5"));
        assert_eq!(spell(&Value::Int(-1), Scalar::U32), None);
    }

    #[test]
    fn lists_become_arrays() {
        let ty = DataType::List(Arc::new(arrow_schema::Field::new("item", DataType::Int64, true)));
        let array = to_array(&[Value::List(vec![Value::Int(1), Value::Int(2)]), Value::Null], &ty).unwrap();
        assert_eq!((array.len(), array.null_count()), (2, 1));
    }
}
