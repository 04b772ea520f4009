//! The policy file: its format, and the reading of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use omnigraph_yaml::{Node, Positions, Reader, Value, item, join};
use serde::Serialize;

use crate::action::{PolicyAction, PolicyResourceKind};
use crate::problem::{PolicyLoadError, ProblemKind, in_order};

/// A policy bundle: who may do what. What no rule allows is denied.
///
/// Made by [`PolicyConfig::from_source`], [`PolicyConfig::load`], or by hand from the default, which is
/// version 1 without groups and rules and denies everything.
///
/// ```
/// let config = omnigraph_policy::PolicyConfig::from_source(
///     "version: 1\n\
///      groups: { readers: [act-lin] }\n\
///      rules: [{ id: read, allow: { actors: { group: readers }, actions: [read] } }]\n",
/// )?;
/// assert_eq!(config.rules[0].id, "read");
/// # Ok::<(), omnigraph_policy::PolicyLoadError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyConfig {
    /// Version of the format; must be 1.
    pub version: u32,
    /// Members by group name. An actor may be in several groups and has the rules of all of them.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Names of the protected branches. `main` is one only if it is listed.
    pub protected_branches: Vec<String>,
    /// The rules, in the order of the file; the order has no effect.
    pub rules: Vec<PolicyRule>,
    /// Positions of the values in the text they were read from.
    #[serde(skip)]
    pub(crate) positions: Positions,
}

/// One allow rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyRule {
    /// Unique id, which decisions name.
    pub id: String,
    /// What it allows to whom.
    pub allow: PolicyAllow,
}

/// What a rule allows to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyAllow {
    /// To whom.
    pub actors: PolicyActors,
    /// The actions; at least one.
    pub actions: Vec<PolicyAction>,
    /// Which branches, for actions on a branch. Absent is any, also none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch_scope: Option<PolicyScope>,
    /// Which targets, for actions with a target. Absent is any, also none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_branch_scope: Option<PolicyScope>,
}

/// The actors of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyActors {
    /// Name of a group of the same file.
    pub group: String,
}

/// Which branches a rule covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyScope {
    /// All, also a request without a branch.
    Any,
    /// A branch that is given and listed under `protected_branches`.
    Protected,
    /// A branch that is given and not listed.
    Unprotected,
}

impl PolicyScope {
    /// Returns the word used in policy files.
    pub fn as_str(self) -> &'static str {
        match self {
            PolicyScope::Any => "any",
            PolicyScope::Protected => "protected",
            PolicyScope::Unprotected => "unprotected",
        }
    }
}

/// How the names of the database's own authors begin, such as that of recovery. No token may be for such an actor.
pub const RESERVED_ACTOR_PREFIX: &str = "omnigraph:";

/// What loads but has no effect where one might expect it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyWarning {
    /// Nothing asks for `admin`.
    #[error("policy rule '{rule}' allows 'admin', which nothing asks for yet")]
    AdminIsReserved {
        /// The rule.
        rule: String,
    },
    /// A member that no token can be for.
    #[error(
        "policy group '{group}' lists '{actor}', but actors of '{RESERVED_ACTOR_PREFIX}' are never authenticated"
    )]
    ReservedActor {
        /// The group.
        group: String,
        /// The member.
        actor: String,
    },
    /// A rule for protected branches in a file that protects none.
    #[error(
        "policy rule '{rule}' is for protected branches, but 'protected_branches' is empty: it never matches"
    )]
    NothingIsProtected {
        /// The rule.
        rule: String,
    },
}

const POLICY_KEYS: &[&str] = &["version", "groups", "protected_branches", "rules"];
const RULE_KEYS: &[&str] = &["id", "allow"];
const ALLOW_KEYS: &[&str] = &["actors", "actions", "branch_scope", "target_branch_scope"];
const ACTORS_KEYS: &[&str] = &["group"];
const SCOPES: &[(&str, PolicyScope)] = &[
    ("any", PolicyScope::Any),
    ("protected", PolicyScope::Protected),
    ("unprotected", PolicyScope::Unprotected),
];

