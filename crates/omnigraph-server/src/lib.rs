//! The HTTP server of Omnigraph.
//!
//! `settings` turns command line, environment and config file into a [`settings::ServerConfig`]; `auth` and `jwt` say
//! who is calling; `extract` and `error` are the edges of a request; `workload` limits what an actor has under way;
//! `metrics`, `request_id` and `logging` tell what happens; `cors` lets browsers in.
//!
//! Invariants: an actor comes from a bearer token and from nothing else in a request; a token is never logged, shown or
//! kept as text; every refusal is one JSON envelope; every metric label has few values.

pub mod args;
pub mod auth;
pub mod cors;
pub mod env;
pub mod error;
pub mod extract;
pub mod jwt;
pub mod logging;
pub mod metrics;
pub mod request_id;
pub mod settings;
#[cfg(test)]
mod testing;
pub mod workload;
