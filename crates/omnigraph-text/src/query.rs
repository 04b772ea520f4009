//! A query: the terms of a text, and the weight and postings of each of them in a corpus.

use crate::analyzer::Analyzer;
use crate::postings::PostingList;

/// The terms of a query text, each once, in the order of their first occurrence, with the number of occurrences.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    terms: Vec<(String, u32)>,
}

/// A query term that some live row has.
#[derive(Debug)]
pub(crate) struct Clause<'a> {
    /// Its occurrences in the query times its inverse document frequency.
    pub(crate) weight: f64,
    /// Its postings, by segment.
    pub(crate) lists: Vec<Option<PostingList<'a>>>,
}

impl Query {
    /// The query `text`, cut into terms by `analyzer`, which must be the one the segments were built with.
    #[must_use]
    pub fn new(analyzer: &Analyzer, text: &str) -> Self {
        let mut query = Self::default();
        analyzer.terms(text, |term| query.add(term));
        query
    }

    /// The query for `terms`, taken as they are.
    #[must_use]
    pub fn from_terms<'t>(terms: impl IntoIterator<Item = &'t str>) -> Self {
        let mut query = Self::default();
        terms.into_iter().for_each(|term| query.add(term));
        query
    }

    fn add(&mut self, term: &str) {
        match self.terms.iter_mut().find(|(known, _)| known == term) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.terms.push((term.to_owned(), 1)),
        }
    }

    /// The distinct terms in the order of their first occurrence, and how often each occurs.
    pub fn terms(&self) -> impl ExactSizeIterator<Item = (&str, u32)> {
        self.terms.iter().map(|(term, count)| (term.as_str(), *count))
    }

    /// Whether no term is left after analysis; such a query matches nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_counted_in_the_order_of_first_occurrence() {
        let query = Query::new(&Analyzer::new(), "Zebra, apples and zebras; an apple, a zebra!");
        assert_eq!(query.terms().collect::<Vec<_>>(), [("zebra", 3), ("appl", 2)]);
        assert!(Query::new(&Analyzer::new(), "and the").is_empty());
    }
}
