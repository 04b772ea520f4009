//! What to embed, from a seed manifest or from single files.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::error::{PipelineError, Result};

/// Where the output goes when a manifest does not say.
const DEFAULT_OUTPUT: &str = "./build/seed.embedded.jsonl";

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

/// An input, an output and what to do between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The seed file that is read.
    pub input: PathBuf,
    /// The file that is written; may be the input.
    pub output: PathBuf,
    /// Which vectors are made.
    pub spec: EmbedSpec,
}

#[derive(Deserialize)]
struct Manifest {
    sources: Option<Sources>,
    seed: Option<Seed>,
    artifacts: Option<Artifacts>,
    embeddings: Option<EmbedSpec>,
}

#[derive(Deserialize)]
struct Sources {
    raw_seed: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Seed {
    data: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Artifacts {
    embedded_seed: Option<PathBuf>,
}

impl Job {
    /// Reads a seed manifest (YAML): `sources.raw_seed` (or `seed.data`), `artifacts.embedded_seed` and `embeddings`.
    /// Paths in it are relative to its directory; other keys are ignored.
    ///
    /// # Errors
    /// [`PipelineError::Io`], [`PipelineError::Manifest`], [`PipelineError::MissingKey`],
    /// [`PipelineError::UnusableSpec`].
    pub fn from_manifest(path: &Path) -> Result<Job> {
        let text = std::fs::read_to_string(path).map_err(PipelineError::io("read", path))?;
        let manifest: Manifest = serde_saphyr::from_str(&text)
            .map_err(|error| PipelineError::Manifest { path: path.to_owned(), reason: error.to_string() })?;
        let missing = |key| PipelineError::MissingKey { path: path.to_owned(), key };
        let raw_seed = manifest.sources.and_then(|sources| sources.raw_seed);
        let input = raw_seed
            .or_else(|| manifest.seed.and_then(|seed| seed.data))
            .ok_or_else(|| missing("sources.raw_seed"))?;
        let output = manifest.artifacts.and_then(|artifacts| artifacts.embedded_seed);
        let spec = manifest.embeddings.ok_or_else(|| missing("embeddings"))?;
        check(&spec, path)?;
        let output = output.unwrap_or_else(|| DEFAULT_OUTPUT.into());
        Ok(Job { input: beside(path, &input), output: beside(path, &output), spec })
    }

    /// Reads a spec file (JSON), which has the shape of a manifest's `embeddings`.
    ///
    /// # Errors
    /// [`PipelineError::Io`], [`PipelineError::Spec`], [`PipelineError::UnusableSpec`].
    pub fn from_files(input: &Path, output: &Path, spec: &Path) -> Result<Job> {
        let text = std::fs::read_to_string(spec).map_err(PipelineError::io("read", spec))?;
        let parsed: EmbedSpec = serde_json::from_str(&text)
            .map_err(|source| PipelineError::Spec { path: spec.to_owned(), source })?;
        check(&parsed, spec)?;
        Ok(Job { input: input.to_owned(), output: output.to_owned(), spec: parsed })
    }
}

fn check(spec: &EmbedSpec, path: &Path) -> Result<()> {
    let unusable = |reason: String| Err(PipelineError::UnusableSpec { path: path.to_owned(), reason });
    if spec.dimension == 0 {
        return unusable("the dimension is 0".to_owned());
    }
    match spec.types.iter().find(|(_, of_type)| of_type.target.is_empty()) {
        Some((name, _)) => unusable(format!("type '{name}' has no target property")),
        None => Ok(()),
    }
}

/// Returns the path seen from the manifest's directory, without `.` steps.
fn beside(manifest: &Path, path: &Path) -> PathBuf {
    let directory = manifest.parent().unwrap_or(Path::new(""));
    directory.join(path).components().filter(|step| *step != Component::CurDir).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> Result<Job> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seed.yaml");
        std::fs::write(&path, text).unwrap();
        let mut job = Job::from_manifest(&path)?;
        for path in [&mut job.input, &mut job.output] {
            *path = path.strip_prefix(folder.path()).unwrap_or(path).to_owned();
        }
        Ok(job)
    }

    const EMBEDDINGS: &str = "
embeddings:
  dimension: 4 # as in the schema
  model: ignored
  types:
    Doc: { target: vec, fields: [title, body] }
    Person:
      target: embedding
      fields:
        - name
";

    #[test]
    fn a_manifest_names_files_relative_to_itself() {
        let job = manifest(&format!(
            "name: demo\nsources: {{raw_seed: ./data/seed.jsonl, other: 1}}\n\
             artifacts:\n  embedded_seed: /tmp/out.jsonl\n{EMBEDDINGS}"
        ))
        .unwrap();
        assert_eq!(job.input, Path::new("data/seed.jsonl"));
        assert_eq!(job.output, Path::new("/tmp/out.jsonl"));
        assert_eq!(job.spec.dimension, 4);
        assert_eq!(job.spec.types["Doc"].fields, ["title", "body"]);
        assert_eq!(job.spec.types["Person"].target, "embedding");
    }

    #[test]
    fn the_older_key_and_the_default_output() {
        let job = manifest(&format!("seed:\n  data: old.jsonl\n{EMBEDDINGS}")).unwrap();
        assert_eq!(job.input, Path::new("old.jsonl"));
        assert_eq!(job.output, Path::new("build/seed.embedded.jsonl"));
        let both =
            manifest(&format!("seed: {{data: old}}\nsources: {{raw_seed: new}}\n{EMBEDDINGS}")).unwrap();
        assert_eq!(both.input, Path::new("new"));
    }

    #[test]
    fn a_manifest_without_its_keys_is_refused() {
        let key = |text: &str| match manifest(text) {
            Err(PipelineError::MissingKey { key, .. }) => key,
            other => panic!("{other:?}"),
        };
        assert_eq!(key(EMBEDDINGS), "sources.raw_seed");
        assert_eq!(key(&format!("sources: {{}}\n{EMBEDDINGS}")), "sources.raw_seed");
        assert_eq!(key("sources: {raw_seed: a}"), "embeddings");
    }

    #[test]
    fn shapes_that_cannot_be_are_refused() {
        let files = "sources: {raw_seed: a}\n";
        for text in [
            "embeddings: {types: {}}",
            "embeddings: {dimension: -1, types: {}}",
            "embeddings: [",
            "sources: 7",
        ] {
            let error = manifest(&format!("{files}{text}")).unwrap_err();
            assert!(matches!(error, PipelineError::Manifest { .. }), "{text}: {error}");
        }
        for text in [
            "embeddings: {dimension: 0, types: {}}",
            "embeddings: {dimension: 1, types: {A: {target: '', fields: []}}}",
        ] {
            let error = manifest(&format!("{files}{text}")).unwrap_err();
            assert!(matches!(error, PipelineError::UnusableSpec { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn a_spec_file_is_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spec.json");
        std::fs::write(&path, r#"{"dimension": 3, "types": {"A": {"target": "v", "fields": []}}, "x": 1}"#)
            .unwrap();
        let job = Job::from_files(Path::new("i"), Path::new("o"), &path).unwrap();
        assert_eq!((job.input.as_path(), job.spec.dimension), (Path::new("i"), 3));
        std::fs::write(&path, "dimension: 3").unwrap();
        let error = Job::from_files(Path::new("i"), Path::new("o"), &path).unwrap_err();
        assert!(matches!(error, PipelineError::Spec { .. }));
        let error = Job::from_files(Path::new("i"), Path::new("o"), &folder.path().join("none")).unwrap_err();
        assert!(matches!(error, PipelineError::Io { .. }));
    }
}
