//! The contract of tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;
use roaring::RoaringTreemap;

use crate::error::{StorageError, StorageFailureKind};
use crate::{Root, Scan, Table, TableChange, TableVersion, stage};

contract!(
    a_created_table_is_empty_and_opens,
    creating_twice_is_refused,
    an_unknown_version_is_not_found,
    appending_deleting_and_replacing_add_up,
    an_upsert_is_one_version,
    siblings_do_not_see_each_other,
    nothing_to_change_is_the_base,
    take_keeps_order_and_duplicates,
    scans_project_and_address,
    a_failing_stream_fails_the_stage_as_it_failed,
    addresses_outside_the_base_are_refused,
    a_random_history_equals_its_model,
);

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("n", DataType::Int64, true),
        Field::new("list", DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))), true),
    ]))
}

fn batch(rows: &[(&str, Option<i64>)]) -> RecordBatch {
    let ids: StringArray = rows.iter().map(|row| Some(row.0)).collect();
    let numbers: Int64Array = rows.iter().map(|row| row.1).collect();
    let mut lists = arrow_array::builder::ListBuilder::new(arrow_array::builder::StringBuilder::new());
    for (id, _) in rows {
        lists.append_value([Some(*id), None]);
    }
    RecordBatch::try_new(schema(), vec![Arc::new(ids), Arc::new(numbers), Arc::new(lists.finish())]).unwrap()
}

fn stream(batches: Vec<RecordBatch>) -> SendableRecordBatchStream {
    Box::pin(RecordBatchStreamAdapter::new(schema(), futures::stream::iter(batches.into_iter().map(Ok))))
}

fn adding(rows: &[(&str, Option<i64>)]) -> TableChange {
    TableChange { append: Some(stream(vec![batch(rows)])), ..TableChange::default() }
}

/// Reads a table as id → (n, address), checking that ids do not repeat and addresses ascend.
async fn rows(table: &Table) -> BTreeMap<String, (Option<i64>, u64)> {
    let scan = Scan { with_address: true, ..Scan::columns(["n", "id", "list"]) };
    let batches: Vec<RecordBatch> = table.scan(scan).unwrap().try_collect().await.unwrap();
    let (mut rows, mut last) = (BTreeMap::new(), None);
    for batch in batches {
        let (numbers, ids) =
            (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_string::<i32>());
        let addresses = batch.column(3).as_primitive::<UInt64Type>();
        for row in 0..batch.num_rows() {
            let address = addresses.value(row);
            assert!(last < Some(address));
            last = Some(address);
            let number = (!arrow_array::Array::is_null(numbers, row)).then(|| numbers.value(row));
            assert_eq!(
                batch.column(2).as_list::<i32>().value(row).as_string::<i32>().value(0),
                ids.value(row)
            );
            assert!(rows.insert(ids.value(row).to_owned(), (number, address)).is_none());
        }
    }
    assert_eq!(rows.len() as u64, table.row_count());
    rows
}

async fn values(table: &Table) -> Vec<(String, Option<i64>)> {
    rows(table).await.into_iter().map(|(id, (n, _))| (id, n)).collect()
}

async fn addresses(table: &Table, ids: &[&str]) -> RoaringTreemap {
    let rows = rows(table).await;
    ids.iter().map(|id| rows[*id].1).collect()
}

/// Opens the version from storage, past the cache of open tables.
async fn reopened(table: &Table) -> Table {
    table.root().caches().tables.invalidate_all();
    let again = Table::open(table.root(), table.path(), table.version()).await.unwrap();
    assert_eq!((again.version(), again.stats()), (table.version(), table.stats()));
    again
}

async fn a_created_table_is_empty_and_opens(root: &Root) {
    let table = Table::create(root, "nodes/t1-1", schema()).await.unwrap();
    assert_eq!((table.row_count(), table.stats().fragments), (0, 0));
    let table = reopened(&table).await;
    assert_eq!(table.schema(), schema());
    assert!(rows(&table).await.is_empty());
    assert!(table.key_index(&["id"]).lookup(&[keys(&["a"])]).await.unwrap().probe.is_empty());
}

