//! A stage that is stopped at any of its fault points leaves the base as it was, and a second try succeeds.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use roaring::RoaringTreemap;

use super::places;
use crate::storage::{Table, TableChange, fault, stage};

/// Arms a point to panic on this thread only: the registry is shared by all tests of the process.
fn arm(point: &'static str) {
    let thread = std::thread::current().id();
    let stop = move || {
        if std::thread::current().id() == thread {
            panic!("stopped at {point}");
        }
    };
    fail::cfg_callback(point, stop).unwrap();
}

// On one thread, so that the stage runs where the point is armed.
#[tokio::test]
async fn a_stage_stopped_at_any_point_changes_nothing() {
    let place = places::local_full().await;
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
    let change = |remove: &[u64], values: Vec<i64>| {
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(Int64Array::from(values))]).unwrap();
        let rows = RecordBatchStreamAdapter::new(schema.clone(), futures::stream::iter([Ok(batch)]));
        let remove = remove.iter().copied().collect::<RoaringTreemap>();
        TableChange { remove, append: Some(Box::pin(rows)), ..TableChange::default() }
    };
    let empty = Table::create(&place.root, "nodes/t1-1", schema.clone()).await.unwrap();
    let base = stage(&empty, change(&[], vec![1, 2, 3, 4])).await.unwrap();
    for point in fault::ALL {
        arm(point);
        let (doomed, lost) = (base.clone(), change(&[1], vec![5]));
        let stopped = tokio::spawn(async move { stage(&doomed, lost).await.map(drop) }).await;
        assert!(stopped.is_err_and(|stopped| stopped.is_panic()), "{point} was not passed");
        fail::remove(point);
        place.root.caches().tables.invalidate_all();
        let reopened = Table::open(&place.root, base.path(), base.version()).await.unwrap();
        assert_eq!(reopened.stats(), base.stats());
        let next = stage(&reopened, change(&[1], vec![5])).await.unwrap();
        assert_eq!(next.row_count(), 4);
    }
}
