//! The compiled schema: every type with its properties, constraints and stable identity.
//!
//! A catalog is a value. It is produced by [`crate::schema::compile`] (a new graph) or
//! [`crate::schema::evolve`] (a graph that has one), stored as JSON in the schema contract, and read by everything else.
//!
//! Invariants: properties of a type are in ascending name order; constraint members are sorted by name and distinct;
//! every id below `next_id` was handed out at most once in this identity domain.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::types::Type;

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

numeric_id! {
    /// Stable identity of an interface, node or edge type; survives renames.
    TypeId
}
numeric_id! {
    /// Stable identity of a property; survives renames.
    PropertyId
}
numeric_id! {
    /// Identity of one lifetime of a node or edge table.
    Incarnation
}

/// Whether a type is a node or an edge type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntityKind {
    /// A node type.
    Node,
    /// An edge type.
    Edge,
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EntityKind::Node => "node",
            EntityKind::Edge => "edge",
        })
    }
}

/// Addresses a node or edge type by its current name; displays as `node:T` or `edge:T`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TypeKey {
    /// Node or edge.
    pub kind: EntityKind,
    /// The declared name.
    pub name: String,
}

impl TypeKey {
    /// Returns the key of a node type.
    pub fn node(name: impl Into<String>) -> TypeKey {
        TypeKey { kind: EntityKind::Node, name: name.into() }
    }

    /// Returns the key of an edge type.
    pub fn edge(name: impl Into<String>) -> TypeKey {
        TypeKey { kind: EntityKind::Edge, name: name.into() }
    }

    /// Parses `node:T` or `edge:T`.
    pub fn parse(text: &str) -> Option<TypeKey> {
        match text.split_once(':')? {
            ("node", name) if !name.is_empty() => Some(TypeKey::node(name)),
            ("edge", name) if !name.is_empty() => Some(TypeKey::edge(name)),
            _ => None,
        }
    }
}

impl fmt::Display for TypeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}

/// An annotation that is stored with its declaration (`@description`, `@instruction` and custom ones).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Annotation {
    /// Name without `@`.
    pub name: String,
    /// The positional argument, as text.
    pub value: Option<String>,
    /// Keyword arguments, as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kwargs: BTreeMap<String, String>,
}

/// Says that a vector property is the embedding of a text property of the same node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embed {
    /// Name of the String property that is embedded.
    pub source: String,
    /// The model string that a query-time embedder must have.
    pub model: Option<String>,
}

/// The property-level forms of `@key`, `@unique` and `@index`. Their constraints also stand in the type's list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyMarks {
    /// `@key` stands on the property.
    pub key: bool,
    /// `@unique` stands on the property.
    pub unique: bool,
    /// `@index` stands on the property.
    pub index: bool,
}

/// How `nearest` measures the distance of two vectors; less is closer.
///
/// Vectors of unit length rank alike under all three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Euclidean distance.
    #[default]
    L2,
    /// One minus the cosine of the angle between them; lengths do not count.
    Cosine,
    /// By inner product, the largest first; lengths count.
    Dot,
}

impl Metric {
    /// Every metric, the default one first.
    pub const ALL: [Metric; 3] = [Metric::L2, Metric::Cosine, Metric::Dot];

    /// Returns the name as written in source text.
    pub fn name(self) -> &'static str {
        match self {
            Metric::L2 => "l2",
            Metric::Cosine => "cosine",
            Metric::Dot => "dot",
        }
    }

    /// Finds a metric by its exact name.
    pub fn from_name(name: &str) -> Option<Metric> {
        Metric::ALL.into_iter().find(|metric| metric.name() == name)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A property of a node, edge or interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Property {
    /// Stable identity.
    pub id: PropertyId,
    /// Current name; also the physical column name.
    pub name: String,
    /// Declared type.
    pub ty: Type,
    /// Property-level constraint marks.
    #[serde(default)]
    pub marks: PropertyMarks,
    /// `@embed`, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embed: Option<Embed>,
    /// The metric that `@index` gives a vector, in either form. Absent for [`Metric::L2`], written out or not, so
    /// that spelling the default changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// Descriptions and custom annotations, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
    /// Whether the type declares it itself; false when an interface injected it.
    pub declared: bool,
    /// Interface properties it satisfies, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub satisfies: Vec<PropertyId>,
}

/// One inclusive bound of `@range`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Bound {
    /// A bound whose text fits a signed 64-bit integer.
    Int(i64),
    /// Any other bound.
    Float(f64),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Int(v) => v.fmt(f),
            Bound::Float(v) => v.fmt(f),
        }
    }
}

