//! Indexes: which ones a schema declares, how far they are built, and building the rest.
//!
//! An index is derived from the immutable data files of a table (its fragments) and kept beside them
//! ([`omnigraph_storage::indexes::build`]). So building one changes no branch: there is no commit, nothing to conflict
//! with, and every branch and commit that has the file is served at once. Answers never depend on it.

use std::collections::BTreeMap;

use omnigraph_compiler::catalog::{Catalog, Constraint, Metric, Property, TypeKey};
use omnigraph_compiler::types::{Kind, Scalar};
use omnigraph_graph::commit::Snapshot;
use omnigraph_graph::model;
use omnigraph_storage::Table;
use omnigraph_storage::indexes::build::{Coverage, Index};
use omnigraph_storage::indexes::vectors::Normalization;
use serde::Serialize;

use crate::error::Result;

/// What an index finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexKind {
    /// Rows by equal values.
    Key,
    /// Rows by words.
    Text,
    /// Rows by what their text holds.
    Substring,
    /// Rows by the distance of vectors.
    Vector,
}

/// How far an index is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexState {
    /// For every fragment that is large enough to need it.
    Ready,
    /// For some fragments; `ensure_indices` and `optimize` build the rest, and so does the first use.
    Partial,
    /// For none of the fragments that need it.
    Missing,
    /// It cannot be built yet.
    Pending,
}

/// A declared index of one branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IndexStatus {
    /// `node:T` or `edge:T`.
    pub type_key: String,
    /// Properties, or `id`, `src`, `dst`.
    pub properties: Vec<String>,
    /// What it finds.
    pub kind: IndexKind,
    /// How far it is built.
    pub state: IndexState,
    /// Live rows.
    pub rows: u64,
    /// Live rows that what is kept covers.
    pub rows_covered: u64,
    /// Live rows of fragments so small that they are looked through as fast.
    pub rows_small: u64,
    /// Bytes kept.
    pub bytes: u64,
    /// Why it cannot be built yet.
    pub reason: Option<String>,
}

/// A declared index that cannot be built yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PendingIndex {
    /// `node:T` or `edge:T`.
    pub type_key: String,
    /// The property.
    pub property: String,
    /// Why not.
    pub reason: String,
}

const NO_VECTORS: &str = "no non-null vectors to train on yet";

struct Declared {
    kind: IndexKind,
    properties: Vec<String>,
    index: Index,
}

/// Lists the declared indexes of a snapshot, by type, then as declared. Cost: one listing per table.
///
/// # Errors
/// `Storage`.
pub(crate) async fn list(snapshot: &Snapshot) -> Result<Vec<IndexStatus>> {
    let mut statuses = Vec::new();
    for (key, declared) in declared(snapshot.catalog()) {
        let table = snapshot.table(&key).await?;
        let indexes: Vec<Index> = declared.iter().map(|declared| declared.index.clone()).collect();
        for (declared, coverage) in declared.into_iter().zip(table.coverage(&indexes).await?) {
            let pending = is_pending(&table, &declared).await?;
            statuses.push(status(&key, declared, coverage, pending));
        }
    }
    Ok(statuses)
}

/// Builds and keeps what is missing of every declared index of a snapshot; returns those that cannot be built.
///
/// # Errors
/// `Storage`. What was built until then is kept.
pub(crate) async fn ensure(snapshot: &Snapshot) -> Result<Vec<PendingIndex>> {
    let mut pending = Vec::new();
    for (key, declared) in declared(snapshot.catalog()) {
        let table = snapshot.table(&key).await?;
        pending.extend(build(&key, &table, declared).await?);
    }
    Ok(pending)
}

/// Builds what is declared over a table of a snapshot.
///
/// # Errors
/// `Storage`.
pub(super) async fn build_for(snapshot: &Snapshot, key: &TypeKey, table: &Table) -> Result<()> {
    if let Some(declared) = declared(snapshot.catalog()).remove(key) {
        build(key, table, declared).await?;
    }
    Ok(())
}

