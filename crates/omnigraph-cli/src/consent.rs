//! Consent to a destructive write: given by `--yes`, or asked for on a terminal.

use std::io::{IsTerminal, Write};

use crate::args::Global;
use crate::failure::Failure;

/// Asks before a destructive write to a target that is not on this machine.
pub(crate) fn require(label: &str, uri: &str, is_local: bool, global: &Global) -> Result<(), Failure> {
    if is_local || global.yes {
        return Ok(());
    }
    if global.json || !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            format!("refusing destructive `{label}` on {uri} without consent"),
            "pass --yes to consent",
        ));
    }
    eprint!("`{label}` removes data at {uri}. Type yes to continue: ");
    let mut answer = String::new();
    std::io::stderr()
        .flush()
        .and_then(|()| std::io::stdin().read_line(&mut answer))
        .map_err(|e| Failure::io("reading your answer", e))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "yes" | "y" => Ok(()),
        _ => Err(Failure::Usage { message: format!("`{label}` was aborted"), hint: None }),
    }
}
