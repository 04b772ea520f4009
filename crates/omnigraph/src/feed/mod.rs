//! What changed: between two states, in one commit, along a branch.
//!
//! Owns nothing on disk and stores no consumer's progress: whatever a consumer needs to go on is in the token it was
//! given. Uses `branch::difference` for the entities that differ and `commit` for the history they differ along; reads
//! snapshots only.
//!
//! Three views. [`net`] compares any two states. [`page`] is the exact change of one commit against its first parent,
//! cut into pages. [`poll`] is a walk along a branch, one such block per commit, oldest first; [`baseline`] gives a
//! consumer the state to start the walk from. Underneath, [`block`] orders the changes of one commit, [`image`] renders
//! rows, [`scope`] selects, [`token`] makes positions that survive a process, and [`parked`] keeps a half-read block at
//! hand for the next page.
//!
//! Invariants: a commit's block is the same whenever and wherever it is read; a durable cursor stands only behind
//! complete commits; memory holds one page, never a block.

pub(crate) mod baseline;
pub(crate) mod block;
pub(crate) mod image;
pub(crate) mod model;
pub(crate) mod net;
pub(crate) mod page;
pub(crate) mod parked;
pub(crate) mod poll;
pub(crate) mod scope;
pub(crate) mod token;
