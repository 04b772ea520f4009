//! The providers of embeddings, and what is known of each before it is asked.

use std::fmt;

/// Who computes the vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Any service with OpenAI's `/embeddings` call; OpenRouter unless a base URL is given.
    #[default]
    OpenAiCompatible,
    /// OpenAI.
    OpenAi,
    /// Google Gemini.
    Gemini,
    /// This process, with a sentence model from a directory. Computes only in a build with the cargo feature
    /// `local-models`; in others no configuration can be made.
    Local,
    /// This process: deterministic vectors of no meaning, for tests and offline use.
    Mock,
}

impl Provider {
    /// Returns the name used in configuration files and variables.
    pub fn name(self) -> &'static str {
        match self {
            Provider::OpenAiCompatible => "openai-compatible",
            Provider::OpenAi => "openai",
            Provider::Gemini => "gemini",
            Provider::Local => "local",
            Provider::Mock => "mock",
        }
    }

    /// Returns the base URL used when none is given; empty for those that compute in this process.
    pub fn default_base_url(self) -> &'static str {
        match self {
            Provider::OpenAiCompatible => "https://openrouter.ai/api/v1",
            Provider::OpenAi => "https://api.openai.com/v1",
            Provider::Gemini => "https://generativelanguage.googleapis.com/v1beta",
            Provider::Local | Provider::Mock => "",
        }
    }

    /// Returns the model used when none is given; empty for the mock, and for the local provider, which needs one.
    pub fn default_model(self) -> &'static str {
        match self {
            Provider::OpenAiCompatible => "openai/text-embedding-3-large",
            Provider::OpenAi => "text-embedding-3-large",
            Provider::Gemini => "gemini-embedding-2",
            Provider::Local | Provider::Mock => "",
        }
    }

    /// Returns the variables that may hold the API key, the preferred one first; none for those that compute in this
    /// process.
    pub fn key_variables(self) -> &'static [&'static str] {
        match self {
            Provider::OpenAiCompatible => &["OPENROUTER_API_KEY", "OPENAI_API_KEY"],
            Provider::OpenAi => &["OPENAI_API_KEY"],
            Provider::Gemini => &["GEMINI_API_KEY"],
            Provider::Local | Provider::Mock => &[],
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
