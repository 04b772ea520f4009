//! Requests that change the graph, as planners: a snapshot goes in, checked changes of tables come out.
//!
//! A planner looks at the snapshot of a branch and says what the next commit is to be; [`omnigraph_graph::commit`]
//! stages and publishes it, and asks for another plan when a commit that came first touched what this one read. Uses
//! [`omnigraph_storage`] and [`omnigraph_graph`]; of [`omnigraph_query`] only the trait of embedders.
//!
//! * [`load`] and [`mutation`] gather complete images of rows in [`spool`]s and describe their effect as a [`delta`];
//!   [`merge`] does so for the types that both branches changed. [`prepare`] has [`validate`] judge the final
//!   image, then makes the changes of tables.
//! * [`rows`], with [`json`], [`cell`] and [`ids`], converts input values and derives ids, alike for every way of
//!   writing; [`blobs`] admits references to bytes outside the graph; [`embed`] fills vectors that are left out.
//! * [`schema_apply`] changes what there is to write; [`export`] writes a snapshot back as input.
//!
//! Invariant: nothing here publishes. A plan of a load or a mutation that fails has written nothing to the store; plans
//! of schema changes and merges may have made tables, which no commit names and cleanup removes.

pub(crate) mod blobs;
pub(crate) mod cell;
pub(crate) mod delta;
pub(crate) mod embed;
pub(crate) mod export;
#[cfg(test)]
mod fixtures;
pub(crate) mod ids;
pub(crate) mod json;
pub(crate) mod load;
pub(crate) mod merge;
pub(crate) mod mutation;
pub(crate) mod prepare;
pub(crate) mod rows;
pub(crate) mod schema_apply;
pub(crate) mod spool;
pub(crate) mod validate;
