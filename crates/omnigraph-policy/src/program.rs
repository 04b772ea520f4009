//! A compiled bundle as data: what the compiler makes and the engine decides by.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entities, EntityUid, PolicyId, PolicySet};

use crate::action::PolicyAction;
use crate::config::PolicyConfig;

/// A compiled bundle: all that a decision needs.
#[derive(Debug)]
pub(crate) struct Program {
    /// The bundle, trimmed.
    pub(crate) config: PolicyConfig,
    /// What an action needs, by [`action_index`].
    pub(crate) actions: Vec<ActionProgram>,
    pub(crate) entities: Entities,
    /// The principals, by actor id. An actor that is not here is in no group.
    pub(crate) actors: HashMap<String, EntityUid>,
    pub(crate) protected: HashSet<String>,
    /// The rule of a policy, as its index in the bundle.
    pub(crate) rules: HashMap<PolicyId, usize>,
}

/// The policies of one action.
///
/// A policy names exactly one action, so those of other actions can never match: leaving them out changes no
/// decision ("policy slicing" in the documentation of Cedar) and keeps large bundles fast.
#[derive(Debug)]
pub(crate) struct ActionProgram {
    pub(crate) policies: PolicySet,
    pub(crate) action: EntityUid,
    pub(crate) resource: EntityUid,
}

/// Returns the index of an action in [`PolicyAction::ALL`].
pub(crate) fn action_index(action: PolicyAction) -> usize {
    action as usize
}
