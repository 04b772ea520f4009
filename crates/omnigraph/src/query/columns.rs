//! Late fetch: property values of rows named by address.
//!
//! Few rows are taken from storage, each distinct row once. When what was taken so far from one table version comes near
//! the cost of reading a column whole, the column is read once and kept, and later fetches are memory lookups. A column
//! that exceeds its share of the memory budget is never kept.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::compute;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, UInt32Array};
use futures::TryStreamExt;

use super::cache::{Caches, TableKey};
use super::topology::AddressMap;
use crate::error::{OmniError, Result};
use crate::storage::{Scan, Table, build_once};

/// Rows per batch of internal scans.
pub(crate) const SCAN_ROWS: usize = 8192;
/// One row taken costs about as much as this many rows scanned.
const TAKE_COST: u64 = 8;
/// So does each request, however few its rows.
const TAKE_OVERHEAD: u64 = 512;

/// All values of one column of one table version.
pub(crate) struct Column {
    rows: Arc<AddressMap>,
    values: ArrayRef,
}

impl Column {
    /// Returns the memory it holds, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.values.get_array_memory_size()
    }

    fn take(&self, addresses: &[u64]) -> Result<ArrayRef> {
        let ordinals = addresses.iter().map(|&a| self.rows.ordinal(a)).collect::<Option<Vec<u32>>>();
        let ordinals =
            ordinals.ok_or_else(|| OmniError::internal("row address is not in the table version"))?;
        Ok(compute::take(&self.values, &UInt32Array::from(ordinals), None)?)
    }
}

/// Returns one array per column with the values of the rows, in the order given; addresses may repeat.
pub(crate) async fn fetch(
    caches: &Caches,
    table: &Table,
    columns: &[String],
    addresses: &[u64],
) -> Result<Vec<ArrayRef>> {
    let key = TableKey::of(table);
    let mut kept = cached(caches, &key, columns).await;
    if kept.iter().any(Option::is_none) {
        let work = addresses.len() as u64 * TAKE_COST + TAKE_OVERHEAD;
        for (slot, column) in kept.iter_mut().zip(columns) {
            let spent = caches.spend(format!("{key:?}.{column}"), work);
            if slot.is_none() && spent >= table.row_count() {
                *slot = load(caches, table, &key, column).await?;
            }
        }
    }
    let missing: Vec<String> =
        columns.iter().zip(&kept).filter(|(_, k)| k.is_none()).map(|(c, _)| c.clone()).collect();
    let mut taken = if missing.is_empty() {
        Vec::new().into_iter()
    } else {
        take_distinct(table, &missing, addresses).await?.into_iter()
    };
    kept.iter()
        .map(|kept| match kept {
            Some(column) => column.take(addresses),
            None => taken.next().ok_or_else(|| OmniError::internal("storage returned too few columns")),
        })
        .collect()
}

/// Returns the values of a text column for some rows, which may repeat; none where it is null.
pub(crate) async fn texts(
    caches: &Caches,
    table: &Table,
    column: &str,
    mut rows: Vec<u64>,
) -> Result<HashMap<u64, String>> {
    rows.sort_unstable();
    rows.dedup();
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let fetched = fetch(caches, table, &[column.to_owned()], &rows).await?;
    let texts = fetched[0].as_string_opt::<i32>();
    let texts = texts.ok_or_else(|| OmniError::internal(format!("column '{column}' holds no texts")))?;
    Ok(rows.iter().zip(texts).filter_map(|(row, text)| Some((*row, text?.to_owned()))).collect())
}

async fn cached(caches: &Caches, key: &TableKey, columns: &[String]) -> Vec<Option<Arc<Column>>> {
    let mut kept = Vec::with_capacity(columns.len());
    for column in columns {
        kept.push(caches.columns.get(&(key.clone(), column.clone())).await.flatten());
    }
    kept
}

async fn take_distinct(table: &Table, columns: &[String], addresses: &[u64]) -> Result<Vec<ArrayRef>> {
    let ascending = addresses.windows(2).all(|w| w[0] < w[1]);
    if ascending {
        return Ok(table.take(addresses, columns).await?.columns().to_vec());
    }
    let mut distinct = addresses.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let batch = table.take(&distinct, columns).await?;
    let places: UInt32Array = addresses
        .iter()
        .map(|a| {
            distinct.binary_search(a).map(|i| i as u32).expect("every address is among the distinct ones")
        })
        .collect::<Vec<u32>>()
        .into();
    batch.columns().iter().map(|c| Ok(compute::take(c, &places, None)?)).collect()
}

async fn load(caches: &Caches, table: &Table, key: &TableKey, column: &str) -> Result<Option<Arc<Column>>> {
    let entry = (key.clone(), column.to_owned());
    let (table, column, limit) = (table.clone(), column.to_owned(), caches.column_bytes);
    let build = async move { Ok(read_whole(&table, &column, limit).await?.map(Arc::new)) };
    build_once(&caches.columns, entry, build).await
}

async fn read_whole(table: &Table, column: &str, limit: usize) -> Result<Option<Column>> {
    let scan =
        Scan { columns: vec![column.to_owned()], fragments: None, with_address: true, batch_rows: SCAN_ROWS };
    let mut stream = table.scan(scan)?;
    let (mut rows, mut parts, mut bytes) = (AddressMap::default(), Vec::new(), 0usize);
    while let Some(batch) = stream.try_next().await? {
        bytes += batch.column(0).get_buffer_memory_size();
        if bytes > limit || !rows.extend(batch.column(1).as_primitive::<UInt64Type>().values()) {
            return Ok(None);
        }
        parts.push(batch.column(0).clone());
    }
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    let values = if parts.is_empty() {
        let schema = table.schema();
        let field = schema.field_with_name(column)?;
        arrow_array::new_empty_array(field.data_type())
    } else {
        compute::concat(&parts)?
    };
    Ok(Some(Column { rows: Arc::new(rows), values }))
}