async fn creating_twice_is_refused(root: &Root) {
    Table::create(root, "nodes/t1-1", schema()).await.unwrap();
    let Err(StorageError::Storage(failure)) = Table::create(root, "nodes/t1-1", schema()).await else {
        panic!("it was created twice")
    };
    assert_eq!(failure.kind, StorageFailureKind::Precondition, "{}", failure.message);
}

async fn an_unknown_version_is_not_found(root: &Root) {
    let table = Table::create(root, "nodes/t1-1", schema()).await.unwrap();
    for (path, version) in [("nodes/t1-1", TableVersion(1 << 63 | 5)), ("nodes/t2-1", table.version())] {
        let Err(StorageError::Storage(failure)) = Table::open(root, path, version).await else {
            panic!("{path} opened")
        };
        assert_eq!(failure.kind, StorageFailureKind::NotFound, "{}", failure.message);
    }
}

async fn appending_deleting_and_replacing_add_up(root: &Root) {
    let empty = Table::create(root, "nodes/t1-1", schema()).await.unwrap();
    let two = stage(&empty, adding(&[("a", Some(1)), ("b", None)])).await.unwrap();
    assert_ne!(two.version(), empty.version());
    let remove = addresses(&two, &["a"]).await;
    let one = stage(&two, TableChange { remove, ..TableChange::default() }).await.unwrap();
    let replaced = TableChange { replace_all: true, ..adding(&[("c", Some(3))]) };
    let other = stage(&one, replaced).await.unwrap();
    let none = stage(&other, TableChange { replace_all: true, ..TableChange::default() }).await.unwrap();
    for (table, expected) in [
        (empty, vec![]),
        (two, vec![("a", Some(1)), ("b", None)]),
        (one, vec![("b", None)]),
        (other, vec![("c", Some(3))]),
        (none, vec![]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|(id, n)| (id.to_owned(), n)).collect();
        assert_eq!(values(&reopened(&table).await).await, expected);
    }
}

async fn an_upsert_is_one_version(root: &Root) {
    let empty = Table::create(root, "nodes/t1-1", schema()).await.unwrap();
    let base = stage(&empty, adding(&[("a", Some(1)), ("b", Some(2)), ("c", Some(3))])).await.unwrap();
    let remove = addresses(&base, &["b"]).await;
    let table = stage(&base, TableChange { remove, ..adding(&[("b", Some(20))]) }).await.unwrap();
    let expected = [("a", 1), ("b", 20), ("c", 3)].map(|(id, n)| (id.to_owned(), Some(n)));
    assert_eq!(values(&reopened(&table).await).await, expected);
    table.dataset().validate().await.unwrap();
}

async fn siblings_do_not_see_each_other(root: &Root) {
    let empty = Table::create(root, "nodes/t1-1", schema()).await.unwrap();
    let base = stage(&empty, adding(&[("a", Some(1))])).await.unwrap();
    let (left, right) =
        tokio::join!(stage(&base, adding(&[("l", None)])), stage(&base, adding(&[("r", None)])));
    let (left, right) = (left.unwrap(), right.unwrap());
    assert_eq!(values(&left).await.len(), 2);
    assert!(rows(&left).await.contains_key("l") && !rows(&left).await.contains_key("r"));
    assert!(rows(&right).await.contains_key("r") && !rows(&right).await.contains_key("l"));
    assert_eq!(values(&base).await.len(), 1);
}

async fn nothing_to_change_is_the_base(root: &Root) {
    let empty = Table::create(root, "nodes/t1-1", schema()).await.unwrap();
    for change in
        [TableChange::default(), adding(&[]), TableChange { replace_all: true, ..TableChange::default() }]
    {
        assert_eq!(stage(&empty, change).await.unwrap().version(), empty.version());
    }
}

