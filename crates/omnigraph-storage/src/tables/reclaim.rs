//! Finding and removing the files of a table that no version to keep needs.
//!
//! Knows which files a Lance version consists of: its version file, data files, deletion files, transaction file and
//! index directories. A file goes when no kept version names it and it is known to be garbage: either a version that was
//! published and is not to be kept names it, or it is older than any write in flight.
//!
//! Invariants: (1) a file that a kept version names is never removed; (2) a young version that nothing names yet may
//! still be published, so it is kept with its files; (3) version files go first, so that a version that can be opened has
//! all its files, also when a removal is cut short; (4) a file of a kind unknown here stays, unless no version of its
//! table is kept and it is old.
//! Cost: one read per kept version, and one per doomed version while a doomed file is young. Memory: the names of the
//! files of one table.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures::{FutureExt, StreamExt};
use lance_io::object_store::ObjectStore as LanceStore;
use lance_table::format::Manifest;
use lance_table::io::commit::{ManifestLocation, ManifestNamingScheme};
use lance_table::io::deletion::{DELETIONS_DIR, relative_deletion_file_path};
use lance_table::io::manifest::{read_manifest, read_manifest_indexes};

use crate::error::{Result, StorageError, StorageFailureKind};
use crate::objects::failure;
use crate::objects::root::{ObjectInfo, Root};
use crate::tables::table::{Table, TableVersion};

const DATA: &str = "data";
const INDEXES: &str = "_indices";
const TRANSACTIONS: &str = "_transactions";
const VERSIONS: &str = "_versions";
const READ_AT_ONCE: usize = 16;

/// What is known about the versions of one table.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    /// Versions that must be there.
    pub current: BTreeSet<TableVersion>,
    /// Versions to keep if they are there, the current ones included.
    pub keep: BTreeSet<TableVersion>,
    /// All versions that were ever published, as far as known.
    pub published: BTreeSet<TableVersion>,
}

/// The files of a table that can go.
#[derive(Debug, Default)]
pub struct Garbage {
    path: String,
    versions: Vec<(TableVersion, ObjectInfo)>,
    files: Vec<ObjectInfo>,
    /// Whether nothing of the table stays.
    whole: bool,
}

impl Garbage {
    /// Returns the number of version files.
    pub fn versions(&self) -> u64 {
        self.versions.len() as u64
    }

    /// Returns the bytes of all files.
    pub fn bytes(&self) -> u64 {
        let versions = self.versions.iter().map(|(_, object)| object.size);
        versions.chain(self.files.iter().map(|object| object.size)).sum()
    }

    /// Removes the files; may be repeated after a failure.
    pub async fn remove(self, root: &Root) -> Result<()> {
        for (version, _) in &self.versions {
            Table::forget(root, &self.path, *version);
        }
        root.delete_all(self.versions.into_iter().map(|(_, object)| object.path).collect()).await?;
        root.delete_all(self.files.into_iter().map(|object| object.path).collect()).await?;
        if self.whole {
            root.prune(&self.path).await?;
        }
        Ok(())
    }
}

/// Finds what can go of the table at `path`, given the objects listed below it.
///
/// `before` divides the files that nothing names: older ones are garbage, younger ones may belong to a write in flight.
///
/// # Errors
/// `Storage` when a version to keep cannot be read, or a current one is missing: then nothing is known to be garbage.
pub async fn garbage(
    root: &Root,
    path: &str,
    objects: Vec<ObjectInfo>,
    versions: &Versions,
    before: DateTime<Utc>,
) -> Result<Garbage> {
    let files: Vec<File> = objects.into_iter().filter_map(|object| File::parse(path, object)).collect();
    let present: BTreeSet<TableVersion> = files.iter().filter_map(File::version).collect();
    if let Some(missing) = versions.current.difference(&present).next() {
        return Err(StorageError::storage(
            StorageFailureKind::NotFound,
            format!("table {path} lacks version {missing}, which a live branch needs"),
        ));
    }
    let in_flight = files.iter().filter(|file| file.object.modified >= before);
    let in_flight = in_flight.filter_map(File::version).filter(|v| !versions.published.contains(v));
    let kept: BTreeSet<TableVersion> =
        versions.keep.intersection(&present).copied().chain(in_flight).collect();

    let reader = Reader::open(root, path).await?;
    let needed = reader.all(&kept, Missing::Fails).await?;
    let unneeded_and_young = |file: &File| file.object.modified >= before && !needed.has(file);
    let published = if files.iter().any(unneeded_and_young) {
        let doomed =
            versions.published.intersection(&present).filter(|v| !kept.contains(v)).copied().collect();
        reader.all(&doomed, Missing::ProvesNothing).await?
    } else {
        References::default()
    };
    Ok(classify(path, files, &kept, &versions.published, &needed, &published, before))
}

