//! B-tree parts: the keys of one fragment in order, in pages under one directory. A few keys are found by reading a few
//! pages, whatever the size.
//!
//! The object is a sequence of pages, a directory, and a trailer. A page is an Arrow IPC stream of one batch: the key
//! columns and the row offset (`UInt32`) of up to [`crate::Tuning::btree_page_rows`] rows, ascending by key, then offset; rows
//! with a null in a key are in none. The directory is an Arrow IPC stream of one batch with a row per page: the key columns of the
//! page's first row, and where the page is (`UInt64`), its bytes (`UInt32`) and their XXH3 hash (`UInt64`). The trailer,
//! integers little-endian: position (8) and bytes (4) of the directory, the XXH3 hash of the directory (8), the number of
//! the format (4), and a mark (4).
//!
//! Order is that of the Arrow row format: ascending, floats totally ordered after both zeros and all NaNs are made one
//! ([`crate::indexes::postings`]).

use std::collections::BTreeMap;
use std::io::Cursor;
use std::num::NonZeroUsize;
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
use bytes::{Buf, BufMut, Bytes, TryGetError};
use futures::{StreamExt, TryStreamExt};
use lance::dataset::fragment::FileFragment;
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Result, StorageError};
use crate::indexes::part::PartLocation;
use crate::indexes::postings::Probes;
use crate::indexes::prefilter::Span;
use crate::objects::root::{Root, blocking};
use crate::single_flight::build_once;
use crate::tables::fragment;
use crate::tables::table::Table;

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

/// A stored B-tree part: its directory in memory, its pages where they are.
pub(crate) struct BTree {
    root: Root,
    path: Arc<str>,
    converter: RowConverter,
    firsts: Rows,
    pages: Vec<PageLocation>,
    /// Bytes of the object.
    size: u64,
    /// Pages that lookups have asked for.
    pages_asked: AtomicU64,
}

struct PageLocation {
    at: u64,
    len: u32,
    sum: u64,
}

