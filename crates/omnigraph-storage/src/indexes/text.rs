//! Full-text search in one column: an inverted index of its terms, one segment per fragment.
//!
//! Derived state: the texts of an immutable fragment are analysed once, and their segment is held in a bounded cache of the
//! process, stored as an index part ([`crate::indexes::part`]), and shared by every table version that has the fragment. What
//! a version has deleted is left out of each search, statistics included, so answers and scores are those of the live rows.
//!
//! Memory: while a search runs, the terms of all fragments of the table.

use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use futures::{StreamExt, TryStreamExt};
use lance::dataset::fragment::FileFragment;
use omnigraph_text::{Analyzer, Corpus, Matches, Query, SegmentBuilder, SegmentScores};
use roaring::{RoaringBitmap, RoaringTreemap};

use crate::error::{Result, StorageError};
use crate::indexes::part::{self, PartKind, PartLocation};
use crate::objects::failure;
use crate::objects::root::blocking;
use crate::single_flight::build_once;
use crate::tables::fragment;
use crate::tables::table::Table;

pub(crate) use omnigraph_text::Segment;

const FRAGMENTS_AT_ONCE: usize = 2;

/// The analysis of texts and queries.
pub(crate) static ANALYZER: LazyLock<Analyzer> = LazyLock::new(Analyzer::new);

/// The terms of one fragment, and which of its rows a table version has deleted.
struct FragmentTerms {
    fragment: u32,
    segment: Arc<Segment>,
    deleted: Option<RoaringBitmap>,
}

/// The terms of a column of one table version.
pub struct TextColumn {
    fragments: Vec<FragmentTerms>,
}

/// Scores of rows, by address.
#[derive(Debug, Default)]
pub struct Scores {
    /// By ascending fragment.
    fragments: Vec<(u32, SegmentScores)>,
}

impl TextColumn {
    /// Loads the terms of a column, analysing the fragments that are not in memory.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn load(table: &Table, column: &str) -> Result<TextColumn> {
        let key = fragment::columns_key(table, &[column.to_owned()])?;
        let fragments = table.dataset().get_fragments();
        let loaded = futures::stream::iter(fragments).map(|fragment| terms(table, fragment, column, &key));
        let mut fragments: Vec<FragmentTerms> =
            loaded.buffer_unordered(FRAGMENTS_AT_ONCE).try_collect().await?;
        fragments.sort_by_key(|terms| terms.fragment);
        Ok(TextColumn { fragments })
    }

    /// Returns the live rows that share a term with the text.
    pub fn matching(&self, text: &str) -> RoaringTreemap {
        self.rows(self.corpus().matching(&Query::new(&ANALYZER, text)))
    }

    /// Returns the live rows that have a term within some edits of a term of the text.
    pub fn fuzzy(&self, text: &str, max_edits: usize) -> RoaringTreemap {
        self.rows(self.corpus().fuzzy(&Query::new(&ANALYZER, text), max_edits))
    }

    /// Scores the live rows that share a term with the text, by BM25.
    pub fn scores(&self, text: &str) -> Scores {
        let scored = self.corpus().scores(&Query::new(&ANALYZER, text));
        let fragments = self.fragments.iter().zip(scored.into_segments());
        Scores { fragments: fragments.map(|(terms, scores)| (terms.fragment, scores)).collect() }
    }

    /// Scores the best rows only: as many as `best`, and all that tie with the last of them.
    pub fn best(&self, text: &str, best: usize) -> Scores {
        let query = Query::new(&ANALYZER, text);
        let hits = self.corpus().top_k(&query, best.saturating_add(1), None);
        let tied = match hits.as_slice() {
            [.., last, more] if hits.len() > best => last.score == more.score,
            _ => false,
        };
        if best == 0 || tied {
            return self.scores(text);
        }
        let mut rows: Vec<(usize, u32, f64)> =
            hits.iter().take(best).map(|hit| (hit.segment, hit.offset, hit.score)).collect();
        rows.sort_unstable_by_key(|(segment, offset, _)| (*segment, *offset));
        let mut fragments: Vec<(u32, SegmentScores)> = Vec::new();
        for (segment, offset, score) in rows {
            let fragment = self.fragments[segment].fragment;
            if fragments.last().is_none_or(|(last, _)| *last != fragment) {
                fragments.push((fragment, SegmentScores::default()));
            }
            if let Some((_, scores)) = fragments.last_mut() {
                scores.offsets.push(offset);
                scores.scores.push(score);
            }
        }
        Scores { fragments }
    }

    fn corpus(&self) -> Corpus<'_> {
        Corpus::new(self.fragments.iter().map(|terms| (terms.segment.as_ref(), terms.deleted.as_ref())))
    }

    fn rows(&self, matches: Matches) -> RoaringTreemap {
        let found = self.fragments.iter().zip(matches.into_segments());
        RoaringTreemap::from_bitmaps(found.map(|(terms, offsets)| (terms.fragment, offsets)))
    }
}

