//! One input value as it will be stored: the single conversion that loads and mutations share.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use omnigraph_compiler::scalar::{parse_date, parse_datetime, spell_f32, spell_f64};
use omnigraph_compiler::types::{Kind, Scalar, Type, Value};
use omnigraph_graph::model::blob::Blob;
use omnigraph_graph::model::column_type;

use super::json::Json;

/// A value of a column's type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    Bool(bool),
    I32(i32),
    I64(i64),
    U32(u32),
    U64(u64),
    F32(f32),
    F64(f64),
    Text(Cow<'a, str>),
    Date(i32),
    DateTime(i64),
    /// In its stored form.
    Blob(Vec<u8>),
    Vector(Vec<f32>),
    List(Vec<Cell<'a>>),
}

/// Why a value cannot be stored; displays the contractual text, without place.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum CellError {
    #[error("expects {expected}, got {found}")]
    Kind { expected: String, found: &'static str },
    #[error("value {value} exceeds {range} range")]
    Width { value: String, range: &'static str },
    #[error("{0} value out of range")]
    OutOfCalendar(&'static str),
    #[error("invalid {kind} literal '{text}'")]
    Malformed { kind: &'static str, text: String },
    #[error("expects {expected} dimensions, got {found}")]
    Dimensions { expected: u32, found: usize },
    #[error("vector elements must be numeric, element {index} is {found}")]
    Element { index: usize, found: &'static str },
    #[error("expects a JSON array, got {0}")]
    NotAnArray(&'static str),
    #[error("contains a null or invalid item at {index}: {reason}")]
    Item { index: usize, reason: Box<CellError> },
    #[error("null is no list item")]
    NullItem,
    #[error("invalid base64: {0}")]
    Base64(String),
    #[error("must be a URI string or base64: prefixed data, got {0}")]
    NotABlob(&'static str),
    #[error("is an empty text; an empty blob is \"base64:\"")]
    EmptyBlob,
    #[error("{0} is not exactly representable; write a float")]
    Inexact(i64),
}

/// Converts a JSON value to the type of a column.
///
/// # Errors
/// Why it does not fit. Null is accepted for every type; whether it is allowed is the caller's business.
pub(crate) fn from_json<'a>(json: &Json<'a>, ty: &Type) -> Result<Cell<'a>, CellError> {
    if *json == Json::Null {
        return Ok(Cell::Null);
    }
    match &ty.kind {
        Kind::Scalar(scalar) => scalar_cell(json, *scalar),
        Kind::Enum(_) => scalar_cell(json, Scalar::String),
        Kind::Vector(dimension) => vector_cell(json, *dimension),
        Kind::List(scalar) => {
            let Json::Array(items) = json else {
                return Err(CellError::NotAnArray(json.kind()));
            };
            let convert = |(index, item): (usize, &Json<'a>)| {
                let cell =
                    if *item == Json::Null { Err(CellError::NullItem) } else { scalar_cell(item, *scalar) };
                cell.map_err(|reason| CellError::Item { index, reason: Box::new(reason) })
            };
            items.iter().enumerate().map(convert).collect::<Result<_, _>>().map(Cell::List)
        }
    }
}

/// Converts a literal or parameter value to the type of a column.
///
/// # Errors
/// As [`from_json`]; also an integer that a float column cannot hold exactly.
pub(crate) fn from_value<'a>(value: &'a Value, ty: &Type) -> Result<Cell<'a>, CellError> {
    if let (Value::Int(number), Kind::Scalar(scalar @ (Scalar::F32 | Scalar::F64))) = (value, &ty.kind) {
        let widened = if *scalar == Scalar::F32 { f64::from(*number as f32) } else { *number as f64 };
        if widened as i128 != i128::from(*number) {
            return Err(CellError::Inexact(*number));
        }
    }
    from_json(&json_of(value), ty)
}

fn json_of(value: &Value) -> Json<'_> {
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(n) | Value::DateTime(n) => Json::Int(*n),
        Value::Date(days) => Json::Int(i64::from(*days)),
        Value::Float(x) => Json::Float(*x),
        Value::String(text) => Json::Text(Cow::Borrowed(text)),
        Value::List(items) => Json::Array(items.iter().map(json_of).collect()),
    }
}

fn scalar_cell<'a>(json: &Json<'a>, scalar: Scalar) -> Result<Cell<'a>, CellError> {
    let json = match (scalar, json) {
        (Scalar::F32 | Scalar::F64, number) => number,
        (_, Json::NegativeZero) => &Json::Int(0),
        (_, other) => other,
    };
    match (scalar, json) {
        (Scalar::String, Json::Text(text)) => Ok(Cell::Text(text.clone())),
        (Scalar::Bool, Json::Bool(value)) => Ok(Cell::Bool(*value)),
        (Scalar::I32, number) => integer(number, "Int32").map(Cell::I32),
        (Scalar::I64, number) => integer(number, "Int64").map(Cell::I64),
        (Scalar::U32, number) => integer(number, "UInt32").map(Cell::U32),
        (Scalar::U64, number) => integer(number, "UInt64").map(Cell::U64),
        (Scalar::F32, number) => float32(number).map(Cell::F32),
        (Scalar::F64, number) => match float(number) {
            Some(value) if value.is_finite() => Ok(Cell::F64(value)),
            Some(value) => Err(CellError::Width { value: value.to_string(), range: "Float64" }),
            None => Err(kind(number, "Float64")),
        },
        (Scalar::Date, Json::Text(text)) => parse_date(text)
            .map(Cell::Date)
            .ok_or_else(|| CellError::Malformed { kind: "Date", text: text.to_string() }),
        (Scalar::Date, Json::Int(days)) => {
            i32::try_from(*days).map(Cell::Date).map_err(|_| CellError::OutOfCalendar("Date"))
        }
        (Scalar::Date, Json::UInt(_)) => Err(CellError::OutOfCalendar("Date")),
        (Scalar::DateTime, Json::Text(text)) => parse_datetime(text)
            .map(Cell::DateTime)
            .ok_or_else(|| CellError::Malformed { kind: "DateTime", text: text.to_string() }),
        (Scalar::DateTime, Json::Int(millis)) => Ok(Cell::DateTime(*millis)),
        (Scalar::DateTime, Json::UInt(_)) => Err(CellError::OutOfCalendar("DateTime")),
        (Scalar::Blob, Json::Text(text)) => blob(text),
        (Scalar::Blob, other) => Err(CellError::NotABlob(other.kind())),
        (Scalar::String, other) => Err(kind(other, "Utf8")),
        (Scalar::Bool, other) => Err(kind(other, "Boolean")),
        (Scalar::Date, other) => Err(kind(other, "Date32")),
        (Scalar::DateTime, other) => Err(kind(other, "Date64")),
    }
}

