//! Branches: making and deleting them ([`control`]), naming commits ([`tags`]), finding them ([`commits`]), walking
//! what one was made on ([`history`]), and what sets two states of a graph apart ([`difference`]).
//!
//! Owns the refs' `retired/` copies and the tags. Publishes nothing: a commit goes through [`crate::commit`]. The cost of a
//! difference follows the rows that differ, never the graph.

mod commits;
pub(crate) mod control;
pub(crate) mod difference;
pub(crate) mod history;
pub(crate) mod tags;

pub(crate) use control::ForkPoint;
pub(crate) use tags::Tag;
