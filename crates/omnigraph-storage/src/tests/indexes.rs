//! The contract of indexes: stored parts, and answers without them.

use std::collections::BTreeSet;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, Float32Builder};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use chrono::{TimeDelta, Utc};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use object_store::memory::InMemory;
use omnigraph_vector::{Metric, Query, SearchRadius};
use roaring::RoaringTreemap;

use crate::indexes::build::Index;
use crate::indexes::ngram;
use crate::indexes::part::{self, PartKind, PartLocation};
use crate::indexes::prefilter::Span;
use crate::indexes::text::TextColumn;
use crate::indexes::vectors::{Normalization, VectorColumn};
use crate::tables::fragment;
use crate::tables::reclaim::{self, Versions};
use crate::{Root, RootOptions, Table, TableChange, Tuning, stage};

contract!(
    keys_of_a_stored_btree_are_found_page_by_page,
    a_damaged_btree_changes_no_answer,
    prefilters_leave_all_rows_that_are_meant,
    stored_terms_and_vectors_answer_as_fresh_ones,
    damaged_terms_and_vectors_are_derived_again,
    stored_parts_cover_the_large_fragments,
    stored_parts_go_with_their_fragment,
);

const ROWS: usize = 500;

fn vectors() -> DataType {
    DataType::FixedSizeList(Arc::new(Field::new("item", DataType::Float32, true)), 3)
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("n", DataType::Float64, true),
        Field::new("text", DataType::Utf8, true),
        Field::new("vec", vectors(), true),
    ]))
}

/// Every fifth row has no `n`, and few values are held by many rows, both zeros and a NaN among them.
fn number(row: usize) -> Option<f64> {
    match row % 5 {
        0 => None,
        1 => Some(0.0),
        2 => Some(-0.0),
        3 => Some(f64::NAN),
        _ => Some((row % 7) as f64 - 3.0),
    }
}

fn rows(from: usize, to: usize) -> TableChange {
    let ids: StringArray = (from..to).map(|row| Some(format!("r{row:05}"))).collect();
    let numbers: Float64Array = (from..to).map(number).collect();
    let texts: StringArray =
        (from..to).map(|row| (row % 11 != 0).then(|| format!("word{} common", row % 13))).collect();
    let mut lists = FixedSizeListBuilder::new(Float32Builder::new(), 3);
    for row in from..to {
        for n in [row as f32, (row % 10) as f32, 1.0] {
            lists.values().append_value(n);
        }
        lists.append(row % 9 != 0);
    }
    let columns: Vec<ArrayRef> =
        vec![Arc::new(ids), Arc::new(numbers), Arc::new(texts), Arc::new(lists.finish())];
    let batch = RecordBatch::try_new(schema(), columns).unwrap();
    let stream = RecordBatchStreamAdapter::new(schema(), futures::stream::iter([Ok(batch)]));
    TableChange { append: Some(Box::pin(stream)), ..TableChange::default() }
}

fn indexes() -> Vec<Index> {
    let btree = |names: &[&str]| Index::BTree(names.iter().map(|name| (*name).to_owned()).collect());
    let quantized = |normalization| Index::QuantizedVectors { column: "vec".to_owned(), normalization };
    vec![
        btree(&["id"]),
        btree(&["n"]),
        btree(&["id", "n"]),
        Index::Inverted("text".to_owned()),
        Index::NGram("id".to_owned()),
        quantized(Normalization::None),
        quantized(Normalization::UnitLength),
    ]
}

/// A table with one large fragment, some of whose rows are deleted, and a small one; indexes are stored and forgotten.
async fn indexed(root: &Root) -> Table {
    let empty = Table::create(root, "nodes/t", schema()).await.unwrap();
    let large = stage(&empty, rows(0, ROWS)).await.unwrap();
    let gone = (0..ROWS as u64).filter(|row| row % 17 == 0);
    let remove = TableChange { remove: RoaringTreemap::from_iter(gone), ..TableChange::default() };
    let table = stage(&stage(&large, remove).await.unwrap(), rows(ROWS, ROWS + 3)).await.unwrap();
    table.build_indexes(&indexes(), |_| {}).await.unwrap();
    root.parts_stored().await;
    root.caches().forget_derived();
    table
}