async fn build(key: &TypeKey, table: &Table, declared: Vec<Declared>) -> Result<Vec<PendingIndex>> {
    let (mut pending, mut indexes) = (Vec::new(), Vec::new());
    for declared in declared {
        if is_pending(table, &declared).await? {
            let property = declared.properties.concat();
            pending.push(PendingIndex { type_key: key.to_string(), property, reason: NO_VECTORS.to_owned() });
        } else {
            indexes.push(declared.index);
        }
    }
    if table.row_count() > 0 {
        let rows = |rows: u64| tracing::debug!(%key, rows, "built a part of an index");
        table.build_indexes(&indexes, rows).await?;
    }
    Ok(pending)
}

/// Tells whether a table has rows, but none with a vector.
async fn is_pending(table: &Table, declared: &Declared) -> Result<bool> {
    Ok(match &declared.index {
        Index::QuantizedVectors { column, .. } => table.row_count() > 0 && !table.has_value(column).await?,
        Index::BTree(_) | Index::Inverted(_) | Index::NGram(_) => false,
    })
}

fn status(key: &TypeKey, declared: Declared, coverage: Coverage, pending: bool) -> IndexStatus {
    let Coverage { rows, covered, small, bytes } = coverage;
    let state = match covered {
        _ if pending => IndexState::Pending,
        covered if covered + small == rows => IndexState::Ready,
        0 => IndexState::Missing,
        _ => IndexState::Partial,
    };
    IndexStatus {
        type_key: key.to_string(),
        properties: declared.properties,
        kind: declared.kind,
        state,
        rows,
        rows_covered: covered,
        rows_small: small,
        bytes,
        reason: pending.then(|| NO_VECTORS.to_owned()),
    }
}

/// Returns what a schema declares, by type: ids and ends of edges always, unique tuples and `@index`.
fn declared(catalog: &Catalog) -> BTreeMap<TypeKey, Vec<Declared>> {
    let nodes = catalog.nodes.iter().map(|(name, node)| {
        (TypeKey::node(name), of_type(&[model::ID], &node.constraints, &node.properties))
    });
    let edges = catalog.edges.iter().map(|(name, edge)| {
        let columns = [model::ID, model::SRC, model::DST];
        (TypeKey::edge(name), of_type(&columns, &edge.constraints, &edge.properties))
    });
    nodes.chain(edges).collect()
}

fn of_type(columns: &[&str], constraints: &[Constraint], properties: &[Property]) -> Vec<Declared> {
    let mut declared: Vec<Declared> = Vec::new();
    let mut add = |kind, properties: Vec<String>, index| {
        let known = declared.iter().any(|known| known.index == index);
        if !known {
            declared.push(Declared { kind, properties, index });
        }
    };
    for column in columns {
        let column = vec![(*column).to_owned()];
        add(IndexKind::Key, column.clone(), Index::BTree(column));
    }
    for constraint in constraints {
        let members = match constraint {
            Constraint::Unique(members) | Constraint::Index(members) => members,
            // A key is the id, spelled.
            Constraint::Key(_) | Constraint::Range { .. } | Constraint::Check { .. } => continue,
        };
        let found = |name: &String| properties.iter().find(|property| property.name == *name);
        if members.iter().all(|name| columns.contains(&name.as_str()) || found(name).is_some_and(has_order)) {
            add(IndexKind::Key, members.clone(), Index::BTree(members.clone()));
        }
        let (Constraint::Index(_), [name]) = (constraint, members.as_slice()) else { continue };
        let Some(property) = found(name) else { continue };
        if property.ty.kind == Kind::Scalar(Scalar::String) {
            add(IndexKind::Text, members.clone(), Index::Inverted(name.clone()));
            add(IndexKind::Substring, members.clone(), Index::NGram(name.clone()));
        }
        if let Kind::Vector(_) = property.ty.kind {
            let normalization = match property.metric.unwrap_or(Metric::L2) {
                Metric::Cosine => Normalization::UnitLength,
                Metric::L2 | Metric::Dot => Normalization::None,
            };
            let index = Index::QuantizedVectors { column: name.clone(), normalization };
            add(IndexKind::Vector, members.clone(), index);
        }
    }
    declared
}

fn has_order(property: &Property) -> bool {
    match property.ty.kind {
        Kind::Scalar(_) => !property.ty.is_blob(),
        Kind::Enum(_) => true,
        Kind::List(_) | Kind::Vector(_) => false,
    }
}
