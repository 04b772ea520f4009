//! Reading files that the command line names.

use std::path::Path;

use crate::failure::Failure;

/// Reads a text file; `-` is stdin.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin().lock())
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|e| Failure::io(format!("cannot read '{}'", path.display()), e))
}
