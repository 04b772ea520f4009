//! What Omnigraph says to Cedar: schema, entity names, policies and contexts.
//!
//! No other module makes text for Cedar. Names enter it as entity ids, which Cedar itself escapes.

use std::sync::LazyLock;

use cedar_policy::{
    Context, EntityId, EntityTypeName, EntityUid, Policy, PolicyId, RestrictedExpression, Schema,
};

use crate::action::{PolicyAction, PolicyResourceKind};
use crate::config::{PolicyRule, PolicyScope};
use crate::problem::PolicyLoadError;

/// The Cedar schema that every bundle is validated against, strictly.
pub const CEDAR_SCHEMA: &str = include_str!("schema.cedarschema");

/// The parsed schema; the error is the text of what Cedar finds wrong, warnings included.
static SCHEMA: LazyLock<Result<Schema, String>> = LazyLock::new(|| {
    let (schema, warnings) = Schema::from_cedarschema_str(CEDAR_SCHEMA).map_err(|e| e.to_string())?;
    match warnings.map(|warning| warning.to_string()).reduce(|all, next| format!("{all}; {next}")) {
        Some(warnings) => Err(warnings),
        None => Ok(schema),
    }
});

/// Returns the parsed schema.
pub(crate) fn schema() -> Result<&'static Schema, PolicyLoadError> {
    SCHEMA.as_ref().map_err(|reason| PolicyLoadError::Compile { reason: reason.clone() })
}

/// Makes a compile error of anything Cedar says.
pub(crate) fn refused(reason: impl std::fmt::Display) -> PolicyLoadError {
    PolicyLoadError::Compile { reason: reason.to_string() }
}

/// The entity types of the schema.
pub(crate) struct Names {
    actor: EntityTypeName,
    group: EntityTypeName,
    graph: EntityTypeName,
    server: EntityTypeName,
    action: EntityTypeName,
}

impl Names {
    pub(crate) fn new() -> Result<Names, PolicyLoadError> {
        let name = |text: &str| text.parse::<EntityTypeName>().map_err(refused);
        Ok(Names {
            actor: name("Omnigraph::Actor")?,
            group: name("Omnigraph::Group")?,
            graph: name("Omnigraph::Graph")?,
            server: name("Omnigraph::Server")?,
            action: name("Omnigraph::Action")?,
        })
    }

    pub(crate) fn actor(&self, id: &str) -> EntityUid {
        uid(&self.actor, id)
    }

    pub(crate) fn group(&self, name: &str) -> EntityUid {
        uid(&self.group, name)
    }

    pub(crate) fn graph(&self, label: &str) -> EntityUid {
        uid(&self.graph, label)
    }

    pub(crate) fn server(&self) -> EntityUid {
        uid(&self.server, "root")
    }

    pub(crate) fn action(&self, action: PolicyAction) -> EntityUid {
        uid(&self.action, action.as_str())
    }
}

fn uid(name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id))
}

/// Returns the id of the policy that one action of a rule becomes. Actions have no colon, so ids are unique.
pub(crate) fn policy_id(rule: &str, action: PolicyAction) -> PolicyId {
    PolicyId::new(format!("{rule}:{action}"))
}

/// Makes the permit of one action of a rule.
pub(crate) fn permit(
    names: &Names,
    rule: &PolicyRule,
    action: PolicyAction,
    graph: &EntityUid,
) -> Result<Policy, PolicyLoadError> {
    let resource = match action.resource_kind() {
        PolicyResourceKind::Graph => graph.clone(),
        PolicyResourceKind::Server => names.server(),
    };
    let allow = &rule.allow;
    let branch = allow.branch_scope.map(|scope| condition(scope, "branch"));
    let target = allow.target_branch_scope.map(|scope| condition(scope, "target_branch"));
    let when = match branch.or(target) {
        Some(condition) => format!("\nwhen {{ {condition} }}"),
        None => String::new(),
    };
    let text = format!(
        "permit (principal in {},\n        action == {},\n        resource == {resource}){when};",
        names.group(&allow.actors.group),
        names.action(action),
    );
    Policy::parse(Some(policy_id(&rule.id, action)), text).map_err(refused)
}

fn condition(scope: PolicyScope, member: &str) -> String {
    match scope {
        PolicyScope::Any => "true".to_owned(),
        PolicyScope::Protected => format!("context.has_{member} && context.{member}_is_protected"),
        PolicyScope::Unprotected => format!("context.has_{member} && !context.{member}_is_protected"),
    }
}

/// A branch of a request: its name, and whether it is protected.
pub(crate) type Judged<'r> = Option<(&'r str, bool)>;

/// Makes the context of a request. All members are always there.
pub(crate) fn context(branch: Judged<'_>, target: Judged<'_>) -> Result<Context, String> {
    let text =
        |judged: Judged<'_>| RestrictedExpression::new_string(judged.map_or("", |(name, _)| name).into());
    let flag = RestrictedExpression::new_bool;
    let protected = |judged: Judged<'_>| flag(judged.is_some_and(|(_, protected)| protected));
    Context::from_pairs([
        ("has_branch".to_owned(), flag(branch.is_some())),
        ("branch".to_owned(), text(branch)),
        ("branch_is_protected".to_owned(), protected(branch)),
        ("has_target_branch".to_owned(), flag(target.is_some())),
        ("target_branch".to_owned(), text(target)),
        ("target_branch_is_protected".to_owned(), protected(target)),
    ])
    .map_err(|error| error.to_string())
}
