//! The schema language: text to catalog, catalog to catalog, and the plan between them.
//!
//! [`parse()`] and [`print()`] deal in syntax trees. [`compile()`] makes the first catalog of a graph, [`evolve()`] the next
//! one together with a migration [`MigrationPlan`]. All are pure functions; all report every error they find.
//!
//! The modules in the order in which a text passes them: `token`, `parser` (a syntax tree, `ast`), `lower` (drafts: each
//! declaration checked by itself), `link` (a model: all declarations together), `identity` (a catalog). `planner` compares
//! two catalogs.

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
mod target;

pub mod codes;
mod migration_plan;
mod planner;

mod compile;

pub use compile::{Compiled, Evolution, compile, evolve, parse};
pub use declaration::DeclarationKind;
pub use migration_plan::{DropMode, MigrationPlan, MigrationStep, PropertyType, ScalarShape};
pub use print::print;
