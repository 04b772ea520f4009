//! Search: text predicates and rankings of a read, and measures of nodes.
//!
//! What does not depend on the match is computed before planning ([`resolve`]): the rows that a text predicate keeps,
//! the scores of `bm25`, the vector that a text is embedded to, degrees and PageRank ([`measured`]), and the rows among
//! which an index finds all that a condition can keep ([`prefilter`]).
//!
//! The planner sees sets of rows, which it may start from, and computed columns named `#n`, which are fetched late as
//! properties are ([`computed`]). Ranking itself is an operator over the rows of the whole match ([`super::exec`]):
//! filters come first by construction.

mod computed;
mod measured;
mod prefilter;
mod resolve;

pub(crate) use computed::{ComputedColumn, fetch, within};
pub(crate) use prefilter::Prefilter;
pub(crate) use resolve::resolve;

use std::sync::Arc;

use omnigraph_compiler::ir::{Expr, Rank};
use roaring::RoaringTreemap;

/// The searches of one read, ready for planning.
#[derive(Default)]
pub(crate) struct Searches {
    /// The rows that each text predicate keeps.
    texts: Vec<(Expr, Arc<RoaringTreemap>)>,
    /// Rankings and the columns that hold their scores, by number.
    ranks: Vec<(Rank, Arc<ComputedColumn>)>,
    /// Measures of nodes and the columns that hold them, numbered after the rankings.
    measures: Vec<(Expr, Arc<ComputedColumn>)>,
    /// Prefilters of the variables of the outermost block.
    prefilters: Vec<Prefilter>,
}

impl Searches {
    /// Returns the rows that a text predicate keeps.
    pub(crate) fn rows(&self, predicate: &Expr) -> Option<&Arc<RoaringTreemap>> {
        self.texts.iter().find(|(expr, _)| expr == predicate).map(|(_, rows)| rows)
    }

    /// Returns the prefilters of the variables of the outermost block.
    pub(crate) fn prefilters(&self) -> &[Prefilter] {
        &self.prefilters
    }

    /// Returns the number of the column with the scores of a ranking.
    pub(crate) fn number(&self, rank: &Rank) -> Option<usize> {
        self.ranks.iter().position(|(known, _)| known == rank)
    }

    /// Returns the number of the column with a measure.
    pub(crate) fn measure(&self, measure: &Expr) -> Option<usize> {
        let at = self.measures.iter().position(|(known, _)| known == measure)?;
        Some(self.ranks.len() + at)
    }

    /// Returns what a computed column holds.
    pub(crate) fn computed(&self, number: usize) -> Option<&Arc<ComputedColumn>> {
        let ranks = self.ranks.iter().map(|(_, computed)| computed);
        ranks.chain(self.measures.iter().map(|(_, computed)| computed)).nth(number)
    }
}

/// Returns the name of a computed column, as a property of its variable.
pub(crate) fn property(number: usize) -> String {
    format!("#{number}")
}

/// Returns the number of a computed column; none for a stored property.
pub(crate) fn number(property: &str) -> Option<usize> {
    property.strip_prefix('#')?.parse().ok()
}
