//! From the search functions of a read to rows, scores and query vectors.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use omnigraph_compiler::catalog::{Catalog, Metric, TypeKey};
use omnigraph_compiler::ir::{Expr, Output, Pattern, Rank, Read, SortKey, TextPredicate, VarId};
use omnigraph_compiler::types::{Kind, Value};
use omnigraph_storage::indexes::text::TextColumn;
use omnigraph_storage::indexes::vectors::VectorColumn;
use omnigraph_storage::{Table, blocking};

use super::Searches;
use super::computed::{ComputedColumn, Distance};
use super::measured::measured;
use super::prefilter::prefilters;
use crate::cache::Caches;
use crate::embedding::Embed;
use crate::error::{QueryError, Result};
use crate::expr::{Env, Scalar};
use crate::plan::type_key;

/// More of the best rows are found as fast by scoring all.
const ONLY_BEST: usize = 1000;

/// Evaluates what the search functions of a read need before planning.
///
/// # Errors
/// Bad request for a null query of a ranking, a negative number of edits, a k below 1; failures of storage and of the
/// embedder.
pub(crate) async fn resolve(
    read: &Read,
    catalog: &Catalog,
    env: &Env<'_>,
    tables: &BTreeMap<TypeKey, Table>,
    embedder: &dyn Embed,
    caches: &Arc<Caches>,
) -> Result<Searches> {
    let mut found = SearchFunctions::default();
    found.read(read);
    let resolver = Resolver { read, catalog, env, tables, embedder };
    let prefilters = prefilters(read, catalog, env, tables).await?;
    let mut searches = Searches { prefilters, ..Searches::default() };
    for predicate in found.texts {
        let rows = resolver.text(&predicate).await?;
        searches.texts.push((predicate, Arc::new(rows)));
    }
    for rank in found.ranks {
        let computed = resolver.rank(&rank, &searches).await?;
        searches.ranks.push((rank, Arc::new(computed)));
    }
    for measure in found.measures {
        let computed = measured(&measure, read, catalog, tables, caches).await?;
        searches.measures.push((measure, Arc::new(computed)));
    }
    Ok(searches)
}

struct Resolver<'a> {
    read: &'a Read,
    catalog: &'a Catalog,
    env: &'a Env<'a>,
    tables: &'a BTreeMap<TypeKey, Table>,
    embedder: &'a dyn Embed,
}

impl Resolver<'_> {
    async fn text(&self, expr: &Expr) -> Result<roaring::RoaringTreemap> {
        let Expr::Text { predicate, var, property, query } = expr else {
            return Err(QueryError::internal(format!("{expr:?} is no text predicate")));
        };
        let Value::String(text) = self.constant(query)? else { return Ok(roaring::RoaringTreemap::new()) };
        let edits = match predicate {
            TextPredicate::Search | TextPredicate::MatchText => None,
            TextPredicate::Fuzzy { max_edits } => match self.constant(max_edits)? {
                Value::Null => return Ok(roaring::RoaringTreemap::new()),
                Value::Int(edits) => Some(usize::try_from(edits).map_err(|_| {
                    QueryError::bad_request(format!(
                        "max_edits of 'fuzzy' is {edits}; it must not be negative"
                    ))
                })?),
                other => return Err(QueryError::internal(format!("max_edits is {other:?}"))),
            },
        };
        let column = TextColumn::load(self.table(*var)?, property).await?;
        let search = move || match edits {
            None => column.matching(&text),
            Some(edits) => column.fuzzy(&text, edits),
        };
        Ok(blocking(search).await)
    }

    async fn rank(&self, rank: &Rank, known: &Searches) -> Result<ComputedColumn> {
        match rank {
            Rank::Nearest { var, property, query } => {
                let (vector, metric) = self.vector(*var, property, query).await?;
                let column = VectorColumn::new(self.table(*var)?.clone(), property)?;
                Ok(ComputedColumn::Distance(Distance::new(column, vector, metric)))
            }
            Rank::Bm25 { var, property, query } => {
                let Value::String(text) = self.constant(query)? else { return Err(null("bm25")) };
                let column = TextColumn::load(self.table(*var)?, property).await?;
                let best = self.only_best(rank);
                let scores = blocking(move || match best {
                    Some(best) => column.best(&text, best),
                    None => column.scores(&text),
                });
                let scores = scores.await;
                Ok(ComputedColumn::Score { property: property.clone(), scores, rows: OnceLock::new() })
            }
            Rank::Rrf { arms: inputs, k } => {
                let k = match self.constant(k)? {
                    Value::Int(k) if k > 0 => k as f64,
                    Value::Null => 60.0,
                    other => {
                        let given =
                            if let Value::Int(k) = other { k.to_string() } else { format!("{other:?}") };
                        return Err(QueryError::bad_request(format!(
                            "k of 'rrf' is {given}; it must be positive"
                        )));
                    }
                };
                let number = |rank: &Rank| {
                    known.number(rank).ok_or_else(|| QueryError::internal("a ranking of 'rrf' is not known"))
                };
                Ok(ComputedColumn::Fused { inputs: [number(&inputs[0])?, number(&inputs[1])?], k })
            }
        }
    }

    /// Returns how many of the best rows are enough: where a ranking by words orders all nodes of a type, and nothing
    /// else decides which of them are in the result.
    fn only_best(&self, rank: &Rank) -> Option<usize> {
        let read = self.read;
        let pattern = &read.pattern;
        let all = pattern.filters.is_empty() && pattern.negations.is_empty() && pattern.traversals.is_empty();
        let all = all && pattern.optionals.is_empty();
        let first = matches!(&read.order.first()?.key, SortKey::Rank(first) if first == rank);
        let shown = read.projections.iter().all(|projection| match &projection.value {
            Output::Value(Expr::Rank(shown)) => {
                shown.as_ref() == rank || !matches!(**shown, Rank::Rrf { .. })
            }
            Output::Value(_) => true,
            Output::Aggregate { .. } => false,
        });
        let best = read.limit?.checked_add(read.offset)?;
        let best = usize::try_from(best).ok().filter(|best| *best <= ONLY_BEST);
        best.filter(|_| all && first && shown && read.variables.len() == 1)
    }

    async fn vector(&self, var: VarId, name: &str, query: &Expr) -> Result<(Vec<f32>, Metric)> {
        let key = type_key(&self.read.variables[var.0].ty);
        let property = self.catalog.nodes.get(&key.name).and_then(|node| node.property(name));
        let property =
            property.ok_or_else(|| QueryError::internal(format!("{key} has no property '{name}'")))?;
        let Kind::Vector(dimension) = property.ty.kind else {
            return Err(QueryError::internal(format!("'{name}' of {key} is no vector")));
        };
        let dimension = dimension as usize;
        let vector = match self.constant(query)? {
            Value::Null => return Err(null("nearest")),
            Value::String(text) => {
                let model = property.embed.as_ref().and_then(|embed| embed.model.as_deref());
                self.embedder.embed(&text, dimension, model).await?
            }
            Value::List(items) => items.iter().map(number).collect::<Result<Vec<f32>>>()?,
            other => return Err(QueryError::internal(format!("a query vector is {other:?}"))),
        };
        if vector.len() != dimension {
            return Err(QueryError::bad_request(format!(
                "the query vector of 'nearest' has {} numbers; '{name}' of {key} has {dimension}",
                vector.len()
            )));
        }
        Ok((vector, property.metric.unwrap_or(Metric::L2)))
    }

    fn table(&self, var: VarId) -> Result<&Table> {
        let key = type_key(&self.read.variables[var.0].ty);
        self.tables.get(&key).ok_or_else(|| QueryError::internal(format!("{key} was not opened")))
    }

    fn constant(&self, expr: &Expr) -> Result<Value> {
        match self.env.lower(expr)? {
            Scalar::Const { value, .. } => Ok(value),
            other => Err(QueryError::bad_request(format!("a search needs a constant, not {other}"))),
        }
    }
}

