//! What a user may type. Parsing touches no file and no graph.

pub(crate) mod alias;
pub(crate) mod blob;
mod branch;
mod changes;
mod commit;
pub(crate) mod context;
pub(crate) mod embed;
mod maintenance;
pub(crate) mod policy;
pub(crate) mod session;

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::builder::{FalseyValueParser, NonEmptyStringValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub(crate) use branch::{Branch, BranchCreate, BranchDelete, BranchList, BranchMerge, Resolve, Tag};
pub(crate) use changes::{Baseline, Changes, CommitChanges, Diff, Poll};
pub(crate) use commit::{Commit, CommitFilter, CommitList, CommitShow};
pub(crate) use maintenance::{
    Cleanup, Index, IndexBuild, IndexList, Optimize, Recovery, RecoveryList, Repair,
};

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

/// Flags that may stand before or after any subcommand.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Author recorded with a write.
    #[arg(
        long = "as",
        value_name = "ACTOR",
        global = true,
        help_heading = "Global options",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) actor: Option<String>,
    /// The server: a name from the operator config, or a URL.
    #[arg(long, value_name = "NAME|URL", global = true, help_heading = "Global options")]
    pub(crate) server: Option<String>,
    /// The graph of the server.
    #[arg(long, value_name = "ID", global = true, help_heading = "Global options")]
    pub(crate) graph: Option<String>,
    /// A profile of the operator config [env: OMNIGRAPH_PROFILE].
    #[arg(long, value_name = "NAME", global = true, help_heading = "Global options")]
    pub(crate) profile: Option<String>,
    /// The graph's storage: a path, file://… or s3://bucket/prefix [env: OMNIGRAPH_STORE].
    #[arg(long, value_name = "URI", global = true, help_heading = "Global options")]
    pub(crate) store: Option<String>,
    /// The cluster: a directory, a storage root, or a name from the operator config.
    #[arg(long, value_name = "DIR|URI|NAME", global = true, hide = true, help_heading = "Global options")]
    pub(crate) cluster: Option<String>,
    /// Compute the `@embed` vectors that loads and mutations leave out, with the embedder of the environment.
    #[arg(
        long,
        global = true,
        env = "OMNIGRAPH_EMBED_ON_WRITE",
        hide_env_values = true,
        value_parser = FalseyValueParser::new(),
        help_heading = "Global options"
    )]
    pub(crate) embed_on_write: bool,
    /// Consent to a destructive write on a target that is not local.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) yes: bool,
    /// Do not announce writes; warnings and errors still show.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Durability of writes: `full` survives power loss, `relaxed` leaves flushing to the system.
    #[arg(long, value_name = "LEVEL", global = true, default_value = "full", hide = true)]
    pub(crate) durability: DurabilityArg,
    /// Bytes that caches, sorts and loads may hold, e.g. 512MiB.
    #[arg(long, value_name = "SIZE", global = true, value_parser = parse_size, default_value = "1GiB", hide = true)]
    pub(crate) memory: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DurabilityArg {
    Full,
    Relaxed,
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
    Alias(alias::Alias),
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
    Context(context::Context),
    /// Read and describe Blob cells.
    #[command(subcommand, after_help = "Example:\n  omnigraph blob stat node Doc d1 body --store my.graph")]
    Blob(blob::Blob),
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
    Graphs(session::Graphs),
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
    Policy(policy::Policy),
    /// Fill embedding vectors into a seed file.
    #[command(
        after_help = "Example:\n  omnigraph embed --input rows.jsonl --output rows.embedded.jsonl --spec spec.json"
    )]
    Embed(embed::Embed),
    /// Store the token of a server.
    #[command(after_help = "Example:\n  omnigraph login prod < token.txt")]
    Login(session::Login),
    /// Remove the token of a server.
    #[command(after_help = "Example:\n  omnigraph logout prod")]
    Logout(session::Logout),
    /// List and show the profiles of the operator config.
    #[command(subcommand, after_help = "Example:\n  omnigraph profile show team")]
    Profile(session::Profile),
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
    /// Tells whether failures are printed as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Command::Query(q) => {
                q.output.json || matches!(q.output.format, Some(Format::Json | Format::Jsonl))
            }
            Command::Alias(a) => {
                a.output.json || matches!(a.output.format, Some(Format::Json | Format::Jsonl))
            }
            Command::Mutate(m) => m.json,
            Command::Context(c) => c.json,
            Command::Load(l) => l.json,
            Command::Ingest(i) => i.json,
            Command::Snapshot(s) => s.json,
            Command::Blob(blob::Blob::Stat(b)) => b.json,
            Command::Commit(Commit::List(c)) => c.json,
            Command::Commit(Commit::Show(c)) => c.json,
            Command::Commit(Commit::Changes(c)) => c.json,
            Command::Diff(d) => d.json,
            Command::Changes(Changes::Poll(c)) => c.json,
            Command::Changes(Changes::Baseline(c)) => c.json,
            Command::Branch(Branch::Create(b)) => b.json,
            Command::Branch(Branch::List(b)) => b.json,
            Command::Branch(Branch::Delete(b)) => b.json,
            Command::Branch(Branch::Merge(b)) => b.json,
            Command::Tag(Tag::Create(t)) => t.json,
            Command::Tag(Tag::List(t)) => t.json,
            Command::Tag(Tag::Delete(t)) => t.json,
            Command::Schema(Schema::Show(s)) => s.json,
            Command::Schema(Schema::Plan(s)) => s.json,
            Command::Schema(Schema::Apply(s)) => s.json,
            Command::Policy(policy::Policy::Validate(p)) => p.json,
            Command::Policy(policy::Policy::Test(p)) => p.json,
            Command::Policy(policy::Policy::Explain(p)) => p.json,
            Command::Embed(e) => e.json,
            Command::Graphs(session::Graphs::List(g)) => g.json,
            Command::Login(l) => l.json,
            Command::Logout(l) => l.json,
            Command::Profile(session::Profile::List(p)) => p.json,
            Command::Profile(session::Profile::Show(p)) => p.json,
            Command::Init(i) => i.json,
            Command::Optimize(o) => o.json,
            Command::Index(Index::List(i)) => i.json,
            Command::Index(Index::Build(i)) => i.json,
            Command::Repair(r) => r.json,
            Command::Cleanup(c) => c.json,
            Command::Recovery(Recovery::List(r)) => r.json,
            Command::Lint(l) => l.json,
            Command::Quickstart(q) => q.json,
            Command::Blob(blob::Blob::Get(_))
            | Command::Export(_)
            | Command::Completions(_)
            | Command::Version => false,
        }
    }
}

