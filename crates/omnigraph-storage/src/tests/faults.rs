//! A stage that is stopped at any of its fault points leaves the base as it was, and a second try succeeds.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use roaring::RoaringTreemap;

use super::roots;
use crate::objects::fault;
use crate::{Table, TableChange, stage};

#[tokio::test]
async fn a_stage_stopped_at_any_point_changes_nothing() {
    let test = roots::local_full().await;
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
    let change = |remove: &[u64], values: Vec<i64>| {
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(Int64Array::from(values))]).unwrap();
        let rows = RecordBatchStreamAdapter::new(schema.clone(), futures::stream::iter([Ok(batch)]));
        let remove = remove.iter().copied().collect::<RoaringTreemap>();
        TableChange { remove, append: Some(Box::pin(rows)), ..TableChange::default() }
    };
    let empty = Table::create(&test.root, "nodes/t1-1", schema.clone()).await.unwrap();
    let base = stage(&empty, change(&[], vec![1, 2, 3, 4])).await.unwrap();
    for point in fault::ALL.into_iter().filter(|point| *point != fault::RESHAPE_VERSION_WRITTEN) {
        fault::scope::limit(point, test.root.uri());
        fail::cfg(point, "return").unwrap();
        let error = stage(&base, change(&[1], vec![5])).await.unwrap_err();
        assert_eq!(error.to_string(), format!("injected failpoint triggered: {point}"));
        fail::remove(point);
        fault::scope::lift(point);
        test.root.caches().tables.invalidate_all();
        let reopened = Table::open(&test.root, base.path(), base.version()).await.unwrap();
        assert_eq!(reopened.stats(), base.stats());
        let next = stage(&reopened, change(&[1], vec![5])).await.unwrap();
        assert_eq!(next.row_count(), 4);
    }
}
