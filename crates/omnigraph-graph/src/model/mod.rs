//! The physical shape of entities: which Arrow columns a node or edge table has, and how a Blob cell is stored.
//!
//! Pure functions of the catalog: writers, readers and the creation of tables derive the same columns from it.

pub mod blob;

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use omnigraph_compiler::catalog::{Catalog, EntityKind, Property, TypeKey};
use omnigraph_compiler::types::{Kind, Scalar, Type};

/// Column that holds the id of a node or edge.
pub const ID: &str = "id";
/// Column that holds the id of an edge's source node.
pub const SRC: &str = "src";
/// Column that holds the id of an edge's target node.
pub const DST: &str = "dst";

/// Returns the Arrow type of a scalar column.
pub fn scalar_type(scalar: Scalar) -> DataType {
    match scalar {
        Scalar::String => DataType::Utf8,
        Scalar::Blob => DataType::LargeBinary,
        Scalar::Bool => DataType::Boolean,
        Scalar::I32 => DataType::Int32,
        Scalar::I64 => DataType::Int64,
        Scalar::U32 => DataType::UInt32,
        Scalar::U64 => DataType::UInt64,
        Scalar::F32 => DataType::Float32,
        Scalar::F64 => DataType::Float64,
        Scalar::Date => DataType::Date32,
        Scalar::DateTime => DataType::Date64,
    }
}

/// Returns the Arrow type of a property column.
pub fn column_type(ty: &Type) -> DataType {
    match &ty.kind {
        Kind::Scalar(scalar) => scalar_type(*scalar),
        Kind::Enum(_) => DataType::Utf8,
        Kind::List(scalar) => DataType::List(Arc::new(Field::new("item", scalar_type(*scalar), true))),
        Kind::Vector(n) => {
            let dimension = i32::try_from(*n).expect("the compiler bounds vector dimensions by i32::MAX");
            DataType::FixedSizeList(Arc::new(Field::new("item", DataType::Float32, true)), dimension)
        }
    }
}

fn property_field(property: &Property) -> Field {
    Field::new(&property.name, column_type(&property.ty), property.ty.nullable)
}

/// Returns the columns of a table: `id` (for edges also `src`, `dst`), then the properties in name order.
///
/// Returns `None` when the catalog has no such type.
pub fn physical_schema(catalog: &Catalog, key: &TypeKey) -> Option<SchemaRef> {
    let mut fields = vec![Field::new(ID, DataType::Utf8, false)];
    if key.kind == EntityKind::Edge {
        fields.push(Field::new(SRC, DataType::Utf8, false));
        fields.push(Field::new(DST, DataType::Utf8, false));
    }
    fields.extend(catalog.properties(key)?.iter().map(property_field));
    Some(Arc::new(Schema::new(fields)))
}
