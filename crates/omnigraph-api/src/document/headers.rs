//! Headers of answers that several operations have.

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::headers::{DEPRECATION, REQUEST_ID, SNAPSHOT_ID};

/// A header with its name.
pub(super) type Named = (&'static str, Header);

fn text(name: &'static str, description: &str) -> Named {
    of_type(name, description, Type::String)
}

fn of_type(name: &'static str, description: &str, schema_type: Type) -> Named {
    let schema = ObjectBuilder::new().schema_type(schema_type);
    (name, HeaderBuilder::new().description(Some(description)).schema(Some(schema)).build())
}

/// The headers of an operation that is kept for older clients.
pub(super) fn deprecation(link: &str) -> Vec<Named> {
    vec![
        text(DEPRECATION, "`true`: the operation is kept for older clients."),
        text("Link", &format!("The operation to use instead: `{link}`.")),
    ]
}

pub(super) fn request_id() -> Named {
    text(REQUEST_ID, "The id of the request, under which the log of the server has it.")
}

pub(super) fn retry_after() -> Named {
    of_type("Retry-After", "Seconds to wait before the next attempt.", Type::Integer)
}

pub(super) fn snapshot_id() -> Named {
    text(SNAPSHOT_ID, "The exact snapshot that was read.")
}

pub(super) fn etag() -> Named {
    text("ETag", "Strong entity tag of the bytes, in quotes.")
}

pub(super) fn accept_ranges() -> Named {
    text("Accept-Ranges", "`bytes`.")
}

pub(super) fn content_length(description: &str) -> Named {
    of_type("Content-Length", description, Type::Integer)
}

pub(super) fn content_range(description: &str) -> Named {
    text("Content-Range", description)
}

pub(super) fn location() -> Named {
    text("Location", "The URI that the graph holds, exactly. The server does not visit it.")
}

pub(super) fn cache_control() -> Named {
    text("Cache-Control", "`no-store`.")
}
