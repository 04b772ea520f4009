//! The contract of reshaping.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, new_null_array};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;

use crate::error::StorageError;
use crate::tables::reshape::{Column, reshape};
use crate::{ROW_ADDRESS, Root, Scan, Table, TableChange, TableVersion, stage};

contract!(
    columns_are_kept_renamed_added_dropped_and_moved,
    a_column_added_again_is_empty,
    a_reshaped_table_is_written_on,
    folding_rewrites_every_shape_of_fragment,
    the_key_index_follows_the_column_not_the_name,
    the_same_columns_are_the_base,
    lists_and_vectors_are_kept_and_added,
    an_empty_table_is_reshaped,
    what_cannot_be_kept_is_refused,
);

fn field(name: &str, ty: DataType) -> FieldRef {
    Arc::new(Field::new(name, ty, name != "id"))
}

fn text(name: &str) -> FieldRef {
    field(name, DataType::Utf8)
}

fn number(name: &str) -> FieldRef {
    field(name, DataType::Int64)
}

fn kept(field: FieldRef, from: &str) -> Column {
    Column { field, from: Some(from.to_owned()) }
}

fn new(field: FieldRef) -> Column {
    Column { field, from: None }
}

fn id() -> Column {
    kept(text("id"), "id")
}

fn append(schema: &SchemaRef, arrays: Vec<ArrayRef>) -> TableChange {
    let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    let rows = RecordBatchStreamAdapter::new(schema.clone(), futures::stream::iter([Ok(batch)]));
    TableChange { append: Some(Box::pin(rows)), ..TableChange::default() }
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(values.iter().copied().collect::<StringArray>())
}

fn numbers(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(values.iter().copied().collect::<Int64Array>())
}

/// A table `id`, `a` (text), `n` (number) with rows x, y, z of which y is deleted.
async fn filled(root: &Root) -> Table {
    let schema: SchemaRef = Arc::new(Schema::new(vec![text("id"), text("a"), number("n")]));
    let empty = Table::create(root, "nodes/t", schema.clone()).await.unwrap();
    let ids = texts(&[Some("x"), Some("y"), Some("z")]);
    let a = texts(&[Some("ax"), Some("ay"), None]);
    let n = numbers(&[Some(1), Some(2), Some(3)]);
    let full = stage(&empty, append(&schema, vec![ids, a, n])).await.unwrap();
    let address = full.key_index(&["id"]).lookup(&[texts(&[Some("y")])]).await.unwrap().address;
    stage(&full, TableChange { remove: address.into_iter().collect(), ..TableChange::default() })
        .await
        .unwrap()
}

/// Opens the version from storage, past the cache of open tables.
async fn reopened(table: &Table) -> Table {
    table.root().caches().tables.invalidate_all();
    Table::open(table.root(), table.path(), table.version()).await.unwrap()
}

/// Reads the rows as text by scan and by take, which must agree; sorted by id.
async fn rows(table: &Table) -> Vec<Vec<String>> {
    let table = reopened(table).await;
    let columns: Vec<String> = table.schema().fields().iter().map(|field| field.name().clone()).collect();
    let scan = Scan { with_address: true, ..Scan::columns(columns.clone()) };
    let batches: Vec<RecordBatch> = table.scan(scan).unwrap().try_collect().await.unwrap();
    let mut rows = Vec::new();
    for batch in &batches {
        let addresses =
            batch.column_by_name(ROW_ADDRESS).unwrap().as_primitive::<arrow_array::types::UInt64Type>();
        let taken = table.take(addresses.values(), &columns).await.unwrap();
        assert_eq!(taken.schema(), table.schema());
        for (index, name) in columns.iter().enumerate() {
            assert_eq!(taken.column(index), batch.column(index), "{name}");
        }
        for row in 0..batch.num_rows() {
            let cell = |column: &ArrayRef| {
                let format = arrow::util::display::FormatOptions::default().with_null("-");
                arrow::util::display::ArrayFormatter::try_new(column, &format).unwrap().value(row).to_string()
            };
            rows.push(taken.columns().iter().map(cell).collect::<Vec<_>>());
        }
    }
    assert_eq!(rows.len() as u64, table.row_count());
    rows.sort();
    rows
}

fn named(table: &Table) -> Vec<String> {
    table.schema().fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type())).collect()
}

async fn columns_are_kept_renamed_added_dropped_and_moved(root: &Root) {
    let base = filled(root).await;
    let columns = [id(), new(number("b")), kept(number("count"), "n"), kept(text("title"), "a")];
    let next = reshape(&base, &columns).await.unwrap();
    assert_ne!(next.version(), base.version());
    let wanted: Vec<FieldRef> = columns.iter().map(|column| column.field.clone()).collect();
    assert_eq!(reopened(&next).await.schema(), Arc::new(Schema::new(wanted)));
    assert_eq!(rows(&next).await, [["x", "-", "1", "ax"], ["z", "-", "3", "-"]]);

    let dropped = reshape(&next, &[id(), kept(text("a"), "title")]).await.unwrap();
    assert_eq!(rows(&dropped).await, [["x", "ax"], ["z", "-"]]);
    // Names may be exchanged in one step.
    let swapped = reshape(&base, &[id(), kept(number("a"), "n"), kept(text("n"), "a")]).await.unwrap();
    assert_eq!(rows(&swapped).await, [["x", "1", "ax"], ["z", "3", "-"]]);
    assert_eq!(rows(&base).await, [["x", "ax", "1"], ["z", "-", "3"]]);
    assert_eq!(base.stats(), next.stats());
    // The version that the table's own history ends with is the empty one it was created with.
    assert_eq!(Table::open(root, base.path(), TableVersion(1)).await.unwrap().row_count(), 0);
}

