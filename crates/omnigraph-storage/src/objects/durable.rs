//! Local files with durability: atomic writes, put-if-absent, and syncing of files others wrote.
//!
//! Every function blocks; callers run it on the blocking pool. With [`Sync::Full`], what a function reports as done
//! survives power loss: the file is synced before it gets its name, and the directory after.
//!
//! Temporary files are called `.tmp-…`, live beside their target and are never listed; one left by a crash is garbage.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Whether to wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    /// Sync files and directories.
    Full,
    /// Leave it to the operating system.
    Skip,
}

const TEMPORARY: &str = ".tmp-";

/// Replaces or creates a file, atomically.
pub(crate) fn put(path: &Path, bytes: &[u8], sync: Sync) -> io::Result<()> {
    let temporary = write_temporary(path, bytes, sync)?;
    fs::rename(&temporary.path, path)?;
    temporary.keep();
    sync_directory(parent(path), sync)
}

/// Replaces or creates a file, atomically and unsynced, in a directory that may be made but whose own must be there.
pub(crate) fn put_beside(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::create_dir(parent(path)) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => put(path, bytes, Sync::Skip),
    }
}

/// Reads a range of a file, which must have all of it.
pub(crate) fn read_range(path: &Path, range: Range<u64>) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(range.start))?;
    let len = usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Reads up to `bytes` from the end of a file, and tells its size.
pub(crate) fn read_tail(path: &Path, bytes: u64) -> io::Result<(Vec<u8>, u64)> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(bytes)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    Ok((tail, size))
}

/// Creates a file with its whole content if nothing has that name; returns false when something has.
///
/// A hard link gives a complete, synced file its name, so no reader and no crash can see part of it.
pub(crate) fn create(path: &Path, bytes: &[u8], sync: Sync) -> io::Result<bool> {
    if path.try_exists()? {
        return Ok(false);
    }
    let temporary = write_temporary(path, bytes, sync)?;
    match fs::hard_link(&temporary.path, path) {
        Ok(()) => {
            drop(temporary);
            sync_directory(parent(path), sync)?;
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a file; an absent one is fine.
pub(crate) fn delete(path: &Path, sync: Sync) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_directory(parent(path), sync),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes files, absent ones included; the names of all are gone for good when this returns.
pub(crate) fn delete_all(paths: &[PathBuf], sync: Sync) -> Result<(), (PathBuf, io::Error)> {
    let mut directories = BTreeSet::new();
    for path in paths {
        match fs::remove_file(path) {
            Ok(()) => {
                directories.insert(parent(path));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err((path.clone(), error)),
        }
    }
    for directory in directories {
        sync_directory(directory, sync).map_err(|error| (directory.to_owned(), error))?;
    }
    Ok(())
}

/// Removes the directories at and below `directory` that hold nothing.
pub(crate) fn prune(directory: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            prune(&entry.path())?;
        }
    }
    match fs::remove_dir(directory) {
        Err(error) if !matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound) => {
            Err(error)
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Lists the files below a directory, depth first; an absent directory has none.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<(PathBuf, fs::Metadata)>> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                pending.push(entry.path());
            } else if !entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                match entry.metadata() {
                    Ok(metadata) => found.push((entry.path(), metadata)),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(found)
}

/// Creates a directory with its parents and makes their names durable.
pub(crate) fn create_directories(directory: &Path, sync: Sync) -> io::Result<()> {
    let mut missing = Vec::new();
    let mut at = directory;
    while !at.try_exists()? {
        missing.push(at);
        match at.parent() {
            Some(parent) => at = parent,
            None => break,
        }
    }
    fs::create_dir_all(directory)?;
    for made in missing.iter().rev() {
        sync_directory(parent(made), sync)?;
    }
    Ok(())
}

/// Waits until a file's content is on disk.
pub(crate) fn sync_file(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Waits until the names in a directory are on disk.
pub(crate) fn sync_directory(directory: &Path, sync: Sync) -> io::Result<()> {
    match sync {
        Sync::Full if cfg!(unix) => File::open(directory)?.sync_all(),
        Sync::Full | Sync::Skip => Ok(()),
    }
}

/// A temporary file that is removed unless it is kept.
struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Temporary {
    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // A leftover is harmless garbage, so a failure here is not worth failing the caller.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn write_temporary(target: &Path, bytes: &[u8], sync: Sync) -> io::Result<Temporary> {
    let directory = parent(target);
    let path = directory.join(format!("{TEMPORARY}{:032x}", rand::random::<u128>()));
    let mut file = match File::create_new(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create_directories(directory, sync)?;
            File::create_new(&path)?
        }
        Err(error) => return Err(error),
    };
    let temporary = Temporary { path, kept: false };
    file.write_all(bytes)?;
    if sync == Sync::Full {
        file.sync_all()?;
    }
    Ok(temporary)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
