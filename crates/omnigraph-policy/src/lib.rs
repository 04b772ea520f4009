//! Policy bundles of Omnigraph: who may do what on a graph or a server.
//!
//! Owns the format of bundles and of their tests, their compilation to [Cedar](https://www.cedarpolicy.com), decisions and
//! their explanation, and the map from operations to what must be allowed. Knows no graph and no web framework.
//!
//! A bundle is a YAML file of groups, protected branches and allow rules ([`PolicyConfig`]). It is compiled
//! ([`PolicyCompiler`]), and Cedar decides ([`PolicyEngine::authorize`]). What no rule allows is denied.
//!
//! ```
//! use omnigraph_policy::{PolicyAction, PolicyEngine, PolicyRequest};
//!
//! let engine = PolicyEngine::load_graph_from_source(
//!     "version: 1\n\
//!      groups: { editors: [act-lin] }\n\
//!      protected_branches: [main]\n\
//!      rules: [{ id: drafts, allow: \
//!        { actors: { group: editors }, actions: [change], branch_scope: unprotected } }]\n",
//!     "atlas",
//! )?;
//! let change = PolicyRequest::new(PolicyAction::Change);
//! assert!(engine.authorize("act-lin", &change.clone().on_branch("draft/x"))?.allowed);
//! assert!(!engine.authorize("act-lin", &change.on_branch("main"))?.allowed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariants: no I/O but reading the file that is named; a decision never changes anything; no input panics;
//! text from a file or a request reaches Cedar only as an escaped entity id or as a context value.

mod action;
mod authorize;
mod cases;
mod cedar;
mod checker;
mod compile;
mod config;
mod engine;
mod explain;
mod load;
mod operation;
mod problem;
mod program;
mod request;
#[cfg(test)]
mod sample;
mod validate;

pub use action::{PolicyAction, PolicyResourceKind, ScopeKey, UnknownAction};
pub use authorize::{Authorization, authorize};
pub use cases::{PolicyTestCase, PolicyTestConfig, PolicyTestFailure, PolicyTestReport};
pub use cedar::CEDAR_SCHEMA;
pub use checker::{PolicyChecker, enforce};
pub use compile::PolicyCompiler;
pub use config::{
    PolicyActors, PolicyAllow, PolicyConfig, PolicyRule, PolicyScope, PolicyWarning, RESERVED_ACTOR_PREFIX,
};
pub use engine::PolicyEngine;
pub use explain::{PolicyEffect, PolicyExplanation, RuleReason};
pub use omnigraph_yaml::{Cure, Misfit, Position};
pub use operation::Operation;
pub use problem::{PolicyLoadError, Problem, ProblemKind};
pub use request::{PolicyDecision, PolicyError, PolicyRequest, ResourceScope};
