//! Which addressing flags a command accepts. One that it cannot use is refused before anything else happens.

use crate::args::blob::Blob;
use crate::args::changes::Changes;
use crate::args::schema::Schema;
use crate::args::{Command, Global};
use crate::failure::Failure;

/// What a command works on, as messages say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
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

/// What an addressing flag selects.
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
    kind: Kind,
    accepted: &'static [Flag],
}

impl Rule {
    const fn new(label: &'static str, kind: Kind, accepted: &'static [Flag]) -> Rule {
        Rule { label, kind, accepted }
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

/// Returns what a command accepts; `None` for one that judges its flags itself.
fn rule(command: &Command) -> Option<Rule> {
    const WRITE: &[Flag] = &[Server, Graph, Store, As, Profile];
    // They attribute nothing.
    const READ: &[Flag] = &[Server, Graph, Store, Profile];
    const MAINTENANCE: &[Flag] = &[Cluster, Graph, Store, Profile];
    const NAMED: &[Flag] = &[Cluster, Graph, Store, As, Profile];
    let (label, kind, accepted): (_, _, &'static [Flag]) = match command {
        Command::Query(_) => ("query", Kind::Data, READ),
        Command::Mutate(_) => ("mutate", Kind::Data, WRITE),
        Command::Load(_) => ("load", Kind::Data, WRITE),
        Command::Ingest(_) => ("ingest", Kind::Data, WRITE),
        Command::Branch(_) => ("branch", Kind::Data, WRITE),
        Command::Snapshot(_) => ("snapshot", Kind::Data, WRITE),
        Command::Export(_) => ("export", Kind::Data, WRITE),
        Command::Blob(Blob::Get(_)) => ("blob get", Kind::Data, READ),
        Command::Blob(Blob::Stat(_)) => ("blob stat", Kind::Data, READ),
        Command::Commit(_) => ("commit", Kind::Data, READ),
        Command::Changes(Changes::Poll(_)) => ("changes poll", Kind::Data, READ),
        Command::Changes(Changes::Baseline(_)) => ("changes baseline", Kind::Data, READ),
        Command::Schema(Schema::Show(_)) => ("schema show", Kind::Data, WRITE),
        Command::Schema(Schema::Apply(_)) => ("schema apply", Kind::Data, WRITE),
        Command::Schema(Schema::Plan(_)) => ("schema plan", Kind::Direct, &[Store, Profile]),
        Command::Graphs(_) => ("graphs list", Kind::Served, &[Server, Profile]),
        Command::Init(_) => ("init", Kind::Direct, &[]),
        Command::Optimize(_) => ("optimize", Kind::Direct, MAINTENANCE),
        Command::Repair(_) => ("repair", Kind::Direct, MAINTENANCE),
        Command::Cleanup(_) => ("cleanup", Kind::Direct, MAINTENANCE),
        Command::Lint(_) => ("lint", Kind::Direct, MAINTENANCE),
        Command::Recovery(_) => ("recovery", Kind::Direct, MAINTENANCE),
        Command::Context(_) => ("context", Kind::Direct, MAINTENANCE),
        Command::Diff(_) => ("diff", Kind::Direct, MAINTENANCE),
        Command::Index(_) => ("index", Kind::Direct, NAMED),
        Command::Tag(_) => ("tag", Kind::Direct, NAMED),
        Command::Policy(_) => ("policy", Kind::Control, &[Cluster, Graph, Profile]),
        Command::Embed(_) => ("embed", Kind::Local, &[]),
        Command::Login(_) => ("login", Kind::Local, &[]),
        Command::Logout(_) => ("logout", Kind::Local, &[]),
        Command::Profile(_) => ("profile", Kind::Local, &[]),
        Command::Quickstart(_) => ("quickstart", Kind::Local, &[]),
        Command::Completions(_) => ("completions", Kind::Local, &[]),
        Command::Version => ("version", Kind::Local, &[]),
        Command::Alias(_) => return None,
    };
    Some(Rule::new(label, kind, accepted))
}

fn refusal(rule: &Rule, flag: Flag) -> Failure {
    let kind = match rule.kind {
        Kind::Data => "data",
        Kind::Served => "served",
        Kind::Direct => "direct (storage-native)",
        Kind::Control => "cluster control",
        Kind::Local => "local",
    };
    let purpose = match flag {
        Server => "--server addresses a served graph",
        Cluster => "--cluster addresses a cluster-scoped command",
        Graph => "--graph selects a graph within a server or cluster scope",
        Store => "--store addresses a single graph's storage directly",
        As => "--as sets the actor for a direct-engine or actor-bound cluster operation",
        Profile => "--profile selects a scope bundle",
    };
    let remedy = match (rule.kind, rule.label) {
        (Kind::Data, _) => "",
        (Kind::Direct, "optimize" | "repair" | "cleanup") => {
            " Pass a storage URI, or --cluster <dir> --graph <id>."
        }
        (Kind::Direct, _) => " Pass a storage URI.",
        (Kind::Served, _) => " Address the server with --server <name|url> or --profile <name>.",
        (Kind::Control, _) => {
            " It operates on a cluster (pass --cluster <dir|uri>, or select a cluster profile)."
        }
        (Kind::Local, _) => " It does not address a graph.",
    };
    let hint = (rule.kind == Kind::Control)
        .then(|| "this build has no cluster support; pass --file <bundle.yaml>".to_owned());
    let message = format!("`{}` is a {kind} command; {purpose} and does not apply.{remedy}", rule.label);
    Failure::Usage { message, hint }
}
