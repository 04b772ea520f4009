//! The contract of compaction and reclamation.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use chrono::{DateTime, TimeDelta, Utc};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;
use roaring::RoaringTreemap;

use crate::error::{StorageError, StorageFailureKind};
use crate::tables::reclaim::{self, Garbage, Versions};
use crate::{Root, Scan, Table, TableChange, TableVersion, stage};

contract!(
    a_compaction_keeps_the_rows_in_one_fragment,
    a_compaction_of_a_compacted_table_is_nothing,
    a_compaction_drops_deleted_rows,
    kept_versions_survive_the_removal_of_all_others,
    young_files_that_nothing_names_stay,
    a_table_that_nothing_names_goes_whole,
    a_missing_current_version_stops_the_search,
    a_missing_data_file_is_told_as_absent,
);

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Utf8, false)]))
}

fn adding(ids: impl IntoIterator<Item = String>) -> TableChange {
    let ids: StringArray = ids.into_iter().map(Some).collect();
    let batch = RecordBatch::try_new(schema(), vec![Arc::new(ids)]).unwrap();
    let rows = RecordBatchStreamAdapter::new(schema(), futures::stream::iter([Ok(batch)]));
    TableChange { append: Some(Box::pin(rows)), ..TableChange::default() }
}

fn removing(addresses: impl IntoIterator<Item = u64>) -> TableChange {
    TableChange { remove: RoaringTreemap::from_iter(addresses), ..TableChange::default() }
}

async fn ids(table: &Table) -> BTreeSet<String> {
    let batches: Vec<RecordBatch> = table.scan(Scan::columns(["id"])).unwrap().try_collect().await.unwrap();
    let ids = batches.iter().flat_map(|batch| batch.column(0).as_string::<i32>().iter());
    ids.map(|id| id.unwrap().to_owned()).collect()
}

fn names(range: std::ops::Range<u32>) -> impl Iterator<Item = String> {
    range.map(|n| format!("r{n:05}"))
}

/// Makes one version per append of one row.
async fn grown(root: &Root, path: &str, appends: u32) -> Vec<Table> {
    let mut versions = vec![Table::create(root, path, schema()).await.unwrap()];
    for n in 0..appends {
        let next = stage(versions.last().unwrap(), adding(names(n..n + 1))).await.unwrap();
        versions.push(next);
    }
    versions
}

async fn a_compaction_keeps_the_rows_in_one_fragment(root: &Root) {
    let versions = grown(root, "t", 12).await;
    let table = versions.last().unwrap();
    assert!(table.fragments_to_compact() > 1);

    let compacted = stage(table, TableChange::compaction()).await.unwrap();

    assert_eq!(compacted.stats().fragments, 1);
    assert_eq!(ids(&compacted).await, ids(table).await);
    assert_eq!(compacted.row_count(), 12);
}

async fn a_compaction_of_a_compacted_table_is_nothing(root: &Root) {
    let table = grown(root, "t", 3).await.pop().unwrap();
    let compacted = stage(&table, TableChange::compaction()).await.unwrap();
    assert_eq!(compacted.fragments_to_compact(), 0);
    let again = stage(&compacted, TableChange::compaction()).await.unwrap();
    assert_eq!(again.version(), compacted.version());
}

async fn a_compaction_drops_deleted_rows(root: &Root) {
    let empty = Table::create(root, "t", schema()).await.unwrap();
    // Many rows, so that the change is written as two versions.
    let full = stage(&empty, adding(names(0..140_000))).await.unwrap();
    let sparse = stage(&full, removing(0..20_000)).await.unwrap();
    assert_eq!(sparse.fragments_to_compact(), 1);

    let compacted = stage(&sparse, TableChange::compaction()).await.unwrap();

    assert_eq!(compacted.row_count(), 120_000);
    assert_eq!(compacted.fragments_to_compact(), 0);
    assert!(compacted.stats().bytes < sparse.stats().bytes);
    assert_eq!(ids(&compacted).await, names(20_000..140_000).collect());
}

fn set(tables: &[&Table]) -> BTreeSet<TableVersion> {
    tables.iter().map(|table| table.version()).collect()
}

fn an_hour_ago() -> DateTime<Utc> {
    Utc::now() - TimeDelta::hours(1)
}

fn in_an_hour() -> DateTime<Utc> {
    Utc::now() + TimeDelta::hours(1)
}

async fn find(root: &Root, versions: &Versions, before: DateTime<Utc>) -> Garbage {
    let objects = root.list("t").await.unwrap();
    reclaim::garbage(root, "t", objects, versions, before).await.unwrap()
}

