//! The API document (OpenAPI), generated from the table of operations and the wire types.
//!
//! In the order in which they build on each other: `form` tells which server is described, `schemas` refers to the wire
//! types, `headers` and `parameters` have what several operations share, `entry` is the builder that describes one
//! operation, `server`, `reads`, `writes` and `changes` describe them all, and `generate` puts the document together.

mod changes;
mod entry;
mod form;
mod generate;
mod headers;
mod parameters;
mod reads;
mod schemas;
mod server;
mod writes;

pub use form::Form;
pub use generate::{document, document_json};
