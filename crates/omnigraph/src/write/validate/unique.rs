//! Uniqueness: no two entities of a type share a complete tuple of a `@unique` constraint.
//!
//! Tuples are compared typed, member by member, through Arrow's row encoding; both float zeros are one value. A tuple
//! with a null member holds nothing. A stored entity holds its tuple only if it stays as it is. Repeated rows of one
//! input hold theirs even when they share an id.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, Float32Array, Float64Array};
use arrow_row::{RowConverter, SortField};
use arrow_schema::DataType;
use omnigraph_compiler::catalog::{Catalog, Constraint, EntityKind, TypeKey};
use omnigraph_graph::model::ID;

use super::ids::{columns_text, too_large, tuple_text};
use super::image::{Change, Image, strings};
use super::keymap::{KeyHash, KeyMap, Passes};
use super::violations::{Refusal, Violations};
use crate::error::{OmniError, Result, Violation};

/// Checks every type that has rows; `conflicts` are the types whose ids are at fault already.
pub(super) async fn check(
    image: &Image,
    mut conflicts: BTreeMap<TypeKey, Vec<Refusal>>,
    refused: &mut Vec<Refusal>,
) -> Result<()> {
    for change in image.changes.values() {
        refused.extend(conflicts.remove(&change.key).unwrap_or_default());
        if image.knows_enough(refused) {
            break;
        }
        if change.rows.is_none() {
            continue;
        }
        let constraints = constraints(image.catalog(), &change.key);
        let mut violations = Violations::new(image.extent);
        for (rank, members) in constraints.iter().enumerate() {
            among_rows(image, change, rank, members, &mut violations).await?;
            with_stored(image, change, rank, members, &mut violations).await?;
        }
        for (type_key, id, shared) in violations.into_held() {
            let at = image.place(change, shared.ordinal).await?;
            let violation = shared.into_violation(image, change, &constraints, id.clone()).await?;
            refused.push(Refusal { type_key, id, error: OmniError::violated(violation, at) });
        }
        if image.knows_enough(refused) {
            break;
        }
    }
    Ok(())
}

/// Returns the member lists of a type's `@unique` constraints.
fn constraints(catalog: &Catalog, key: &TypeKey) -> Vec<Vec<String>> {
    let constraints: &[Constraint] = match key.kind {
        EntityKind::Node => catalog.nodes.get(&key.name).map_or(&[], |node| &node.constraints),
        EntityKind::Edge => catalog.edges.get(&key.name).map_or(&[], |edge| &edge.constraints),
    };
    let unique = constraints.iter().filter_map(|constraint| match constraint {
        Constraint::Unique(members) => Some(members.clone()),
        Constraint::Key(_) | Constraint::Index(_) | Constraint::Range { .. } | Constraint::Check { .. } => {
            None
        }
    });
    unique.collect()
}

/// A tuple that a row shares with another entity.
struct Shared {
    /// Which constraint.
    rank: usize,
    /// The row.
    ordinal: u64,
    with: Holder,
}

enum Holder {
    Row(u64),
    Stored(u64),
}

impl Shared {
    async fn into_violation(
        self,
        image: &Image,
        change: &Change,
        constraints: &[Vec<String>],
        id: String,
    ) -> Result<Violation> {
        let members = &constraints[self.rank];
        let names: Vec<&str> = members.iter().map(String::as_str).collect();
        let row = change.row(self.ordinal, &names).await?;
        let (holder, first_at) = match self.with {
            Holder::Row(ordinal) => {
                let holder = change.row(ordinal, &[ID]).await?;
                (strings(holder.column(0))?.value(0).to_owned(), image.place(change, ordinal).await?)
            }
            Holder::Stored(address) => (image.stored_id(&change.key, address).await?, None),
        };
        Ok(Violation::Unique {
            type_name: change.key.name.clone(),
            columns: columns_text(members),
            value: tuple_text(row.columns(), 0)?,
            first: holder,
            second: id,
            first_at,
        })
    }
}

