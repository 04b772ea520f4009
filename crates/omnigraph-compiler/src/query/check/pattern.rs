//! Checks the clauses of `match`, `not { … }` and `optional { … }`: bindings, traversals, negation.

use super::super::ast::{Binding, Bounds, Clause, Name, PropertyValue, Spanned, Traversal};
use super::checker::Checker;
use super::graph::PATH_FUNCTIONS;
use super::scope::{BlockKind, Lookup};
use super::value::Context;
use crate::catalog::{EdgeType, NodeType};
use crate::ir::{self, CompareOp, Expr, Pattern, VarId, VarType};
use crate::types::Kind;

/// The variable of anonymous endpoints.
const ANONYMOUS: &str = "_";

/// An endpoint of a traversal before its orientation is known.
enum Endpoint {
    /// `$_`, or a name that nothing is bound to.
    Free,
    /// A name whose type is not known, or that is no node.
    Broken,
    /// A bound node.
    Bound(VarId, String),
}

impl Checker<'_> {
    /// Checks the clauses of the current block, top to bottom.
    pub(super) fn clauses(&mut self, clauses: &[Clause]) -> Pattern {
        let mut pattern = Pattern {
            introduced: Vec::new(),
            bound: Vec::new(),
            traversals: Vec::new(),
            filters: Vec::new(),
            negations: Vec::new(),
            optionals: Vec::new(),
            late: Vec::new(),
        };
        for clause in clauses {
            match clause {
                Clause::Negation(block) => pattern.negations.push(self.negation(block)),
                Clause::Optional(block) => self.optional(block, &mut pattern),
                Clause::Binding(binding) => self.binding(binding, &mut pattern),
                Clause::Traversal(traversal) => self.traversal(traversal, &mut pattern),
                Clause::Filter(predicate) => match self.predicate(predicate) {
                    Some(Expr::And(conditions)) => {
                        for condition in conditions {
                            self.place_condition(condition, &mut pattern);
                        }
                    }
                    Some(condition) => self.place_condition(condition, &mut pattern),
                    None => {}
                },
            }
        }
        pattern
    }

    fn negation(&mut self, block: &Spanned<Vec<Clause>>) -> Pattern {
        let errors = self.errors.len();
        self.scope.enter(BlockKind::Negation);
        let pattern = self.clauses(&block.node);
        if !self.scope.leave() && self.errors.len() == errors {
            let message = "`not` block uses no variable that is bound before it";
            self.coded::<()>("T9", block.span, message);
        }
        pattern
    }

    /// Makes a name visible; refuses one that a parameter or a variable of an earlier `not` block has.
    fn introduce(&mut self, name: &Name, ty: Option<VarType>, pattern: &mut Pattern) -> Option<VarId> {
        if self.param_names.contains_key(&name.node) {
            let message = format!("`${}` is both a parameter and a match variable", name.node);
            self.error::<()>(name.span, message);
        } else if self.scope.was_inner(&name.node) {
            let message =
                format!("`${}` is local to an earlier `not` block and cannot be bound after it", name.node);
            self.error::<()>(name.span, message);
            self.hint("bind it before the block, or choose another name");
        }
        let Some(ty) = ty else {
            self.scope.introduce_broken(&name.node);
            return None;
        };
        let id = self.scope.introduce(&name.node, ty);
        pattern.introduced.push(id);
        Some(id)
    }

    fn binding(&mut self, binding: &Binding, pattern: &mut Pattern) {
        let catalog = self.catalog;
        let name = &binding.variable;
        if name.node == ANONYMOUS {
            self.error::<()>(name.span, "`$_` cannot be bound to a type: give the variable a name");
            return;
        }
        let found = self.find_bound(name, "bound");
        let Some(node) = catalog.nodes.get(&binding.ty.node) else {
            self.no_node_type(&binding.ty);
            if found == Lookup::Unbound {
                self.introduce(name, None, pattern);
            }
            return;
        };
        let id = match found {
            Lookup::Unbound => self.introduce(name, Some(VarType::Node(node.name.clone())), pattern),
            Lookup::Broken => None,
            Lookup::Node(id, ty) if ty == node.name => Some(id),
            Lookup::Node(_, ty) => {
                let message =
                    format!("variable `${}` is already bound to {ty}, not {}", name.node, node.name);
                self.error(binding.ty.span, message)
            }
            Lookup::Edge(..) => {
                let message = format!("`${}` is bound to an edge and cannot be rebound as a node", name.node);
                self.coded("T23", name.span, message)
            }
            Lookup::Path(..) => {
                let message = format!("`${}` is bound to a path and cannot be rebound as a node", name.node);
                self.coded("T28", name.span, message)
            }
        };
        if let Some(id) = id
            && !pattern.bound.contains(&id)
        {
            pattern.bound.push(id);
        }
        for condition in &binding.conditions {
            let condition = self.inline_condition(node, id, condition);
            pattern.filters.extend(condition);
        }
    }

    fn no_node_type(&mut self, name: &Name) {
        let catalog = self.catalog;
        let ty = &name.node;
        if catalog.interfaces.contains_key(ty) {
            self.coded::<()>("T1", name.span, format!("`{ty}` is an interface, not a node type"));
        } else if catalog.edges.contains_key(ty) {
            self.coded::<()>("T1", name.span, format!("`{ty}` is an edge type, not a node type"));
        } else {
            self.coded::<()>("T1", name.span, format!("unknown node type `{ty}`"));
            self.suggest(ty, catalog.nodes.keys().map(String::as_str), "");
        }
    }

    fn inline_condition(
        &mut self,
        node: &NodeType,
        var: Option<VarId>,
        condition: &PropertyValue,
    ) -> Option<Expr> {
        let name = &condition.property;
        let Some(property) = node.property(&name.node) else {
            let message = format!("node type `{}` has no property `{}`", node.name, name.node);
            self.coded::<()>("T2", name.span, message);
            self.suggest(&name.node, node.properties.iter().map(|p| p.name.as_str()), "");
            return None;
        };
        let value = self.value(&condition.value, &property.name, &property.ty, Context::Inline)?;
        let left = Expr::Property { var: var?, property: property.name.clone(), ty: property.ty.clone() };
        Some(match property.ty.kind {
            Kind::List(_) => Expr::Member { list: Box::new(left), element: Box::new(value) },
            Kind::Scalar(_) | Kind::Enum(_) | Kind::Vector(_) => {
                Expr::Compare { op: CompareOp::Eq, left: Box::new(left), right: Box::new(value) }
            }
        })
    }

    fn traversal(&mut self, traversal: &Spanned<Traversal>, pattern: &mut Pattern) {
        let catalog = self.catalog;
        let Traversal { path, left, binding, edge: word, undirected, bounds, right } = &traversal.node;
        let edge = catalog.edge_by_word(&word.node);
        let errors = self.errors.len();
        let mut steps = Some((1, 1));
        match edge {
            None => self.unknown_edge("T4", word),
            Some(edge) => {
                if let Some(bounds) = bounds {
                    steps = self.bounds(bounds);
                }
                if *undirected && edge.from != edge.to {
                    let message = format!(
                        "undirected traversal over `{}`, which connects different types ({} and {})",
                        edge.name, edge.from, edge.to
                    );
                    self.coded::<()>("T22", word.span, message);
                }
            }
        }
        let binding = binding.as_ref().filter(|b| b.node != ANONYMOUS);
        if let Some(binding) = binding {
            self.edge_binding(binding, traversal);
        }
        let path = path.as_ref().filter(|p| p.node != ANONYMOUS);
        if let Some(path) = path {
            self.path_binding(path, binding, traversal);
        }
        let ends = self.endpoints(left, right, edge, pattern);
        if self.errors.len() > errors {
            for name in [binding, path].into_iter().flatten() {
                if !self.scope.sees(&name.node) {
                    self.scope.introduce_broken(&name.node);
                }
            }
            return;
        }
        let (Some(edge), Some((from, to, left)), Some((min, max))) = (edge, ends, steps) else {
            return;
        };
        let edge_var =
            binding.and_then(|b| self.introduce(b, Some(VarType::Edge(edge.name.clone())), pattern));
        let path =
            path.and_then(|p| self.introduce(p, Some(VarType::Path { edge: edge.name.clone() }), pattern));
        let undirected = *undirected;
        pattern.traversals.push(ir::Traversal {
            edge: edge.name.clone(),
            from,
            to,
            left,
            edge_var,
            path,
            min,
            max,
            undirected,
        });
    }

    /// Refuses a word that no edge type has.
    pub(super) fn unknown_edge(&mut self, code: &str, word: &Name) {
        let catalog = self.catalog;
        self.coded::<()>(code, word.span, format!("unknown edge type `{}`", word.node));
        let words: Vec<String> = catalog.edges.keys().map(|name| lower_first(name)).collect();
        self.suggest(&word.node, words.iter().map(String::as_str), "");
    }

    fn bounds(&mut self, bounds: &Spanned<Bounds>) -> Option<(u32, u32)> {
        let Bounds { min, max } = bounds.node;
        if min == 0 {
            return self.coded("T15", bounds.span, "traversal bounds start at 1: min must not be 0");
        }
        let Some(max) = max else {
            return self.coded("T15", bounds.span, "unbounded traversal is disabled: give a maximum");
        };
        if max < min {
            let message = format!("traversal bounds {{{min},{max}}}: max is below min");
            return self.coded("T15", bounds.span, message);
        }
        match (u32::try_from(min), u32::try_from(max)) {
            (Ok(min), Ok(max)) => Some((min, max)),
            _ => {
                let message = format!("traversal bounds {{{min},{max}}} exceed {}", u32::MAX);
                self.coded("T15", bounds.span, message)
            }
        }
    }

    fn edge_binding(&mut self, binding: &Name, traversal: &Spanned<Traversal>) {
        let name = &binding.node;
        let Traversal { left, right, bounds, .. } = &traversal.node;
        if bounds.as_ref().is_some_and(|b| b.node != Bounds { min: 1, max: Some(1) }) {
            let message =
                format!("edge binding `${name}` on a multi-hop traversal: a path of steps is not one edge");
            self.coded::<()>("T23", binding.span, message);
        }
        if *name == left.node || *name == right.node {
            let message = format!("edge binding `${name}` has the name of an endpoint");
            self.coded::<()>("T23", binding.span, message);
        } else if self.scope.sees(name) || self.scope.was_inner(name) || self.param_names.contains_key(name) {
            let message = format!("the name of edge binding `${name}` is taken");
            self.coded::<()>("T23", binding.span, message);
        }
    }

    /// Checks where a path is bound, and under which name. `edge` is the edge binding, if any.
    fn path_binding(&mut self, path: &Name, edge: Option<&Name>, traversal: &Spanned<Traversal>) {
        let name = &path.node;
        let Traversal { left, right, .. } = &traversal.node;
        if self.scope.in_negation() {
            let message = format!("path `${name}` in a `not` block, out of which nothing can be read");
            self.coded::<()>("T28", path.span, message);
            self.hint(format!("leave out `path ${name} =`: the traversal alone asks whether there is one"));
        }
        if let Some(edge) = edge {
            let message =
                format!("path `${name}` and edge binding `${}` on one traversal: only one fits", edge.node);
            self.coded::<()>("T28", path.span, message);
            self.hint("a path has one row for all parallel edges, an edge binding one for each");
        }
        if *name == left.node || *name == right.node {
            self.coded::<()>("T28", path.span, format!("path `${name}` has the name of an endpoint"));
        } else if edge.is_some_and(|e| e.node == *name)
            || self.scope.sees(name)
            || self.scope.was_inner(name)
            || self.param_names.contains_key(name)
        {
            self.coded::<()>("T28", path.span, format!("the name of path `${name}` is taken"));
        }
    }

    fn endpoint(&mut self, name: &Name) -> Endpoint {
        if name.node == ANONYMOUS {
            return Endpoint::Free;
        }
        match self.find_bound(name, "an endpoint") {
            Lookup::Unbound => Endpoint::Free,
            Lookup::Broken => Endpoint::Broken,
            Lookup::Node(id, ty) => Endpoint::Bound(id, ty),
            Lookup::Edge(..) => {
                let message = format!("`${}` is bound to an edge and cannot be an endpoint", name.node);
                self.coded::<()>("T23", name.span, message);
                Endpoint::Broken
            }
            Lookup::Path(..) => {
                let message = format!("`${}` is bound to a path and cannot be an endpoint", name.node);
                self.coded::<()>("T28", name.span, message);
                self.hint(format!("read a path with {PATH_FUNCTIONS}"));
                Endpoint::Broken
            }
        }
    }

    /// Infers the orientation, and makes free endpoints known. Yields source, target and left endpoint.
    fn endpoints(
        &mut self,
        left: &Name,
        right: &Name,
        edge: Option<&EdgeType>,
        pattern: &mut Pattern,
    ) -> Option<(VarId, VarId, VarId)> {
        let left_end = self.endpoint(left);
        let right_end = self.endpoint(right);
        let types = edge.and_then(|edge| self.orient(edge, (left, &left_end), (right, &right_end)));
        let left_id = self.settle(left, left_end, edge, types.as_ref().map(|t| t.0.as_str()), pattern);
        // Both endpoints may be the same free variable; the left one has made it known.
        let right_end = match right_end {
            Endpoint::Free => self.endpoint(right),
            end => end,
        };
        let right_id = self.settle(right, right_end, edge, types.as_ref().map(|t| t.1.as_str()), pattern);
        let (left_id, right_id, (_, _, forward)) = (left_id?, right_id?, types?);
        Some(if forward { (left_id, right_id, left_id) } else { (right_id, left_id, left_id) })
    }

    /// Returns the types of the left and right endpoint, and whether the edge runs from left to right.
    fn orient(
        &mut self,
        edge: &EdgeType,
        (left, left_end): (&Name, &Endpoint),
        (right, right_end): (&Name, &Endpoint),
    ) -> Option<(String, String, bool)> {
        let forward = match (left_end, right_end) {
            (Endpoint::Bound(_, ty), _) if *ty == edge.from => true,
            (Endpoint::Bound(_, ty), _) if *ty == edge.to => false,
            (Endpoint::Bound(_, ty), _) => return self.wrong_endpoint(left, ty, edge),
            (_, Endpoint::Bound(_, ty)) if *ty == edge.to => true,
            (_, Endpoint::Bound(_, ty)) if *ty == edge.from => false,
            (_, Endpoint::Bound(_, ty)) => return self.wrong_endpoint(right, ty, edge),
            (Endpoint::Free | Endpoint::Broken, Endpoint::Free | Endpoint::Broken) => true,
        };
        let (from, to) = (edge.from.clone(), edge.to.clone());
        Some(if forward { (from, to, true) } else { (to, from, false) })
    }

    fn wrong_endpoint<T>(&mut self, name: &Name, ty: &str, edge: &EdgeType) -> Option<T> {
        let message = format!(
            "`${}` is of type {ty}, which is not that endpoint of `{}` ({} to {})",
            name.node, edge.name, edge.from, edge.to
        );
        self.coded("T5", name.span, message)
    }

    /// Checks an endpoint against its inferred type, or makes a free one known.
    fn settle(
        &mut self,
        name: &Name,
        end: Endpoint,
        edge: Option<&EdgeType>,
        ty: Option<&str>,
        pattern: &mut Pattern,
    ) -> Option<VarId> {
        match (end, ty) {
            (Endpoint::Broken, _) => None,
            (Endpoint::Bound(id, actual), Some(ty)) if actual != ty => {
                self.wrong_endpoint::<()>(name, &actual, edge?);
                Some(id)
            }
            (Endpoint::Bound(id, _), _) => Some(id),
            (Endpoint::Free, Some(ty)) if name.node == ANONYMOUS => {
                let id = self.scope.introduce_anonymous(VarType::Node(ty.to_owned()));
                pattern.introduced.push(id);
                Some(id)
            }
            (Endpoint::Free, None) if name.node == ANONYMOUS => None,
            (Endpoint::Free, ty) => {
                let ty = ty.map(|ty| VarType::Node(ty.to_owned()));
                self.introduce(name, ty, pattern)
            }
        }
    }
}

/// Returns an edge type in the customary spelling of traversals.
fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
