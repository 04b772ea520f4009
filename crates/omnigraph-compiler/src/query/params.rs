//! Binding of parameters: JSON values become values of the declared types.

use serde_json::{Map as Members, Value as Json};

use crate::ir::Param;
use crate::scalar::{parse_date, parse_datetime};
use crate::types::{Kind, Scalar, Type, Value};

/// Why parameter values were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// The parameters are neither an object nor null nor absent.
    #[error("params must be a JSON object")]
    NotAnObject,
    /// A required parameter is absent.
    #[error("parameter '{name}' not provided")]
    Missing {
        /// The parameter, without `$`.
        name: String,
    },
    /// A value does not fit the declared type.
    #[error("param '{name}': {problem}")]
    Invalid {
        /// The parameter, without `$`.
        name: String,
        /// What is wrong with its value.
        problem: ParamProblem,
    },
}

/// What is wrong with the value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamProblem {
    /// Null for a type without `?`.
    #[error("null is not accepted for non-nullable parameter")]
    Null,
    /// The JSON kind does not fit.
    #[error("expected {expected}")]
    Expected {
        /// What the declared type accepts.
        expected: &'static str,
    },
    /// A number that the declared type cannot hold.
    #[error("value {value} exceeds {scalar}")]
    Exceeds {
        /// The number as given.
        value: String,
        /// The declared type.
        scalar: Scalar,
    },
    /// A U64 above the largest I64.
    #[error("value {value} exceeds current engine range for U64")]
    EngineRange {
        /// The number as given.
        value: String,
    },
    /// A string that is no date or instant.
    #[error("invalid {scalar} literal {text:?}")]
    Malformed {
        /// Date or DateTime.
        scalar: Scalar,
        /// The string as given.
        text: String,
    },
    /// A vector of another length.
    #[error("expected {expected} values, got {actual}")]
    Dimension {
        /// The declared dimension.
        expected: u32,
        /// The length of the array.
        actual: usize,
    },
    /// A vector element that is no finite 32-bit number.
    #[error("vector element is not numeric: element {index}")]
    VectorElement {
        /// Its place, from 0.
        index: usize,
    },
    /// A list element that does not fit.
    #[error("{problem} (element {index})")]
    Element {
        /// Its place, from 0.
        index: usize,
        /// What is wrong with it.
        problem: Box<ParamProblem>,
    },
    /// Null as a list element.
    #[error("null is not accepted as a list element")]
    NullElement,
    /// An object as the value of a parameter that is not declared.
    #[error("objects are not accepted")]
    Object,
}

/// Reads the values of all declared parameters, in the order of their declaration.
///
/// Absent parameters and `null` are the empty object. An optional parameter that is left out is null. Keys that are
/// not declared are ignored unless their value is an object; [`undeclared`] lists them.
///
/// # Errors
///
/// The first parameter, in declared order, that is missing or does not fit.
///
/// ```
/// use omnigraph_compiler::ir::Param;
/// use omnigraph_compiler::query::params::bind;
/// use omnigraph_compiler::types::{Scalar, Type, Value};
///
/// let params = [Param { name: "year".into(), ty: Type::scalar(Scalar::I32) }];
/// let values = bind(&params, Some(&serde_json::json!({ "year": 2024 })));
/// assert_eq!(values, Ok(vec![Value::Int(2024)]));
/// let error = bind(&params, None).unwrap_err();
/// assert_eq!(error.to_string(), "parameter 'year' not provided");
/// ```
pub fn bind(params: &[Param], json: Option<&Json>) -> Result<Vec<Value>, ParamError> {
    match json {
        None | Some(Json::Null) => bind_map(params, &Members::new()),
        Some(Json::Object(members)) => bind_map(params, members),
        Some(_) => Err(ParamError::NotAnObject),
    }
}

/// Converts the members of a JSON object to the values of the declared parameters, in their order.
///
/// # Errors
/// As [`bind`].
pub fn bind_map(params: &[Param], given: &Members<String, Json>) -> Result<Vec<Value>, ParamError> {
    let mut values = Vec::with_capacity(params.len());
    for param in params {
        values.push(match given.get(&param.name) {
            Some(value) => read(value, &param.ty)
                .map_err(|problem| ParamError::Invalid { name: param.name.clone(), problem })?,
            None if param.ty.nullable => Value::Null,
            None => return Err(ParamError::Missing { name: param.name.clone() }),
        });
    }
    let is_declared = |name: &str| params.iter().any(|p| p.name == name);
    let object = given.iter().find(|(name, value)| value.is_object() && !is_declared(name));
    match object {
        Some((name, _)) => Err(ParamError::Invalid { name: name.clone(), problem: ParamProblem::Object }),
        None => Ok(values),
    }
}

