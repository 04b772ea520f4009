//! The HTTP server of Omnigraph.
//!
//! `settings` turns command line, environment and config file into a [`settings::ServerConfig`]; `auth` and `jwt` say
//! who is calling; `extract` and `error` are the edges of a request; `workload` limits what an actor has under way;
//! `metrics`, `request_id` and `logging` tell what happens; `cors` lets browsers in. `registry` holds stored queries,
//! `state` what is served; `caller` is one request to one graph, `routes` has the handlers, `transport` their streams.
//! `boot` opens the graphs, `serve` listens; `patience` says how long a client may stand still, and `connection`, `extract` and
//! `transport` cut it off then.
//!
//! Invariants: an actor comes from a bearer token and from nothing else in a request; a token is never logged, shown or
//! kept as text; every refusal is one JSON envelope; every metric label has few values.

pub mod args;
pub mod auth;
pub mod boot;
pub mod caller;
pub mod conditional;
pub mod connection;
pub mod cors;
pub mod env;
pub mod error;
pub mod extract;
pub mod jwt;
pub mod leftover;
pub mod logging;
pub mod metrics;
pub mod patience;
pub mod registry;
pub mod request_id;
mod routes;
pub mod serve;
pub mod settings;
pub mod state;
#[cfg(test)]
mod testing;
pub mod transport;
pub mod workload;

pub use routes::build_app;
pub use serve::serve;
