//! Expressions of typed queries: values, conditions, rankings.

use serde::{Deserialize, Serialize};

use super::ids::{ParamId, VarId};
use crate::types::{Kind, Scalar, Type, Value};

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CompareOp {
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
}

/// A scalar or boolean expression with three-valued logic: a null operand makes a predicate unknown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Expr {
    /// A property of a bound node or edge.
    Property {
        /// The variable.
        var: VarId,
        /// Property name.
        property: String,
        /// Its type; nullable if the variable may be null here.
        ty: Type,
    },
    /// A whole node: its id, a string; null where an optional variable is not bound.
    Node(VarId),
    /// A parameter.
    Param(ParamId),
    /// A constant of this type.
    Literal {
        /// The value.
        value: Value,
        /// Its type.
        ty: Type,
    },
    /// The instant of the query, a DateTime.
    Now,
    /// A comparison by value; numbers of different types compare mathematically.
    Compare {
        /// Operator.
        op: CompareOp,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// The list on the left has an element equal to the scalar on the right (`contains`, and `in` with sides swapped).
    Member {
        /// A list.
        list: Box<Expr>,
        /// A scalar.
        element: Box<Expr>,
    },
    /// The string on the left contains the one on the right.
    Substring {
        /// The text.
        text: Box<Expr>,
        /// What is looked for.
        part: Box<Expr>,
    },
    /// The string on the left starts with the one on the right.
    Prefix {
        /// The text.
        text: Box<Expr>,
        /// What is looked for.
        prefix: Box<Expr>,
    },
    /// The operand is null.
    IsNull(Box<Expr>),
    /// Logical negation (unknown stays unknown).
    Not(Box<Expr>),
    /// Every operand is true; at least two.
    And(Vec<Expr>),
    /// Some operand is true; at least two.
    Or(Vec<Expr>),
    /// A text predicate over a String property of a node.
    Text {
        /// Which one.
        predicate: TextPredicate,
        /// The ranked node.
        var: VarId,
        /// The String property.
        property: String,
        /// The query text: a literal or parameter.
        query: Box<Expr>,
    },
    /// A ranking score.
    Rank(Box<Rank>),
    /// A part of a bound path; null where an optional path is not bound.
    Path {
        /// The path.
        var: VarId,
        /// Which part.
        part: PathPart,
    },
    /// A measure of a node in the graph that all edges of one type make in the snapshot of the query, whatever the
    /// query matches; null where an optional node is not bound.
    Measure {
        /// The measured node, of a type at the end of the edge that the measure looks at.
        var: VarId,
        /// Edge type, declared spelling.
        edge: String,
        /// Which measure.
        measure: Measure,
    },
}

/// A measure of a node in the graph of one edge type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Measure {
    /// The number of edges that touch the node, `InDegree` + `OutDegree`: a self-loop counts twice. Where the edge type
    /// connects different types, the one of the two that the node can have.
    Degree,
    /// The number of edges that enter the node. The node is of the target type.
    InDegree,
    /// The number of edges that leave the node. The node is of the source type.
    OutDegree,
    /// PageRank with damping 0.85 over all nodes of the type, which stands at both ends of the edge type. The ranks of
    /// all nodes sum to 1.
    ///
    /// The rank of n is `0.15 / N + 0.85 * (sum of rank(m) / out(m) over the edges m -> n, plus D / N)`, with N nodes,
    /// out(m) edges that leave m, and D the ranks of the nodes that no edge leaves. Each edge counts, parallel ones and
    /// self-loops too. Source: Page, Brin, Motwani, Winograd, "The PageRank Citation Ranking" (1999), with the
    /// customary even share for nodes without edges.
    PageRank,
}

impl Measure {
    /// Returns the scalar of its values.
    pub fn scalar(self) -> Scalar {
        match self {
            Measure::Degree | Measure::InDegree | Measure::OutDegree => Scalar::I64,
            Measure::PageRank => Scalar::F64,
        }
    }
}

/// What is read of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PathPart {
    /// The number of its edges, ≥ 1; I64.
    Length,
    /// The ids of its nodes from the left end to the right end, both included: `Length` + 1 strings. As a projection
    /// only.
    Nodes,
    /// The ids of its edges in the same order: `Length` strings. As a projection only.
    Edges,
}

