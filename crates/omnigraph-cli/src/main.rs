//! The `omnigraph` command line.
//!
//! stdout holds the result and nothing else; stderr holds warnings, notes, progress and errors.
//!
//! `main` parses the arguments into an invocation, lets `commands` run it, and lets `report` print a failure. A module
//! uses only modules of the lines above its own:
//!
//! ```text
//! args (what may be typed), failure (why a command failed)
//! input, output (files and stdout), operator (the operator config), guard (which flags a command accepts)
//! address (which graph is meant), consent, format (rows of reads), progress
//! echo (announces writes), report (prints failures)
//! commands (one module per family)
//! ```

mod address;
mod args;
mod commands;
mod consent;
mod echo;
mod failure;
mod format;
mod guard;
mod input;
mod operator;
mod output;
mod progress;
mod report;

use std::process::ExitCode;

use crate::args::Invocation;
use crate::failure::Failure;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if arguments.len() <= 1 {
        let _ = args::grammar().write_long_help(&mut anstream::stderr());
        return ExitCode::from(2);
    }
    let invocation = match Invocation::parse(arguments) {
        Ok(invocation) => invocation,
        Err(error) => error.exit(),
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("OMNIGRAPH_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off")),
        )
        .init();
    #[cfg(feature = "failpoints")]
    if let Err(message) = omnigraph::failpoints::arm_from_environment() {
        return report::print(&Failure::Usage { message, hint: None }, false);
    }
    let json = invocation.json_failures();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report::print(&Failure::io("starting the async runtime", error), json),
    };
    let result = runtime.block_on(commands::run(&invocation));
    // A read of stdin or of an abandoned query may still block a thread; it must not hold up the exit.
    runtime.shutdown_background();
    match result {
        Ok(code) => code,
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => report::print(&failure, json),
    }
}