impl Default for PolicyConfig {
    fn default() -> PolicyConfig {
        PolicyConfig {
            version: 1,
            groups: BTreeMap::new(),
            protected_branches: Vec::new(),
            rules: Vec::new(),
            positions: Positions::default(),
        }
    }
}

impl PolicyConfig {
    /// Reads and checks a policy file. Which kind of bundle it is, is not checked: see
    /// [`PolicyConfig::check_kind`].
    ///
    /// # Errors
    /// [`PolicyLoadError::Read`]; [`PolicyLoadError::Invalid`] with all problems and the file.
    pub fn load(path: impl AsRef<Path>) -> Result<PolicyConfig, PolicyLoadError> {
        let path = path.as_ref();
        PolicyConfig::from_source(&read(path)?).map_err(|error| error.in_file(path))
    }

    /// Parses and checks the text of a policy file. Names are trimmed.
    ///
    /// # Errors
    /// [`PolicyLoadError::Invalid`] with all problems: those of the shape, or if there are none those of the
    /// content.
    pub fn from_source(text: &str) -> Result<PolicyConfig, PolicyLoadError> {
        PolicyConfig::parse(text, None)
    }

    /// Like [`PolicyConfig::from_source`]; checks the kind with everything else.
    pub(crate) fn parse(
        text: &str,
        kind: Option<PolicyResourceKind>,
    ) -> Result<PolicyConfig, PolicyLoadError> {
        let root = tree(text)?;
        let mut reader = Reader::default();
        let config = read_policy(&mut reader, &root);
        let Some(mut config) = config.filter(|_| reader.problems().is_empty()) else {
            return Err(PolicyLoadError::Invalid { file: None, problems: in_order(reader.into_problems()) });
        };
        config.positions = reader.into_positions();
        config.check(kind)?;
        Ok(config.trimmed())
    }

    /// Returns what loads but probably is not meant.
    pub fn warnings(&self) -> Vec<PolicyWarning> {
        let mut warnings = Vec::new();
        for (group, actor) in
            self.groups.iter().flat_map(|(name, members)| members.iter().map(move |m| (name, m)))
        {
            if actor.trim().starts_with(RESERVED_ACTOR_PREFIX) {
                warnings.push(PolicyWarning::ReservedActor { group: group.clone(), actor: actor.clone() });
            }
        }
        for rule in &self.rules {
            if rule.allow.actions.contains(&PolicyAction::Admin) {
                warnings.push(PolicyWarning::AdminIsReserved { rule: rule.id.clone() });
            }
            let scope = rule.allow.branch_scope.or(rule.allow.target_branch_scope);
            if scope == Some(PolicyScope::Protected) && self.protected_branches.is_empty() {
                warnings.push(PolicyWarning::NothingIsProtected { rule: rule.id.clone() });
            }
        }
        warnings
    }

    /// Returns the actors of all groups, each once.
    pub fn actors(&self) -> BTreeSet<&str> {
        self.groups.values().flatten().map(|actor| actor.trim()).collect()
    }

    /// Returns the same bundle with all names trimmed, as decisions compare them.
    pub(crate) fn trimmed(&self) -> PolicyConfig {
        let trim = |name: &String| name.trim().to_owned();
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, members) in &self.groups {
            groups.entry(trim(name)).or_default().extend(members.iter().map(trim));
        }
        let rules = self.rules.iter().map(|rule| PolicyRule {
            id: trim(&rule.id),
            allow: PolicyAllow {
                actors: PolicyActors { group: trim(&rule.allow.actors.group) },
                ..rule.allow.clone()
            },
        });
        PolicyConfig {
            version: self.version,
            groups,
            protected_branches: self.protected_branches.iter().map(trim).collect(),
            rules: rules.collect(),
            positions: self.positions.clone(),
        }
    }
}

