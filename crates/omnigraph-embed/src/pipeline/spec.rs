//! The spec of a run: which properties get vectors, and from which fields their texts are made.

use std::collections::BTreeMap;
use std::path::Path;

use omnigraph_yaml::{Positions, join};
use serde::Deserialize;

use super::error::{PipelineError, Result};

/// How the vectors of one type are made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TypeSpec {
    /// Property that receives the vector.
    pub target: String,
    /// Properties that make the text, in this order.
    pub fields: Vec<String>,
}

/// Which vectors are made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EmbedSpec {
    /// Components of every vector.
    pub dimension: usize,
    /// By type name. Rows of other types pass through.
    pub types: BTreeMap<String, TypeSpec>,
}

impl EmbedSpec {
    /// Reads a spec file (JSON).
    ///
    /// # Errors
    /// [`PipelineError::Io`], [`PipelineError::Spec`], [`PipelineError::UnusableSpec`].
    pub(super) fn from_file(path: &Path) -> Result<EmbedSpec> {
        let text = std::fs::read_to_string(path).map_err(PipelineError::io("read", path))?;
        let spec: EmbedSpec = serde_json::from_str(&text)
            .map_err(|source| PipelineError::Spec { path: path.to_owned(), source })?;
        spec.check(path, "", &Positions::default())?;
        Ok(spec)
    }

    /// Checks the values. The spec stands in a file under a key path, with its positions where they are known.
    ///
    /// # Errors
    /// [`PipelineError::UnusableSpec`].
    pub(super) fn check(&self, path: &Path, key: &str, positions: &Positions) -> Result<()> {
        let unusable = |key: &str, reason: String| PipelineError::UnusableSpec {
            path: path.to_owned(),
            position: positions.get(key),
            reason,
        };
        if self.dimension == 0 {
            return Err(unusable(&join(key, "dimension"), "the dimension is 0".to_owned()));
        }
        match self.types.iter().find(|(_, of_type)| of_type.target.is_empty()) {
            Some((name, _)) => {
                let key = join(&join(&join(key, "types"), name), "target");
                Err(unusable(&key, format!("type '{name}' has no target property")))
            }
            None => Ok(()),
        }
    }
}
