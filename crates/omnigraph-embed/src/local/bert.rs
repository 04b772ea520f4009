//! The BERT encoder (Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", 2019) on texts of any
//! lengths, without padding.
//!
//! The tokens of all texts of a batch are the rows of one matrix, text after text, so that every product with weights is
//! one large product. Only attention, which relates the tokens of one text, goes text by text. That takes the place of
//! padding and an attention mask: no work is spent on padding, and no text sees another one.

use std::ops::Range;

use candle_core::{Device, Result as Computed, Tensor};
use candle_nn::ops;

use super::files::{Activation, NetworkConfig};
use super::weights::Weights;
use crate::model_error::ModelError;

/// The tokens of a text.
pub(super) struct Tokens {
    pub(super) ids: Vec<u32>,
    /// The segment of each token.
    pub(super) types: Vec<u32>,
}

/// A network with its weights.
pub(super) struct Bert {
    words: Tensor,
    positions: Tensor,
    types: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
}

struct Layer {
    /// The three projections of attention side by side: queries, already divided by the root of a head's width; keys;
    /// values.
    attention: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    inner: Linear,
    activation: Activation,
    output: Linear,
    output_norm: Norm,
}

/// y = x·W + b, with W as (inputs, outputs).
struct Linear {
    weight: Tensor,
    bias: Tensor,
}

/// Layer normalization (Ba et al., 2016).
struct Norm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f32,
}

impl Bert {
    /// Takes the tensors of a network out of a file of weights.
    ///
    /// # Errors
    /// Those of [`Weights::tensor`].
    pub(super) fn load(weights: &Weights, config: &NetworkConfig) -> Result<Bert, ModelError> {
        let hidden = config.hidden_size;
        let table = |name: &str, rows| weights.tensor(&format!("embeddings.{name}.weight"), &[rows, hidden]);
        Ok(Bert {
            words: table("word_embeddings", config.vocab_size)?,
            positions: table("position_embeddings", config.max_position_embeddings)?,
            types: table("token_type_embeddings", config.type_vocab_size)?,
            norm: Norm::load(weights, "embeddings.LayerNorm", config)?,
            layers: (0..config.num_hidden_layers)
                .map(|index| Layer::load(weights, index, config))
                .collect::<Result<_, ModelError>>()?,
            heads: config.num_attention_heads,
        })
    }

    /// Returns the number of words that the network knows: token ids are below it.
    pub(super) fn vocabulary(&self) -> usize {
        self.words.dims()[0]
    }

    /// Computes the state of every token: a matrix of a row per token, text after text, and a column per hidden unit.
    /// No text may be empty.
    pub(super) fn forward(&self, texts: &[Tokens]) -> Computed<Tensor> {
        let mut runs: Vec<Range<usize>> = Vec::with_capacity(texts.len());
        let (mut ids, mut types, mut positions) = (Vec::new(), Vec::new(), Vec::<u32>::new());
        for text in texts {
            runs.push(ids.len()..ids.len() + text.ids.len());
            ids.extend_from_slice(&text.ids);
            types.extend_from_slice(&text.types);
            positions.extend((0_u32..).take(text.ids.len()));
        }
        let rows =
            |table: &Tensor, indexes: Vec<u32>| table.index_select(&Tensor::new(indexes, &Device::Cpu)?, 0);
        let sum =
            ((rows(&self.words, ids)? + rows(&self.positions, positions)?)? + rows(&self.types, types)?)?;
        let mut states = self.norm.apply(&sum)?;
        for layer in &self.layers {
            states = layer.apply(&states, &runs, self.heads)?;
        }
        Ok(states)
    }
}

