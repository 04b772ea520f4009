//! The rankings that a fusion combines: which entities each holds, and at which rank.
//!
//! A ranking by distance holds a few of the nearest: bounds tell which may be, and only their distances are computed. A
//! ranking by words holds all that have a score.
//!
//! An entity that is behind the first `best` of every ranking cannot be among the `best` of the fusion. So ranks are
//! needed for few entities only: instead of sorting a ranking, the entities with better scores are counted, and the
//! ids, which break ties, are read for these few.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::Float64Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use omnigraph_graph::model;
use omnigraph_storage::Table;
use omnigraph_vector::Bounded;

use super::rank::{TopEntities, order};
use crate::cache::Caches;
use crate::columns;
use crate::error::{QueryError, Result};
use crate::search::{ComputedColumn, fetch};

/// One ranking, to which rows are added as they come.
pub(super) struct FusionInput {
    computed: Arc<ComputedColumn>,
    descending: bool,
    /// Entities it holds at most.
    best: Option<usize>,
    top: Option<TopEntities>,
    /// Entities that may be held, with the best score each may have; they may repeat.
    found: Vec<(f64, u64)>,
}

impl FusionInput {
    pub(super) fn new(computed: Arc<ComputedColumn>, descending: bool, best: Option<u64>) -> FusionInput {
        let best = best.map(|best| usize::try_from(best).unwrap_or(usize::MAX));
        let top = best.map(|best| TopEntities::new(best, descending));
        FusionInput { computed, descending, best, top, found: vec![] }
    }

    /// Counts the entities of some rows, and marks in `held` the rows that may be in the ranking.
    pub(super) fn add(&mut self, entities: &[u64], measured: &[Bounded], held: &mut [bool]) {
        if let Some(top) = &mut self.top {
            for row in measured.iter().filter(|row| row.upper < f64::INFINITY) {
                top.insert(entities[row.position], row.upper);
            }
        }
        for row in measured {
            if self.top.as_ref().is_none_or(|top| top.admit(row.lower)) {
                held[row.position] = true;
                self.found.push((row.lower, entities[row.position]));
            }
        }
    }

    /// Returns the entities it holds, and those that tie with the last of them.
    pub(super) async fn finish(mut self, caches: &Caches) -> Result<Ranking> {
        if let Some(top) = &self.top {
            self.found.retain(|(score, _)| top.admit(*score));
        }
        // A match without traversals has each entity once, in the order of addresses.
        if !self.found.is_sorted_by(|(_, a), (_, b)| a < b) {
            self.found.sort_unstable_by_key(|(_, entity)| *entity);
            self.found.dedup_by_key(|(_, entity)| *entity);
        }
        if self.top.is_some() && matches!(self.computed.as_ref(), ComputedColumn::Distance(_)) {
            let entities: Vec<u64> = self.found.iter().map(|(_, entity)| *entity).collect();
            let exact = scores(&self.computed, caches, &entities).await?;
            let exact = exact.iter().zip(&entities);
            self.found = exact.filter_map(|(score, entity)| Some((score?, *entity))).collect();
        }
        let scores = self.found.iter().map(|(score, entity)| (order(*score, self.descending), *entity));
        Ok(Ranking { scores: scores.collect(), best: self.best })
    }
}

async fn scores(computed: &Arc<ComputedColumn>, caches: &Caches, entities: &[u64]) -> Result<Float64Array> {
    let scores = fetch(computed, caches, entities).await?;
    let scores = scores.as_primitive_opt::<Float64Type>().cloned();
    scores.ok_or_else(|| QueryError::internal("scores are no numbers"))
}

/// Distinct entities with numbers that ascend from better to worse, by address.
pub(super) struct Ranking {
    scores: Vec<(i64, u64)>,
    /// How many of the first it holds; all without it.
    best: Option<usize>,
}

/// Ranks of entities, from 1.
pub(super) type Ranks = HashMap<u64, u64>;

/// Entities that have the same score.
struct Tied {
    score: i64,
    /// How many have a better one.
    before: u64,
    entities: Vec<u64>,
}

/// Returns the ranks, in each ranking, of all entities that may be among the `best` of their fusion; of all without it.
pub(super) async fn ranks(
    rankings: [Ranking; 2],
    best: Option<u64>,
    table: &Table,
    caches: &Caches,
) -> Result<[Ranks; 2]> {
    let best = best.map(|best| usize::try_from(best).unwrap_or(usize::MAX));
    let mut wanted: Vec<u64> = rankings.iter().flat_map(|ranking| ranking.first(best)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let groups = rankings.each_ref().map(|ranking| ranking.groups(&wanted));
    let tied = groups.iter().flatten().filter(|tied| tied.entities.len() > 1);
    let tied: Vec<u64> = tied.flat_map(|tied| &tied.entities).copied().collect();
    let ids = columns::texts(caches, table, model::ID, tied).await?;
    let [first, second] = &rankings;
    let [of_first, of_second] = groups;
    Ok([first.ranks(of_first, &ids), second.ranks(of_second, &ids)])
}

impl Ranking {
    /// Returns the entities it holds, `best` of them if it holds all, and those that tie with the last.
    fn first(&self, best: Option<usize>) -> impl Iterator<Item = u64> {
        let count = self.best.or(best).unwrap_or(usize::MAX);
        let last = match count.checked_sub(1) {
            None => None,
            Some(last) if last < self.scores.len() => {
                let mut scores: Vec<i64> = self.scores.iter().map(|(score, _)| *score).collect();
                Some(*scores.select_nth_unstable(last).1)
            }
            Some(_) => Some(i64::MAX),
        };
        let first = self.scores.iter().filter(move |(score, _)| last.is_some_and(|last| *score <= last));
        first.map(|(_, entity)| *entity)
    }

    /// Returns the groups of equal scores that have one of these entities, which are given in order, best first.
    fn groups(&self, wanted: &[u64]) -> Vec<Tied> {
        let found = self.scores.iter().filter(|(_, entity)| wanted.binary_search(entity).is_ok());
        let mut scores: Vec<i64> = found.map(|(score, _)| *score).collect();
        scores.sort_unstable();
        scores.dedup();
        let mut groups: Vec<Tied> =
            scores.into_iter().map(|score| Tied { score, before: 0, entities: vec![] }).collect();
        for (score, entity) in &self.scores {
            let at = groups.partition_point(|tied| tied.score < *score);
            if let Some(tied) = groups.get_mut(at) {
                if tied.score == *score {
                    tied.entities.push(*entity);
                } else {
                    tied.before += 1;
                }
            }
        }
        // The entities before a group, and those of the group, are before all later groups.
        let mut before = 0;
        for tied in &mut groups {
            tied.before += before;
            before = tied.before + tied.entities.len() as u64;
        }
        groups
    }

    /// Ranks the entities of some groups that it holds, breaking ties by id.
    fn ranks(&self, groups: Vec<Tied>, ids: &HashMap<u64, String>) -> Ranks {
        let mut ranks = Ranks::new();
        for Tied { before, mut entities, .. } in groups {
            entities.sort_by(|a, b| ids.get(a).cmp(&ids.get(b)));
            let held = self.best.map_or(u64::MAX, |best| best as u64);
            let ranked = entities.into_iter().zip(before + 1..).take_while(|(_, rank)| *rank <= held);
            ranks.extend(ranked);
        }
        ranks
    }
}
