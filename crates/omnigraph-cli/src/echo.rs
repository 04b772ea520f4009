//! The line on stderr that announces a write before it begins.

use crate::address::{self, Target};
use crate::args::Global;

/// Announces a write to a graph in storage, unless `--quiet` was given.
pub(crate) fn storage_write(label: &str, uri: &str, global: &Global) {
    announce(label, uri, address::storage_kind(uri), global);
}

/// Announces a write to a graph in storage or on a server, unless `--quiet` was given.
pub(crate) fn write(label: &str, target: &Target, global: &Global) {
    announce(label, &target.uri(), target.kind(), global);
}

fn announce(label: &str, uri: &str, kind: &str, global: &Global) {
    if !global.quiet {
        eprintln!("omnigraph {label} → {uri} ({kind})");
    }
}