fn kind(json: &Json<'_>, expected: &str) -> CellError {
    CellError::Kind { expected: expected.to_owned(), found: json.kind() }
}

/// The magnitude from which a number token without fraction no longer fits 64 bits and is read as a float.
const BEYOND_64_BITS: f64 = 9_223_372_036_854_775_808.0;

fn integer<T: TryFrom<i64> + TryFrom<u64>>(json: &Json<'_>, range: &'static str) -> Result<T, CellError> {
    let width = |value: String| CellError::Width { value, range };
    match json {
        Json::Int(value) => T::try_from(*value).map_err(|_| width(value.to_string())),
        Json::UInt(value) => T::try_from(*value).map_err(|_| width(value.to_string())),
        Json::Float(value) if value.abs() >= BEYOND_64_BITS => Err(width(value.to_string())),
        other => Err(kind(other, range)),
    }
}

fn float(json: &Json<'_>) -> Option<f64> {
    match json {
        Json::Int(value) => Some(*value as f64),
        Json::UInt(value) => Some(*value as f64),
        Json::NegativeZero => Some(-0.0),
        Json::Float(value) => Some(*value),
        _ => None,
    }
}

fn float32(json: &Json<'_>) -> Result<f32, CellError> {
    let value = float(json).ok_or_else(|| kind(json, "Float32"))?;
    let narrowed = value as f32;
    if narrowed.is_finite() {
        Ok(narrowed)
    } else {
        Err(CellError::Width { value: value.to_string(), range: "Float32" })
    }
}

