//! The embedding client: cuts texts into requests, has them answered, and remembers the vectors of queries.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};

use crate::batch;
use crate::config::{EmbeddingConfig, Source};
use crate::endpoint::Endpoint;
use crate::error::{EmbedError, Result};
#[cfg(feature = "local-models")]
use crate::local::Worker;
use crate::mock;
use crate::provider::Provider;
use crate::vector::Purpose;
use crate::wire::{Dialect, excerpt};

/// Requests of one call that are under way at a time.
const IN_FLIGHT: usize = 4;

/// Texts that a model in this process computes for one request.
#[cfg(feature = "local-models")]
const LOCAL_TEXTS: usize = 64;

/// Bytes of those texts, some thousand tokens: few enough that four requests of a large model end within the deadline,
/// and enough for products of full speed.
#[cfg(feature = "local-models")]
const LOCAL_BYTES: usize = 4 << 10;

/// Bytes of remembered query texts and vectors.
const CACHE_BYTES: u64 = 32 << 20;

/// Bytes that a component takes in an answer at most, with room for whitespace.
const ANSWER_BYTES_PER_COMPONENT: usize = 64;

/// Bytes of an answer besides its components.
const ANSWER_BYTES: usize = 1 << 20;

/// Embeds texts with one provider and model.
///
/// Clones share connections, the loaded model and the cache of query vectors. The methods may be called by many tasks at
/// once. Dropping a future stops its requests.
///
/// The model of [`Provider::Local`] is loaded when the first text is embedded, and only once. As many of its requests
/// are computed at a time as the machine has processors; the deadline of a request covers loading and waiting.
#[derive(Clone)]
pub struct EmbeddingClient {
    config: EmbeddingConfig,
    service: Service,
    /// By dimension and text. Provider and model are those of the client.
    queries: moka::sync::Cache<(usize, Arc<str>), Arc<[f32]>>,
}

/// Why some of many texts have no vectors.
pub(crate) struct Refused {
    /// Indexes of the texts of the request that failed.
    pub(crate) texts: Range<usize>,
    pub(crate) error: EmbedError,
}

/// What answers a request.
#[derive(Clone)]
enum Service {
    Mock,
    Http {
        dialect: Dialect,
        endpoint: Box<Endpoint>,
    },
    #[cfg(feature = "local-models")]
    Local(Worker),
}

impl Service {
    fn of(config: &EmbeddingConfig) -> Result<Service> {
        let provider = config.provider();
        match (config.source(), Dialect::of(provider)) {
            (Source::Remote(remote), Some(dialect)) => {
                let url = dialect.url(&remote.base_url, config.model())?;
                let auth = dialect.auth(provider, remote)?;
                let endpoint = Endpoint::new(url, auth, remote.api_key.clone(), *config.limits())?;
                Ok(Service::Http { dialect, endpoint: Box::new(endpoint) })
            }
            #[cfg(feature = "local-models")]
            (Source::Directory(directory), _) => {
                Ok(Service::Local(Worker::new(directory.clone(), config.limits().deadline)))
            }
            #[cfg(not(feature = "local-models"))]
            (Source::Directory(_), _) => Err(EmbedError::NotBuiltIn { provider, feature: "local-models" }),
            (Source::Mock | Source::Remote(_), _) => Ok(Service::Mock),
        }
    }

    /// Returns how many texts, and how many bytes of them, one request takes at most.
    fn request_limits(&self) -> (usize, usize) {
        match self {
            Service::Mock => (usize::MAX, batch::BYTES_PER_REQUEST),
            Service::Http { dialect, .. } => (dialect.texts_per_request(), batch::BYTES_PER_REQUEST),
            #[cfg(feature = "local-models")]
            Service::Local(_) => (LOCAL_TEXTS, LOCAL_BYTES),
        }
    }
}

impl EmbeddingClient {
    /// Makes a client. Asks nothing of the provider, and loads no model.
    ///
    /// # Errors
    /// [`EmbedError::Setup`], [`EmbedError::InvalidBaseUrl`].
    pub fn new(config: EmbeddingConfig) -> Result<EmbeddingClient> {
        let service = Service::of(&config)?;
        let weight = |key: &(usize, Arc<str>), vector: &Arc<[f32]>| {
            u32::try_from(key.1.len() + size_of_val::<[f32]>(vector) + 128).unwrap_or(u32::MAX)
        };
        let queries = moka::sync::Cache::builder().max_capacity(CACHE_BYTES).weigher(weight).build();
        Ok(EmbeddingClient { config, service, queries })
    }

    /// Makes a client from the environment of the process; see [`EmbeddingConfig::from_env`].
    ///
    /// # Errors
    /// Those of [`EmbeddingConfig::from_env`] and [`EmbeddingClient::new`].
    pub fn from_env() -> Result<EmbeddingClient> {
        EmbeddingClient::new(EmbeddingConfig::from_env()?)
    }

    /// Returns the configuration.
    pub fn config(&self) -> &EmbeddingConfig {
        &self.config
    }

    /// Returns the provider.
    pub fn provider(&self) -> Provider {
        self.config.provider()
    }

    /// Returns the name of the model, as a schema may record it.
    pub fn model(&self) -> &str {
        self.config.model()
    }

    /// Checks that the model is the one that a schema records. Models compare literally.
    ///
    /// # Errors
    /// [`EmbedError::ModelMismatch`], which names both.
    pub fn check_model(&self, recorded: &str) -> Result<()> {
        if recorded == self.model() {
            return Ok(());
        }
        let (recorded, configured) = (recorded.to_owned(), self.model().to_owned());
        Err(EmbedError::ModelMismatch { recorded, configured, provider: self.provider() })
    }

