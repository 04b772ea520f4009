//! A job: the input of a run, its output, and the spec of what happens between them.

use std::path::{Path, PathBuf};

use super::error::Result;
use super::manifest::Manifest;
use super::spec::EmbedSpec;

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

impl Job {
    /// Reads a seed manifest (YAML): `sources.raw_seed` (or `seed.data`), `artifacts.embedded_seed` and `embeddings`.
    /// Paths in it are relative to its directory; other keys are ignored.
    ///
    /// # Errors
    /// [`PipelineError::Io`], [`PipelineError::Manifest`], [`PipelineError::MissingKey`],
    /// [`PipelineError::UnusableSpec`].
    ///
    /// [`PipelineError::Io`]: super::PipelineError::Io
    /// [`PipelineError::Manifest`]: super::PipelineError::Manifest
    /// [`PipelineError::MissingKey`]: super::PipelineError::MissingKey
    /// [`PipelineError::UnusableSpec`]: super::PipelineError::UnusableSpec
    pub fn from_manifest(path: &Path) -> Result<Job> {
        let Manifest { input, output, spec } = Manifest::from_file(path)?;
        Ok(Job { input, output, spec })
    }

    /// Reads a spec file (JSON), which has the shape of a manifest's `embeddings`.
    ///
    /// # Errors
    /// [`PipelineError::Io`], [`PipelineError::Spec`], [`PipelineError::UnusableSpec`].
    ///
    /// [`PipelineError::Io`]: super::PipelineError::Io
    /// [`PipelineError::Spec`]: super::PipelineError::Spec
    /// [`PipelineError::UnusableSpec`]: super::PipelineError::UnusableSpec
    pub fn from_files(input: &Path, output: &Path, spec: &Path) -> Result<Job> {
        Ok(Job { input: input.to_owned(), output: output.to_owned(), spec: EmbedSpec::from_file(spec)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::PipelineError;

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
    fn every_misfit_of_a_manifest_is_told_with_its_position_and_its_cure() {
        let text = "sources: {raw_seed: 5}\nembeddings:\n  dimension: four\n  types:\n    Doc: {taget: vec, fields: [title]}\n";
        let error = manifest(text).unwrap_err();
        let PipelineError::Manifest { problems, .. } = &error else { panic!("{error}") };
        let told: Vec<_> = problems
            .iter()
            .map(|problem| {
                let at = problem.position.expect("all of them are in the text");
                format!("{}:{} {problem}", at.line, at.column)
            })
            .collect();
        assert_eq!(
            told,
            [
                "1:21 sources.raw_seed: expected text, found the number 5; put it in quotes",
                "3:14 embeddings.dimension: expected an integer, found the text 'four'",
                "5:10 embeddings.types.Doc: type 'Doc': missing key 'target'",
                "5:11 embeddings.types.Doc: type 'Doc': unknown key 'taget'; did you mean 'target'?",
            ]
        );
        let shown = error.to_string();
        assert!(told.iter().all(|line| shown.contains(line.split_once(' ').unwrap().1)), "{shown}");
    }

    #[test]
    fn a_misspelled_key_is_told_where_the_right_one_is_missing() {
        let shown = |text: &str| manifest(text).unwrap_err().to_string();
        let error = shown(&format!("sources:\n  raw_sead: a\n{EMBEDDINGS}"));
        assert!(
            error.ends_with("has no sources.raw_seed; did you mean it by 'raw_sead' in line 2, column 3?"),
            "{error}"
        );
        let error = shown("sources: {raw_seed: a}\nembedings: {}\n");
        assert!(
            error.ends_with("has no embeddings; did you mean it by 'embedings' in line 2, column 1?"),
            "{error}"
        );
        // A key that is not needed may have any name.
        assert!(
            manifest(&format!("sources: {raw}\nartifact: x\n{EMBEDDINGS}", raw = "{raw_seed: a}")).is_ok()
        );
    }

    #[test]
    fn keys_without_a_value_are_absent() {
        let text = "sources: {raw_seed: a}\nseed:\nartifacts: {embedded_seed: ~}\nembeddings: {dimension: 1, types: }\n";
        let job = manifest(text).unwrap();
        assert_eq!(job.output, Path::new("build/seed.embedded.jsonl"));
        assert!(job.spec.types.is_empty());
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
