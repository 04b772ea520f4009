//! The top k rows of a query, without scoring all that match.
//!
//! Block-max WAND: Ding and Suel, "Faster top-k document retrieval using block-max indexes" (SIGIR 2011), after Broder
//! et al., "Efficient query evaluation using a two-level retrieval process" (CIKM 2003). Every term has a cursor, and
//! the cursors are kept in the order of their offsets. The score of a term is at most its bound over the whole
//! list, so no row can be kept before the one at which the bounds of the cursors up to it add up to more than the worst
//! score kept (the *pivot*). There the tighter bounds of the blocks decide whether the row is scored, or whether all
//! rows up to the nearest end of a block are skipped.
//!
//! That pays where few rows are scored. Where terms are about equally frequent and their bounds loose, going from row to
//! row (document at a time) costs more than adding up whole lists (term at a time, [`Window`]). So the rows are searched
//! in windows, and the bounds and the number of postings of a window decide its [`Strategy`]. Terms whose bounds
//! together cannot reach the threshold are only looked up in rows of the others (Turtle and Flood, "Query evaluation:
//! strategies and optimizations", 1995).
//!
//! Pruning is exact. Rows come in the order that breaks ties, so a row must *exceed* the worst kept. Bounds by block are
//! added in the order in which scores are, and no step of either sum or of
//! [`Bm25::term_score`](crate::bm25::Bm25::term_score) decreases in its inputs after rounding, so they bound the rounded score.
//! Bounds by list are added in another order and get a margin.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use roaring::RoaringBitmap;

use crate::bm25::Bm25;
use crate::cursor::{Cursor, END};
use crate::member::Member;
use crate::postings::{BLOCK, Block, PostingList};
use crate::query::Clause;
use crate::results::Hit;
use crate::window::Window;

/// More than the relative difference between a sum of list bounds in two orders.
const MARGIN: f64 = 1.0 + 1e-9;
/// How many postings are added up in the time that one row takes document at a time.
const ROW_COST: u64 = 6;

/// A hit in the order of results: the greatest is the best.
#[derive(Debug, Clone, Copy)]
struct Ranked(Hit);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.0, &other.0);
        let position = (b.segment, b.offset).cmp(&(a.segment, a.offset));
        a.score.total_cmp(&b.score).then(position)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

/// The top k rows so far, the worst on top of the heap.
struct TopK {
    k: usize,
    heap: BinaryHeap<Reverse<Ranked>>,
}

impl TopK {
    /// The score to exceed; `None` while there is room.
    fn threshold(&self) -> Option<f64> {
        if self.heap.len() < self.k { None } else { self.heap.peek().map(|worst| worst.0.0.score) }
    }

    /// Keeps `hit`, of which it is known that it is better than the worst kept, or that there is room.
    fn push(&mut self, hit: Hit) {
        if self.heap.len() == self.k {
            self.heap.pop();
        }
        self.heap.push(Reverse(Ranked(hit)));
    }
}

