//! Keys of one fragment in order, in pages: a few of them are found by reading a few pages, whatever the size.
//!
//! The object is a sequence of pages, a directory, and a trailer. A page is an Arrow IPC stream of one batch: the key
//! columns and the row offset (`UInt32`) of up to [`PAGE_ROWS`] rows, ascending by key, then offset; rows with a null in
//! a key are in none. The directory is an Arrow IPC stream of one batch with a row per page: the key columns of the
//! page's first row, and where the page is (`UInt64`), its bytes (`UInt32`) and their XXH3 hash (`UInt64`). The trailer,
//! integers little-endian: place (8) and bytes (4) of the directory, the XXH3 hash of the directory (8), the number of
//! the format (4), and a mark (4).
//!
//! Order is that of the Arrow row format: ascending, floats totally ordered after both zeros and all NaNs are made one
//! ([`crate::indexes::postings`]).

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::{Bound, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array, UInt64Array};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_row::{OwnedRow, RowConverter, Rows, SortField};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use lance::dataset::fragment::FileFragment;
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Result, StorageError};
use crate::indexes::part::Place;
use crate::indexes::postings::Probes;
use crate::indexes::prefilter::Span;
use crate::objects::root::{Root, blocking};
use crate::single_flight::build_once;
use crate::tables::fragment;
use crate::tables::table::Table;

/// Rows of a page; the last one has fewer.
const PAGE_ROWS: usize = if cfg!(test) { 16 } else { 4096 };
const PAGES_AT_ONCE: usize = 8;
const TRAILER: usize = 28;
const MARK: [u8; 4] = *b"OGKY";
const FORMAT: u32 = 1;
/// Bytes read from the end at first: the trailer, and the directory of most fragments.
const TAIL: u64 = 64 << 10;

/// Rows of a page, in order.
pub(crate) struct Page {
    keys: Rows,
    offsets: Vec<u32>,
}

impl Page {
    /// Returns the memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.size() + self.offsets.capacity() * size_of::<u32>()
    }
}

/// The ordered keys of a fragment: their directory, in memory.
pub(crate) struct Ordered {
    root: Root,
    path: Arc<str>,
    converter: RowConverter,
    firsts: Rows,
    places: Vec<PageAt>,
    /// Bytes of the object.
    size: u64,
    read: AtomicU64,
}

struct PageAt {
    at: u64,
    len: u32,
    sum: u64,
}

/// Writes the keys of the rows of a fragment, one array per column; row n has offset n.
///
/// # Errors
/// `internal` for a type that has no order.
pub(crate) fn encode(keys: &[ArrayRef]) -> Result<Vec<u8>> {
    let keys = crate::indexes::postings::normalized(keys);
    let converter = converter(keys.iter().map(|key| key.data_type()))?;
    let rows = converter.convert_columns(&keys)?;
    let held = (0..rows.num_rows()).filter(|row| keys.iter().all(|key| key.is_valid(*row)));
    let mut order: Vec<u32> = held.map(|row| row as u32).collect();
    order.sort_unstable_by(|a, b| rows.row(*a as usize).cmp(&rows.row(*b as usize)).then(a.cmp(b)));
    let mut out = Vec::new();
    let (mut firsts, mut at, mut len, mut sum) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for page in order.chunks(PAGE_ROWS) {
        let offsets = UInt32Array::from(page.to_vec());
        let mut columns = taken(&keys, &offsets)?;
        columns.push(("offset", Arc::new(offsets)));
        let start = out.len();
        write(&mut out, columns)?;
        firsts.push(page[0]);
        at.push(start as u64);
        len.push((out.len() - start) as u32);
        sum.push(xxh3_64(&out[start..]));
    }
    let mut columns = taken(&keys, &UInt32Array::from(firsts))?;
    columns.push(("at", Arc::new(UInt64Array::from(at))));
    columns.push(("len", Arc::new(UInt32Array::from(len))));
    columns.push(("sum", Arc::new(UInt64Array::from(sum))));
    let start = out.len();
    write(&mut out, columns)?;
    let (bytes, sum) = ((out.len() - start) as u32, xxh3_64(&out[start..]));
    out.extend_from_slice(&(start as u64).to_le_bytes());
    out.extend_from_slice(&bytes.to_le_bytes());
    out.extend_from_slice(&sum.to_le_bytes());
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&MARK);
    Ok(out)
}

fn converter<'a>(types: impl Iterator<Item = &'a DataType>) -> Result<RowConverter> {
    Ok(RowConverter::new(types.map(|ty| SortField::new(ty.clone())).collect())?)
}

fn taken(keys: &[ArrayRef], rows: &UInt32Array) -> Result<Vec<(&'static str, ArrayRef)>> {
    keys.iter().map(|key| Ok(("key", arrow_select::take::take(key, rows, None)?))).collect()
}