async fn found(table: &Table, columns: &[&str], keys: Vec<ArrayRef>) -> BTreeSet<(u32, u64)> {
    let found = table.key_index(columns).lookup(&keys).await.unwrap();
    found.probe.into_iter().zip(found.address).collect()
}

/// The live rows by brute force: number of the row, address.
fn live() -> impl Iterator<Item = (usize, u64)> {
    let large = (0..ROWS).filter(|row| row % 17 != 0).map(|row| (row, row as u64));
    large.chain((ROWS..ROWS + 3).map(|row| (row, (1 << 32) + (row - ROWS) as u64)))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn postings_held(table: &Table, columns: &[&str]) -> bool {
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let columns = fragment::columns_key(table, &columns).unwrap();
    let large = table.dataset().get_fragments().into_iter().next().unwrap();
    table.root().caches().postings.contains_key(&fragment::derived_key(table, &large, &columns))
}

async fn check_keys(table: &Table) {
    let asked = ["r00007", "r00017", "r00501", "none", "r00499"];
    let expected = |row: usize| asked.iter().position(|id| *id == format!("r{row:05}"));
    let naive = live().filter_map(|(row, at)| Some((expected(row)? as u32, at))).collect();
    assert_eq!(found(table, &["id"], vec![texts(&asked)]).await, naive);

    let asked = [Some(0.0), None, Some(-f64::NAN), Some(2.0), Some(9.0)];
    let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
    let pairs = |row: usize, at: u64| {
        let probes = asked.iter().enumerate();
        let equal = probes
            .filter(move |(_, asked)| asked.zip(number(row)).is_some_and(|(asked, held)| same(asked, held)));
        equal.map(move |(probe, _)| (probe as u32, at))
    };
    let naive = live().flat_map(|(row, at)| pairs(row, at)).collect();
    assert_eq!(found(table, &["n"], vec![Arc::new(Float64Array::from(asked.to_vec()))]).await, naive);

    let ids = texts(&["r00008", "r00008", "r00005"]);
    let numbers: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN, 0.0, 1.0]));
    assert_eq!(found(table, &["id", "n"], vec![ids, numbers]).await, BTreeSet::from([(0, 8)]));
}

async fn keys_of_a_stored_btree_are_found_page_by_page(root: &Root) {
    let table = indexed(root).await;
    check_keys(&table).await;
    for columns in [&["id"][..], &["n"], &["id", "n"]] {
        assert!(!postings_held(&table, columns), "all keys of {columns:?} were read");
    }
}

async fn prefilters_leave_all_rows_that_are_meant(root: &Root) {
    let table = indexed(root).await;
    let id = |row: usize| format!("r{row:05}");
    let span = |lower: Bound<&str>, upper: Bound<&str>| Span {
        lower: lower.map(|text| texts(&[text])),
        upper: upper.map(|text| texts(&[text])),
    };
    let few = [
        (Bound::Included("r00010"), Bound::Excluded("r00031")),
        (Bound::Excluded("r00490"), Bound::Unbounded),
        (Bound::Unbounded, Bound::Included("r00003")),
        (Bound::Included("x"), Bound::Unbounded),
        (Bound::Included("r00300"), Bound::Included("r00200")),
    ];
    let all: RoaringTreemap = live().map(|(_, at)| at).collect();
    for (lower, upper) in few {
        let found =
            table.prefilter_span("id", &span(lower, upper)).await.unwrap().expect("few rows are meant");
        assert!(found.is_subset(&all) && found.len() < 40, "{lower:?} {upper:?}: {found:?}");
        for (row, at) in
            live().filter(|(row, _)| RangeBounds::<str>::contains(&(lower, upper), id(*row).as_str()))
        {
            assert!(found.contains(at), "{lower:?} {upper:?}: {row}");
        }
    }
    for (lower, upper) in
        [(Bound::Included("r0"), Bound::Included("r002")), (Bound::Unbounded, Bound::Unbounded)]
    {
        assert!(table.prefilter_span("id", &span(lower, upper)).await.unwrap().is_none());
    }
    for text in ["0042", "00042", "nothing", "r004321", "502"] {
        let found = table.prefilter_substring("id", text).await.unwrap().expect("few rows are meant");
        assert!(found.is_subset(&all) && found.len() < 40, "{text}: {found:?}");
        for (row, at) in live().filter(|(row, _)| id(*row).contains(text)) {
            assert!(found.contains(at), "{text}: {row}");
        }
    }
    // Too short, in too many rows, of a column without n-grams.
    for (column, text) in [("id", "04"), ("id", "r00"), ("text", "word7")] {
        assert!(table.prefilter_substring(column, text).await.unwrap().is_none(), "{column} {text}");
    }
    // A damaged part tells nothing.
    damage_all(&table, cut).await;
    root.caches().forget_derived();
    assert!(table.prefilter_substring("id", "0042").await.unwrap().is_none());
    let few = span(Bound::Included("r00010"), Bound::Excluded("r00031"));
    assert!(table.prefilter_span("id", &few).await.unwrap().is_none());
}

