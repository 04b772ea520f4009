//! Cardinality: a source node that the delta touches has as many edges of a type as `@card` allows.
//!
//! Touched are the sources of added edges, the former and the new source of changed ones, and the sources of removed
//! ones. A source without edges counts only if it exists in the final image. Runs after the endpoint check, so a source
//! that has edges exists.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use omnigraph_compiler::catalog::{Cardinality, EdgeType, TypeKey};
use omnigraph_graph::model::{ID, SRC};

use super::ids::too_large;
use super::image::{CHUNK_ROWS, Change, Image};
use super::keymap::{KeyHash, KeyMap, Partition, Passes};
use super::violations::{Refusal, Violations};
use crate::error::{OmniError, Result, Violation};

/// Checks every edge type that has bounds.
pub(super) async fn check(image: &Image, refused: &mut Vec<Refusal>) -> Result<()> {
    for (key, change) in &image.changes {
        let Some(edge) =
            image.catalog().edges.get(&key.name).filter(|edge| key == &TypeKey::edge(&edge.name))
        else {
            continue;
        };
        if edge.cardinality == Cardinality::default() {
            continue;
        }
        for (type_key, id, violation) in check_type(image, change, edge).await?.into_held() {
            let at = image.last_place(change, SRC, &id).await?;
            refused.push(Refusal { type_key, id, error: OmniError::violated(violation, at) });
        }
        if image.knows_enough(refused) {
            break;
        }
    }
    Ok(())
}

/// Returns the violations, each under the source it is about.
async fn check_type(image: &Image, change: &Change, edge: &EdgeType) -> Result<Violations<Violation>> {
    let mut violations = Violations::new(image.extent);
    let hash = KeyHash::new();
    let mut passes = Passes::new();
    while let Some(partition) = passes.next() {
        let Some(touched) = touched(image, change, &hash, partition, &mut passes).await? else { continue };
        let mut sources = touched.iter();
        loop {
            let some: Vec<(&str, u64)> = sources
                .by_ref()
                .take(CHUNK_ROWS)
                .map(|(source, added)| Ok((text(source)?, *added)))
                .collect::<Result<_>>()?;
            if some.is_empty() {
                break;
            }
            count(image, change, edge, &some, &mut violations).await?;
        }
    }
    Ok(violations)
}

fn text(source: &[u8]) -> Result<&str> {
    std::str::from_utf8(source).map_err(|_| OmniError::internal("a source id is not text"))
}

/// Returns the touched sources of one partition with the number of edges that rows give them; nothing when they need
/// too much memory and the partition was split.
async fn touched(
    image: &Image,
    change: &Change,
    hash: &KeyHash,
    partition: Partition,
    passes: &mut Passes,
) -> Result<Option<KeyMap<u64>>> {
    let mut sources = Sources { edges: KeyMap::new(), hash, partition };
    let mut chunks = change.chunks(&[SRC])?;
    while let Some(chunk) = chunks.next().await? {
        for (ordinal, source) in (chunk.first..).zip(chunk.strings(0)?.iter().flatten()) {
            if change.live(ordinal) {
                sources.touch(source, 1);
            }
        }
        if too_large(image, &sources.edges, partition, passes) {
            return Ok(None);
        }
    }
    if change.removes() {
        let mut former = image.removed(change, SRC, true).await?;
        while let Some(some) = former.next().await? {
            some.iter().flatten().for_each(|source| sources.touch(source, 0));
            if too_large(image, &sources.edges, partition, passes) {
                return Ok(None);
            }
        }
    }
    Ok(Some(sources.edges))
}

/// Touched sources of one partition.
struct Sources<'a> {
    edges: KeyMap<u64>,
    hash: &'a KeyHash,
    partition: Partition,
}

impl Sources<'_> {
    fn touch(&mut self, source: &str, edges: u64) {
        let hash = self.hash.of(source.as_bytes());
        if self.partition.holds(hash) {
            *self.edges.entry(hash, source.as_bytes(), 0).0 += edges;
        }
    }
}

/// Counts the edges of some sources in the final image.
async fn count(
    image: &Image,
    change: &Change,
    edge: &EdgeType,
    sources: &[(&str, u64)],
    violations: &mut Violations<Violation>,
) -> Result<()> {
    let ids: StringArray = sources.iter().map(|(source, _)| Some(*source)).collect();
    let ids: ArrayRef = Arc::new(ids);
    let mut counts: Vec<u64> = sources.iter().map(|(_, added)| *added).collect();
    if !change.replace_all && change.table.row_count() > 0 {
        let matches = image.stored(&change.key).await?.key_index(&[SRC]).lookup(&[ids]).await?;
        for (&probe, &address) in matches.probe.iter().zip(&matches.address) {
            counts[probe as usize] += u64::from(change.keeps(address));
        }
    }
    let Cardinality { min, max } = edge.cardinality;
    let offending = |count: u64| match max {
        Some(max) if count > u64::from(max) => Some(format!("max {max}")),
        _ if count < u64::from(min) => Some(format!("min {min}")),
        _ => None,
    };
    let offenders: Vec<(&str, u64, String)> = sources
        .iter()
        .zip(counts)
        .filter_map(|((source, _), count)| Some((*source, count, offending(count)?)))
        .collect();
    let bare = offenders.iter().filter(|(_, count, _)| *count == 0).map(|(source, ..)| *source).collect();
    let existing = existing(image, &TypeKey::node(&edge.from), bare).await?;
    for (source, count, bound) in offenders {
        if count > 0 || existing.contains(source) {
            violations.offer(&change.key, source, 0, || Violation::Cardinality {
                edge_type: edge.name.clone(),
                source_id: source.to_owned(),
                count,
                bound,
            });
        }
    }
    Ok(())
}

/// Returns those of some nodes, each once the source of a stored edge, that are in the final image.
///
/// They were stored then, so looking at stored nodes and their replacements is enough.
async fn existing<'a>(image: &Image, node: &TypeKey, ids: Vec<&'a str>) -> Result<HashSet<&'a str>> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let probes: ArrayRef = Arc::new(StringArray::from(ids.clone()));
    let matches = image.stored(node).await?.key_index(&[ID]).lookup(&[probes]).await?;
    let found = matches.probe.into_iter().zip(matches.address);
    Ok(found
        .filter(|(_, address)| image.id_remains(node, *address))
        .map(|(probe, _)| ids[probe as usize])
        .collect())
}