fn write(out: &mut Vec<u8>, columns: Vec<(&'static str, ArrayRef)>) -> Result<()> {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), false)).collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let mut writer = StreamWriter::try_new(out, &schema)?;
    writer.write(&RecordBatch::try_new(schema, arrays)?)?;
    Ok(writer.finish()?)
}

fn parse(bytes: &[u8]) -> std::result::Result<RecordBatch, ArrowError> {
    let mut reader = StreamReader::try_new(Cursor::new(bytes), None)?;
    let absent = || ArrowError::IpcError("the stream has no batch".to_owned());
    reader.next().ok_or_else(absent)?
}

impl Ordered {
    /// Opens what [`encode`] wrote at a place, for keys of these types; none when nothing usable is there.
    pub(crate) async fn open(root: &Root, place: &Place, types: &[DataType]) -> Option<Ordered> {
        match Ordered::try_open(root, place, types).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, %place, "ordering keys again: what was kept cannot be used");
                None
            }
        }
    }

    async fn try_open(root: &Root, place: &Place, types: &[DataType]) -> Result<Option<Ordered>> {
        let Some(tail) = root.get_tail(place.path(), TAIL).await? else { return Ok(None) };
        let trailer = tail.bytes.last_chunk::<TRAILER>().ok_or_else(|| damaged("it is too short"))?;
        let [
            a0,
            a1,
            a2,
            a3,
            a4,
            a5,
            a6,
            a7,
            l0,
            l1,
            l2,
            l3,
            s0,
            s1,
            s2,
            s3,
            s4,
            s5,
            s6,
            s7,
            f0,
            f1,
            f2,
            f3,
            mark @ ..,
        ] = *trailer;
        let at = u64::from_le_bytes([a0, a1, a2, a3, a4, a5, a6, a7]);
        let len = u32::from_le_bytes([l0, l1, l2, l3]);
        let sum = u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        let format = u32::from_le_bytes([f0, f1, f2, f3]);
        if mark != MARK || format != FORMAT {
            return Err(damaged("its trailer is another"));
        }
        let end = at.checked_add(u64::from(len)).filter(|end| end + TRAILER as u64 == tail.size);
        let end = end.ok_or_else(|| damaged("its trailer does not fit its size"))?;
        let first = tail.size - tail.bytes.len() as u64;
        let directory = match usize::try_from(at.saturating_sub(first)) {
            Ok(start) if at >= first => tail.bytes.slice(start..start + len as usize),
            _ => root.get_range(place.path(), at..end).await?,
        };
        if xxh3_64(&directory) != sum {
            return Err(damaged("its directory is altered"));
        }
        let batch = parse(&directory)?;
        let keys = types.len();
        let columns = batch.columns();
        if columns.len() != keys + 3 || columns.iter().zip(types).any(|(held, ty)| held.data_type() != ty) {
            return Err(damaged("it holds other keys"));
        }
        let converter = converter(types.iter())?;
        let firsts = converter.convert_columns(&columns[..keys])?;
        let numbers = |column: usize| {
            let found = columns[column].as_primitive_opt::<UInt64Type>();
            found.ok_or_else(|| damaged("its directory has other columns"))
        };
        let (ats, sums) = (numbers(keys)?, numbers(keys + 2)?);
        let lens = columns[keys + 1].as_primitive_opt::<UInt32Type>();
        let lens = lens.ok_or_else(|| damaged("its directory has other columns"))?;
        let places = ats.values().iter().zip(lens.values()).zip(sums.values());
        let places = places.map(|((&at, &len), &sum)| PageAt { at, len, sum }).collect();
        let path = place.path().into();
        let read = AtomicU64::new(0);
        Ok(Some(Ordered { root: root.clone(), path, converter, firsts, places, size: tail.size, read }))
    }

    /// Returns the number of pages.
    pub(crate) fn pages(&self) -> usize {
        self.places.len()
    }

    /// Returns the bytes of the object.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Returns how many pages have been asked for so far.
    pub(crate) fn asked(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Returns the memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.firsts.size() + self.places.capacity() * size_of::<PageAt>()
    }

    /// Returns every pair of a probe and the offset of a row with an equal key.
    ///
    /// # Errors
    /// `Storage`; `internal` when a page is damaged.
    pub(crate) async fn probe(self: &Arc<Self>, probes: &Arc<Probes>) -> Result<Vec<(u32, u32)>> {
        let keys = Arc::new(self.converter.convert_columns(probes.keys())?);
        let mut wanted: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for probe in (0..probes.len()).filter(|probe| probes.has_value(*probe)) {
            let key = keys.row(probe);
            // The page before the first that starts at or after the key may end with it.
            let (first, last) = (self.pages_before(|page| page < key), self.pages_before(|page| page <= key));
            for page in first.saturating_sub(1)..last {
                wanted.entry(page).or_default().push(probe as u32);
            }
        }
        self.read.fetch_add(wanted.len() as u64, Ordering::Relaxed);
        let found = futures::stream::iter(wanted).map(|(number, probes)| {
            let keys = keys.clone();
            async move {
                let page = self.page(number).await?;
                let mut found = Vec::new();
                for probe in probes {
                    let key = keys.row(probe as usize);
                    let from = partition(page.keys.num_rows(), |row| page.keys.row(row) < key);
                    let equal = page.offsets[from..].iter().zip(from..);
                    let equal = equal.take_while(|(_, row)| page.keys.row(*row) == key);
                    found.extend(equal.map(|(offset, _)| (probe, *offset)));
                }
                Ok::<_, StorageError>(found)
            }
        });
        let found: Vec<Vec<(u32, u32)>> = found.buffer_unordered(PAGES_AT_ONCE).try_collect().await?;
        Ok(found.concat())
    }

    /// Returns the ordered keys of a fragment, if they are in memory or kept.
    pub(crate) async fn held(
        table: &Table,
        fragment: &FileFragment,
        columns: &str,
        place: &Place,
        types: &[DataType],
    ) -> Option<Arc<Ordered>> {
        let root = table.root();
        let key = fragment::derived_key(table, fragment, columns);
        if let Some(ordered) = root.caches().orders.get(&key).await {
            return Some(ordered);
        }
        let ordered = Arc::new(Ordered::open(root, place, types).await?);
        root.caches().orders.insert(key, ordered.clone()).await;
        Some(ordered)
    }

    /// Returns the pages that may hold keys of a span; keys are of one column.
    ///
    /// # Errors
    /// `internal` when the span is of another type.
    pub(crate) fn pages_of(&self, span: &Span) -> Result<Range<usize>> {
        let [lower, upper] = self.ends(span)?;
        let first = match &lower {
            // The page before the first that starts at or after the end may hold keys of the span.
            Some(lower) => self.pages_before(|page| page < lower.row()).saturating_sub(1),
            None => 0,
        };
        let last = match &upper {
            Some(upper) => self.pages_before(|page| page <= upper.row()),
            None => self.pages(),
        };
        Ok(first..last.max(first))
    }

    /// Returns the offsets of the rows of some pages whose keys lie in a span, its ends included.
    ///
    /// # Errors
    /// `Storage`; `internal` when a page is damaged.
    pub(crate) async fn rows_of(self: &Arc<Self>, span: &Span, pages: Range<usize>) -> Result<RoaringBitmap> {
        let [lower, upper] = self.ends(span)?;
        let mut rows = RoaringBitmap::new();
        let mut pages = futures::stream::iter(pages).map(|number| self.page(number)).buffered(PAGES_AT_ONCE);
        while let Some(page) = pages.try_next().await? {
            let count = page.keys.num_rows();
            let from =
                lower.as_ref().map_or(0, |lower| partition(count, |row| page.keys.row(row) < lower.row()));
            let to = upper
                .as_ref()
                .map_or(count, |upper| partition(count, |row| page.keys.row(row) <= upper.row()));
            rows.extend(page.offsets.get(from..to).unwrap_or_default());
        }
        Ok(rows)
    }

    /// Returns the ends of a span as keys, whether or not they belong to it.
    fn ends(&self, span: &Span) -> Result<[Option<OwnedRow>; 2]> {
        let end = |end: &Bound<ArrayRef>| match end {
            Bound::Unbounded => Ok::<_, StorageError>(None),
            Bound::Included(value) | Bound::Excluded(value) => {
                let value = crate::indexes::postings::normalized(std::slice::from_ref(value));
                Ok(Some(self.converter.convert_columns(&value)?.row(0).owned()))
            }
        };
        Ok([end(&span.lower)?, end(&span.upper)?])
    }

    fn pages_before(&self, before: impl Fn(arrow_row::Row<'_>) -> bool) -> usize {
        partition(self.firsts.num_rows(), |page| before(self.firsts.row(page)))
    }

    async fn page(self: &Arc<Self>, number: usize) -> Result<Arc<Page>> {
        let this = self.clone();
        let build = async move {
            let PageAt { at, len, sum } = this.places[number];
            let bytes = this.root.get_range(&this.path, at..at + u64::from(len)).await?;
            blocking(move || this.decode(&bytes, sum).map(Arc::new)).await
        };
        let key = (self.root.identity().clone(), self.path.clone(), number);
        build_once(&self.root.caches().pages, key, build).await
    }

    fn decode(&self, bytes: &Bytes, sum: u64) -> Result<Page> {
        if xxh3_64(bytes) != sum {
            return Err(damaged("a page is altered"));
        }
        let batch = parse(bytes)?;
        let (offsets, keys) = batch.columns().split_last().ok_or_else(|| damaged("a page is empty"))?;
        let offsets = offsets.as_primitive_opt::<UInt32Type>();
        let offsets = offsets.ok_or_else(|| damaged("a page has other columns"))?.values().to_vec();
        Ok(Page { keys: self.converter.convert_columns(keys)?, offsets })
    }
}

/// Returns the first of `0..len` of which `before` is not true; it is true of all before that.
fn partition(len: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

fn damaged(how: &str) -> StorageError {
    StorageError::internal(format!("ordered keys are damaged: {how}"))
}
