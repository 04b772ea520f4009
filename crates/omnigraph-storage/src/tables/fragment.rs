//! Columns of one immutable fragment as the source of indexes and cached blocks: names that never mean anything else, and
//! reading all rows, deleted ones included, so that positions are row offsets.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::{StreamExt, TryStreamExt};
use lance::dataset::fragment::{FileFragment, FragReadConfig};

use crate::error::Result;
use crate::objects::failure;
use crate::tables::reshape;
use crate::tables::table::Table;

const READ_ROWS: u32 = 64 << 10;

/// Names something derived from a fragment: root, table path, data files, columns.
pub(crate) type DerivedKey = Arc<str>;

/// Names columns of a table version by their ids and types, as a column may get another name, and another column its name.
/// The same for all fragments of the version.
pub(crate) fn columns_key(table: &Table, columns: &[String]) -> Result<String> {
    let mut key = String::new();
    let ids = reshape::field_ids(table, columns)?;
    let types = table.project(columns)?;
    for (id, field) in ids.into_iter().zip(types.fields()) {
        // A file without the column has nulls for it, of the type that this version gives the id.
        write!(key, "\0{id}:{}", field.data_type()).expect("writing to a string cannot fail");
    }
    Ok(key)
}

/// Names what is derived from columns of a fragment by what can never change: its data files and the columns, as
/// [`columns_key`] names them.
pub(crate) fn derived_key(table: &Table, fragment: &FileFragment, columns: &str) -> DerivedKey {
    let mut key = String::with_capacity(160);
    let files = fragment.metadata().files.iter().map(|file| file.path.as_str());
    for part in [table.root().identity().as_ref(), table.path()].into_iter().chain(files) {
        key.push_str(part);
        key.push('\0');
    }
    key.push_str(columns);
    key.into()
}

/// Reads columns of the rows in a range of offsets, deleted rows included, so that row n has offset `range.start + n`.
pub(crate) async fn read(
    table: &Table,
    fragment: &FileFragment,
    columns: &[String],
    range: Option<Range<u32>>,
) -> Result<Vec<RecordBatch>> {
    let read = async {
        let projection = table.dataset().schema().project(columns)?;
        let config = FragReadConfig::default().with_ignore_deletions(true);
        let reader = fragment.open(&projection, config).await?;
        let batches = match range {
            Some(range) => reader.read_range(range, READ_ROWS).await?,
            None => reader.read_all(READ_ROWS).await?,
        };
        batches.buffered(2).try_collect::<Vec<RecordBatch>>().await
    };
    read.await.map_err(|error| failure::table(table.path(), error))
}
