//! Bytes outside the graph that blob values may refer to: their names ([`uri`]), which of them may be referenced
//! ([`policy`]), and how they are read ([`source`]).
//!
//! The stored form of a Blob cell is [`omnigraph_graph::model::blob`]. `write` admits what comes in, `db` reads what is
//! stored.

pub(crate) mod policy;
pub(crate) mod source;
pub(crate) mod uri;
