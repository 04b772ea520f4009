//! The configuration of a client: provider, model, key and limits, given or read from the environment.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;
use tracing::warn;

use crate::error::{EmbedError, Result};
use crate::provider::Provider;
use crate::tracing_target::TRACING_TARGET;

/// Looks up a variable by name. Passing the environment as a value keeps tests free of process-wide state.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

const PROVIDER: &str = "OMNIGRAPH_EMBED_PROVIDER";
const BASE_URL: &str = "OMNIGRAPH_EMBED_BASE_URL";
const MODEL: &str = "OMNIGRAPH_EMBED_MODEL";
const DEADLINE: &str = "OMNIGRAPH_EMBED_DEADLINE_MS";
const TIMEOUT: &str = "OMNIGRAPH_EMBED_TIMEOUT_MS";
const ATTEMPTS: &str = "OMNIGRAPH_EMBED_RETRY_ATTEMPTS";
const BACKOFF: &str = "OMNIGRAPH_EMBED_RETRY_BACKOFF_MS";
const MOCK: &str = "OMNIGRAPH_EMBEDDINGS_MOCK";

impl FromStr for Provider {
    type Err = EmbedError;

    fn from_str(name: &str) -> Result<Provider> {
        [Provider::OpenAiCompatible, Provider::OpenAi, Provider::Gemini, Provider::Local, Provider::Mock]
            .into_iter()
            .find(|provider| provider.name() == name)
            .ok_or_else(|| EmbedError::UnknownProvider { name: name.to_owned() })
    }
}

/// An API key. Neither `Debug` nor an error shows it, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Returns the value of a header: `prefix` and the key, marked as sensitive.
    pub(crate) fn header(&self, prefix: &str, provider: Provider) -> Result<HeaderValue> {
        let mut value = HeaderValue::try_from(format!("{prefix}{}", self.0))
            .map_err(|_| EmbedError::InvalidKey { provider })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Blanks the key out of a text that came from outside.
    pub(crate) fn redact(&self, text: &str) -> String {
        text.replace(&self.0, "[redacted]")
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([redacted])")
    }
}

/// How long and how often a provider is asked. The local provider knows the deadline only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Limit of all attempts for one request, waits included; `None` for none.
    pub deadline: Option<Duration>,
    /// Limit of one attempt, from connecting to the end of the answer.
    pub timeout: Duration,
    /// Attempts for one request, at least one.
    pub attempts: u32,
    /// Wait before the second attempt; it doubles for each further one.
    pub backoff: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            deadline: Some(Duration::from_secs(60)),
            timeout: Duration::from_secs(30),
            attempts: 4,
            backoff: Duration::from_millis(200),
        }
    }
}

impl Limits {
    /// Reads `OMNIGRAPH_EMBED_DEADLINE_MS` (0 for none), `…_TIMEOUT_MS`, `…_RETRY_ATTEMPTS` and `…_RETRY_BACKOFF_MS`.
    /// A variable that is unset or blank leaves the default.
    ///
    /// # Errors
    /// [`EmbedError::InvalidSetting`] for a value that is no whole number, for a timeout of 0 and for 0 attempts.
    pub fn from_vars(vars: Variables<'_>) -> Result<Limits> {
        let default = Limits::default();
        Ok(Limits {
            deadline: match number(vars, DEADLINE, 0, u64::MAX)? {
                None => default.deadline,
                Some(0) => None,
                Some(ms) => Some(Duration::from_millis(ms)),
            },
            timeout: number(vars, TIMEOUT, 1, u64::MAX)?.map_or(default.timeout, Duration::from_millis),
            attempts: number(vars, ATTEMPTS, 1, u64::from(u32::MAX))?
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(default.attempts),
            backoff: number(vars, BACKOFF, 0, u64::MAX)?.map_or(default.backoff, Duration::from_millis),
        })
    }
}

/// A usable provider: everything is present and checked, except that the provider has not been asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddingConfig {
    provider: Provider,
    model: String,
    source: Source,
    limits: Limits,
}

