//! Scenarios against the public API, one module per area.

mod mutation;
mod query;
