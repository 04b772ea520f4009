//! From the compiler's typed expressions to scalars over named columns, parameters and `now()` resolved.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arrow_schema::DataType;
use omnigraph_compiler::ir::{CompareOp, Expr, VarId};
use omnigraph_compiler::types::{Kind, Scalar as ScalarType, Type, Value};
use omnigraph_graph::model;
use roaring::RoaringTreemap;

use crate::error::{QueryError, Result};
use crate::plan::{address, column, path_column};
use crate::search::{self, Searches};

/// What expressions may refer to besides columns.
#[derive(Clone, Copy)]
pub(crate) struct Env<'a> {
    /// Parameter values by index.
    pub(crate) params: &'a [Value],
    /// Declared parameter types by index.
    pub(crate) types: &'a [Type],
    /// The instant of the query in milliseconds.
    pub(crate) now: i64,
    /// What search functions come to.
    pub(crate) searches: &'a Searches,
}

/// A scalar expression over a batch of bindings.
#[derive(Clone, Debug)]
pub(crate) enum Scalar {
    /// A column of the batch by name.
    Column { name: String, ty: DataType },
    /// A constant.
    Const { value: Value, ty: DataType },
    /// A comparison.
    Compare { op: CompareOp, left: Box<Scalar>, right: Box<Scalar> },
    /// Equality with some element.
    Member { list: Box<Scalar>, element: Box<Scalar> },
    /// Substring test.
    Substring { text: Box<Scalar>, part: Box<Scalar> },
    /// Prefix test.
    Prefix { text: Box<Scalar>, prefix: Box<Scalar> },
    /// Whether the row at an address is one of these, found by the index that `by` names.
    Among { address: Box<Scalar>, rows: Arc<RoaringTreemap>, by: Arc<str> },
    /// Null test, never unknown.
    IsNull(Box<Scalar>),
    /// Negation.
    Not(Box<Scalar>),
    /// Conjunction.
    And(Vec<Scalar>),
    /// Disjunction.
    Or(Vec<Scalar>),
    /// A float with one form per value: no negative zero, one NaN. Other types pass unchanged.
    Normal(Box<Scalar>),
    /// A number as a 64-bit float.
    Float(Box<Scalar>),
}

impl Env<'_> {
    /// Lowers an expression.
    ///
    /// # Errors
    /// Internal ones: the expression was checked, and its searches are known.
    pub(crate) fn lower(&self, expr: &Expr) -> Result<Scalar> {
        let boxed = |e: &Expr| self.lower(e).map(Box::new);
        Ok(match expr {
            Expr::Property { var, property, ty } => {
                Scalar::Column { name: column(*var, property), ty: model::column_type(ty) }
            }
            Expr::Measure { var, measure, .. } => {
                let number = self.searches.measure(expr);
                let number = number.ok_or_else(|| QueryError::internal("a measure is not computed"))?;
                let ty = model::column_type(&Type::required(Kind::Scalar(measure.scalar())));
                Scalar::Column { name: column(*var, &search::property(number)), ty }
            }
            Expr::Path { var, part } => {
                let ty = model::column_type(&Type::required(part.kind()));
                Scalar::Column { name: column(*var, path_column(*part)), ty }
            }
            Expr::Node(var) => Scalar::Column { name: column(*var, model::ID), ty: DataType::Utf8 },
            Expr::Param(id) => {
                let ty =
                    self.types.get(id.0).ok_or_else(|| QueryError::internal("parameter out of range"))?;
                let value = self.params.get(id.0).cloned().unwrap_or(Value::Null);
                Scalar::Const { value, ty: model::column_type(ty) }
            }
            Expr::Literal { value, ty } => Scalar::Const { value: value.clone(), ty: model::column_type(ty) },
            Expr::Now => Scalar::Const { value: Value::DateTime(self.now), ty: DataType::Date64 },
            Expr::Compare { op, left, right } => {
                let (mut l, mut r) = (boxed(left)?, boxed(right)?);
                round_beside(left, &mut r);
                round_beside(right, &mut l);
                Scalar::Compare { op: *op, left: l, right: r }
            }
            Expr::Member { list, element } => {
                let (mut l, mut e) = (boxed(list)?, boxed(element)?);
                round_beside(list, &mut e);
                round_beside(element, &mut l);
                Scalar::Member { list: l, element: e }
            }
            Expr::Substring { text, part } => Scalar::Substring { text: boxed(text)?, part: boxed(part)? },
            Expr::Prefix { text, prefix } => Scalar::Prefix { text: boxed(text)?, prefix: boxed(prefix)? },
            Expr::IsNull(inner) => Scalar::IsNull(boxed(inner)?),
            Expr::Not(inner) => Scalar::Not(boxed(inner)?),
            Expr::And(parts) => Scalar::And(parts.iter().map(|p| self.lower(p)).collect::<Result<_>>()?),
            Expr::Or(parts) => Scalar::Or(parts.iter().map(|p| self.lower(p)).collect::<Result<_>>()?),
            Expr::Text { var, property, .. } => {
                let rows = self.searches.rows(expr);
                let rows = rows.ok_or_else(|| QueryError::internal("a text predicate is not resolved"))?;
                among(*var, rows.clone(), format!("words of {property}").into())
            }
            Expr::Rank(rank) => {
                let number = self.searches.number(rank);
                let number = number.ok_or_else(|| QueryError::internal("a ranking is not resolved"))?;
                let name = column(rank.var(), &search::property(number));
                Scalar::Column { name, ty: DataType::Float64 }
            }
        })
    }
}