/// Returns the keys of a parameter object that are not declared, in the order given.
pub fn undeclared<'j>(params: &[Param], json: Option<&'j Json>) -> Vec<&'j str> {
    let keys = json.and_then(Json::as_object).into_iter().flat_map(|members| members.keys());
    keys.map(String::as_str).filter(|key| params.iter().all(|p| p.name != *key)).collect()
}

fn read(json: &Json, ty: &Type) -> Result<Value, ParamProblem> {
    if json.is_null() {
        return if ty.nullable { Ok(Value::Null) } else { Err(ParamProblem::Null) };
    }
    match &ty.kind {
        Kind::Scalar(scalar) => read_scalar(json, *scalar),
        Kind::Enum(_) => read_scalar(json, Scalar::String),
        Kind::List(scalar) => {
            let items = json.as_array().ok_or(expected("array"))?;
            let read_item = |(index, item): (usize, &Json)| {
                let value =
                    if item.is_null() { Err(ParamProblem::NullElement) } else { read_scalar(item, *scalar) };
                value.map_err(|problem| ParamProblem::Element { index, problem: Box::new(problem) })
            };
            items.iter().enumerate().map(read_item).collect::<Result<_, _>>().map(Value::List)
        }
        Kind::Vector(dimension) => read_vector(json, *dimension),
    }
}

fn read_vector(json: &Json, dimension: u32) -> Result<Value, ParamProblem> {
    let items = json.as_array().ok_or(expected("array"))?;
    if items.len() != dimension as usize {
        return Err(ParamProblem::Dimension { expected: dimension, actual: items.len() });
    }
    let number = |(index, item): (usize, &Json)| {
        let number = item.as_f64().and_then(narrow);
        number.map(Value::Float).ok_or(ParamProblem::VectorElement { index })
    };
    items.iter().enumerate().map(number).collect::<Result<_, _>>().map(Value::List)
}

fn read_scalar(json: &Json, scalar: Scalar) -> Result<Value, ParamProblem> {
    let text = |what| json.as_str().ok_or(expected(what));
    Ok(match scalar {
        Scalar::String => Value::String(text("string")?.to_owned()),
        Scalar::Blob => Value::String(text("blob URI string")?.to_owned()),
        Scalar::Bool => Value::Bool(json.as_bool().ok_or(expected("boolean"))?),
        Scalar::I32 | Scalar::I64 | Scalar::U32 | Scalar::U64 => Value::Int(read_integer(json, scalar)?),
        Scalar::F64 => Value::Float(json.as_f64().ok_or(expected("float"))?),
        Scalar::F32 => {
            let value = json.as_f64().ok_or(expected("float"))?;
            let narrowed = narrow(value);
            let exceeds = ParamProblem::Exceeds { value: json.to_string(), scalar };
            Value::Float(narrowed.ok_or(exceeds)?)
        }
        Scalar::Date => {
            let text = text("date string")?;
            let malformed = ParamProblem::Malformed { scalar, text: text.to_owned() };
            Value::Date(parse_date(text).ok_or(malformed)?)
        }
        Scalar::DateTime => {
            let text = text("datetime string")?;
            let malformed = ParamProblem::Malformed { scalar, text: text.to_owned() };
            Value::DateTime(parse_datetime(text).ok_or(malformed)?)
        }
    })
}

fn expected(expected: &'static str) -> ParamProblem {
    ParamProblem::Expected { expected }
}

/// Rounds to a 32-bit float, unless that overflows.
fn narrow(value: f64) -> Option<f64> {
    let narrowed = value as f32;
    narrowed.is_finite().then(|| f64::from(narrowed))
}

/// Reads an integer number or a decimal string.
fn read_integer(json: &Json, scalar: Scalar) -> Result<i64, ParamProblem> {
    let unsigned = matches!(scalar, Scalar::U32 | Scalar::U64);
    let kind = expected(if unsigned { "unsigned integer" } else { "integer" });
    let text = match json {
        Json::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        Json::String(text) => text.clone(),
        _ => return Err(kind),
    };
    let digits = text.strip_prefix('-').unwrap_or(&text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(kind);
    }
    if unsigned && digits.len() < text.len() && digits.bytes().any(|b| b != b'0') {
        return Err(kind);
    }
    let value = text.parse::<i64>().ok();
    let fits = |v: &i64| match scalar {
        Scalar::I32 => i32::try_from(*v).is_ok(),
        Scalar::U32 => u32::try_from(*v).is_ok(),
        _ => true,
    };
    value.filter(fits).ok_or(match scalar {
        Scalar::U64 => ParamProblem::EngineRange { value: text },
        Scalar::I64 => kind,
        _ => ParamProblem::Exceeds { value: text, scalar },
    })
}
