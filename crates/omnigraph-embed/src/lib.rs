//! Embeddings: texts go in, unit vectors come out.
//!
//! Owns the client of embedding providers ([`EmbeddingClient`]), which asks a service over HTTP, runs a sentence model in
//! this process (with the cargo feature `local-models`) or computes the deterministic vectors of the mock; and the
//! [`pipeline`], which fills vectors into seed files. Knows no graph, no schema and no storage.
//!
//! Invariants: (1) every vector handed out has the requested number of components, all of them finite, and length one;
//! (2) no error, log event or `Debug` output carries an API key, and none quotes a text unless the provider's own message
//! does; (3) every wait, buffer and number of attempts is bounded.
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

mod batch;
mod client;
mod config;
mod endpoint;
mod error;
#[cfg(feature = "local-models")]
mod local;
mod mock;
mod model_error;
pub mod pipeline;
mod provider;
mod tracing_target;
mod vector;
mod wire;

pub use client::EmbeddingClient;
pub use config::{ApiKey, EmbeddingConfig, Limits, Variables};
pub use error::{EmbedError, Result};
pub use model_error::ModelError;
pub use provider::Provider;
pub use tracing_target::TRACING_TARGET;
