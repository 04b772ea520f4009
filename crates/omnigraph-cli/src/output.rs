//! Writing results to stdout.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::address::{self, Target};
use crate::failure::Failure;

/// Prints one pretty JSON document.
pub(crate) fn json(document: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(document).expect("result documents have text keys only");
    line(&text)
}

/// Prints text and a newline.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(|e| Failure::io("writing to stdout", e))
}

/// Prints bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|e| Failure::io("writing to stdout", e))
}

/// Reads a text file; `-` is stdin.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin().lock())
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|e| Failure::io(format!("cannot read '{}'", path.display()), e))
}

/// Announces a write to storage on stderr, unless told to be quiet.
pub(crate) fn echo(label: &str, uri: &str, quiet: bool) {
    echo_access(label, uri, address::direct_access(uri), quiet);
}

/// Announces a write on stderr, unless told to be quiet.
pub(crate) fn echo_target(label: &str, target: &Target, quiet: bool) {
    echo_access(label, &target.uri(), target.access(), quiet);
}

fn echo_access(label: &str, uri: &str, access: &str, quiet: bool) {
    if !quiet {
        eprintln!("omnigraph {label} → {uri} ({access})");
    }
}
