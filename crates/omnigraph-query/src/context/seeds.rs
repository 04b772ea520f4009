//! Where a context starts: the entities that rank best by words and by meaning.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use futures::TryStreamExt;
use omnigraph_compiler::catalog::{Constraint, NodeType, TypeKey};
use omnigraph_compiler::query;
use omnigraph_compiler::types::{Kind, Scalar, Value};
use omnigraph_graph::commit::Snapshot;

use super::ContextRequest;
use crate::embedding::Embed;
use crate::error::{QueryError, Result};
use crate::run::run;

/// The constant of the fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
const K: f64 = 60.0;
/// Entities of one ranking that take part, at least.
const DEPTH: usize = 50;

/// The seeds of a context.
pub(super) struct Seeds {
    /// Entities with scores, best first.
    pub(super) entities: Vec<(TypeKey, String, f64)>,
    pub(super) rankings: Vec<String>,
    pub(super) skipped: Vec<String>,
}

/// A ranking of the nodes of one type.
struct Ranking {
    node: String,
    name: String,
    order: String,
    embeds: bool,
}

pub(super) async fn find(
    snapshot: &Snapshot,
    request: &ContextRequest,
    types: &[String],
    now: i64,
    embedder: &dyn Embed,
) -> Result<Seeds> {
    let mut rankings = Vec::new();
    for name in types {
        let Some(node) = snapshot.catalog().nodes.get(name) else { continue };
        let of_type = of(node);
        if of_type.is_empty() && !request.types.is_empty() {
            return Err(QueryError::bad_request(format!(
                "node type '{name}' has nothing to search by: give a String property `@index`, or a vector `@embed`"
            )));
        }
        rankings.extend(of_type);
    }
    if rankings.is_empty() {
        return Err(QueryError::bad_request(
            "no node type has anything to search by: give a String property `@index`, or a vector `@embed`",
        ));
    }
    let mut scores: BTreeMap<(TypeKey, String), f64> = BTreeMap::new();
    let mut seeds = Seeds { entities: vec![], rankings: vec![], skipped: vec![] };
    let mut failed = None;
    for ranking in rankings {
        match ranked(snapshot, request, &ranking, now, embedder).await {
            Ok(ids) => {
                for (id, place) in ids.into_iter().zip(1..) {
                    *scores.entry((TypeKey::node(&ranking.node), id)).or_default() +=
                        1.0 / (K + f64::from(place));
                }
                seeds.rankings.push(ranking.name);
            }
            Err(error) if ranking.embeds && matches!(error, QueryError::Embedding(_)) => {
                seeds.skipped.push(format!("{}: {error}", ranking.name));
                failed = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(error) = failed.filter(|_| seeds.rankings.is_empty()) {
        return Err(error);
    }
    seeds.entities = scores.into_iter().map(|((key, id), score)| (key, id, score)).collect();
    // Stable, so that ties stay in the order of type and id.
    seeds.entities.sort_by(|a, b| b.2.total_cmp(&a.2));
    seeds.entities.truncate(request.seeds.min(request.max_items));
    Ok(seeds)
}

/// Returns the rankings of a type: by the words of each indexed text, by the meaning of each vector that is embedded.
fn of(node: &NodeType) -> Vec<Ranking> {
    let indexed = |name: &str| {
        let members = node.constraints.iter().filter_map(|constraint| match constraint {
            Constraint::Index(members) => Some(members),
            _ => None,
        });
        members.into_iter().any(|members| matches!(members.as_slice(), [one] if one == name))
    };
    let ranking = |function: &str, property: &str, embeds| Ranking {
        node: node.name.clone(),
        name: format!("{function}({}.{property})", node.name),
        order: format!("{function}($n.{property}, $q)"),
        embeds,
    };
    let rankings = node.properties.iter().filter_map(|property| match property.ty.kind {
        Kind::Scalar(Scalar::String) if indexed(&property.name) => {
            Some(ranking("bm25", &property.name, false))
        }
        Kind::Vector(_) if property.embed.is_some() => Some(ranking("nearest", &property.name, true)),
        _ => None,
    });
    rankings.collect()
}

/// Returns the ids of the best entities of a ranking.
async fn ranked(
    snapshot: &Snapshot,
    request: &ContextRequest,
    ranking: &Ranking,
    now: i64,
    embedder: &dyn Embed,
) -> Result<Vec<String>> {
    let Ranking { node, order, .. } = ranking;
    let limit = request.seeds.max(DEPTH);
    let text = format!(
        "query seeds($q: String) {{ match {{ $n: {node} }} return {{ $n }} order {{ {order} }} limit {limit} }}"
    );
    let query = query::compile(&text, None, snapshot.catalog())?;
    let params = [Value::String(request.text.clone())];
    let found = run(snapshot, &query, &params, now, embedder).await?;
    let batches: Vec<arrow_array::RecordBatch> = found.batches.try_collect().await?;
    let ids = batches.iter().flat_map(|batch| batch.column(0).as_string::<i32>().iter());
    Ok(ids.flatten().map(str::to_owned).collect())
}
