//! A cache of vectors by content, in a file that outlives a run, so that a run that was stopped pays for no text twice.
//!
//! Layout: the eight bytes of [`MAGIC`], then records of a 32-byte key, the number of components (u32) and the
//! components (f32), all little-endian. The file only grows. A torn record at the end is cut off when it is opened; a
//! record that is no unit vector is not used. The index holds 48 bytes per record; vectors stay in the file.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::{PipelineError, Result};
use crate::config::EmbeddingConfig;

const MAGIC: &[u8; 8] = b"OGEMBED1";
const HEAD: u64 = 36;

/// Identifies a vector by all that decides it.
pub(super) type Key = [u8; 32];

/// An open cache file, locked against other processes.
pub(super) struct Cache {
    path: PathBuf,
    file: File,
    end: u64,
    /// Offset of the components and their number.
    index: HashMap<Key, (u64, u32)>,
}

/// Returns the key of a text: SHA-256 over provider, `origin` (the base URL of a service, the digest of a model in this
/// process), model, dimension and text.
pub(super) fn key(config: &EmbeddingConfig, origin: &str, dimension: usize, text: &str) -> Key {
    let mut hash = Sha256::new();
    for part in [config.provider().name(), origin, config.model()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.update((dimension as u64).to_le_bytes());
    hash.update(text);
    hash.finalize().into()
}

impl Cache {
    /// Opens or creates a file and reads its index.
    ///
    /// # Errors
    /// [`PipelineError::Io`], [`PipelineError::CacheInUse`], [`PipelineError::NotACache`].
    pub(super) fn open(path: &Path) -> Result<Cache> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(PipelineError::io("create", parent))?;
        }
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = opened.map_err(PipelineError::io("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(PipelineError::CacheInUse { path: path.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(PipelineError::io("lock", path)(error)),
        }
        let length = file.metadata().map_err(PipelineError::io("read", path))?.len();
        let mut cache = Cache { path: path.to_owned(), file, end: 0, index: HashMap::new() };
        if length == 0 {
            return cache.append(MAGIC).map(|()| cache);
        }
        cache.read_index(length).map_err(PipelineError::io("read", path))?;
        if cache.end == 0 {
            return Err(PipelineError::NotACache { path: path.to_owned() });
        }
        cache.file.set_len(cache.end).map_err(PipelineError::io("write", path))?;
        Ok(cache)
    }

    /// Returns a vector of this dimension.
    ///
    /// # Errors
    /// [`PipelineError::Io`].
    pub(super) fn get(&mut self, key: &Key, dimension: usize) -> Result<Option<Vec<f32>>> {
        let Some((offset, count)) = self.index.get(key).copied() else { return Ok(None) };
        if count as usize != dimension {
            return Ok(None);
        }
        let mut bytes = vec![0; dimension * 4];
        let read = self.file.seek(SeekFrom::Start(offset)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(PipelineError::io("read", &self.path))?;
        let components =
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        let vector: Vec<f32> = components.collect();
        let norm = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        Ok(((norm - 1.0).abs() < 1e-3).then_some(vector))
    }

    /// Appends vectors with their keys.
    ///
    /// # Errors
    /// [`PipelineError::Io`].
    pub(super) fn put<'a>(&mut self, vectors: impl IntoIterator<Item = (Key, &'a [f32])>) -> Result<()> {
        let mut bytes = Vec::new();
        let mut entries = Vec::new();
        for (key, vector) in vectors {
            let Ok(count) = u32::try_from(vector.len()) else { continue };
            bytes.extend_from_slice(&key);
            bytes.extend_from_slice(&count.to_le_bytes());
            entries.push((key, (self.end + bytes.len() as u64, count)));
            bytes.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
        }
        self.append(&bytes)?;
        self.index.extend(entries);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.seek(SeekFrom::Start(self.end)).and_then(|_| self.file.write_all(bytes));
        written.map_err(PipelineError::io("write", &self.path))?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Reads the keys of a file of this length. Leaves `end` after the last whole record, or at 0 for another kind of
    /// file.
    fn read_index(&mut self, length: u64) -> std::io::Result<()> {
        let mut reader = BufReader::new(&self.file);
        let mut magic = [0; 8];
        if length < 8 {
            return Ok(());
        }
        reader.read_exact(&mut magic)?;
        if &magic != MAGIC {
            return Ok(());
        }
        self.end = 8;
        while self.end + HEAD <= length {
            let (mut key, mut count) = ([0; 32], [0; 4]);
            reader.read_exact(&mut key)?;
            reader.read_exact(&mut count)?;
            let count = u32::from_le_bytes(count);
            let size = u64::from(count) * 4;
            if self.end + HEAD + size > length {
                break;
            }
            self.index.insert(key, (self.end + HEAD, count));
            reader.seek_relative(i64::from(count) * 4)?;
            self.end += HEAD + size;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Provider;

    #[test]
    fn vectors_survive_and_a_torn_record_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x/cache");
        let mut cache = Cache::open(&path).unwrap();
        cache.put([([1; 32], &[0.6_f32, 0.8][..]), ([2; 32], &[1.0, 0.0][..])]).unwrap();
        assert_eq!(cache.get(&[1; 32], 2).unwrap().unwrap(), [0.6, 0.8]);
        assert!(matches!(Cache::open(&path), Err(PipelineError::CacheInUse { .. })));
        drop(cache);

        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let mut cache = Cache::open(&path).unwrap();
        assert_eq!(cache.get(&[1; 32], 2).unwrap().unwrap(), [0.6, 0.8]);
        assert_eq!(cache.get(&[2; 32], 2).unwrap(), None);
        assert_eq!(cache.get(&[1; 32], 3).unwrap(), None);
        cache.put([([2; 32], &[1.0_f32, 0.0][..])]).unwrap();
        drop(cache);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn what_is_no_unit_vector_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = Cache::open(&folder.path().join("cache")).unwrap();
        cache.put([([1; 32], &[0.6_f32, 0.9][..]), ([2; 32], &[f32::NAN, 0.0][..])]).unwrap();
        assert_eq!(cache.get(&[1; 32], 2).unwrap(), None);
        assert_eq!(cache.get(&[2; 32], 2).unwrap(), None);
    }

    #[test]
    fn another_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        for text in ["short", "something longer than the magic"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(Cache::open(&path), Err(PipelineError::NotACache { .. })));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn keys_differ_by_all_that_decides_a_vector() {
        let config = |model: &str| {
            EmbeddingConfig::from_parts(Provider::OpenAi, Some(model), None, Some("k")).unwrap()
        };
        let keys = [
            key(&config("m"), "", 2, "a"),
            key(&config("m"), "", 3, "a"),
            key(&config("m"), "", 2, "b"),
            key(&config("n"), "", 2, "a"),
            key(&config("m"), "http://h", 2, "a"),
            key(&EmbeddingConfig::from_parts(Provider::Mock, Some("m"), None, None).unwrap(), "", 2, "a"),
        ];
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }
}
