//! Compiler of Omnigraph's schema (`.pg`) and query (`.gq`) languages.
//!
//! Owns both grammars, their type rules, the identities of types and properties, migration plans, and the binding of
//! parameters. Text goes in; a [`catalog::Catalog`], a typed query ([`ir::Query`]), a [`schema::MigrationPlan`] or
//! [`diagnostics::Diagnostics`] come out. No I/O, no storage; no input panics.
//!
//! ```
//! use omnigraph_compiler::{query, schema};
//!
//! let people = "node Person { email: String @key, name: String? }";
//! let accepted = schema::compile(people, "01J0000000000000000000DOMAIN")?.catalog;
//!
//! let source = "query named($name: String) { match { $p: Person { name: $name } } return { $p.email } }";
//! let typed = query::compile(source, Some("named"), &accepted)?;
//! assert_eq!(typed.params[0].name, "name");
//!
//! let evolution = schema::evolve(&accepted, "node Person { email: String @key, name: String?, age: I32? }")?;
//! assert_eq!((evolution.plan.supported, evolution.plan.steps.len()), (true, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Entry points: [`schema::compile`], [`schema::evolve`], [`query::parse_file`], [`query::compile`], [`query::lint`].

pub mod catalog;
pub mod diagnostics;
pub mod ir;
pub mod query;
pub mod scalar;
pub mod schema;
pub mod types;
