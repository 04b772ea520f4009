//! The tensors of `model.safetensors`, each checked against the shape that the configuration implies.

use std::path::{Path, PathBuf};

use candle_core::safetensors::{BufferedSafetensors, Load};
use candle_core::{DType, Device, Tensor};

use super::files;
use crate::model_error::ModelError;

/// A file of weights in memory.
pub(super) struct Weights {
    path: PathBuf,
    file: BufferedSafetensors,
    /// In front of every name: a model with a head on top keeps its encoder under `bert.`.
    prefix: &'static str,
}

impl Weights {
    /// Reads the file of a model directory. The whole file is in memory until this is dropped.
    ///
    /// # Errors
    /// [`ModelError::Missing`], [`ModelError::Read`], [`ModelError::Weights`].
    pub(super) fn read(directory: &Path) -> Result<Weights, ModelError> {
        let path = directory.join(files::WEIGHTS);
        let bytes = files::required(directory, files::WEIGHTS)?;
        let file = BufferedSafetensors::new(bytes)
            .map_err(|error| ModelError::Weights { path: path.clone(), reason: error.to_string() })?;
        let headed = file.get("bert.embeddings.word_embeddings.weight").is_ok();
        Ok(Weights { path, file, prefix: if headed { "bert." } else { "" } })
    }

    /// Returns a tensor as 32-bit floats.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`], [`ModelError::Shape`]; [`ModelError::Weights`] for numbers that are not floats.
    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        let tensor = format!("{}{name}", self.prefix);
        let Ok(view) = self.file.get(&tensor) else {
            return Err(ModelError::MissingTensor { path: self.path.clone(), tensor });
        };
        if view.shape() != shape {
            let (expected, actual) = (shape.to_vec(), view.shape().to_vec());
            return Err(ModelError::Shape { path: self.path.clone(), tensor, expected, actual });
        }
        let loaded = view.load(&Device::Cpu).map_err(|error| self.unusable(error))?;
        if !loaded.dtype().is_float() {
            return Err(
                self.unusable(format!("tensor '{tensor}' holds {:?} instead of floats", view.dtype()))
            );
        }
        loaded.to_dtype(DType::F32).map_err(|error| self.unusable(error))
    }

    /// Returns the error for tensors that nothing can be computed with.
    pub(super) fn unusable(&self, reason: impl ToString) -> ModelError {
        ModelError::Weights { path: self.path.clone(), reason: reason.to_string() }
    }
}
