//! The best rows without scoring all.
//!
//! Block-max WAND: Ding and Suel, "Faster top-k document retrieval using block-max indexes" (SIGIR 2011), after Broder
//! et al., "Efficient query evaluation using a two-level retrieval process" (CIKM 2003). Every term has a cursor, and
//! the cursors are kept in the order of their offsets. A term is worth at most its bound over the whole list, so only
//! from the row on where the bounds of the cursors passed add up to more than the worst row kept can a row be kept
//! (the *pivot*). There the tighter bounds of the blocks decide whether it is scored, or whether all rows up to the
//! nearest end of a block are passed over.
//!
//! That pays where few rows are scored. Where terms are about equally frequent and their bounds loose, stepping from row
//! to row costs more than summing all ([`Window`]). So the rows are searched in windows: each is passed over, summed
//! or stepped through, as the bounds and the number of postings in it suggest. The terms that have to be looked at are
//! told apart as in Turtle and Flood, "Query evaluation: strategies and optimizations" (1995).
//!
//! Pruning is exact. Rows come in the order that breaks ties, so a row must *exceed* the worst kept. Bounds by block are
//! added in the order in which scores are, and no step of either sum or of
//! [`Bm25::worth`](crate::bm25::Bm25::worth) decreases in its inputs after rounding, so they bound the rounded score.
//! Bounds by list are added in another order and get a margin.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use roaring::RoaringBitmap;

use crate::bm25::Bm25;
use crate::corpus::{Clause, Hit, Member};
use crate::cursor::{Cursor, END};
use crate::postings::{BLOCK, Block, PostingList};
use crate::window::Window;

/// More than the relative difference between a sum of list bounds in two orders.
const MARGIN: f64 = 1.0 + 1e-9;
/// How many postings can be summed in the time of one step.
const STEP_COST: u64 = 6;

/// A hit in the order of results: the greatest is the best.
#[derive(Debug, Clone, Copy)]
struct Ranked(Hit);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.0, &other.0);
        let place = (b.segment, b.offset).cmp(&(a.segment, a.offset));
        a.score.total_cmp(&b.score).then(place)
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

/// The best `k` rows so far, the worst on top of the heap.
struct Best {
    k: usize,
    heap: BinaryHeap<Reverse<Ranked>>,
}

impl Best {
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

/// The best `k` rows, best first.
pub(crate) fn search(
    bm25: &Bm25,
    members: &[Member<'_>],
    clauses: &[Clause<'_>],
    k: usize,
    allowed: Option<&[RoaringBitmap]>,
) -> Vec<Hit> {
    let mut best = Best { k, heap: BinaryHeap::new() };
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
        let lanes = clauses.iter().enumerate().filter_map(|(order, clause)| {
            Some(Lane::new(bm25, lengths, order, clause.weight, clause.lists[segment]?))
        });
        let scan = Scan { bm25, member, segment, lanes: lanes.collect(), bounds: vec![0.0; clauses.len()] };
        scan.run(allowed, &mut window, &mut best);
    }
    let mut hits: Vec<_> = best.heap.into_iter().map(|hit| hit.0).collect();
    hits.sort_unstable_by(|a, b| b.cmp(a));
    hits.into_iter().map(|hit| hit.0).collect()
}

/// A query term in one segment.
struct Lane<'a> {
    /// The place of the term in the query.
    order: usize,
    weight: f64,
    cursor: Cursor<'a>,
    /// No posting is worth more.
    bound: f64,
    /// The block last asked for its bound: its index, last offset and bound.
    block: (usize, u32, f64),
}

impl<'a> Lane<'a> {
    fn new(bm25: &Bm25, lengths: &[u32], order: usize, weight: f64, list: PostingList<'a>) -> Self {
        let by_block = (0..list.blocks()).filter_map(|index| list.skip(index));
        let by_block = by_block.map(|skip| bm25.worth(weight, skip.max_freq, skip.min_length));
        let mut bound = by_block.fold(0.0, f64::max);
        let mut block = (usize::MAX, 0, 0.0);
        if list.blocks() == 1 {
            // The table is only worth its bytes where there is something to skip; one block is quickly looked through.
            let mut only = Block::empty();
            list.decode(0, &mut only);
            let postings = only.offsets[..only.len].iter().zip(&only.freqs);
            let worths = postings.map(|(&offset, &freq)| bm25.worth(weight, freq, lengths[offset as usize]));
            bound = worths.fold(0.0, f64::max);
            block = (0, only.last(), bound);
        }
        Self { order, weight, cursor: Cursor::new(list), bound, block }
    }

    /// A bound of the worth of the postings before `end`, and about how many these are.
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
            bound = bound.max(bm25.worth(self.weight, skip.max_freq, skip.min_length));
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
                Some(skip) => (index, skip.last, bm25.worth(self.weight, skip.max_freq, skip.min_length)),
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
    /// In the order of their cursors' offsets while rows are stepped through.
    lanes: Vec<Lane<'a>>,
    /// Bounds or worths by the order of the query, zero where a term cannot occur.
    bounds: Vec<f64>,
}

/// How to search a window.
enum Plan {
    /// No row can be kept.
    Pass,
    /// Sum all postings.
    Sum,
    /// Step from pivot to pivot.
    Step,
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
    fn run(mut self, allowed: Option<&RoaringBitmap>, window: &mut Window, best: &mut Best) {
        let mut allowed = allowed.map(|rows| Allowed { rows, rest: rows.iter(), next: None });
        loop {
            let mut first = self.lanes.iter().map(|lane| lane.cursor.offset()).min().unwrap_or(END);
            if let Some(allowed) = &mut allowed {
                let Some(row) = allowed.at_or_behind(first) else { return };
                first = first.max(row);
            }
            if first == END {
                return;
            }
            let last = self.lanes.len().checked_sub(1);
            let (begin, end) = Window::around(first);
            last.into_iter().for_each(|last| self.pass(last, begin));
            match self.plan(begin, end, allowed.as_ref(), best.threshold()) {
                Plan::Pass => last.into_iter().for_each(|last| self.pass(last, end)),
                Plan::Sum => self.sum(end, allowed.as_ref(), window, best),
                Plan::Step => self.step(end, &mut allowed, best),
            }
        }
    }