async fn take_keeps_order_and_duplicates(root: &Root) {
    let empty = Table::create(root, "nodes/t1-1", schema()).await.unwrap();
    let base = stage(&empty, adding(&[("a", Some(1)), ("b", Some(2)), ("c", Some(3))])).await.unwrap();
    let remove = addresses(&base, &["a"]).await;
    let table = stage(&base, TableChange { remove, ..adding(&[("d", Some(4))]) }).await.unwrap();
    let rows = rows(&table).await;
    let wanted: Vec<u64> = ["d", "b", "d", "c"].iter().map(|id| rows[*id].1).collect();
    let taken = table.take(&wanted, &["n".to_owned(), "id".to_owned()]).await.unwrap();
    assert_eq!(taken.column(0).as_primitive::<Int64Type>().values(), &[4, 2, 4, 3]);
    assert_eq!(taken.column(1).as_string::<i32>().value(2), "d");
    assert_eq!(table.take(&wanted, &[]).await.unwrap().num_rows(), 4);
    assert_eq!(table.take(&[], &["n".to_owned()]).await.unwrap().num_columns(), 1);
    assert!(table.take(&wanted, &["nope".to_owned()]).await.is_err());
    assert!(table.take(&[99 << 32], &["n".to_owned()]).await.is_err());
}

async fn scans_project_and_address(root: &Root) {
    let empty = Table::create(root, "nodes/t1-1", schema()).await.unwrap();
    let mut table = empty;
    for n in 0..3 {
        table =
            stage(&table, adding(&[(&format!("a{n}"), Some(n)), (&format!("b{n}"), Some(n))])).await.unwrap();
    }
    let all = rows(&table).await;
    let only = Scan { fragments: Some(vec![1]), with_address: true, ..Scan::default() };
    let batches: Vec<RecordBatch> = table.scan(only).unwrap().try_collect().await.unwrap();
    let addresses: Vec<u64> = batches
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<UInt64Type>().values().to_vec())
        .collect();
    assert_eq!(addresses, [all["a1"].1, all["b1"].1]);
    let counted: Vec<RecordBatch> = table.scan(Scan::default()).unwrap().try_collect().await.unwrap();
    assert_eq!(counted.iter().map(RecordBatch::num_rows).sum::<usize>(), 6);
    assert!(counted.iter().all(|batch| batch.num_columns() == 0));
    assert!(table.scan(Scan { fragments: Some(vec![77]), ..Scan::default() }).is_err());
    assert!(table.scan(Scan::columns(["nope"])).is_err());
}

async fn a_failing_stream_fails_the_stage_as_it_failed(root: &Root) {
    let empty = Table::create(root, "nodes/t1-1", schema()).await.unwrap();
    let failing = |before: usize| {
        let error = DataFusionError::External(Box::new(StorageError::bad_request("line 7: no good")));
        let big = (0..before).map(|n| Ok(batch(&vec![(format!("{n}").as_str(), Some(1)); 100_000])));
        let rows = futures::stream::iter(big.chain([Err(error)]).collect::<Vec<_>>());
        let append: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(schema(), rows));
        TableChange { append: Some(append), ..TableChange::default() }
    };
    for before in [0, 3] {
        let error = stage(&empty, failing(before)).await.unwrap_err();
        assert!(
            matches!(&error, StorageError::BadRequest(message) if message == "line 7: no good"),
            "{error}"
        );
    }
}

async fn addresses_outside_the_base_are_refused(root: &Root) {
    let empty = Table::create(root, "nodes/t1-1", schema()).await.unwrap();
    let base = stage(&empty, adding(&[("a", Some(1))])).await.unwrap();
    for address in [5_u64 << 32, 1] {
        let remove = RoaringTreemap::from_iter([address]);
        assert!(stage(&base, TableChange { remove, ..TableChange::default() }).await.is_err());
    }
}

fn keys(ids: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(ids.to_vec()))
}

