//! Tests of whole queries over in-memory graphs: scenarios, and random queries against a naive interpreter.

mod cases;
pub(crate) mod fixtures;
mod random;
mod reference;
mod scenarios;
