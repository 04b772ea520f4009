//! Ids: which stored entities the rows replace, and which rows may not be there.
//!
//! Repeated ids in one input and ids that are stored already are judged as the delta says. Conflicts are returned, not
//! raised: they belong to the uniqueness check, which runs later.

use std::collections::BTreeMap;

use arrow_array::{Array, ArrayRef};
use omnigraph_compiler::catalog::{Catalog, EntityKind, TypeKey};
use omnigraph_graph::model::ID;

use super::image::{Change, Image};
use super::keymap::{KeyHash, KeyMap, Partition, Passes};
use super::violations::{Refusal, Violations};
use crate::error::{OmniError, Result, Violation};
use crate::write::delta::{OnDuplicate, OnExisting};

/// Resolves the ids of every type: fills in what is replaced and superseded, and returns the first conflict per type.
pub(super) async fn resolve(image: &mut Image) -> Result<BTreeMap<TypeKey, Vec<Refusal>>> {
    let mut conflicts = BTreeMap::new();
    let keys: Vec<TypeKey> = image.changes.keys().cloned().collect();
    for key in keys {
        let Some(change) = image.changes.get(&key) else { continue };
        if change.rows.is_none() || matches!(change.on_existing, OnExisting::Resolved { .. }) {
            continue;
        }
        let mut violations = Violations::new(image.extent);
        let repeated = repeated(image, change, &mut violations).await?;
        let stored = stored(image, change, &mut violations).await?;
        let mut refused = Vec::new();
        for (type_key, id, conflict) in violations.into_held() {
            let error = conflict.into_error(image, change, id.clone()).await?;
            refused.push(Refusal { type_key, id, error });
        }
        let change = image.changes.get_mut(&key).expect("the entry was just found");
        change.superseded = repeated;
        change.remove |= &stored;
        change.replaced = stored;
        if !refused.is_empty() {
            conflicts.insert(key, refused);
        }
    }
    Ok(conflicts)
}

/// What is wrong with the id of the row at `ordinal`.
struct Conflict {
    ordinal: u64,
    cause: Cause,
}

enum Cause {
    /// An earlier row of a keyed node type has it.
    RepeatedKey { first: u64 },
    /// An earlier row has it, where ids are given.
    RepeatedId { first: u64 },
    /// A stored entity has it.
    Stored,
}

impl Conflict {
    async fn into_error(self, image: &Image, change: &Change, id: String) -> Result<OmniError> {
        let at = image.place(change, self.ordinal).await?;
        let members = key_members(image.catalog(), &change.key);
        let first_at = match self.cause {
            Cause::RepeatedKey { first } | Cause::RepeatedId { first } => image.place(change, first).await?,
            Cause::Stored => None,
        };
        match self.cause {
            Cause::Stored | Cause::RepeatedId { .. } => {
                let key = members.map(|members| columns_text(&members));
                Ok(OmniError::KeyConflict { type_key: change.key.clone(), entity_id: id, key, at, first_at })
            }
            Cause::RepeatedKey { .. } => {
                let members = members.unwrap_or_default();
                let names: Vec<&str> = members.iter().map(String::as_str).collect();
                let row = change.row(self.ordinal, &names).await?;
                let violation = Violation::Unique {
                    type_name: change.key.name.clone(),
                    columns: columns_text(&members),
                    value: tuple_text(row.columns(), 0)?,
                    first: id.clone(),
                    second: id,
                    first_at,
                };
                Ok(OmniError::violated(violation, at))
            }
        }
    }
}