    /// How to search the rows from `begin` to before `end`, where all lanes are at `begin` or behind.
    fn plan(&mut self, begin: u32, end: u32, allowed: Option<&Allowed<'_>>, threshold: Option<f64>) -> Plan {
        let mut all = 0;
        let mut bounds: Vec<(f64, u64)> = Vec::with_capacity(self.lanes.len());
        self.bounds.fill(0.0);
        for lane in &self.lanes {
            let (bound, postings) = lane.window_bound(self.bm25, end);
            self.bounds[lane.order] = bound;
            bounds.push((bound, postings));
            all += postings;
        }
        // The least terms that together cannot lift a row over the threshold are only looked up in rows of the others.
        let mut candidates = all;
        if let Some(threshold) = threshold {
            if self.bounds.iter().sum::<f64>() <= threshold {
                return Plan::Pass;
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
        if candidates * STEP_COST < all { Plan::Step } else { Plan::Sum }
    }

    /// Sums the scores of the rows before `end`.
    fn sum(&mut self, end: u32, allowed: Option<&Allowed<'_>>, window: &mut Window, best: &mut Best) {
        self.lanes.sort_unstable_by_key(|lane| lane.order);
        for lane in &mut self.lanes {
            window.add(self.bm25, &self.member.segment.lengths, lane.weight, &mut lane.cursor, end);
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

    /// Steps through the rows before `end`.
    fn step(&mut self, end: u32, allowed: &mut Option<Allowed<'_>>, best: &mut Best) {
        loop {
            self.lanes.sort_by_key(|lane| lane.cursor.offset());
            let threshold = best.threshold();
            let Some((pivot, target)) = self.pivot(threshold).filter(|&(_, target)| target < end) else {
                // No row before the pivot can be kept.
                return self.pass(self.lanes.len() - 1, end);
            };
            if let Some(allowed) = allowed {
                match allowed.at_or_behind(target) {
                    None => return self.pass(self.lanes.len() - 1, END),
                    Some(row) if row > target => {
                        self.pass(pivot, row);
                        continue;
                    }
                    Some(_) => {}
                }
            }
            if self.member.is_deleted(target) {
                self.pass(pivot, target + 1);
                continue;
            }
            if let Some(threshold) = threshold {
                let (behind, bound) = self.bound_at(pivot, target);
                if bound <= threshold {
                    self.pass(pivot, behind);
                    continue;
                }
            }
            if self.lanes[0].cursor.offset() < target {
                self.pass(pivot, target);
                continue;
            }
            let score = self.score(pivot);
            if threshold.is_none_or(|threshold| score > threshold) {
                best.push(Hit { segment: self.segment, offset: target, score });
            }
            self.lanes[..=pivot].iter_mut().for_each(|lane| lane.cursor.next());
        }
    }

    /// The first row that could be kept, and the last lane that is at it or before.
    fn pivot(&self, threshold: Option<f64>) -> Option<(usize, u32)> {
        let mut sum = 0.0;
        let enough = |lane: &Lane<'_>| {
            sum += lane.bound;
            threshold.is_none_or(|threshold| sum * MARGIN > threshold)
        };
        let pivot = self.lanes.iter().position(enough)?;
        let target = self.lanes[pivot].cursor.offset();
        let same = self.lanes[pivot..].iter().take_while(|lane| lane.cursor.offset() == target).count();
        (target != END).then_some((pivot + same - 1, target))
    }

    /// Moves the lanes up to `pivot` to `offset` or behind.
    fn pass(&mut self, pivot: usize, offset: u32) {
        self.lanes[..=pivot].iter_mut().for_each(|lane| lane.cursor.advance_to(offset));
    }

    /// A bound of the scores of the rows from `target` to the one before the offset given with it.
    fn bound_at(&mut self, pivot: usize, target: u32) -> (u32, f64) {
        let mut end = self.lanes.get(pivot + 1).map_or(END, |lane| lane.cursor.offset());
        self.bounds.fill(0.0);
        for lane in &mut self.lanes[..=pivot] {
            let (last, bound) = lane.block_bound(self.bm25, target);
            end = end.min(last + 1);
            self.bounds[lane.order] = bound;
        }
        (end, self.bounds.iter().sum())
    }

    /// The score of the row that the lanes up to `pivot` are on.
    fn score(&mut self, pivot: usize) -> f64 {
        self.bounds.fill(0.0);
        for lane in &self.lanes[..=pivot] {
            let length = self.member.segment.lengths[lane.cursor.offset() as usize];
            self.bounds[lane.order] = self.bm25.worth(lane.weight, lane.cursor.freq(), length);
        }
        self.bounds.iter().sum()
    }
}
