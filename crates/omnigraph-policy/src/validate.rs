//! The checks of a policy file beyond its shape: names, references, scopes, kinds of actions.
//!
//! Every problem is reported, in the order of [`ProblemKind`] and for each kind in that of the file.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use omnigraph_yaml::{Position, item, join};

use crate::action::{PolicyAction, PolicyResourceKind, ScopeKey};
use crate::config::{PolicyConfig, PolicyRule};
use crate::problem::{PolicyLoadError, Problem, ProblemKind, in_order};

/// How many defined groups the error of an unknown group can name.
const GROUPS_SHOWN: usize = 50;

impl PolicyConfig {
    /// Checks everything but the kind. Done by every way to read or compile a bundle; needed only for one made
    /// by hand.
    ///
    /// # Errors
    /// [`PolicyLoadError::Invalid`] with all problems.
    pub fn validate(&self) -> Result<(), PolicyLoadError> {
        self.check(None)
    }

    /// Checks that the bundle can be attached to a graph or to the server: a bundle for a graph grants actions
    /// on a graph only, one for the server actions on the server only. A rule of the other kind would never
    /// match.
    ///
    /// # Errors
    /// [`PolicyLoadError::Invalid`] with one problem for each action of the other kind.
    pub fn check_kind(&self, kind: PolicyResourceKind) -> Result<(), PolicyLoadError> {
        let mut problems = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            self.check_rule_kind(index, rule, kind, &mut problems);
        }
        failure(problems)
    }

    pub(crate) fn check(&self, kind: Option<PolicyResourceKind>) -> Result<(), PolicyLoadError> {
        let mut problems = Vec::new();
        if self.version != 1 {
            let found = self.version.into();
            self.report(&mut problems, "version", ProblemKind::PolicyVersion { found });
        }
        self.check_groups(&mut problems);
        self.check_protected_branches(&mut problems);
        self.check_rule_ids(&mut problems);
        let groups: BTreeSet<&str> = self.groups.keys().map(|name| name.trim()).collect();
        for (index, rule) in self.rules.iter().enumerate() {
            self.check_rule(index, rule, &groups, &mut problems);
            if let Some(kind) = kind {
                self.check_rule_kind(index, rule, kind, &mut problems);
            }
        }
        failure(in_order(problems))
    }

    fn report(&self, problems: &mut Vec<Problem>, path: &str, kind: ProblemKind) {
        problems.push(Problem::new(path.to_owned(), self.positions.get(path), kind));
    }

    fn check_groups(&self, problems: &mut Vec<Problem>) {
        let mut groups = Spellings::new("group");
        let mut actors = Spellings::new("actor");
        // By position, as far as it is known: the map itself is sorted by name.
        let mut in_order: Vec<_> = self.groups.iter().collect();
        in_order.sort_by_key(|(name, _)| self.positions.get(&join("groups", name)));
        for (name, members) in in_order {
            let path = join("groups", name);
            let group = name.trim().to_owned();
            if group.is_empty() {
                self.report(problems, &path, ProblemKind::BlankGroupName);
            }
            for kind in groups.check(name) {
                self.report(problems, &path, kind);
            }
            if members.is_empty() {
                self.report(problems, &path, ProblemKind::EmptyGroup { group: group.clone() });
            }
            for (index, member) in members.iter().enumerate() {
                let path = item(&path, index);
                if member.trim().is_empty() {
                    self.report(problems, &path, ProblemKind::BlankActor { group: group.clone() });
                }
                for kind in actors.check(member) {
                    self.report(problems, &path, kind);
                }
            }
        }
    }

    fn check_protected_branches(&self, problems: &mut Vec<Problem>) {
        let mut branches = Spellings::new("protected branch");
        for (index, branch) in self.protected_branches.iter().enumerate() {
            let path = item("protected_branches", index);
            if branch.trim().is_empty() {
                self.report(problems, &path, ProblemKind::BlankProtectedBranch);
            }
            for kind in branches.check(branch) {
                self.report(problems, &path, kind);
            }
        }
    }

    fn check_rule_ids(&self, problems: &mut Vec<Problem>) {
        let mut first_uses: BTreeMap<&str, Option<Position>> = BTreeMap::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let path = join(&item("rules", index), "id");
            let id = rule.id.trim();
            if id.is_empty() {
                self.report(problems, &path, ProblemKind::BlankRuleId { number: index + 1 });
                continue;
            }
            if let Some(kind) = control_character("rule id", id) {
                self.report(problems, &path, kind);
            }
            match first_uses.get(id) {
                Some(first) => {
                    let kind = ProblemKind::DuplicateRule { rule: id.to_owned(), first: *first };
                    self.report(problems, &path, kind);
                }
                None => {
                    first_uses.insert(id, self.positions.get(&path));
                }
            }
        }
    }

    fn check_rule(
        &self,
        index: usize,
        rule: &PolicyRule,
        groups: &BTreeSet<&str>,
        problems: &mut Vec<Problem>,
    ) {
        let allow_path = join(&item("rules", index), "allow");
        let actions_path = join(&allow_path, "actions");
        let id = || rule.id.trim().to_owned();
        let allow = &rule.allow;
        let group = allow.actors.group.trim();
        if !groups.contains(group) {
            let known = groups.iter().take(GROUPS_SHOWN).map(|&name| name.to_owned()).collect();
            let kind = ProblemKind::UnknownGroup { rule: id(), group: group.to_owned(), known };
            self.report(problems, &join(&join(&allow_path, "actors"), "group"), kind);
        }
        if allow.actions.is_empty() {
            self.report(problems, &actions_path, ProblemKind::NoActions { rule: id() });
        }
        let scope = match (allow.branch_scope, allow.target_branch_scope) {
            (Some(_), Some(_)) => {
                let path = join(&allow_path, ScopeKey::TargetBranchScope.as_str());
                self.report(problems, &path, ProblemKind::BothScopes { rule: id() });
                None
            }
            (Some(_), None) => Some(ScopeKey::BranchScope),
            (None, Some(_)) => Some(ScopeKey::TargetBranchScope),
            (None, None) => None,
        };
        if let Some(key) = scope {
            for (at, action) in allow.actions.iter().copied().enumerate() {
                if action.scope_key() != Some(key) {
                    let kind = ProblemKind::UnsupportedScope { rule: id(), key, action };
                    self.report(problems, &item(&actions_path, at), kind);
                }
            }
        }
        if let Some((server, graph)) = mixed(&allow.actions) {
            self.report(problems, &actions_path, ProblemKind::MixedKinds { rule: id(), server, graph });
        }
    }

    fn check_rule_kind(
        &self,
        index: usize,
        rule: &PolicyRule,
        kind: PolicyResourceKind,
        problems: &mut Vec<Problem>,
    ) {
        let path = join(&join(&item("rules", index), "allow"), "actions");
        for (at, action) in rule.allow.actions.iter().copied().enumerate() {
            if action.resource_kind() != kind {
                let rule = rule.id.trim().to_owned();
                self.report(problems, &item(&path, at), ProblemKind::WrongKind { rule, action, kind });
            }
        }
    }
}

