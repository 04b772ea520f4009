//! The descriptor of a query: its parameters, its columns, and what it reads and writes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, EntityKind, TypeKey};
use crate::ir::{self, Expr, Output, OutputType, Pattern, Statement, VarType};
use crate::types::{Kind, Scalar, Type};

/// The kind of a value, as clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueKind {
    /// String or enum.
    String,
    /// Bool.
    Bool,
    /// I32 or U32.
    Int,
    /// I64, U64 or a count.
    BigInt,
    /// F32 or F64.
    Float,
    /// Date.
    Date,
    /// DateTime.
    DateTime,
    /// Blob.
    Blob,
    /// Vector.
    Vector,
    /// List.
    List,
    /// A node variable.
    Object,
}

/// A result column or a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueDescriptor {
    /// The alias, or the name by itself: `title` for `$p.title`.
    pub name: String,
    /// The kind of its values.
    pub kind: ValueKind,
    /// The kind of the elements of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_kind: Option<ValueKind>,
    /// The dimension of a vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector_dim: Option<u32>,
    /// Whether null is a value.
    pub nullable: bool,
}

/// A node or edge type that a query touches. Orders nodes before edges, then by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TypeRef {
    /// Node or edge.
    pub kind: EntityKind,
    /// The declared name.
    pub type_name: String,
}

impl From<TypeKey> for TypeRef {
    fn from(key: TypeKey) -> TypeRef {
        TypeRef { kind: key.kind, type_name: key.name }
    }
}

/// What executing a query does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// One entry per projection, in order; empty for a mutation.
    pub result: Vec<ValueDescriptor>,
    /// Every type that the execution may look at, sorted.
    pub reads: Vec<TypeRef>,
    /// Every type that may change, sorted; empty for a read.
    pub writes: Vec<TypeRef>,
}

/// Describes a query that was compiled against this catalog.
pub fn describe(query: &ir::Query, catalog: &Catalog) -> Operation {
    let mut reads = BTreeSet::new();
    let mut writes = BTreeSet::new();
    let mut result = Vec::new();
    match &query.body {
        ir::Body::Read(read) => {
            for variable in &read.variables {
                reads.insert(match &variable.ty {
                    VarType::Node(name) => TypeKey::node(name),
                    VarType::Edge(name) | VarType::Path { edge: name } => TypeKey::edge(name),
                });
            }
            traversed(&read.pattern, catalog, &mut reads);
            read.walk(&mut |expr| {
                if let Expr::Measure { edge, .. } = expr {
                    looked_at(edge, catalog, &mut reads);
                }
            });
            result.extend(read.projections.iter().map(|p| column(p, &query.params)));
        }
        ir::Body::Mutation(statements) => {
            for statement in statements {
                touched(statement, catalog, &mut reads, &mut writes);
            }
        }
    }
    let list = |keys: BTreeSet<TypeKey>| keys.into_iter().map(TypeRef::from).collect();
    Operation { result, reads: list(reads), writes: list(writes) }
}

/// Describes the parameters of a query, in declared order.
pub fn describe_params(params: &[ir::Param]) -> Vec<ValueDescriptor> {
    params.iter().map(|p| value(p.name.clone(), &p.ty, p.ty.nullable)).collect()
}

fn traversed(pattern: &Pattern, catalog: &Catalog, reads: &mut BTreeSet<TypeKey>) {
    for traversal in &pattern.traversals {
        looked_at(&traversal.edge, catalog, reads);
    }
    for block in pattern.negations.iter().chain(&pattern.optionals) {
        traversed(block, catalog, reads);
    }
}

/// Adds an edge type and the types of its ends.
fn looked_at(edge: &str, catalog: &Catalog, reads: &mut BTreeSet<TypeKey>) {
    reads.insert(TypeKey::edge(edge));
    if let Some(edge) = catalog.edges.get(edge) {
        reads.extend([TypeKey::node(&edge.from), TypeKey::node(&edge.to)]);
    }
}

fn touched(
    statement: &Statement,
    catalog: &Catalog,
    reads: &mut BTreeSet<TypeKey>,
    writes: &mut BTreeSet<TypeKey>,
) {
    match statement {
        Statement::InsertNode { node, .. } | Statement::UpdateNode { node, .. } => {
            writes.insert(TypeKey::node(node));
        }
        Statement::InsertEdge { edge, .. } => {
            writes.insert(TypeKey::edge(edge));
            if let Some(edge) = catalog.edges.get(edge) {
                reads.extend([TypeKey::node(&edge.from), TypeKey::node(&edge.to)]);
            }
        }
        Statement::DeleteNode { node, .. } => {
            writes.insert(TypeKey::node(node));
            writes.extend(catalog.incident_edges(node).map(|e| TypeKey::edge(&e.name)));
        }
        Statement::DeleteEdge { edge, .. } => {
            writes.insert(TypeKey::edge(edge));
        }
    }
    reads.extend(writes.iter().cloned());
}

fn column(projection: &ir::Projection, params: &[ir::Param]) -> ValueDescriptor {
    let name = projection.name.clone();
    let ty = match &projection.ty {
        OutputType::Node { nullable, .. } => {
            return ValueDescriptor {
                name,
                kind: ValueKind::Object,
                item_kind: None,
                vector_dim: None,
                nullable: *nullable,
            };
        }
        OutputType::Value(ty) => ty,
    };
    let nullable = match &projection.value {
        Output::Aggregate { .. } => true,
        Output::Value(Expr::Param(id)) => params.get(id.0).is_some_and(|p| p.ty.nullable),
        Output::Value(_) => ty.nullable,
    };
    value(name, ty, nullable)
}

fn value(name: String, ty: &Type, nullable: bool) -> ValueDescriptor {
    let (kind, item_kind, vector_dim) = match &ty.kind {
        Kind::Scalar(s) => (scalar(*s), None, None),
        Kind::Enum(_) => (ValueKind::String, None, None),
        Kind::List(s) => (ValueKind::List, Some(scalar(*s)), None),
        Kind::Vector(n) => (ValueKind::Vector, None, Some(*n)),
    };
    ValueDescriptor { name, kind, item_kind, vector_dim, nullable }
}

fn scalar(scalar: Scalar) -> ValueKind {
    match scalar {
        Scalar::String => ValueKind::String,
        Scalar::Blob => ValueKind::Blob,
        Scalar::Bool => ValueKind::Bool,
        Scalar::I32 | Scalar::U32 => ValueKind::Int,
        Scalar::I64 | Scalar::U64 => ValueKind::BigInt,
        Scalar::F32 | Scalar::F64 => ValueKind::Float,
        Scalar::Date => ValueKind::Date,
        Scalar::DateTime => ValueKind::DateTime,
    }
}
