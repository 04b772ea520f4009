//! Requests and answers of the API over a graph handle.
//!
//! The server calls these functions for a request that it has authorized, the command line for a graph that it has opened
//! itself; so both give one answer to one question. Each function takes a handle and a request and returns the wire type
//! of the answer, or the engine's error, which [`error`] turns into an error answer.
//!
//! Invariants: nothing here decides who may do what; nothing here holds state; every answer is made from the receipt of
//! the very call that did the work.

mod branches;
mod changes;
pub mod convert;
pub mod error;
mod reads;
mod writes;

pub use branches::{create_branch, delete_branch, merge_branches};
pub use changes::{baseline_scope, commit_changes, poll_changes};
pub use reads::{
    ReadForm, branches, commit, commits, params, query, query_text, read_target, schema, snapshot,
};
pub use writes::{LoadRequest, apply_schema, load, mutate};
