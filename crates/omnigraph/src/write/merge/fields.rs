//! Reads rows of one schema in the columns of another, and combines two changed images of an entity. Properties pair by
//! their stable identity, whatever they are called on either side.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow_schema::SchemaRef;
use omnigraph_compiler::catalog::{PropertyId, TypeKey};
use omnigraph_graph::branch::difference::{Row, same_values};
use omnigraph_graph::commit::Snapshot;

use crate::error::{OmniError, Result};

/// Where each column of a table finds its value in rows of the same type incarnation in another snapshot.
pub(super) struct Fields {
    /// The columns looked for.
    pub(super) schema: SchemaRef,
    sources: Vec<Option<String>>,
}

impl Fields {
    /// Pairs the columns `schema` of `(to, to_key)` with those of `(from, from_key)`.
    pub(super) fn new(schema: SchemaRef, to: (&Snapshot, &TypeKey), from: (&Snapshot, &TypeKey)) -> Fields {
        let ids: BTreeMap<String, PropertyId> = properties(to).map(|(id, name)| (name, id)).collect();
        let names: BTreeMap<PropertyId, String> = properties(from).collect();
        let sources = schema.fields().iter().map(|field| match ids.get(field.name()) {
            Some(id) => names.get(id).cloned(),
            // `id`, `src` and `dst` are no properties and have one name everywhere.
            None => Some(field.name().clone()),
        });
        let sources = sources.collect();
        Fields { schema, sources }
    }

    /// Returns a row as one row of the columns looked for; a property that its schema lacks is null.
    pub(super) fn row(&self, row: &Row) -> Result<RecordBatch> {
        let columns = self.schema.fields().iter().zip(&self.sources).map(|(field, source)| match source {
            Some(name) => {
                let column = row.batch.column_by_name(name);
                let column = column
                    .ok_or_else(|| OmniError::internal(format!("a merged row has no column '{name}'")))?;
                Ok(column.slice(row.index, 1))
            }
            None => Ok(new_null_array(field.data_type(), 1)),
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        Ok(RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}

fn properties((snapshot, key): (&Snapshot, &TypeKey)) -> impl Iterator<Item = (PropertyId, String)> {
    let properties = snapshot.catalog().properties(key).unwrap_or_default();
    let pairs: Vec<_> = properties.iter().map(|property| (property.id, property.name.clone())).collect();
    pairs.into_iter()
}

/// Tells whether two one-row images are equal.
pub(super) fn same_image(a: &RecordBatch, b: &RecordBatch) -> Result<bool> {
    for (a, b) in a.columns().iter().zip(b.columns()) {
        if !same_values(a, b)?.iter().all(|same| *same) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The three images of an entity that both sides changed, property by property.
pub(super) struct Combined {
    /// The image in which each property has the value of the side that changed it.
    pub(super) image: RecordBatch,
    /// Properties that both sides changed to different values.
    pub(super) contested: Vec<String>,
}

/// Combines two changed images of one entity.
pub(super) fn combine(before: &RecordBatch, ground: &RecordBatch, other: &RecordBatch) -> Result<Combined> {
    let mut columns = Vec::with_capacity(ground.num_columns());
    let mut contested = Vec::new();
    for (index, field) in ground.schema().fields().iter().enumerate() {
        let (b, g, o) = (before.column(index), ground.column(index), other.column(index));
        let (ground_changed, other_changed) = (!same_values(b, g)?[0], !same_values(b, o)?[0]);
        if ground_changed && other_changed && !same_values(g, o)?[0] {
            contested.push(field.name().clone());
        }
        columns.push(Arc::clone(if other_changed && !ground_changed { o } else { g }));
    }
    Ok(Combined { image: RecordBatch::try_new(ground.schema(), columns)?, contested })
}
