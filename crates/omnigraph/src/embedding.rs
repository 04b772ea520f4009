//! What turns texts into vectors: the configuration of a model, and the client that a handle keeps of it.
//!
//! The client is made when the first text is to be embedded, and reused; until then no key is needed. Queries embed texts
//! that stand for vectors; loads and mutations embed only where a handle was opened so
//! ([`crate::db::OpenOptions::embed_on_write`]).

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
pub use omnigraph_embed::{EmbedError, EmbeddingClient, EmbeddingConfig, Provider};

use omnigraph_query::Result;
use omnigraph_query::embedding::Embed;

/// Turns texts into vectors, by the configuration of a handle or, without one, of the environment.
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

    fn client_of(&self, model: Option<&str>) -> Result<&EmbeddingClient> {
        let client = self.client()?;
        if let Some(model) = model {
            client.check_model(model)?;
        }
        Ok(client)
    }
}

#[async_trait]
impl Embed for Embedder {
    async fn embed(&self, text: &str, dimension: usize, model: Option<&str>) -> Result<Vec<f32>> {
        Ok(self.client_of(model)?.embed_query_text(text, dimension).await?)
    }

    async fn embed_documents(
        &self,
        texts: &[&str],
        dimension: usize,
        model: Option<&str>,
    ) -> Result<Vec<Vec<f32>>> {
        Ok(self.client_of(model)?.embed_documents(texts, dimension).await?)
    }
}