async fn a_column_added_again_is_empty(root: &Root) {
    let base = filled(root).await;
    let without = reshape(&base, &[id(), kept(text("a"), "a")]).await.unwrap();
    let again = reshape(&without, &[id(), kept(text("a"), "a"), new(number("n"))]).await.unwrap();
    assert_eq!(rows(&again).await, [["x", "ax", "-"], ["z", "-", "-"]]);
    // In one step, too, and with another type.
    let at_once = reshape(&base, &[id(), new(number("a")), new(text("n"))]).await.unwrap();
    assert_eq!(rows(&at_once).await, [["x", "-", "-"], ["z", "-", "-"]]);
    // A column that was never written to, dropped and added under another name and type.
    let renamed = reshape(&again, &[id(), kept(text("a"), "a"), new(text("m"))]).await.unwrap();
    assert_eq!(rows(&renamed).await, [["x", "ax", "-"], ["z", "-", "-"]]);
}

async fn a_reshaped_table_is_written_on(root: &Root) {
    let base = filled(root).await;
    let next = reshape(&base, &[id(), new(number("b")), kept(number("n"), "n")]).await.unwrap();
    let arrays =
        vec![texts(&[Some("w"), Some("v")]), numbers(&[Some(7), None]), numbers(&[Some(4), Some(5)])];
    let grown = stage(&next, append(&next.schema(), arrays)).await.unwrap();
    let all = [["v", "-", "5"], ["w", "7", "4"], ["x", "-", "1"], ["z", "-", "3"]];
    assert_eq!(rows(&grown).await, all);
    let matched = grown.key_index(&["n"]).lookup(&[numbers(&[Some(1), Some(4)])]).await.unwrap();
    assert_eq!(matched.probe, [0, 1]);
    let remove = matched.address.into_iter().collect();
    let shrunk = stage(&grown, TableChange { remove, ..TableChange::default() }).await.unwrap();
    assert_eq!(rows(&shrunk).await, [["v", "-", "5"], ["z", "-", "3"]]);
    let last = reshape(&shrunk, &[id(), kept(number("c"), "b"), new(text("t"))]).await.unwrap();
    assert_eq!(rows(&last).await, [["v", "-", "-"], ["z", "-", "-"]]);
    let empty = stage(&last, TableChange { replace_all: true, ..TableChange::default() }).await.unwrap();
    assert_eq!(rows(&empty).await, Vec::<Vec<String>>::new());
}

async fn folding_rewrites_every_shape_of_fragment(root: &Root) {
    let mut table = filled(root).await;
    let mut wanted = vec![("x".to_owned(), None), ("z".to_owned(), None)];
    table = reshape(&table, &[id(), new(number("b"))]).await.unwrap();
    for round in 0..40_i64 {
        let name = format!("r{round:02}");
        let arrays = vec![texts(&[Some(&name)]), numbers(&[Some(round)])];
        table = stage(&table, append(&table.schema(), arrays)).await.unwrap();
        wanted.push((name, Some(round)));
        if round % 10 == 9 {
            // A round of its own for every shape: what was written so far is kept under another id order.
            table = reshape(&table, &[kept(number("b"), "b"), id()]).await.unwrap();
            table = reshape(&table, &[id(), new(text("t")), kept(number("b"), "b")]).await.unwrap();
            table = reshape(&table, &[id(), kept(number("b"), "b")]).await.unwrap();
        }
    }
    assert!(table.stats().fragments < 20, "{:?}", table.stats());
    wanted.sort();
    let spelled: Vec<Vec<String>> = wanted
        .into_iter()
        .map(|(id, b)| vec![id, b.map_or_else(|| "-".to_owned(), |b| b.to_string())])
        .collect();
    assert_eq!(rows(&table).await, spelled);
}