impl Scores {
    /// Returns the scores of rows, in the order given; none where a row shares no term. Costs little per row where
    /// addresses ascend.
    pub fn of(&self, addresses: &[u64]) -> Vec<Option<f64>> {
        let mut scores = Vec::with_capacity(addresses.len());
        // The fragment of the last row, and the first of its scores at or after that row.
        let mut last: Option<(u32, &SegmentScores, usize)> = None;
        for &address in addresses {
            let (fragment, offset) = ((address >> 32) as u32, address as u32);
            let held = match last.filter(|(id, ..)| *id == fragment) {
                Some((_, held, at)) => Some((held, at)),
                None => {
                    let at = self.fragments.binary_search_by_key(&fragment, |(id, _)| *id).ok();
                    at.map(|at| (&self.fragments[at].1, 0))
                }
            };
            let Some((held, from)) = held else {
                scores.push(None);
                continue;
            };
            let at = seek(&held.offsets, from, offset);
            last = Some((fragment, held, at));
            scores.push((held.offsets.get(at) == Some(&offset)).then(|| held.scores[at]));
        }
        scores
    }

    /// Returns the positions, among some addresses, of the rows that have a score, and their scores, in the order of the
    /// addresses.
    pub fn among(&self, addresses: &[u64]) -> Vec<(usize, f64)> {
        if !addresses.is_sorted_by(|a, b| a < b) {
            let scores = self.of(addresses).into_iter().enumerate();
            return scores.filter_map(|(position, score)| Some((position, score?))).collect();
        }
        let mut found = Vec::new();
        let mut at = 0;
        for (fragment, held) in &self.fragments {
            let first = u64::from(*fragment) << 32;
            at += addresses[at..].partition_point(|address| *address < first);
            let end = at + addresses[at..].partition_point(|address| *address <= first + u64::from(u32::MAX));
            let rows = &addresses[at..end];
            let (Some(low), Some(high)) = (rows.first(), rows.last()) else { continue };
            let (low, high) = (*low as u32, *high as u32);
            let from = held.offsets.partition_point(|offset| *offset < low);
            let to = held.offsets.partition_point(|offset| *offset <= high);
            let mut position = 0;
            for (offset, score) in held.offsets[from..to].iter().zip(&held.scores[from..to]) {
                let address = first + u64::from(*offset);
                // Most rows are asked about, so the position is not far.
                position = reached(rows, position, address);
                if rows.get(position) == Some(&address) {
                    found.push((at + position, *score));
                }
            }
            at = end;
        }
        found
    }

    /// Tells whether no row has a score.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of rows that have a score.
    pub fn len(&self) -> usize {
        self.fragments.iter().map(|(_, scores)| scores.offsets.len()).sum()
    }

    /// Returns the rows that have a score.
    pub fn rows(&self) -> RoaringTreemap {
        let bitmaps = self.fragments.iter().map(|(fragment, rows)| {
            let offsets = RoaringBitmap::from_sorted_iter(rows.offsets.iter().copied());
            (*fragment, offsets.expect("offsets ascend"))
        });
        RoaringTreemap::from_bitmaps(bitmaps)
    }
}

/// Returns the position of the first address that is not below `address`, looked for in growing steps from `from`; none before
/// is not below.
fn reached(addresses: &[u64], from: usize, address: u64) -> usize {
    let (mut low, mut step) = (from, 1);
    while addresses.get(low + step).is_some_and(|at| *at < address) {
        low += step;
        step *= 2;
    }
    let high = (low + step + 1).min(addresses.len());
    low + addresses.get(low..high).map_or(0, |rest| rest.partition_point(|at| *at < address))
}

