//! What turns texts into vectors, for queries that rank by a text and for writes that embed.

use async_trait::async_trait;

use crate::error::Result;

/// Turns texts into vectors. `model` is what the schema records, if anything; another one than the embedder has is an
/// error.
#[async_trait]
pub trait Embed: Send + Sync {
    /// Embeds the text of a query.
    async fn embed(&self, text: &str, dimension: usize, model: Option<&str>) -> Result<Vec<f32>>;

    /// Embeds stored texts, in their order.
    async fn embed_documents(
        &self,
        texts: &[&str],
        dimension: usize,
        model: Option<&str>,
    ) -> Result<Vec<Vec<f32>>>;
}
