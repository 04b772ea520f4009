//! Compiler of Omnigraph's schema (`.pg`) and query (`.gq`) languages.
//!
//! Text goes in; a [`catalog::Catalog`], a typed query ([`ir::Query`]), a migration plan or a list of
//! [`diagnostics::Diagnostic`]s comes out. The crate does no I/O and knows no storage.
//!
//! Entry points: [`schema::compile`], [`schema::evolve`], [`query::parse_file`], [`query::compile`], [`query::lint`].

pub mod catalog;
pub mod diagnostics;
pub mod ir;
pub mod query;
pub mod scalar;
pub mod schema;
pub mod types;
