//! Requests that change the graph, as planners: snapshot in, checked table changes out.
//!
//! `load` and `mutation` gather complete row images in `spool`s and hand them over as a `delta`; `validate` checks the
//! final image. `rows` (with `json`, `cell`, `ids`) converts input values and derives ids for every surface; `blobs` admits references to bytes
//! outside the graph. `export`
//! writes a snapshot back as input; `schema_apply` changes what there is to write. Uses `storage` and `commit`; knows
//! nothing of queries.
//!
//! Invariant: nothing here publishes; a failed plan has written nothing.

pub(crate) mod blobs;
pub(crate) mod cell;
pub(crate) mod delta;
pub(crate) mod embed;
pub(crate) mod export;
pub(crate) mod ids;
pub(crate) mod json;
pub(crate) mod load;
pub(crate) mod merge;
pub(crate) mod mutation;
pub(crate) mod rows;
pub(crate) mod schema_apply;
pub(crate) mod spool;
pub(crate) mod validate;
