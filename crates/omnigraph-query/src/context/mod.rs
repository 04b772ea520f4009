//! Context: what a graph knows about a text, in one call. Entities found by words and by meaning, then what edges lead
//! to from there, best first, within a budget, each with the edge it was reached by.
//!
//! `seeds` runs one ranking per indexed text and embedded vector of each node type, as ordinary queries, and fuses them.
//! `expansion` follows edges. Scores fall by half with each step, so an entity always comes after the one it was reached
//! from, and only the best of a step have to be followed.

mod expansion;
mod seeds;

use std::collections::{BTreeMap, HashSet};

use arrow_array::cast::AsArray;
use expansion::FoundEntity;
use omnigraph_compiler::catalog::{Catalog, TypeKey};
use omnigraph_compiler::diagnostics::closest;
use omnigraph_compiler::types::{Kind, Scalar};
use omnigraph_graph::commit::Snapshot;
use omnigraph_graph::model;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::cache::Caches;
use super::json::{JsonRows, row_objects};
use crate::embedding::Embed;
use crate::error::{QueryError, Result};

/// Bytes of JSON that make about one token of a language model.
const BYTES_PER_TOKEN: usize = 4;

/// What is asked for. [`ContextRequest::new`] fills in the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextRequest {
    /// What the context is about.
    pub text: String,
    /// Node types to search, by name; all that can be searched when empty.
    pub types: Vec<String>,
    /// Edge types to follow, by name, in either direction; all when empty.
    pub edges: Vec<String>,
    /// Entities to start from.
    pub seeds: usize,
    /// Most steps from them.
    pub hops: u32,
    /// Most entities in the answer.
    pub max_items: usize,
    /// Most tokens of the answer's entities together, estimated at four bytes of JSON each.
    pub max_tokens: Option<usize>,
}

impl ContextRequest {
    /// Asks for up to fifty entities within one step of the ten that match a text best.
    pub fn new(text: impl Into<String>) -> ContextRequest {
        let text = text.into();
        ContextRequest {
            text,
            types: vec![],
            edges: vec![],
            seeds: 10,
            hops: 1,
            max_items: 50,
            max_tokens: None,
        }
    }
}

/// The edge over which an entity was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Via {
    /// The edge type.
    pub edge_type: String,
    /// The edge.
    pub edge_id: String,
    /// The entity it was reached from, `node:T`; it is in the answer too, before this one.
    pub from_type_key: String,
    /// Its id.
    pub from_id: String,
    /// Whether the edge leads from there to here; else from here to there.
    pub forward: bool,
}

/// An entity of a context.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContextItem {
    /// `node:T`.
    pub type_key: String,
    /// Its id.
    pub id: String,
    /// How good it is: the fused score of a seed, half of that for each step from one.
    pub score: f64,
    /// Steps from a seed.
    pub hop: u32,
    /// How it was reached; none for a seed.
    pub via: Option<Via>,
    /// About how many tokens its properties take.
    pub tokens: usize,
    /// Its properties without vectors and blobs.
    pub properties: Map<String, Json>,
}

/// What a graph knows about a text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Context {
    /// The commit that was read.
    pub graph_commit_id: String,
    /// Entities, best first.
    pub items: Vec<ContextItem>,
    /// The tokens of all of them.
    pub tokens: usize,
    /// Entities that were found but did not fit.
    pub left_out: usize,
    /// The rankings that were fused, such as `bm25(Doc.text)`.
    pub rankings: Vec<String>,
    /// Rankings that could not run, and why.
    pub skipped: Vec<String>,
}

