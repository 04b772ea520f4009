//! Checks values that come from the shape of the graph: parts of paths, and measures of nodes.

use super::super::ast::{Expr, ExprKind, MeasureFunction, Name, PathFunction};
use super::checker::Checker;
use super::scope::Lookup;
use crate::catalog::EdgeType;
use crate::ir::{self, Measure, PathPart};
use crate::types::{Kind, Type};

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

    /// Checks a call of a measure and lowers it.
    pub(super) fn measure_call(
        &mut self,
        function: MeasureFunction,
        argument: &Expr,
        word: &Name,
    ) -> Option<(ir::Expr, Type)> {
        let what = format!("`{}` takes the variable of a node", function.text());
        let found = self.argument("T30", &what, argument);
        let catalog = self.catalog;
        let Some(edge) = catalog.edge_by_word(&word.node) else {
            self.unknown_edge("T30", word);
            return None;
        };
        if function == MeasureFunction::PageRank && edge.from != edge.to {
            let message = format!(
                "`pagerank` over `{}`, which connects different types ({} and {})",
                edge.name, edge.from, edge.to
            );
            return self.coded("T31", word.span, message);
        }
        let (name, found) = found?;
        let (var, ty) = match found {
            Lookup::Node(var, ty) => (var, ty),
            Lookup::Edge(..) => {
                return self.coded("T30", argument.span, format!("{what}, `${name}` is bound to an edge"));
            }
            Lookup::Path(..) => {
                return self.coded("T30", argument.span, format!("{what}, `${name}` is bound to a path"));
            }
            Lookup::Unbound | Lookup::Broken => return None,
        };
        self.measured_end(function, argument, name, &ty, edge)?;
        let measure = match function {
            MeasureFunction::Degree => Measure::Degree,
            MeasureFunction::InDegree => Measure::InDegree,
            MeasureFunction::OutDegree => Measure::OutDegree,
            MeasureFunction::PageRank => Measure::PageRank,
        };
        let ty = Type { kind: Kind::Scalar(measure.scalar()), nullable: self.scope.is_optional(var) };
        Some((ir::Expr::Measure { var, edge: edge.name.clone(), measure }, ty))
    }

    /// Refuses a node whose type has none of the edges that a measure looks at.
    fn measured_end(
        &mut self,
        function: MeasureFunction,
        argument: &Expr,
        name: &str,
        ty: &str,
        edge: &EdgeType,
    ) -> Option<()> {
        let (enters, leaves) = (edge.to == ty, edge.from == ty);
        let (fits, relation) = match function {
            MeasureFunction::InDegree => (enters, "does not enter"),
            MeasureFunction::OutDegree => (leaves, "does not leave"),
            MeasureFunction::Degree | MeasureFunction::PageRank => (enters || leaves, "does not touch"),
        };
        if fits {
            return Some(());
        }
        let EdgeType { name: edge_name, from, to, .. } = edge;
        let message = format!("`${name}` is of type {ty}, which `{edge_name}` ({from} to {to}) {relation}");
        self.coded::<()>("T30", argument.span, message);
        match function {
            MeasureFunction::InDegree if leaves => self.hint("`out_degree` counts the edges that leave it"),
            MeasureFunction::OutDegree if enters => self.hint("`in_degree` counts the edges that enter it"),
            _ => {}
        }
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
