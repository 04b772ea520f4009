//! `omnigraph blob get` and `blob stat`.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use omnigraph::OmniError;
use omnigraph::db::{BLOB_READ_BYTES, BlobCell, BlobContent, BlobRead};
use omnigraph_api::BlobEntityKind;
use omnigraph_client::http::{self, BlobAnswer, BlobFailure, BlobRange, BlobSelector, ClientError};
use omnigraph_compiler::catalog::EntityKind;
use omnigraph_service as service;
use serde::Serialize;

use crate::address::{self, Access, Target};
use crate::args::Global;
use crate::args::blob::{Blob, Entity, Get, Selector, Stat};
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Document<'a> {
    selector: SelectorDocument<'a>,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
    target: TargetDocument<'a>,
}

#[derive(Serialize)]
struct SelectorDocument<'a> {
    entity: BlobEntityKind,
    #[serde(rename = "type")]
    type_name: &'a str,
    id: &'a str,
    property: &'a str,
}

#[derive(Serialize)]
struct TargetDocument<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<&'a str>,
    resolved_snapshot: String,
}

/// Reads or describes one cell.
pub(crate) async fn run(args: &Blob, global: &Global) -> Result<(), Failure> {
    match args {
        Blob::Get(args) => get(args, global).await,
        Blob::Stat(args) => stat(args, global).await,
    }
}

async fn get(args: &Get, global: &Global) -> Result<(), Failure> {
    let start = args.offset.unwrap_or(0);
    let range = BlobRange::new(start, args.length)
        .map_err(|error| Failure::usage(error.to_string(), "leave --length out to read to the end"))?;
    let range = (args.offset.is_some() || args.length.is_some()).then_some(range);
    let mut sink = ByteSink { path: args.out.as_deref(), to: None };
    match address::target(args.selector.uri.as_deref(), global, Access::Read).await? {
        Target::Served(graph) => {
            let read = http::BlobRead { range, if_match: None };
            match graph.blob_get(&selected(&args.selector), &read).await.map_err(from_client)? {
                http::BlobContent::External(external) => return Err(not_fetched(&external.uri)),
                http::BlobContent::Managed { mut bytes, .. } => {
                    while let Some(chunk) = bytes.next_chunk().await.map_err(from_stream)? {
                        sink.write(&chunk)?;
                    }
                }
            }
        }
        Target::Direct(uri) => {
            let (length, reader) = match open(&uri, &args.selector, global).await?.content {
                BlobContent::Managed { length, reader, .. } => (length, reader),
                BlobContent::External(external) => return Err(not_fetched(&external.uri)),
            };
            if range.is_some() && start >= length {
                let hint = format!("the blob has {length} bytes; give a smaller --offset");
                return Err(Failure::Blob { failure: BlobFailure::Range, hint: Some(hint) });
            }
            let end = args.length.map_or(length, |count| length.min(start + count));
            let mut at = start;
            while at < end {
                let next = end.min(at + BLOB_READ_BYTES);
                sink.write(&reader.read_range(at..next).await.map_err(from_engine)?)?;
                at = next;
            }
        }
    }
    sink.finish()
}

/// Where the bytes go. A file is created with the first bytes or at the end, so that a refused read leaves it alone.
struct ByteSink<'a> {
    path: Option<&'a Path>,
    to: Option<Box<dyn Write + Send>>,
}

impl ByteSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.path;
        let failed = |error| match path {
            Some(path) => Failure::io(format!("cannot write '{}'", path.display()), error),
            None => Failure::io("writing to stdout", error),
        };
        let to = match &mut self.to {
            Some(to) => to,
            None => self.to.insert(match path {
                Some(path) => Box::new(File::create(path).map_err(failed)?),
                None => Box::new(std::io::stdout()),
            }),
        };
        to.write_all(bytes).and_then(|()| to.flush()).map_err(failed)
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.write(&[])
    }
}

fn not_fetched(uri: &str) -> Failure {
    Failure::usage(
        format!("the cell refers to '{uri}', which is outside the graph and is not fetched"),
        "`omnigraph blob stat` shows the reference; read it with a tool of its own",
    )
}

/// What a cell holds, in storage or on a server.
enum Cell {
    Managed { size: u64, etag: String },
    External { uri: String },
}