/// Returns the top k rows, best first.
pub(crate) fn search(
    bm25: &Bm25,
    members: &[Member<'_>],
    clauses: &[Clause<'_>],
    k: usize,
    allowed: Option<&[RoaringBitmap]>,
) -> Vec<Hit> {
    let mut best = TopK { k, heap: BinaryHeap::new() };
    let mut window = Window::new();
    if k == 0 {
        return Vec::new();
    }
    for (segment, member) in members.iter().enumerate() {
        let allowed = match allowed {
            None => None,
            Some(allowed) => match allowed.get(segment) {
                Some(rows) if !rows.is_empty() => Some(rows),
                _ => continue,
            },
        };
        let lengths = member.segment.lengths.as_slice();
        let scorers = clauses.iter().enumerate().filter_map(|(order, clause)| {
            Some(TermScorer::new(bm25, lengths, order, clause.weight, clause.lists[segment]?))
        });
        let scan =
            Scan { bm25, member, segment, scorers: scorers.collect(), bounds: vec![0.0; clauses.len()] };
        scan.run(allowed, &mut window, &mut best);
    }
    let mut hits: Vec<_> = best.heap.into_iter().map(|hit| hit.0).collect();
    hits.sort_unstable_by(|a, b| b.cmp(a));
    hits.into_iter().map(|hit| hit.0).collect()
}

/// Scores the postings of one query term in one segment, and bounds these scores.
struct TermScorer<'a> {
    /// The position of the term in the query.
    order: usize,
    weight: f64,
    cursor: Cursor<'a>,
    /// No posting has a greater score.
    bound: f64,
    /// The block last asked for its bound: its index, last offset and bound.
    block: (usize, u32, f64),
}

impl<'a> TermScorer<'a> {
    fn new(bm25: &Bm25, lengths: &[u32], order: usize, weight: f64, list: PostingList<'a>) -> Self {
        let by_block = (0..list.blocks()).filter_map(|index| list.skip(index));
        let by_block = by_block.map(|skip| bm25.term_score(weight, skip.max_freq, skip.min_length));
        let mut bound = by_block.fold(0.0, f64::max);
        let mut block = (usize::MAX, 0, 0.0);
        if list.blocks() == 1 {
            // The table is only worth its bytes where there is something to skip; one block is quickly looked through.
            let mut only = Block::empty();
            list.decode(0, &mut only);
            let postings = only.offsets[..only.len].iter().zip(&only.freqs);
            let scores =
                postings.map(|(&offset, &freq)| bm25.term_score(weight, freq, lengths[offset as usize]));
            bound = scores.fold(0.0, f64::max);
            block = (0, only.last(), bound);
        }
        Self { order, weight, cursor: Cursor::new(list), bound, block }
    }

    /// A bound of the scores of the postings before `end`, and about how many these are.
    fn window_bound(&self, bm25: &Bm25, end: u32) -> (f64, u64) {
        let list = self.cursor.list();
        if self.cursor.offset() >= end {
            return (0.0, 0);
        }
        if list.blocks() == 1 {
            let rest = self.cursor.rest_of_block().0;
            return (self.bound, rest.partition_point(|&offset| offset < end) as u64);
        }
        let (mut bound, mut postings) = (0.0_f64, 0);
        for skip in (self.cursor.block_index()..list.blocks()).map_while(|index| list.skip(index)) {
            bound = bound.max(bm25.term_score(self.weight, skip.max_freq, skip.min_length));
            postings += BLOCK as u64;
            if skip.last >= end - 1 {
                break;
            }
        }
        (bound, postings)
    }

    /// The last offset of the block that could hold `offset`, which is not before the cursor, and the bound of the
    /// block's postings.
    fn block_bound(&mut self, bm25: &Bm25, offset: u32) -> (u32, f64) {
        let list = self.cursor.list();
        let (known, last, _) = self.block;
        if known == usize::MAX || last < offset {
            let index = match known {
                usize::MAX => list.block_of(offset, self.cursor.block_index()),
                _ => list.block_of(offset, known + 1),
            };
            self.block = match list.skip(index) {
                Some(skip) => {
                    (index, skip.last, bm25.term_score(self.weight, skip.max_freq, skip.min_length))
                }
                None => (index, END - 1, 0.0),
            };
        }
        (self.block.1, self.block.2)
    }
}

/// The search of one segment.
struct Scan<'a> {
    bm25: &'a Bm25,
    member: &'a Member<'a>,
    segment: usize,
    /// In the order of their cursors' offsets while rows are searched document at a time.
    scorers: Vec<TermScorer<'a>>,
    /// Scores of the terms or bounds of them, in the order of the query; zero where a term cannot occur.
    bounds: Vec<f64>,
}

/// How a window is searched.
enum Strategy {
    /// Not at all: none of its rows can be kept.
    Skip,
    /// Add up all postings, list by list.
    TermAtATime,
    /// Go from pivot to pivot, and score the rows there.
    DocumentAtATime,
}

/// The allowed rows, read forward.
struct Allowed<'a> {
    rows: &'a RoaringBitmap,
    rest: roaring::bitmap::Iter<'a>,
    next: Option<u32>,
}

impl Allowed<'_> {
    /// The first allowed row at or behind `offset`, which must not fall from call to call.
    fn at_or_behind(&mut self, offset: u32) -> Option<u32> {
        if self.next.is_none_or(|row| row < offset) {
            self.rest.advance_to(offset);
            self.next = self.rest.next();
        }
        self.next
    }
}

