//! Builds a segment from the texts of a column, row by row.

use std::collections::HashMap;
use std::mem;

use crate::analyzer::Analyzer;
use crate::dictionary::DictionaryWriter;
use crate::error::BuildError;
use crate::postings::PostingsWriter;
use crate::segment::{NO_TEXT, Segment};

/// Makes a [`Segment`] from the values of a column, given row by row. Postings are encoded as they come, so the memory
/// needed is proportional to the segment's.
#[derive(Debug)]
pub struct SegmentBuilder {
    analyzer: Analyzer,
    rows: Rows,
}

#[derive(Debug, Default)]
struct Rows {
    ids: HashMap<Box<str>, usize>,
    /// The postings of each term, by its id.
    postings: Vec<PostingsWriter>,
    lengths: Vec<u32>,
    docs: u32,
    terms: u64,
    /// The ids of the terms of the row at hand.
    row: Vec<usize>,
}

impl SegmentBuilder {
    /// A builder without rows, which cuts texts with `analyzer`.
    #[must_use]
    pub fn new(analyzer: Analyzer) -> Self {
        Self { analyzer, rows: Rows::default() }
    }

    /// Appends a row with its text, or null. The first row pushed has offset 0, the next 1, and so on.
    ///
    /// # Errors
    /// [`BuildError`] if the segment is full or the text too long; the builder is then as before.
    pub fn push(&mut self, text: Option<&str>) -> Result<(), BuildError> {
        let Self { analyzer, rows } = self;
        rows.row.clear();
        if let Some(text) = text {
            analyzer.terms(text, |term| rows.add(term));
        }
        rows.end_row(text.is_some())
    }

    /// Appends a row whose text was cut into terms already, or null. The terms are taken as they are.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_terms<'t>(
        &mut self,
        terms: Option<impl IntoIterator<Item = &'t str>>,
    ) -> Result<(), BuildError> {
        let rows = &mut self.rows;
        rows.row.clear();
        let present = terms.is_some();
        terms.into_iter().flatten().for_each(|term| rows.add(term));
        rows.end_row(present)
    }

    /// The segment of the rows pushed.
    #[must_use]
    pub fn finish(self) -> Segment {
        let Rows { ids, postings: mut lists, mut lengths, docs, terms, .. } = self.rows;
        let mut sorted: Vec<_> = ids.into_iter().collect();
        sorted.sort_unstable();
        let mut dictionary = DictionaryWriter::default();
        let mut postings = Vec::new();
        for (term, id) in sorted {
            let begin = postings.len();
            let docs = mem::take(&mut lists[id]).finish(&mut postings);
            // A row that was refused may have left a term that is in no other.
            if docs > 0 {
                dictionary.push(&term, docs, postings.len() - begin);
            }
        }
        postings.shrink_to_fit();
        lengths.shrink_to_fit();
        Segment { lengths, docs, terms, dictionary: dictionary.finish(), postings }
    }
}

impl Rows {
    fn add(&mut self, term: &str) {
        let id = match self.ids.get(term) {
            Some(&id) => id,
            None => {
                let id = self.postings.len();
                self.ids.insert(term.into(), id);
                self.postings.push(PostingsWriter::default());
                id
            }
        };
        self.row.push(id);
    }

    fn end_row(&mut self, present: bool) -> Result<(), BuildError> {
        let offset = u32::try_from(self.lengths.len()).ok().filter(|&offset| offset < u32::MAX);
        let offset = offset.ok_or(BuildError::TooManyRows)?;
        if !present {
            self.lengths.push(NO_TEXT);
            return Ok(());
        }
        let length = u32::try_from(self.row.len()).ok().filter(|&length| length < NO_TEXT);
        let length = length.ok_or(BuildError::TooManyTerms)?;
        self.row.sort_unstable();
        for same in self.row.chunk_by(|a, b| a == b) {
            self.postings[same[0]].push(offset, same.len() as u32, length);
        }
        self.lengths.push(length);
        self.docs += 1;
        self.terms += u64::from(length);
        Ok(())
    }
}
