//! A BERT model of random weights, small enough to be computed a second time by hand.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use omnigraph_embed::{EmbedError, EmbeddingClient, EmbeddingConfig, ModelError, Provider};
use serde_json::{Value, json};

pub(crate) const HIDDEN: usize = 32;
pub(crate) const WIDE: usize = 48;
pub(crate) const HEADS: usize = 4;
pub(crate) const LAYERS: usize = 2;
pub(crate) const POSITIONS: usize = 16;

/// The vocabulary: special tokens, words, and pieces that only stand inside a word.
pub(crate) const WORDS: [&str; 30] = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "ferry", "boat", "sea", "port", "train", "rail", "station", "bread",
    "oven", "flour", "the", "a", "of", "to", "and", "is", "red", "blue", "fast", "slow", "old", "query",
    "passage", ":", "##s", "##ing",
];

/// Numbers of a matrix or vector, row after row, by the name of the tensor.
pub(crate) type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// A model directory that goes with the test.
pub(crate) struct TinyModel {
    folder: tempfile::TempDir,
    pub(crate) weights: Weights,
}

impl TinyModel {
    pub(crate) fn new() -> TinyModel {
        let model = TinyModel { folder: tempfile::tempdir().unwrap(), weights: random_weights() };
        std::fs::create_dir(model.directory()).unwrap();
        model.write("config.json", &config());
        model.write("tokenizer.json", &tokenizer());
        model.write_weights("", DType::F32);
        model
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.folder.path().join("tiny-bert")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    /// Writes a JSON file of the directory.
    pub(crate) fn write(&self, name: &str, value: &Value) {
        self.write_bytes(name, value.to_string().as_bytes());
    }

    pub(crate) fn write_bytes(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Writes the weights with `prefix` in front of every name.
    pub(crate) fn write_weights(&self, prefix: &str, dtype: DType) {
        let tensors: HashMap<String, Tensor> = self
            .weights
            .iter()
            .map(|(name, (shape, numbers))| {
                let tensor = Tensor::from_slice(numbers, shape.as_slice(), &Device::Cpu).unwrap();
                (format!("{prefix}{name}"), tensor.to_dtype(dtype).unwrap())
            })
            .collect();
        candle_core::safetensors::save(&tensors, self.path("model.safetensors")).unwrap();
    }

    pub(crate) fn client(&self) -> EmbeddingClient {
        client(&self.directory())
    }
}

pub(crate) fn client(directory: &Path) -> EmbeddingClient {
    EmbeddingClient::new(settings(directory)).unwrap()
}

/// Returns what is wrong with the model.
pub(crate) fn model_error(error: EmbedError) -> ModelError {
    match error {
        EmbedError::Model(error) => *error,
        other => panic!("{other}"),
    }
}

pub(crate) fn settings(directory: &Path) -> EmbeddingConfig {
    EmbeddingConfig::from_parts(Provider::Local, directory.to_str(), None, None).unwrap()
}

pub(crate) fn config() -> Value {
    json!({
        "model_type": "bert", "architectures": ["BertModel"], "vocab_size": WORDS.len(), "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": WIDE, "hidden_act": "gelu",
        "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
        "position_embedding_type": "absolute", "hidden_dropout_prob": 0.1,
    })
}

/// Returns a word-piece tokenizer that keeps case. It asks for padding and for a cut at five tokens, as published files
/// do; neither is what a sentence model needs.
pub(crate) fn tokenizer() -> Value {
    let vocabulary: serde_json::Map<String, Value> =
        WORDS.iter().enumerate().map(|(id, word)| (word.to_string(), json!(id))).collect();
    let special = |id: usize| {
        json!({"id": id, "content": WORDS[id], "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true})
    };
    let piece = |id: usize| json!({"id": WORDS[id], "ids": [id], "tokens": [WORDS[id]]});
    json!({
        "version": "1.0",
        "truncation": {"max_length": 5, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {"strategy": {"Fixed": 12}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [special(0), special(1), special(2), special(3)],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": false},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": piece(2), "[SEP]": piece(3)}},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary},
    })
}

fn random_weights() -> Weights {
    let mut shapes = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![WORDS.len(), HIDDEN]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![POSITIONS, HIDDEN]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, HIDDEN]),
        ("embeddings.LayerNorm.weight".to_owned(), vec![HIDDEN]),
        ("embeddings.LayerNorm.bias".to_owned(), vec![HIDDEN]),
    ];
    for layer in 0..LAYERS {
        for (part, to, from) in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", WIDE, HIDDEN),
            ("output.dense", HIDDEN, WIDE),
        ] {
            shapes.push((format!("encoder.layer.{layer}.{part}.weight"), vec![to, from]));
            shapes.push((format!("encoder.layer.{layer}.{part}.bias"), vec![to]));
        }
        for part in ["attention.output", "output"] {
            shapes.push((format!("encoder.layer.{layer}.{part}.LayerNorm.weight"), vec![HIDDEN]));
            shapes.push((format!("encoder.layer.{layer}.{part}.LayerNorm.bias"), vec![HIDDEN]));
        }
    }
    // Marsaglia's xorshift with a fixed seed: the same model on every machine.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    let tensor = |shape: Vec<usize>| {
        let numbers = (0..shape.iter().product()).map(|_| draw() * 0.5).collect();
        (shape, numbers)
    };
    let names: Vec<String> = shapes.iter().map(|(name, _)| name.clone()).collect();
    names.into_iter().zip(shapes.into_iter().map(|(_, shape)| shape).map(tensor)).collect()
}
