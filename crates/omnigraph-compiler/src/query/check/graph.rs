//! Values that come from the shape of the graph: the parts of paths.

use super::super::ast::{Expr, ExprKind, PathFunction};
use super::Checker;
use super::scope::Lookup;
use crate::ir::{self, PathPart};
use crate::types::Type;

/// What reads a path, for messages.
pub(super) const PATH_FUNCTIONS: &str = "`length`, `nodes` or `edges`";

impl Checker<'_> {
    /// Checks a call of a path function and lowers it.
    pub(super) fn path_call(&mut self, function: PathFunction, argument: &Expr) -> Option<(ir::Expr, Type)> {
        let what = format!("`{}` takes the variable of a path", function.text());
        let (name, found) = self.argument("T29", &what, argument)?;
        let other = match found {
            Lookup::Path(var, _) => {
                let part = match function {
                    PathFunction::Length => PathPart::Length,
                    PathFunction::Nodes => PathPart::Nodes,
                    PathFunction::Edges => PathPart::Edges,
                };
                let ty = Type { kind: part.kind(), nullable: self.scope.is_optional(var) };
                return Some((ir::Expr::Path { var, part }, ty));
            }
            Lookup::Node(_, ty) => format!("a node of type {ty}"),
            Lookup::Edge(_, ty) => format!("an edge of type {ty}"),
            Lookup::Unbound | Lookup::Broken => return None,
        };
        self.coded::<()>("T29", argument.span, format!("{what}, `${name}` is {other}"));
        self.hint("a path is bound by `path $p = $a edge{1,6} $b`");
        None
    }

    /// Resolves the variable that a function of the graph takes. Parameters and other expressions are refused.
    fn argument<'e>(&mut self, code: &str, what: &str, argument: &'e Expr) -> Option<(&'e str, Lookup)> {
        let ExprKind::Variable(name) = &argument.node else {
            return self.coded(code, argument.span, what);
        };
        if self.param_names.contains_key(name) {
            return self.coded(code, argument.span, format!("{what}, `${name}` is a parameter"));
        }
        match self.find(name, argument.span) {
            Lookup::Unbound => {
                self.unbound(code, name, argument.span);
                None
            }
            Lookup::Broken => None,
            found => Some((name, found)),
        }
    }
}
