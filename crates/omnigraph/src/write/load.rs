//! Loads: JSONL in, one commit out.
//!
//! The input is read once, checked line by line, and gathered in one spool per type; memory is bounded by the budget.
//! Planning again after a lost race reuses the spools.
//!
//! The strict grammar wants the canonical spelling of an id on a keyed node; the permissive one takes older spellings
//! of the same key value and rewrites the endpoints that use them.

mod envelope;
mod lines;
mod remap;

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use omnigraph_compiler::catalog::{Catalog, EntityKind, TypeKey};
use omnigraph_graph::commit::{Planned, Planner, Snapshot};
use omnigraph_graph::model::physical_schema;
use omnigraph_query::embedding::Embed;
use parking_lot::Mutex;
use roaring::RoaringTreemap;
use serde::Serialize;

use self::envelope::Envelope;
use self::lines::{Record, Records};
use self::remap::Spellings;
use super::blobs::{Incoming, admit};
use super::delta::{Delta, OnDuplicate, OnExisting, TypeDelta};
use super::embed;
use super::prepare::prepare;
use super::rows::{InputPolicy, RowBuilder};
use super::spool::{MemoryBudget, Spool, SpoolWriter, spool_schema};
use crate::blob::source::Sources;
use crate::error::{ManifestDetails, OmniError, Result};

/// What happens to entities that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadMode {
    /// Strict insert: an existing id is a key conflict.
    Append,
    /// Upsert: an existing entity is replaced by the full image.
    Merge,
    /// Replaces the whole content of each type that occurs in the input.
    Overwrite,
}

/// How the text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// One object per line; everything unknown is refused.
    Strict,
    /// A sequence of JSON values; unknown members are ignored.
    Permissive,
}

/// Where a load is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadPhase {
    /// Reading and converting the input.
    Reading,
    /// Computing vectors that the input leaves out ([`crate::db::OpenOptions::embed_on_write`]).
    Embedding,
    /// Checking constraints.
    Checking,
    /// Writing and publishing.
    Writing,
}

/// Where the rows of a load come from.
pub enum LoadSource {
    /// Text in memory.
    Text(String),
    /// A stream, read once; `bytes` is its length if known, for progress.
    Reader {
        /// The stream.
        reader: Box<dyn Read + Send>,
        /// Its length.
        bytes: Option<u64>,
    },
}

/// How far a load is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadProgress {
    /// Where it is.
    pub phase: LoadPhase,
    /// Input bytes read.
    pub bytes: u64,
    /// Input bytes in all, if known.
    pub total_bytes: Option<u64>,
    /// Records read; while embedding, vectors computed.
    pub rows: u64,
}

/// Lines loaded, by type name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LoadCounts {
    /// Per node type.
    pub nodes: BTreeMap<String, u64>,
    /// Per edge type.
    pub edges: BTreeMap<String, u64>,
}

impl LoadCounts {
    /// Returns the number of lines of all types.
    pub fn total(&self) -> u64 {
        self.nodes.values().chain(self.edges.values()).sum()
    }
}

/// Receives progress.
pub(crate) type Progress = Arc<dyn Fn(LoadProgress) + Send + Sync>;

/// Rows of one type before they go to its spool.
const BATCH_ROWS: usize = 16 * 1024;
/// Bytes of rows of one type before they go to its spool.
const BATCH_BYTES: usize = 4 << 20;
/// Records between two reports of progress.
const PROGRESS_RECORDS: u64 = 16 * 1024;
/// The part of the handle's memory budget that gathered rows may take.
const SPOOL_SHARE: u64 = 4;
/// The part of it that older spellings of ids may take at a time.
const SPELLING_SHARE: u64 = 4;

/// Plans a load.
pub(crate) struct LoadPlanner {
    mode: LoadMode,
    grammar: Grammar,
    progress: Option<Progress>,
    memory_budget: u64,
    sources: Arc<Sources>,
    embedder: Option<Arc<dyn Embed>>,
    input: Mutex<Input>,
}

enum Input {
    /// Not read yet.
    Unread(LoadSource),
    /// Being read; stays so when the future that reads is dropped.
    Taken,
    /// Read under this schema.
    Read { schema: String, gathered: Arc<Gathered> },
}

/// The whole input, checked line by line.
struct Gathered {
    types: BTreeMap<TypeKey, Rows>,
    /// Older spellings of ids, for the node types that have any.
    spellings: BTreeMap<TypeKey, Spool>,
    bytes: u64,
    records: u64,
}

/// The rows of one type.
struct Rows {
    spool: Spool,
    /// Whether the load made all their ids, so that no stored entity can share one.
    all_fresh: bool,
}

