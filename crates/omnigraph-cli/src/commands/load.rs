//! `omnigraph load`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use omnigraph::db::{Load, LoadMode, LoadSource};
use omnigraph::error::{Place, Unit};
use omnigraph::{OmniError, Omnigraph};
use serde::Serialize;

use super::commit::CommitDocument;
use crate::address;
use crate::args::{self, Global, Mode};
use crate::consent;
use crate::failure::Failure;
use crate::output;
use crate::progress::Bar;

/// Characters of a refused line that are shown.
const EXCERPT_WIDTH: usize = 160;

#[derive(Serialize)]
struct Loaded<'a> {
    name: &'a str,
    entities_loaded: u64,
}

#[derive(Serialize)]
struct Document<'a> {
    uri: &'a str,
    branch: &'a str,
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_branch: Option<&'a str>,
    branch_created: bool,
    nodes: Vec<Loaded<'a>>,
    edges: Vec<Loaded<'a>>,
    total_entities: u64,
    commit: CommitDocument<'a>,
}

/// Loads a JSONL file as one commit.
pub(crate) async fn run(args: &args::Load, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.given(), global)?;
    let (mode, mode_name) = match args.mode {
        Mode::Overwrite => (LoadMode::Overwrite, "overwrite"),
        Mode::Append => (LoadMode::Append, "append"),
        Mode::Merge => (LoadMode::Merge, "merge"),
    };
    if matches!(args.mode, Mode::Overwrite) {
        consent::require("load --mode overwrite", uri, args.json, global)?;
    }
    let source = open(&args.data)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, false)).await?;
    output::echo("load", uri, global.quiet);
    let bar = Bar::start(global.quiet || args.json);
    let request = Load {
        actor: global.actor.as_deref(),
        base: args.from.as_deref(),
        progress: Some(bar.callback()),
        ..Load::new(&args.branch, source, mode)
    };
    let receipt = graph.load(request).await.map_err(|e| of_data(e, &args.data))?;
    graph.close().await;
    drop(bar);
    let counts = &receipt.counts;
    if args.json {
        let list = |counts: &'_ std::collections::BTreeMap<String, u64>| -> Vec<(String, u64)> {
            counts.iter().map(|(name, n)| (name.clone(), *n)).collect()
        };
        let (nodes, edges) = (list(&counts.nodes), list(&counts.edges));
        return output::json(&Document {
            uri,
            branch: &receipt.branch,
            mode: mode_name,
            base_branch: args.from.as_deref(),
            branch_created: receipt.created_from.is_some(),
            nodes: nodes.iter().map(|(name, n)| Loaded { name, entities_loaded: *n }).collect(),
            edges: edges.iter().map(|(name, n)| Loaded { name, entities_loaded: *n }).collect(),
            total_entities: counts.total(),
            commit: CommitDocument::from(&receipt.commit),
        });
    }
    output::line(&format!(
        "loaded {uri} on branch {} with {mode_name}: {} entities across {} node types and {} edge types",
        receipt.branch,
        counts.total(),
        counts.nodes.len(),
        counts.edges.len()
    ))?;
    match &receipt.created_from {
        Some(base) => output::line(&format!("branch {} created from {base}", receipt.branch)),
        None => Ok(()),
    }
}

fn open(path: &Path) -> Result<LoadSource, Failure> {
    if path == Path::new("-") {
        return Ok(LoadSource::Reader { reader: Box::new(std::io::stdin()), bytes: None });
    }
    let context = || format!("cannot read '{}'", path.display());
    let file = File::open(path).map_err(|e| Failure::io(context(), e))?;
    let metadata = file.metadata().map_err(|e| Failure::io(context(), e))?;
    if metadata.is_dir() {
        return Err(Failure::io(context(), std::io::Error::from(std::io::ErrorKind::IsADirectory)));
    }
    Ok(LoadSource::Reader { reader: Box::new(BufReader::new(file)), bytes: Some(metadata.len()) })
}

/// Adds the file and the line that a refused record came from.
fn of_data(error: OmniError, path: &Path) -> Failure {
    match error.place() {
        Some(Place { unit: Unit::Line, number: line }) if path != Path::new("-") => {
            let path_text = path.display().to_string();
            Failure::Data { error: Box::new(error), path: path_text, line, excerpt: excerpt(path, line) }
        }
        _ => Failure::Engine(error),
    }
}

/// Reads the start of a line again.
fn excerpt(path: &Path, line: u64) -> Option<String> {
    if !path.is_file() {
        return None;
    }
    let mut reader = BufReader::new(File::open(path).ok()?);
    for _ in 1..line {
        reader.skip_until(b'\n').ok()?;
    }
    let mut bytes = Vec::new();
    reader.take(4 * EXCERPT_WIDTH as u64).read_until(b'\n', &mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_end_matches(['\r', '\n']);
    let shown: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(EXCERPT_WIDTH).collect();
    Some(if shown.len() < text.len() { format!("{shown}…") } else { shown })
}
