//! References from the descriptions of operations to the schemas of the wire types.

use utoipa::ToSchema;
use utoipa::openapi::{Content, Ref, RefOr, Schema};

/// Returns a reference to the schema of a type.
pub(super) fn reference<T: ToSchema>() -> RefOr<Schema> {
    Ref::from_schema_name(T::name()).into()
}

/// Returns a body that has the schema of a type.
pub(super) fn content<T: ToSchema>() -> Content {
    Content::new(Some(reference::<T>()))
}