impl LoadPlanner {
    /// Makes a planner; nothing is read until it plans.
    pub(crate) fn new(
        source: LoadSource,
        mode: LoadMode,
        grammar: Grammar,
        progress: Option<Progress>,
        memory_budget: u64,
        sources: Arc<Sources>,
        embedder: Option<Arc<dyn Embed>>,
    ) -> LoadPlanner {
        let input = Mutex::new(Input::Unread(source));
        LoadPlanner { mode, grammar, progress, memory_budget, sources, embedder, input }
    }

    async fn gathered(&self, snapshot: &Snapshot) -> Result<Arc<Gathered>> {
        let schema = &snapshot.record().schema;
        let source = {
            let mut input = self.input.lock();
            match &*input {
                Input::Read { schema: known, gathered } if known == schema => return Ok(gathered.clone()),
                Input::Read { schema: known, .. } => {
                    let (expected, actual) = (known.clone(), schema.clone());
                    let details =
                        ManifestDetails::ReadSetChanged { member: "schema".to_owned(), expected, actual };
                    return Err(OmniError::conflict(
                        "the schema changed while the load was waiting; load again",
                        details,
                    ));
                }
                Input::Unread(_) | Input::Taken => {}
            }
            match std::mem::replace(&mut *input, Input::Taken) {
                Input::Unread(source) => source,
                Input::Taken | Input::Read { .. } => {
                    return Err(OmniError::internal("a load reads its input once"));
                }
            }
        };
        let (grammar, progress) = (self.grammar, self.progress.clone());
        let budget = MemoryBudget::new(self.memory_budget / SPOOL_SHARE);
        let reading = tokio::task::spawn_blocking({
            let (catalog, budget) = (snapshot.catalog().clone(), budget.clone());
            let embeds = self.embedder.is_some();
            move || gather(source, grammar, &catalog, embeds, &budget, progress)
        });
        let mut gathered =
            reading.await.map_err(|e| OmniError::internal(format!("reading the input: {e}")))??;
        let memory = self.memory_budget / SPELLING_SHARE;
        remap::apply(snapshot.catalog(), &mut gathered.types, &gathered.spellings, &budget, memory).await?;
        let replaces_all = self.mode == LoadMode::Overwrite;
        let incoming =
            gathered.types.values_mut().map(|rows| Incoming { rows: &mut rows.spool, replaces_all });
        admit(&self.sources, policy(grammar).unit(), incoming.collect(), &budget).await?;
        self.embed(snapshot, &mut gathered, &budget).await?;
        let gathered = Arc::new(gathered);
        *self.input.lock() = Input::Read { schema: schema.clone(), gathered: gathered.clone() };
        Ok(gathered)
    }

    /// Fills the vectors that the input leaves out, where the handle embeds.
    async fn embed(
        &self,
        snapshot: &Snapshot,
        gathered: &mut Gathered,
        budget: &Arc<MemoryBudget>,
    ) -> Result<()> {
        let Some(embedder) = &self.embedder else { return Ok(()) };
        let (bytes, done) = (gathered.bytes, AtomicU64::new(0));
        let embedded = |vectors: u64| {
            let rows = done.fetch_add(vectors, Ordering::Relaxed) + vectors;
            if let Some(progress) = &self.progress {
                progress(LoadProgress { phase: LoadPhase::Embedding, bytes, total_bytes: Some(bytes), rows });
            }
        };
        let rows = gathered.types.iter_mut().map(|(key, rows)| (key, &mut rows.spool)).collect();
        let unit = policy(self.grammar).unit();
        embed::fill(embedder.as_ref(), snapshot.catalog(), unit, rows, budget, &embedded).await
    }

    fn report(&self, phase: LoadPhase, gathered: &Gathered) {
        if let Some(progress) = &self.progress {
            let bytes = gathered.bytes;
            progress(LoadProgress { phase, bytes, total_bytes: Some(bytes), rows: gathered.records });
        }
    }

    fn delta(&self, types: &BTreeMap<TypeKey, Rows>) -> Delta {
        let on_duplicate = match self.mode {
            LoadMode::Append | LoadMode::Overwrite => OnDuplicate::Reject,
            LoadMode::Merge => OnDuplicate::LastWins,
        };
        let of_type = |(key, rows): (&TypeKey, &Rows)| {
            let on_existing = match self.mode {
                _ if rows.all_fresh => OnExisting::Resolved { replaced: RoaringTreemap::new() },
                LoadMode::Append | LoadMode::Overwrite => OnExisting::Reject,
                LoadMode::Merge => OnExisting::Replace,
            };
            let change = TypeDelta {
                rows: Some(rows.spool.clone()),
                remove: RoaringTreemap::new(),
                replace_all: self.mode == LoadMode::Overwrite,
                on_existing,
                on_duplicate,
            };
            (key.clone(), change)
        };
        Delta { types: types.iter().map(of_type).collect(), unit: Some(policy(self.grammar).unit()) }
    }
}

