//! The type checker: the syntax tree of a query and a catalog become a typed query.
//!
//! [`checker`] holds the state of one run; the other modules add the rules, one kind of syntax each.
//!
//! Every rule adds what it finds to one list and goes on, so that one run reports as much as possible; a name whose
//! declaration failed is remembered as broken and causes no further findings. Findings are in the order in which the
//! rules run: parameters, match clauses in text order, projections, orderings, limit rules, grouping.

mod checker;
mod graph;
mod literal;
mod mutation;
mod operand;
mod optional;
mod order;
mod params;
mod pattern;
mod predicate;
mod projection;
mod scope;
mod search;
mod value;

use self::checker::Checker;
use super::ast;
use crate::catalog::Catalog;
use crate::diagnostics::Diagnostics;
use crate::ir;

/// Checks a query against a catalog and resolves it.
///
/// # Errors
///
/// At least one diagnostic of [`Stage::Type`](crate::diagnostics::Stage::Type); the first is the one that the language definition puts first.
pub fn typecheck(query: &ast::Query, catalog: &Catalog) -> Result<ir::Query, Diagnostics> {
    let mut checker = Checker::new(catalog);
    checker.declare_params(&query.params);
    let body = match &query.body {
        ast::Body::Read(read) => checker.read(read).map(ir::Body::Read),
        ast::Body::Mutation(statements) => checker.mutation(statements).map(ir::Body::Mutation),
    };
    match body {
        Some(body) if checker.errors.is_empty() => Ok(ir::Query {
            name: query.name.node.clone(),
            description: query.description.clone(),
            instruction: query.instruction.clone(),
            params: checker.params,
            body,
        }),
        Some(_) | None => Err(Diagnostics(checker.errors)),
    }
}

impl Checker<'_> {
    fn read(&mut self, read: &ast::Read) -> Option<ir::Read> {
        let pattern = self.clauses(&read.clauses);
        let projections = self.projections(&read.projections);
        let grouped = projection::is_grouped(read);
        let order = self.order(read, &projections, grouped);
        self.limit_rules(read);
        if grouped {
            self.grouping(&read.projections);
        }
        Some(ir::Read {
            variables: std::mem::take(&mut self.scope).into_variables(),
            pattern,
            distinct: read.distinct,
            projections: projections.into_iter().collect::<Option<_>>()?,
            order: order?,
            offset: read.offset.unwrap_or(0),
            limit: read.limit,
            grouped,
        })
    }
}
