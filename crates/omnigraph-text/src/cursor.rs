//! A reader of one posting list that steps and jumps forward.

use crate::postings::{BLOCK, Block, PostingList};

/// The offset of a cursor behind its last posting; no row has it.
pub(crate) const END: u32 = u32::MAX;

/// A position in a posting list, at first its first posting.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    list: PostingList<'a>,
    block: Block,
    /// Which block is decoded.
    index: usize,
    /// The posting in the decoded block; its length at the end of the list.
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor on the first posting of `list`.
    pub(crate) fn new(list: PostingList<'a>) -> Self {
        let mut cursor = Self { list, block: Block::empty(), index: 0, at: 0 };
        cursor.load(0);
        cursor
    }

    fn load(&mut self, index: usize) {
        self.index = index;
        self.at = 0;
        if index < self.list.blocks() {
            self.list.decode(index, &mut self.block);
        } else {
            self.block.len = 0;
        }
    }

    /// The list that is read.
    pub(crate) fn list(&self) -> PostingList<'a> {
        self.list
    }

    /// The index of the block the cursor is in.
    pub(crate) fn block_index(&self) -> usize {
        self.index
    }

    /// The offset of the posting, or [`END`].
    #[inline]
    pub(crate) fn offset(&self) -> u32 {
        if self.at < self.block.len { self.block.offsets[self.at] } else { END }
    }

    /// Whether the cursor is on a posting of the row `offset`.
    pub(crate) fn is_at(&self, offset: u32) -> bool {
        self.offset() == offset && offset != END
    }

    /// The frequency of the term in the row of the posting, where there is one.
    #[inline]
    pub(crate) fn freq(&self) -> u32 {
        self.block.freqs[self.at]
    }

    /// Steps to the next posting.
    #[inline]
    pub(crate) fn next(&mut self) {
        self.at += 1;
        if self.at >= self.block.len && self.block.len > 0 {
            self.load(self.index + 1);
        }
    }

    /// Goes to the first posting at or after `offset`; stays if it is there or behind.
    pub(crate) fn advance_to(&mut self, offset: u32) {
        if self.offset() >= offset {
            return;
        }
        if self.block.last() < offset {
            let blocks = self.list.blocks();
            let next = if blocks > 1 { self.list.block_of(offset, self.index + 1) } else { blocks };
            self.load(next);
        }
        let rest = &self.block.offsets[self.at..self.block.len];
        self.at += rest.partition_point(|&o| o < offset);
    }

    /// The postings of the decoded block from the cursor on, as offsets and frequencies.
    pub(crate) fn rest_of_block(&self) -> (&[u32], &[u32]) {
        let rest = self.at..self.block.len;
        (&self.block.offsets[rest.clone()], &self.block.freqs[rest])
    }

    /// Steps over `count` postings of the decoded block.
    pub(crate) fn consume(&mut self, count: usize) {
        debug_assert!(self.at + count <= self.block.len && count <= BLOCK);
        self.at += count;
        if self.at >= self.block.len && self.block.len > 0 {
            self.load(self.index + 1);
        }
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
    fn advancing_equals_searching_the_plain_list() {
        for count in [1_u32, 100, 128, 129, 900] {
            let offsets: Vec<u32> = (0..count).map(|i| i * 5 + i % 3).collect();
            let bytes = encode(&offsets);
            let list = PostingList::new(count, &bytes).unwrap();
            for step in [1, 2, 7, 640, 1300, 6000] {
                let mut cursor = Cursor::new(list);
                for target in (0..5000).step_by(step) {
                    cursor.advance_to(target);
                    let expected = offsets.iter().copied().find(|&o| o >= target).unwrap_or(END);
                    assert_eq!(cursor.offset(), expected, "{count} postings, target {target}, step {step}");
                }
            }
            let mut cursor = Cursor::new(list);
            for &offset in &offsets {
                assert_eq!(cursor.offset(), offset);
                cursor.next();
            }
            assert_eq!(cursor.offset(), END);
            cursor.next();
            assert_eq!(cursor.offset(), END);
        }
    }
}