/// Returns the first action on the server and the first on a graph, if both are there.
fn mixed(actions: &[PolicyAction]) -> Option<(PolicyAction, PolicyAction)> {
    let first = |kind| actions.iter().copied().find(|action| action.resource_kind() == kind);
    first(PolicyResourceKind::Server).zip(first(PolicyResourceKind::Graph))
}

/// The spellings of the names of one kind. Names are compared trimmed, so two spellings of one name are
/// suspicious; the same spelling twice is not.
struct Spellings<'c> {
    what: &'static str,
    by_name: HashMap<&'c str, &'c str>,
}

impl<'c> Spellings<'c> {
    fn new(what: &'static str) -> Spellings<'c> {
        Spellings { what, by_name: HashMap::new() }
    }

    /// Notes a name; returns what is wrong with its characters.
    fn check(&mut self, spelling: &'c str) -> Vec<ProblemKind> {
        let name = spelling.trim();
        if name.is_empty() {
            return Vec::new();
        }
        let first = self.by_name.entry(name).or_insert(spelling);
        let ambiguous = (*first != spelling)
            .then(|| ProblemKind::AmbiguousName { what: self.what, name: name.to_owned() });
        control_character(self.what, name).into_iter().chain(ambiguous).collect()
    }
}

/// Cedar and terminals read control characters in their own ways, so no name has them.
pub(crate) fn control_character(what: &'static str, name: &str) -> Option<ProblemKind> {
    name.contains(char::is_control).then(|| ProblemKind::ControlCharacter { what, name: name.to_owned() })
}

pub(crate) fn failure(problems: Vec<Problem>) -> Result<(), PolicyLoadError> {
    if problems.is_empty() { Ok(()) } else { Err(PolicyLoadError::Invalid { file: None, problems }) }
}
