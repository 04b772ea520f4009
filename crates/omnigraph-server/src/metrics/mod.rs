//! What the server counts, in the OpenMetrics text format.
//!
//! Every label has few values, known in advance: route templates and never paths, actions and never actors or graphs'
//! content. So the size of the answer does not grow with traffic.
//!
//! `scrape` computes metrics when they are read, `engine` does so for what the graphs count, `counters` is the list of all
//! metrics, and `http` is the middleware that counts requests.

mod counters;
mod engine;
mod http;
mod scrape;

pub use counters::{AuthFailure, Metrics, OPENMETRICS};
pub use http::track;