fn vector_cell<'a>(json: &Json<'a>, dimension: u32) -> Result<Cell<'a>, CellError> {
    let Json::Array(items) = json else {
        return Err(CellError::NotAnArray(json.kind()));
    };
    if items.len() != dimension as usize {
        return Err(CellError::Dimensions { expected: dimension, found: items.len() });
    }
    let convert = |(index, item): (usize, &Json<'a>)| match float(item) {
        Some(_) => float32(item),
        None => Err(CellError::Element { index, found: item.kind() }),
    };
    items.iter().enumerate().map(convert).collect::<Result<_, _>>().map(Cell::Vector)
}

fn blob<'a>(text: &str) -> Result<Cell<'a>, CellError> {
    match text.strip_prefix("base64:") {
        Some(payload) => {
            let bytes = STANDARD.decode(payload).map_err(|error| CellError::Base64(error.to_string()))?;
            Ok(Cell::Blob(Blob::Managed(&bytes).stored()))
        }
        None if text.is_empty() => Err(CellError::EmptyBlob),
        None => Ok(Cell::Blob(Blob::Requested(text).stored())),
    }
}

/// Returns the canonical text of a scalar, as ids and tuple texts spell it; `None` for null, lists, vectors, blobs and
/// floats that are not finite.
pub(crate) fn canonical(cell: &Cell<'_>) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.to_string()),
        Cell::Bool(value) => Some(value.to_string()),
        Cell::I32(value) | Cell::Date(value) => Some(value.to_string()),
        Cell::I64(value) | Cell::DateTime(value) => Some(value.to_string()),
        Cell::U32(value) => Some(value.to_string()),
        Cell::U64(value) => Some(value.to_string()),
        Cell::F32(value) => spell_f32(*value),
        Cell::F64(value) => spell_f64(*value),
        Cell::Null | Cell::Blob(_) | Cell::Vector(_) | Cell::List(_) => None,
    }
}

