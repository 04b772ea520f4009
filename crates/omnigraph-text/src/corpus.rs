//! A corpus: many segments searched as one, with exact statistics over their live rows.

use roaring::RoaringBitmap;

use crate::bm25::{self, Bm25};
use crate::cursor::{Cursor, END};
use crate::fuzzy::Matcher;
use crate::member::Member;
use crate::query::{Clause, Query};
use crate::results::{Hit, Matches, Scores, SegmentScores};
use crate::rows::{Collector, Deleted, live_docs};
use crate::segment::Segment;
use crate::top_k;
use crate::window::Window;

/// Segments of one column, each with the offsets of its deleted rows, as one searchable whole. Segments are numbered
/// from 0 as given.
///
/// Statistics are over the live rows with a text that is not null; a text without terms counts, with length 0.
#[derive(Debug, Clone)]
pub struct Corpus<'a> {
    members: Vec<Member<'a>>,
    docs: u64,
    terms: u64,
}

impl<'a> Corpus<'a> {
    /// The corpus of `members`: segments and the offsets deleted from each, if any. Offsets behind the last row are
    /// ignored. The cost is a look at every deleted row.
    pub fn new(members: impl IntoIterator<Item = (&'a Segment, Option<&'a RoaringBitmap>)>) -> Self {
        let member = |(segment, deleted): (&'a Segment, Option<&'a RoaringBitmap>)| Member {
            segment,
            deleted: deleted.and_then(|rows| Deleted::new(rows, segment.rows())),
        };
        let members: Vec<_> = members.into_iter().map(member).collect();
        let live = members.iter().map(|member| member.segment.live(member.deleted.as_ref()));
        let (docs, terms) = live.fold((0, 0), |(docs, terms), (d, t)| (docs + d, terms + t));
        Self { members, docs, terms }
    }

    /// The number of live rows whose text is not null.
    #[must_use]
    pub fn docs(&self) -> u64 {
        self.docs
    }

    /// The average number of terms of the texts of these rows; 0 if there is none.
    #[must_use]
    pub fn average_length(&self) -> f64 {
        if self.docs == 0 { 0.0 } else { self.terms as f64 / self.docs as f64 }
    }

    /// The number of live rows that have `term`, an analysed term.
    #[must_use]
    pub fn document_frequency(&self, term: &str) -> u64 {
        let lists = self.members.iter().filter_map(|m| Some((m.segment.list(term)?, m.deleted.as_ref())));
        lists.map(|(list, deleted)| live_docs(list, deleted)).sum()
    }

    /// The live rows that share at least one term with `query`.
    #[must_use]
    pub fn matching(&self, query: &Query) -> Matches {
        self.collect(|segment, rows| {
            for list in query.terms().filter_map(|(term, _)| segment.list(term)) {
                rows.add(list);
            }
        })
    }

    /// The live rows that have a term within `max_edits` edits of some term of `query`. An edit inserts, deletes or
    /// replaces one Unicode scalar value (plain Levenshtein distance).
    #[must_use]
    pub fn fuzzy(&self, query: &Query, max_edits: usize) -> Matches {
        let matchers: Vec<_> = query.terms().map(|(term, _)| Matcher::new(term, max_edits)).collect();
        self.collect(|segment, rows| {
            for matcher in &matchers {
                matcher.entries(&segment.dictionary, |entry| rows.add(segment.list_of(entry)));
            }
        })
    }

    fn collect(&self, add: impl Fn(&Segment, &mut Collector)) -> Matches {
        let of = |member: &Member<'_>| {
            let mut rows = Collector::new(member.segment.rows());
            add(member.segment, &mut rows);
            rows.finish(member.deleted.as_ref())
        };
        Matches { segments: self.members.iter().map(of).collect() }
    }

    /// The BM25 scores (k1 1.2, b 0.75) of all live rows that share at least one term with `query`.
    ///
    /// A term that occurs several times in the query counts as often. The terms of a row are added up in the order of
    /// their first occurrence in the query, so equal contents give equal bits.
    #[must_use]
    pub fn scores(&self, query: &Query) -> Scores {
        let clauses = self.clauses(query);
        let bm25 = Bm25::new(self.average_length());
        let of = |(index, member): (usize, &Member<'_>)| {
            let cursors = clauses.iter().filter_map(|c| Some((c.weight, Cursor::new(c.lists[index]?))));
            score_segment(&bm25, member, cursors.collect())
        };
        Scores { segments: self.members.iter().enumerate().map(of).collect() }
    }

    /// The `k` best rows of [`Self::scores`], best first, ties by segment and offset. `allowed` gives the offsets that
    /// may be returned, by segment (none for a segment behind its end); it has no effect on scores.
    #[must_use]
    pub fn top_k(&self, query: &Query, k: usize, allowed: Option<&[RoaringBitmap]>) -> Vec<Hit> {
        let clauses = self.clauses(query);
        let bm25 = Bm25::new(self.average_length());
        top_k::search(&bm25, &self.members, &clauses, k, allowed)
    }

    /// The terms of `query` that live rows have, in its order.
    fn clauses(&self, query: &Query) -> Vec<Clause<'a>> {
        let clause = |(term, count): (&str, u32)| {
            let lists: Vec<_> = self.members.iter().map(|member| member.segment.list(term)).collect();
            let with = self.members.iter().zip(&lists);
            let with: u64 = with.filter_map(|(m, list)| Some(live_docs((*list)?, m.deleted.as_ref()))).sum();
            (with > 0).then(|| Clause { weight: f64::from(count) * bm25::idf(self.docs, with), lists })
        };
        query.terms().filter_map(clause).collect()
    }
}

/// The scores of one segment, window by window.
fn score_segment(bm25: &Bm25, member: &Member<'_>, mut cursors: Vec<(f64, Cursor<'_>)>) -> SegmentScores {
    let mut window = Window::new();
    let mut found = SegmentScores::default();
    loop {
        let first = cursors.iter().map(|(_, cursor)| cursor.offset()).min().unwrap_or(END);
        if first == END {
            return found;
        }
        let (_, end) = Window::around(first);
        for (weight, cursor) in &mut cursors {
            window.add(bm25, &member.segment.lengths, *weight, cursor, end);
        }
        window.drain(|offset, score| {
            if !member.is_deleted(offset) {
                found.offsets.push(offset);
                found.scores.push(score);
            }
        });
    }
}
