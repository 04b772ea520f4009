//! The postings of one term: in which rows it occurs, and how often in each.
//!
//! Layout. Postings are cut into blocks of [`BLOCK`]; the last may be shorter. A posting is the variable-length
//! integer `delta << 1 | once`, where `delta` is the distance from the first offset that could follow the one before
//! (so 0 for the very next row), and `once` says that the term occurs once; if not, the frequency less two follows.
//! A list of one block is just its postings. A longer list begins with a table of one [`Skip`] a block, of
//! [`SKIP_BYTES`] bytes each, by which a reader finds the block of an offset and knows, without decoding it, what the
//! best score of a posting in it can be (the block maxima of Ding and Suel, "Faster top-k document retrieval using
//! block-max indexes", SIGIR 2011).

use crate::error::FormatError;
use crate::varint;

/// Postings a block.
pub(crate) const BLOCK: usize = 128;
/// Bytes of a [`Skip`]: `last`, `end`, `max_freq`, `min_length`, little-endian.
const SKIP_BYTES: usize = 20;
/// The name of this part in errors.
const PART: &str = "postings";

/// What is known of a block without decoding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Skip {
    /// The last offset of the block.
    pub(crate) last: u32,
    /// Where the block ends, in bytes from the end of the skip table.
    pub(crate) end: u64,
    /// The largest frequency in the block.
    pub(crate) max_freq: u32,
    /// The length of the shortest text of the block, in terms.
    pub(crate) min_length: u32,
}

/// Encodes the postings of one term while the texts come.
#[derive(Debug, Default)]
pub(crate) struct PostingsWriter {
    body: Vec<u8>,
    skips: Vec<Skip>,
    count: u32,
    /// The smallest offset that may follow.
    base: u32,
    in_block: usize,
    max_freq: u32,
    min_length: u32,
}

impl PostingsWriter {
    /// Appends a posting; `offset` must exceed those before, and `freq` be at least 1.
    pub(crate) fn push(&mut self, offset: u32, freq: u32, length: u32) {
        debug_assert!(freq > 0 && offset >= self.base && offset < u32::MAX);
        if self.in_block == BLOCK {
            self.close_block();
        }
        if self.in_block == 0 {
            (self.max_freq, self.min_length) = (freq, length);
        }
        let delta = u64::from(offset - self.base);
        varint::write(delta << 1 | u64::from(freq == 1), &mut self.body);
        if freq > 1 {
            varint::write(u64::from(freq - 2), &mut self.body);
        }
        self.max_freq = self.max_freq.max(freq);
        self.min_length = self.min_length.min(length);
        self.base = offset + 1;
        self.in_block += 1;
        self.count += 1;
    }

    fn close_block(&mut self) {
        self.skips.push(Skip {
            last: self.base - 1,
            end: self.body.len() as u64,
            max_freq: self.max_freq,
            min_length: self.min_length,
        });
        self.in_block = 0;
    }

    /// Appends the list to `out` and gives the number of postings.
    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> u32 {
        if !self.skips.is_empty() {
            self.close_block();
        }
        for skip in &self.skips {
            out.extend_from_slice(&skip.last.to_le_bytes());
            out.extend_from_slice(&skip.end.to_le_bytes());
            out.extend_from_slice(&skip.max_freq.to_le_bytes());
            out.extend_from_slice(&skip.min_length.to_le_bytes());
        }
        out.append(&mut self.body);
        self.count
    }
}

/// A decoded block: `len` postings, offsets ascending.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) offsets: [u32; BLOCK],
    pub(crate) freqs: [u32; BLOCK],
    pub(crate) len: usize,
}

impl Block {
    /// A block without postings.
    pub(crate) fn empty() -> Self {
        Self { offsets: [0; BLOCK], freqs: [0; BLOCK], len: 0 }
    }

    /// The offset of the last posting, of a block that has one.
    pub(crate) fn last(&self) -> u32 {
        self.offsets[self.len - 1]
    }
}