/// Returns the stored type's name for messages.
pub(crate) fn type_name(ty: &Type) -> String {
    column_type(ty).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::json::{Duplicates, parse};
    use super::*;

    fn convert(json: &str, ty: Type) -> Result<Cell<'static>, String> {
        let leaked: &'static [u8] = Box::leak(json.to_owned().into_bytes().into_boxed_slice());
        from_json(&parse(leaked, Duplicates::Refuse).unwrap(), &ty).map_err(|e| e.to_string())
    }

    #[track_caller]
    fn refused(json: &str, ty: Type, fragment: &str) {
        let error = convert(json, ty).unwrap_err();
        assert!(error.contains(fragment), "{error}");
    }

    #[test]
    fn integers_are_exact_and_bounded() {
        assert_eq!(convert("18446744073709551615", Type::scalar(Scalar::U64)), Ok(Cell::U64(u64::MAX)));
        assert_eq!(convert("-2147483648", Type::scalar(Scalar::I32)), Ok(Cell::I32(i32::MIN)));
        refused("2147483648", Type::scalar(Scalar::I32), "exceeds Int32 range");
        refused("-1", Type::scalar(Scalar::U32), "exceeds UInt32 range");
        refused("99999999999999999999", Type::scalar(Scalar::I64), "exceeds Int64 range");
        refused("3.0", Type::scalar(Scalar::I32), "expects Int32");
        refused("1e3", Type::scalar(Scalar::I64), "expects Int64");
        refused("\"3\"", Type::scalar(Scalar::I32), "expects Int32");
    }

    #[test]
    fn floats_round_to_their_width() {
        assert_eq!(convert("0.1", Type::scalar(Scalar::F32)), Ok(Cell::F32(0.1)));
        assert_eq!(convert("3.40282350e38", Type::scalar(Scalar::F32)), Ok(Cell::F32(f32::MAX)));
        refused("1e39", Type::scalar(Scalar::F32), "exceeds Float32 range");
        assert_eq!(convert("7", Type::scalar(Scalar::F64)), Ok(Cell::F64(7.0)));
        refused("\"x\"", Type::scalar(Scalar::F64), "expects Float64");
    }

    #[test]
    fn dates_are_text_or_integers() {
        assert_eq!(convert("\"2024-06-01\"", Type::scalar(Scalar::Date)), Ok(Cell::Date(19875)));
        assert_eq!(convert("19875", Type::scalar(Scalar::Date)), Ok(Cell::Date(19875)));
        refused("\"soon\"", Type::scalar(Scalar::Date), "invalid Date literal 'soon'");
        refused("3000000000", Type::scalar(Scalar::Date), "Date value out of range");
        refused("\"soon\"", Type::scalar(Scalar::DateTime), "invalid DateTime literal 'soon'");
        refused("true", Type::scalar(Scalar::Date), "expects Date32");
    }

    #[test]
    fn vectors_have_their_dimension_and_numbers() {
        let ty = || Type::required(Kind::Vector(2));
        assert_eq!(convert("[1, 0.5]", ty()), Ok(Cell::Vector(vec![1.0, 0.5])));
        refused("[1]", ty(), "expects 2 dimensions, got 1");
        refused("[1, null]", ty(), "elements must be numeric");
        refused("{}", ty(), "expects a JSON array");
    }

    #[test]
    fn lists_hold_no_null() {
        let ty = || Type::required(Kind::List(Scalar::I32));
        assert_eq!(convert("[]", ty()), Ok(Cell::List(vec![])));
        refused("[1, null]", ty(), "contains a null or invalid item");
        refused("[\"x\"]", ty(), "contains a null or invalid item");
        refused("1", ty(), "expects a JSON array");
    }

    #[test]
    fn blobs_are_base64_or_requests_for_outside_bytes() {
        let ty = || Type::scalar(Scalar::Blob);
        assert_eq!(convert("\"base64:\"", ty()), Ok(Cell::Blob(Blob::Managed(b"").stored())));
        assert_eq!(convert("\"base64:aGk=\"", ty()), Ok(Cell::Blob(Blob::Managed(b"hi").stored())));
        refused("\"base64:***\"", ty(), "invalid base64");
        let requested = Cell::Blob(Blob::Requested("s3://b/k").stored());
        assert_eq!(convert("\"s3://b/k\"", ty()), Ok(requested));
        refused("\"\"", ty(), "an empty blob is");
        refused("5", ty(), "must be a URI string or base64: prefixed data");
    }

    #[test]
    fn a_negative_zero_is_an_integer_unless_it_has_a_fraction() {
        let scalar = |scalar| Type::scalar(scalar);
        assert_eq!(convert("-0", scalar(Scalar::I32)), Ok(Cell::I32(0)));
        assert_eq!(convert("-0", scalar(Scalar::U64)), Ok(Cell::U64(0)));
        assert_eq!(convert("-0", scalar(Scalar::Date)), Ok(Cell::Date(0)));
        assert!(convert("-0.0", scalar(Scalar::I32)).unwrap_err().contains("expects Int32"));
        assert!(convert("-0e0", scalar(Scalar::I64)).unwrap_err().contains("expects Int64"));
        for text in ["-0", "-0.0"] {
            let Ok(Cell::F64(value)) = convert(text, scalar(Scalar::F64)) else { panic!() };
            assert!(value == 0.0 && value.is_sign_negative());
        }
    }

    #[test]
    fn literal_integers_widen_to_floats_only_exactly() {
        let ty = Type::scalar(Scalar::F64);
        assert_eq!(from_value(&Value::Int(5), &ty), Ok(Cell::F64(5.0)));
        assert_eq!(from_value(&Value::Int((1 << 53) + 1), &ty), Err(CellError::Inexact((1 << 53) + 1)));
        assert!(from_value(&Value::Float(0.5), &Type::scalar(Scalar::I32)).is_err());
    }

    #[test]
    fn canonical_texts_follow_the_stored_value() {
        assert_eq!(canonical(&Cell::F32(0.1)).as_deref(), Some("0.1"));
        assert_eq!(canonical(&Cell::F64(-0.0)).as_deref(), Some("0"));
        assert_eq!(canonical(&Cell::Date(20572)).as_deref(), Some("20572"));
        assert_eq!(canonical(&Cell::F64(f64::NAN)), None);
    }
}
