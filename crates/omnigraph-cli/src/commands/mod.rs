//! The commands, a module per family.
//!
//! A command resolves the graph, makes one request of its arguments, sends it to the engine or to a server, and prints
//! the answer. `blocks` (change blocks as they arrive), `data_file` (loads of files), `query_input` (query texts and
//! parameters) and `type_names` (checks of `--type`) hold what several commands share; `baseline` is a part of `changes`.

mod alias;
mod baseline;
mod blob;
mod blocks;
mod branch;
mod changes;
mod cleanup;
mod commit;
mod context;
mod data_file;
mod embed;
mod export;
mod graphs;
mod index;
mod ingest;
mod init;
mod lint;
mod load;
mod login;
mod mutate;
mod optimize;
mod policy;
mod profile;
mod query;
mod query_input;
mod quickstart;
mod recovery;
mod repair;
mod schema;
mod snapshot;
mod tag;
mod type_names;
mod version;

use std::process::ExitCode;

use crate::args::graphs::Graphs;
use crate::args::{self, Command, Invocation};
use crate::failure::Failure;
use crate::guard;
use crate::output;

/// Runs the command and returns its exit code.
pub(crate) async fn run(invocation: &Invocation) -> Result<ExitCode, Failure> {
    let Invocation { command, global } = invocation;
    guard::check(command, global)?;
    match command {
        Command::Query(args) => query::run(args, global).await,
        Command::Context(args) => context::run(args, global).await,
        Command::Alias(args) => alias::run(args, global).await,
        Command::Mutate(args) => mutate::run(args, global).await,
        Command::Load(args) => load::run(args, global).await,
        Command::Ingest(args) => ingest::run(args, global).await,
        Command::Snapshot(args) => snapshot::run(args, global).await,
        Command::Export(args) => export::run(args, global).await,
        Command::Blob(args) => blob::run(args, global).await,
        Command::Commit(args) => commit::run(args, global).await,
        Command::Diff(args) => changes::diff(args, global).await,
        Command::Changes(args) => changes::run(args, global).await,
        Command::Branch(args) => branch::run(args, global).await,
        Command::Tag(args) => tag::run(args, global).await,
        Command::Schema(args) => schema::run(args, global).await,
        Command::Graphs(Graphs::List) => graphs::list(global).await,
        Command::Init(args) => init::run(args, global).await,
        Command::Optimize(args) => optimize::run(args, global).await,
        Command::Index(args) => index::run(args, global).await,
        Command::Repair(args) => return repair::run(args, global).await,
        Command::Cleanup(args) => cleanup::run(args, global).await,
        Command::Recovery(args) => recovery::run(args, global).await,
        Command::Policy(args) => return policy::run(args, global),
        Command::Embed(args) => embed::run(args, global).await,
        Command::Login(args) => login::login(args, global),
        Command::Logout(args) => login::logout(args, global),
        Command::Profile(args) => profile::run(args, global),
        Command::Lint(args) => return lint::run(args, global).await,
        Command::Quickstart(args) => quickstart::run(args, global).await,
        Command::Completions(args) => {
            // The generator panics when its writer fails, so it writes to memory.
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut args::grammar(), "omnigraph", &mut script);
            output::bytes(&script)
        }
        Command::Version => version::run(),
    }?;
    Ok(ExitCode::SUCCESS)
}