fn null(function: &str) -> QueryError {
    QueryError::bad_request(format!("the query of '{function}' is null; a ranking needs one"))
}

fn number(value: &Value) -> Result<f32> {
    match value {
        Value::Int(v) => Ok(*v as f32),
        Value::Float(v) if (*v as f32).is_finite() => Ok(*v as f32),
        other => {
            Err(QueryError::bad_request(format!("a query vector holds {other:?}; it must hold numbers")))
        }
    }
}

/// The search functions and measures of a read, each once; those that a fusion combines before the fusion.
#[derive(Default)]
struct SearchFunctions {
    texts: Vec<Expr>,
    ranks: Vec<Rank>,
    measures: Vec<Expr>,
}

impl SearchFunctions {
    fn read(&mut self, read: &Read) {
        self.pattern(&read.pattern);
        for projection in &read.projections {
            match &projection.value {
                Output::Value(expr) => self.expr(expr),
                Output::Aggregate { argument, .. } => argument.iter().for_each(|expr| self.expr(expr)),
            }
        }
        for ordering in &read.order {
            match &ordering.key {
                SortKey::Column(_) => {}
                SortKey::Value(expr) => self.expr(expr),
                SortKey::Rank(rank) => self.rank(rank),
            }
        }
    }

    fn pattern(&mut self, pattern: &Pattern) {
        pattern.filters.iter().chain(&pattern.late).for_each(|expr| self.expr(expr));
        pattern.negations.iter().chain(&pattern.optionals).for_each(|inner| self.pattern(inner));
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Text { .. } => {
                if !self.texts.contains(expr) {
                    self.texts.push(expr.clone());
                }
            }
            Expr::Measure { .. } => {
                if !self.measures.contains(expr) {
                    self.measures.push(expr.clone());
                }
            }
            Expr::Rank(rank) => self.rank(rank),
            Expr::Property { .. }
            | Expr::Node(_)
            | Expr::Path { .. }
            | Expr::Param(_)
            | Expr::Literal { .. }
            | Expr::Now => {}
            Expr::Compare { left: a, right: b, .. }
            | Expr::Member { list: a, element: b }
            | Expr::Substring { text: a, part: b }
            | Expr::Prefix { text: a, prefix: b } => {
                self.expr(a);
                self.expr(b);
            }
            Expr::IsNull(inner) | Expr::Not(inner) => self.expr(inner),
            Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| self.expr(part)),
        }
    }

    fn rank(&mut self, rank: &Rank) {
        if let Rank::Rrf { arms: inputs, .. } = rank {
            inputs.iter().for_each(|input| self.rank(input));
        }
        if !self.ranks.contains(rank) {
            self.ranks.push(rank.clone());
        }
    }
}