/// Finds rows that share a tuple with an earlier row.
async fn among_rows(
    image: &Image,
    change: &Change,
    rank: usize,
    members: &[String],
    violations: &mut Violations<Shared>,
) -> Result<()> {
    if change.rows.as_ref().is_none_or(|rows| rows.rows() < 2) {
        return Ok(());
    }
    let columns = with_id(members);
    let hash = KeyHash::new();
    let mut passes = Passes::new();
    'passes: while let Some(partition) = passes.next() {
        let mut holders: KeyMap<u64> = KeyMap::new();
        let mut chunks = change.chunks(&columns)?;
        while let Some(chunk) = chunks.next().await? {
            let tuples = Tuples::of(&chunk.batch.columns()[1..])?;
            for row in (0..chunk.batch.num_rows()).filter(|&row| tuples.complete(row)) {
                let tuple = tuples.rows.row(row);
                let h = hash.of(tuple.as_ref());
                if !partition.holds(h) {
                    continue;
                }
                let ordinal = chunk.first + row as u64;
                let (&mut holder, added) = holders.entry(h, tuple.as_ref(), ordinal);
                if !added {
                    let id = chunk.strings(0)?.value(row);
                    violations.offer(&change.key, id, rank, || Shared {
                        rank,
                        ordinal,
                        with: Holder::Row(holder),
                    });
                }
            }
            if too_large(image, &holders, partition, &mut passes) {
                continue 'passes;
            }
        }
    }
    Ok(())
}

/// Finds rows that share a tuple with a stored entity that stays.
async fn with_stored(
    image: &Image,
    change: &Change,
    rank: usize,
    members: &[String],
    violations: &mut Violations<Shared>,
) -> Result<()> {
    if change.replace_all || change.table.row_count() == 0 {
        return Ok(());
    }
    let columns = with_id(members);
    let index = image.stored(&change.key).await?.key_index(&columns[1..]);
    let mut chunks = change.chunks(&columns)?;
    while let Some(chunk) = chunks.next().await? {
        let tuples: Vec<ArrayRef> = chunk.batch.columns()[1..].iter().map(one_zero).collect();
        let matches = index.lookup(&tuples).await?;
        for (&probe, &address) in matches.probe.iter().zip(&matches.address) {
            let ordinal = chunk.first + u64::from(probe);
            if change.keeps(address) && change.live(ordinal) {
                let id = chunk.strings(0)?.value(probe as usize);
                violations.offer(&change.key, id, rank, || Shared {
                    rank,
                    ordinal,
                    with: Holder::Stored(address),
                });
            }
        }
    }
    Ok(())
}

fn with_id(members: &[String]) -> Vec<&str> {
    std::iter::once(ID).chain(members.iter().map(String::as_str)).collect()
}

/// Typed tuples of a chunk, as comparable bytes.
struct Tuples {
    columns: Vec<ArrayRef>,
    rows: arrow_row::Rows,
}

impl Tuples {
    fn of(columns: &[ArrayRef]) -> Result<Tuples> {
        let columns: Vec<ArrayRef> = columns.iter().map(one_zero).collect();
        let fields = columns.iter().map(|c| SortField::new(c.data_type().clone())).collect();
        let rows = RowConverter::new(fields)?.convert_columns(&columns)?;
        Ok(Tuples { columns, rows })
    }

    /// Tells whether no member is null.
    fn complete(&self, row: usize) -> bool {
        self.columns.iter().all(|column| column.is_valid(row))
    }
}

/// Returns a float column with −0 written as 0, any other column as it is.
fn one_zero(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Float32 => {
            let values: Float32Array = column.as_primitive::<Float32Type>().unary(|v| v + 0.0);
            Arc::new(values)
        }
        DataType::Float64 => {
            let values: Float64Array = column.as_primitive::<Float64Type>().unary(|v| v + 0.0);
            Arc::new(values)
        }
        _ => column.clone(),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn tuples_cannot_be_forged_by_moving_text_between_members() {
        let a: ArrayRef = Arc::new(StringArray::from(vec!["ab", "a", "a,b"]));
        let b: ArrayRef = Arc::new(StringArray::from(vec!["c", "bc", "c"]));
        let tuples = Tuples::of(&[a, b]).unwrap();
        assert_ne!(tuples.rows.row(0).as_ref(), tuples.rows.row(1).as_ref());
        assert_ne!(tuples.rows.row(0).as_ref(), tuples.rows.row(2).as_ref());
    }

    #[test]
    fn a_null_member_makes_a_tuple_incomplete() {
        let a: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let b: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), Some("x")]));
        let tuples = Tuples::of(&[a, b]).unwrap();
        assert!(tuples.complete(0));
        assert!(!tuples.complete(1));
    }

    #[test]
    fn both_zeros_are_one_value() {
        let zeros: ArrayRef = Arc::new(Float64Array::from(vec![-0.0, 0.0]));
        let tuples = Tuples::of(&[zeros]).unwrap();
        assert_eq!(tuples.rows.row(0).as_ref(), tuples.rows.row(1).as_ref());
    }
}