impl Scan<'_> {
    fn run(mut self, allowed: Option<&RoaringBitmap>, window: &mut Window, best: &mut TopK) {
        let mut allowed = allowed.map(|rows| Allowed { rows, rest: rows.iter(), next: None });
        loop {
            let mut first = self.scorers.iter().map(|scorer| scorer.cursor.offset()).min().unwrap_or(END);
            if let Some(allowed) = &mut allowed {
                let Some(row) = allowed.at_or_behind(first) else { return };
                first = first.max(row);
            }
            if first == END {
                return;
            }
            let last = self.scorers.len().checked_sub(1);
            let (begin, end) = Window::around(first);
            last.into_iter().for_each(|last| self.advance(last, begin));
            match self.strategy(begin, end, allowed.as_ref(), best.threshold()) {
                Strategy::Skip => last.into_iter().for_each(|last| self.advance(last, end)),
                Strategy::TermAtATime => self.search_term_at_a_time(end, allowed.as_ref(), window, best),
                Strategy::DocumentAtATime => self.search_document_at_a_time(end, &mut allowed, best),
            }
        }
    }

    /// Chooses how to search the rows from `begin` to before `end`; all scorers are at `begin` or behind.
    fn strategy(
        &mut self,
        begin: u32,
        end: u32,
        allowed: Option<&Allowed<'_>>,
        threshold: Option<f64>,
    ) -> Strategy {
        let mut all = 0;
        let mut bounds: Vec<(f64, u64)> = Vec::with_capacity(self.scorers.len());
        self.bounds.fill(0.0);
        for scorer in &self.scorers {
            let (bound, postings) = scorer.window_bound(self.bm25, end);
            self.bounds[scorer.order] = bound;
            bounds.push((bound, postings));
            all += postings;
        }
        // Terms of the least bounds that together cannot reach the threshold are only looked up in rows of the others.
        let mut candidates = all;
        if let Some(threshold) = threshold {
            if self.bounds.iter().sum::<f64>() <= threshold {
                return Strategy::Skip;
            }
            bounds.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            let mut sum = 0.0;
            for (bound, postings) in bounds {
                sum += bound;
                if sum * MARGIN > threshold {
                    break;
                }
                candidates -= postings;
            }
        }
        if let Some(allowed) = allowed {
            candidates = candidates.min(allowed.rows.range_cardinality(begin..end));
        }
        if candidates * ROW_COST < all { Strategy::DocumentAtATime } else { Strategy::TermAtATime }
    }

    /// Adds up the scores of the rows before `end`, term by term.
    fn search_term_at_a_time(
        &mut self,
        end: u32,
        allowed: Option<&Allowed<'_>>,
        window: &mut Window,
        best: &mut TopK,
    ) {
        self.scorers.sort_unstable_by_key(|scorer| scorer.order);
        for scorer in &mut self.scorers {
            window.add(self.bm25, &self.member.segment.lengths, scorer.weight, &mut scorer.cursor, end);
        }
        let mut threshold = best.threshold();
        window.drain(|offset, score| {
            if threshold.is_none_or(|threshold| score > threshold)
                && !self.member.is_deleted(offset)
                && allowed.is_none_or(|allowed| allowed.rows.contains(offset))
            {
                best.push(Hit { segment: self.segment, offset, score });
                threshold = best.threshold();
            }
        });
    }

    /// Scores the rows before `end` that can be kept, one by one.
    fn search_document_at_a_time(&mut self, end: u32, allowed: &mut Option<Allowed<'_>>, best: &mut TopK) {
        loop {
            self.scorers.sort_by_key(|scorer| scorer.cursor.offset());
            let threshold = best.threshold();
            let Some((pivot, target)) = self.pivot(threshold).filter(|&(_, target)| target < end) else {
                // No row before the pivot can be kept.
                return self.advance(self.scorers.len() - 1, end);
            };
            if let Some(allowed) = allowed {
                match allowed.at_or_behind(target) {
                    None => return self.advance(self.scorers.len() - 1, END),
                    Some(row) if row > target => {
                        self.advance(pivot, row);
                        continue;
                    }
                    Some(_) => {}
                }
            }
            if self.member.is_deleted(target) {
                self.advance(pivot, target + 1);
                continue;
            }
            if let Some(threshold) = threshold {
                let (behind, bound) = self.bound_at(pivot, target);
                if bound <= threshold {
                    self.advance(pivot, behind);
                    continue;
                }
            }
            if self.scorers[0].cursor.offset() < target {
                self.advance(pivot, target);
                continue;
            }
            let score = self.score(pivot);
            if threshold.is_none_or(|threshold| score > threshold) {
                best.push(Hit { segment: self.segment, offset: target, score });
            }
            self.scorers[..=pivot].iter_mut().for_each(|scorer| scorer.cursor.next());
        }
    }

    /// The first row that could be kept, and the last scorer that is at it or before.
    fn pivot(&self, threshold: Option<f64>) -> Option<(usize, u32)> {
        let mut sum = 0.0;
        let enough = |scorer: &TermScorer<'_>| {
            sum += scorer.bound;
            threshold.is_none_or(|threshold| sum * MARGIN > threshold)
        };
        let pivot = self.scorers.iter().position(enough)?;
        let target = self.scorers[pivot].cursor.offset();
        let same = self.scorers[pivot..].iter().take_while(|scorer| scorer.cursor.offset() == target).count();
        (target != END).then_some((pivot + same - 1, target))
    }

    /// Moves the scorers up to `pivot` to `offset` or behind.
    fn advance(&mut self, pivot: usize, offset: u32) {
        self.scorers[..=pivot].iter_mut().for_each(|scorer| scorer.cursor.advance_to(offset));
    }

    /// A bound of the scores of the rows from `target` to the one before the offset given with it.
    fn bound_at(&mut self, pivot: usize, target: u32) -> (u32, f64) {
        let mut end = self.scorers.get(pivot + 1).map_or(END, |scorer| scorer.cursor.offset());
        self.bounds.fill(0.0);
        for scorer in &mut self.scorers[..=pivot] {
            let (last, bound) = scorer.block_bound(self.bm25, target);
            end = end.min(last + 1);
            self.bounds[scorer.order] = bound;
        }
        (end, self.bounds.iter().sum())
    }

    /// The score of the row that the scorers up to `pivot` are on.
    fn score(&mut self, pivot: usize) -> f64 {
        self.bounds.fill(0.0);
        for scorer in &self.scorers[..=pivot] {
            let length = self.member.segment.lengths[scorer.cursor.offset() as usize];
            self.bounds[scorer.order] = self.bm25.term_score(scorer.weight, scorer.cursor.freq(), length);
        }
        self.bounds.iter().sum()
    }
}
