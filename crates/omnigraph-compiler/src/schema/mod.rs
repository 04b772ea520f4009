//! The schema language: text to catalog, catalog to catalog, and the plan between them.
//!
//! [`parse()`] and [`print()`] deal in syntax trees. [`compile()`] makes the first catalog of a graph, [`evolve()`] the next
//! one together with a migration [`Plan`]. All are pure functions; all report every error they find.
//!
//! A text passes through: tokens, tree, drafts (each declaration by itself), model (all declarations together), catalog
//! (with identities).

pub mod ast;
mod parser;
mod print;
mod token;

mod annotations;
mod constraints;
mod declaration;
mod draft;
mod findings;
mod identity;
mod link;
mod lower;
mod metric;

pub mod codes;
mod plan;
mod planner;

mod compile;

pub use compile::{Compiled, Evolution, compile, evolve, parse};
pub use declaration::DeclarationKind;
pub use plan::{DropMode, Plan, PropertyType, ScalarShape, Step};
pub use print::print;