/// Random upserts and deletions: contents, fragments and key index against a map, old versions included.
async fn a_random_history_equals_its_model(root: &Root) {
    use rand::{Rng, SeedableRng};
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    let mut table = Table::create(root, "nodes/t1-1", schema()).await.unwrap();
    let mut model: BTreeMap<String, Option<i64>> = BTreeMap::new();
    let mut kept = Vec::new();
    for step in 0..60 {
        let touched: Vec<String> =
            (0..random.random_range(1..6)).map(|_| format!("k{}", random.random_range(0..40))).collect();
        let touched: std::collections::BTreeSet<String> = touched.into_iter().collect();
        let ids: Vec<&str> = touched.iter().map(String::as_str).collect();
        let found = table.key_index(&["id"]).lookup(&[keys(&ids)]).await.unwrap();
        let before = rows(&table).await;
        let expected: Vec<(u32, u64)> =
            (0_u32..).zip(&ids).filter_map(|(at, id)| Some((at, before.get(*id)?.1))).collect();
        assert_eq!(
            found.probe.iter().copied().zip(found.address.iter().copied()).collect::<Vec<_>>(),
            expected
        );

        let remove: RoaringTreemap = found.address.iter().copied().collect();
        let change = if step % 5 == 4 {
            for id in &touched {
                model.remove(id);
            }
            TableChange { remove, ..TableChange::default() }
        } else {
            let new: Vec<(&str, Option<i64>)> = ids.iter().map(|id| (*id, Some(step))).collect();
            model.extend(new.iter().map(|(id, n)| ((*id).to_owned(), *n)));
            TableChange { remove, ..adding(&new) }
        };
        table = stage(&table, change).await.unwrap();
        assert!(table.stats().fragments <= 20, "{} fragments", table.stats().fragments);
        if step % 20 == 0 {
            kept.push((table.clone(), model.clone()));
        }
        assert_eq!(values(&table).await, model.clone().into_iter().collect::<Vec<_>>());
    }
    table.dataset().validate().await.unwrap();
    for (table, model) in kept {
        assert_eq!(values(&reopened(&table).await).await, model.into_iter().collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_one_row_commits_leave_tens_of_fragments() {
    let test = super::roots::local_relaxed().await;
    let mut table = Table::create(&test.root, "nodes/t1-1", schema()).await.unwrap();
    let began = std::time::Instant::now();
    for n in 0..1_000 {
        table = stage(&table, adding(&[(&format!("k{n}"), Some(n))])).await.unwrap();
    }
    println!("1000 one-row commits: {:?}, {:?}", began.elapsed(), table.stats());
    assert_eq!(table.row_count(), 1_000);
    assert!(table.stats().fragments <= 28, "{:?}", table.stats());
    let found = table.key_index(&["id"]).lookup(&[keys(&["k0", "k999", "nope", "k500"])]).await.unwrap();
    assert_eq!(found.probe, [0, 1, 3]);

    for n in 0..1_000 {
        let remove = RoaringTreemap::from_iter(
            table.key_index(&["id"]).lookup(&[keys(&["k500"])]).await.unwrap().address,
        );
        table = stage(&table, TableChange { remove, ..adding(&[("k500", Some(n))]) }).await.unwrap();
    }
    println!("1000 updates of one row: {:?}, {:?}", began.elapsed(), table.stats());
    assert_eq!(table.row_count(), 1_000);
    assert!(table.stats().fragments <= 28, "{:?}", table.stats());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_replacing_append_streams_and_adds_up() {
    let test = super::roots::local_full().await;
    let empty = Table::create(&test.root, "nodes/t1-1", schema()).await.unwrap();
    let small = stage(&empty, adding(&[("x", Some(1)), ("y", Some(2))])).await.unwrap();
    let many = |from: usize, to: usize| {
        let ids: Vec<String> = (from..to).map(|n| format!("k{n:07}")).collect();
        batch(&ids.iter().map(|id| (id.as_str(), Some(0))).collect::<Vec<_>>())
    };
    let append = stream((0..30).map(|n| many(n * 10_000, (n + 1) * 10_000)).collect());
    let remove = addresses(&small, &["x"]).await;
    let large =
        stage(&small, TableChange { remove, append: Some(append), ..TableChange::default() }).await.unwrap();
    assert_eq!(large.row_count(), 300_001);
    let large = reopened(&large).await;
    let ids: Vec<String> = (0..300_001).map(|n| format!("k{n:07}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let found = large.key_index(&["id"]).lookup(&[keys(&ids)]).await.unwrap();
    assert_eq!(found.probe.len(), 300_000);
    large.dataset().validate().await.unwrap();
}