    /// Embeds the text of a query as a unit vector of `dimension` components. A vector that was asked for before may
    /// come from memory.
    ///
    /// # Errors
    /// [`EmbedError::ZeroDimension`], a refusal or silence of the provider, or an answer that is no such vector.
    pub async fn embed_query_text(&self, text: &str, dimension: usize) -> Result<Vec<f32>> {
        let key = (dimension, Arc::<str>::from(text));
        if let Some(vector) = self.queries.get(&key) {
            return Ok(vector.to_vec());
        }
        let vector = self.one(Purpose::Query, text, dimension).await?;
        if !matches!(self.service, Service::Mock) {
            self.queries.insert(key, Arc::from(vector.as_slice()));
        }
        Ok(vector)
    }

    /// Embeds one stored text as a unit vector of `dimension` components.
    ///
    /// # Errors
    /// As [`EmbeddingClient::embed_query_text`].
    pub async fn embed_document_text(&self, text: &str, dimension: usize) -> Result<Vec<f32>> {
        self.one(Purpose::Document, text, dimension).await
    }

    /// Embeds stored texts as unit vectors of `dimension` components, in the order of the texts.
    ///
    /// Sends several texts per request where the provider takes lists (at most 64 texts or 256 KiB; 4 KiB for a model in
    /// this process), and four requests at a time. A request that the provider refuses for its size or for one of its texts
    /// (400, 413, 422) is halved until the refused text stands alone. The configured deadline holds for each request.
    ///
    /// # Errors
    /// As [`EmbeddingClient::embed_query_text`]: of the first text that fails.
    pub async fn embed_documents(&self, texts: &[&str], dimension: usize) -> Result<Vec<Vec<f32>>> {
        self.documents(texts, dimension).await.map_err(|refused| refused.error)
    }

    /// Does what [`EmbeddingClient::embed_documents`] does, and tells which texts failed.
    pub(crate) async fn documents(&self, texts: &[&str], dimension: usize) -> Result<Vec<Vec<f32>>, Refused> {
        let (most_texts, most_bytes) = self.service.request_limits();
        let runs = batch::runs(texts.iter().map(|text| text.len()), most_texts, most_bytes);
        let mut requests = Vec::with_capacity(runs.len());
        for run in runs {
            requests.push(self.embed_run(texts, run, dimension));
        }
        futures::stream::iter(requests).buffered(IN_FLIGHT).try_concat().await
    }

    /// Returns what decides a vector besides provider, model, dimension and text: the base URL of a service, the digest
    /// of a model in this process.
    pub(crate) async fn origin(&self) -> Result<String> {
        match &self.service {
            Service::Mock => Ok(String::new()),
            Service::Http { .. } => Ok(self.config.base_url().unwrap_or_default().to_owned()),
            #[cfg(feature = "local-models")]
            Service::Local(worker) => worker.digest().await,
        }
    }

    /// Embeds a run of texts by one request, or by requests for halves of it where the provider refuses the run.
    async fn embed_run(
        &self,
        texts: &[&str],
        run: Range<usize>,
        dimension: usize,
    ) -> Result<Vec<Vec<f32>>, Refused> {
        let mut vectors = Vec::with_capacity(run.len());
        let mut parts = vec![run];
        while let Some(part) = parts.pop() {
            match self.request(Purpose::Document, &texts[part.clone()], dimension).await {
                Ok(found) => vectors.extend(found),
                Err(error) if part.len() > 1 && error.blames_batch() => {
                    let middle = part.start + part.len() / 2;
                    parts.extend([middle..part.end, part.start..middle]);
                }
                Err(error) => return Err(Refused { texts: part, error }),
            }
        }
        Ok(vectors)
    }

    async fn one(&self, purpose: Purpose, text: &str, dimension: usize) -> Result<Vec<f32>> {
        let mut vectors = self.request(purpose, &[text], dimension).await?;
        vectors.pop().ok_or(EmbedError::Count { expected: 1, actual: 0 })
    }

    async fn request(&self, purpose: Purpose, texts: &[&str], dimension: usize) -> Result<Vec<Vec<f32>>> {
        if dimension == 0 {
            return Err(EmbedError::ZeroDimension);
        }
        let (dialect, endpoint) = match &self.service {
            Service::Mock => return texts.iter().map(|text| mock::embed(text, dimension)).collect(),
            Service::Http { dialect, endpoint } => (dialect, endpoint),
            #[cfg(feature = "local-models")]
            Service::Local(worker) => return worker.embed(purpose, texts, dimension).await,
        };
        let body = dialect.body(self.model(), purpose, texts, dimension);
        let components = dimension.saturating_mul(texts.len());
        let most = components.saturating_mul(ANSWER_BYTES_PER_COMPONENT).saturating_add(ANSWER_BYTES);
        let answer = endpoint.send(&body, most).await?;
        dialect.vectors(&answer, texts.len(), dimension).map_err(|error| self.without_key(error))
    }

    /// Blanks the key out of an error that quotes the provider, before the quotation is shortened.
    fn without_key(&self, error: EmbedError) -> EmbedError {
        match (error, self.config.remote()) {
            (EmbedError::Malformed { reason }, Some(remote)) => {
                EmbedError::Malformed { reason: excerpt(&remote.api_key.redact(&reason)) }
            }
            (error, _) => error,
        }
    }
}

impl fmt::Debug for EmbeddingClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddingClient").field("config", &self.config).finish_non_exhaustive()
    }
}
