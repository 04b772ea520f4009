//! Problems of policy files and tests files: what is wrong, where, and the cure.

use std::path::PathBuf;

use omnigraph_yaml::{Cure, Misfit, Position, suggestion};

use crate::action::{PolicyAction, PolicyResourceKind, ScopeKey};

/// One thing that is wrong with a policy or a tests file.
pub type Problem = omnigraph_yaml::Problem<ProblemKind>;

/// The rules a policy file or a tests file can break, in the order in which they are checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// Not YAML, or of another shape.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// A policy file of another version.
    #[error("policy version must be 1, found {found}")]
    PolicyVersion {
        /// The version given.
        found: i128,
    },
    /// A tests file of another version.
    #[error("policy test version must be 1, found {found}")]
    TestVersion {
        /// The version given.
        found: i128,
    },
    /// A group whose name is empty or blank.
    #[error("policy group names must not be blank")]
    BlankGroupName,
    /// A group without members.
    #[error("policy group '{group}' must not be empty")]
    EmptyGroup {
        /// The group.
        group: String,
    },
    /// A member that is empty or blank.
    #[error("policy group '{group}' contains a blank actor id")]
    BlankActor {
        /// The group.
        group: String,
    },
    /// A protected branch that is empty or blank.
    #[error("protected branch names must not be blank")]
    BlankProtectedBranch,
    /// Two names of one kind that are equal but for surrounding blanks.
    #[error("{what} '{name}' is also given with other blanks around it")]
    AmbiguousName {
        /// What is named: `group`, `actor` or `protected branch`.
        what: &'static str,
        /// The name without the blanks.
        name: String,
    },
    /// A name with a line break, a tab or another control character.
    #[error("{what} '{}' must not contain control characters", name.escape_debug())]
    ControlCharacter {
        /// What is named.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A rule whose id is empty or blank.
    #[error("policy rule ids must not be blank (rule {number})")]
    BlankRuleId {
        /// The number of the rule in the file, from 1.
        number: usize,
    },
    /// Two rules of one id.
    #[error("duplicate policy rule id '{rule}'")]
    DuplicateRule {
        /// The id.
        rule: String,
        /// Where the id is used first.
        first: Option<Position>,
    },
    /// A rule for a group that is not defined.
    #[error("policy rule '{rule}' references unknown group '{group}'")]
    UnknownGroup {
        /// The rule.
        rule: String,
        /// The group.
        group: String,
        /// The groups that are defined, the first fifty by name.
        known: Vec<String>,
    },
    /// A rule without actions.
    #[error("policy rule '{rule}' must include at least one action")]
    NoActions {
        /// The rule.
        rule: String,
    },
    /// A rule with both scope keys.
    #[error("policy rule '{rule}' may use branch_scope or target_branch_scope, not both")]
    BothScopes {
        /// The rule.
        rule: String,
    },
    /// A scope key beside an action that does not take it.
    #[error("policy rule '{rule}' uses {key} with unsupported action '{action}'")]
    UnsupportedScope {
        /// The rule.
        rule: String,
        /// The key.
        key: ScopeKey,
        /// The action.
        action: PolicyAction,
    },
    /// A rule with actions on the server and actions on a graph.
    #[error(
        "policy rule '{rule}' mixes the server-scoped action '{server}' with the per-graph action '{graph}'"
    )]
    MixedKinds {
        /// The rule.
        rule: String,
        /// The first action on the server.
        server: PolicyAction,
        /// The first action on a graph.
        graph: PolicyAction,
    },
    /// An action that the bundle cannot grant where it is attached.
    #[error("policy rule '{rule}' grants the {} action '{action}' in a {kind} policy", kind_word(*action))]
    WrongKind {
        /// The rule.
        rule: String,
        /// The action.
        action: PolicyAction,
        /// What the bundle is attached to.
        kind: PolicyResourceKind,
    },
    /// A test case whose id is empty or blank.
    #[error("policy test case ids must not be blank (case {number})")]
    BlankCaseId {
        /// The number of the case in the file, from 1.
        number: usize,
    },
    /// Two test cases of one id.
    #[error("duplicate policy test case id '{case}'")]
    DuplicateCase {
        /// The id.
        case: String,
        /// Where the id is used first.
        first: Option<Position>,
    },
    /// A test case whose actor is empty or blank.
    #[error("policy test case '{case}' contains a blank actor id")]
    BlankCaseActor {
        /// The case.
        case: String,
    },
}

/// Returns how messages call the kind of an action.
fn kind_word(action: PolicyAction) -> &'static str {
    match action.resource_kind() {
        PolicyResourceKind::Graph => "per-graph",
        PolicyResourceKind::Server => "server-scoped",
    }
}

