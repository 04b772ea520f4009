//! Errors of sentence models: why one cannot be used.

use std::path::PathBuf;

/// What is wrong with a model directory, or with what is asked of its model. The file at fault is named.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The directory lacks a file.
    #[error(
        "{} does not exist: OMNIGRAPH_EMBED_MODEL is a directory with config.json, tokenizer.json and \
         model.safetensors of a sentence-transformers model, or NAME=DIRECTORY",
        .path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },

    /// A file cannot be read.
    #[error("{} cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The failure.
        source: std::io::Error,
    },

    /// A file is no JSON of the expected shape.
    #[error("{} is not what a sentence model has there: {source}; copy the model anew", .path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The failure, with line and column.
        source: serde_json::Error,
    },

    /// The model is of an architecture that is not built in.
    #[error(
        "{} describes a model of type '{found}': this process runs models of type 'bert'; \
         serve others with an OpenAI-compatible server",
        .path.display()
    )]
    Architecture {
        /// The configuration.
        path: PathBuf,
        /// The architecture that it names.
        found: String,
    },

    /// A configuration asks for what is not built in, or for what cannot be.
    #[error("{}: {reason}", .path.display())]
    Unsupported {
        /// The configuration.
        path: PathBuf,
        /// What it asks for, and what is possible.
        reason: String,
    },

    /// The tokenizer cannot be made from its file.
    #[error(
        "{} holds no tokenizer that is known here: {reason}; save the model with a recent version of its library",
        .path.display()
    )]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The file of weights is damaged, or holds a tensor of numbers that cannot be computed with.
    #[error("{} holds no usable weights: {reason}; copy the model anew", .path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The file of weights lacks a tensor that the configuration implies.
    #[error(
        "{} has no tensor '{tensor}': weights and config.json are not of one BERT model",
        .path.display()
    )]
    MissingTensor {
        /// The file of weights.
        path: PathBuf,
        /// Name of the tensor.
        tensor: String,
    },

    /// A tensor has another shape than the configuration implies.
    #[error(
        "{}: tensor '{tensor}' has shape {actual:?} where config.json implies {expected:?}: \
         weights and config.json are not of one model",
        .path.display()
    )]
    Shape {
        /// The file of weights.
        path: PathBuf,
        /// Name of the tensor.
        tensor: String,
        /// Its shape by the configuration.
        expected: Vec<usize>,
        /// Its shape in the file.
        actual: Vec<usize>,
    },

    /// The model makes vectors of another length than was asked for.
    #[error(
        "the model in {} makes vectors of {actual} dimensions, and {asked} were asked for: \
         declare Vector({actual}), or use another model",
        .directory.display()
    )]
    Dimension {
        /// The model directory.
        directory: PathBuf,
        /// Dimensions asked for.
        asked: usize,
        /// Dimensions of the model.
        actual: usize,
    },

    /// A computation failed. The files were sound, so this is a defect of the program.
    #[error("the model in {} failed: {reason}", .directory.display())]
    Run {
        /// The model directory.
        directory: PathBuf,
        /// What went wrong.
        reason: String,
    },
}
