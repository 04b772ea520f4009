//! Embedding of query texts: a handle's embedder.
//!
//! The client is made when the first query has a text for a vector property, and reused; without such a query no key is
//! needed. Loads and mutations never embed.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
pub use omnigraph_embed::{EmbedError, EmbeddingClient, EmbeddingConfig, Provider};

use crate::error::Result;
use crate::query::Embed;

/// Turns texts of queries into vectors, by the configuration of a handle or, without one, of the environment.
#[derive(Default)]
pub(crate) struct Embedder {
    config: Option<Arc<EmbeddingConfig>>,
    client: OnceLock<EmbeddingClient>,
}

impl Embedder {
    pub(crate) fn new(config: Arc<EmbeddingConfig>) -> Embedder {
        Embedder { config: Some(config), client: OnceLock::new() }
    }

    fn client(&self) -> Result<&EmbeddingClient> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let made = match &self.config {
            Some(config) => {
                let config = EmbeddingConfig::clone(config);
                EmbeddingClient::new(config.with_mock_flag(&|name| std::env::var(name).ok()))?
            }
            None => EmbeddingClient::from_env()?,
        };
        Ok(self.client.get_or_init(|| made))
    }
}

#[async_trait]
impl Embed for Embedder {
    async fn embed(&self, text: &str, dimension: usize, model: Option<&str>) -> Result<Vec<f32>> {
        let client = self.client()?;
        if let Some(model) = model {
            client.check_model(model)?;
        }
        Ok(client.embed_query_text(text, dimension).await?)
    }
}
