//! Differences of two snapshots, entity by entity.
//!
//! Tables are paired by the incarnation of their type, rows by id. A pair of tables with the same pinned version is
//! skipped; otherwise the files of the two versions tell which rows may differ, and only those are read and compared.
//! Rows that were merely moved show no difference.
//!
//! Cost: per pair that differs a sort of the ids of candidate rows, with spilling, and a fetch of those rows. Memory:
//! the sort's bound and one step of rows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt64Array, new_null_array};
use arrow_schema::{DataType, Field, Schema};
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use omnigraph_compiler::catalog::{Catalog, EntityKind, Incarnation, PropertyId, TypeId, TypeKey};
use omnigraph_storage::{ROW_ADDRESS, Selection, Table};

use crate::commit::{Snapshot, TablePin};
use crate::error::{GraphError, Result};
use crate::model::{DST, ID, SRC};

/// Pairs compared per step.
const STEP_PAIRS: usize = 2048;

/// A row of a batch. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Row {
    /// The columns of the table, then [`ROW_ADDRESS`].
    pub batch: RecordBatch,
    /// Which row.
    pub index: usize,
}

impl Row {
    /// Returns the address of the row in its table version.
    pub fn address(&self) -> u64 {
        let last = self.batch.num_columns() - 1;
        self.batch.column(last).as_primitive::<UInt64Type>().value(self.index)
    }
}

/// An entity whose images differ; absent is an image too. Never both absent, never equal.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Its id.
    pub id: String,
    /// The image on the first side.
    pub before: Option<Row>,
    /// The image on the second side.
    pub after: Option<Row>,
}

/// The table of a type incarnation in one snapshot.
#[derive(Clone, Debug)]
pub struct Side {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The name of the type there.
    pub key: TypeKey,
    /// What the snapshot pins.
    pub pin: TablePin,
}

impl Side {
    fn new(snapshot: &Snapshot, pin: &TablePin) -> Side {
        Side { snapshot: snapshot.clone(), key: pin.key(), pin: pin.clone() }
    }
}

/// Identity of a type incarnation, in listing order: nodes first, then by stable id.
pub type TypeIncarnation = (EntityKind, TypeId, Incarnation);

/// Returns the identity of a pin's incarnation.
pub fn type_incarnation(pin: &TablePin) -> TypeIncarnation {
    (pin.kind, pin.type_id, pin.incarnation)
}

/// A type incarnation whose pinned versions differ; at least one side is there.
#[derive(Clone, Debug)]
pub struct TypeDifference {
    /// The first side.
    pub before: Option<Side>,
    /// The second side.
    pub after: Option<Side>,
}

/// Returns the type incarnations that may differ, nodes before edges, then by stable type id. No row is read.
pub fn differing(before: &Snapshot, after: &Snapshot) -> Vec<TypeDifference> {
    let mut found: BTreeMap<TypeIncarnation, TypeDifference> = BTreeMap::new();
    for pin in &before.record().tables {
        let side = Some(Side::new(before, pin));
        found.insert(type_incarnation(pin), TypeDifference { before: side, after: None });
    }
    for pin in &after.record().tables {
        let entry = found
            .entry(type_incarnation(pin))
            .or_insert_with(|| TypeDifference { before: None, after: None });
        entry.after = Some(Side::new(after, pin));
    }
    let differs = |difference: &TypeDifference| match (&difference.before, &difference.after) {
        (Some(before), Some(after)) => !before.pin.same_image(&after.pin),
        (Some(_), None) | (None, Some(_)) => true,
        (None, None) => false,
    };
    found.into_values().filter(differs).collect()
}

impl TypeDifference {
    /// Streams the entities whose images differ, ascending by id.
    ///
    /// A property that only the second side has counts as null on the first; one that only the first has does not count.
    ///
    /// # Errors
    /// [`GraphError::HistoricalVersionReclaimed`], storage failures; some come through the stream.
    pub async fn pairs(&self) -> Result<BoxStream<'static, Result<Pair>>> {
        let before = open(self.before.as_ref()).await?;
        let after = open(self.after.as_ref()).await?;
        let (left, right) = match (&before, &after) {
            (Some(before), Some(after)) => {
                let difference = before.difference(after).await?;
                (Some(difference.before), Some(difference.after))
            }
            (before, after) => (all(before.as_ref())?, all(after.as_ref())?),
        };
        let columns = match (&self.before, &self.after) {
            (Some(before), Some(after)) => shared_columns(before, after),
            _ => Vec::new(),
        };
        let state = Walk {
            left: Ids::start(before, left)?,
            right: Ids::start(after, right)?,
            columns,
            ready: VecDeque::new(),
        };
        let pairs = futures::stream::try_unfold(state, |mut walk| async move {
            Ok(walk.next().await?.map(|pair| (pair, walk)))
        });
        Ok(pairs.boxed())
    }
}

