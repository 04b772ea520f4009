//! The seed manifest (YAML): which file is embedded, how, and where the result goes. Other keys are ignored.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use omnigraph_yaml::{Fields, Misfit, Node, Reader, SimilarKey, Value, join};

use super::error::{PipelineError, Result};
use super::spec::{EmbedSpec, TypeSpec};

/// Where the output goes when a manifest does not say.
const DEFAULT_OUTPUT: &str = "./build/seed.embedded.jsonl";

const MANIFEST_KEYS: &[&str] = &["sources", "seed", "artifacts", "embeddings"];
const SOURCES_KEYS: &[&str] = &["raw_seed"];
const SEED_KEYS: &[&str] = &["data"];
const ARTIFACTS_KEYS: &[&str] = &["embedded_seed"];
const EMBEDDINGS_KEYS: &[&str] = &["dimension", "types"];
const TYPE_KEYS: &[&str] = &["target", "fields"];

/// What a manifest says. Its relative paths are relative to its directory.
pub(super) struct Manifest {
    pub(super) input: PathBuf,
    pub(super) output: PathBuf,
    pub(super) spec: EmbedSpec,
}

impl Manifest {
    /// Reads a file.
    ///
    /// # Errors
    /// [`PipelineError::Io`]; [`PipelineError::Manifest`] with everything that is not of the right shape;
    /// [`PipelineError::MissingKey`], [`PipelineError::UnusableSpec`].
    pub(super) fn from_file(path: &Path) -> Result<Manifest> {
        let text = std::fs::read_to_string(path).map_err(PipelineError::io("read", path))?;
        let unreadable = |problems| PipelineError::Manifest { path: path.to_owned(), problems };
        let root = omnigraph_yaml::parse(&text).map_err(unreadable)?;
        let mut reader = Reader::<Misfit>::default();
        let keys = read(&mut reader, &root);
        if !reader.problems().is_empty() {
            return Err(unreadable(reader.into_problems()));
        }
        let Keys { raw_seed, embedded_seed, embeddings, similar_to_raw_seed, similar_to_embeddings } = keys;
        let missing = |key, similar| PipelineError::MissingKey { path: path.to_owned(), key, similar };
        let input = raw_seed.ok_or_else(|| missing("sources.raw_seed", similar_to_raw_seed))?;
        let spec = embeddings.ok_or_else(|| missing("embeddings", similar_to_embeddings))?;
        spec.check(path, "embeddings", &reader.into_positions())?;
        let output = embedded_seed.as_deref().unwrap_or(DEFAULT_OUTPUT);
        Ok(Manifest { input: beside(path, &input), output: beside(path, output), spec })
    }
}

/// The values of a manifest, as far as it has them, and the keys that may be meant where it has not.
#[derive(Default)]
struct Keys {
    raw_seed: Option<String>,
    embedded_seed: Option<String>,
    embeddings: Option<EmbedSpec>,
    similar_to_raw_seed: Option<SimilarKey>,
    similar_to_embeddings: Option<SimilarKey>,
}

fn read(reader: &mut Reader, root: &Node) -> Keys {
    let Some(manifest) = reader.some_of_map(root, "", MANIFEST_KEYS) else { return Keys::default() };
    let sources = part(reader, &manifest, "sources", SOURCES_KEYS);
    let seed = part(reader, &manifest, "seed", SEED_KEYS);
    let artifacts = part(reader, &manifest, "artifacts", ARTIFACTS_KEYS);
    let raw_seed = optional_text(reader, sources.as_ref(), "raw_seed");
    let older = optional_text(reader, seed.as_ref(), "data");
    let in_sources = sources.as_ref().and_then(|sources| sources.similar_to("raw_seed"));
    Keys {
        raw_seed: raw_seed.or(older),
        embedded_seed: optional_text(reader, artifacts.as_ref(), "embedded_seed"),
        embeddings: part(reader, &manifest, "embeddings", EMBEDDINGS_KEYS)
            .and_then(|embeddings| read_spec(reader, &embeddings)),
        similar_to_raw_seed: in_sources.or_else(|| manifest.similar_to("sources")),
        similar_to_embeddings: manifest.similar_to("embeddings"),
    }
}

fn read_spec(reader: &mut Reader, embeddings: &Fields<'_>) -> Option<EmbedSpec> {
    let dimension = read_dimension(reader, embeddings);
    let (node, path) = reader.required(embeddings, "types")?;
    let entries = if node.value == Value::Null { vec![] } else { reader.open_map(node, &path)? };
    let mut types = BTreeMap::new();
    for (name, node) in entries {
        reader.enter(Some(format!("type '{name}'")));
        if let Some(of_type) = read_type(reader, node, &join(&path, name)) {
            types.insert(name.to_owned(), of_type);
        }
    }
    reader.enter(None);
    Some(EmbedSpec { dimension: dimension?, types })
}

fn read_dimension(reader: &mut Reader, embeddings: &Fields<'_>) -> Option<usize> {
    let given = reader.required_integer(embeddings, "dimension")?;
    if let Ok(dimension) = usize::try_from(given) {
        return Some(dimension);
    }
    let (node, path) = embeddings.get("dimension")?;
    let kind = Misfit::WrongType { expected: "a number of components", found: node.value.to_string() };
    reader.report(&path, node.position, kind);
    None
}

fn read_type(reader: &mut Reader, node: &Node, path: &str) -> Option<TypeSpec> {
    let keys = reader.some_of_map(node, path, TYPE_KEYS)?;
    let target = reader.required_text(&keys, "target");
    let (node, path) = reader.required(&keys, "fields")?;
    let fields = reader.texts(node, &path);
    Some(TypeSpec { target: target?, fields: fields? })
}

/// Reads a map that may be absent or null.
fn part<'n>(
    reader: &mut Reader,
    fields: &Fields<'n>,
    key: &str,
    keys: &'static [&'static str],
) -> Option<Fields<'n>> {
    let (node, path) = fields.get(key).filter(|(node, _)| node.value != Value::Null)?;
    reader.some_of_map(node, &path, keys)
}

/// Reads a text that may be absent or null.
fn optional_text(reader: &mut Reader, fields: Option<&Fields<'_>>, key: &str) -> Option<String> {
    let (node, path) = fields?.get(key).filter(|(node, _)| node.value != Value::Null)?;
    reader.text(node, &path)
}

/// Returns the path seen from the manifest's directory, without `.` steps.
fn beside(manifest: &Path, path: &str) -> PathBuf {
    let directory = manifest.parent().unwrap_or(Path::new(""));
    directory.join(path).components().filter(|step| *step != Component::CurDir).collect()
}
