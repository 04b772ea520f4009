//! Branches: making and deleting them ([`control`]), naming commits ([`tags`]), finding them ([`commits`]), walking
//! what one was made on ([`history`](mod@history)), and what sets two states of a graph apart ([`difference`]).
//!
//! Owns the refs' `retired/` copies and the tags. Publishes nothing: a commit goes through [`crate::commit`]. The cost of a
//! difference follows the rows that differ, never the graph.

mod commits;
pub mod control;
pub mod difference;
pub mod history;
pub mod tags;

pub use commits::{at_commit, history, merge_base};
pub use control::{ForkPoint, create_branch, delete_branch};
pub use tags::{Tag, create_tag, delete_tag};
