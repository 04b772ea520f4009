//! A load of a data file as one commit, which `load` and `ingest` share.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use omnigraph::OmniError;
use omnigraph::db::{Grammar, LoadSource};
use omnigraph::error::{Place, Unit};
use omnigraph_api::{GraphBatchLoadOutput, IngestOutput, IngestRequest, LoadMode};
use omnigraph_client::http::{Body, GraphClient, file_body};
use omnigraph_service::{self as service, LoadRequest};

use crate::address::{self, Access, Target};
use crate::args::Global;
use crate::args::data::Mode;
use crate::consent;
use crate::echo;
use crate::failure::Failure;
use crate::input;
use crate::operator;
use crate::progress::LoadBar;

/// Characters of a refused line that are shown.
const EXCERPT_WIDTH: usize = 160;

/// A load: which file, and into which branch of which graph.
pub(super) struct DataLoad<'a> {
    /// The command, as it announces itself.
    pub(super) label: &'static str,
    /// The graph, as the command was given it.
    pub(super) uri: Option<&'a str>,
    /// The file; `-` is stdin.
    pub(super) data: &'a Path,
    /// What happens to entities that exist.
    pub(super) mode: Mode,
    /// The branch to load into.
    pub(super) branch: &'a str,
    /// The branch to fork it from if it does not exist.
    pub(super) from: Option<&'a str>,
    /// How the file is read. It decides which request a server gets, too.
    pub(super) grammar: Grammar,
}

impl DataLoad<'_> {
    /// Loads the file as one commit. `uri` of the receipt is the address as it was given, or the base URL of the requests.
    pub(super) async fn run(&self, global: &Global) -> Result<IngestOutput, Failure> {
        let target = address::target(self.uri, global, Access::Write).await?;
        let uri = target.uri();
        if matches!(self.mode, Mode::Overwrite) {
            let label = format!("{} --mode overwrite", self.label);
            consent::require(&label, &uri, target.is_local(), global)?;
        }
        match &target {
            Target::Direct(storage) => {
                let loaded = self.direct(global, &target, storage).await?;
                // `actor_id` is the actor that a server derived from the token; storage derives none.
                Ok(IngestOutput { actor_id: None, ..loaded.at(uri) })
            }
            Target::Served(graph) => Ok(IngestOutput { uri, ..self.served(global, &target, graph).await? }),
        }
    }

    async fn direct(
        &self,
        global: &Global,
        target: &Target,
        uri: &str,
    ) -> Result<GraphBatchLoadOutput, Failure> {
        let source = open(self.data)?;
        let graph = address::open(uri, global, Access::Write).await?;
        echo::write(self.label, target, global);
        let bar = LoadBar::start(global.quiet || global.json);
        let request = LoadRequest {
            branch: self.branch,
            from: self.from,
            mode: wire_mode(self.mode),
            source,
            grammar: self.grammar,
            progress: Some(bar.loaded()),
        };
        let loaded = service::load(&graph, request, operator::actor(global)).await;
        let loaded = loaded.map_err(|error| match error {
            OmniError::BranchNotFound { branch, did_you_mean } if self.from.is_none() => {
                Failure::BranchNotFound { branch, did_you_mean }
            }
            error => locate(error, self.data),
        })?;
        graph.close().await;
        Ok(loaded)
    }

    async fn served(
        &self,
        global: &Global,
        target: &Target,
        graph: &GraphClient,
    ) -> Result<IngestOutput, Failure> {
        let mode = wire_mode(self.mode);
        let bar = LoadBar::start(global.quiet || global.json);
        let sent = match self.grammar {
            Grammar::Strict => {
                let body = body(self.data, &bar).await?;
                echo::write(self.label, target, global);
                if !self.data.is_file() {
                    bar.spin("sending");
                }
                let sent = graph.load_ndjson(Some(self.branch), self.from, mode, body).await;
                sent.map(|loaded| loaded.at(graph.base()))
            }
            Grammar::Permissive => {
                let request = IngestRequest {
                    data: input::read_text(self.data)?,
                    branch: Some(self.branch.to_owned()),
                    from: self.from.map(str::to_owned),
                    mode: Some(mode),
                };
                echo::write(self.label, target, global);
                bar.spin("sending");
                graph.ingest(&request).await
            }
        };
        sent.map_err(Failure::from_write)
    }
}

fn wire_mode(mode: Mode) -> LoadMode {
    match mode {
        Mode::Overwrite => LoadMode::Overwrite,
        Mode::Append => LoadMode::Append,
        Mode::Merge => LoadMode::Merge,
    }
}

/// Makes the body of a request: a file is sent as it is read, anything else is read first.
async fn body(path: &Path, bar: &LoadBar) -> Result<Body, Failure> {
    let failed = |error| Failure::io(format!("cannot read '{}'", path.display()), error);
    if path.is_file() {
        return file_body(path, bar.sent()).await.map_err(failed);
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

/// Adds the file and the line to the refusal of a record.
fn locate(error: OmniError, path: &Path) -> Failure {
    match error.place() {
        Some(Place { unit: Unit::Line, number: line }) if path != Path::new("-") => {
            let path_text = path.display().to_string();
            Failure::Data { error: Box::new(error), path: path_text, line, excerpt: excerpt(path, line) }
        }
        _ => Failure::Engine(error),
    }
}

/// Reads the start of a line of the file again.
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
