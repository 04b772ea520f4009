//! The best rows without scoring all.
//!
//! Block-max WAND: Ding and Suel, "Faster top-k document retrieval using block-max indexes" (SIGIR 2011), after Broder
//! et al., "Efficient query evaluation using a two-level retrieval process" (CIKM 2003). Every term has a cursor, and
//! the cursors are kept in the order of their offsets. A term is worth at most its bound over the whole list, so only
//! from the row on where the bounds of the cursors passed add up to more than the worst row kept can a row be kept
//! (the *pivot*). There the tighter bounds of the blocks decide whether it is scored, or whether all rows up to the
//! nearest end of a block are passed over.
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
use crate::postings::{Block, PostingList};

/// More than the relative difference between a sum of list bounds in two orders.
const MARGIN: f64 = 1.0 + 1e-9;

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
        let scan = Scan {
            bm25,
            lengths,
            segment,
            deleted: member.deleted,
            lanes: lanes.collect(),
            bounds: vec![0.0; clauses.len()],
        };
        scan.run(allowed, &mut best);
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
    lengths: &'a [u32],
    segment: usize,
    deleted: Option<&'a RoaringBitmap>,
    /// In the order of their cursors' offsets.
    lanes: Vec<Lane<'a>>,
    /// Bounds at the pivot by the order of the query, zero where a term cannot occur.
    bounds: Vec<f64>,
}

impl Scan<'_> {
    fn run(mut self, allowed: Option<&RoaringBitmap>, best: &mut Best) {
        let mut rows = allowed.map(RoaringBitmap::iter);
        // The first allowed row at or behind the pivot.
        let mut next = None;
        loop {
            self.lanes.sort_by_key(|lane| lane.cursor.offset());
            let threshold = best.threshold();
            let Some(pivot) = self.pivot(threshold) else { return };
            let target = self.lanes[pivot].cursor.offset();
            if let Some(rows) = &mut rows {
                if next.is_none_or(|row| row < target) {
                    rows.advance_to(target);
                    next = rows.next();
                }
                match next {
                    None => return,
                    Some(row) if row > target => {
                        self.pass(pivot, row);
                        continue;
                    }
                    Some(_) => {}
                }
            }
            if self.deleted.is_some_and(|deleted| deleted.contains(target)) {
                self.pass(pivot, target + 1);
                continue;
            }
            if let Some(threshold) = threshold {
                let (end, bound) = self.bound_at(pivot, target);
                if bound <= threshold {
                    self.pass(pivot, end);
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

    /// The last lane at the first row that could be kept.
    fn pivot(&self, threshold: Option<f64>) -> Option<usize> {
        let mut sum = 0.0;
        let enough = |lane: &Lane<'_>| {
            sum += lane.bound;
            threshold.is_none_or(|threshold| sum * MARGIN > threshold)
        };
        let pivot = self.lanes.iter().position(enough)?;
        let target = self.lanes[pivot].cursor.offset();
        let behind = self.lanes.iter().skip(pivot).position(|lane| lane.cursor.offset() > target);
        (target != END).then(|| behind.map_or(self.lanes.len(), |count| pivot + count) - 1)
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
            let length = self.lengths[lane.cursor.offset() as usize];
            self.bounds[lane.order] = self.bm25.worth(lane.weight, lane.cursor.freq(), length);
        }
        self.bounds.iter().sum()
    }
}
