//! Checks the members of `order`, and the rules that tie rankings to `limit`.

use super::super::ast::{Expr, ExprKind, Name, Ordering, Read};
use super::checker::Checker;
use super::scope::Lookup;
use crate::diagnostics::Span;
use crate::ir::{self, Output, OutputType, SortKey};
use crate::types::Type;

impl Checker<'_> {
    /// Checks all orderings, in order.
    pub(super) fn order(
        &mut self,
        read: &Read,
        projections: &[Option<ir::Projection>],
        grouped: bool,
    ) -> Option<Vec<ir::Ordering>> {
        let mut order = Vec::with_capacity(read.order.len());
        for (position, ordering) in read.order.iter().enumerate() {
            order.push(self.ordering(read, projections, grouped, position, ordering));
        }
        order.into_iter().collect()
    }

    fn ordering(
        &mut self,
        read: &Read,
        projections: &[Option<ir::Projection>],
        grouped: bool,
        position: usize,
        ordering: &Ordering,
    ) -> Option<ir::Ordering> {
        let expr = &ordering.value;
        let key = match &expr.node {
            ExprKind::Alias(name) => self.alias_key(read, projections, position, name, expr.span)?,
            ExprKind::Property(property) => {
                let property = self.property(property)?;
                if property.ty.is_blob() {
                    let message = format!("blob property `{}` is not a value", property.name);
                    return self.coded("T24", expr.span, message);
                }
                let value = (property.expr(), property.ty);
                self.value_key(projections, read.distinct, grouped, value, expr.span, "property")?
            }
            ExprKind::Path { function, argument } => {
                let value = self.path_call(*function, argument)?;
                self.value_key(projections, read.distinct, grouped, value, expr.span, "value")?
            }
            ExprKind::Measure { function, argument, edge } => {
                let value = self.measure_call(*function, argument, edge)?;
                self.value_key(projections, read.distinct, grouped, value, expr.span, "value")?
            }
            ExprKind::Aggregate { .. } => self.aggregate_key(projections, grouped, expr)?,
            ExprKind::Nearest { .. } | ExprKind::Bm25 { .. } | ExprKind::Rrf { .. } => {
                if grouped {
                    return self.error(expr.span, "a rank expression cannot order groups");
                }
                self.rank_key(position, expr)?
            }
            ExprKind::Variable(name) if matches!(self.scope.find(name), Lookup::Path(..)) => {
                self.bare(name, expr.span)?;
                return None;
            }
            ExprKind::Now | ExprKind::Literal(_) | ExprKind::Variable(_) | ExprKind::Text { .. } => {
                let message = "`order` takes properties, lengths of paths, measures, aliases of `return` and rank expressions";
                return self.error(expr.span, message);
            }
        };
        let descending = ordering.descending && !matches!(key, SortKey::Rank(_));
        Some(ir::Ordering { key, descending })
    }

    fn alias_key(
        &mut self,
        read: &Read,
        projections: &[Option<ir::Projection>],
        position: usize,
        name: &str,
        span: Span,
    ) -> Option<SortKey> {
        let Some(index) = find_alias(read, name) else {
            self.error::<()>(span, format!("unknown alias `{name}` in `order`"));
            let aliases = read.projections.iter().filter_map(|p| p.alias.as_ref());
            self.suggest(name, aliases.map(|a: &Name| a.node.as_str()), "");
            return None;
        };
        let projection = projections[index].as_ref()?;
        if let Output::Value(ir::Expr::Rank(rank)) = &projection.value {
            self.first_only(position, span)?;
            return Some(SortKey::Rank((**rank).clone()));
        }
        if let OutputType::Value(ty) = &projection.ty {
            self.sortable(ty, span)?;
        }
        Some(SortKey::Column(index))
    }

    /// Checks a value of the row as a sort key. Where rows are merged, it must be a column.
    fn value_key(
        &mut self,
        projections: &[Option<ir::Projection>],
        distinct: bool,
        grouped: bool,
        (expr, ty): (ir::Expr, Type),
        span: Span,
        what: &str,
    ) -> Option<SortKey> {
        self.sortable(&ty, span)?;
        if !grouped && !distinct {
            return Some(SortKey::Value(expr));
        }
        let wanted = Output::Value(expr);
        let found = projections.iter().position(|p| p.as_ref().is_some_and(|p| p.value == wanted));
        if let Some(index) = found {
            return Some(SortKey::Column(index));
        }
        if projections.contains(&None) {
            return None;
        }
        let message = if grouped {
            format!("with aggregates `order` takes aliases and group keys: the {what} is not projected")
        } else {
            format!("with `return distinct` `order` takes projected properties: the {what} is not projected")
        };
        self.error(span, message)
    }

    fn aggregate_key(
        &mut self,
        projections: &[Option<ir::Projection>],
        grouped: bool,
        expr: &Expr,
    ) -> Option<SortKey> {
        let (wanted, _) = self.output(expr)?;
        let found = projections.iter().position(|p| p.as_ref().is_some_and(|p| p.value == wanted));
        match found {
            Some(index) if grouped => Some(SortKey::Column(index)),
            _ if projections.contains(&None) => None,
            _ => {
                self.error::<()>(expr.span, "an aggregate in `order` must also be projected");
                self.hint("add it to `return`, with an alias if it is to have a name");
                None
            }
        }
    }

    fn rank_key(&mut self, position: usize, expr: &Expr) -> Option<SortKey> {
        let rank = self.rank(expr);
        self.first_only(position, expr.span)?;
        rank.map(SortKey::Rank)
    }

    fn first_only(&mut self, position: usize, span: Span) -> Option<()> {
        if position > 0 {
            return self.error(span, "a rank expression must be the first ordering");
        }
        Some(())
    }

    fn sortable(&mut self, ty: &Type, span: Span) -> Option<()> {
        if ty.as_scalar().is_none() {
            return self.error(span, format!("`order` takes scalars, not {ty}"));
        }
        Some(())
    }

    /// Checks which rankings need `limit`, and what may stand next to `nearest`.
    pub(super) fn limit_rules(&mut self, read: &Read) {
        let orders = |wanted: fn(&ExprKind) -> bool| {
            let through_alias = |o: &&Ordering| match &o.value.node {
                ExprKind::Alias(name) => {
                    find_alias(read, name).is_some_and(|i| wanted(&read.projections[i].value.node))
                }
                other => wanted(other),
            };
            read.order.iter().find(through_alias)
        };
        let is_nearest = |e: &ExprKind| matches!(e, ExprKind::Nearest { .. });
        let is_alias = |o: &&Ordering| matches!(o.value.node, ExprKind::Alias(_));
        if read.limit.is_none() {
            if let Some(rrf) = orders(|e| matches!(e, ExprKind::Rrf { .. })) {
                self.coded::<()>("T21", rrf.value.span, "ordering by `rrf` needs `limit`");
            }
            if let Some(nearest) = orders(is_nearest) {
                self.coded::<()>("T17", nearest.value.span, "ordering by `nearest` needs `limit`");
            }
        }
        let stands_alone = read.order.iter().any(|o| is_nearest(&o.value.node));
        let alias = if stands_alone { read.order.iter().find(is_alias) } else { orders(is_nearest) };
        if let Some(alias) = alias {
            let message = "an alias cannot order together with `nearest`, nor name it";
            self.coded::<()>("T18", alias.value.span, message);
        }
    }
}

/// Returns the index of the first projection with this alias.
fn find_alias(read: &Read, name: &str) -> Option<usize> {
    read.projections.iter().position(|p| p.alias.as_ref().is_some_and(|a| a.node == name))
}
