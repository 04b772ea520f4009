//! Embeddings: texts go in, unit vectors come out.
//!
//! Two parts. The client ([`EmbeddingClient`]) asks a provider over HTTP, runs a sentence model in this process (with
//! the cargo feature `local-models`), or computes the deterministic vectors of the mock. The [`pipeline`] fills vectors into seed files, line by line. The crate knows no graph, no schema and no
//! storage.
//!
//! Invariants: (1) every vector handed out has the asked length, is finite and has length one; (2) no error, log event
//! or `Debug` output carries an API key, and none quotes a text unless the provider's own message does; (3) every wait, buffer and number of attempts is bounded.
//!
//! ```
//! use omnigraph_embed::{EmbeddingClient, EmbeddingConfig, Provider};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let config = EmbeddingConfig::from_parts(Provider::Mock, Some("test-model"), None, None)?;
//! let client = EmbeddingClient::new(config)?;
//! let vector = client.embed_query_text("ferry timetable", 8).await?;
//! assert_eq!(vector.len(), 8);
//! assert_eq!(client.model(), "test-model");
//! # Ok::<(), omnigraph_embed::EmbedError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attempt;
mod batch;
mod client;
mod config;
mod error;
mod local;
mod mock;
pub mod pipeline;
mod vector;
mod wire;

pub use client::EmbeddingClient;
pub use config::{ApiKey, EmbeddingConfig, Limits, Provider, Variables};
pub use error::{EmbedError, Result};
pub use local::ModelError;

/// Target of the `tracing` events of this crate.
pub const TRACING_TARGET: &str = "omnigraph::embedding";