/// A constraint on a type. Members are property names, or `src`/`dst` on edges; sorted and distinct.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Constraint {
    /// The identity of a node.
    Key(Vec<String>),
    /// No two entities share a fully non-null tuple of these.
    Unique(Vec<String>),
    /// Reads on these should be fast.
    Index(Vec<String>),
    /// Numeric bounds, inclusive.
    Range {
        /// The property.
        property: String,
        /// Lower bound.
        min: Option<Bound>,
        /// Upper bound.
        max: Option<Bound>,
    },
    /// A regular expression that must occur in the text.
    Check {
        /// The property.
        property: String,
        /// Pattern in the dialect of the crate `regex`.
        pattern: String,
    },
}

/// An interface: a set of property contracts without rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InterfaceType {
    /// Stable identity.
    pub id: TypeId,
    /// Current name.
    pub name: String,
    /// Properties in ascending name order.
    pub properties: Vec<Property>,
}

/// A node type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeType {
    /// Stable identity.
    pub id: TypeId,
    /// Table lifetime.
    pub incarnation: Incarnation,
    /// Current name.
    pub name: String,
    /// Names of the implemented interfaces, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub implements: Vec<String>,
    /// All effective properties in ascending name order.
    pub properties: Vec<Property>,
    /// All constraints, property-level ones included, sorted and distinct.
    pub constraints: Vec<Constraint>,
    /// Descriptions, instructions and custom annotations, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
}

/// Bounds on the number of edges of one type that leave one source node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cardinality {
    /// At least this many.
    pub min: u32,
    /// At most this many; absent means no bound.
    pub max: Option<u32>,
}

/// An edge type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeType {
    /// Stable identity.
    pub id: TypeId,
    /// Table lifetime.
    pub incarnation: Incarnation,
    /// Current name.
    pub name: String,
    /// Name of the source node type.
    pub from: String,
    /// Name of the target node type.
    pub to: String,
    /// Edges per source node.
    pub cardinality: Cardinality,
    /// Declared properties in ascending name order.
    pub properties: Vec<Property>,
    /// All constraints, property-level ones included, sorted and distinct.
    pub constraints: Vec<Constraint>,
    /// Descriptions, instructions and custom annotations, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
}

fn find<'a>(properties: &'a [Property], name: &str) -> Option<&'a Property> {
    properties.binary_search_by(|p| p.name.as_str().cmp(name)).ok().map(|i| &properties[i])
}

impl NodeType {
    /// Finds a property by its exact name.
    pub fn property(&self, name: &str) -> Option<&Property> {
        find(&self.properties, name)
    }

    /// Returns the key properties in the order in which they make up the id: ascending property id.
    pub fn key(&self) -> Option<Vec<&Property>> {
        let members = self.constraints.iter().find_map(|c| match c {
            Constraint::Key(members) => Some(members),
            _ => None,
        })?;
        let mut key: Vec<&Property> = members.iter().filter_map(|m| self.property(m)).collect();
        key.sort_by_key(|p| p.id);
        Some(key)
    }
}

impl EdgeType {
    /// Finds a declared property by its exact name.
    pub fn property(&self, name: &str) -> Option<&Property> {
        find(&self.properties, name)
    }
}

/// A compiled schema with identities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// ULID minted when the graph was created; ids are meaningful only within it.
    pub domain: String,
    /// The next number the identity counter hands out.
    pub next_id: u64,
    /// Interfaces by name.
    pub interfaces: BTreeMap<String, InterfaceType>,
    /// Node types by name.
    pub nodes: BTreeMap<String, NodeType>,
    /// Edge types by name.
    pub edges: BTreeMap<String, EdgeType>,
}

impl Catalog {
    /// Finds an edge type by exact name, then ignoring case (as traversals and loads do).
    pub fn edge_by_word(&self, word: &str) -> Option<&EdgeType> {
        self.edges.get(word).or_else(|| {
            let lower = word.to_lowercase();
            self.edges.values().find(|e| e.name.to_lowercase() == lower)
        })
    }

    /// Returns the properties of a node or edge type.
    pub fn properties(&self, key: &TypeKey) -> Option<&[Property]> {
        match key.kind {
            EntityKind::Node => self.nodes.get(&key.name).map(|n| n.properties.as_slice()),
            EntityKind::Edge => self.edges.get(&key.name).map(|e| e.properties.as_slice()),
        }
    }

    /// Returns the keys of all node and edge types, nodes first, each by name.
    pub fn type_keys(&self) -> impl Iterator<Item = TypeKey> + '_ {
        self.nodes.keys().map(TypeKey::node).chain(self.edges.keys().map(TypeKey::edge))
    }

    /// Returns every edge type that has this node type at either end, by name.
    pub fn incident_edges<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a EdgeType> + 'a {
        self.edges.values().filter(move |e| e.from == node || e.to == node)
    }
}