/// Where the text of a query comes from.
#[derive(Debug, Args)]
pub(crate) struct QuerySource {
    /// Which query of the text; may be left out when there is one.
    pub(crate) name: Option<String>,
    /// Read queries from a file (`-` is stdin).
    #[arg(long, value_name = "FILE", conflicts_with = "query_string")]
    pub(crate) query: Option<PathBuf>,
    /// The query text itself.
    #[arg(short = 'e', long, value_name = "GQ")]
    pub(crate) query_string: Option<String>,
    /// Parameters as a JSON object.
    #[arg(long, value_name = "JSON", conflicts_with = "params_file")]
    pub(crate) params: Option<String>,
    /// Read the parameters from a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) params_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Query {
    #[command(flatten)]
    pub(crate) source: QuerySource,
    /// Synonym of --store.
    #[arg(long, hide = true, value_name = "URI")]
    pub(crate) uri: Option<String>,
    /// The branch to read.
    #[arg(long, value_name = "BRANCH", conflicts_with = "snapshot")]
    pub(crate) branch: Option<String>,
    /// The commit to read.
    #[arg(long, value_name = "COMMIT")]
    pub(crate) snapshot: Option<String>,
    /// Print the physical plan instead of running the query.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Run the query and print its plan with metrics.
    #[arg(long, conflicts_with = "explain")]
    pub(crate) analyze: bool,
    #[command(flatten)]
    pub(crate) output: ReadOutput,
}