impl Layer {
    fn load(weights: &Weights, index: usize, config: &NetworkConfig) -> Result<Layer, ModelError> {
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let linear = |part, from, to| Linear::load(weights, &name(part), from, to);
        let norm = |part| Norm::load(weights, &name(part), config);
        let head_width = hidden / config.num_attention_heads;
        let queries = linear("attention.self.query", hidden, hidden)?;
        let keys = linear("attention.self.key", hidden, hidden)?;
        let values = linear("attention.self.value", hidden, hidden)?;
        let side_by_side = |scale: f64| -> Computed<Linear> {
            let weight = Tensor::cat(&[&(&queries.weight * scale)?, &keys.weight, &values.weight], 1)?;
            let bias = Tensor::cat(&[&(&queries.bias * scale)?, &keys.bias, &values.bias], 0)?;
            Ok(Linear { weight, bias })
        };
        Ok(Layer {
            attention: side_by_side(1.0 / (head_width as f64).sqrt())
                .map_err(|error| weights.unusable(error))?,
            attention_output: linear("attention.output.dense", hidden, hidden)?,
            attention_norm: norm("attention.output.LayerNorm")?,
            inner: linear("intermediate.dense", hidden, wide)?,
            activation: config.hidden_act,
            output: linear("output.dense", wide, hidden)?,
            output_norm: norm("output.LayerNorm")?,
        })
    }

    fn apply(&self, states: &Tensor, runs: &[Range<usize>], heads: usize) -> Computed<Tensor> {
        let attended = self.attention_output.apply(&self.attend(states, runs, heads)?)?;
        let states = self.attention_norm.apply(&(attended + states)?)?;
        let inner = self.inner.apply(&states)?;
        let inner = match self.activation {
            Activation::Gelu => inner.gelu_erf()?,
            Activation::GeluTanh => inner.gelu()?,
            Activation::Relu => inner.relu()?,
        };
        self.output_norm.apply(&(self.output.apply(&inner)? + states)?)
    }

    /// Scaled dot-product attention of the tokens of each text among themselves (Vaswani et al., 2017, section 3.2).
    fn attend(&self, states: &Tensor, runs: &[Range<usize>], heads: usize) -> Computed<Tensor> {
        let (_, hidden) = states.dims2()?;
        let projected = self.attention.apply(states)?;
        let mut texts = Vec::with_capacity(runs.len());
        for run in runs {
            let tokens = run.len();
            // (tokens, 3 * hidden) becomes (3 * heads, tokens, head width): the queries of all heads, keys, values.
            let parts =
                projected.narrow(0, run.start, tokens)?.reshape((tokens, 3 * heads, hidden / heads))?;
            let parts = parts.transpose(0, 1)?.contiguous()?;
            let part = |index: usize| parts.narrow(0, index * heads, heads);
            let weights = ops::softmax_last_dim(&part(0)?.matmul(&part(1)?.t()?)?)?;
            let mixed = weights.matmul(&part(2)?)?;
            texts.push(mixed.transpose(0, 1)?.reshape((tokens, hidden))?);
        }
        Tensor::cat(&texts, 0)
    }
}

impl Linear {
    fn load(weights: &Weights, name: &str, from: usize, to: usize) -> Result<Linear, ModelError> {
        // Files hold the matrix as (outputs, inputs).
        let weight = weights.tensor(&format!("{name}.weight"), &[to, from])?;
        let weight =
            weight.t().and_then(|weight| weight.contiguous()).map_err(|error| weights.unusable(error))?;
        Ok(Linear { weight, bias: weights.tensor(&format!("{name}.bias"), &[to])? })
    }

    fn apply(&self, x: &Tensor) -> Computed<Tensor> {
        x.matmul(&self.weight)?.broadcast_add(&self.bias)
    }
}

impl Norm {
    fn load(weights: &Weights, name: &str, config: &NetworkConfig) -> Result<Norm, ModelError> {
        let tensor = |part| weights.tensor(&format!("{name}.{part}"), &[config.hidden_size]);
        Ok(Norm { weight: tensor("weight")?, bias: tensor("bias")?, epsilon: config.layer_norm_eps as f32 })
    }

    fn apply(&self, x: &Tensor) -> Computed<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.epsilon)
    }
}
