//! Which rows of one fragment may hold a text: the runs of three characters of a column, group by group.
//!
//! A text that holds another holds all of its runs (Zobel, Moffat, Sacks-Davis, "Searching large lexicons for partially
//! specified terms using compressed inverted files", VLDB 1993). Rows are taken in groups of [`GROUP`], which makes the
//! lists short where texts are long; who asks looks at the rows of the groups that are left.
//!
//! Derived state, kept beside the fragment ([`crate::indexes::part`]) as a [`Segment`] whose rows are groups.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use lance::dataset::fragment::FileFragment;
use omnigraph_text::{Analyzer, Corpus, Query, Segment, SegmentBuilder};
use roaring::RoaringBitmap;

use crate::error::{Result, StorageError};
use crate::indexes::part::{self, Form, Place};
use crate::objects::root::blocking;
use crate::single_flight::build_once;
use crate::tables::fragment;
use crate::tables::table::Table;

/// Rows of a group; the last one of a fragment has fewer.
const GROUP: u32 = if cfg!(test) { 4 } else { 64 };
/// Characters (Unicode scalar values) of a run.
const RUN: usize = 3;
/// Runs of a text that are looked up: each leaves fewer groups, and few are enough.
const LOOKED_UP: usize = 16;

/// The distinct runs of a text, by the first bytes of which they are cut.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.char_indices().map(|(at, _)| at);
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8()).skip(RUN - 1);
    starts.zip(ends).map(|(start, end)| &text[start..end])
}

/// Tells whether a text is long enough to be looked for.
pub(crate) fn has_run(text: &str) -> bool {
    runs(text).next().is_some()
}

/// Returns the rows of a fragment with so many rows that may hold a text, deleted ones included. A text without a run may
/// be in any.
pub(crate) fn may_hold(segment: &Segment, text: &str, rows: u32) -> RoaringBitmap {
    let corpus = Corpus::new([(segment, None)]);
    let runs: BTreeSet<&str> = runs(text).collect();
    let mut runs: Vec<(u64, &str)> =
        runs.into_iter().map(|run| (corpus.document_frequency(run), run)).collect();
    runs.sort_unstable();
    let mut groups: Option<RoaringBitmap> = None;
    for (_, run) in runs.into_iter().take(LOOKED_UP) {
        let with = corpus.matching(&Query::from_terms([run])).into_segments().swap_remove(0);
        groups = Some(match groups {
            Some(groups) => groups & with,
            None => with,
        });
    }
    let mut found = RoaringBitmap::new();
    match groups {
        Some(groups) => groups.iter().for_each(|group| {
            found.insert_range(group * GROUP..(group * GROUP).saturating_add(GROUP).min(rows));
        }),
        None => {
            found.insert_range(0..rows);
        }
    }
    found
}

/// Returns the runs of a column of a fragment, `key` being the column as [`fragment::columns_key`] names it, if they are in
/// memory or kept.
pub(crate) async fn held(table: &Table, fragment: &FileFragment, key: &str) -> Option<Arc<Segment>> {
    let place = place(table, fragment, key)?;
    let texts = &table.root().caches().texts;
    let named = named(table, fragment, key);
    if let Some(segment) = texts.get(&named).await {
        return Some(segment);
    }
    let root = table.root().clone();
    let build = async move {
        let found = part::parsed(&root, Some(&place), Segment::from_bytes).await;
        found.map(Arc::new).ok_or_else(|| StorageError::internal("no runs of texts are kept"))
    };
    // Not being there is no failure: nobody needs them.
    build_once(texts, named, build).await.ok()
}

/// Returns where they are kept; nowhere if the fragment is too small.
pub(crate) fn place(table: &Table, fragment: &FileFragment, key: &str) -> Option<Place> {
    Place::of(table, fragment.metadata(), key, Form::Grams, "")
}

/// Cuts the texts of a column of a fragment.
///
/// # Errors
/// `Storage`; `internal` when the column holds no texts.
pub(crate) async fn cut(table: &Table, fragment: &FileFragment, column: &str) -> Result<Segment> {
    let batches = fragment::read(table, fragment, &[column.to_owned()], None).await?;
    blocking(move || {
        let failed = |error| StorageError::internal(format!("cutting texts: {error}"));
        let mut builder = SegmentBuilder::new(Analyzer::new());
        let mut texts = Vec::with_capacity(GROUP as usize);
        for batch in &batches {
            let column = batch.column(0).as_string_opt::<i32>();
            let column =
                column.ok_or_else(|| StorageError::internal("a text column holds something else"))?;
            for text in column {
                texts.push(text.unwrap_or_default());
                if texts.len() == GROUP as usize {
                    builder.push_terms(Some(texts.drain(..).flat_map(runs))).map_err(failed)?;
                }
            }
        }
        if !texts.is_empty() {
            builder.push_terms(Some(texts.drain(..).flat_map(runs))).map_err(failed)?;
        }
        Ok(builder.finish())
    })
    .await
}

fn named(table: &Table, fragment: &FileFragment, key: &str) -> fragment::DerivedKey {
    fragment::derived_key(table, fragment, &format!("{key}\0grams"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_row_that_holds_a_text_may_hold_it(
            texts in prop::collection::vec("[abé ]{0,12}", 1..200),
            part in "[abé ]{0,6}",
        ) {
            let mut builder = SegmentBuilder::new(Analyzer::new());
            for group in texts.chunks(GROUP as usize) {
                builder.push_terms(Some(group.iter().flat_map(|text| runs(text)))).unwrap();
            }
            let found = may_hold(&builder.finish(), &part, texts.len() as u32);
            prop_assert!(found.max().is_none_or(|last| (last as usize) < texts.len()));
            for (row, text) in texts.iter().enumerate() {
                prop_assert!(!text.contains(&part) || found.contains(row as u32), "{part:?} is in {text:?}");
            }
        }
    }

    #[test]
    fn rows_of_other_groups_are_left_out() {
        let mut builder = SegmentBuilder::new(Analyzer::new());
        for group in 0..10 {
            builder
                .push_terms(Some((0..GROUP).flat_map(|_| runs(if group == 3 { "needle" } else { "hay" }))))
                .unwrap();
        }
        let segment = builder.finish();
        let rows: Vec<u32> = may_hold(&segment, "eedl", 10 * GROUP).iter().collect();
        assert_eq!(rows, (3 * GROUP..4 * GROUP).collect::<Vec<u32>>());
        assert!(may_hold(&segment, "needles", 10 * GROUP).is_empty());
        assert_eq!(may_hold(&segment, "ne", 10 * GROUP).len(), u64::from(10 * GROUP));
        assert!(has_run("née") && !has_run("né"));
    }
}