/// Reads a file as UTF-8.
pub(crate) fn read(path: &Path) -> Result<String, PolicyLoadError> {
    std::fs::read_to_string(path).map_err(|source| PolicyLoadError::Read { path: path.to_owned(), source })
}

/// Parses YAML.
pub(crate) fn tree(text: &str) -> Result<Node, PolicyLoadError> {
    omnigraph_yaml::parse(text).map_err(|problems| {
        let problems = problems.into_iter().map(|problem| problem.into_kind()).collect();
        PolicyLoadError::Invalid { file: None, problems }
    })
}

fn read_policy(reader: &mut Reader<ProblemKind>, root: &Node) -> Option<PolicyConfig> {
    let fields = reader.map(root, "", POLICY_KEYS)?;
    let version = reader.required_integer(&fields, "version");
    if let Some(found) = version.filter(|version| *version != 1) {
        let (node, path) = fields.get("version")?;
        reader.report(&path, node.position, ProblemKind::PolicyVersion { found });
    }
    let mut config = PolicyConfig::default();
    if let Some((node, path)) = fields.get("groups").filter(|(node, _)| node.value != Value::Null) {
        for (name, members) in reader.open_map(node, &path)? {
            let path = join(&path, name);
            reader.enter(Some(format!("group '{name}'")));
            config.groups.insert(name.to_owned(), reader.texts(members, &path).unwrap_or_default());
        }
        reader.enter(None);
    }
    if let Some((node, path)) = fields.get("protected_branches") {
        config.protected_branches = reader.texts(node, &path).unwrap_or_default();
    }
    if let Some((node, path)) = fields.get("rules") {
        for (index, rule) in reader.list(node, &path).unwrap_or_default().iter().enumerate() {
            config.rules.extend(read_rule(reader, rule, &item(&path, index)));
            reader.enter(None);
        }
    }
    Some(config)
}

fn read_rule(reader: &mut Reader<ProblemKind>, node: &Node, path: &str) -> Option<PolicyRule> {
    reader.enter(node.text_of("id").map(|id| format!("rule '{id}'")));
    let fields = reader.map(node, path, RULE_KEYS)?;
    let id = reader.required_text(&fields, "id");
    let allow = reader.required(&fields, "allow").and_then(|(node, path)| read_allow(reader, node, &path));
    Some(PolicyRule { id: id?, allow: allow? })
}

fn read_allow(reader: &mut Reader<ProblemKind>, node: &Node, path: &str) -> Option<PolicyAllow> {
    let fields = reader.map(node, path, ALLOW_KEYS)?;
    let group = reader.required(&fields, "actors").and_then(|(node, path)| {
        let actors = reader.map(node, &path, ACTORS_KEYS)?;
        reader.required_text(&actors, "group")
    });
    let actions = reader.required(&fields, "actions").and_then(|(node, path)| {
        let items = reader.list(node, &path)?;
        let actions: Vec<_> =
            items.iter().enumerate().map(|(i, node)| read_action(reader, node, &item(&path, i))).collect();
        actions.into_iter().collect()
    });
    // A scope key without a value is a misfit, not an absent key: absence would grant every branch.
    let mut scope = |key| match fields.get(key) {
        Some((node, path)) => reader.word(node, &path, key, SCOPES),
        None => None,
    };
    let branch_scope = scope("branch_scope");
    let target_branch_scope = scope("target_branch_scope");
    Some(PolicyAllow {
        actors: PolicyActors { group: group? },
        actions: actions?,
        branch_scope,
        target_branch_scope,
    })
}

/// Reads the exact snake_case name of an action.
pub(crate) fn read_action(reader: &mut Reader<ProblemKind>, node: &Node, path: &str) -> Option<PolicyAction> {
    reader.word(node, path, "policy action", &PolicyAction::ALL.map(|action| (action.as_str(), action)))
}