#[derive(Debug, Args)]
pub(crate) struct ReadOutput {
    /// How rows are printed; the default is `table`.
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    pub(crate) format: Option<Format>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Kv,
    Csv,
    Jsonl,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Mutate {
    #[command(flatten)]
    pub(crate) source: QuerySource,
    /// Synonym of --store.
    #[arg(long, hide = true, value_name = "URI")]
    pub(crate) uri: Option<String>,
    /// The branch to write to.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) branch: String,
    /// Write only while this commit is the head; otherwise exit 4.
    #[arg(long, value_name = "COMMIT")]
    pub(crate) if_commit: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The graph, as an optional positional.
#[derive(Debug, Args)]
pub(crate) struct OptionalUri {
    /// The graph: a path, file://… or s3://bucket/prefix.
    #[arg(value_name = "URI")]
    pub(crate) positional: Option<String>,
    /// Synonym of the positional.
    #[arg(long = "uri", hide = true, value_name = "URI", conflicts_with = "positional")]
    pub(crate) option: Option<String>,
}

impl OptionalUri {
    /// Returns whichever was given.
    pub(crate) fn given(&self) -> Option<&str> {
        self.positional.as_deref().or(self.option.as_deref())
    }
}

#[derive(Debug, Args)]
pub(crate) struct Load {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The JSONL file (`-` is stdin).
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// What happens to entities that exist.
    #[arg(long, value_name = "MODE")]
    pub(crate) mode: Mode,
    /// The branch to write to.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) branch: String,
    /// Fork the branch from this one first, if it does not exist.
    #[arg(long, value_name = "BASE")]
    pub(crate) from: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ingest {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The file of JSON values (`-` is stdin).
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// What happens to entities that exist.
    #[arg(long, value_name = "MODE", default_value = "merge")]
    pub(crate) mode: Mode,
    /// The branch to write to.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) branch: String,
    /// Fork the branch from this one first, if it does not exist.
    #[arg(long, value_name = "BASE", default_value = "main")]
    pub(crate) from: String,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Mode {
    /// Replace the whole content of each type that occurs in the input.
    Overwrite,
    /// Add entities; one that exists is an error.
    Append,
    /// Add entities and replace those that exist.
    Merge,
}

#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The branch to read.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) branch: String,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The branch to read.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) branch: String,
    /// Only this type; may be repeated.
    #[arg(long = "type", value_name = "NAME")]
    pub(crate) types: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Schema {
    /// Print the schema of main.
    #[command(alias = "get", after_help = "Example:\n  omnigraph schema show my.graph")]
    Show(SchemaShow),
    /// Print the steps from the schema of main to another one.
    #[command(after_help = "Example:\n  omnigraph schema plan my.graph --schema new.pg")]
    Plan(SchemaPlan),
    /// Change the schema of a branch, as one commit.
    #[command(after_help = "Example:\n  omnigraph schema apply my.graph --schema new.pg")]
    Apply(SchemaApply),
}

#[derive(Debug, Args)]
pub(crate) struct SchemaShow {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaPlan {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The desired schema.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: PathBuf,
    /// Plan drops as hard.
    #[arg(long)]
    pub(crate) allow_data_loss: bool,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaApply {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The desired schema.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: PathBuf,
    /// The branch whose schema changes; others keep theirs.
    #[arg(long, default_value = "main", value_name = "NAME")]
    pub(crate) branch: String,
    /// Make drops hard: older commits lose the types they touch.
    #[arg(long)]
    pub(crate) allow_data_loss: bool,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where to create it: a path, file://… or s3://bucket/prefix.
    pub(crate) uri: String,
    /// The schema file.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: PathBuf,
    /// Replace schema files that a graph left behind; a graph is never replaced.
    #[arg(long)]
    pub(crate) force: bool,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Lint {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The query file.
    #[arg(long, value_name = "FILE")]
    pub(crate) query: PathBuf,
    /// The schema file; without it the graph's schema counts.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Quickstart {
    /// Where to put the graph: a directory that does not exist or is empty.
    #[arg(value_name = "DIR", default_value = "quickstart.graph")]
    pub(crate) dir: PathBuf,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// Parses `512MiB`, `2GB`, `1048576`.
fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| "expected a size such as 512MiB".to_owned())?;
    let unit: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        other => return Err(format!("unknown unit '{other}': use KiB, MiB or GiB")),
    };
    number
        .checked_mul(unit)
        .filter(|bytes| *bytes >= 16 << 20)
        .ok_or_else(|| "the smallest budget is 16MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_argument_grammar_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_are_parsed_with_their_unit() {
        assert_eq!(parse_size("512MiB"), Ok(512 << 20));
        assert_eq!(parse_size("2g"), Ok(2 << 30));
        assert_eq!(parse_size("20000000"), Ok(20_000_000));
        assert!(parse_size("1KiB").is_err());
        assert!(parse_size("lots").is_err());
    }
}
