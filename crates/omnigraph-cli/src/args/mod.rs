//! What a user may type, and what it means. Parsing touches no file and no graph.
//!
//! A module per family holds the arguments of its commands. `cli` puts them together with the flags of `global`, and
//! `invocation` parses the words of a command line into an [`Invocation`], which is what the commands run.

pub(crate) mod global;
pub(crate) mod uri;

pub(crate) mod alias;
pub(crate) mod blob;
pub(crate) mod branch;
pub(crate) mod changes;
pub(crate) mod commit;
pub(crate) mod context;
pub(crate) mod data;
pub(crate) mod embed;
pub(crate) mod graphs;
pub(crate) mod local;
pub(crate) mod maintenance;
pub(crate) mod policy;
pub(crate) mod query;
pub(crate) mod schema;

pub(crate) mod cli;
mod invocation;

pub(crate) use cli::Command;
pub(crate) use global::Global;
pub(crate) use invocation::{Invocation, grammar};
