//! What changed: between two states, in one commit, along a branch.
//!
//! Owns nothing on disk and stores no consumer's progress: whatever a consumer needs to go on is in the token it was
//! given. Uses [`omnigraph_graph::branch::difference`] for the entities that differ, [`omnigraph_graph::commit`] for
//! the history they differ along, and `write::export` for baselines; reads snapshots only.
//!
//! Three views. [`net`] compares any two states. [`page`] is the exact change of one commit against its first parent,
//! cut into pages. [`poll`] is a walk along a branch, one such block per commit, oldest first; [`baseline`] gives a
//! consumer the state to start the walk from. Underneath, [`block`] orders the changes of one commit, [`image`] renders
//! rows, [`scope`] selects, [`token`] makes positions that survive a process, and [`reader_cache`] keeps half-read
//! blocks for the next page. [`request`] is what a caller asks for, [`model`] what it gets.
//!
//! Invariants: a commit's block is the same whenever and wherever it is read; a durable cursor stands only behind
//! complete commits; memory holds one page, never a block.

pub(crate) mod baseline;
pub(crate) mod block;
pub(crate) mod image;
pub(crate) mod model;
pub(crate) mod net;
pub(crate) mod page;
pub(crate) mod poll;
pub(crate) mod reader_cache;
pub(crate) mod request;
pub(crate) mod scope;
pub(crate) mod token;
