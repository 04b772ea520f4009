//! Renders stored rows as the images that change records carry: every declared property, as exports write it.

use arrow_array::cast::AsArray;
use omnigraph_compiler::catalog::{EntityKind, Property};
use omnigraph_graph::branch::difference::{Row, Side};
use omnigraph_graph::model::{DST, SRC};
use omnigraph_query::json::{JsonRows, value};

use super::model::{EntityImage, ImageEndpoints};
use crate::error::{OmniError, Result};

/// Renders the properties that the side's schema declares.
pub(crate) fn image(side: &Side, row: &Row) -> Result<EntityImage> {
    let declared = side.snapshot.catalog().properties(&side.key).unwrap_or_default();
    let properties = declared.iter().map(|property| cell(side, property, row)).collect::<Result<_>>()?;
    Ok(EntityImage { properties, endpoints: endpoints(side, row)? })
}

/// Returns which nodes the row joins, if it is an edge.
pub(crate) fn endpoints(side: &Side, row: &Row) -> Result<Option<ImageEndpoints>> {
    if side.key.kind == EntityKind::Node {
        return Ok(None);
    }
    Ok(Some(ImageEndpoints { from: text(side, SRC, row)?, to: text(side, DST, row)? }))
}

fn cell(side: &Side, property: &Property, row: &Row) -> Result<(String, serde_json::Value)> {
    let column = row.batch.column_by_name(&property.name).ok_or_else(|| lacks(side, &property.name))?;
    Ok((property.name.clone(), value(column, row.index, JsonRows::Exchange)))
}

fn text(side: &Side, name: &str, row: &Row) -> Result<String> {
    let column = row.batch.column_by_name(name).ok_or_else(|| lacks(side, name))?;
    Ok(column.as_string::<i32>().value(row.index).to_owned())
}

fn lacks(side: &Side, column: &str) -> OmniError {
    OmniError::internal(format!("the table of {} has no column '{column}'", side.key))
}