async fn a_damaged_btree_changes_no_answer(root: &Root) {
    let table = indexed(root).await;
    for damage in [cut as fn(&[u8]) -> Vec<u8>, nothing, alter_first, alter_last] {
        damage_all(&table, damage).await;
        root.caches().forget_derived();
        check_keys(&table).await;
        // What was damaged has been sorted again.
        root.parts_stored().await;
    }
    root.caches().forget_derived();
    check_keys(&table).await;
}

fn cut(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len() / 2].to_vec()
}

fn nothing(_: &[u8]) -> Vec<u8> {
    Vec::new()
}

fn alter_first(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().enumerate().map(|(at, byte)| if at == 10 { byte ^ 1 } else { *byte }).collect()
}

fn alter_last(bytes: &[u8]) -> Vec<u8> {
    let last = bytes.len().saturating_sub(1);
    bytes.iter().enumerate().map(|(at, byte)| if at == last { byte ^ 1 } else { *byte }).collect()
}

async fn damage_all(table: &Table, damage: fn(&[u8]) -> Vec<u8>) {
    let stored = part::list(table).await.unwrap();
    assert!(!stored.is_empty());
    for path in stored.keys() {
        let bytes = table.root().get(path).await.unwrap().unwrap();
        table.root().put(path, damage(&bytes).into()).await.unwrap();
    }
}

/// What searches of texts and vectors answer.
async fn searched(table: &Table) -> (Vec<u64>, Vec<(u64, f64)>, Vec<(f64, f64)>) {
    let words = TextColumn::load(table, "text").await.unwrap();
    let matching = words.matching("word3 word5").iter().collect();
    let scores = words.scores("word3 common");
    let rows: Vec<u64> = scores.rows().iter().collect();
    let scores = rows.iter().zip(scores.of(&rows)).map(|(row, score)| (*row, score.unwrap())).collect();
    let vectors = VectorColumn::new(table.clone(), "vec").unwrap();
    let quantized = vectors.quantized((0, 0), Normalization::None).await.unwrap();
    let rows: Vec<u64> = (0..ROWS as u64).filter(|row| row % 9 != 0).collect();
    let mut found = Vec::new();
    Query::new(vec![3.0, 4.0, 5.0], Metric::L2).bounds(
        &quantized,
        0,
        &rows,
        0,
        &SearchRadius::new(usize::MAX),
        &mut found,
    );
    (matching, scores, found.into_iter().map(|row| (row.lower, row.upper)).collect())
}

async fn stored_terms_and_vectors_answer_as_fresh_ones(root: &Root) {
    let table = indexed(root).await;
    let from_stored = searched(&table).await;
    for path in part::list(&table).await.unwrap().into_keys() {
        root.delete(&path).await.unwrap();
    }
    root.caches().forget_derived();
    assert_eq!(from_stored, searched(&table).await);
    assert!(!from_stored.0.is_empty() && !from_stored.1.is_empty());
}

