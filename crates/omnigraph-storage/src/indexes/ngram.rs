//! N-gram parts: which rows of one fragment may hold a text, told from the trigrams of a column.
//!
//! A text that holds another holds all of its n-grams (Zobel, Moffat, Sacks-Davis, "Searching large lexicons for partially
//! specified terms using compressed inverted files", VLDB 1993). The lists are of groups of
//! [`crate::Tuning::ngram_group_rows`] consecutive rows, which keeps them short where texts are long; whoever asks looks at the
//! rows of the groups that are left.
//!
//! Derived state, stored as an index part ([`crate::indexes::part`]): a [`Segment`] whose rows are groups. The path of the
//! part depends on the size of a group, as the bytes do not tell it.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use lance::dataset::fragment::FileFragment;
use lance_table::format::Fragment;
use omnigraph_text::{Analyzer, Corpus, Query, Segment, SegmentBuilder};
use roaring::RoaringBitmap;

use crate::error::{Result, StorageError};
use crate::indexes::part::{self, PartKind, PartLocation};
use crate::objects::root::blocking;
use crate::single_flight::build_once;
use crate::tables::fragment;
use crate::tables::table::Table;

/// Characters (Unicode scalar values) of an n-gram.
const N: usize = 3;
/// Rows of a group of which the path of a part says nothing.
const UNNAMED_GROUP_ROWS: u32 = 64;
/// N-grams of a text that are looked up: each leaves fewer groups, and few are enough.
const LOOKED_UP: usize = 16;

/// Returns the n-grams of a text, in order, with repetitions.
fn ngrams(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.char_indices().map(|(at, _)| at);
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8()).skip(N - 1);
    starts.zip(ends).map(|(start, end)| &text[start..end])
}

/// Tells whether a text is long enough to be looked for.
pub(crate) fn has_ngram(text: &str) -> bool {
    ngrams(text).next().is_some()
}

/// Returns the rows, of the first `rows` of a fragment, that may hold a text, deleted ones included. A text without an n-gram
/// may be in any.
pub(crate) fn candidates(segment: &Segment, text: &str, group_rows: NonZeroU32, rows: u32) -> RoaringBitmap {
    let group_rows = group_rows.get();
    let corpus = Corpus::new([(segment, None)]);
    let distinct: BTreeSet<&str> = ngrams(text).collect();
    let mut rarest: Vec<(u64, &str)> =
        distinct.into_iter().map(|ngram| (corpus.document_frequency(ngram), ngram)).collect();
    rarest.sort_unstable();
    let mut groups: Option<RoaringBitmap> = None;
    for (_, ngram) in rarest.into_iter().take(LOOKED_UP) {
        let with = corpus.matching(&Query::from_terms([ngram])).into_segments().swap_remove(0);
        groups = Some(match groups {
            Some(groups) => groups & with,
            None => with,
        });
    }
    let mut found = RoaringBitmap::new();
    match groups {
        Some(groups) => groups.iter().for_each(|group| {
            let first = group.saturating_mul(group_rows);
            found.insert_range(first.min(rows)..first.saturating_add(group_rows).min(rows));
        }),
        None => {
            found.insert_range(0..rows);
        }
    }
    found
}

/// Returns the n-grams of a column of a fragment, if they are in memory or stored; `key` names the column as
/// [`fragment::columns_key`] does.
pub(crate) async fn load(table: &Table, fragment: &FileFragment, key: &str) -> Option<Arc<Segment>> {
    let location = location(table, fragment.metadata(), key)?;
    let texts = &table.root().caches().texts;
    let cached = cache_key(table, fragment, key);
    if let Some(segment) = texts.get(&cached).await {
        return Some(segment);
    }
    let root = table.root().clone();
    let build = async move {
        let found = part::load(&root, &location, Segment::from_bytes).await;
        found.map(Arc::new).ok_or_else(|| StorageError::internal("no n-grams are stored"))
    };
    // Not being there is no failure: nobody needs them.
    build_once(texts, cached, build).await.ok()
}

