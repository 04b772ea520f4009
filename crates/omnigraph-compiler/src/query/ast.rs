//! The syntax tree of a query file.
//!
//! Names are not resolved and types are not checked. Parentheses are not kept; the nesting of the tree stands for them. Two
//! trees are equal when they say the same, wherever it stands in the text: spans do not take part.

use std::fmt;

use crate::diagnostics::Span;

/// A piece of the tree and the text it came from. Equality ignores the span.
#[derive(Clone, Copy)]
pub struct Spanned<T> {
    /// The piece.
    pub node: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Puts a piece and its place together.
    pub fn new(node: T, span: Span) -> Spanned<T> {
        Spanned { node, span }
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl<T: fmt::Debug> fmt::Debug for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

/// A name: of a type, a property, an alias, or of a variable (then without its `$`).
pub type Name = Spanned<String>;

/// A query file.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct File {
    /// The queries in text order, with distinct names.
    pub queries: Vec<Query>,
}

/// A named query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The name.
    pub name: Name,
    /// Parameters in declared order.
    pub params: Vec<Param>,
    /// `@description`.
    pub description: Option<String>,
    /// `@instruction`.
    pub instruction: Option<String>,
    /// What it does.
    pub body: Body,
}

/// A parameter declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// The name without `$`.
    pub name: Name,
    /// The written type.
    pub ty: Spanned<ParamType>,
}

/// The type of a parameter as written.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamType {
    /// The type without `?`.
    pub kind: ParamKind,
    /// Whether `?` follows.
    pub nullable: bool,
}

/// The type of a parameter without its optionality.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamKind {
    /// `String`
    Scalar(Name),
    /// `[String]`
    List(Name),
    /// `Vector(4)`
    Vector(Spanned<u64>),
}

/// A read or a mutation.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// `match { … } return { … } …`
    Read(Read),
    /// At least one statement.
    Mutation(Vec<Statement>),
}

/// A read query.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// Members of `match`, at least one.
    pub clauses: Vec<Clause>,
    /// `return distinct`.
    pub distinct: bool,
    /// Members of `return`, at least one.
    pub projections: Vec<Projection>,
    /// Members of `order`.
    pub order: Vec<Ordering>,
    /// `offset n`.
    pub offset: Option<u64>,
    /// `limit n`.
    pub limit: Option<u64>,
}

/// A member of `match`, of `not { … }` or of `optional { … }`.
#[derive(Clone, Debug, PartialEq)]
pub enum Clause {
    /// `not { … }`
    Negation(Spanned<Vec<Clause>>),
    /// `optional { … }`
    Optional(Spanned<Vec<Clause>>),
    /// `$v: Type { … }`
    Binding(Binding),
    /// `$a edge $b`
    Traversal(Spanned<Traversal>),
    /// A condition.
    Filter(Predicate),
}

/// A node binding.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The variable.
    pub variable: Name,
    /// The node type.
    pub ty: Name,
    /// Inline conditions.
    pub conditions: Vec<PropertyValue>,
}

/// `property: value`, an inline condition or an assignment.
#[derive(Clone, Debug, PartialEq)]
pub struct PropertyValue {
    /// The property.
    pub property: Name,
    /// The value.
    pub value: Value,
}

/// A value that does not depend on the row.
pub type Value = Spanned<ValueKind>;

/// What a [`Value`] is.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueKind {
    /// A constant.
    Literal(Literal),
    /// `$x`
    Variable(String),
    /// `now()`
    Now,
}

/// A traversal clause.
#[derive(Clone, Debug, PartialEq)]
pub struct Traversal {
    /// The path binding, `path $p =` before the traversal.
    pub path: Option<Name>,
    /// The left endpoint.
    pub left: Name,
    /// The edge binding, `$w:` before the edge word.
    pub binding: Option<Name>,
    /// The edge as written.
    pub edge: Name,
    /// Whether the edge stands in `<` and `>`.
    pub undirected: bool,
    /// `{min,max}`
    pub bounds: Option<Spanned<Bounds>>,
    /// The right endpoint.
    pub right: Name,
}