/// Where the vectors come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The text alone.
    Mock,
    /// The sentence model of a directory.
    Directory(PathBuf),
    /// A service.
    Remote(Remote),
}

/// Where a provider is and how it knows us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    /// Without a slash at the end.
    pub(crate) base_url: String,
    pub(crate) api_key: ApiKey,
}

impl EmbeddingConfig {
    /// Makes a configuration with the default [`Limits`]. What is `None` or blank takes the provider's default.
    /// [`Provider::Local`] and [`Provider::Mock`] take neither base URL nor key and ignore them.
    ///
    /// The model of [`Provider::Local`] is the directory of a sentence model, and its name is the last component of the
    /// path: `/models/all-MiniLM-L6-v2` is named `all-MiniLM-L6-v2`. Another name can be put in front, up to the first
    /// `=`: `sentence-transformers/all-MiniLM-L6-v2=/models/minilm`. A path with a `=` in it needs a name in front. No
    /// file is touched before the first text is embedded.
    ///
    /// # Errors
    /// [`EmbedError::MissingKey`] without a key, [`EmbedError::InvalidKey`] for one that no header can carry,
    /// [`EmbedError::InvalidBaseUrl`] for a URL that is not plain `http` or `https`; for [`Provider::Local`]
    /// [`EmbedError::NotBuiltIn`], [`EmbedError::MissingModel`], and [`EmbedError::InvalidSetting`] for a model without
    /// a name.
    pub fn from_parts(
        provider: Provider,
        model: Option<&str>,
        base_url: Option<&str>,
        api_key: Option<&str>,
    ) -> Result<EmbeddingConfig> {
        let model = non_blank(model).unwrap_or(provider.default_model());
        let (model, source) = match provider {
            Provider::Mock => (model.to_owned(), Source::Mock),
            Provider::Local => {
                if !cfg!(feature = "local-models") {
                    return Err(EmbedError::NotBuiltIn { provider, feature: "local-models" });
                }
                let (name, directory) = named_directory(model)?;
                (name, Source::Directory(directory))
            }
            Provider::OpenAiCompatible | Provider::OpenAi | Provider::Gemini => {
                let variables = provider.key_variables();
                let key = non_blank(api_key).ok_or(EmbedError::MissingKey { provider, variables })?;
                let api_key = ApiKey(key.to_owned());
                api_key.header("", provider)?;
                let base_url = base_url_of(non_blank(base_url).unwrap_or(provider.default_base_url()))?;
                (model.to_owned(), Source::Remote(Remote { base_url, api_key }))
            }
        };
        Ok(EmbeddingConfig { provider, model, source, limits: Limits::default() })
    }

    /// Reads the environment of the process; see [`EmbeddingConfig::from_vars`].
    ///
    /// # Errors
    /// Those of [`EmbeddingConfig::from_vars`].
    pub fn from_env() -> Result<EmbeddingConfig> {
        EmbeddingConfig::from_vars(&|name| std::env::var(name).ok())
    }

    /// Reads the variables `OMNIGRAPH_EMBED_*`, `OMNIGRAPH_EMBEDDINGS_MOCK` and the provider's key. The mock flag
    /// (`1`, `true`, `yes` or `on`) wins over the provider.
    ///
    /// # Errors
    /// Those of [`EmbeddingConfig::from_parts`] and [`Limits::from_vars`]; [`EmbedError::UnknownProvider`].
    pub fn from_vars(vars: Variables<'_>) -> Result<EmbeddingConfig> {
        let named = read(vars, PROVIDER).map(|name| name.parse::<Provider>()).transpose();
        let local = matches!(named, Ok(Some(Provider::Local)));
        let provider = if mock_flag(vars) {
            if !matches!(named, Ok(None | Some(Provider::Mock))) {
                warn!(target: TRACING_TARGET, "{MOCK} wins over {PROVIDER}: embeddings have no meaning");
            }
            Provider::Mock
        } else {
            named?.unwrap_or_default()
        };
        let key = provider.key_variables().iter().find_map(|name| read(vars, name));
        let (mut model, base_url) = (read(vars, MODEL), read(vars, BASE_URL));
        if local && provider == Provider::Mock {
            // The mock goes by the name that the model would have.
            model = model.map(|model| named_directory(&model).map_or(model, |(name, _)| name));
        }
        let config =
            EmbeddingConfig::from_parts(provider, model.as_deref(), base_url.as_deref(), key.as_deref())?;
        Ok(config.with_limits(Limits::from_vars(vars)?))
    }

