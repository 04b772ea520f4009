//! Literals: their types, and their conversion to the type that their context asks for.

use super::super::ast::{Literal, Spanned};
use super::checker::Checker;
use crate::scalar::{parse_date, parse_datetime};
use crate::types::{Kind, Scalar, Type, Value};

/// A constant and its type.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constant {
    pub(super) value: Value,
    pub(super) ty: Type,
}

/// Why a constant is converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is compared: its mathematical value counts, rounded when the other side is F32.
    Compare,
    /// It is stored: an integer may become a float, nothing else changes.
    Assign,
}

/// Tells whether values of two scalars can be compared with or assigned to each other.
pub(super) fn compatible(a: Scalar, b: Scalar) -> bool {
    a == b || (a.is_numeric() && b.is_numeric())
}

impl Constant {
    fn scalar(value: Value, scalar: Scalar) -> Constant {
        Constant { value, ty: Type::scalar(scalar) }
    }

    /// Tells whether this is `[]`, which is a list of any element type.
    pub(super) fn is_empty_list(&self) -> bool {
        matches!(&self.value, Value::List(items) if items.is_empty())
    }

    /// Converts to this scalar, a list element by element; stays as it is where that would change the value.
    pub(super) fn convert(self, to: Scalar, purpose: Purpose) -> Constant {
        let converted = match &self.value {
            Value::List(items) => {
                let items: Option<Vec<Value>> = items.iter().map(|i| convert(i, to, purpose)).collect();
                items.map(|items| Constant { value: Value::List(items), ty: Type::required(Kind::List(to)) })
            }
            single => convert(single, to, purpose).map(|value| Constant::scalar(value, to)),
        };
        converted.unwrap_or(self)
    }

    /// Returns the numbers of a non-empty list of finite 32-bit numbers, as a vector.
    pub(super) fn into_vector(self) -> Option<Constant> {
        let Value::List(items) = self.value else {
            return None;
        };
        let dimension = u32::try_from(items.len()).ok().filter(|n| *n > 0)?;
        let numbers = items.iter().map(|item| match item {
            Value::Int(v) => Some(*v as f64),
            Value::Float(v) if (*v as f32).is_finite() => Some(*v),
            _ => None,
        });
        let numbers: Vec<Value> = numbers.map(|n| n.map(Value::Float)).collect::<Option<_>>()?;
        Some(Constant { value: Value::List(numbers), ty: Type::required(Kind::Vector(dimension)) })
    }
}

fn convert(value: &Value, to: Scalar, purpose: Purpose) -> Option<Value> {
    match (value, to) {
        (Value::Int(v), Scalar::I32) => i32::try_from(*v).is_ok().then_some(Value::Int(*v)),
        (Value::Int(v), Scalar::U32) => u32::try_from(*v).is_ok().then_some(Value::Int(*v)),
        (Value::Int(v), Scalar::U64) => (*v >= 0).then_some(Value::Int(*v)),
        (Value::Int(v), Scalar::I64) => Some(Value::Int(*v)),
        (Value::Int(v), Scalar::F64) => exact(*v as f64, *v).map(Value::Float),
        (Value::Int(v), Scalar::F32) => match purpose {
            Purpose::Compare => Some(Value::Float(f64::from(*v as f32))),
            Purpose::Assign => exact(f64::from(*v as f32), *v).map(Value::Float),
        },
        (Value::Float(v), Scalar::F64) => Some(Value::Float(*v)),
        (Value::Float(v), Scalar::F32) => {
            let rounded = *v as f32;
            rounded.is_finite().then(|| Value::Float(f64::from(rounded)))
        }
        (Value::Float(v), Scalar::I32 | Scalar::I64 | Scalar::U32 | Scalar::U64)
            if purpose == Purpose::Compare =>
        {
            let integer = *v as i64;
            exact(*v, integer)?;
            convert(&Value::Int(integer), to, purpose)
        }
        (Value::String(_), Scalar::String)
        | (Value::Bool(_), Scalar::Bool)
        | (Value::Date(_), Scalar::Date)
        | (Value::DateTime(_), Scalar::DateTime) => Some(value.clone()),
        _ => None,
    }
}

/// Returns the float if it is mathematically equal to the integer.
fn exact(float: f64, integer: i64) -> Option<f64> {
    // Every finite float below 2^127 in magnitude converts to `i128` without loss when it is integral.
    (float.fract() == 0.0 && float as i128 == i128::from(integer)).then_some(float)
}

impl Checker<'_> {
    /// Types a literal by itself.
    pub(super) fn constant(&mut self, literal: &Spanned<Literal>) -> Option<Constant> {
        Some(match &literal.node {
            Literal::String(text) => Constant::scalar(Value::String(text.clone()), Scalar::String),
            Literal::Int(value) => Constant::scalar(Value::Int(*value), Scalar::I64),
            Literal::Float(value) => Constant::scalar(Value::Float(*value), Scalar::F64),
            Literal::Bool(value) => Constant::scalar(Value::Bool(*value), Scalar::Bool),
            Literal::Date(text) => match parse_date(text) {
                Some(days) => Constant::scalar(Value::Date(days), Scalar::Date),
                None => return self.error(literal.span, format!("invalid Date literal {text:?}")),
            },
            Literal::DateTime(text) => match parse_datetime(text) {
                Some(millis) => Constant::scalar(Value::DateTime(millis), Scalar::DateTime),
                None => return self.error(literal.span, format!("invalid DateTime literal {text:?}")),
            },
            Literal::List(items) => return self.list(items),
        })
    }

    fn list(&mut self, items: &[Spanned<Literal>]) -> Option<Constant> {
        if let Some(nested) = items.iter().find(|i| matches!(i.node, Literal::List(_))) {
            return self.error(nested.span, "list literals do not nest");
        }
        let constants: Vec<Option<Constant>> = items.iter().map(|i| self.constant(i)).collect();
        let constants: Vec<Constant> = constants.into_iter().collect::<Option<_>>()?;
        let Some(first) = constants.first() else {
            return Some(Constant {
                value: Value::List(Vec::new()),
                ty: Type::required(Kind::List(Scalar::String)),
            });
        };
        let mut scalar = first.ty.element();
        for (constant, item) in constants.iter().zip(items) {
            let element = constant.ty.element();
            if !compatible(scalar, element) {
                let message = format!("mixed list literal: {scalar} and {element}");
                return self.error(item.span, message);
            }
            if element == Scalar::F64 {
                scalar = element;
            }
        }
        let mut values = Vec::with_capacity(constants.len());
        for (constant, item) in constants.into_iter().zip(items) {
            values.push(match constant.value {
                Value::Int(v) if scalar == Scalar::F64 => match exact(v as f64, v) {
                    Some(float) => Value::Float(float),
                    None => {
                        return self.error(item.span, format!("{v} has no exact float in a list of floats"));
                    }
                },
                value => value,
            });
        }
        Some(Constant { value: Value::List(values), ty: Type::required(Kind::List(scalar)) })
    }
}
