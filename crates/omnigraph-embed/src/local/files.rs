//! The files of a model directory that are not weights, as sentence-transformers publishes them.
//!
//! `config.json` describes the network. Optional files beside it say how texts become its input and its output becomes a
//! vector: `modules.json`, `1_Pooling/config.json`, `sentence_bert_config.json`, `config_sentence_transformers.json`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::model_error::ModelError;

pub(super) const CONFIG: &str = "config.json";
pub(super) const TOKENIZER: &str = "tokenizer.json";
pub(super) const WEIGHTS: &str = "model.safetensors";
const MODULES: &str = "modules.json";
const POOLING: &str = "1_Pooling/config.json";
const SENTENCES: &str = "sentence_bert_config.json";
const PROMPTS: &str = "config_sentence_transformers.json";

/// How a model computes, by its files.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) network: NetworkConfig,
    pub(super) pooling: Pooling,
    /// Most tokens of a text, special ones included; the rest of a text is cut.
    pub(super) max_tokens: usize,
    /// Whether texts are put in lower case before the tokenizer sees them.
    pub(super) lowercase: bool,
    /// What is put in front of a query, as the model was trained; mostly nothing.
    pub(super) query_prompt: String,
    /// What is put in front of a stored text.
    pub(super) document_prompt: String,
}

/// Sizes of a BERT encoder (Devlin et al., "BERT", 2019) under the names of its `config.json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct NetworkConfig {
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) intermediate_size: usize,
    pub(super) max_position_embeddings: usize,
    #[serde(default = "two")]
    pub(super) type_vocab_size: usize,
    #[serde(default = "tiny")]
    pub(super) layer_norm_eps: f64,
    #[serde(default)]
    pub(super) hidden_act: Activation,
    position_embedding_type: Option<String>,
}

fn two() -> usize {
    2
}

fn tiny() -> f64 {
    1e-12
}

/// The non-linearity between the two products of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Activation {
    /// x·Φ(x), by the error function.
    #[default]
    #[serde(rename = "gelu")]
    Gelu,
    /// The approximation of it by the hyperbolic tangent.
    #[serde(rename = "gelu_new", alias = "gelu_pytorch_tanh", alias = "gelu_fast")]
    GeluTanh,
    #[serde(rename = "relu")]
    Relu,
}

/// How the states of a text's tokens become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooling {
    /// Their mean.
    Mean,
    /// The state of the first token.
    Cls,
}

#[derive(Deserialize)]
struct ModelType {
    model_type: Option<String>,
}

#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct PoolingConfig {
    word_embedding_dimension: Option<usize>,
    include_prompt: Option<bool>,
    /// The flags `pooling_mode_…`, or `pooling_mode` with a name.
    #[serde(flatten)]
    modes: BTreeMap<String, serde_json::Value>,
}

#[derive(Default, Deserialize)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
    do_lower_case: Option<bool>,
}

#[derive(Default, Deserialize)]
struct PromptConfig {
    prompts: Option<BTreeMap<String, String>>,
    default_prompt_name: Option<String>,
}

impl Settings {
    /// Reads the configuration files of a directory.
    ///
    /// # Errors
    /// All of [`ModelError`] but those of tokenizer and weights.
    pub(super) fn read(directory: &Path) -> Result<Settings, ModelError> {
        let network = network(directory)?;
        check_modules(directory)?;
        let (pooling, include_prompt) = pooling(directory, network.hidden_size)?;
        let sentences: SentenceConfig = optional(directory, SENTENCES)?.unwrap_or_default();
        let positions = network.max_position_embeddings;
        let prompts: PromptConfig = optional(directory, PROMPTS)?.unwrap_or_default();
        let (query_prompt, document_prompt) =
            (prompts.of(&["query"]), prompts.of(&["document", "passage", "corpus"]));
        let prompted = !query_prompt.is_empty() || !document_prompt.is_empty();
        if prompted && !include_prompt {
            return Err(unsupported(directory, POOLING, "prompts that pooling leaves out are not built in"));
        }
        Ok(Settings {
            pooling,
            max_tokens: sentences.max_seq_length.map_or(positions, |length| length.min(positions)),
            lowercase: sentences.do_lower_case.unwrap_or(false),
            query_prompt,
            document_prompt,
            network,
        })
    }
}

impl PromptConfig {
    /// Returns the first of these prompts that there is, else the default one, else nothing.
    fn of(&self, names: &[&str]) -> String {
        let Some(prompts) = &self.prompts else { return String::new() };
        let named = names.iter().find_map(|name| prompts.get(*name));
        let default = || self.default_prompt_name.as_ref().and_then(|name| prompts.get(name));
        named.or_else(default).cloned().unwrap_or_default()
    }
}

