//! Policy bundles of Omnigraph: who may do what on a graph or a server.
//!
//! A bundle is a YAML file of groups, protected branches and allow rules ([`PolicyConfig`]). It compiles to
//! [Cedar](https://www.cedarpolicy.com) ([`PolicyCompiler`]), and Cedar decides ([`PolicyEngine::authorize`]).
//! There are only allow rules: what no rule allows is denied.
//!
//! Invariants: no I/O but reading the file that is named; a decision never changes anything; no input panics;
//! text from a file or a request reaches Cedar only as an escaped entity id or as a context value.

mod action;
mod cases;
mod cedar;
mod checker;
mod compile;
mod config;
mod engine;
mod explain;
mod gate;
mod operation;
mod problem;
mod request;
#[cfg(test)]
mod sample;
mod validate;

pub use action::{PolicyAction, PolicyResourceKind, ScopeKey, UnknownAction};
pub use cases::{PolicyTestCase, PolicyTestConfig, PolicyTestFailure, PolicyTestReport};
pub use cedar::CEDAR_SCHEMA;
pub use checker::{PolicyChecker, enforce};
pub use compile::PolicyCompiler;
pub use config::{
    PolicyActors, PolicyAllow, PolicyConfig, PolicyRule, PolicyScope, PolicyWarning, RESERVED_ACTOR_PREFIX,
};
pub use engine::PolicyEngine;
pub use explain::{PolicyEffect, PolicyExplanation, RuleReason};
pub use gate::{Gate, gate};
pub use omnigraph_yaml::{Cure, Misfit, Position};
pub use operation::Operation;
pub use problem::{PolicyLoadError, Problem, ProblemKind};
pub use request::{PolicyDecision, PolicyError, PolicyRequest, ResourceScope};
