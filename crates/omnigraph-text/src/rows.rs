//! Sets of rows of a segment: those that are deleted, and those that a search collects.

use roaring::RoaringBitmap;

use crate::cursor::Cursor;
use crate::postings::{Block, PostingList};

/// With one in this many rows set, a plain bit for every row costs less than a set of offsets.
const DENSE: u64 = 64;

/// The rows deleted from a segment.
#[derive(Debug, Clone)]
pub(crate) struct Deleted<'a> {
    rows: &'a RoaringBitmap,
    len: u64,
    /// A bit for every row, if many are deleted.
    bits: Option<Vec<u64>>,
}

impl<'a> Deleted<'a> {
    /// `rows`, of a segment of `count` rows; `None` if there are none.
    pub(crate) fn new(rows: &'a RoaringBitmap, count: u32) -> Option<Self> {
        let len = rows.len();
        let dense = len >= u64::from(count).div_ceil(DENSE);
        let bits = dense.then(|| {
            let mut bits = vec![0_u64; (count as usize).div_ceil(64)];
            for row in rows.iter().take_while(|&row| row < count) {
                bits[row as usize / 64] |= 1 << (row % 64);
            }
            bits
        });
        (len > 0).then_some(Self { rows, len, bits })
    }

    /// The rows as a bitmap.
    pub(crate) fn rows(&self) -> &'a RoaringBitmap {
        self.rows
    }

    /// Whether `row`, a row of the segment, is deleted.
    #[inline]
    pub(crate) fn contains(&self, row: u32) -> bool {
        match &self.bits {
            Some(bits) => bits[row as usize / 64] >> (row % 64) & 1 == 1,
            None => self.rows.contains(row),
        }
    }

    /// The number of postings of `list` whose row is deleted.
    fn postings(&self, list: PostingList<'_>) -> u64 {
        let mut dead = 0;
        if self.len < u64::from(list.docs()) / DENSE {
            let mut cursor = Cursor::new(list);
            for row in self.rows {
                cursor.advance_to(row);
                dead += u64::from(cursor.is_at(row));
            }
        } else {
            let mut block = Block::empty();
            for index in 0..list.blocks() {
                list.decode(index, &mut block);
                dead += block.offsets[..block.len].iter().filter(|&&row| self.contains(row)).count() as u64;
            }
        }
        dead
    }
}

/// The number of postings whose row is not in `deleted`.
pub(crate) fn live_docs(list: PostingList<'_>, deleted: Option<&Deleted<'_>>) -> u64 {
    u64::from(list.docs()) - deleted.map_or(0, |deleted| deleted.postings(list))
}

/// Collects the rows of posting lists.
#[derive(Debug)]
pub(crate) struct Collector {
    /// The number of rows of the segment.
    count: u32,
    sparse: Vec<u32>,
    /// A bit for every row, lowest first, once there are many.
    dense: Vec<u8>,
}

impl Collector {
    /// A collector of rows of a segment of `count` rows.
    pub(crate) fn new(count: u32) -> Self {
        Self { count, sparse: Vec::new(), dense: Vec::new() }
    }

    /// Adds the rows of `list`.
    pub(crate) fn add(&mut self, list: PostingList<'_>) {
        let total = self.sparse.len() as u64 + u64::from(list.docs());
        if self.dense.is_empty() && total >= u64::from(self.count) / DENSE {
            self.dense = vec![0; (self.count as usize).div_ceil(8)];
            self.sparse.drain(..).for_each(|row| self.dense[row as usize / 8] |= 1 << (row % 8));
        }
        let mut block = Block::empty();
        for index in 0..list.blocks() {
            list.decode(index, &mut block);
            let rows = &block.offsets[..block.len];
            if self.dense.is_empty() {
                self.sparse.extend_from_slice(rows);
            } else {
                rows.iter().for_each(|&row| self.dense[row as usize / 8] |= 1 << (row % 8));
            }
        }
    }

    /// The rows collected that are not in `deleted`.
    pub(crate) fn finish(mut self, deleted: Option<&Deleted<'_>>) -> RoaringBitmap {
        self.sparse.sort_unstable();
        let mut rows = RoaringBitmap::from_lsb0_bytes(0, &self.dense);
        rows.extend(self.sparse);
        if let Some(deleted) = deleted {
            rows -= deleted.rows();
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postings::PostingsWriter;

    fn encode(offsets: &[u32]) -> Vec<u8> {
        let mut writer = PostingsWriter::default();
        offsets.iter().for_each(|&offset| writer.push(offset, 1, 1));
        let mut bytes = Vec::new();
        writer.finish(&mut bytes);
        bytes
    }

    #[test]
    fn deleted_postings_are_counted_out_however_many() {
        let offsets: Vec<u32> = (0..1000).map(|i| i * 3).collect();
        let bytes = encode(&offsets);
        let list = PostingList::new(1000, &bytes).unwrap();
        assert_eq!(live_docs(list, None), 1000);
        for step in [1, 2, 5, 777, 2997] {
            for count in [3000, 1_000_000] {
                let rows: RoaringBitmap = (0..10_000).step_by(step).chain([u32::MAX]).collect();
                let expected = offsets.iter().filter(|&&o| !rows.contains(o)).count() as u64;
                let deleted = Deleted::new(&rows, count);
                assert_eq!(live_docs(list, deleted.as_ref()), expected, "every {step} of {count}");
            }
        }
    }

    #[test]
    fn collecting_is_a_union_whether_sparse_or_dense() {
        let (a, b): (Vec<u32>, Vec<u32>) =
            ((0..300).map(|i| i * 7).collect(), (0..500).map(|i| i * 5).collect());
        let (bytes_a, bytes_b) = (encode(&a), encode(&b));
        let deleted: RoaringBitmap = (0..50).collect();
        let expected: RoaringBitmap = a.iter().chain(&b).copied().filter(|&o| o >= 50).collect();
        for count in [2500, 2501, 30_000, 50_000, 1_000_000] {
            let mut rows = Collector::new(count);
            rows.add(PostingList::new(300, &bytes_a).unwrap());
            rows.add(PostingList::new(500, &bytes_b).unwrap());
            assert_eq!(rows.finish(Deleted::new(&deleted, count).as_ref()), expected, "{count} rows");
        }
    }
}