/// Reads a file that every model has.
///
/// # Errors
/// [`ModelError::Missing`], [`ModelError::Read`].
pub(super) fn required(directory: &Path, name: &str) -> Result<Vec<u8>, ModelError> {
    let path = directory.join(name);
    read(&path)?.ok_or(ModelError::Missing { path })
}

/// Returns a digest of all that decides the vectors of a model: SHA-256 over its files, in hexadecimal digits.
///
/// # Errors
/// [`ModelError::Missing`], [`ModelError::Read`].
pub(super) fn digest(directory: &Path) -> Result<String, ModelError> {
    let mut hash = Sha256::new();
    for name in [CONFIG, TOKENIZER, WEIGHTS] {
        add(&mut hash, name, &required(directory, name)?);
    }
    for name in [MODULES, POOLING, SENTENCES, PROMPTS] {
        if let Some(bytes) = read(&directory.join(name))? {
            add(&mut hash, name, &bytes);
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn add(hash: &mut Sha256, name: &str, bytes: &[u8]) {
    hash.update(name);
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

pub(super) fn unsupported(directory: &Path, name: &str, reason: impl Into<String>) -> ModelError {
    ModelError::Unsupported { path: directory.join(name), reason: reason.into() }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, ModelError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(ModelError::Read { path: path.to_owned(), source }),
    }
}

fn json<T: DeserializeOwned>(path: PathBuf, bytes: &[u8]) -> Result<T, ModelError> {
    serde_json::from_slice(bytes).map_err(|source| ModelError::Json { path, source })
}

fn optional<T: DeserializeOwned>(directory: &Path, name: &str) -> Result<Option<T>, ModelError> {
    let path = directory.join(name);
    read(&path)?.map(|bytes| json(path, &bytes)).transpose()
}

fn network(directory: &Path) -> Result<NetworkConfig, ModelError> {
    let path = directory.join(CONFIG);
    let bytes = required(directory, CONFIG)?;
    // The type comes first: a configuration of another architecture has other keys.
    let ModelType { model_type } = json(path.clone(), &bytes)?;
    if let Some(found) = model_type.filter(|found| found != "bert") {
        return Err(ModelError::Architecture { path, found });
    }
    let config: NetworkConfig = json(path, &bytes)?;
    let positions = config.position_embedding_type.as_deref().unwrap_or("absolute");
    if positions != "absolute" {
        let reason = format!("positions are embedded as '{positions}', and only 'absolute' is built in");
        return Err(unsupported(directory, CONFIG, reason));
    }
    let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
    let sizes = [hidden, heads, config.vocab_size, config.intermediate_size, config.max_position_embeddings];
    if sizes.contains(&0) || config.type_vocab_size == 0 || !hidden.is_multiple_of(heads) {
        let reason = "no size may be 0, and num_attention_heads has to divide hidden_size";
        return Err(unsupported(directory, CONFIG, reason));
    }
    Ok(config)
}

/// Refuses a model with a step after the network that would be left out.
fn check_modules(directory: &Path) -> Result<(), ModelError> {
    let modules: Vec<Module> = optional(directory, MODULES)?.unwrap_or_default();
    for module in modules {
        let kind = module.kind.rsplit('.').next().unwrap_or_default();
        if !matches!(kind, "Transformer" | "Pooling" | "Normalize") {
            let reason =
                format!("the step '{kind}' is not built in: only Transformer, Pooling and Normalize are");
            return Err(unsupported(directory, MODULES, reason));
        }
    }
    Ok(())
}

/// Returns how to pool, and whether the tokens of a prompt take part. Without the file, the mean of all.
fn pooling(directory: &Path, hidden_size: usize) -> Result<(Pooling, bool), ModelError> {
    let Some(config) = optional::<PoolingConfig>(directory, POOLING)? else {
        return Ok((Pooling::Mean, true));
    };
    let width = config.word_embedding_dimension.unwrap_or(hidden_size);
    if width != hidden_size {
        let reason =
            format!("it pools states of {width} numbers, and those of config.json have {hidden_size}");
        return Err(unsupported(directory, POOLING, reason));
    }
    let mut modes = Vec::new();
    for (key, value) in &config.modes {
        match (key.as_str(), value) {
            ("pooling_mode", serde_json::Value::String(name)) => modes.push(name.as_str()),
            (_, serde_json::Value::Bool(true)) => modes.extend(key.strip_prefix("pooling_mode_")),
            _ => {}
        }
    }
    let pooling = match modes.as_slice() {
        ["mean" | "mean_tokens"] => Pooling::Mean,
        ["cls" | "cls_token"] => Pooling::Cls,
        _ => {
            let reason = format!("pooling by [{}] is not built in: only mean or cls is", modes.join(", "));
            return Err(unsupported(directory, POOLING, reason));
        }
    };
    Ok((pooling, config.include_prompt.unwrap_or(true)))
}