/// The encoded postings of one term, borrowed from a segment. Those of a segment are verified ([`Self::verify`]) or
/// came from a [`PostingsWriter`], so reading them cannot fail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PostingList<'a> {
    docs: u32,
    skips: &'a [u8],
    body: &'a [u8],
}

impl<'a> PostingList<'a> {
    /// The list of `docs` postings in `bytes`; `None` if they are too few for the skip table.
    pub(crate) fn new(docs: u32, bytes: &'a [u8]) -> Option<Self> {
        let blocks = (docs as usize).div_ceil(BLOCK);
        let table = if blocks > 1 { blocks.checked_mul(SKIP_BYTES)? } else { 0 };
        let (skips, body) = bytes.split_at_checked(table)?;
        Some(Self { docs, skips, body })
    }

    /// A list without postings.
    pub(crate) fn empty() -> Self {
        Self { docs: 0, skips: &[], body: &[] }
    }

    /// The number of postings: of rows, deleted or not, that have the term.
    pub(crate) fn docs(&self) -> u32 {
        self.docs
    }

    /// The number of blocks.
    pub(crate) fn blocks(&self) -> usize {
        (self.docs as usize).div_ceil(BLOCK)
    }

    /// What is known of block `index`; `None` for a list of one block, which has no table.
    pub(crate) fn skip(&self, index: usize) -> Option<Skip> {
        let entry = self.skips.get(index * SKIP_BYTES..(index + 1) * SKIP_BYTES)?;
        let (last, rest) = entry.split_first_chunk()?;
        let (end, rest) = rest.split_first_chunk()?;
        let (max_freq, rest) = rest.split_first_chunk()?;
        let (min_length, _) = rest.split_first_chunk()?;
        Some(Skip {
            last: u32::from_le_bytes(*last),
            end: u64::from_le_bytes(*end),
            max_freq: u32::from_le_bytes(*max_freq),
            min_length: u32::from_le_bytes(*min_length),
        })
    }

    /// The first block from block `from` on that ends at or after `offset`; the number of blocks if none does. Only
    /// for a list with a table. The search gallops: near blocks are found in few steps.
    pub(crate) fn block_of(&self, offset: u32, from: usize) -> usize {
        let before = |index: usize| self.skip(index).is_some_and(|skip| skip.last < offset);
        let blocks = self.blocks();
        let (mut low, mut step) = (from, 1);
        while low + step <= blocks && before(low + step - 1) {
            low += step;
            step *= 2;
        }
        let mut high = (low + step).min(blocks);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Decodes block `index` into `block`.
    pub(crate) fn decode(&self, index: usize, block: &mut Block) {
        let decoded = self.try_decode(index, block);
        debug_assert!(decoded.is_some(), "postings of a segment are verified before use");
    }

    /// [`Self::decode`] of bytes that may be anything; gives the bytes that remain in the block.
    fn try_decode(&self, index: usize, block: &mut Block) -> Option<&'a [u8]> {
        block.len = 0;
        let (begin, base) = match index.checked_sub(1).map(|before| self.skip(before)) {
            None => (0, 0),
            Some(before) => before.map(|skip| (skip.end, u64::from(skip.last) + 1))?,
        };
        let end = self.skip(index).map_or(self.body.len() as u64, |skip| skip.end);
        let mut bytes = self.body.get(usize::try_from(begin).ok()?..usize::try_from(end).ok()?)?;
        let len = (self.docs as usize).checked_sub(index * BLOCK)?.min(BLOCK);
        let mut base = base;
        for (offset, freq) in block.offsets[..len].iter_mut().zip(&mut block.freqs[..len]) {
            let word = varint::read(&mut bytes)?;
            let at = base.checked_add(word >> 1)?;
            *offset = u32::try_from(at).ok()?;
            *freq = if word & 1 == 1 {
                1
            } else {
                u32::try_from(varint::read(&mut bytes)?.checked_add(2)?).ok()?
            };
            base = at + 1;
        }
        block.len = len;
        Some(bytes)
    }

