//! The compiler: a checked bundle and the label of a graph become policies and entities of Cedar.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cedar_policy::{Entities, Entity, EntityUid, PolicySet, ValidationMode, Validator};

use crate::action::{PolicyAction, PolicyResourceKind};
use crate::cedar::{self, Names};
use crate::config::PolicyConfig;
use crate::engine::PolicyEngine;
use crate::problem::PolicyLoadError;
use crate::program::{ActionProgram, Program, action_index};

/// Compiles bundles.
#[derive(Debug)]
pub struct PolicyCompiler;

impl PolicyCompiler {
    /// Compiles a bundle for the graph with this label. Actions on the server, if a rule has some, apply to the
    /// server as a whole; whether the bundle may have them where it is attached, is not checked here.
    ///
    /// The label is the graph id, the configured name or the normalised URI. It does not influence results.
    ///
    /// # Errors
    /// [`PolicyLoadError::Invalid`] if [`PolicyConfig::validate`] fails, [`PolicyLoadError::Label`] for a label
    /// with control characters, [`PolicyLoadError::Compile`] if Cedar refuses the policies.
    pub fn compile(config: &PolicyConfig, graph_label: &str) -> Result<PolicyEngine, PolicyLoadError> {
        config.validate()?;
        if graph_label.contains(char::is_control) {
            return Err(PolicyLoadError::Label { label: graph_label.to_owned() });
        }
        let config = config.trimmed();
        let names = Names::new()?;
        let graph = names.graph(graph_label);
        let mut by_action = vec![PolicySet::new(); PolicyAction::ALL.len()];
        let mut all = PolicySet::new();
        let mut rules = HashMap::new();
        for (index, rule) in config.rules.iter().enumerate() {
            let actions: BTreeSet<PolicyAction> = rule.allow.actions.iter().copied().collect();
            for action in actions {
                let policy = cedar::permit(&names, rule, action, &graph)?;
                rules.insert(policy.id().clone(), index);
                all.add(policy.clone()).map_err(cedar::refused)?;
                by_action[action_index(action)].add(policy).map_err(cedar::refused)?;
            }
        }
        validate_strictly(&all)?;
        let entities = entities(&config, &names, &graph)?;
        let actors = config.actors().into_iter().map(|actor| (actor.to_owned(), names.actor(actor)));
        let actors = actors.collect();
        let protected = config.protected_branches.iter().cloned().collect();
        let actions = PolicyAction::ALL.into_iter().zip(by_action).map(|(action, policies)| ActionProgram {
            policies,
            action: names.action(action),
            resource: match action.resource_kind() {
                PolicyResourceKind::Graph => graph.clone(),
                PolicyResourceKind::Server => names.server(),
            },
        });
        let actions = actions.collect();
        Ok(PolicyEngine::new(Program { config, actions, entities, actors, protected, rules }))
    }
}

fn validate_strictly(policies: &PolicySet) -> Result<(), PolicyLoadError> {
    let result = Validator::new(cedar::schema()?.clone()).validate(policies, ValidationMode::Strict);
    if result.validation_passed() {
        return Ok(());
    }
    let errors: Vec<_> = result.validation_errors().map(ToString::to_string).collect();
    Err(cedar::refused(errors.join("; ")))
}

/// Makes every group, every actor below its groups, the graph, and the server if a rule needs it.
fn entities(config: &PolicyConfig, names: &Names, graph: &EntityUid) -> Result<Entities, PolicyLoadError> {
    let mut parents: BTreeMap<&str, HashSet<EntityUid>> = BTreeMap::new();
    for (group, members) in &config.groups {
        for member in members {
            parents.entry(member).or_default().insert(names.group(group));
        }
    }
    let groups = config.groups.keys().map(|group| Entity::with_uid(names.group(group)));
    let actors = parents.into_iter().map(|(actor, groups)| Entity::new_no_attrs(names.actor(actor), groups));
    let needs_server = config
        .rules
        .iter()
        .flat_map(|rule| &rule.allow.actions)
        .any(|action| action.resource_kind() == PolicyResourceKind::Server);
    let server = needs_server.then(|| Entity::with_uid(names.server()));
    let all = groups.chain(actors).chain([Entity::with_uid(graph.clone())]).chain(server);
    Entities::from_entities(all, Some(cedar::schema()?)).map_err(cedar::refused)
}