async fn open(side: Option<&Side>) -> Result<Option<Table>> {
    match side {
        Some(side) => side.snapshot.table(&side.key).await.map(Some),
        None => Ok(None),
    }
}

fn all(table: Option<&Table>) -> Result<Option<Selection>> {
    Ok(table.map(Table::all_rows).transpose()?)
}

/// Pairs the columns of two sides: the name on the second side with that on the first, if it is there.
fn shared_columns(before: &Side, after: &Side) -> Vec<(String, Option<String>)> {
    let mut columns = Vec::new();
    if after.key.kind == EntityKind::Edge {
        columns.extend([SRC, DST].map(|name| (name.to_owned(), Some(name.to_owned()))));
    }
    let old = properties_by_id(before.snapshot.catalog(), &before.key);
    for (id, name) in properties_by_id(after.snapshot.catalog(), &after.key) {
        columns.push((name, old.get(&id).cloned()));
    }
    columns
}

fn properties_by_id(catalog: &Catalog, key: &TypeKey) -> BTreeMap<PropertyId, String> {
    let properties = catalog.properties(key).unwrap_or_default();
    properties.iter().map(|property| (property.id, property.name.clone())).collect()
}

/// The candidate rows of one side, by id.
struct Ids {
    table: Option<Table>,
    rows: Option<SendableRecordBatchStream>,
    batch: Option<RecordBatch>,
    next: usize,
}

impl Ids {
    fn start(table: Option<Table>, selection: Option<Selection>) -> Result<Ids> {
        let rows = match (&table, selection) {
            (Some(table), Some(selection)) if !selection.is_empty() => {
                Some(table.addresses_by(ID, selection)?)
            }
            _ => None,
        };
        Ok(Ids { table, rows, batch: None, next: 0 })
    }

    /// Moves to a row if there is one; tells whether.
    async fn fill(&mut self) -> Result<bool> {
        while self.batch.as_ref().is_none_or(|batch| self.next >= batch.num_rows()) {
            let Some(rows) = &mut self.rows else { return Ok(false) };
            self.batch = rows.try_next().await?;
            self.next = 0;
            if self.batch.is_none() {
                self.rows = None;
            }
        }
        Ok(true)
    }

    fn id(&self) -> Option<&str> {
        let batch = self.batch.as_ref().filter(|batch| self.next < batch.num_rows())?;
        Some(batch.column(0).as_string::<i32>().value(self.next))
    }

    fn take_address(&mut self) -> Option<u64> {
        let batch = self.batch.as_ref()?;
        let address = batch.column(1).as_primitive::<UInt64Type>().value(self.next);
        self.next += 1;
        Some(address)
    }
}

/// Fetches whole rows, with their addresses.
async fn fetch(table: Option<Table>, addresses: Vec<u64>) -> Result<Option<RecordBatch>> {
    let Some(table) = table.filter(|_| !addresses.is_empty()) else { return Ok(None) };
    let names: Vec<String> = table.schema().fields().iter().map(|field| field.name().clone()).collect();
    let batch = table.take(&addresses, &names).await?;
    let mut fields = batch.schema().fields().to_vec();
    fields.push(Arc::new(Field::new(ROW_ADDRESS, DataType::UInt64, false)));
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(UInt64Array::from(addresses)));
    Ok(Some(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?))
}

/// An id with the addresses it has on either side.
struct Candidate {
    id: String,
    before: Option<u64>,
    after: Option<u64>,
}

/// Two sorted sequences of ids on their way to pairs.
struct Walk {
    left: Ids,
    right: Ids,
    columns: Vec<(String, Option<String>)>,
    ready: VecDeque<Pair>,
}

