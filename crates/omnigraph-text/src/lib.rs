//! Full-text search of a text column.
//!
//! Owns the analysis of text, the inverted index of one column of one table fragment with its stored form, exact BM25
//! over many such indexes, and the matching of terms by edit distance. No I/O, no thread, no storage.
//!
//! An [`Analyzer`] cuts a text into terms. A [`SegmentBuilder`] takes the values of a column of an immutable fragment, in
//! row order, and gives a [`Segment`]: a sorted term dictionary, compressed postings and the length of every text. A
//! [`Corpus`] borrows segments together with the rows deleted since, and answers a [`Query`].
//!
//! Invariants:
//! * Statistics (number of texts, average length, document frequencies) are exact over the live rows whose text is
//!   not null, whatever is deleted and however the rows are cut into segments. The score of a row therefore has the
//!   same bits in every segmentation.
//! * [`Corpus::top_k`] returns what a full sort of [`Corpus::scores`] would, to the bit and in ties.
//! * [`Segment::from_bytes`] checks everything it reads, so no input makes a later call panic.
//!
//! ```
//! use omnigraph_text::{Analyzer, Corpus, Query, SegmentBuilder};
//!
//! let analyzer = Analyzer::new();
//! let mut builder = SegmentBuilder::new(analyzer.clone());
//! for text in [Some("Graph databases"), None, Some("A database of graphs, and graphs of graphs")] {
//!     builder.push(text)?;
//! }
//! let segment = builder.finish();
//! let corpus = Corpus::new([(&segment, None)]);
//! let best = corpus.top_k(&Query::new(&analyzer, "graph"), 1, None);
//! assert_eq!(best[0].offset, 2);
//! # Ok::<(), omnigraph_text::BuildError>(())
//! ```

mod analyzer;
mod bm25;
mod builder;
mod bytes;
mod corpus;
mod cursor;
mod dictionary;
mod error;
mod fuzzy;
mod member;
mod postings;
mod query;
mod results;
mod rows;
mod segment;
mod top_k;
mod varint;
mod window;

pub use analyzer::{Analyzer, MAX_TOKEN_CHARS};
pub use builder::SegmentBuilder;
pub use corpus::Corpus;
pub use error::{BuildError, FormatError};
pub use query::Query;
pub use results::{Hit, Matches, Scores, SegmentScores};
pub use segment::Segment;
