//! Tests of whole queries over in-memory graphs: scenarios, and random queries against a naive interpreter.

mod cases;
mod kit;
mod random;
mod reference;
mod scenarios;