/// Writes the keys of the rows of a fragment, one array per column, in pages of `page_rows`; row n has offset n.
///
/// # Errors
/// `internal` for a type that has no order.
pub(crate) fn encode(keys: &[ArrayRef], page_rows: NonZeroUsize) -> Result<Vec<u8>> {
    let keys = crate::indexes::postings::normalized(keys);
    let converter = converter(keys.iter().map(|key| key.data_type()))?;
    let rows = converter.convert_columns(&keys)?;
    let without_null = (0..rows.num_rows()).filter(|row| keys.iter().all(|key| key.is_valid(*row)));
    let mut order: Vec<u32> = without_null.map(|row| row as u32).collect();
    order.sort_unstable_by(|a, b| rows.row(*a as usize).cmp(&rows.row(*b as usize)).then(a.cmp(b)));
    let mut out = Vec::new();
    let (mut firsts, mut at, mut len, mut sum) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for page in order.chunks(page_rows.get()) {
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
    let trailer = Trailer { at: start as u64, len: (out.len() - start) as u32, sum: xxh3_64(&out[start..]) };
    trailer.write(&mut out);
    Ok(out)
}

/// The end of the object: where its directory is.
struct Trailer {
    at: u64,
    len: u32,
    sum: u64,
}

impl Trailer {
    fn write(&self, out: &mut Vec<u8>) {
        out.put_u64_le(self.at);
        out.put_u32_le(self.len);
        out.put_u64_le(self.sum);
        out.put_u32_le(FORMAT);
        out.put_slice(&MARK);
    }

    fn read(mut bytes: Bytes) -> Result<Trailer> {
        let mut read = || {
            let trailer = Trailer {
                at: bytes.try_get_u64_le()?,
                len: bytes.try_get_u32_le()?,
                sum: bytes.try_get_u64_le()?,
            };
            let (format, mut mark) = (bytes.try_get_u32_le()?, [0; MARK.len()]);
            bytes.try_copy_to_slice(&mut mark)?;
            Ok::<_, TryGetError>((trailer, format, mark))
        };
        match read() {
            Ok((trailer, FORMAT, MARK)) => Ok(trailer),
            Ok(_) | Err(_) => Err(damaged("its trailer is another")),
        }
    }
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

impl BTree {
    /// Opens a part that [`encode`] wrote, for keys of these types; none when nothing usable is stored.
    pub(crate) async fn open(root: &Root, location: &PartLocation, types: &[DataType]) -> Option<BTree> {
        match BTree::try_open(root, location, types).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, %location, "sorting keys again: a stored B-tree cannot be used");
                None
            }
        }
    }

    async fn try_open(root: &Root, location: &PartLocation, types: &[DataType]) -> Result<Option<BTree>> {
        let Some(tail) = root.get_tail(location.path(), TAIL).await? else { return Ok(None) };
        let start = tail.bytes.len().checked_sub(TRAILER).ok_or_else(|| damaged("it is too short"))?;
        let Trailer { at, len, sum } = Trailer::read(tail.bytes.slice(start..))?;
        let end = at.checked_add(u64::from(len)).filter(|end| end + TRAILER as u64 == tail.size);
        let end = end.ok_or_else(|| damaged("its trailer does not fit its size"))?;
        let first = tail.size - tail.bytes.len() as u64;
        let directory = match usize::try_from(at.saturating_sub(first)) {
            Ok(start) if at >= first => tail.bytes.slice(start..start + len as usize),
            _ => root.get_range(location.path(), at..end).await?,
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
        let pages = ats.values().iter().zip(lens.values()).zip(sums.values());
        let pages = pages.map(|((&at, &len), &sum)| PageLocation { at, len, sum }).collect();
        let (path, pages_asked) = (location.path().into(), AtomicU64::new(0));
        Ok(Some(BTree { root: root.clone(), path, converter, firsts, pages, size: tail.size, pages_asked }))
    }

    /// Returns the number of pages.
    pub(crate) fn page_count(&self) -> usize {
        self.pages.len()
    }

    /// Returns the bytes of the object.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Returns how many pages have been asked for so far.
    pub(crate) fn pages_asked(&self) -> u64 {
        self.pages_asked.load(Ordering::Relaxed)
    }

    /// Returns the memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.firsts.size() + self.pages.capacity() * size_of::<PageLocation>()
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
        self.pages_asked.fetch_add(wanted.len() as u64, Ordering::Relaxed);
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

    /// Returns the B-tree of a fragment if it is stored; its directory comes from memory where it is there.
    pub(crate) async fn load(
        table: &Table,
        fragment: &FileFragment,
        columns: &str,
        location: &PartLocation,
        types: &[DataType],
    ) -> Option<Arc<BTree>> {
        let root = table.root();
        let key = fragment::derived_key(table, fragment, columns);
        if let Some(btree) = root.caches().btrees.get(&key).await {
            return Some(btree);
        }
        let btree = Arc::new(BTree::open(root, location, types).await?);
        root.caches().btrees.insert(key, btree.clone()).await;
        Some(btree)
    }

    /// Returns the pages that may hold keys of a span; keys are of one column.
    ///
    /// # Errors
    /// `internal` when the span is of another type.
    pub(crate) fn pages_of(&self, span: &Span) -> Result<Range<usize>> {
        let [lower, upper] = self.bounds_of(span)?;
        let first = match &lower {
            // The page before the first that starts at or after the end may hold keys of the span.
            Some(lower) => self.pages_before(|page| page < lower.row()).saturating_sub(1),
            None => 0,
        };
        let last = match &upper {
            Some(upper) => self.pages_before(|page| page <= upper.row()),
            None => self.page_count(),
        };
        Ok(first..last.max(first))
    }

    /// Returns the offsets of the rows of some pages whose keys lie in a span, its bounds included.
    ///
    /// # Errors
    /// `Storage`; `internal` when a page is damaged.
    pub(crate) async fn rows_of(self: &Arc<Self>, span: &Span, pages: Range<usize>) -> Result<RoaringBitmap> {
        let [lower, upper] = self.bounds_of(span)?;
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

    /// Returns the bounds of a span as keys, whether or not they belong to it.
    fn bounds_of(&self, span: &Span) -> Result<[Option<OwnedRow>; 2]> {
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
            let PageLocation { at, len, sum } = this.pages[number];
            let bytes = this.root.get_range(&this.path, at..at + u64::from(len)).await?;
            blocking(move || this.decode(&bytes, sum).map(Arc::new)).await
        };
        let key = (self.root.identity().clone(), self.path.clone(), number);
        build_once(&self.root.caches().btree_pages, key, build).await
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
    StorageError::internal(format!("a B-tree is damaged: {how}"))
}
