//! Result rows as JSON.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Float32Type, Float64Type, Int32Type, Int64Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use omnigraph_compiler::scalar::{format_date, format_datetime};
use omnigraph_graph::model::blob::Blob;
use serde_json::{Map, Number, Value};

/// How integers and times are rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonRows {
    /// As numbers with all digits.
    Exact,
    /// As decimal strings when a double cannot hold them: beyond ±(2^53−1).
    JavaScriptSafe,
    /// As exports write them: numbers with all digits, and dates and instants as numbers too.
    Exchange,
}

const SAFE: i128 = (1 << 53) - 1;

/// Renders each row as an object with a member per column, in column order; of two columns of one name the later wins.
///
/// Dates are `YYYY-MM-DD`, instants `YYYY-MM-DDTHH:MM:SS.mmmZ`; non-finite floats are `"NaN"`, `"Infinity"` and
/// `"-Infinity"`, and null within vectors. `columns` names the columns of the batch.
pub fn row_objects(batch: &RecordBatch, columns: &[String], rendering: JsonRows) -> Vec<Map<String, Value>> {
    (0..batch.num_rows())
        .map(|row| {
            let mut object = Map::with_capacity(columns.len());
            for (name, column) in columns.iter().zip(batch.columns()) {
                object.insert(name.clone(), value(column, row, rendering));
            }
            object
        })
        .collect()
}

/// Writes the same rows as JSON text, separated by commas, without holding more than one cell of them otherwise.
pub fn write_row_objects(out: &mut Vec<u8>, batch: &RecordBatch, columns: &[String], rendering: JsonRows) {
    let mut shown: Vec<(&String, Vec<u8>, &ArrayRef)> = Vec::with_capacity(columns.len());
    for (name, column) in columns.iter().zip(batch.columns()) {
        match shown.iter_mut().find(|(other, ..)| *other == name) {
            Some((.., earlier)) => *earlier = column,
            None => shown.push((name, Value::from(name.as_str()).to_string().into_bytes(), column)),
        }
    }
    for row in 0..batch.num_rows() {
        out.extend_from_slice(if row == 0 { b"{" } else { b",{" });
        for (at, (_, name, column)) in shown.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(name);
            out.push(b':');
            write_value(out, column, row, rendering);
        }
        out.push(b'}');
    }
}

fn write_value(out: &mut Vec<u8>, array: &ArrayRef, row: usize, rendering: JsonRows) {
    // A value is written to memory, and has text keys only.
    let written = match array.data_type() {
        DataType::Utf8 if array.is_valid(row) => {
            serde_json::to_writer(&mut *out, array.as_string::<i32>().value(row))
        }
        _ => serde_json::to_writer(&mut *out, &value(array, row, rendering)),
    };
    debug_assert!(written.is_ok());
}

/// Renders one cell.
pub fn value(array: &ArrayRef, row: usize, rendering: JsonRows) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::Int64 => integer(array.as_primitive::<Int64Type>().value(row), rendering),
        DataType::UInt64 => integer(array.as_primitive::<UInt64Type>().value(row), rendering),
        DataType::Float32 => float(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Value::from(array.as_string::<i32>().value(row)),
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            if rendering == JsonRows::Exchange {
                return days.into();
            }
            format_date(days).map_or_else(|| days.into(), Value::from)
        }
        DataType::Date64 => {
            let millis = array.as_primitive::<Date64Type>().value(row);
            if rendering == JsonRows::Exchange {
                return millis.into();
            }
            format_datetime(millis).map_or_else(|| millis.into(), Value::from)
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|i| value(&items, i, rendering)).collect()
        }
        DataType::FixedSizeList(_, _) => {
            let items = array.as_fixed_size_list().value(row);
            let numbers = items.as_primitive::<Float32Type>();
            numbers
                .iter()
                .map(|n| n.and_then(|n| Number::from_f64(n.into())).map_or(Value::Null, Value::Number))
                .collect()
        }
        DataType::LargeBinary => {
            // A cell that is no blob was damaged on disk; reading it by itself says how.
            Blob::read(array.as_binary::<i64>().value(row)).map_or(Value::Null, |blob| blob.text().into())
        }
        // No property is stored and no query returns another type.
        _ => Value::Null,
    }
}

fn integer(n: impl Into<i128> + Into<Number> + Copy + ToString, rendering: JsonRows) -> Value {
    let wide: i128 = n.into();
    match rendering {
        JsonRows::JavaScriptSafe if wide.abs() > SAFE => Value::String(n.to_string()),
        JsonRows::Exact | JsonRows::JavaScriptSafe | JsonRows::Exchange => Value::Number(n.into()),
    }
}

fn float(f: f64) -> Value {
    match Number::from_f64(f) {
        Some(n) => Value::Number(n),
        None if f.is_nan() => "NaN".into(),
        None if f > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Date64Array, Float32Array, Float64Array, Int64Array, UInt64Array};
    use arrow_schema::{Field, Schema};

    use super::*;

    fn render(arrays: Vec<ArrayRef>, rendering: JsonRows) -> String {
        let fields: Vec<Field> =
            arrays.iter().map(|a| Field::new("c", a.data_type().clone(), true)).collect();
        let columns: Vec<String> = (0..arrays.len()).map(|i| format!("c{i}")).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
        let mut written = b"[".to_vec();
        write_row_objects(&mut written, &batch, &columns, rendering);
        written.push(b']');
        let objects = serde_json::to_string(&row_objects(&batch, &columns, rendering)).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), objects);
        objects
    }

    #[test]
    fn numbers_keep_all_digits() {
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![i64::MIN])),
            Arc::new(UInt64Array::from(vec![u64::MAX])),
            Arc::new(Float32Array::from(vec![0.1])),
            Arc::new(Float64Array::from(vec![30.0])),
            Arc::new(Float64Array::from(vec![f64::NEG_INFINITY])),
            Arc::new(Date64Array::from(vec![0])),
        ];
        assert_eq!(
            render(arrays.clone(), JsonRows::Exact),
            r#"[{"c0":-9223372036854775808,"c1":18446744073709551615,"c2":0.10000000149011612,"c3":30.0,"c4":"-Infinity","c5":"1970-01-01T00:00:00.000Z"}]"#
        );
        assert!(render(arrays, JsonRows::JavaScriptSafe).contains(r#""c1":"18446744073709551615""#));
    }

    #[test]
    fn the_later_of_two_columns_of_one_name_wins() {
        let batch = RecordBatch::try_new(
            Arc::new(Schema::new(vec![
                Field::new("a", DataType::Int64, true),
                Field::new("a", DataType::Int64, true),
            ])),
            vec![Arc::new(Int64Array::from(vec![1])), Arc::new(Int64Array::from(vec![2]))],
        )
        .unwrap();
        let rows = row_objects(&batch, &["a".into(), "a".into()], JsonRows::Exact);
        assert_eq!(serde_json::to_string(&rows).unwrap(), r#"[{"a":2}]"#);
    }
}