async fn stat(args: &Stat, global: &Global) -> Result<(), Failure> {
    let selector = &args.selector;
    let (cell, commit) = match address::target(selector.uri.as_deref(), global, Access::Read).await? {
        Target::Served(graph) => match graph.blob_head(&selected(selector)).await.map_err(from_client)? {
            BlobAnswer::Managed(blob) => {
                (Cell::Managed { size: blob.size, etag: blob.etag }, blob.snapshot_id)
            }
            BlobAnswer::External(blob) => (Cell::External { uri: blob.uri }, blob.snapshot_id),
        },
        Target::Direct(uri) => {
            let BlobRead { content, resolved_target, .. } = open(&uri, selector, global).await?;
            let cell = match content {
                BlobContent::Managed { length, etag, .. } => {
                    Cell::Managed { size: length, etag: etag.as_str().to_owned() }
                }
                BlobContent::External(external) => Cell::External { uri: external.uri },
            };
            (cell, resolved_target.as_str().to_owned())
        }
    };
    let (kind, size, etag, uri) = match &cell {
        Cell::Managed { size, etag } => ("managed", Some(*size), Some(etag.as_str()), None),
        Cell::External { uri } => ("external", None, None, Some(uri.as_str())),
    };
    let target = match &selector.snapshot {
        Some(id) => TargetDocument { branch: None, snapshot: Some(id), resolved_snapshot: id.clone() },
        None => TargetDocument {
            branch: Some(&selector.branch),
            snapshot: None,
            resolved_snapshot: format!("manifest:{}:v{commit}", selector.branch),
        },
    };
    let document = Document {
        selector: SelectorDocument {
            entity: entity(selector),
            type_name: &selector.type_name,
            id: &selector.id,
            property: &selector.property,
        },
        kind,
        size,
        etag,
        uri,
        target,
    };
    if global.json {
        return output::json(&document);
    }
    let mut lines = vec![
        format!("entity: {}", document.selector.entity),
        format!("type: {}", selector.type_name),
        format!("id: {}", selector.id),
        format!("property: {}", selector.property),
        format!("kind: {kind}"),
    ];
    lines.extend(size.map(|size| format!("size: {size}")));
    lines.extend(etag.map(|etag| format!("etag: {etag}")));
    lines.extend(uri.map(|uri| format!("uri: {uri}")));
    lines.push(match &selector.snapshot {
        Some(id) => format!("snapshot: {id}"),
        None => format!("branch: {}", selector.branch),
    });
    lines.push(format!("resolved_snapshot: {}", document.target.resolved_snapshot));
    output::line(&lines.join("\n"))
}

fn entity(selector: &Selector) -> BlobEntityKind {
    match selector.entity {
        Entity::Node => BlobEntityKind::Node,
        Entity::Edge => BlobEntityKind::Edge,
    }
}

fn selected(selector: &Selector) -> BlobSelector {
    let snapshot = selector.snapshot.clone();
    BlobSelector {
        entity: entity(selector),
        type_name: selector.type_name.clone(),
        id: selector.id.clone(),
        property: selector.property.clone(),
        branch: snapshot.is_none().then(|| selector.branch.clone()),
        snapshot,
    }
}

async fn open(uri: &str, selector: &Selector, global: &Global) -> Result<BlobRead, Failure> {
    let graph = address::open(uri, global, Access::Read).await?;
    let branch = selector.snapshot.is_none().then_some(selector.branch.as_str());
    let target = service::read_target(branch, selector.snapshot.as_deref()).map_err(from_engine)?;
    let cell = BlobCell {
        entity: match selector.entity {
            Entity::Node => EntityKind::Node,
            Entity::Edge => EntityKind::Edge,
        },
        type_name: selector.type_name.clone(),
        id: selector.id.clone(),
        property: selector.property.clone(),
    };
    graph.read_blob_at(target, cell).await.map_err(from_engine)
}

/// Gives a failure of the engine the text that a server has for it, with the cause as a hint.
fn from_engine(error: OmniError) -> Failure {
    let failure = match service::error::reply(&error).status() {
        400 | 409 => BlobFailure::Selector,
        404 => BlobFailure::NotFound,
        413 => BlobFailure::Limit,
        416 => BlobFailure::Range,
        _ => BlobFailure::Delivery,
    };
    blob_failure(failure, error.to_string())
}

/// Gives a failure of a server the same text, with what the server says as a hint.
fn from_client(error: ClientError) -> Failure {
    match error {
        ClientError::Blob { failure, error, .. } => match error {
            Some(error) => blob_failure(failure, error.error),
            None => Failure::Blob { failure, hint: None },
        },
        other if other.status().is_some_and(|status| status >= 500) => from_stream(other),
        other => other.into(),
    }
}

/// Gives a failure in the middle of the bytes its text.
fn from_stream(error: ClientError) -> Failure {
    blob_failure(BlobFailure::Delivery, error.to_string())
}

fn blob_failure(failure: BlobFailure, cause: String) -> Failure {
    let hint = (cause != failure.to_string()).then_some(cause);
    Failure::Blob { failure, hint }
}
