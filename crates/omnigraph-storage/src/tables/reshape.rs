//! Reshaping: another column list for a table, as its next version.
//!
//! Only the version's metadata is written; every data file, row address and deletion stays. A column is its Lance field
//! id: a kept column keeps the id, under whatever name; a new one gets an id that no file of the version mentions, so
//! it reads as null in rows that were there before, even under a name that was used before.
//!
//! Invariants: the base is untouched; the result has exactly the columns given, in their order, and the rows of the
//! base; it is durable, and garbage until a commit names it.
//! Cost: one small file, whatever the number of rows.

use arrow_schema::FieldRef;
use lance::dataset::transaction::Operation;
use lance_core::datatypes::{Field, Schema};

use crate::error::{Result, StorageError};
use crate::objects::{failure, fault};
use crate::tables::stage;
use crate::tables::table::Table;

/// A column of the new version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name and type from now on.
    pub field: FieldRef,
    /// The column of the base whose values it keeps; a column without one is new and must be nullable.
    pub from: Option<String>,
}

/// Writes the next version of `base` with these columns; `base` itself when they are the columns it has.
///
/// # Errors
/// `internal` when a kept column is unknown, kept twice or of another type, or a new one is not nullable; `Storage`.
pub async fn reshape(base: &Table, columns: &[Column]) -> Result<Table> {
    let old = base.dataset().schema();
    let schema = next_schema(base, columns)?;
    if schema.fields == old.fields {
        return Ok(base.clone());
    }
    let operation = Operation::Project { schema, preserves_nullability: true };
    let dataset = stage::commit(base, base.dataset().clone(), operation).await?;
    fault::hit(base.root(), fault::RESHAPE_VERSION_WRITTEN)?;
    stage::sync(stage::unsynced(base, &dataset, Vec::new(), Vec::new())).await?;
    Ok(Table::new(base.root().clone(), base.shared_path().clone(), dataset))
}

fn next_schema(base: &Table, columns: &[Column]) -> Result<Schema> {
    let dataset = base.dataset();
    let old = dataset.schema();
    let refuse = |why: String| StorageError::internal(format!("table {}: {why}", base.path()));
    let mut fields: Vec<Field> = Vec::with_capacity(columns.len());
    for Column { field, from } in columns {
        let wanted = Field::try_from(field.as_ref()).map_err(|error| failure::table(base.path(), error))?;
        let Some(from) = from else {
            if !field.is_nullable() {
                return Err(refuse(format!("new column '{}' is not nullable", field.name())));
            }
            fields.push(wanted);
            continue;
        };
        let kept = old.fields.iter().find(|kept| kept.name == *from);
        let kept = kept.ok_or_else(|| refuse(format!("there is no column '{from}' to keep")))?;
        if kept.data_type() != *field.data_type() || kept.nullable != field.is_nullable() {
            return Err(refuse(format!("column '{}' would not keep the type of '{from}'", field.name())));
        }
        if fields.iter().any(|other| other.id == kept.id) {
            return Err(refuse(format!("column '{from}' would be kept twice")));
        }
        fields.push(Field { name: field.name().clone(), ..kept.clone() });
    }
    let mut schema = Schema { fields, metadata: old.metadata.clone() };
    let largest = dataset.manifest().max_field_id();
    let numbered = schema.try_set_field_id(Some(largest)).and_then(|()| schema.validate());
    numbered.map_err(|error| failure::table(base.path(), error))?;
    Ok(schema)
}

/// Returns the ids of columns, which name their content for as long as the table lives.
pub(crate) fn field_ids(table: &Table, columns: &[String]) -> Result<Vec<i32>> {
    let schema = table.dataset().schema();
    let id = |name: &String| {
        let field = schema.fields.iter().find(|field| field.name == *name);
        let field = field.ok_or_else(|| {
            StorageError::internal(format!("table {} has no column '{name}'", table.path()))
        })?;
        Ok(field.id)
    };
    columns.iter().map(id).collect()
}