#[async_trait]
impl Planner for LoadPlanner {
    type Output = LoadCounts;
    type Error = OmniError;

    async fn plan(&self, snapshot: &Snapshot) -> Result<Planned<LoadCounts>> {
        let gathered = self.gathered(snapshot).await?;
        self.report(LoadPhase::Checking, &gathered);
        let prepared = prepare(snapshot, self.delta(&gathered.types)).await?;
        self.report(LoadPhase::Writing, &gathered);
        let mut counts = LoadCounts::default();
        for (key, rows) in &gathered.types {
            let of_kind = match key.kind {
                EntityKind::Node => &mut counts.nodes,
                EntityKind::Edge => &mut counts.edges,
            };
            of_kind.insert(key.name.clone(), rows.spool.rows());
        }
        Ok(Planned { publish_unchanged: true, ..Planned::changes(counts, prepared.changes, prepared.reads) })
    }
}

fn policy(grammar: Grammar) -> InputPolicy {
    match grammar {
        Grammar::Strict => InputPolicy::Strict,
        Grammar::Permissive => InputPolicy::Permissive,
    }
}

/// The builder and the spool of one type.
struct Gathering {
    rows: RowBuilder,
    spool: SpoolWriter,
    spellings: Option<Spellings>,
}

impl Gathering {
    fn new(catalog: &Catalog, key: &TypeKey, embeds: bool, budget: &Arc<MemoryBudget>) -> Result<Gathering> {
        let rows = RowBuilder::new(catalog, key, embeds)?;
        let table = physical_schema(catalog, key)
            .ok_or_else(|| OmniError::internal(format!("{key} has rows but no columns")))?;
        let spool = SpoolWriter::new(spool_schema(&table), budget.clone());
        Ok(Gathering { rows, spool, spellings: None })
    }

    fn flush(&mut self) -> Result<()> {
        if self.rows.len() > 0 {
            self.spool.push(self.rows.finish()?)?;
        }
        Ok(())
    }
}

fn gather(
    source: LoadSource,
    grammar: Grammar,
    catalog: &Catalog,
    embeds: bool,
    budget: &Arc<MemoryBudget>,
    progress: Option<Progress>,
) -> Result<Gathered> {
    let (reader, total_bytes): (Box<dyn Read + Send>, Option<u64>) = match source {
        LoadSource::Text(text) => {
            let bytes = text.len() as u64;
            (Box::new(std::io::Cursor::new(text.into_bytes())), Some(bytes))
        }
        LoadSource::Reader { reader, bytes } => (reader, bytes),
    };
    let policy = policy(grammar);
    let mut records = Records::new(reader, grammar);
    let mut types: BTreeMap<TypeKey, Gathering> = BTreeMap::new();
    let mut count = 0_u64;
    while let Some(Record { line, text }) = records.next()? {
        let envelope = Envelope::parse(text, line, policy)?;
        let key = envelope.type_key(catalog, line, policy)?;
        let gathering = match types.get_mut(&key) {
            Some(known) => known,
            None => types.entry(key.clone()).or_insert(Gathering::new(catalog, &key, embeds, budget)?),
        };
        let canonical = gathering.rows.append_json(line, envelope.data(), envelope.endpoints(), policy)?;
        if let (Some(id), Some(spelling)) = (canonical, envelope.id()) {
            gathering.spellings.get_or_insert_with(|| Spellings::new(budget)).add(spelling, &id, line)?;
        }
        if gathering.rows.len() >= BATCH_ROWS || gathering.rows.bytes() >= BATCH_BYTES {
            gathering.flush()?;
        }
        count += 1;
        if count.is_multiple_of(PROGRESS_RECORDS)
            && let Some(progress) = &progress
        {
            let bytes = records.bytes();
            progress(LoadProgress { phase: LoadPhase::Reading, bytes, total_bytes, rows: count });
        }
    }
    let (mut gathered, mut spellings) = (BTreeMap::new(), BTreeMap::new());
    for (key, mut gathering) in types {
        gathering.flush()?;
        let all_fresh = gathering.rows.all_fresh();
        if let Some(older) = gathering.spellings {
            spellings.insert(key.clone(), older.finish()?);
        }
        gathered.insert(key, Rows { spool: gathering.spool.finish()?, all_fresh });
    }
    Ok(Gathered { types: gathered, spellings, bytes: records.bytes(), records: count })
}
