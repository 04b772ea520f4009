//! Measures of nodes by the edges of one type, in the snapshot of the query.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array};
use omnigraph_compiler::catalog::{Catalog, TypeKey};
use omnigraph_compiler::ir::{Expr, Measure, Read};
use omnigraph_storage::{Table, blocking, build_once};

use super::computed::ComputedColumn;
use crate::cache::Caches;
use crate::error::{QueryError, Result};
use crate::plan::type_key;
use crate::topology::{Degree, EdgeTables, Topology, load};

/// Computes a measure of all nodes of the variable's type.
///
/// # Errors
/// Bad request when the edges exceed their share of the memory budget; failures of storage.
pub(super) async fn measured(
    expr: &Expr,
    read: &Read,
    catalog: &Catalog,
    tables: &BTreeMap<TypeKey, Table>,
    caches: &Arc<Caches>,
) -> Result<ComputedColumn> {
    let Expr::Measure { var, edge, measure } = expr else {
        return Err(QueryError::internal(format!("{expr:?} is no measure")));
    };
    let absent = || QueryError::internal(format!("no edge type {edge}"));
    let declared = catalog.edges.get(edge).ok_or_else(absent)?;
    let (source, target) = (TypeKey::node(&declared.from), TypeKey::node(&declared.to));
    let table = |key: &TypeKey| tables.get(key).cloned().ok_or_else(absent);
    let same_type = source == target;
    let edge_tables = EdgeTables {
        edge: table(&TypeKey::edge(edge))?,
        source: table(&source)?,
        target: table(&target)?,
        same_type,
    };
    let targets = type_key(&read.variables[var.0].ty) != source;
    let topology = load(caches, &edge_tables).await?.ok_or_else(|| too_large(edge, &edge_tables, caches))?;
    let rows = topology.numbering(targets);
    let degree = match measure {
        Measure::Degree => Some(("degree", Degree::Total)),
        Measure::InDegree => Some(("in_degree", Degree::In)),
        Measure::OutDegree => Some(("out_degree", Degree::Out)),
        Measure::PageRank => None,
    };
    let (name, values): (&str, ArrayRef) = match degree {
        Some((name, degree)) => {
            let count = move || Int64Array::from(topology.degrees(degree, targets));
            (name, Arc::new(blocking(count).await))
        }
        None => ("pagerank", pagerank(caches, &edge_tables, topology).await?),
    };
    Ok(ComputedColumn::Measure { label: format!("{name}({edge})"), rows, values })
}

/// Returns the ranks, which are computed once per state of the tables.
async fn pagerank(
    caches: &Arc<Caches>,
    edge_tables: &EdgeTables,
    topology: Arc<Topology>,
) -> Result<ArrayRef> {
    let rank = async move {
        let ranks = blocking(move || Float64Array::from(topology.pagerank())).await;
        Ok(Arc::new(ranks) as ArrayRef)
    };
    build_once(&caches.pageranks, edge_tables.key(), rank).await
}

fn too_large(edge: &str, edge_tables: &EdgeTables, caches: &Caches) -> QueryError {
    QueryError::bad_request(format!(
        "a measure over the {} edges of type {edge} needs more than the {} MiB that a topology may take; open the graph \
         with a larger memory budget (`--memory`)",
        edge_tables.edge.row_count(),
        caches.topology_bytes >> 20,
    ))
}
