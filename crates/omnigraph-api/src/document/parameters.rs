//! Parameters of paths, query strings and headers that several operations have.

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{Array, Object, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Required, Schema};

use super::schemas::reference;
use crate::headers::IF_GRAPH_COMMIT;
use crate::{ChangeOpOutput, EntityKindOutput};

/// Form of the ids of graphs.
const GRAPH_ID: &str = "^[A-Za-z0-9-]{1,64}$";

/// Changes per page: default and maximum.
const PAGE_CHANGES: (u32, u32) = (1_000, 8_192);

fn string() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

fn parameter(location: ParameterIn, name: &str, text: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(location)
        .description(Some(text))
        .required(Required::False)
        .schema(Some(schema))
        .build()
}

/// A parameter of the path, which the name alone describes.
pub(super) fn path(name: &str) -> Parameter {
    let (text, schema) = match name {
        "graph_id" => (
            "Id of the graph, as listed by `GET /graphs`.",
            ObjectBuilder::new().schema_type(Type::String).pattern(Some(GRAPH_ID)).build(),
        ),
        "branch" => ("Name of the branch, percent-encoded as one segment.", string()),
        "commit_id" => ("Id of the commit.", string()),
        _ => ("Name of the stored query.", string()),
    };
    required(parameter(ParameterIn::Path, name, text, schema))
}

/// An optional text in the query.
pub(super) fn text(name: &str, text: &str) -> Parameter {
    parameter(ParameterIn::Query, name, text, string())
}

/// An optional word of an enumeration in the query.
pub(super) fn word<T: ToSchema>(name: &str, text: &str) -> Parameter {
    parameter(ParameterIn::Query, name, text, reference::<T>())
}

/// An optional header.
pub(super) fn header(name: &str, text: &str) -> Parameter {
    parameter(ParameterIn::Header, name, text, string())
}

/// Makes a parameter required.
pub(super) fn required(mut parameter: Parameter) -> Parameter {
    parameter.required = Required::True;
    parameter
}

/// The commit that must still be the head.
pub(super) fn if_graph_commit() -> Parameter {
    required(header(
        IF_GRAPH_COMMIT,
        "Id of the commit that must be the effective head of the branch: one raw id, neither `*` nor an entity tag.",
    ))
}

/// Which changes: the parameters that all reads of changes share.
pub(super) fn change_filter() -> [Parameter; 4] {
    let limit = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .default(Some(Value::from(PAGE_CHANGES.0)))
        .minimum(Some(1))
        .maximum(Some(PAGE_CHANGES.1 as usize))
        .build();
    [
        parameter(ParameterIn::Query, "limit", "Number of changes on a page, at most.", limit),
        repeatable(
            "kind",
            "Kind of entity; may be repeated. All when left out.",
            reference::<EntityKindOutput>(),
        ),
        repeatable("type", "Name of a type; may be repeated. All when left out.", string().into()),
        repeatable("op", "What happened; may be repeated. All when left out.", reference::<ChangeOpOutput>()),
    ]
}

/// A parameter of the query that may be given several times.
fn repeatable(name: &str, text: &str, item: RefOr<Schema>) -> Parameter {
    let array = Array::new(item);
    let mut parameter = parameter(ParameterIn::Query, name, text, array);
    parameter.style = Some(ParameterStyle::Form);
    parameter.explode = Some(true);
    parameter
}
