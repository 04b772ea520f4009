//! Typed queries: what the type checker makes and the engine runs.
//!
//! Everything is resolved: variables are indexes into [`Read::variables`], parameters indexes into
//! [`Query::params`], types are catalog names in declared spelling, orientation of traversals is decided, literals are
//! converted to the type of their context. A query that reaches this form cannot fail on a missing property.

mod expr;
mod ids;

use serde::{Deserialize, Serialize};

pub use self::expr::{CompareOp, Expr, Measure, PathPart, Rank, TextPredicate};
pub use self::ids::{ParamId, VarId};
use crate::types::Type;

/// A declared parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Name without `$`.
    pub name: String,
    /// Declared type.
    pub ty: Type,
}

/// A compiled query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// Declared name.
    pub name: String,
    /// `@description`.
    pub description: Option<String>,
    /// `@instruction`.
    pub instruction: Option<String>,
    /// Parameters in declared order.
    pub params: Vec<Param>,
    /// What it does.
    pub body: Body,
}

/// A read or a mutation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "a query has one body, and bodies are not kept in bulk")]
pub enum Body {
    /// `match … return …`
    Read(Read),
    /// `insert`, `update`, `delete`, in text order; at least one.
    Mutation(Vec<Statement>),
}

/// What a variable ranges over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VarType {
    /// Nodes of this type.
    Node(String),
    /// Edges of this type.
    Edge(String),
    /// Paths along edges of one type; read by [`Expr::Path`] only. A path follows from the entities of its row, so it
    /// adds no rows, does not make two rows different and takes no part in breaking ties.
    Path {
        /// The edge type.
        edge: String,
    },
}

/// A variable of a read query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// Name without `$`; an anonymous endpoint gets a generated name that starts with `_` and a digit.
    pub name: String,
    /// What it ranges over.
    pub ty: VarType,
    /// Whether it was written `$_`.
    pub anonymous: bool,
    /// Whether an `optional` block introduced it, so that it is null in rows that the block did not extend. Inside
    /// that block it is never null. Variables of a `not` block inside are local to the `not` block and not optional.
    pub optional: bool,
}

/// A read query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Read {
    /// All variables of all scopes.
    pub variables: Vec<Variable>,
    /// The outermost match block.
    pub pattern: Pattern,
    /// Whether equal result rows are merged (`return distinct`).
    pub distinct: bool,
    /// Result columns in order.
    pub projections: Vec<Projection>,
    /// Sort keys in order.
    pub order: Vec<Ordering>,
    /// Rows skipped after ordering.
    pub offset: u64,
    /// Rows kept after the offset.
    pub limit: Option<u64>,
    /// Whether any projection is an aggregate, so that rows are grouped by the other projections.
    pub grouped: bool,
}

impl Read {
    /// Calls `visit` with every expression of the query and with every expression inside it: of the match block and all
    /// blocks in it, of the projections and of the sort keys.
    pub fn walk(&self, visit: &mut dyn FnMut(&Expr)) {
        self.pattern.walk(visit);
        for projection in &self.projections {
            match &projection.value {
                Output::Value(expr) | Output::Aggregate { argument: Some(expr), .. } => expr.walk(visit),
                Output::Aggregate { argument: None, .. } => {}
            }
        }
        for ordering in &self.order {
            match &ordering.key {
                SortKey::Value(expr) => expr.walk(visit),
                SortKey::Rank(rank) => rank.walk(visit),
                SortKey::Column(_) => {}
            }
        }
    }
}

/// A conjunction of clauses: the match block, one `not` block or one `optional` block.
///
/// Its rows are made in four steps, each of which sees the rows of the one before:
///
/// 1. `bound`, `traversals` and `filters` give the rows that satisfy the required clauses;
/// 2. `negations` drop rows;
/// 3. `optionals`, one after the other, extend rows: each row is replaced by its extensions that satisfy the block,
///    or stays once, with the variables that the block introduced null, if there is none;
/// 4. `late` drops rows.
///
/// The steps 1 and 2 of the match block use no variable of an `optional` block. Only the match block has the steps 3
/// and 4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pattern {
    /// Variables first bound in this block, in text order; those of a block inside are in its own list.
    pub introduced: Vec<VarId>,
    /// Variables that have a node binding in this block, in text order of their first binding. A connected group
    /// starts at its first entry here; a group without one starts at the left endpoint of its first traversal.
    pub bound: Vec<VarId>,
    /// Traversals in text order.
    pub traversals: Vec<Traversal>,
    /// Conditions: filters, inline conditions, text clauses. All must be true. In an `optional` block they may use
    /// variables of earlier `optional` blocks, which may be null.
    pub filters: Vec<Expr>,
    /// `not { … }` blocks.
    pub negations: Vec<Pattern>,
    /// `optional { … }` blocks in text order. Only the match block has any. A block may use variables of an earlier
    /// one. Where such a variable is null, a traversal from or to it finds nothing and a node binding of it does not
    /// hold, so the row is not extended; in a condition it is a null like any other.
    pub optionals: Vec<Pattern>,
    /// Conditions that use a variable of `optionals`, directly in this block. All must be true after the blocks were
    /// evaluated. Empty without `optionals`.
    pub late: Vec<Expr>,
}