/// Returns where they are stored; nowhere if the fragment is too small.
pub(crate) fn location(table: &Table, fragment: &Fragment, key: &str) -> Option<PartLocation> {
    PartLocation::of(table, fragment, key, PartKind::NGram, &part_name(table))
}

/// Names the part by the rows of its groups. One size has the empty name, which is part of the stored format.
fn part_name(table: &Table) -> String {
    match table.root().tuning().ngram_group_rows.get() {
        UNNAMED_GROUP_ROWS => String::new(),
        rows => format!("groups of {rows}"),
    }
}

/// Collects the n-grams of a column of a fragment.
///
/// # Errors
/// `Storage`; `internal` when the column holds no texts.
pub(crate) async fn build(table: &Table, fragment: &FileFragment, column: &str) -> Result<Segment> {
    let batches = fragment::read(table, fragment, &[column.to_owned()], None).await?;
    let group_rows = table.root().tuning().ngram_group_rows.get() as usize;
    blocking(move || {
        let failed = |error| StorageError::internal(format!("collecting n-grams: {error}"));
        let mut builder = SegmentBuilder::new(Analyzer::new());
        let mut group = Vec::new();
        for batch in &batches {
            let column = batch.column(0).as_string_opt::<i32>();
            let column =
                column.ok_or_else(|| StorageError::internal("a text column holds something else"))?;
            for text in column {
                group.push(text.unwrap_or_default());
                if group.len() == group_rows {
                    builder.push_terms(Some(group.drain(..).flat_map(ngrams))).map_err(failed)?;
                }
            }
        }
        if !group.is_empty() {
            builder.push_terms(Some(group.drain(..).flat_map(ngrams))).map_err(failed)?;
        }
        Ok(builder.finish())
    })
    .await
}

fn cache_key(table: &Table, fragment: &FileFragment, key: &str) -> fragment::DerivedKey {
    fragment::derived_key(table, fragment, &format!("{key}\0n-grams\0{}", part_name(table)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GROUP: u32 = 4;

    fn found(segment: &Segment, text: &str, rows: u32) -> RoaringBitmap {
        candidates(segment, text, NonZeroU32::new(GROUP).unwrap(), rows)
    }

    proptest! {
        #[test]
        fn a_row_that_holds_a_text_is_a_candidate(
            texts in prop::collection::vec("[abé ]{0,12}", 1..200),
            asked in "[abé ]{0,6}",
        ) {
            let mut builder = SegmentBuilder::new(Analyzer::new());
            for group in texts.chunks(GROUP as usize) {
                builder.push_terms(Some(group.iter().flat_map(|text| ngrams(text)))).unwrap();
            }
            let found = found(&builder.finish(), &asked, texts.len() as u32);
            prop_assert!(found.max().is_none_or(|last| (last as usize) < texts.len()));
            for (row, text) in texts.iter().enumerate() {
                prop_assert!(!text.contains(&asked) || found.contains(row as u32), "{asked:?} is in {text:?}");
            }
        }
    }

    #[test]
    fn rows_of_other_groups_are_left_out() {
        let mut builder = SegmentBuilder::new(Analyzer::new());
        for group in 0..10 {
            builder
                .push_terms(Some((0..GROUP).flat_map(|_| ngrams(if group == 3 { "needle" } else { "hay" }))))
                .unwrap();
        }
        let segment = builder.finish();
        let rows: Vec<u32> = found(&segment, "eedl", 10 * GROUP).iter().collect();
        assert_eq!(rows, (3 * GROUP..4 * GROUP).collect::<Vec<u32>>());
        assert!(found(&segment, "needles", 10 * GROUP).is_empty());
        assert_eq!(found(&segment, "ne", 10 * GROUP).len(), u64::from(10 * GROUP));
        assert!(has_ngram("née") && !has_ngram("né"));
    }
}
