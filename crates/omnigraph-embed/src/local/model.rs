//! A sentence model: tokenizer, network and pooling of one directory.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tokenizers::{PostProcessor, Tokenizer, TruncationParams};

use super::bert::{Bert, Tokens};
use super::files::{self, Pooling, Settings, unsupported};
use super::weights::Weights;
use crate::error::{EmbedError, Result};
use crate::model_error::ModelError;
use crate::vector::{Purpose, unit};

/// Tokens that are computed together, unless one text alone has more. Enough for products of full speed; the largest
/// matrix of a batch has this many rows and four hidden widths of columns.
const TOKENS_PER_BATCH: usize = 1024;

/// A model in memory. Computing changes nothing, so many threads may use it at once.
pub(super) struct SentenceModel {
    directory: PathBuf,
    settings: Settings,
    tokenizer: Tokenizer,
    network: Bert,
}

impl SentenceModel {
    /// Loads the model of a directory. Takes as long as reading the weights, and twice their memory meanwhile.
    ///
    /// # Errors
    /// [`ModelError`], but neither `Dimension` nor `Run`.
    pub(super) fn load(directory: &Path) -> Result<SentenceModel, ModelError> {
        let settings = Settings::read(directory)?;
        let tokenizer = tokenizer(directory, settings.max_tokens)?;
        let network = Bert::load(&Weights::read(directory)?, &settings.network)?;
        let known = tokenizer.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
        if known > network.vocabulary() {
            let reason = format!("it makes {known} tokens, and the network knows {}", network.vocabulary());
            return Err(ModelError::Tokenizer { path: directory.join(files::TOKENIZER), reason });
        }
        Ok(SentenceModel { directory: directory.to_owned(), settings, tokenizer, network })
    }

    /// Computes the unit vectors of texts, in their order. Gives up between batches once `stop` is set, and then returns
    /// fewer vectors.
    ///
    /// # Errors
    /// [`ModelError::Dimension`], [`ModelError::Run`]; [`EmbedError::ZeroVector`] for a text without tokens, and the
    /// other refusals of a vector.
    pub(super) fn embed(
        &self,
        purpose: Purpose,
        texts: &[String],
        dimension: usize,
        stop: &AtomicBool,
    ) -> Result<Vec<Vec<f32>>> {
        let actual = self.settings.network.hidden_size;
        if dimension != actual {
            let directory = self.directory.clone();
            return Err(ModelError::Dimension { directory, asked: dimension, actual }.into());
        }
        let mut vectors = Vec::with_capacity(texts.len());
        let mut batch: Vec<Tokens> = Vec::new();
        let mut size = 0;
        for text in texts {
            if stop.load(Ordering::Relaxed) {
                return Ok(vectors);
            }
            let tokens = self.tokens(purpose, text)?;
            if size > 0 && size + tokens.ids.len() > TOKENS_PER_BATCH {
                vectors.extend(self.batch(&std::mem::take(&mut batch))?);
                size = 0;
            }
            size += tokens.ids.len();
            batch.push(tokens);
        }
        if !batch.is_empty() {
            vectors.extend(self.batch(&batch)?);
        }
        Ok(vectors)
    }

    fn tokens(&self, purpose: Purpose, text: &str) -> Result<Tokens> {
        let prompt = match purpose {
            Purpose::Query => &self.settings.query_prompt,
            Purpose::Document => &self.settings.document_prompt,
        };
        let mut text = format!("{prompt}{text}");
        if self.settings.lowercase {
            text = text.to_lowercase();
        }
        let encoding = self.tokenizer.encode_fast(text, true).map_err(|error| self.failed(error))?;
        if encoding.is_empty() {
            return Err(EmbedError::ZeroVector);
        }
        Ok(Tokens { ids: encoding.get_ids().to_vec(), types: encoding.get_type_ids().to_vec() })
    }

    fn batch(&self, texts: &[Tokens]) -> Result<Vec<Vec<f32>>> {
        let states = self.network.forward(texts).and_then(|states| states.flatten_all()?.to_vec1::<f32>());
        let mut states = states.map_err(|error| self.failed(error))?.into_iter();
        let width = self.settings.network.hidden_size;
        texts
            .iter()
            .map(|text| {
                let states: Vec<f32> = states.by_ref().take(text.ids.len() * width).collect();
                unit(&self.pool(&states), width)
            })
            .collect()
    }

    /// Makes one vector, of any length, of the states of a text's tokens.
    fn pool(&self, states: &[f32]) -> Vec<f64> {
        let width = self.settings.network.hidden_size;
        let pooled = match self.settings.pooling {
            // The sum has the direction of the mean.
            Pooling::Mean => states,
            Pooling::Cls => &states[..width],
        };
        let mut sum = vec![0.0; width];
        for state in pooled.chunks_exact(width) {
            for (sum, value) in sum.iter_mut().zip(state) {
                *sum += f64::from(*value);
            }
        }
        sum
    }

    fn failed(&self, reason: impl ToString) -> ModelError {
        ModelError::Run { directory: self.directory.clone(), reason: reason.to_string() }
    }
}

/// Reads a tokenizer and makes it cut texts at `max_tokens` instead of where its file says, and pad none.
fn tokenizer(directory: &Path, max_tokens: usize) -> Result<Tokenizer, ModelError> {
    let bytes = files::required(directory, files::TOKENIZER)?;
    let unknown = |reason: String| ModelError::Tokenizer { path: directory.join(files::TOKENIZER), reason };
    let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|error| unknown(error.to_string()))?;
    let special = tokenizer.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
    if max_tokens <= special {
        let reason = format!("texts are cut at {max_tokens} tokens, {special} of which are special ones");
        return Err(unsupported(directory, files::CONFIG, reason));
    }
    tokenizer.with_padding(None);
    let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|error| unknown(error.to_string()))?;
    Ok(tokenizer)
}