impl Pattern {
    fn walk(&self, visit: &mut dyn FnMut(&Expr)) {
        self.filters.iter().chain(&self.late).for_each(|f| f.walk(visit));
        self.negations.iter().chain(&self.optionals).for_each(|block| block.walk(visit));
    }
}

/// One traversal clause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Traversal {
    /// Edge type, declared spelling.
    pub edge: String,
    /// The variable at the edge's source end.
    pub from: VarId,
    /// The variable at the edge's target end.
    pub to: VarId,
    /// The variable written on the left.
    pub left: VarId,
    /// Bound edge, if any; then `min` and `max` are 1, and there is no `path`.
    pub edge_var: Option<VarId>,
    /// Bound path, if any. It changes no row: to each pair of ends that the traversal yields it adds one shortest path
    /// among those that the traversal admits, from the end written on the [`left`](Self::left) to the other one.
    ///
    /// Among equally short paths it is the one whose list of node ids, compared element by element from the left end,
    /// is smallest by bytes; each of its steps takes, among parallel edges, the one with the smallest edge id by bytes.
    /// Where direction is ignored, edges of both directions are parallel. A pair that holds through a self-loop of its
    /// one node has that loop as its path: two nodes, one edge. Between different types a path is one edge.
    pub path: Option<VarId>,
    /// Fewest steps, ≥ 1.
    pub min: u32,
    /// Most steps, ≥ `min`.
    pub max: u32,
    /// Whether direction is ignored.
    pub undirected: bool,
}

/// A result column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    /// Result column name.
    pub column: String,
    /// Name in operation descriptors; without an alias it differs from `column` (`title` for `p.title`).
    pub name: String,
    /// What it computes.
    pub value: Output,
    /// Type of the values.
    pub ty: OutputType,
}

/// What a projection computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Output {
    /// One value per row; a group key when the query is grouped.
    Value(Expr),
    /// One value per group.
    Aggregate {
        /// The function.
        function: Aggregate,
        /// Its argument; absent for `count(*)`.
        argument: Option<Expr>,
        /// Whether equal argument values count once.
        distinct: bool,
    },
}

/// An aggregate function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Aggregate {
    /// Number of non-null values; I64.
    Count,
    /// Sum as F64.
    Sum,
    /// Mean as F64.
    Avg,
    /// Smallest.
    Min,
    /// Largest.
    Max,
}

/// Type of a result column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum OutputType {
    /// A scalar, list or vector.
    Value(Type),
    /// A whole node, rendered as its id.
    Node {
        /// The node type.
        ty: String,
        /// Whether null is a value: the variable is optional.
        nullable: bool,
    },
}

/// A sort key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ordering {
    /// What is compared.
    pub key: SortKey,
    /// Whether larger values come first.
    pub descending: bool,
}

/// What a sort key compares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SortKey {
    /// A result column, by index into [`Read::projections`].
    Column(usize),
    /// A value of the row that is not necessarily projected: an [`Expr::Property`], the length of a path
    /// ([`Expr::Path`]) or an [`Expr::Measure`]. Only in queries that are neither grouped nor `distinct`.
    Value(Expr),
    /// A ranking; only as the first key.
    Rank(Rank),
}

/// One statement of a mutation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Statement {
    /// Inserts a node; replaces the whole entity when its key exists.
    InsertNode {
        /// Node type.
        node: String,
        /// Assigned properties in text order, each once.
        assignments: Vec<Assignment>,
    },
    /// Inserts an edge.
    InsertEdge {
        /// Edge type.
        edge: String,
        /// Id of the source node, a String.
        from: Expr,
        /// Id of the target node, a String.
        to: Expr,
        /// Assigned properties in text order, each once.
        assignments: Vec<Assignment>,
    },
    /// Changes properties of every matching node.
    UpdateNode {
        /// Node type.
        node: String,
        /// Assigned properties in text order, each once.
        assignments: Vec<Assignment>,
        /// Which nodes.
        predicate: Predicate,
    },
    /// Removes matching nodes and every edge incident to them.
    DeleteNode {
        /// Node type.
        node: String,
        /// Which nodes.
        predicate: Predicate,
    },
    /// Removes matching edges.
    DeleteEdge {
        /// Edge type.
        edge: String,
        /// Which edges.
        predicate: Predicate,
    },
}

/// An assigned property.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// Property name.
    pub property: String,
    /// A literal, a parameter or `now()`.
    pub value: Expr,
}

/// The condition of an update or delete: one comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Predicate {
    /// What is compared.
    pub field: Field,
    /// Operator.
    pub op: CompareOp,
    /// A literal, a parameter or `now()`.
    pub value: Expr,
}

/// What a mutation predicate compares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Field {
    /// A declared property.
    Property {
        /// Its name.
        name: String,
        /// Its type.
        ty: Type,
    },
    /// The source endpoint of an edge (`from`).
    From,
    /// The target endpoint of an edge (`to`).
    To,
}
