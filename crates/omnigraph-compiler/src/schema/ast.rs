//! The syntax tree of a `.pg` file: what is written, in the order it is written.
//!
//! Trees compare by content: a position ([`At`]) equals every other position, so a tree equals the tree of its
//! printed form.

use crate::diagnostics::Span;

/// Where a piece of the tree stands in its source. All positions are equal to each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct At(pub Span);

impl PartialEq for At {
    fn eq(&self, _: &At) -> bool {
        true
    }
}

impl Eq for At {}

/// A word with its position: a declared or referenced name, a type name, an enum value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The word.
    pub text: String,
    /// Where it stands.
    pub at: At,
}

/// A number as written, with its sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// Optional `-`, digits, optionally a point and digits.
    pub text: String,
    /// Where it stands.
    pub at: At,
}

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// Declarations in source order.
    pub declarations: Vec<Declaration>,
}

/// A top-level declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declaration {
    /// `interface I { … }`
    Interface(Interface),
    /// `node N { … }`
    Node(Node),
    /// `edge E: A -> B { … }`
    Edge(Edge),
}

/// An interface declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: Name,
    /// Its properties in source order.
    pub properties: Vec<Property>,
    /// The whole declaration.
    pub at: At,
}

/// A node declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: Name,
    /// Header annotations in source order.
    pub annotations: Vec<Annotation>,
    /// Implemented interfaces as listed.
    pub implements: Vec<Name>,
    /// Properties and body constraints in source order.
    pub members: Vec<Member>,
    /// The whole declaration.
    pub at: At,
}

/// An edge declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Its name.
    pub name: Name,
    /// Source node type.
    pub from: Name,
    /// Target node type.
    pub to: Name,
    /// `@card(min..max)`, if written.
    pub cardinality: Option<Cardinality>,
    /// Header annotations in source order.
    pub annotations: Vec<Annotation>,
    /// Properties and body constraints in source order.
    pub members: Vec<Member>,
    /// The whole declaration.
    pub at: At,
}

/// `@card(min..max)` as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cardinality {
    /// Lower bound.
    pub min: Number,
    /// Upper bound, if any.
    pub max: Option<Number>,
    /// The whole clause.
    pub at: At,
}

/// A member of a node or edge body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// `p: T …`
    Property(Property),
    /// `@unique(p, …)` and alike.
    Constraint(Constraint),
}

/// A property declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Its name.
    pub name: Name,
    /// Its type as written.
    pub ty: Type,
    /// Its annotations in source order.
    pub annotations: Vec<Annotation>,
    /// The whole declaration.
    pub at: At,
}

/// A property type as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// The type without `?`.
    pub kind: TypeKind,
    /// Whether `?` follows.
    pub nullable: bool,
    /// The whole type.
    pub at: At,
}

/// A property type without its optionality. Names are checked when the tree is read, not by the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeKind {
    /// `S`
    Scalar(Name),
    /// `[S]`
    List(Name),
    /// `Vector(n)`
    Vector(Number),
    /// `enum(a, b)`, values in source order.
    Enum(Vec<Name>),
}

/// A body constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// What it demands.
    pub kind: ConstraintKind,
    /// The whole constraint.
    pub at: At,
}

/// What a body constraint demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstraintKind {
    /// `@key(p, …)`
    Key(Vec<Name>),
    /// `@unique(p, …)`
    Unique(Vec<Name>),
    /// `@index(p, …, name=literal, …)`
    Index {
        /// The members in source order.
        members: Vec<Name>,
        /// `name=literal` pairs in source order. Names are checked when the tree is read, not by the grammar.
        keywords: Vec<(Name, Argument)>,
    },
    /// `@range(p, min..max)`; at least one bound is present.
    Range {
        /// The property.
        property: Name,
        /// Lower bound.
        min: Option<Number>,
        /// Upper bound.
        max: Option<Number>,
    },
    /// `@check(p, "pattern")`
    Check {
        /// The property.
        property: Name,
        /// The regular expression.
        pattern: String,
    },
}

impl ConstraintKind {
    /// Returns the word after `@`.
    pub fn word(&self) -> &'static str {
        match self {
            ConstraintKind::Key(_) => "key",
            ConstraintKind::Unique(_) => "unique",
            ConstraintKind::Index { .. } => "index",
            ConstraintKind::Range { .. } => "range",
            ConstraintKind::Check { .. } => "check",
        }
    }
}

/// An annotation of a declaration or property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// Its name without `@`.
    pub name: Name,
    /// The positional argument.
    pub argument: Option<Argument>,
    /// `name=literal` pairs in source order; without a positional argument only in `@index(metric="…")`.
    pub keywords: Vec<(Name, Argument)>,
    /// The whole annotation.
    pub at: At,
}

/// An argument of an annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// `"text"`, unescaped.
    Text(String),
    /// An unquoted word; never a keyword argument.
    Word(String),
    /// Digits, optionally a point and digits.
    Number(String),
    /// `true` or `false`.
    Bool(bool),
}

impl Argument {
    /// Returns the text that the argument stands for.
    pub fn text(&self) -> &str {
        match self {
            Argument::Text(text) | Argument::Word(text) | Argument::Number(text) => text,
            Argument::Bool(true) => "true",
            Argument::Bool(false) => "false",
        }
    }
}
