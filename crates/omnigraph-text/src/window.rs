//! The scores of a window of rows, added up term at a time.

use crate::bm25::Bm25;
use crate::cursor::Cursor;

/// The rows of a window: few enough for the sums to stay in the processor's cache.
pub(crate) const WINDOW: u32 = 4096;

/// The sums of the rows of one window, which begins at a multiple of [`WINDOW`].
#[derive(Debug)]
pub(crate) struct Window {
    begin: u32,
    sums: Box<[f64]>,
    /// A bit for every row that has a sum.
    touched: Box<[u64]>,
}

impl Window {
    /// A window without sums.
    pub(crate) fn new() -> Self {
        let sums = vec![0.0; WINDOW as usize].into();
        Self { begin: 0, sums, touched: vec![0; WINDOW as usize / 64].into() }
    }

    /// The window of the row `offset`: its first row, and the first behind it (the largest number for the last window).
    pub(crate) fn around(offset: u32) -> (u32, u32) {
        let begin = offset / WINDOW * WINDOW;
        (begin, begin.saturating_add(WINDOW))
    }

    /// Adds the scores of the postings of `cursor` that lie before `end`, and moves it there. Terms have to be added in
    /// the order of the query, all for the same window.
    pub(crate) fn add(
        &mut self,
        bm25: &Bm25,
        lengths: &[u32],
        weight: f64,
        cursor: &mut Cursor<'_>,
        end: u32,
    ) {
        while cursor.offset() < end {
            let (offsets, freqs) = cursor.rest_of_block();
            let count = offsets.partition_point(|&offset| offset < end);
            self.begin = Self::around(offsets[0]).0;
            for (&offset, &freq) in offsets[..count].iter().zip(freqs) {
                let at = (offset - self.begin) as usize;
                self.sums[at] += bm25.term_score(weight, freq, lengths[offset as usize]);
                self.touched[at / 64] |= 1 << (at % 64);
            }
            cursor.consume(count);
        }
    }

    /// Takes out the sums, by row.
    pub(crate) fn drain(&mut self, mut sink: impl FnMut(u32, f64)) {
        for (index, word) in self.touched.iter_mut().enumerate() {
            while *word != 0 {
                let at = index * 64 + word.trailing_zeros() as usize;
                *word &= *word - 1;
                sink(self.begin + at as u32, std::mem::take(&mut self.sums[at]));
            }
        }
    }
}
