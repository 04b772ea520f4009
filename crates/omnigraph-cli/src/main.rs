//! The `omnigraph` command line.
//!
//! `args` says what a user may type, `commands` does it, `format` prints reads, `report` prints failures. stdout holds
//! the result and nothing else; stderr holds warnings, notes, progress and errors.

mod address;
mod args;
mod commands;
mod consent;
mod failure;
mod format;
mod guard;
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
    let outcome = runtime.block_on(commands::run(&invocation));
    // A read of stdin or of an abandoned query may still block a thread; it must not hold up the exit.
    runtime.shutdown_background();
    match outcome {
        Ok(code) => code,
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => report::print(&failure, json),
    }
}