/// Bounds of a traversal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Fewest steps.
    pub min: u64,
    /// Most steps; absent in `{2,}`.
    pub max: Option<u64>,
}

/// A condition.
pub type Predicate = Spanned<PredicateKind>;

/// What a [`Predicate`] is.
#[derive(Clone, Debug, PartialEq)]
pub enum PredicateKind {
    /// `left op right`
    Compare {
        /// The operator.
        op: Operator,
        /// Left operand.
        left: Expr,
        /// Right operand.
        right: Expr,
    },
    /// `element in list`, `element not in list`
    In {
        /// Left operand.
        element: Expr,
        /// Right operand.
        list: Expr,
        /// Whether `not` stands before `in`.
        negated: bool,
    },
    /// `operand is null`, `operand is not null`
    IsNull {
        /// The operand.
        operand: Expr,
        /// Whether `not` stands before `null`.
        negated: bool,
    },
    /// A text function that stands alone. The expression is an [`ExprKind::Text`].
    Text(Expr),
    /// `not p`
    Not(Box<Predicate>),
    /// `p and q …`, at least two.
    And(Vec<Predicate>),
    /// `p or q …`, at least two.
    Or(Vec<Predicate>),
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `contains`
    Contains,
    /// `starts_with`
    StartsWith,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Operator; 8] = [
        Operator::Eq,
        Operator::Ne,
        Operator::Lt,
        Operator::Le,
        Operator::Gt,
        Operator::Ge,
        Operator::Contains,
        Operator::StartsWith,
    ];

    /// Returns the source form.
    pub fn text(self) -> &'static str {
        match self {
            Operator::Eq => "=",
            Operator::Ne => "!=",
            Operator::Lt => "<",
            Operator::Le => "<=",
            Operator::Gt => ">",
            Operator::Ge => ">=",
            Operator::Contains => "contains",
            Operator::StartsWith => "starts_with",
        }
    }
}

/// An expression.
pub type Expr = Spanned<ExprKind>;

/// What an [`Expr`] is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `now()`
    Now,
    /// A constant.
    Literal(Literal),
    /// `$x`
    Variable(String),
    /// `$v.p`
    Property(PropertyRef),
    /// A bare identifier: the alias of a projection.
    Alias(String),
    /// `count($x)`, `count(distinct $x)`, `count(*)` …
    Aggregate {
        /// The function.
        function: AggregateFunction,
        /// Whether `distinct` stands before the argument.
        distinct: bool,
        /// The argument; absent only in `count(*)`.
        argument: Option<Box<Expr>>,
    },
    /// `length($p)`, `nodes($p)`, `edges($p)`
    Path {
        /// Which one.
        function: PathFunction,
        /// The path.
        argument: Box<Expr>,
    },
    /// `degree($n, edge)`, `in_degree`, `out_degree`, `pagerank`
    Measure {
        /// Which one.
        function: MeasureFunction,
        /// The measured node.
        argument: Box<Expr>,
        /// The edge as written.
        edge: Name,
    },
    /// `search`, `match_text`, `fuzzy`
    Text {
        /// Which one.
        function: TextFunction,
        /// The searched text.
        field: Box<Expr>,
        /// The query.
        query: Box<Expr>,
        /// The third argument; only of `fuzzy`.
        max_edits: Option<Box<Expr>>,
    },
    /// `nearest($v.p, q)`
    Nearest {
        /// The vector property.
        field: Spanned<PropertyRef>,
        /// The query.
        query: Box<Expr>,
    },
    /// `bm25(field, q)`
    Bm25 {
        /// The ranked text.
        field: Box<Expr>,
        /// The query.
        query: Box<Expr>,
    },
    /// `rrf(a, b, k)`
    Rrf {
        /// The two rankings.
        arms: [Box<Expr>; 2],
        /// The third argument.
        k: Option<Box<Expr>>,
    },
}

/// `$v.p`
#[derive(Clone, Debug, PartialEq)]
pub struct PropertyRef {
    /// The variable without `$`.
    pub variable: Name,
    /// The property.
    pub property: Name,
}

