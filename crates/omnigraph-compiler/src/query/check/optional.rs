//! Checks where the variables of `optional { … }` blocks may stand.
//!
//! A variable is optional once the block that introduced it is closed: from there on it may be null. Inside its block it
//! is an ordinary variable.

use super::super::ast::{Clause, Name, Spanned};
use super::checker::Checker;
use super::scope::{BlockKind, Lookup};
use crate::diagnostics::Span;
use crate::ir::{Expr, Pattern, VarId};

impl Checker<'_> {
    /// Checks an `optional` block of the current block.
    pub(super) fn optional(&mut self, block: &Spanned<Vec<Clause>>, pattern: &mut Pattern) {
        let negated = self.scope.in_negation();
        if negated || self.scope.block_kind() == BlockKind::Optional {
            let (place, cure) = if negated {
                ("a `not` block", "leave it out: a block that drops no row changes nothing inside `not`")
            } else {
                (
                    "another `optional` block",
                    "put it after that block: it may use the variables that the earlier block introduces",
                )
            };
            self.coded::<()>("T25", block.span, format!("`optional` block inside {place}"));
            self.hint(cure);
            // Checked as a part of the enclosing block, so that its names are known to what follows.
            self.clauses(&block.node);
            return;
        }
        let errors = self.errors.len();
        self.scope.enter(BlockKind::Optional);
        let inner = self.clauses(&block.node);
        if !self.scope.leave() && self.errors.len() == errors {
            let message = "`optional` block uses no variable that is bound before it";
            self.coded::<()>("T26", block.span, message);
        }
        pattern.optionals.push(inner);
    }

    /// Finds a variable that is read. An optional one is refused inside `not`.
    pub(super) fn find(&mut self, name: &str, span: Span) -> Lookup {
        let found = self.scope.find(name);
        if self.scope.in_negation() && self.is_optional(&found) {
            let cure = "put the `not` block into the `optional` block";
            return self.misplaced(name, span, "cannot be used in a `not` block", cure);
        }
        found
    }

    /// Finds a variable that a clause binds or starts from. An optional node is refused in a required clause, too.
    pub(super) fn find_bound(&mut self, name: &Name, role: &str) -> Lookup {
        let found = self.find(&name.node, name.span);
        let is_node = matches!(found, Lookup::Node(..));
        if is_node && self.scope.block_kind() == BlockKind::Match && self.is_optional(&found) {
            let problem = format!("cannot be {role} in a required clause");
            let cure = "bind it before the block, or put the clause into an `optional` block";
            return self.misplaced(&name.node, name.span, &problem, cure);
        }
        found
    }

    /// Refuses an optional variable as what a text predicate or a ranking looks at.
    pub(super) fn no_optional_target(
        &mut self,
        function: &str,
        variable: &Name,
        id: VarId,
        span: Span,
    ) -> Option<()> {
        if self.scope.is_optional(id) {
            let problem = format!("cannot be the target of `{function}` outside that block");
            self.misplaced(&variable.node, span, &problem, "");
            return None;
        }
        Some(())
    }

    fn is_optional(&self, found: &Lookup) -> bool {
        found.id().is_some_and(|id| self.scope.is_optional(id))
    }

    fn misplaced(&mut self, name: &str, span: Span, problem: &str, cure: &str) -> Lookup {
        let message = format!("`${name}` is introduced by an `optional` block and {problem}");
        self.coded::<()>("T27", span, message);
        if !cure.is_empty() {
            self.hint(cure);
        }
        Lookup::Broken
    }

    /// Puts a condition of the current block where it is evaluated: with the required clauses, or after the `optional`
    /// blocks of the match block if it uses a variable of one of them.
    pub(super) fn place_condition(&mut self, condition: Expr, pattern: &mut Pattern) {
        let mut late = false;
        if self.scope.block_kind() == BlockKind::Match {
            condition.walk(&mut |e| late |= e.var().is_some_and(|id| self.scope.is_optional(id)));
        }
        if late { &mut pattern.late } else { &mut pattern.filters }.push(condition);
    }
}