    /// Checks the whole list and gives every posting (offset, frequency) to `sink`, which says whether the row exists
    /// and gives its length.
    pub(crate) fn verify(&self, mut sink: impl FnMut(u32, u32) -> Option<u32>) -> Result<(), FormatError> {
        let malformed = |problem| FormatError::malformed(PART, problem);
        let mut block = Block::empty();
        for index in 0..self.blocks() {
            let rest =
                self.try_decode(index, &mut block).ok_or_else(|| malformed("a block cannot be decoded"))?;
            if !rest.is_empty() {
                return Err(malformed("a block is longer than its postings"));
            }
            let (mut max_freq, mut min_length) = (0, u32::MAX);
            for (&offset, &freq) in block.offsets[..block.len].iter().zip(&block.freqs[..block.len]) {
                let length =
                    sink(offset, freq).ok_or_else(|| malformed("a posting is of no row with a text"))?;
                max_freq = max_freq.max(freq);
                min_length = min_length.min(length);
            }
            if let Some(skip) = self.skip(index)
                && (skip.last, skip.max_freq, skip.min_length) != (block.last(), max_freq, min_length)
            {
                return Err(malformed("an entry of the skip table differs from its block"));
            }
        }
        let end = self.blocks().checked_sub(1).and_then(|last| self.skip(last)).map(|skip| skip.end);
        if end.is_some_and(|end| end != self.body.len() as u64) {
            return Err(malformed("bytes follow the last block"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offset, frequency, length.
    fn encode(postings: &[(u32, u32, u32)]) -> (u32, Vec<u8>) {
        let mut writer = PostingsWriter::default();
        for &(offset, freq, length) in postings {
            writer.push(offset, freq, length);
        }
        let mut bytes = Vec::new();
        (writer.finish(&mut bytes), bytes)
    }

    fn decode(list: PostingList<'_>) -> Vec<(u32, u32)> {
        let mut block = Block::empty();
        let mut postings = Vec::new();
        for index in 0..list.blocks() {
            list.decode(index, &mut block);
            postings.extend((0..block.len).map(|i| (block.offsets[i], block.freqs[i])));
        }
        postings
    }

    #[test]
    fn lists_of_every_size_around_a_block_are_read_back() {
        for count in [1, 2, 127, 128, 129, 255, 256, 257, 1000] {
            let postings: Vec<_> = (0..count).map(|i| (i * 7 % 5 + i * 11, 1 + i % 4, 9)).collect();
            let (docs, bytes) = encode(&postings);
            assert_eq!(docs, count);
            let list = PostingList::new(docs, &bytes).unwrap();
            assert_eq!(decode(list), postings.iter().map(|p| (p.0, p.1)).collect::<Vec<_>>());
            list.verify(|_, _| Some(9)).unwrap();
        }
    }

    #[test]
    fn the_largest_offset_and_frequency_fit() {
        let (docs, bytes) = encode(&[(0, u32::MAX, 9), (u32::MAX - 1, 1, 9)]);
        assert_eq!(decode(PostingList::new(docs, &bytes).unwrap()), [(0, u32::MAX), (u32::MAX - 1, 1)]);
    }

    #[test]
    fn a_dense_list_takes_a_byte_a_posting() {
        let (_, bytes) = encode(&(0..12_800).map(|i| (i, 1, 9)).collect::<Vec<_>>());
        assert_eq!(bytes.len(), 12_800 + 100 * SKIP_BYTES);
    }

    #[test]
    fn the_block_of_an_offset_is_found_from_anywhere() {
        let (docs, bytes) = encode(&(0..1000).map(|i| (i * 3, 1, 9)).collect::<Vec<_>>());
        let list = PostingList::new(docs, &bytes).unwrap();
        for offset in 0..3100 {
            let expected = (0..list.blocks()).find(|&b| list.skip(b).unwrap().last >= offset).unwrap_or(8);
            for from in 0..=expected {
                assert_eq!(list.block_of(offset, from), expected, "offset {offset} from {from}");
            }
        }
    }
}