async fn kept_versions_survive_the_removal_of_all_others(root: &Root) {
    let mut tables = grown(root, "t", 10).await;
    // Deletion files, and rows that only an old version has.
    let scan = Scan { with_address: true, ..Scan::default() };
    let rows: Vec<RecordBatch> = tables[10].scan(scan).unwrap().try_collect().await.unwrap();
    let first = rows[0].column(0).as_primitive::<UInt64Type>().value(0);
    let marked = stage(&tables[10], removing([first])).await.unwrap();
    assert!(root.list("t/_deletions").await.unwrap().len() == 1);
    tables.push(marked);
    let (old, last) = (tables[4].clone(), tables.last().unwrap().clone());
    let (old_ids, last_ids) = (ids(&old).await, ids(&last).await);
    let versions = Versions {
        current: set(&[&last]),
        keep: set(&[&old, &last]),
        published: set(&tables.iter().collect::<Vec<_>>()),
    };

    let garbage = find(root, &versions, an_hour_ago()).await;

    assert_eq!(garbage.versions(), tables.len() as u64 - 2);
    let (before, bytes) = (root.list("t").await.unwrap(), garbage.bytes());
    garbage.remove(root).await.unwrap();
    let after = root.list("t").await.unwrap();
    let size = |objects: &[crate::objects::root::ObjectInfo]| objects.iter().map(|o| o.size).sum::<u64>();
    assert_eq!(size(&before) - size(&after), bytes);
    let left = find(root, &versions, in_an_hour()).await;
    assert_eq!(left.versions(), 0);

    for table in &tables {
        Table::forget(root, "t", table.version());
    }
    for (table, expected) in [(&old, old_ids), (&last, last_ids)] {
        let opened = Table::open(root, "t", table.version()).await.unwrap();
        assert_eq!(ids(&opened).await, expected);
        // The table's first version is gone; writing on the others does not need it.
        let next = stage(&opened, adding(["more".to_owned()])).await.unwrap();
        assert_eq!(next.row_count(), opened.row_count() + 1);
        stage(&next, TableChange::compaction()).await.unwrap();
    }
    for gone in [&tables[0], &tables[5]] {
        let error = Table::open(root, "t", gone.version()).await.unwrap_err();
        assert!(
            matches!(&error, StorageError::Storage(failure) if failure.kind == StorageFailureKind::NotFound),
            "{error}"
        );
    }
}

async fn young_files_that_nothing_names_stay(root: &Root) {
    let tables = grown(root, "t", 2).await;
    let staged = stage(&tables[1], adding(["staged".to_owned()])).await.unwrap();
    let versions = Versions {
        current: set(&[&tables[2]]),
        keep: set(&[&tables[2]]),
        published: set(&tables.iter().collect::<Vec<_>>()),
    };

    find(root, &versions, an_hour_ago()).await.remove(root).await.unwrap();
    Table::forget(root, "t", staged.version());
    let staged = Table::open(root, "t", staged.version()).await.unwrap();
    assert_eq!(ids(&staged).await, BTreeSet::from(["r00000".to_owned(), "staged".to_owned()]));

    find(root, &versions, in_an_hour()).await.remove(root).await.unwrap();
    assert!(Table::open(root, "t", staged.version()).await.is_err());
    assert_eq!(ids(&tables[2]).await.len(), 2);
}

async fn a_table_that_nothing_names_goes_whole(root: &Root) {
    grown(root, "t", 3).await;
    root.put("t/unknown/thing", "x".into()).await.unwrap();
    let nothing = Versions::default();

    let young = find(root, &nothing, an_hour_ago()).await;
    assert_eq!((young.versions(), young.bytes()), (0, 0));
    find(root, &nothing, in_an_hour()).await.remove(root).await.unwrap();

    assert_eq!(root.list("t").await.unwrap(), []);
}

async fn a_missing_current_version_stops_the_search(root: &Root) {
    let tables = grown(root, "t", 1).await;
    let missing = BTreeSet::from([TableVersion(u64::MAX)]);
    let versions = Versions { current: missing.clone(), keep: missing, published: set(&[&tables[0]]) };
    let objects = root.list("t").await.unwrap();
    let found = reclaim::garbage(root, "t", objects, &versions, in_an_hour()).await;
    assert!(matches!(found, Err(StorageError::Storage(_))));
}

async fn a_missing_data_file_is_told_as_absent(root: &Root) {
    let table = grown(root, "t", 1).await.pop().unwrap();
    for object in root.list("t/data").await.unwrap() {
        root.delete(&object.path).await.unwrap();
    }
    let scanned = table.scan(Scan::columns(["id"])).unwrap().try_collect::<Vec<_>>().await;
    let taken = table.take(&[0], &["id".to_owned()]).await;
    for error in [StorageError::from(scanned.unwrap_err()), taken.unwrap_err()] {
        let StorageError::Storage(failure) = &error else { panic!("{error:?}") };
        assert_eq!(failure.kind, StorageFailureKind::NotFound, "{error}");
    }
}
