//! Which graph a command means.

use std::path::Path;

use omnigraph::db::{Durability, OpenOptions};

use crate::args::{DurabilityArg, Global};
use crate::failure::Failure;

/// Returns the graph's URI: the command's own, else `--store` (or its environment default).
pub(crate) fn resolve<'a>(own: Option<&'a str>, global: &'a Global) -> Result<&'a str, Failure> {
    let uri = match (own, global.store.as_deref()) {
        (Some(own), _) => own,
        (None, Some(store)) => store,
        (None, None) => {
            return Err(Failure::usage(
                "no graph addressed",
                "give its URI as an argument, pass --store URI, or set OMNIGRAPH_STORE",
            ));
        }
    };
    check(uri)?;
    Ok(uri)
}

/// Refuses an address that is no storage.
pub(crate) fn check(uri: &str) -> Result<(), Failure> {
    if uri.trim().is_empty() {
        return Err(Failure::usage(
            "the graph's URI is empty",
            "give a path, file://… or s3://bucket/prefix",
        ));
    }
    if uri.starts_with("http://") || uri.starts_with("https://") {
        return Err(Failure::usage(
            format!("'{uri}' is a remote server; this command works on storage"),
            "give a path, file://… or s3://bucket/prefix",
        ));
    }
    let Some(path) = local_path(uri) else { return Ok(()) };
    if path.is_file() {
        return Err(Failure::usage(
            format!("'{uri}' is a file; a graph is a directory"),
            "give the graph's directory, or a new one",
        ));
    }
    match path.ancestors().skip(1).find(|parent| parent.is_file()) {
        Some(parent) => Err(Failure::usage(
            format!("'{uri}' cannot exist: its parent '{}' is not a directory", parent.display()),
            "give a path below a directory",
        )),
        None => Ok(()),
    }
}

/// Returns the path of a URI on this machine, unless it is percent-encoded.
pub(crate) fn local_path(uri: &str) -> Option<&Path> {
    let path = uri.strip_prefix("file://").unwrap_or(uri);
    (is_local(uri) && !(uri.len() > path.len() && path.contains('%'))).then(|| Path::new(path))
}

/// Tells whether a URI is on this machine.
pub(crate) fn is_local(uri: &str) -> bool {
    !uri.contains("://") || uri.starts_with("file://")
}

/// Returns how to open the graph.
pub(crate) fn options(global: &Global, read_only: bool) -> OpenOptions {
    OpenOptions {
        durability: match global.durability {
            DurabilityArg::Full => Durability::Full,
            DurabilityArg::Relaxed => Durability::Relaxed,
        },
        memory_budget: global.memory,
        read_only,
        actor: global.actor.clone(),
        embed_on_write: global.embed_on_write,
        ..OpenOptions::default()
    }
}
