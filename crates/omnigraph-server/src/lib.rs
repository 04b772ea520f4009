//! The HTTP server of Omnigraph: authentication, policy, admission control, streams and metrics around the engine.
//!
//! It owns what lies between a socket and a call of `omnigraph_service`: settings, routes, and the answer's form on the wire.
//! It stores nothing; any number of servers may serve one graph.
//!
//! In the order of a server's life: `settings` turns command line (`args`), environment (`env`) and config file into a
//! [`settings::ServerConfig`]; `boot` opens what it names and makes the `state`, stored queries (`registry`) included;
//! `serve` listens and stops.
//!
//! In the order of a request: `connection` and `drain` hold the client to its `client_timeouts`; `request_id`, `logging` and
//! `metrics` tell what happens, `cors` lets browsers in; `auth` and `jwt` say who asks; `routes` has the handlers, which take
//! their arguments with `extract` and `conditional`, begin with a `graph_request`, and ask `workload` whether a write may
//! start; `transport` streams long answers; `error` makes every refusal.
//!
//! Invariants: an actor comes from a bearer token and from nothing else in a request; a token is never logged, shown or
//! kept as text; every refusal is one JSON envelope; every metric label has few values.

pub mod args;
pub mod auth;
pub mod boot;
pub mod client_timeouts;
pub mod conditional;
pub mod connection;
pub mod cors;
pub mod drain;
pub mod env;
pub mod error;
pub mod extract;
#[cfg(test)]
mod fixtures;
pub mod graph_request;
pub mod jwt;
pub mod logging;
pub mod metrics;
pub mod registry;
pub mod request_id;
mod routes;
pub mod serve;
pub mod settings;
pub mod state;
pub mod transport;
pub mod workload;

pub use routes::build_app;
pub use serve::serve;
