//! `omnigraph blob get` and `blob stat`.

use std::fs::File;
use std::io::Write;

use omnigraph::Omnigraph;
use omnigraph::db::{BLOB_READ_BYTES, BlobCell, BlobContent, BlobRead, ReadTarget, SnapshotId};
use omnigraph::error::{ManifestErrorKind, OmniError};
use omnigraph_compiler::catalog::EntityKind;
use serde::Serialize;

use crate::address;
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
    target: Target<'a>,
}

#[derive(Serialize)]
struct SelectorDocument<'a> {
    entity: &'static str,
    #[serde(rename = "type")]
    type_name: &'a str,
    id: &'a str,
    property: &'a str,
}

#[derive(Serialize)]
struct Target<'a> {
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
    if args.length == Some(0) {
        return Err(Failure::usage(
            "Blob range --length must be greater than zero",
            "leave it out to read to the end",
        ));
    }
    let start = args.offset.unwrap_or(0);
    let end = match args.length.map(|length| start.checked_add(length)) {
        Some(None) => {
            return Err(Failure::usage("Blob range overflows u64", "give a smaller --offset or --length"));
        }
        Some(end) => end,
        None => None,
    };
    let read = open(&args.selector, global).await?;
    let (length, reader) = match read.content {
        BlobContent::Managed { length, reader, .. } => (length, reader),
        BlobContent::External(external) => {
            return Err(Failure::usage(
                format!(
                    "the cell refers to '{}', which is outside the graph and is not fetched",
                    external.uri
                ),
                "`omnigraph blob stat` shows the reference; read it with a tool of its own",
            ));
        }
    };
    let ranged = args.offset.is_some() || args.length.is_some();
    if ranged && start >= length {
        return Err(Failure::usage(
            "Blob range is not satisfiable",
            format!("the blob has {length} bytes; give a smaller --offset"),
        ));
    }
    let end = end.map_or(length, |end| end.min(length));
    let mut out: Option<Box<dyn Write + Send>> = None;
    let mut at = start;
    loop {
        let next = end.min(at + BLOB_READ_BYTES);
        let bytes = reader.read_range(at..next).await?;
        let to = |error| match &args.out {
            Some(path) => Failure::io(format!("cannot write '{}'", path.display()), error),
            None => Failure::io("writing to stdout", error),
        };
        let out = match &mut out {
            Some(out) => out,
            None => out.insert(match &args.out {
                Some(path) => Box::new(File::create(path).map_err(to)?),
                None => Box::new(std::io::stdout()),
            }),
        };
        out.write_all(&bytes).and_then(|()| out.flush()).map_err(to)?;
        at = next;
        if at == end {
            return Ok(());
        }
    }
}

async fn stat(args: &Stat, global: &Global) -> Result<(), Failure> {
    let read = open(&args.selector, global).await?;
    let selector = &args.selector;
    let (kind, size, etag, uri) = match &read.content {
        BlobContent::Managed { length, etag, .. } => ("managed", Some(*length), Some(etag.as_str()), None),
        BlobContent::External(external) => ("external", None, None, Some(external.uri.as_str())),
    };
    let entity = match selector.entity {
        Entity::Node => "node",
        Entity::Edge => "edge",
    };
    let target = match &selector.snapshot {
        Some(id) => Target { branch: None, snapshot: Some(id), resolved_snapshot: id.clone() },
        None => Target {
            branch: Some(&selector.branch),
            snapshot: None,
            resolved_snapshot: format!("manifest:{}:v{}", selector.branch, read.graph_manifest_version),
        },
    };
    let document = Document {
        selector: SelectorDocument {
            entity,
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
    if args.json {
        return output::json(&document);
    }
    let mut lines = vec![
        format!("entity: {entity}"),
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

async fn open(selector: &Selector, global: &Global) -> Result<BlobRead, Failure> {
    let uri = address::resolve(selector.uri.as_deref(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let target = match &selector.snapshot {
        Some(id) => ReadTarget::Snapshot(SnapshotId::new(id)),
        None => ReadTarget::Branch(selector.branch.clone()),
    };
    // What cannot be resolved is told as such, before the cell is looked for.
    graph.snapshot_of(target.clone()).await?;
    let cell = BlobCell {
        entity: match selector.entity {
            Entity::Node => EntityKind::Node,
            Entity::Edge => EntityKind::Edge,
        },
        type_name: selector.type_name.clone(),
        id: selector.id.clone(),
        property: selector.property.clone(),
    };
    graph.read_blob_at(target, cell).await.map_err(|error| match &error {
        OmniError::Manifest(refusal) if refusal.kind == ManifestErrorKind::BadRequest => {
            Failure::Engine(OmniError::bad_request(format!("invalid Blob selector: {}", refusal.message)))
        }
        OmniError::BlobIntegrity { .. } => Failure::usage(
            "Blob delivery failed",
            format!("{error}; read an earlier commit, or restore the graph"),
        ),
        _ => Failure::Engine(error),
    })
}