/// Tells whether a variable is one of some rows, which `by` tells.
pub(crate) fn among(var: VarId, rows: Arc<RoaringTreemap>, by: Arc<str>) -> Scalar {
    let address = Box::new(Scalar::Column { name: address(var), ty: DataType::UInt64 });
    Scalar::Among { address, rows, by }
}

/// Rounds a constant to the width of the F32 property it is compared with.
fn round_beside(property: &Expr, other: &mut Scalar) {
    let Expr::Property { ty, .. } = property else { return };
    if !matches!(ty.kind, Kind::Scalar(ScalarType::F32) | Kind::List(ScalarType::F32)) {
        return;
    }
    if let Scalar::Const { value, .. } = other {
        round(value);
    }
}

fn round(value: &mut Value) {
    match value {
        Value::Int(v) => *value = Value::Float(f64::from(*v as f32)),
        Value::Float(v) => *v = f64::from(*v as f32),
        Value::List(items) => items.iter_mut().for_each(round),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Date(_) | Value::DateTime(_) => {}
    }
}

impl Scalar {
    /// Gives equal floats one form; leaves other types alone.
    pub(crate) fn normal(self) -> Scalar {
        match self.data_type() {
            DataType::Float32 | DataType::Float64 => Scalar::Normal(Box::new(self)),
            _ => self,
        }
    }

    /// Returns the type of the values.
    pub(crate) fn data_type(&self) -> DataType {
        match self {
            Scalar::Column { ty, .. } | Scalar::Const { ty, .. } => ty.clone(),
            Scalar::Normal(inner) => inner.data_type(),
            Scalar::Float(_) => DataType::Float64,
            Scalar::Compare { .. }
            | Scalar::Member { .. }
            | Scalar::Substring { .. }
            | Scalar::Prefix { .. }
            | Scalar::Among { .. }
            | Scalar::IsNull(_)
            | Scalar::Not(_)
            | Scalar::And(_)
            | Scalar::Or(_) => DataType::Boolean,
        }
    }

    /// Adds the names of the columns it reads.
    pub(crate) fn columns(&self, into: &mut BTreeSet<String>) {
        match self {
            Scalar::Column { name, .. } => {
                into.insert(name.clone());
            }
            Scalar::Const { .. } => {}
            Scalar::Compare { left: a, right: b, .. }
            | Scalar::Member { list: a, element: b }
            | Scalar::Substring { text: a, part: b }
            | Scalar::Prefix { text: a, prefix: b } => {
                a.columns(into);
                b.columns(into);
            }
            Scalar::IsNull(a)
            | Scalar::Not(a)
            | Scalar::Normal(a)
            | Scalar::Float(a)
            | Scalar::Among { address: a, .. } => a.columns(into),
            Scalar::And(parts) | Scalar::Or(parts) => parts.iter().for_each(|p| p.columns(into)),
        }
    }
}

/// Adds the variables an expression mentions.
pub(crate) fn variables(expr: &Expr, into: &mut BTreeSet<VarId>) {
    match expr {
        Expr::Property { var, .. }
        | Expr::Node(var)
        | Expr::Text { var, .. }
        | Expr::Path { var, .. }
        | Expr::Measure { var, .. } => {
            into.insert(*var);
        }
        Expr::Param(_) | Expr::Literal { .. } | Expr::Now => {}
        Expr::Compare { left: a, right: b, .. }
        | Expr::Member { list: a, element: b }
        | Expr::Substring { text: a, part: b }
        | Expr::Prefix { text: a, prefix: b } => {
            variables(a, into);
            variables(b, into);
        }
        Expr::IsNull(a) | Expr::Not(a) => variables(a, into),
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|p| variables(p, into)),
        Expr::Rank(rank) => {
            into.insert(rank.var());
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Scalar], word: &str| {
            f.write_str("(")?;
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    write!(f, " {word} ")?;
                }
                write!(f, "{part}")?;
            }
            f.write_str(")")
        };
        match self {
            Scalar::Column { name, .. } => f.write_str(name),
            Scalar::Const { value, .. } => write!(f, "{value:?}"),
            Scalar::Compare { op, left, right } => {
                let sign = match op {
                    CompareOp::Eq => "=",
                    CompareOp::Ne => "!=",
                    CompareOp::Lt => "<",
                    CompareOp::Le => "<=",
                    CompareOp::Gt => ">",
                    CompareOp::Ge => ">=",
                };
                write!(f, "{left} {sign} {right}")
            }
            Scalar::Member { list, element } => write!(f, "{element} in {list}"),
            Scalar::Substring { text, part } => write!(f, "{text} contains {part}"),
            Scalar::Prefix { text, prefix } => write!(f, "{text} starts_with {prefix}"),
            Scalar::Among { address, rows, by } => {
                write!(f, "{address} among {} rows by {by}", rows.len())
            }
            Scalar::IsNull(inner) => write!(f, "{inner} is null"),
            Scalar::Not(inner) => write!(f, "not {inner}"),
            Scalar::And(parts) => list(f, parts, "and"),
            Scalar::Or(parts) => list(f, parts, "or"),
            Scalar::Normal(inner) => write!(f, "normal({inner})"),
            Scalar::Float(inner) => write!(f, "float({inner})"),
        }
    }
}