impl Cure for ProblemKind {
    fn cure(&self) -> Option<String> {
        match self {
            ProblemKind::Misfit(Misfit::MissingKey { key: "version" }) => Some("add 'version: 1'".to_owned()),
            ProblemKind::Misfit(misfit) => misfit.cure(),
            ProblemKind::PolicyVersion { .. } | ProblemKind::TestVersion { .. } => {
                Some("write 'version: 1'".to_owned())
            }
            ProblemKind::EmptyGroup { .. } => {
                Some("list an actor, or remove the group and its rules".to_owned())
            }
            ProblemKind::AmbiguousName { .. } => Some("write the name once, without blanks".to_owned()),
            ProblemKind::DuplicateRule { first, .. } | ProblemKind::DuplicateCase { first, .. } => {
                Some(match first {
                    Some(at) => format!("it is used first at line {}; rename one of them", at.line),
                    None => "rename one of them".to_owned(),
                })
            }
            ProblemKind::UnknownGroup { group, known, .. } => {
                Some(suggestion(group, known.iter().map(String::as_str)).unwrap_or_else(|| {
                    if known.is_empty() {
                        "define it under 'groups'".to_owned()
                    } else {
                        format!("define it under 'groups', or use one of {}", known.join(", "))
                    }
                }))
            }
            ProblemKind::NoActions { .. } => Some(format!("list some of {}", PolicyAction::names())),
            ProblemKind::BothScopes { .. } => {
                Some("split it into a rule for branches and one for targets".to_owned())
            }
            ProblemKind::UnsupportedScope { key, action, .. } => Some(match action.scope_key() {
                Some(other) => format!("'{action}' takes {other}; split the rule if its actions differ"),
                None => format!("'{action}' takes no scope; give it in a rule without {key}"),
            }),
            ProblemKind::MixedKinds { .. } => Some(
                "split into separate rules; the server-scoped one belongs to the server policy".to_owned(),
            ),
            ProblemKind::WrongKind { kind, .. } => Some(match kind {
                PolicyResourceKind::Graph => "move the rule to the server policy".to_owned(),
                PolicyResourceKind::Server => "move the rule to the policy of a graph".to_owned(),
            }),
            ProblemKind::BlankGroupName
            | ProblemKind::BlankActor { .. }
            | ProblemKind::BlankProtectedBranch
            | ProblemKind::ControlCharacter { .. }
            | ProblemKind::BlankRuleId { .. }
            | ProblemKind::BlankCaseId { .. }
            | ProblemKind::BlankCaseActor { .. } => None,
        }
    }
}

impl ProblemKind {
    /// Returns the place of the broken rule in the order in which rules are checked.
    fn rank(&self) -> u8 {
        match self {
            ProblemKind::Misfit(_) => 0,
            ProblemKind::PolicyVersion { .. } | ProblemKind::TestVersion { .. } => 1,
            ProblemKind::BlankGroupName
            | ProblemKind::EmptyGroup { .. }
            | ProblemKind::BlankActor { .. }
            | ProblemKind::AmbiguousName { what: "group" | "actor", .. }
            | ProblemKind::ControlCharacter { what: "group" | "actor", .. } => 2,
            ProblemKind::BlankProtectedBranch
            | ProblemKind::AmbiguousName { .. }
            | ProblemKind::ControlCharacter { what: "protected branch", .. } => 3,
            ProblemKind::ControlCharacter { .. }
            | ProblemKind::BlankRuleId { .. }
            | ProblemKind::DuplicateRule { .. }
            | ProblemKind::BlankCaseId { .. }
            | ProblemKind::DuplicateCase { .. }
            | ProblemKind::BlankCaseActor { .. } => 4,
            ProblemKind::UnknownGroup { .. } => 5,
            ProblemKind::NoActions { .. } => 6,
            ProblemKind::BothScopes { .. } => 7,
            ProblemKind::UnsupportedScope { key: ScopeKey::BranchScope, .. } => 8,
            ProblemKind::UnsupportedScope { key: ScopeKey::TargetBranchScope, .. } => 9,
            ProblemKind::MixedKinds { .. } => 10,
            ProblemKind::WrongKind { .. } => 11,
        }
    }
}

/// Sorts by the order in which the rules are checked; within one, the order stays.
pub(crate) fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| problem.kind.rank());
    problems
}

/// Why a policy or a tests file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyLoadError {
    /// The file cannot be read, or is not UTF-8.
    #[error("cannot read policy file '{}': {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The content breaks rules. Displays one problem a line, each with file, line and column.
    #[error("{}", lines(file.as_ref(), problems))]
    Invalid {
        /// The file, if the text came from one.
        file: Option<PathBuf>,
        /// At least one problem, in the order in which the rules are checked, then in that of the file.
        problems: Vec<Problem>,
    },
    /// The label of the graph cannot be used.
    #[error("graph label '{}' must not contain control characters", label.escape_debug())]
    Label {
        /// The label.
        label: String,
    },
    /// Cedar refuses what the rules were compiled to.
    #[error("the policy does not compile: {reason}")]
    Compile {
        /// What Cedar says.
        reason: String,
    },
}

impl PolicyLoadError {
    /// Returns the problems of the content; empty for the other errors.
    pub fn problems(&self) -> &[Problem] {
        match self {
            PolicyLoadError::Invalid { problems, .. } => problems,
            PolicyLoadError::Read { .. }
            | PolicyLoadError::Label { .. }
            | PolicyLoadError::Compile { .. } => &[],
        }
    }

    /// Names the file of a text that was judged without knowing it.
    pub(crate) fn in_file(self, path: &std::path::Path) -> PolicyLoadError {
        match self {
            PolicyLoadError::Invalid { problems, .. } => {
                PolicyLoadError::Invalid { file: Some(path.to_owned()), problems }
            }
            other => other,
        }
    }
}

fn lines(file: Option<&PathBuf>, problems: &[Problem]) -> String {
    let line = |problem: &Problem| match (file, problem.position) {
        (Some(file), Some(at)) => format!("{}:{}:{}: {problem}", file.display(), at.line, at.column),
        (Some(file), None) => format!("{}: {problem}", file.display()),
        (None, Some(at)) => format!("line {}, column {}: {problem}", at.line, at.column),
        (None, None) => problem.to_string(),
    };
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}
