//! The wire types against the contract of the API.

// Helpers outside test functions panic as tests do.
#![allow(clippy::unwrap_used)]

mod contract;
mod document;
mod errors;
mod golden;
mod legacy;
mod operations;
mod properties;
mod schemas;
mod shapes;
