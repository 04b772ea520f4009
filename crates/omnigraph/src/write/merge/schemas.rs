//! Chooses the ground of a merge: the side whose schema the result has, and on whose tables changes are staged.

use std::collections::BTreeSet;

use omnigraph_compiler::catalog::{Catalog, TypeKey};
use omnigraph_graph::commit::Snapshot;

use crate::error::{ManifestDetails, OmniError, Result};

/// The side whose tables the other side's changes are staged on. It has the schema of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    Target,
    Source,
}

/// Chooses the ground: the side that changed the schema, the target when neither did or both did the same.
///
/// # Errors
/// A conflict naming the types when the sides changed it differently.
pub(super) fn ground(base: &Snapshot, source: &Snapshot, target: &Snapshot) -> Result<Ground> {
    let hash = |snapshot: &Snapshot| snapshot.record().schema.clone();
    let (base_hash, source_hash, target_hash) = (hash(base), hash(source), hash(target));
    if source_hash == base_hash || source_hash == target_hash {
        return Ok(Ground::Target);
    }
    if target_hash == base_hash {
        return Ok(Ground::Source);
    }
    let changed = |side: &Snapshot| changed_types(base.catalog(), side.catalog());
    let types: BTreeSet<TypeKey> = changed(source).union(&changed(target)).cloned().collect();
    let names = types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let what = if names.is_empty() { "its text".to_owned() } else { names };
    Err(OmniError::conflict(
        format!(
            "merge conflict: both branches changed the schema since they parted ({what}); apply the same schema on both \
             and merge again"
        ),
        ManifestDetails::ReadSetChanged {
            member: "branch_merge_schema".to_owned(),
            expected: source_hash,
            actual: target_hash,
        },
    ))
}

/// Returns the types that two catalogs declare differently, by their names in either.
fn changed_types(before: &Catalog, after: &Catalog) -> BTreeSet<TypeKey> {
    let keys: BTreeSet<TypeKey> = before.type_keys().chain(after.type_keys()).collect();
    keys.into_iter().filter(|key| !same_type(before, after, key)).collect()
}

fn same_type(before: &Catalog, after: &Catalog, key: &TypeKey) -> bool {
    match key.kind {
        omnigraph_compiler::catalog::EntityKind::Node => {
            before.nodes.get(&key.name) == after.nodes.get(&key.name)
        }
        omnigraph_compiler::catalog::EntityKind::Edge => {
            before.edges.get(&key.name) == after.edges.get(&key.name)
        }
    }
}