    /// Sets the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> EmbeddingConfig {
        self.limits = limits;
        self
    }

    /// Returns the mock with this model when `OMNIGRAPH_EMBEDDINGS_MOCK` is set, for a configuration that did not come
    /// from the environment. Logs a warning when it replaces a provider.
    #[must_use]
    pub fn with_mock_flag(self, vars: Variables<'_>) -> EmbeddingConfig {
        if self.provider == Provider::Mock || !mock_flag(vars) {
            return self;
        }
        warn!(
            target: TRACING_TARGET,
            provider = self.provider.name(),
            "{MOCK} wins over the configured provider: embeddings have no meaning"
        );
        EmbeddingConfig { provider: Provider::Mock, source: Source::Mock, ..self }
    }

    /// Returns the provider.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// Returns the name of the model. Models compare literally.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Returns the base URL without a slash at the end; `None` for those that compute in this process.
    pub fn base_url(&self) -> Option<&str> {
        self.remote().map(|remote| remote.base_url.as_str())
    }

    /// Returns the directory of the model; `None` for all but [`Provider::Local`].
    pub fn model_directory(&self) -> Option<&Path> {
        match &self.source {
            Source::Directory(directory) => Some(directory),
            Source::Mock | Source::Remote(_) => None,
        }
    }

    /// Returns the limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn remote(&self) -> Option<&Remote> {
        match &self.source {
            Source::Remote(remote) => Some(remote),
            Source::Mock | Source::Directory(_) => None,
        }
    }
}

/// Splits the model of the local provider into its name and its directory.
fn named_directory(model: &str) -> Result<(String, PathBuf)> {
    if model.is_empty() {
        return Err(EmbedError::MissingModel { provider: Provider::Local, variable: MODEL });
    }
    let (name, directory) = match model.split_once('=') {
        Some((name, directory)) => (name.trim(), directory.trim()),
        None => (Path::new(model).file_name().and_then(|name| name.to_str()).unwrap_or_default(), model),
    };
    if name.is_empty() || directory.is_empty() {
        let expected = "NAME=DIRECTORY, or a directory whose path ends in a name";
        return Err(EmbedError::InvalidSetting { variable: MODEL, value: model.to_owned(), expected });
    }
    Ok((name.to_owned(), PathBuf::from(directory)))
}

/// Returns the text without the white space around it, if any is left.
fn non_blank(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn read(vars: Variables<'_>, name: &str) -> Option<String> {
    non_blank(vars(name).as_deref()).map(str::to_owned)
}

fn mock_flag(vars: Variables<'_>) -> bool {
    let truthy = ["1", "true", "yes", "on"];
    read(vars, MOCK).is_some_and(|value| truthy.iter().any(|word| value.eq_ignore_ascii_case(word)))
}

fn number(vars: Variables<'_>, variable: &'static str, least: u64, most: u64) -> Result<Option<u64>> {
    let Some(value) = read(vars, variable) else { return Ok(None) };
    match value.parse::<u64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
        _ => {
            let expected = match (least, most) {
                (0, _) => "a whole number of milliseconds",
                (_, u64::MAX) => "a whole number of milliseconds of at least 1",
                _ => "a whole number of at least 1",
            };
            Err(EmbedError::InvalidSetting { variable, value, expected })
        }
    }
}

/// Checks a base URL. A query, fragment or password in it would be lost or shown, so none is accepted.
fn base_url_of(text: &str) -> Result<String> {
    let invalid = |reason: &str| EmbedError::InvalidBaseUrl { reason: reason.to_owned() };
    let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("the scheme is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("it holds a user name or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it holds a query or fragment"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests;