/// An aggregate function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AggregateFunction {
    /// `count`
    Count,
    /// `sum`
    Sum,
    /// `avg`
    Avg,
    /// `min`
    Min,
    /// `max`
    Max,
}

impl AggregateFunction {
    /// Every function.
    pub const ALL: [AggregateFunction; 5] = [
        AggregateFunction::Count,
        AggregateFunction::Sum,
        AggregateFunction::Avg,
        AggregateFunction::Min,
        AggregateFunction::Max,
    ];

    /// Returns the source form.
    pub fn text(self) -> &'static str {
        match self {
            AggregateFunction::Count => "count",
            AggregateFunction::Sum => "sum",
            AggregateFunction::Avg => "avg",
            AggregateFunction::Min => "min",
            AggregateFunction::Max => "max",
        }
    }
}

/// A function that reads a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFunction {
    /// `length`
    Length,
    /// `nodes`
    Nodes,
    /// `edges`
    Edges,
}

impl PathFunction {
    /// Every function.
    pub const ALL: [PathFunction; 3] = [PathFunction::Length, PathFunction::Nodes, PathFunction::Edges];

    /// Returns the source form.
    pub fn text(self) -> &'static str {
        match self {
            PathFunction::Length => "length",
            PathFunction::Nodes => "nodes",
            PathFunction::Edges => "edges",
        }
    }
}

/// A function that measures a node in the graph of one edge type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasureFunction {
    /// `degree`
    Degree,
    /// `in_degree`
    InDegree,
    /// `out_degree`
    OutDegree,
    /// `pagerank`
    PageRank,
}

impl MeasureFunction {
    /// Every function.
    pub const ALL: [MeasureFunction; 4] = [
        MeasureFunction::Degree,
        MeasureFunction::InDegree,
        MeasureFunction::OutDegree,
        MeasureFunction::PageRank,
    ];

    /// Returns the source form.
    pub fn text(self) -> &'static str {
        match self {
            MeasureFunction::Degree => "degree",
            MeasureFunction::InDegree => "in_degree",
            MeasureFunction::OutDegree => "out_degree",
            MeasureFunction::PageRank => "pagerank",
        }
    }
}

/// A text predicate function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFunction {
    /// `search`
    Search,
    /// `match_text`
    MatchText,
    /// `fuzzy`
    Fuzzy,
}

impl TextFunction {
    /// Returns the source form.
    pub fn text(self) -> &'static str {
        match self {
            TextFunction::Search => "search",
            TextFunction::MatchText => "match_text",
            TextFunction::Fuzzy => "fuzzy",
        }
    }
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `"text"`, unescaped.
    String(String),
    /// `42`, `-1`
    Int(i64),
    /// `1.5`, `-2.5e-3`; finite.
    Float(f64),
    /// `true`, `false`
    Bool(bool),
    /// `date("…")`, the text unchecked.
    Date(String),
    /// `datetime("…")`, the text unchecked.
    DateTime(String),
    /// `[…]`
    List(Vec<Spanned<Literal>>),
}

/// A member of `return`.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// The expression.
    pub value: Expr,
    /// The name after `as`.
    pub alias: Option<Name>,
}

/// A member of `order`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ordering {
    /// The expression.
    pub value: Expr,
    /// Whether `desc` follows.
    pub descending: bool,
}

/// A statement of a mutation.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `insert T { … }`
    Insert {
        /// The target type.
        ty: Name,
        /// At least one.
        assignments: Vec<PropertyValue>,
    },
    /// `update T set { … } where …`
    Update {
        /// The target type.
        ty: Name,
        /// At least one.
        assignments: Vec<PropertyValue>,
        /// Which entities.
        condition: Condition,
    },
    /// `delete T where …`
    Delete {
        /// The target type.
        ty: Name,
        /// Which entities.
        condition: Condition,
    },
}

/// The condition of an update or delete.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The property, or `from` / `to` of an edge.
    pub property: Name,
    /// One of the six comparisons.
    pub op: Operator,
    /// What it is compared with.
    pub value: Value,
}
