//! The ranking of a read: which one orders the rows of the match or is shown with them, and how many of its best
//! entities are wanted.

use arrow_schema::DataType;
use omnigraph_compiler::ir::{Expr, Output, Rank, VarId};

use super::{PlanContext, SortBy, column};
use crate::error::{QueryError, Result};
use crate::expr::Scalar;
use crate::search::{ComputedColumn, property};

/// A ranking of the rows of the whole match by an entity of theirs.
#[derive(Clone, Debug)]
pub(crate) enum RankBy {
    /// Drops rows that cannot be among the best: those of entities that are not among the best `best`, ties kept.
    Best { key: RankKey, best: u64 },
    /// Fuses two rankings: adds the scores ([`Fused::score`]) and positions ([`Fused::position`]) of the entities.
    Fuse(Fused),
}

/// Scores of a variable's entities, in a computed column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RankKey {
    /// The ranked variable.
    pub(crate) var: VarId,
    /// Name of the column, as a property.
    pub(crate) property: String,
    /// Whether larger scores are better.
    pub(crate) descending: bool,
}

impl RankKey {
    /// Returns the column that holds the scores.
    pub(crate) fn column(&self) -> String {
        column(self.var, &self.property)
    }
}

/// Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
#[derive(Clone, Debug)]
pub(crate) struct Fused {
    /// The rankings of one variable, each with how many of its best entities count; all when `None`.
    pub(crate) inputs: [(RankKey, Option<u64>); 2],
    /// The constant of the fusion.
    pub(crate) k: f64,
    /// Name of the score column, as a property.
    pub(crate) score: String,
    /// How many of the best entities are kept; `None` keeps all rows, also those of entities without a score.
    pub(crate) best: Option<u64>,
    /// Columns of the input that later steps read.
    pub(crate) keep: Vec<String>,
}

impl Fused {
    /// Returns the ranked variable.
    pub(crate) fn var(&self) -> VarId {
        self.inputs[0].0.var
    }

    /// Returns the column of the fused scores, F64.
    pub(crate) fn score(&self) -> String {
        column(self.var(), &self.score)
    }

    /// Returns the column of the positions, UInt64: the best entity has position 0, and no two have the same.
    pub(crate) fn position(&self) -> String {
        column(self.var(), &format!("{}.place", self.score))
    }
}

impl RankBy {
    /// Returns the columns that are there after the ranking.
    pub(super) fn columns(&self) -> Vec<String> {
        match self {
            RankBy::Best { key, .. } => vec![key.column()],
            RankBy::Fuse(fused) => vec![fused.score(), fused.position()],
        }
    }
}

/// Returns the sort key that a ranking makes, and the ranking to run if it is not the sort key alone.
pub(super) fn ordering(context: &PlanContext<'_>, rank: &Rank) -> Result<(SortBy, Option<RankBy>)> {
    let best = wanted(context);
    let rank = match rank {
        Rank::Nearest { .. } | Rank::Bm25 { .. } => {
            RankBy::Best { key: rank_key(context, rank)?, best: best.unwrap_or(u64::MAX) }
        }
        Rank::Rrf { .. } => RankBy::Fuse(fusion(context, rank, best)?),
    };
    let (name, ty, descending) = match &rank {
        RankBy::Best { key, .. } => (key.column(), DataType::Float64, key.descending),
        RankBy::Fuse(fused) => (fused.position(), DataType::UInt64, false),
    };
    // Without a limit every row that has a score is wanted, and `bm25` has dropped the others.
    let runs = best.is_some() || matches!(rank, RankBy::Fuse(_));
    Ok((SortBy { scalar: Scalar::Column { name, ty }, descending }, runs.then_some(rank)))
}

/// Returns the ranking to run: that of the order, if any, or the fusion whose scores are shown by a query that is
/// ordered by something else.
///
/// # Errors
/// Bad request for the scores of two fusions, or of one beside another ranking that orders the result.
pub(super) fn shown(context: &PlanContext<'_>, ordering: Option<RankBy>) -> Result<Option<RankBy>> {
    let projections = context.read.projections.iter();
    let shown = projections.filter_map(|projection| match &projection.value {
        Output::Value(Expr::Rank(rank)) if matches!(rank.as_ref(), Rank::Rrf { .. }) => Some(rank.as_ref()),
        _ => None,
    });
    let mut ranking = ordering;
    for rank in shown {
        let fused = fusion(context, rank, None)?;
        match &ranking {
            None => ranking = Some(RankBy::Fuse(fused)),
            Some(RankBy::Fuse(other)) if other.score == fused.score => {}
            Some(_) => {
                return Err(QueryError::bad_request(
                    "a query can show the score of one 'rrf', and only the one that orders it if a ranking does",
                ));
            }
        }
    }
    Ok(ranking)
}

/// Returns how many rows the limit lets through, those that the offset skips included; none without a limit.
fn wanted(context: &PlanContext<'_>) -> Option<u64> {
    context.read.limit.map(|limit| limit.saturating_add(context.read.offset))
}

fn rank_key(context: &PlanContext<'_>, rank: &Rank) -> Result<RankKey> {
    let number = context.env.searches.number(rank);
    let number = number.ok_or_else(|| QueryError::internal("a ranking is not resolved"))?;
    let descending = matches!(rank, Rank::Bm25 { .. });
    Ok(RankKey { var: rank.var(), property: property(number), descending })
}

fn fusion(context: &PlanContext<'_>, rank: &Rank, best: Option<u64>) -> Result<Fused> {
    let unresolved = || QueryError::internal("a fused ranking is not resolved");
    let (Rank::Rrf { arms: inputs, .. }, Some(number)) = (rank, context.env.searches.number(rank)) else {
        return Err(unresolved());
    };
    let computed = context.env.searches.computed(number).ok_or_else(unresolved)?;
    let ComputedColumn::Fused { k, .. } = computed.as_ref() else { return Err(unresolved()) };
    let limit = wanted(context);
    let input = |rank: &Rank| -> Result<(RankKey, Option<u64>)> {
        let best = if matches!(rank, Rank::Nearest { .. }) { limit } else { None };
        Ok((rank_key(context, rank)?, best))
    };
    let inputs = [input(&inputs[0])?, input(&inputs[1])?];
    Ok(Fused { inputs, k: *k, score: property(number), best, keep: vec![] })
}
