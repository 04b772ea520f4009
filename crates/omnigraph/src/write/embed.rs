//! Filling the vectors that a write leaves out, from the texts that they are embeddings of.
//!
//! Where a handle embeds on write, a node whose `@embed` vector is null and whose source has text gets the embedding of
//! that text. A vector that is given stays; one whose source a statement changes counts as left out (see
//! [`super::mutation`]).
//!
//! Cost: each distinct text of a step is sent once; a load does so once, a mutation at each attempt. Memory: the texts and
//! vectors of a step of at most [`STEP_TEXTS`] rows, beside one batch of the spool. Cancellation stops the requests and has no
//! effect on the graph.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, Float32Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, RecordBatch, StringArray};
use futures::TryStreamExt;
use omnigraph_compiler::catalog::{Catalog, EntityKind, TypeKey};
use omnigraph_compiler::types::Kind;
use omnigraph_query::embedding::Embed;

use super::spool::{LINE, MemoryBudget, Spool, SpoolWriter};
use super::validate::strings;
use crate::error::{OmniError, Result, Unit, Violation};

/// Rows whose texts are embedded before their vectors are written.
const STEP_TEXTS: usize = 1024;

/// A vector property that is the embedding of a text.
struct Target {
    property: String,
    vector: usize,
    source: usize,
    dimension: usize,
    required: bool,
    model: Option<String>,
}

/// Fills the vectors that rows of one write leave out. `embedded` hears of each step how many vectors it made.
///
/// # Errors
/// [`OmniError::Embedding`], among others when the schema records another model than the embedder has; a required vector
/// whose source has no text.
pub(super) async fn fill(
    embedder: &dyn Embed,
    catalog: &Catalog,
    unit: Unit,
    rows: BTreeMap<&TypeKey, &mut Spool>,
    budget: &Arc<MemoryBudget>,
    embedded: &(dyn Fn(u64) + Send + Sync),
) -> Result<()> {
    for (key, spool) in rows {
        let targets = targets(catalog, key, spool)?;
        if leaves_out(spool, &targets).await? {
            *spool = filled(embedder, key, unit, spool, &targets, budget, embedded).await?;
        }
    }
    Ok(())
}

fn targets(catalog: &Catalog, key: &TypeKey, spool: &Spool) -> Result<Vec<Target>> {
    if key.kind != EntityKind::Node {
        return Ok(vec![]);
    }
    let schema = spool.schema();
    let properties = catalog.properties(key).unwrap_or_default();
    let mut targets = Vec::new();
    for property in properties {
        let (Some(embed), Kind::Vector(dimension)) = (&property.embed, &property.ty.kind) else { continue };
        targets.push(Target {
            property: property.name.clone(),
            vector: schema.index_of(&property.name)?,
            source: schema.index_of(&embed.source)?,
            dimension: *dimension as usize,
            required: !property.ty.nullable,
            model: embed.model.clone(),
        });
    }
    Ok(targets)
}

/// Tells whether a vector is null.
async fn leaves_out(spool: &Spool, targets: &[Target]) -> Result<bool> {
    let columns: Vec<usize> = targets.iter().map(|target| target.vector).collect();
    if columns.is_empty() {
        return Ok(false);
    }
    let mut batches = spool.stream(Some(&columns));
    while let Some(batch) = batches.try_next().await? {
        if batch.columns().iter().any(|column| column.null_count() > 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn filled(
    embedder: &dyn Embed,
    key: &TypeKey,
    unit: Unit,
    spool: &Spool,
    targets: &[Target],
    budget: &Arc<MemoryBudget>,
    embedded: &(dyn Fn(u64) + Send + Sync),
) -> Result<Spool> {
    let mut writer = SpoolWriter::new(spool.schema(), budget.clone());
    let mut batches = spool.stream(None);
    while let Some(batch) = batches.try_next().await? {
        for start in (0..batch.num_rows()).step_by(STEP_TEXTS) {
            let step = batch.slice(start, STEP_TEXTS.min(batch.num_rows() - start));
            let mut columns = step.columns().to_vec();
            for target in targets {
                let (column, made) = vectors(embedder, &step, target).await?;
                if target.required
                    && let Some(row) = (0..column.len()).find(|row| column.is_null(*row))
                {
                    return Err(left_out(key, unit, &step, target, row)?);
                }
                columns[target.vector] = Arc::new(column);
                embedded(made);
            }
            writer.push(RecordBatch::try_new(step.schema(), columns)?)?;
        }
    }
    writer.finish()
}

/// Returns the vectors of some rows with those that were left out, and how many these are.
async fn vectors(
    embedder: &dyn Embed,
    rows: &RecordBatch,
    target: &Target,
) -> Result<(FixedSizeListArray, u64)> {
    let column = rows.column(target.vector).as_fixed_size_list();
    let texts = strings(rows.column(target.source))?;
    // Each distinct text is embedded once.
    let mut distinct: Vec<&str> = Vec::new();
    let mut place: HashMap<&str, usize> = HashMap::new();
    for row in 0..rows.num_rows() {
        if let Some(text) = wanted(column, texts, row) {
            place.entry(text).or_insert_with(|| {
                distinct.push(text);
                distinct.len() - 1
            });
        }
    }
    if distinct.is_empty() {
        return Ok((column.clone(), 0));
    }
    let made = embedder.embed_documents(&distinct, target.dimension, target.model.as_deref()).await?;
    let (arrow_schema::DataType::FixedSizeList(item, width), stored) =
        (column.data_type(), column.values().as_primitive::<Float32Type>())
    else {
        return Err(OmniError::internal(format!("'{}' holds no vectors", target.property)));
    };
    let mut builder = FixedSizeListBuilder::with_capacity(Float32Builder::new(), *width, rows.num_rows())
        .with_field(item.clone());
    let mut count = 0;
    for row in 0..rows.num_rows() {
        let vector = match wanted(column, texts, row) {
            Some(text) => {
                count += 1;
                made.get(place[text]).map(Vec::as_slice)
            }
            None if column.is_null(row) => None,
            None => {
                let start = column.value_offset(row) as usize;
                Some(&stored.values()[start..start + target.dimension])
            }
        };
        match vector {
            Some(vector) => builder.values().append_slice(vector),
            None => (0..target.dimension).for_each(|_| builder.values().append_value(0.0)),
        }
        builder.append(vector.is_some());
    }
    Ok((builder.finish(), count))
}

/// Returns the text of a row whose vector is left out; none if there is nothing to embed.
fn wanted<'a>(vectors: &FixedSizeListArray, texts: &'a StringArray, row: usize) -> Option<&'a str> {
    let text = (vectors.is_null(row) && texts.is_valid(row)).then(|| texts.value(row))?;
    (!text.trim().is_empty()).then_some(text)
}

fn left_out(key: &TypeKey, unit: Unit, rows: &RecordBatch, target: &Target, row: usize) -> Result<OmniError> {
    let line: &ArrayRef = rows.column(rows.schema().index_of(LINE)?);
    let line = line.as_primitive::<UInt64Type>().value(row);
    let violation = Violation::Required { type_name: key.name.clone(), property: target.property.clone() };
    Ok(OmniError::input(unit, line, Some(key.clone()), Some(target.property.clone()), violation))
}