/// Answers a request on a snapshot.
///
/// # Errors
/// Bad request for an unknown type, for one that has nothing to search by, and for a request for nothing; failures of
/// storage, and of the embedder when there is no other ranking.
pub async fn context(
    snapshot: &Snapshot,
    request: &ContextRequest,
    now: i64,
    embedder: &dyn Embed,
) -> Result<Context> {
    if request.seeds == 0 || request.max_items == 0 {
        return Err(QueryError::bad_request("a context needs at least one seed and one entity"));
    }
    let catalog = snapshot.catalog();
    let types = known(&request.types, catalog.nodes.keys(), "node")?;
    let edges = known(&request.edges, catalog.edges.keys(), "edge")?;
    let seeds = seeds::find(snapshot, request, &types, now, embedder).await?;
    let caches = Caches::of(snapshot.root().memory_budget())?;
    let found = expansion::expand(snapshot, request, &edges, seeds.entities, &caches).await?;
    let mut context = Context {
        graph_commit_id: snapshot.record().id.to_string(),
        items: vec![],
        tokens: 0,
        left_out: found.left_out,
        rankings: seeds.rankings,
        skipped: seeds.skipped,
    };
    fill(snapshot, request, found.entities, &mut context).await?;
    Ok(context)
}

/// Checks names; all known ones when none are given.
fn known<'a>(
    names: &[String],
    all: impl Iterator<Item = &'a String> + Clone,
    what: &str,
) -> Result<Vec<String>> {
    if names.is_empty() {
        return Ok(all.cloned().collect());
    }
    for name in names {
        if !all.clone().any(|known| known == name) {
            let near = closest(name, all.clone().map(String::as_str));
            let hint = near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
            return Err(QueryError::bad_request(format!("unknown {what} type '{name}'{hint}")));
        }
    }
    Ok(names.to_vec())
}

/// Reads the properties of the entities, best first, until the budget is used up.
async fn fill(
    snapshot: &Snapshot,
    request: &ContextRequest,
    entities: Vec<FoundEntity>,
    context: &mut Context,
) -> Result<()> {
    let mut rows: BTreeMap<TypeKey, Vec<u64>> = BTreeMap::new();
    for entity in &entities {
        rows.entry(entity.key.clone()).or_default().push(entity.address);
    }
    let mut properties: BTreeMap<(TypeKey, u64), Map<String, Json>> = BTreeMap::new();
    for (key, addresses) in rows {
        let columns = shown(snapshot.catalog(), &key);
        let batch = snapshot.table(&key).await?.take(&addresses, &columns).await?;
        let objects = row_objects(&batch, &columns, JsonRows::Exact).into_iter();
        // Without columns there are no objects.
        let objects = objects.chain(std::iter::repeat_with(Map::new));
        properties.extend(addresses.into_iter().map(|address| (key.clone(), address)).zip(objects));
    }
    let mut taken: HashSet<(TypeKey, u64)> = HashSet::new();
    for entity in entities {
        let at = (entity.key.clone(), entity.address);
        let properties = properties.remove(&at).unwrap_or_default();
        let tokens = Json::Object(properties.clone()).to_string().len().div_ceil(BYTES_PER_TOKEN);
        let fits = request.max_tokens.is_none_or(|most| context.tokens + tokens <= most);
        let anchored = entity.from.as_ref().is_none_or(|from| taken.contains(from));
        if !fits || !anchored {
            context.left_out += 1;
            continue;
        }
        taken.insert(at);
        context.tokens += tokens;
        context.items.push(ContextItem {
            type_key: entity.key.to_string(),
            id: entity.id,
            score: entity.score,
            hop: entity.hop,
            via: entity.via,
            tokens,
            properties,
        });
    }
    Ok(())
}

/// Returns the properties that are worth reading.
fn shown(catalog: &Catalog, key: &TypeKey) -> Vec<String> {
    let properties = catalog.properties(key).unwrap_or_default().iter();
    let readable = properties.filter(|property| match property.ty.kind {
        Kind::Vector(_) => false,
        Kind::Scalar(scalar) | Kind::List(scalar) => scalar != Scalar::Blob,
        Kind::Enum(_) => true,
    });
    readable.map(|property| property.name.clone()).collect()
}

/// Returns the ids of some rows, in their order.
async fn ids(caches: &Caches, table: &omnigraph_storage::Table, rows: &[u64]) -> Result<Vec<String>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let fetched = super::columns::fetch(caches, table, &[model::ID.to_owned()], rows).await?;
    let ids = fetched[0].as_string::<i32>().iter();
    Ok(ids.map(|id| id.unwrap_or_default().to_owned()).collect())
}