/// Tells whether a version can still be opened, past all caches.
///
/// # Errors
/// `Storage`, when it cannot be told.
pub async fn exists(root: &Root, path: &str, version: TableVersion) -> Result<bool> {
    match Reader::open(root, path).await?.read(version).await {
        Ok(_) => Ok(true),
        Err(StorageError::Storage(failure)) if failure.kind == StorageFailureKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Divides the files of a table. Pure.
fn classify(
    path: &str,
    files: Vec<File>,
    kept: &BTreeSet<TableVersion>,
    published: &BTreeSet<TableVersion>,
    needed: &References,
    garbage: &References,
    before: DateTime<Utc>,
) -> Garbage {
    let mut found = Garbage { path: path.to_owned(), whole: true, ..Garbage::default() };
    for file in files {
        let old = file.object.modified < before;
        let goes = match &file.kind {
            Kind::Version(version) => !kept.contains(version) && (old || published.contains(version)),
            Kind::Other => old && kept.is_empty(),
            Kind::Data | Kind::Deletions | Kind::Transaction | Kind::Index(_) => {
                !needed.has(&file) && (old || garbage.has(&file))
            }
        };
        match (goes, file.kind) {
            (true, Kind::Version(version)) => found.versions.push((version, file.object)),
            (true, _) => found.files.push(file.object),
            (false, _) => found.whole = false,
        }
    }
    found
}

/// What a file of a table is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Version(TableVersion),
    /// A data file, or a file beside it in a directory of its name.
    Data,
    Deletions,
    Transaction,
    /// A file of the index with this id.
    Index(String),
    Other,
}

#[derive(Clone, Debug)]
struct File {
    kind: Kind,
    /// Path below the table, as a version names it.
    relative: String,
    object: ObjectInfo,
}

impl File {
    /// Recognizes a listed object; none when it is not below the table.
    fn parse(table: &str, object: ObjectInfo) -> Option<File> {
        let relative = object.path.strip_prefix(table)?.strip_prefix('/')?.to_owned();
        let (directory, rest) = relative.split_once('/').unwrap_or(("", &relative));
        let kind = match directory {
            VERSIONS => version_of(rest).map_or(Kind::Other, Kind::Version),
            DATA => Kind::Data,
            DELETIONS_DIR => Kind::Deletions,
            TRANSACTIONS => Kind::Transaction,
            INDEXES => Kind::Index(rest.split('/').next().unwrap_or_default().to_owned()),
            _ => Kind::Other,
        };
        Some(File { kind, relative, object })
    }

    fn version(&self) -> Option<TableVersion> {
        match self.kind {
            Kind::Version(version) => Some(version),
            Kind::Data | Kind::Deletions | Kind::Transaction | Kind::Index(_) | Kind::Other => None,
        }
    }
}

fn version_of(name: &str) -> Option<TableVersion> {
    if !name.ends_with(".manifest") {
        return None;
    }
    let attached = || ManifestNamingScheme::detect_scheme(name)?.parse_version(name);
    ManifestNamingScheme::parse_detached_version(name).or_else(attached).map(TableVersion)
}

/// The files that some versions name.
#[derive(Debug, Default)]
struct References {
    files: BTreeSet<String>,
    /// Data files without their extension: files beside them belong to them.
    stems: BTreeSet<String>,
    indexes: BTreeSet<String>,
}

impl References {
    fn add(&mut self, manifest: &Manifest, indexes: impl IntoIterator<Item = String>) {
        for fragment in manifest.fragments.iter() {
            for file in fragment.referenced_lance_files() {
                let name = format!("{DATA}/{}", file.path);
                let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
                self.stems.insert(stem.to_owned());
                self.files.insert(name);
            }
            if let Some(deletions) = &fragment.deletion_file {
                self.files.insert(relative_deletion_file_path(fragment.id, deletions));
            }
        }
        self.files.extend(manifest.transaction_file.iter().map(|name| format!("{TRANSACTIONS}/{name}")));
        self.indexes.extend(indexes);
    }

    fn has(&self, file: &File) -> bool {
        match &file.kind {
            Kind::Index(id) => self.indexes.contains(id),
            Kind::Data => {
                let beside = file.relative.rsplit_once('/').map_or("", |(directory, _)| directory);
                self.files.contains(&file.relative) || self.stems.contains(beside)
            }
            Kind::Deletions | Kind::Transaction => self.files.contains(&file.relative),
            // Whether a version stays does not depend on what other versions name.
            Kind::Version(_) | Kind::Other => true,
        }
    }
}

/// What a version that is gone means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Fails,
    ProvesNothing,
}

/// Reads version files past all caches, which versions that go must not fill.
struct Reader {
    store: std::sync::Arc<LanceStore>,
    base: object_store::path::Path,
    path: String,
}

impl Reader {
    async fn open(root: &Root, path: &str) -> Result<Reader> {
        let registry = root.caches().session.store_registry();
        let opened =
            LanceStore::from_uri_and_params(registry, &root.table_uri(path), &root.lance_params()).await;
        let (store, base) = opened.map_err(|error| failure::table(path, error))?;
        Ok(Reader { store, base, path: path.to_owned() })
    }

    async fn all(&self, versions: &BTreeSet<TableVersion>, missing: Missing) -> Result<References> {
        let reading: Vec<_> = versions.iter().map(|version| self.read(*version).boxed()).collect();
        let mut reading = futures::stream::iter(reading).buffer_unordered(READ_AT_ONCE);
        let mut references = References::default();
        while let Some(read) = reading.next().await {
            match read {
                Ok((manifest, indexes)) => references.add(&manifest, indexes),
                Err(error) if missing == Missing::ProvesNothing => {
                    tracing::debug!(%error, path = self.path, "left the files of an unreadable version alone");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(references)
    }

    async fn read(&self, version: TableVersion) -> Result<(Manifest, Vec<String>)> {
        let naming_scheme = ManifestNamingScheme::V2;
        let path = naming_scheme.manifest_path(&self.base, version.0);
        let location = ManifestLocation {
            version: version.0,
            path,
            size: None,
            naming_scheme,
            e_tag: None,
            identity: None,
        };
        let read = async {
            let manifest = read_manifest(&self.store, &location.path, None).await?;
            let indexes = read_manifest_indexes(&self.store, &location, &manifest).await?;
            Ok((manifest, indexes.iter().map(|index| index.uuid.to_string()).collect()))
        };
        read.await.map_err(|error| failure::table(&self.path, error))
    }
}
