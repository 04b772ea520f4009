//! The rankings of a fusion: which entities each holds, and at which rank.
//!
//! A ranking by distance holds a few of the nearest: bounds tell which may be, and only their distances are computed. A
//! ranking by words holds all that have a score. Ranks are needed of few entities: those among the first of some ranking,
//! as nobody behind them all can be among the best of the fusion. So ids, which break ties, are read for few.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, Float64Array};

use super::rank::{Leaders, order};
use crate::error::{OmniError, Result};
use crate::model;
use crate::query::cache::Caches;
use crate::query::columns;
use crate::query::search::{Computed, bounds, fetch};
use crate::storage::Table;

/// What is known of some rows, for one ranking.
pub(super) enum Measured {
    /// Bounds of distances: from below, from above.
    Bounds(Float64Array, Float64Array),
    /// Distances or scores.
    Exact(Float64Array),
}

/// One ranking, as rows come.
pub(super) struct Arm {
    computed: Arc<Computed>,
    descending: bool,
    /// Entities it holds at most.
    best: Option<usize>,
    leaders: Option<Leaders>,
    /// Entities that may be held, with the best score each may have; they may repeat.
    found: Vec<(f64, u64)>,
}

impl Arm {
    pub(super) fn new(computed: Arc<Computed>, descending: bool, best: Option<u64>) -> Arm {
        let best = best.map(|best| usize::try_from(best).unwrap_or(usize::MAX));
        let leaders = best.map(|best| Leaders::new(best, descending));
        Arm { computed, descending, best, leaders, found: vec![] }
    }

    /// Counts the entities of some rows, and marks in `held` the rows that may be in the ranking.
    pub(super) fn add(&mut self, entities: &[u64], measured: &Measured, held: &mut [bool]) {
        let (certain, possible) = match measured {
            Measured::Bounds(lower, upper) => (upper, lower),
            Measured::Exact(scores) => (scores, scores),
        };
        if let Some(leaders) = &mut self.leaders {
            for (at, entity) in entities.iter().enumerate() {
                if certain.is_valid(at) {
                    leaders.meet(*entity, certain.value(at));
                }
            }
        }
        for (at, entity) in entities.iter().enumerate() {
            if !possible.is_valid(at) {
                continue;
            }
            let score = possible.value(at);
            if self.leaders.as_ref().is_none_or(|leaders| leaders.admit(score)) {
                held[at] = true;
                self.found.push((score, *entity));
            }
        }
    }

    /// Returns the entities in their order, those that tie with the last of the best included.
    pub(super) async fn finish(mut self, caches: &Caches) -> Result<Ranking> {
        if let Some(leaders) = &self.leaders {
            self.found.retain(|(score, _)| leaders.admit(*score));
            if matches!(self.computed.as_ref(), Computed::Distance(_)) {
                let mut entities: Vec<u64> = self.found.iter().map(|(_, entity)| *entity).collect();
                entities.sort_unstable();
                entities.dedup();
                let exact = scores(&self.computed, caches, &entities).await?;
                let exact = exact.iter().zip(&entities);
                self.found = exact.filter_map(|(score, entity)| Some((score?, *entity))).collect();
            }
        }
        let ordered = self.found.iter().map(|(score, entity)| (order(*score, self.descending), *entity));
        let mut places: Vec<(i64, u64)> = ordered.collect();
        places.sort_unstable();
        places.dedup();
        Ok(Ranking { places, best: self.best })
    }
}

/// Measures the rows of some entities, for a ranking that holds the `best` of them, or all.
pub(super) async fn measure(
    computed: &Arc<Computed>,
    best: Option<u64>,
    caches: &Caches,
    entities: &[u64],
) -> Result<Measured> {
    match computed.as_ref() {
        Computed::Distance(_) if let Some(best) = best => {
            let best = usize::try_from(best).unwrap_or(usize::MAX);
            let (lower, upper) = bounds(computed, entities, best).await?;
            Ok(Measured::Bounds(lower, upper))
        }
        _ => Ok(Measured::Exact(scores(computed, caches, entities).await?)),
    }
}

async fn scores(computed: &Arc<Computed>, caches: &Caches, entities: &[u64]) -> Result<Float64Array> {
    let scores = fetch(computed, caches, entities).await?;
    let scores = scores.as_primitive_opt::<Float64Type>().cloned();
    scores.ok_or_else(|| OmniError::internal("scores are no numbers"))
}

/// Entities by score, best first; those with equal scores in no order that counts.
pub(super) struct Ranking {
    places: Vec<(i64, u64)>,
    best: Option<usize>,
}

/// Ranks of entities, from 1.
pub(super) type Ranks = HashMap<u64, u64>;

/// Returns the ranks, in each ranking, of all entities that may be among the `best` of their fusion; of all without it.
pub(super) async fn ranks(
    mut rankings: [Ranking; 2],
    best: Option<u64>,
    table: &Table,
    caches: &Caches,
) -> Result<[Ranks; 2]> {
    let best = best.map(|best| usize::try_from(best).unwrap_or(usize::MAX));
    let mut wanted: HashSet<u64> = HashSet::new();
    for ranking in &rankings {
        let first = ranking.best.or(best).unwrap_or(usize::MAX).min(ranking.places.len());
        let end = first.checked_sub(1).map_or(0, |last| ranking.ties(last).end);
        wanted.extend(ranking.places[..end].iter().map(|(_, entity)| *entity));
    }
    let mut tied: Vec<u64> = Vec::new();
    let mut groups: [Vec<Range<usize>>; 2] = Default::default();
    for (ranking, groups) in rankings.iter().zip(&mut groups) {
        *groups = ranking.groups(&wanted);
        let in_groups =
            groups.iter().filter(|group| group.len() > 1).flat_map(|group| &ranking.places[group.clone()]);
        tied.extend(in_groups.map(|(_, entity)| *entity));
    }
    let ids = columns::texts(caches, table, model::ID, tied).await?;
    Ok([0, 1].map(|arm| rankings[arm].ranks(&groups[arm], &ids)))
}

impl Ranking {
    /// Returns the places whose entities have the score of the one at a place.
    fn ties(&self, place: usize) -> Range<usize> {
        let score = self.places[place].0;
        let start = self.places.partition_point(|(other, _)| *other < score);
        let len = self.places[start..].partition_point(|(other, _)| *other == score);
        start..start + len
    }

    /// Returns the groups of equal scores that have one of these entities, in order.
    fn groups(&self, wanted: &HashSet<u64>) -> Vec<Range<usize>> {
        let mut groups: Vec<Range<usize>> = Vec::new();
        for (place, (_, entity)) in self.places.iter().enumerate() {
            if wanted.contains(entity) && groups.last().is_none_or(|group| group.end <= place) {
                groups.push(self.ties(place));
            }
        }
        groups
    }

    /// Ranks the entities of some groups, breaking ties by id.
    fn ranks(&mut self, groups: &[Range<usize>], ids: &HashMap<u64, String>) -> Ranks {
        let mut ranks = Ranks::new();
        for group in groups {
            let members = &mut self.places[group.clone()];
            members.sort_by(|(_, a), (_, b)| ids.get(a).cmp(&ids.get(b)));
            let held = self.best.unwrap_or(usize::MAX).saturating_sub(group.start);
            let ranked = members.iter().take(held).zip(group.start as u64 + 1..);
            ranks.extend(ranked.map(|((_, entity), rank)| (*entity, rank)));
        }
        ranks
    }
}