impl PathPart {
    /// Returns the kind of its values.
    pub fn kind(self) -> Kind {
        match self {
            PathPart::Length => Kind::Scalar(Scalar::I64),
            PathPart::Nodes | PathPart::Edges => Kind::List(Scalar::String),
        }
    }
}

/// A text predicate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TextPredicate {
    /// At least one analysed term is shared.
    Search,
    /// The same, phrase-free.
    MatchText,
    /// A term within that many edits; an integer literal or parameter.
    Fuzzy {
        /// Maximum number of edits, default 2.
        max_edits: Box<Expr>,
    },
}

/// A ranking of nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Rank {
    /// Vector distance, closest first.
    Nearest {
        /// The ranked node.
        var: VarId,
        /// The vector property.
        property: String,
        /// A vector (list of numbers) or a text to embed; a literal or parameter.
        query: Expr,
    },
    /// BM25 score, best first.
    Bm25 {
        /// The ranked node.
        var: VarId,
        /// The String property.
        property: String,
        /// The query text: a literal or parameter.
        query: Expr,
    },
    /// Reciprocal rank fusion of two rankings of one variable.
    Rrf {
        /// The two arms, each `Nearest` or `Bm25`.
        arms: [Box<Rank>; 2],
        /// The constant k; an integer literal or parameter, default 60.
        k: Expr,
    },
}

impl Expr {
    /// Calls `visit` with this expression and with every expression inside it, outer ones first.
    pub fn walk(&self, visit: &mut dyn FnMut(&Expr)) {
        visit(self);
        match self {
            Expr::Compare { left: a, right: b, .. }
            | Expr::Member { list: a, element: b }
            | Expr::Substring { text: a, part: b }
            | Expr::Prefix { text: a, prefix: b } => {
                a.walk(visit);
                b.walk(visit);
            }
            Expr::IsNull(operand) | Expr::Not(operand) => operand.walk(visit),
            Expr::And(operands) | Expr::Or(operands) => operands.iter().for_each(|o| o.walk(visit)),
            Expr::Text { predicate, query, .. } => {
                query.walk(visit);
                if let TextPredicate::Fuzzy { max_edits } = predicate {
                    max_edits.walk(visit);
                }
            }
            Expr::Rank(rank) => rank.walk(visit),
            Expr::Property { .. }
            | Expr::Node(_)
            | Expr::Path { .. }
            | Expr::Measure { .. }
            | Expr::Param(_)
            | Expr::Literal { .. }
            | Expr::Now => {}
        }
    }

    /// Returns the variable that this expression reads itself, not through an operand.
    pub fn var(&self) -> Option<VarId> {
        match self {
            Expr::Property { var, .. }
            | Expr::Text { var, .. }
            | Expr::Path { var, .. }
            | Expr::Measure { var, .. }
            | Expr::Node(var) => Some(*var),
            Expr::Rank(rank) => Some(rank.var()),
            Expr::Param(_)
            | Expr::Literal { .. }
            | Expr::Now
            | Expr::Compare { .. }
            | Expr::Member { .. }
            | Expr::Substring { .. }
            | Expr::Prefix { .. }
            | Expr::IsNull(_)
            | Expr::Not(_)
            | Expr::And(_)
            | Expr::Or(_) => None,
        }
    }
}

impl Rank {
    /// Calls `visit` with every expression of the ranking and with every expression inside it.
    pub fn walk(&self, visit: &mut dyn FnMut(&Expr)) {
        match self {
            Rank::Nearest { query, .. } | Rank::Bm25 { query, .. } => query.walk(visit),
            Rank::Rrf { arms, k } => {
                arms.iter().for_each(|arm| arm.walk(visit));
                k.walk(visit);
            }
        }
    }

    /// Returns the ranked node; both arms of a fusion rank the same one.
    pub fn var(&self) -> VarId {
        match self {
            Rank::Nearest { var, .. } | Rank::Bm25 { var, .. } => *var,
            Rank::Rrf { arms: [first, _], .. } => first.var(),
        }
    }
}
