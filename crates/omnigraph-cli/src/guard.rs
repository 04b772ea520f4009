//! Which addressing flags each command accepts.
//!
//! A flag that the command cannot use is refused before any file is read and anything is sent.

use crate::args::blob::Blob;
use crate::args::changes::Changes;
use crate::args::schema::Schema;
use crate::args::{Command, Global};
use crate::failure::Failure;

/// What a command works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Capability {
    /// A graph, served or in storage.
    Data,
    /// A server.
    Served,
    /// Storage.
    Direct,
    /// A cluster.
    Control,
    /// No graph.
    Local,
}

/// A flag that says which graph is meant, or who writes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flag {
    Server,
    Cluster,
    Graph,
    Store,
    As,
    Profile,
}

use Flag::{As, Cluster, Graph, Profile, Server, Store};

/// How a command is called, and what it accepts.
struct Rule {
    label: &'static str,
    capability: Capability,
    accepted: &'static [Flag],
}

impl Rule {
    const fn new(label: &'static str, capability: Capability, accepted: &'static [Flag]) -> Rule {
        Rule { label, capability, accepted }
    }
}

/// Refuses the first flag that the command cannot use. Defaults from the environment are no flags.
pub(crate) fn check(command: &Command, global: &Global) -> Result<(), Failure> {
    let Some(rule) = rule(command) else { return Ok(()) };
    let given = [
        (Server, global.server.is_some()),
        (Cluster, global.cluster.is_some()),
        (Graph, global.graph.is_some()),
        (Store, global.store.is_some()),
        (As, global.actor.is_some()),
        (Profile, global.profile.is_some()),
    ];
    match given.into_iter().find(|(flag, given)| *given && !rule.accepted.contains(flag)) {
        Some((flag, _)) => Err(refusal(&rule, flag)),
        None => Ok(()),
    }
}

/// Returns what a command accepts; `None` for `alias`, which checks its flags itself.
fn rule(command: &Command) -> Option<Rule> {
    const WRITE: &[Flag] = &[Server, Graph, Store, As, Profile];
    // Reads record no author, so they take no `--as`.
    const READ: &[Flag] = &[Server, Graph, Store, Profile];
    // Work on storage: without a record of its author, and with one.
    const MAINTENANCE: &[Flag] = &[Cluster, Graph, Store, Profile];
    const AUTHORED: &[Flag] = &[Cluster, Graph, Store, As, Profile];
    let (label, capability, accepted): (_, _, &'static [Flag]) = match command {
        Command::Query(_) => ("query", Capability::Data, READ),
        Command::Mutate(_) => ("mutate", Capability::Data, WRITE),
        Command::Load(_) => ("load", Capability::Data, WRITE),
        Command::Ingest(_) => ("ingest", Capability::Data, WRITE),
        Command::Branch(_) => ("branch", Capability::Data, WRITE),
        Command::Snapshot(_) => ("snapshot", Capability::Data, WRITE),
        Command::Export(_) => ("export", Capability::Data, WRITE),
        Command::Blob(Blob::Get(_)) => ("blob get", Capability::Data, READ),
        Command::Blob(Blob::Stat(_)) => ("blob stat", Capability::Data, READ),
        Command::Commit(_) => ("commit", Capability::Data, READ),
        Command::Changes(Changes::Poll(_)) => ("changes poll", Capability::Data, READ),
        Command::Changes(Changes::Baseline(_)) => ("changes baseline", Capability::Data, READ),
        Command::Schema(Schema::Show(_)) => ("schema show", Capability::Data, WRITE),
        Command::Schema(Schema::Apply(_)) => ("schema apply", Capability::Data, WRITE),
        Command::Schema(Schema::Plan(_)) => ("schema plan", Capability::Direct, &[Store, Profile]),
        Command::Graphs(_) => ("graphs list", Capability::Served, &[Server, Profile]),
        Command::Init(_) => ("init", Capability::Direct, &[]),
        Command::Optimize(_) => ("optimize", Capability::Direct, MAINTENANCE),
        Command::Repair(_) => ("repair", Capability::Direct, MAINTENANCE),
        Command::Cleanup(_) => ("cleanup", Capability::Direct, MAINTENANCE),
        Command::Lint(_) => ("lint", Capability::Direct, MAINTENANCE),
        Command::Recovery(_) => ("recovery", Capability::Direct, MAINTENANCE),
        Command::Context(_) => ("context", Capability::Direct, MAINTENANCE),
        Command::Diff(_) => ("diff", Capability::Direct, MAINTENANCE),
        Command::Index(_) => ("index", Capability::Direct, AUTHORED),
        Command::Tag(_) => ("tag", Capability::Direct, AUTHORED),
        Command::Policy(_) => ("policy", Capability::Control, &[Cluster, Graph, Profile]),
        Command::Embed(_) => ("embed", Capability::Local, &[]),
        Command::Login(_) => ("login", Capability::Local, &[]),
        Command::Logout(_) => ("logout", Capability::Local, &[]),
        Command::Profile(_) => ("profile", Capability::Local, &[]),
        Command::Quickstart(_) => ("quickstart", Capability::Local, &[]),
        Command::Completions(_) => ("completions", Capability::Local, &[]),
        Command::Version => ("version", Capability::Local, &[]),
        Command::Alias(_) => return None,
    };
    Some(Rule::new(label, capability, accepted))
}

fn refusal(rule: &Rule, flag: Flag) -> Failure {
    let capability = match rule.capability {
        Capability::Data => "data",
        Capability::Served => "served",
        Capability::Direct => "direct (storage-native)",
        Capability::Control => "cluster control",
        Capability::Local => "local",
    };
    let purpose = match flag {
        Server => "--server addresses a served graph",
        Cluster => "--cluster addresses a cluster-scoped command",
        Graph => "--graph selects a graph within a server or cluster scope",
        Store => "--store addresses a single graph's storage directly",
        As => "--as sets the actor for a direct-engine or actor-bound cluster operation",
        Profile => "--profile selects a scope bundle",
    };
    let remedy = match (rule.capability, rule.label) {
        (Capability::Data, _) => "",
        (Capability::Direct, "optimize" | "repair" | "cleanup") => {
            " Pass a storage URI, or --cluster <dir> --graph <id>."
        }
        (Capability::Direct, _) => " Pass a storage URI.",
        (Capability::Served, _) => " Address the server with --server <name|url> or --profile <name>.",
        (Capability::Control, _) => {
            " It operates on a cluster (pass --cluster <dir|uri>, or select a cluster profile)."
        }
        (Capability::Local, _) => " It does not address a graph.",
    };
    let hint = (rule.capability == Capability::Control)
        .then(|| "this build has no cluster support; pass --file <bundle.yaml>".to_owned());
    let message =
        format!("`{}` is a {capability} command; {purpose} and does not apply.{remedy}", rule.label);
    Failure::Usage { message, hint }
}
