//! Writes the pending state of a type out as its delta: complete images of everything changed, one per entity.
//!
//! Reads the committed images of updated entities in bounded steps and applies the assignments column by column.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, Scalar, UInt64Array};
use arrow_select::zip::zip;
use roaring::RoaringTreemap;

use super::overlay::{Overlay, Update};
use crate::error::Result;
use crate::write::delta::{OnDuplicate, OnExisting, TypeDelta};
use crate::write::spool::{MemoryBudget, SpoolWriter, spool_schema};
use crate::write::validate::strings;

/// Bytes of committed images read per step, by the table's average row size, and the most rows.
const STEP_BYTES: u64 = 8 << 20;
const STEP_ROWS: u64 = 8192;

/// Turns a settled overlay into a delta; nothing when the type does not change.
pub(super) async fn write(overlay: Overlay, budget: &Arc<MemoryBudget>) -> Result<Option<TypeDelta>> {
    let updated = overlay.updated();
    if updated.is_empty() && overlay.hidden.is_empty() && overlay.inserted.is_empty() {
        return Ok(None);
    }
    let mut writer = SpoolWriter::new(spool_schema(&overlay.table.schema()), budget.clone());
    write_updated(&overlay, &updated, &mut writer).await?;
    let mut replaced = updated.clone();
    for image in overlay.inserted.into_values() {
        if let Some(address) = overlay.holders.get(strings(image.column(0))?.value(0)) {
            replaced.insert(*address);
        }
        writer.push(image)?;
    }
    Ok(Some(TypeDelta {
        rows: Some(writer.finish()?),
        remove: updated | overlay.hidden,
        replace_all: false,
        on_existing: OnExisting::Resolved { replaced },
        on_duplicate: OnDuplicate::Reject,
    }))
}

async fn write_updated(overlay: &Overlay, updated: &RoaringTreemap, writer: &mut SpoolWriter) -> Result<()> {
    let table = &overlay.table;
    let columns: Vec<String> = table.schema().fields().iter().map(|field| field.name().clone()).collect();
    let stats = table.stats();
    let row_bytes = (stats.bytes / stats.rows.max(1)).max(1);
    let step = usize::try_from((STEP_BYTES / row_bytes).clamp(1, STEP_ROWS)).expect("at most STEP_ROWS");
    let mut addresses = updated.iter();
    loop {
        let some: Vec<u64> = addresses.by_ref().take(step).collect();
        if some.is_empty() {
            return Ok(());
        }
        let committed = table.take(&some, &columns).await?;
        writer.push(pending(committed, &some, &overlay.updates)?)?;
    }
}

/// Applies the updates to committed images and appends the line column.
fn pending(committed: RecordBatch, addresses: &[u64], updates: &[Update]) -> Result<RecordBatch> {
    let mut columns = committed.columns().to_vec();
    let mut lines = vec![0_u64; addresses.len()];
    for update in updates {
        let touched: Vec<bool> =
            addresses.iter().map(|address| update.addresses.contains(*address)).collect();
        for (line, _) in lines.iter_mut().zip(&touched).filter(|(_, touched)| **touched) {
            *line = update.line;
        }
        let mask = BooleanArray::from(touched);
        for cell in update.cells.iter() {
            let constant = Scalar::new(cell.value.clone());
            columns[cell.column] = zip(&mask, &constant, &columns[cell.column])?;
        }
    }
    columns.push(Arc::new(UInt64Array::from(lines)) as ArrayRef);
    Ok(RecordBatch::try_new(spool_schema(&committed.schema()), columns)?)
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int32Array, StringArray};
    use arrow_schema::{DataType, Field, Schema};

    use super::super::overlay::Cell;
    use super::*;

    fn update(line: u64, addresses: &[u64], value: Option<i32>) -> Update {
        let cell = Cell { column: 1, value: Arc::new(Int32Array::from(vec![value])) };
        Update { line, addresses: addresses.iter().copied().collect(), cells: Arc::new([cell]) }
    }

    #[test]
    fn later_updates_win_and_untouched_values_stay() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Utf8, false),
            Field::new("age", DataType::Int32, true),
        ]));
        let ids: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
        let ages: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
        let committed = RecordBatch::try_new(schema, vec![ids.clone(), ages]).unwrap();
        let updates = [update(1, &[10, 11], Some(7)), update(2, &[11], None)];
        let image = pending(committed, &[10, 11, 12], &updates).unwrap();
        let ages: ArrayRef = Arc::new(Int32Array::from(vec![Some(7), None, Some(3)]));
        let lines: ArrayRef = Arc::new(UInt64Array::from(vec![1, 2, 0]));
        assert_eq!(image.columns(), [ids, ages, lines]);
    }
}
