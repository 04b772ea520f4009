//! `omnigraph load`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use omnigraph::OmniError;
use omnigraph::db::{Grammar, LoadSource};
use omnigraph::error::{Place, Unit};
use omnigraph_api::{CommitOutput, GraphBatchDeclarationOutput, GraphBatchLoadOutput, LoadMode};
use omnigraph_client::http::{Body, file_body};
use omnigraph_service::{self as service, LoadRequest};
use serde::Serialize;

use crate::address::{self, Access, Target};
use crate::args::{self, Global, Mode};
use crate::consent;
use crate::failure::Failure;
use crate::operator;
use crate::output;
use crate::progress::Bar;

/// Characters of a refused line that are shown.
const EXCERPT_WIDTH: usize = 160;

/// The receipt as it is printed.
#[derive(Serialize)]
struct Document<'a> {
    uri: &'a str,
    branch: &'a str,
    mode: LoadMode,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_branch: Option<&'a str>,
    branch_created: bool,
    nodes: &'a [GraphBatchDeclarationOutput],
    edges: &'a [GraphBatchDeclarationOutput],
    total_entities: usize,
    commit: Option<&'a CommitOutput>,
}

/// Loads a JSONL file as one commit.
pub(crate) async fn run(args: &args::Load, global: &Global) -> Result<(), Failure> {
    let target = address::target(args.uri.given(), global, Access::Write).await?;
    let uri = target.uri();
    let mode = match args.mode {
        Mode::Overwrite => LoadMode::Overwrite,
        Mode::Append => LoadMode::Append,
        Mode::Merge => LoadMode::Merge,
    };
    if matches!(args.mode, Mode::Overwrite) {
        consent::require("load --mode overwrite", &uri, target.is_local(), args.json, global)?;
    }
    let loaded = match &target {
        Target::Direct(uri) => direct(args, mode, global, &target, uri).await?,
        Target::Served(graph) => {
            let body = body(&args.data).await?;
            output::echo_target("load", &target, global.quiet);
            let bar = Bar::start(global.quiet || args.json);
            bar.wait("sending");
            graph
                .load_ndjson(Some(&args.branch), args.from.as_deref(), mode, body)
                .await
                .map_err(Failure::of_write)?
        }
    };
    if args.json {
        return output::json(&Document {
            uri: &uri,
            branch: &loaded.branch,
            mode: loaded.mode,
            base_branch: loaded.base_branch.as_deref(),
            branch_created: loaded.branch_created,
            nodes: &loaded.nodes,
            edges: &loaded.edges,
            total_entities: loaded.total_entities,
            commit: loaded.commit.as_ref(),
        });
    }
    output::line(&format!(
        "loaded {uri} on branch {} with {}: {} entities across {} node types and {} edge types",
        loaded.branch,
        loaded.mode.as_str(),
        loaded.total_entities,
        loaded.nodes.len(),
        loaded.edges.len()
    ))?;
    match &loaded.base_branch {
        Some(base) if loaded.branch_created => {
            output::line(&format!("branch {} created from {base}", loaded.branch))
        }
        _ => Ok(()),
    }
}

async fn direct(
    args: &args::Load,
    mode: LoadMode,
    global: &Global,
    target: &Target,
    uri: &str,
) -> Result<GraphBatchLoadOutput, Failure> {
    let source = open(&args.data)?;
    let graph = address::open(uri, global, Access::Write).await?;
    output::echo_target("load", target, global.quiet);
    let bar = Bar::start(global.quiet || args.json);
    let request = LoadRequest {
        branch: &args.branch,
        from: args.from.as_deref(),
        mode,
        source,
        grammar: Grammar::Strict,
        progress: Some(bar.callback()),
    };
    let loaded = service::load(&graph, request, operator::actor(global)).await;
    let loaded = loaded.map_err(|error| of_data(error, &args.data))?;
    graph.close().await;
    Ok(loaded)
}

/// Makes the body of a request: a file is sent as it is read, anything else is read first.
async fn body(path: &Path) -> Result<Body, Failure> {
    let failed = |error| Failure::io(format!("cannot read '{}'", path.display()), error);
    if path.is_file() {
        return file_body(path).await.map_err(failed);
    }
    let bytes = match path == Path::new("-") {
        true => {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        }
        false => std::fs::read(path),
    };
    bytes.map(Body::from).map_err(failed)
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