async fn the_key_index_follows_the_column_not_the_name(root: &Root) {
    let base = filled(root).await;
    let find = async |table: &Table, column: &str, key: ArrayRef| {
        table.key_index(&[column]).lookup(&[key]).await.unwrap().probe.len()
    };
    assert_eq!(find(&base, "a", texts(&[Some("ax")])).await, 1);
    assert_eq!(find(&base, "n", numbers(&[Some(3)])).await, 1);
    // All with the keys of the base in the cache: the same files, read by other names.
    let renamed = reshape(&base, &[id(), kept(text("b"), "a"), new(text("a"))]).await.unwrap();
    assert_eq!(find(&renamed, "b", texts(&[Some("ax")])).await, 1);
    assert_eq!(find(&renamed, "a", texts(&[Some("ax")])).await, 0);
    let swapped = reshape(&base, &[id(), kept(number("a"), "n"), kept(text("n"), "a")]).await.unwrap();
    assert_eq!(find(&swapped, "a", numbers(&[Some(3)])).await, 1);
    assert_eq!(find(&swapped, "n", texts(&[Some("ax")])).await, 1);
    // Two versions that give one id to columns of different types.
    let one = reshape(&base, &[id(), new(text("m"))]).await.unwrap();
    let other = reshape(&base, &[id(), new(number("m"))]).await.unwrap();
    assert_eq!(find(&one, "m", texts(&[Some("ax")])).await, 0);
    assert_eq!(find(&other, "m", numbers(&[Some(3)])).await, 0);
    let both =
        one.key_index(&["id", "m"]).lookup(&[texts(&[Some("x")]), texts(&[Some("ax")])]).await.unwrap();
    assert!(both.probe.is_empty());
}

async fn the_same_columns_are_the_base(root: &Root) {
    let base = filled(root).await;
    let same = [id(), kept(text("a"), "a"), kept(number("n"), "n")];
    assert_eq!(reshape(&base, &same).await.unwrap().version(), base.version());
}

async fn lists_and_vectors_are_kept_and_added(root: &Root) {
    let item = |ty| Arc::new(Field::new("item", ty, true));
    let list = |name| field(name, DataType::List(item(DataType::Utf8)));
    let vector = |name| field(name, DataType::FixedSizeList(item(DataType::Float32), 2));
    let blob = |name| field(name, DataType::LargeBinary);
    let schema: SchemaRef = Arc::new(Schema::new(vec![text("id"), list("l"), vector("v"), blob("o")]));
    let empty = Table::create(root, "nodes/t", schema.clone()).await.unwrap();
    let lists = ListArray::new(
        item(DataType::Utf8),
        arrow::buffer::OffsetBuffer::from_lengths([2]),
        texts(&[Some("p"), None]),
        None,
    );
    let vectors = arrow_array::FixedSizeListArray::new(
        item(DataType::Float32),
        2,
        Arc::new(arrow_array::Float32Array::from(vec![0.5, 1.5])),
        None,
    );
    let blobs = arrow_array::LargeBinaryArray::from_vec(vec![b"\x01\x02"]);
    let arrays: Vec<ArrayRef> =
        vec![texts(&[Some("x")]), Arc::new(lists), Arc::new(vectors), Arc::new(blobs)];
    let base = stage(&empty, append(&schema, arrays)).await.unwrap();
    let columns = [
        id(),
        new(list("a")),
        new(vector("b")),
        kept(list("c"), "l"),
        kept(vector("d"), "v"),
        kept(blob("e"), "o"),
        new(blob("f")),
    ];
    let next = reshape(&base, &columns).await.unwrap();
    assert_eq!(rows(&next).await, [["x", "-", "-", "[p, -]", "[0.5, 1.5]", "0102", "-"]]);
    assert_eq!(named(&next).len(), 7);
    let schema = next.schema();
    let nulls = schema.fields().iter().skip(1).map(|field| new_null_array(field.data_type(), 1));
    let arrays = std::iter::once(texts(&[Some("y")])).chain(nulls).collect();
    let grown = stage(&next, append(&next.schema(), arrays)).await.unwrap();
    assert_eq!(rows(&grown).await[1], ["y", "-", "-", "-", "-", "-", "-"]);
    assert_eq!(rows(&grown).await[0], rows(&next).await[0]);
}

async fn an_empty_table_is_reshaped(root: &Root) {
    let schema: SchemaRef = Arc::new(Schema::new(vec![text("id"), text("a")]));
    let empty = Table::create(root, "nodes/t", schema).await.unwrap();
    let next = reshape(&empty, &[id(), new(number("a"))]).await.unwrap();
    assert_eq!(named(&next), ["id: Utf8", "a: Int64"]);
    let grown =
        stage(&next, append(&next.schema(), vec![texts(&[Some("x")]), numbers(&[Some(1)])])).await.unwrap();
    assert_eq!(rows(&grown).await, [["x", "1"]]);
}

async fn what_cannot_be_kept_is_refused(root: &Root) {
    let base = filled(root).await;
    let required: FieldRef = Arc::new(Field::new("r", DataType::Utf8, false));
    let cases = [
        vec![id(), kept(text("b"), "unknown")],
        vec![id(), kept(number("a"), "a")],
        vec![id(), kept(text("b"), "a"), kept(text("c"), "a")],
        vec![id(), new(required.clone())],
        vec![id(), kept(required, "a")],
        vec![id(), new(text("b")), new(text("b"))],
    ];
    for columns in cases {
        let refused = reshape(&base, &columns).await;
        let Err(error) = refused else { panic!("{columns:?} was accepted") };
        assert!(
            matches!(
                error,
                StorageError::BadRequest(_) | StorageError::Internal(_) | StorageError::Storage(_)
            ),
            "{columns:?}: {error:?}"
        );
    }
    assert_eq!(rows(&base).await, [["x", "ax", "1"], ["z", "-", "3"]]);
}