/// Returns the position of the first offset that is not below `offset`, looked for in growing steps from `from`.
fn seek(offsets: &[u32], from: usize, offset: u32) -> usize {
    let passed = from > 0 && offsets.get(from - 1).is_some_and(|before| *before >= offset);
    let mut low = if passed { 0 } else { from };
    let mut step = 1;
    while offsets.get(low).is_some_and(|at| *at < offset) {
        match offsets.get(low + step) {
            Some(at) if *at < offset => {
                low += step;
                step *= 2;
            }
            _ => {
                let high = (low + step).min(offsets.len());
                return low + 1 + offsets[low + 1..high].partition_point(|at| *at < offset);
            }
        }
    }
    low
}

/// Loads the terms of one fragment.
async fn terms(table: &Table, fragment: FileFragment, column: &str, key: &str) -> Result<FragmentTerms> {
    let id = u32::try_from(fragment.id())
        .map_err(|_| StorageError::internal(format!("table {} has too many fragments", table.path())))?;
    let deleted = fragment.get_deletion_vector().await;
    let deleted = deleted.map_err(|error| failure::table(table.path(), error))?;
    let segment = segment(table, &fragment, column, key).await?;
    Ok(FragmentTerms {
        fragment: id,
        segment,
        deleted: deleted.map(|deleted| RoaringBitmap::from(deleted.as_ref())),
    })
}

/// Returns the terms of a column of a fragment, `key` being the column as [`fragment::columns_key`] names it.
pub(crate) async fn segment(
    table: &Table,
    fragment: &FileFragment,
    column: &str,
    key: &str,
) -> Result<Arc<Segment>> {
    let location = PartLocation::of(table, fragment.metadata(), key, PartKind::Inverted, "");
    let key = fragment::derived_key(table, fragment, key);
    let (this, fragment, columns) = (table.clone(), fragment.clone(), [column.to_owned()]);
    let build = async move {
        if let Some(location) = &location
            && let Some(segment) = part::load(this.root(), location, Segment::from_bytes).await
        {
            return Ok(Arc::new(segment));
        }
        let segment = analyse(&this, &fragment, &columns).await?;
        if let Some(location) = location {
            let segment = segment.clone();
            this.root().store_part(location, move || Ok(segment.to_bytes()));
        }
        Ok(segment)
    };
    build_once(&table.root().caches().texts, key, build).await
}

async fn analyse(table: &Table, fragment: &FileFragment, columns: &[String]) -> Result<Arc<Segment>> {
    let batches = fragment::read(table, fragment, columns, None).await?;
    blocking(move || {
        let mut builder = SegmentBuilder::new(ANALYZER.clone());
        for batch in &batches {
            let texts = batch.column(0).as_string_opt::<i32>();
            let texts = texts.ok_or_else(|| StorageError::internal("a text column holds something else"))?;
            for text in texts {
                builder
                    .push(text)
                    .map_err(|error| StorageError::internal(format!("analysing texts: {error}")))?;
            }
        }
        Ok(Arc::new(builder.finish()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_that_have_a_score_are_those_of_which_it_is_known(
            scored in prop::collection::btree_map((0..3_u32, 0..60_u32), 0.0..9.0_f64, 0..60),
            asked in prop::collection::vec((0..4_u64, 0..70_u64), 0..90),
            sorted in any::<bool>(),
        ) {
            let mut fragments: BTreeMap<u32, SegmentScores> = BTreeMap::new();
            for ((fragment, offset), score) in scored {
                let held = fragments.entry(fragment).or_default();
                held.offsets.push(offset);
                held.scores.push(score);
            }
            let scores = Scores { fragments: fragments.into_iter().collect() };
            let asked: Vec<u64> = asked.into_iter().map(|(fragment, offset)| (fragment << 32) + offset).collect();
            let asked: Vec<u64> =
                if sorted { BTreeSet::from_iter(asked).into_iter().collect() } else { asked };
            let naive: Vec<(usize, f64)> = scores
                .of(&asked)
                .into_iter()
                .enumerate()
                .filter_map(|(position, score)| Some((position, score?)))
                .collect();
            prop_assert_eq!(scores.among(&asked), naive);
        }
    }
}
