//! Arguments of `policy`.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use omnigraph_policy::{PolicyAction, PolicyResourceKind};

/// `policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Check a policy bundle.
    #[command(after_help = "Example:\n  omnigraph policy validate --file policy.yaml")]
    Validate(PolicyValidate),
    /// Run a file of test cases against a policy bundle.
    #[command(after_help = "Example:\n  omnigraph policy test --file policy.yaml --tests policy.tests.yaml")]
    Test(PolicyTest),
    /// Show what a policy bundle decides about one request, and why.
    #[command(
        after_help = "Example:\n  omnigraph policy explain --file policy.yaml --actor act-ada --action branch_merge --branch draft/x --target-branch main"
    )]
    Explain(PolicyExplain),
}

/// The bundle of a command.
#[derive(Debug, Args)]
pub(crate) struct Bundle {
    /// The bundle, a YAML file (`-` is stdin).
    #[arg(long, value_name = "FILE", conflicts_with = "cluster")]
    pub(crate) file: Option<PathBuf>,
    /// What the bundle is for; without it the actions of its rules tell.
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<BundleKind>,
}

/// What a bundle is attached to.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum BundleKind {
    /// A graph.
    Graph,
    /// The server as a whole.
    Server,
}

impl From<BundleKind> for PolicyResourceKind {
    fn from(kind: BundleKind) -> PolicyResourceKind {
        match kind {
            BundleKind::Graph => PolicyResourceKind::Graph,
            BundleKind::Server => PolicyResourceKind::Server,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PolicyValidate {
    #[command(flatten)]
    pub(crate) bundle: Bundle,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyTest {
    #[command(flatten)]
    pub(crate) bundle: Bundle,
    /// The test cases, a YAML file (`-` is stdin).
    #[arg(long, value_name = "FILE")]
    pub(crate) tests: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyExplain {
    #[command(flatten)]
    pub(crate) bundle: Bundle,
    /// Who asks.
    // An id of its own: the global `--as` is called `actor`.
    #[arg(id = "asking_actor", long = "actor", value_name = "ACTOR", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) actor: String,
    /// What for.
    #[arg(long, value_name = "ACTION", value_parser = ActionParser)]
    pub(crate) action: PolicyAction,
    /// The branch it works on or starts from.
    #[arg(long, value_name = "BRANCH", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) branch: Option<String>,
    /// The branch it makes, removes or changes as a target.
    #[arg(long, value_name = "BRANCH", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) target_branch: Option<String>,
}

/// Takes the names of actions as policy files spell them, and in kebab-case. As the set is closed, clap can list the
/// actions, suggest one for a typing error and complete them in a shell.
#[derive(Clone, Debug)]
struct ActionParser;

impl ActionParser {
    fn names() -> impl TypedValueParser<Value = PolicyAction> {
        PossibleValuesParser::new(PolicyAction::ALL.map(PolicyAction::as_str))
            .try_map(|name| name.parse::<PolicyAction>())
    }
}

impl TypedValueParser for ActionParser {
    type Value = PolicyAction;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<PolicyAction, clap::Error> {
        match value.to_str().map(str::parse) {
            Some(Ok(action)) => Ok(action),
            // Fails with the list of names and the nearest of them.
            _ => ActionParser::names().parse_ref(command, argument, value),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(PolicyAction::ALL.into_iter().map(|action| PossibleValue::new(action.as_str()))))
    }
}