impl Walk {
    async fn next(&mut self) -> Result<Option<Pair>> {
        loop {
            if let Some(pair) = self.ready.pop_front() {
                return Ok(Some(pair));
            }
            let candidates = self.candidates().await?;
            if candidates.is_empty() {
                return Ok(None);
            }
            self.compare(candidates).await?;
        }
    }

    async fn candidates(&mut self) -> Result<Vec<Candidate>> {
        let mut found = Vec::with_capacity(STEP_PAIRS);
        while found.len() < STEP_PAIRS {
            self.left.fill().await?;
            self.right.fill().await?;
            let (left, right) = match (self.left.id(), self.right.id()) {
                (None, None) => break,
                (Some(left), Some(right)) => (left <= right, right <= left),
                (left, right) => (left.is_some(), right.is_some()),
            };
            let id = if left { self.left.id() } else { self.right.id() };
            let id = id.unwrap_or_default().to_owned();
            let before = if left { self.left.take_address() } else { None };
            let after = if right { self.right.take_address() } else { None };
            found.push(Candidate { id, before, after });
        }
        Ok(found)
    }

    async fn compare(&mut self, candidates: Vec<Candidate>) -> Result<()> {
        let side =
            |pick: fn(&Candidate) -> Option<u64>| candidates.iter().filter_map(pick).collect::<Vec<_>>();
        let befores = side(|candidate| candidate.before);
        let afters = side(|candidate| candidate.after);
        let before = fetch(self.left.table.clone(), befores).await?;
        let after = fetch(self.right.table.clone(), afters).await?;
        // Rows of both sides, position by position.
        let (mut lefts, mut rights) = (Vec::new(), Vec::new());
        let (mut left, mut right) = (0, 0);
        for candidate in &candidates {
            if candidate.before.is_some() && candidate.after.is_some() {
                lefts.push(left);
                rights.push(right);
            }
            left += u64::from(candidate.before.is_some());
            right += u64::from(candidate.after.is_some());
        }
        let equal = match (&before, &after) {
            (Some(before), Some(after)) => self.equal(before, &lefts, after, &rights)?,
            _ => Vec::new(),
        };
        let (mut left, mut right, mut both) = (0, 0, 0);
        for candidate in candidates {
            let row = |batch: &Option<RecordBatch>, index: &mut usize, there: bool| {
                let row =
                    batch.as_ref().filter(|_| there).map(|batch| Row { batch: batch.clone(), index: *index });
                *index += usize::from(there);
                row
            };
            let shared = candidate.before.is_some() && candidate.after.is_some();
            let before = row(&before, &mut left, candidate.before.is_some());
            let after = row(&after, &mut right, candidate.after.is_some());
            let same = shared && equal[both];
            both += usize::from(shared);
            if !same {
                self.ready.push_back(Pair { id: candidate.id, before, after });
            }
        }
        Ok(())
    }

    /// Tells for each position whether the two rows are equal in every shared column.
    fn equal(
        &self,
        before: &RecordBatch,
        lefts: &[u64],
        after: &RecordBatch,
        rights: &[u64],
    ) -> Result<Vec<bool>> {
        let (lefts, rights) = (UInt64Array::from(lefts.to_vec()), UInt64Array::from(rights.to_vec()));
        let mut equal = vec![true; rights.len()];
        for (name, old) in &self.columns {
            let new = arrow_select::take::take(column(after, name)?, &rights, None)?;
            let old = match old {
                Some(old) => arrow_select::take::take(column(before, old)?, &lefts, None)?,
                None => new_null_array(new.data_type(), new.len()),
            };
            for (equal, same) in equal.iter_mut().zip(same_values(&old, &new)?) {
                *equal &= same;
            }
        }
        Ok(equal)
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| GraphError::internal(format!("a row has no column '{name}'")))
}

/// Compares two columns position by position; null equals null, a list only a list of the same length and items.
pub fn same_values(a: &ArrayRef, b: &ArrayRef) -> Result<Vec<bool>> {
    if a.data_type() != b.data_type() {
        return Ok(vec![false; a.len()]);
    }
    if a.data_type().is_nested() {
        let same = |at: usize| a.slice(at, 1).to_data() == b.slice(at, 1).to_data();
        return Ok((0..a.len()).map(same).collect());
    }
    let same: BooleanArray = arrow_ord::cmp::not_distinct(a, b)?;
    Ok(same.values().iter().collect())
}
