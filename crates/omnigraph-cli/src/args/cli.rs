//! The commands, and what each says about itself.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Parser, Subcommand};

use super::alias::Alias;
use super::blob::Blob;
use super::branch::{Branch, Tag};
use super::changes::{Changes, Diff};
use super::commit::Commit;
use super::context::Context;
use super::data::{Export, Ingest, Load, Snapshot};
use super::embed::Embed;
use super::global::Global;
use super::graphs::Graphs;
use super::local::{Completions, Login, Logout, Profile, Quickstart};
use super::maintenance::{Cleanup, Index, Optimize, Recovery, Repair};
use super::policy::Policy;
use super::query::{Format, Mutate, Query};
use super::schema::{Init, Lint, Schema};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const CAPABILITIES: &str = "\
COMMANDS BY CAPABILITY
  data    query, mutate, load, branch, snapshot, export, blob, commit, changes, schema show, schema apply: read and write one graph, in storage or on a server
  served  graphs list: ask a server
  direct  context, diff, tag, init, schema plan, optimize, index, repair, cleanup, recovery, lint: work on a graph's storage, or on files alone
  control policy: check, test and explain policy bundles
  local   alias, embed, login, logout, profile, quickstart, completions, version: address no graph of their own

Start here:
  omnigraph quickstart";

/// Command line of the Omnigraph graph database.
#[derive(Debug, Parser)]
#[command(
    name = "omnigraph",
    version,
    disable_version_flag = true,
    styles = STYLES,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = CAPABILITIES,
    after_long_help = CAPABILITIES
)]
pub(crate) struct Cli {
    /// Print the version.
    #[arg(short = 'v', long = "version", action = ArgAction::Version)]
    version: (),

    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a read query.
    #[command(
        visible_alias = "read",
        after_help = "Example:\n  omnigraph query --store my.graph -e 'query q() { match { $p: Person } return { $p.name } }'"
    )]
    Query(Query),
    /// Run a mutation: all its statements in one commit, or none.
    #[command(
        visible_alias = "change",
        after_help = "Example:\n  omnigraph mutate add --store my.graph --query people.gq --params '{\"name\":\"Ada\"}'"
    )]
    Mutate(Mutate),
    /// Run a stored query of a server, as bound under `aliases` of the operator config.
    #[command(after_help = "Example:\n  omnigraph alias who Ada --format kv")]
    Alias(Alias),
    /// Load JSONL as one commit.
    #[command(after_help = "Example:\n  omnigraph load my.graph --data people.jsonl --mode append")]
    Load(Load),
    /// Load a sequence of JSON values as one commit: the older form of `load`.
    #[command(hide = true, after_help = "Example:\n  omnigraph ingest my.graph --data people.jsonl")]
    Ingest(Ingest),
    /// Show what the head of a branch holds.
    #[command(after_help = "Example:\n  omnigraph snapshot my.graph --json")]
    Snapshot(Snapshot),
    /// Write the graph as JSONL to stdout.
    #[command(after_help = "Example:\n  omnigraph export my.graph --type Person > people.jsonl")]
    Export(Export),
    /// Gather what the graph knows about a text: entities found by words and meaning, and what edges lead to.
    #[command(
        after_help = "Example:\n  omnigraph context \"image formats\" --store my.graph --hops 2 --max-tokens 4000"
    )]
    Context(Context),
    /// Read and describe Blob cells.
    #[command(subcommand, after_help = "Example:\n  omnigraph blob stat node Doc d1 body --store my.graph")]
    Blob(Blob),
    /// List and show commits.
    #[command(subcommand, after_help = "Example:\n  omnigraph commit list my.graph")]
    Commit(Commit),
    /// Show what sets two branches or commits apart.
    #[command(after_help = "Example:\n  omnigraph diff main review --store my.graph --values")]
    Diff(Diff),
    /// Follow the changes of a branch.
    #[command(
        subcommand,
        after_help = "Example:\n  omnigraph changes poll --store my.graph --start beginning"
    )]
    Changes(Changes),
    /// Fork, list, delete and merge branches.
    #[command(subcommand, after_help = "Example:\n  omnigraph branch create review --store my.graph")]
    Branch(Branch),
    /// Name commits, so that cleanup keeps them.
    #[command(subcommand, after_help = "Example:\n  omnigraph tag create v1 --store my.graph")]
    Tag(Tag),
    /// Show the schema, plan a change of it, or make it.
    #[command(subcommand, after_help = "Example:\n  omnigraph schema show my.graph")]
    Schema(Schema),
    /// List the graphs of a server.
    #[command(
        subcommand,
        after_help = "Example:\n  omnigraph graphs list --server https://graphs.example.org"
    )]
    Graphs(Graphs),
    /// Create a graph.
    #[command(after_help = "Example:\n  omnigraph init my.graph --schema schema.pg")]
    Init(Init),
    /// Compact the tables of a branch and build what its indexes lack.
    #[command(after_help = "Example:\n  omnigraph optimize my.graph")]
    Optimize(Optimize),
    /// List the declared indexes, or build what they lack.
    #[command(subcommand, after_help = "Example:\n  omnigraph index list my.graph")]
    Index(Index),
    /// Report on tables that were written to behind the graph's back.
    #[command(after_help = "Example:\n  omnigraph repair my.graph")]
    Repair(Repair),
    /// Remove old versions and garbage; without --confirm only show what would go.
    #[command(after_help = "Example:\n  omnigraph cleanup my.graph --keep 10 --older-than 30d --confirm")]
    Cleanup(Cleanup),
    /// Show what became of interrupted writes.
    #[command(subcommand, after_help = "Example:\n  omnigraph recovery list my.graph")]
    Recovery(Recovery),
    /// Type-check every query of a file against a schema.
    #[command(after_help = "Example:\n  omnigraph lint --query people.gq --schema schema.pg")]
    Lint(Lint),
    /// Check a policy bundle, test it, and explain what it decides.
    #[command(subcommand, after_help = "Example:\n  omnigraph policy validate --file policy.yaml")]
    Policy(Policy),
    /// Fill embedding vectors into a seed file.
    #[command(
        after_help = "Example:\n  omnigraph embed --input rows.jsonl --output rows.embedded.jsonl --spec spec.json"
    )]
    Embed(Embed),
    /// Store the token of a server.
    #[command(after_help = "Example:\n  omnigraph login prod < token.txt")]
    Login(Login),
    /// Remove the token of a server.
    #[command(after_help = "Example:\n  omnigraph logout prod")]
    Logout(Logout),
    /// List and show the profiles of the operator config.
    #[command(subcommand, after_help = "Example:\n  omnigraph profile show team")]
    Profile(Profile),
    /// Make a graph of real data and run a few queries on it.
    #[command(after_help = "Example:\n  omnigraph quickstart /tmp/debian.graph")]
    Quickstart(Quickstart),
    /// Print a completion script for a shell.
    #[command(after_help = "Example:\n  omnigraph completions bash > /etc/bash_completion.d/omnigraph")]
    Completions(Completions),
    /// Print the version and the storage format it writes.
    #[command(after_help = "Example:\n  omnigraph version")]
    Version,
}

impl Command {
    /// Returns the format of rows that was asked for, if the command prints rows.
    pub(crate) fn row_format(&self) -> Option<Format> {
        let (Command::Query(Query { format, .. }) | Command::Alias(Alias { format, .. })) = self else {
            return None;
        };
        *format
    }
}