/// Finds ids that several rows have; returns the ordinals of rows that a later one supersedes.
async fn repeated(
    image: &Image,
    change: &Change,
    violations: &mut Violations<Conflict>,
) -> Result<roaring::RoaringTreemap> {
    let mut superseded = roaring::RoaringTreemap::new();
    let keyed = key_members(image.catalog(), &change.key).is_some();
    let hash = KeyHash::new();
    let mut passes = Passes::new();
    'passes: while let Some(partition) = passes.next() {
        let mut seen: KeyMap<u64> = KeyMap::new();
        let mut chunks = change.chunks(&[ID])?;
        while let Some(chunk) = chunks.next().await? {
            for (ordinal, id) in (chunk.first..).zip(chunk.strings(0)?.iter().flatten()) {
                let h = hash.of(id.as_bytes());
                if !partition.holds(h) {
                    continue;
                }
                let (last, added) = seen.entry(h, id.as_bytes(), ordinal);
                if added {
                    continue;
                }
                match change.on_duplicate {
                    _ if keyed => violations.offer(&change.key, id, 0, || {
                        let cause = Cause::RepeatedKey { first: *last };
                        Conflict { ordinal, cause }
                    }),
                    OnDuplicate::Reject => violations.offer(&change.key, id, 0, || {
                        let cause = Cause::RepeatedId { first: *last };
                        Conflict { ordinal, cause }
                    }),
                    OnDuplicate::LastWins => {
                        superseded.insert(*last);
                        *last = ordinal;
                    }
                }
            }
            if too_large(image, &seen, partition, &mut passes) {
                continue 'passes;
            }
        }
    }
    Ok(superseded)
}

/// Gives a pass up when its keys take more memory than they may; true when its partition was split.
pub(super) fn too_large<V>(
    image: &Image,
    map: &KeyMap<V>,
    partition: Partition,
    passes: &mut Passes,
) -> bool {
    map.memory() > image.key_memory && passes.split(partition)
}

/// Finds the stored entities that share an id with a row.
async fn stored(
    image: &Image,
    change: &Change,
    violations: &mut Violations<Conflict>,
) -> Result<roaring::RoaringTreemap> {
    let mut found = roaring::RoaringTreemap::new();
    if change.table.row_count() == 0 {
        return Ok(found);
    }
    let index = image.stored(&change.key).await?.key_index(&[ID]);
    let mut chunks = change.chunks(&[ID])?;
    while let Some(chunk) = chunks.next().await? {
        let ids = chunk.batch.column(0).clone();
        let matches = index.lookup(std::slice::from_ref(&ids)).await?;
        for (&probe, &address) in matches.probe.iter().zip(&matches.address) {
            found.insert(address);
            if change.on_existing == OnExisting::Reject && change.keeps(address) {
                let id = chunk.strings(0)?.value(probe as usize);
                let ordinal = chunk.first + u64::from(probe);
                violations.offer(&change.key, id, 1, || Conflict { ordinal, cause: Cause::Stored });
            }
        }
    }
    Ok(found)
}

/// Returns the members of a type's key in name order, if it has one.
fn key_members(catalog: &Catalog, key: &TypeKey) -> Option<Vec<String>> {
    if key.kind == EntityKind::Edge {
        return None;
    }
    let mut members: Vec<String> =
        catalog.nodes.get(&key.name)?.key()?.iter().map(|p| p.name.clone()).collect();
    members.sort();
    Some(members)
}

/// Names the columns of a constraint: `a`, or `(a, b)`.
pub(super) fn columns_text(members: &[String]) -> String {
    match members {
        [one] => one.clone(),
        several => format!("({})", several.join(", ")),
    }
}

/// Renders one tuple: `v`, or `(v, w)`; texts in quotes.
pub(super) fn tuple_text(columns: &[ArrayRef], row: usize) -> Result<String> {
    let values: Vec<String> = columns.iter().map(|c| value_text(c, row)).collect::<Result<_>>()?;
    Ok(match values.as_slice() {
        [one] => one.clone(),
        several => format!("({})", several.join(", ")),
    })
}

fn value_text(column: &ArrayRef, row: usize) -> Result<String> {
    let text = arrow_cast::display::array_value_to_string(column, row)?;
    Ok(if column.data_type() == &arrow_schema::DataType::Utf8 { format!("'{text}'") } else { text })
}
