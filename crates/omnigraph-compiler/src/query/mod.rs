//! The query language: from text to typed queries, parameters, lint and descriptors.
//!
//! [`compile`] takes one query of a file through all stages: [`parse_file`] reads the text, [`select`] picks a query by
//! name, [`typecheck`] resolves it against a catalog. [`params::bind`] reads parameter values, [`lint`] reports on a
//! whole file, [`describe`] says what a query reads, writes and returns. Nothing here does I/O.

pub mod ast;
mod check;
mod compile;
mod descriptor;
mod lexer;
mod lint;
pub mod params;
mod parser;
mod printer;

pub use check::typecheck;
pub use compile::{CompileError, SelectError, compile, select};
pub use descriptor::{Operation, TypeRef, ValueDescriptor, ValueKind, describe, describe_params};
pub use lint::{Finding, LintReport, QueryKind, QueryResult, SchemaSource, Severity, Status, lint};
pub use parser::parse_file;
pub use printer::print;
