//! Types of properties and values, shared by both languages.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A scalar type of the schema language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scalar {
    /// UTF-8 text, compared by bytes.
    String,
    /// Bytes owned by the graph, or a reference to external bytes. Never a query value.
    Blob,
    /// `true` or `false`.
    Bool,
    /// 32-bit signed integer.
    I32,
    /// 64-bit signed integer.
    I64,
    /// 32-bit unsigned integer.
    U32,
    /// 64-bit unsigned integer.
    U64,
    /// 32-bit IEEE 754 number.
    F32,
    /// 64-bit IEEE 754 number.
    F64,
    /// Calendar day: days since 1970-01-01.
    Date,
    /// Instant: milliseconds since the epoch, UTC.
    DateTime,
}

impl Scalar {
    /// Every scalar, in the order of the language definition.
    pub const ALL: [Scalar; 11] = [
        Scalar::String,
        Scalar::Blob,
        Scalar::Bool,
        Scalar::I32,
        Scalar::I64,
        Scalar::U32,
        Scalar::U64,
        Scalar::F32,
        Scalar::F64,
        Scalar::Date,
        Scalar::DateTime,
    ];

    /// Returns the name as written in source text.
    pub fn name(self) -> &'static str {
        match self {
            Scalar::String => "String",
            Scalar::Blob => "Blob",
            Scalar::Bool => "Bool",
            Scalar::I32 => "I32",
            Scalar::I64 => "I64",
            Scalar::U32 => "U32",
            Scalar::U64 => "U64",
            Scalar::F32 => "F32",
            Scalar::F64 => "F64",
            Scalar::Date => "Date",
            Scalar::DateTime => "DateTime",
        }
    }

    /// Finds a scalar by its exact name.
    pub fn from_name(name: &str) -> Option<Scalar> {
        Scalar::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Tells whether values are numbers (integers or floats).
    pub fn is_numeric(self) -> bool {
        self.is_integer() || self.is_float()
    }

    /// Tells whether values are integers.
    pub fn is_integer(self) -> bool {
        matches!(self, Scalar::I32 | Scalar::I64 | Scalar::U32 | Scalar::U64)
    }

    /// Tells whether values are floats.
    pub fn is_float(self) -> bool {
        matches!(self, Scalar::F32 | Scalar::F64)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A property or parameter type without its optionality.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A single scalar.
    Scalar(Scalar),
    /// A list of scalars, never of [`Scalar::Blob`].
    List(Scalar),
    /// That many 32-bit floats; 1 ≤ n ≤ 2147483647.
    Vector(u32),
    /// One of the listed strings, kept sorted and distinct.
    Enum(Vec<String>),
}

/// A property or parameter type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Type {
    /// What a non-null value is.
    pub kind: Kind,
    /// Whether null is a value (`?`).
    pub nullable: bool,
}

impl Type {
    /// Returns a required type of this kind.
    pub fn required(kind: Kind) -> Type {
        Type { kind, nullable: false }
    }

    /// Returns an optional type of this kind.
    pub fn optional(kind: Kind) -> Type {
        Type { kind, nullable: true }
    }

    /// Returns a required scalar type.
    pub fn scalar(scalar: Scalar) -> Type {
        Type::required(Kind::Scalar(scalar))
    }

    /// Returns the scalar of a single value or of list elements; an enum counts as String, a vector as F32.
    pub fn element(&self) -> Scalar {
        match &self.kind {
            Kind::Scalar(s) | Kind::List(s) => *s,
            Kind::Enum(_) => Scalar::String,
            Kind::Vector(_) => Scalar::F32,
        }
    }

    /// Tells whether this is a list.
    pub fn is_list(&self) -> bool {
        matches!(self.kind, Kind::List(_))
    }

    /// Tells whether this is a vector.
    pub fn is_vector(&self) -> bool {
        matches!(self.kind, Kind::Vector(_))
    }

    /// Tells whether this is a blob.
    pub fn is_blob(&self) -> bool {
        self.kind == Kind::Scalar(Scalar::Blob)
    }

    /// Returns the scalar when this is a single scalar or an enum (then String).
    pub fn as_scalar(&self) -> Option<Scalar> {
        match &self.kind {
            Kind::Scalar(s) => Some(*s),
            Kind::Enum(_) => Some(Scalar::String),
            Kind::List(_) | Kind::Vector(_) => None,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Scalar(s) => write!(f, "{s}")?,
            Kind::List(s) => write!(f, "[{s}]")?,
            Kind::Vector(n) => write!(f, "Vector({n})")?,
            Kind::Enum(values) => write!(f, "enum({})", values.join(", "))?,
        }
        if self.nullable { f.write_str("?") } else { Ok(()) }
    }
}

/// A value of a literal or a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Absence of a value.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer of any width.
    Int(i64),
    /// A float of any width.
    Float(f64),
    /// Text; also enum values and blob inputs.
    String(String),
    /// Days since 1970-01-01.
    Date(i32),
    /// Milliseconds since the epoch, UTC.
    DateTime(i64),
    /// A list, or the numbers of a vector.
    List(Vec<Value>),
}

impl Value {
    /// Tells whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}