async fn damaged_terms_and_vectors_are_derived_again(root: &Root) {
    let table = indexed(root).await;
    let right = searched(&table).await;
    for damage in [cut as fn(&[u8]) -> Vec<u8>, nothing, alter_first, alter_last] {
        damage_all(&table, damage).await;
        root.caches().forget_derived();
        assert_eq!(searched(&table).await, right);
        root.parts_stored().await;
    }
}

async fn stored_parts_cover_the_large_fragments(root: &Root) {
    let table = indexed(root).await;
    let live = ROWS as u64 - ROWS.div_ceil(17) as u64;
    for coverage in table.coverage(&indexes()).await.unwrap() {
        assert_eq!((coverage.rows, coverage.covered, coverage.small), (live + 3, live, 3));
        assert!(coverage.bytes > 0);
    }
    let stored = part::list(&table).await.unwrap();
    let again = std::cell::Cell::new(0);
    table.build_indexes(&indexes(), |rows| again.set(again.get() + rows)).await.unwrap();
    assert_eq!((again.get(), part::list(&table).await.unwrap()), (0, stored.clone()));

    root.delete(stored.keys().next().unwrap()).await.unwrap();
    let missing = table.coverage(&indexes()).await.unwrap();
    assert_eq!(missing.iter().filter(|coverage| coverage.covered == 0).count(), 1);
    table.build_indexes(&indexes(), |rows| again.set(again.get() + rows)).await.unwrap();
    assert_eq!((again.get(), part::list(&table).await.unwrap()), (live, stored));
}

async fn stored_parts_go_with_their_fragment(root: &Root) {
    let table = indexed(root).await;
    let next = stage(&table, TableChange::compaction()).await.unwrap();
    assert_eq!(next.coverage(&indexes()).await.unwrap()[0].covered, 0);
    next.build_indexes(&indexes(), |_| {}).await.unwrap();
    let both = part::list(&next).await.unwrap().len();
    let only = BTreeSet::from([next.version()]);
    let versions = Versions { current: only.clone(), keep: only, published: BTreeSet::new() };
    let before = Utc::now() + TimeDelta::seconds(5);
    let objects = root.list("nodes/t").await.unwrap();
    let garbage = reclaim::garbage(root, "nodes/t", objects, &versions, before).await.unwrap();
    garbage.remove(root).await.unwrap();
    assert_eq!(part::list(&next).await.unwrap().len() * 2, both);
    assert_eq!(next.coverage(&indexes()).await.unwrap()[0].covered, next.row_count());
    check_rows(&next).await;
}

async fn check_rows(table: &Table) {
    let found = found(table, &["id"], vec![texts(&["r00007", "r00017"])]).await;
    assert_eq!(found.len(), 1);
}

/// The bytes of an n-gram part do not tell the rows of its groups, so its path does; the usual size has the path it always had.
#[tokio::test]
async fn only_the_size_of_an_ngram_group_moves_a_part() {
    let test = super::roots::memory().await;
    let table = indexed(&test.root).await;
    let options =
        |tuning| RootOptions { tuning, store: Some(Arc::new(InMemory::new())), ..RootOptions::default() };
    let usual = Tuning { index_from_rows: 64, ..Tuning::default() };
    let other = Tuning { ngram_group_rows: Tuning::small().ngram_group_rows, ..usual };
    let fragment = table.dataset().fragments()[0].clone();
    let key = fragment::columns_key(&table, &["id".to_owned()]).unwrap();
    let mut paths = Vec::new();
    for tuning in [usual, other] {
        let root = Root::open("/nowhere", options(tuning)).await.unwrap();
        let table = Table::create(&root, "nodes/t", schema()).await.unwrap();
        let at = |kind| PartLocation::of(&table, &fragment, &key, kind, "").unwrap();
        let ngrams = ngram::location(&table, &fragment, &key).unwrap();
        paths.push((ngrams == at(PartKind::NGram), at(PartKind::BTree)));
    }
    assert_eq!((paths[0].0, paths[1].0), (true, false));
    assert_eq!(paths[0].1, paths[1].1);
}
