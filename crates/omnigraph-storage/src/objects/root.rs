//! A root: one directory, bucket prefix or named memory in which a graph keeps its objects.
//!
//! Owns the reading and writing of whole objects by path. A local directory is read and written through [`durable`]: the
//! object store's client of local files (`LocalFileSystem`) can sync what it puts, but not what it deletes, and the one that
//! Lance makes syncs neither. Every other root is reached through the very store that Lance uses, so that both always see the
//! same bytes.
//!
//! Invariants: a put is atomic; of racing creates of one path exactly one wins; with [`Durability::Full`] what has been
//! acknowledged survives power loss. A request that fails in a way that goes away is made again where that is safe
//! ([`crate::objects::retry`]), and a create whose answer got lost is resolved by looking: here, and nowhere else.
//! Cost: one request per call (`list`: one per thousand objects), a second one for a create that finds its path taken.
//! Cancellation: a dropped put or create has happened whole or not at all; a later read tells which.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};
use lance_io::object_store::{ObjectStore as LanceStore, ObjectStoreParams, StorageOptionsAccessor};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::cache::{self, Caches};
use crate::error::{Result, StorageError, StorageFailureKind};
use crate::indexes::part::PartQueue;
use crate::objects::location::{GraphLocation, LocationError};
use crate::objects::retry::{Retry, repeated};
use crate::objects::stats::{Call, Calls};
use crate::objects::stores::Registration;
use crate::objects::{durable, failure, settings};
use crate::tuning::Tuning;

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Power loss: files and directories are synced before a write is acknowledged.
    #[default]
    Full,
    /// A crash of the process, but perhaps not of the machine: the operating system decides when to write.
    Relaxed,
}

/// How to open a root.
#[derive(Clone)]
pub struct RootOptions {
    /// Of local roots; buckets are always durable, memory never.
    pub durability: Durability,
    /// Bytes that caches and buffers together may use. The first root opened in a process sizes the shared caches.
    pub memory_budget: u64,
    /// A store to use instead of what the URI names, with the graph at its top: for tests and fault injection.
    pub store: Option<Arc<dyn ObjectStore>>,
    /// Settings of the bucket's client, which win over the environment; see [`settings`].
    pub storage: BTreeMap<String, String>,
    /// Whether this handle stores index parts: not where reading must not write. Stored ones are read all the same.
    pub stores_parts: bool,
    /// Thresholds, which tests make small.
    pub tuning: Tuning,
}

impl Default for RootOptions {
    fn default() -> Self {
        RootOptions {
            durability: Durability::Full,
            memory_budget: 1 << 30,
            store: None,
            storage: BTreeMap::new(),
            stores_parts: true,
            tuning: Tuning::default(),
        }
    }
}

/// Outcome of a put-if-absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// The object is there now, with the given content.
    Yes,
    /// Another object has that path, with this content; nothing changed.
    Taken(Bytes),
}

/// The end of an object.
pub struct Tail {
    /// The last bytes.
    pub bytes: Bytes,
    /// Bytes of the whole object.
    pub size: u64,
}

/// A listed object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Path relative to the root.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Time of the last write.
    pub modified: DateTime<Utc>,
}

/// A handle on a root; cheap to clone.
#[derive(Clone)]
pub struct Root(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    uri: String,
    /// Names the stored bytes in caches: two roots with one identity see the same objects.
    identity: Arc<str>,
    backend: Backend,
    pub(crate) lance_uri: String,
    pub(crate) lance_params: ObjectStoreParams,
    pub(crate) caches: &'static Caches,
    durability: Durability,
    memory_budget: u64,
    stores_parts: bool,
    tuning: Tuning,
    part_queue: PartQueue,
    pub(crate) calls: Calls,
    // Kept so that Lance finds the store for as long as the root lives.
    _registration: Option<Registration>,
}

enum Backend {
    Local { directory: PathBuf },
    Remote { store: Arc<LanceStore>, prefix: Path },
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Root").field(&self.0.uri).finish()
    }
}

impl Root {
    /// Opens a root by URI: a local path, `file://…`, `s3://bucket/prefix` or `memory://name`.
    ///
    /// Touches nothing; an absent directory is made by the first write. S3 is configured by the `AWS_*` environment and
    /// [`RootOptions::storage`].
    ///
    /// # Errors
    /// `bad_request` for a URI that cannot be a root, or for settings that contradict each other; `Storage` with kind
    /// `Configuration` when no client can be built.
    pub async fn open(uri: &str, options: RootOptions) -> Result<Root> {
        let location = GraphLocation::parse(uri).map_err(|LocationError { reason }| {
            StorageError::bad_request(format!("invalid graph URI '{uri}': {reason}"))
        })?;
        let uri = location.to_string();
        let caches = cache::shared(options.memory_budget);
        let mut lance_params = ObjectStoreParams::default();
        let registration = match (&options.store, &location) {
            (Some(store), _) => Some(Registration::injected(store.clone())),
            (None, GraphLocation::Memory(name)) => Some(Registration::memory(name)),
            (None, GraphLocation::Local(_) | GraphLocation::S3 { .. }) => None,
        };
        let settings = match (&registration, &location) {
            (None, GraphLocation::S3 { .. }) => settings::merged(&options.storage)?,
            _ => BTreeMap::new(),
        };
        if !settings.is_empty() {
            let settings = settings.clone().into_iter().collect();
            lance_params.storage_options_accessor =
                Some(Arc::new(StorageOptionsAccessor::with_static_options(settings)));
        }
        let (lance_uri, backend) = match (&registration, location) {
            (None, GraphLocation::Local(directory)) => (uri.clone(), Backend::Local { directory }),
            (None, GraphLocation::S3 { .. } | GraphLocation::Memory(_)) => {
                (uri.clone(), remote(caches, &uri, &lance_params).await?)
            }
            (Some(registration), _) => {
                let lance_uri = registration.uri();
                let backend = remote(caches, &lance_uri, &lance_params).await?;
                (lance_uri, backend)
            }
        };
        let identity = match settings::endpoint(&settings) {
            Some(endpoint) => format!("{lance_uri}@{endpoint}"),
            None => lance_uri.clone(),
        };
        Ok(Root(Arc::new(Inner {
            uri,
            identity: identity.into(),
            backend,
            lance_uri,
            lance_params,
            caches,
            durability: options.durability,
            memory_budget: options.memory_budget,
            stores_parts: options.stores_parts,
            tuning: options.tuning,
            part_queue: PartQueue::default(),
            calls: Calls::default(),
            _registration: registration,
        })))
    }

    /// Returns the canonical URI.
    pub fn uri(&self) -> &str {
        &self.0.uri
    }

    /// Returns the bytes that caches and buffers together may use.
    pub fn memory_budget(&self) -> u64 {
        self.0.memory_budget
    }

    /// Reads an object; `None` when there is none.
    pub async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        self.0.calls.count(Call::Get);
        repeated(|| self.try_get(path)).await
    }

    async fn try_get(&self, path: &str) -> Result<Option<Bytes>> {
        match &self.0.backend {
            Backend::Local { .. } => {
                let file = self.file(path)?;
                let read = blocking(move || std::fs::read(file)).await;
                match read {
                    Ok(bytes) => Ok(Some(bytes.into())),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(failure::file(&self.object_uri(path), &error)),
                }
            }
            Backend::Remote { store, prefix } => {
                let key = key(prefix, path)?;
                let read = match store.inner.get(&key).await {
                    Ok(found) => found.bytes().await,
                    Err(error) => Err(error),
                };
                match read {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(object_store::Error::NotFound { .. }) => Ok(None),
                    Err(error) => Err(failure::object(&self.object_uri(path), error)),
                }
            }
        }
    }

    /// Reads a range of an object that must be there.
    pub(crate) async fn get_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        self.0.calls.count(Call::Get);
        repeated(|| self.try_get_range(path, range.clone())).await
    }

    async fn try_get_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        match &self.0.backend {
            Backend::Local { .. } => {
                let file = self.file(path)?;
                let read = blocking(move || durable::read_range(&file, range)).await;
                read.map(Bytes::from).map_err(|error| failure::file(&self.object_uri(path), &error))
            }
            Backend::Remote { store, prefix } => {
                let read = store.inner.get_range(&key(prefix, path)?, range).await;
                read.map_err(|error| failure::object(&self.object_uri(path), error))
            }
        }
    }

    /// Reads up to `bytes` from the end of an object; `None` when there is none.
    pub(crate) async fn get_tail(&self, path: &str, bytes: u64) -> Result<Option<Tail>> {
        self.0.calls.count(Call::Get);
        repeated(|| self.try_get_tail(path, bytes)).await
    }

    async fn try_get_tail(&self, path: &str, bytes: u64) -> Result<Option<Tail>> {
        match &self.0.backend {
            Backend::Local { .. } => {
                let file = self.file(path)?;
                match blocking(move || durable::read_tail(&file, bytes)).await {
                    Ok((bytes, size)) => Ok(Some(Tail { bytes: bytes.into(), size })),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(failure::file(&self.object_uri(path), &error)),
                }
            }
            Backend::Remote { store, prefix } => {
                let range = Some(GetRange::Suffix(bytes));
                let options = GetOptions { range, ..GetOptions::default() };
                let key = key(prefix, path)?;
                let found = match store.inner.get_opts(&key, options).await {
                    Err(object_store::Error::NotFound { .. }) => return Ok(None),
                    // Some servers refuse to give more from the end than there is.
                    Err(_) => store.inner.get(&key).await,
                    found => found,
                };
                let read = match found {
                    Ok(found) => {
                        let size = found.meta.size;
                        found.bytes().await.map(|bytes| Tail { bytes, size })
                    }
                    Err(error) => Err(error),
                };
                match read {
                    Ok(tail) => Ok(Some(tail)),
                    Err(object_store::Error::NotFound { .. }) => Ok(None),
                    Err(error) => Err(failure::object(&self.object_uri(path), error)),
                }
            }
        }
    }

    /// Returns the thresholds.
    pub fn tuning(&self) -> &Tuning {
        &self.0.tuning
    }

    pub(crate) fn stores_parts(&self) -> bool {
        self.0.stores_parts
    }

    pub(crate) fn part_queue(&self) -> &PartQueue {
        &self.0.part_queue
    }

    /// Writes an object that can be derived anew: atomically, but unsynced, and not into a directory whose own is gone.
    pub(crate) async fn put_derived(&self, path: &str, bytes: Vec<u8>) -> Result<()> {
        match &self.0.backend {
            Backend::Local { .. } => {
                let file = self.file(path)?;
                let written = blocking(move || durable::put_beside(&file, &bytes)).await;
                written.map_err(|error| failure::file(&self.object_uri(path), &error))
            }
            Backend::Remote { .. } => self.put(path, bytes.into()).await,
        }
    }

    /// Drops what this process derived from fragments, of all roots.
    #[cfg(feature = "failpoints")]
    pub fn forget_derived(&self) {
        self.0.caches.forget_derived();
    }

    /// Writes an object, replacing one of the same path; atomic and durable.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.0.calls.count(Call::Put);
        repeated(|| self.try_put(path, bytes.clone())).await
    }

    async fn try_put(&self, path: &str, bytes: Bytes) -> Result<()> {
        match &self.0.backend {
            Backend::Local { .. } => {
                let (file, sync) = (self.file(path)?, self.sync());
                let written = blocking(move || durable::put(&file, &bytes, sync)).await;
                written.map_err(|error| failure::file(&self.object_uri(path), &error))
            }
            Backend::Remote { store, prefix } => {
                let written = store.inner.put(&key(prefix, path)?, PutPayload::from_bytes(bytes)).await;
                written.map(drop).map_err(|error| failure::object(&self.object_uri(path), error))
            }
        }
    }

    /// Writes an object if its path is free; atomic, durable, and won by exactly one of racing callers.
    ///
    /// The content tells an object of this call from another's, so it should name its writer: a bucket may refuse the
    /// second try of a request because of what the first one made, or lose the answer.
    ///
    /// # Errors
    /// Any failure leaves the outcome open: the object may be there, or still arrive.
    pub async fn create(&self, path: &str, bytes: Bytes) -> Result<Created> {
        self.0.calls.count(Call::Create);
        let mut retry = Retry::of_unrepeated();
        loop {
            let refused = match self.try_create(path, bytes.clone()).await {
                Ok(true) => return Ok(Created::Yes),
                Ok(false) => None,
                Err(error) => Some(error),
            };
            match (self.get(path).await, refused) {
                (Ok(Some(found)), _) if found == bytes => return Ok(Created::Yes),
                (Ok(Some(found)), _) => return Ok(Created::Taken(found)),
                (Err(error), None) => return Err(error),
                // Deleted since, or refused because of a racing request that made nothing in the end.
                (Ok(None), None) if retry.once_more().await => {}
                (Ok(None), None) => {
                    let text = format!("{} exists for a put and is absent for a read", self.object_uri(path));
                    return Err(StorageError::storage(StorageFailureKind::Transient, text));
                }
                (Ok(None) | Err(_), Some(error)) => {
                    if !retry.again(&error).await {
                        return Err(error);
                    }
                    tracing::debug!(%error, path, "a put-if-absent failed; trying again");
                }
            }
        }
    }

    /// Puts once if absent; false when the path is taken.
    async fn try_create(&self, path: &str, bytes: Bytes) -> Result<bool> {
        match &self.0.backend {
            Backend::Local { .. } => {
                let (file, sync) = (self.file(path)?, self.sync());
                let created = blocking(move || durable::create(&file, &bytes, sync)).await;
                created.map_err(|error| failure::file(&self.object_uri(path), &error))
            }
            Backend::Remote { store, prefix } => {
                let options = PutOptions::from(PutMode::Create);
                let key = key(prefix, path)?;
                match store.inner.put_opts(&key, PutPayload::from_bytes(bytes), options).await {
                    Ok(_) => Ok(true),
                    Err(
                        object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. },
                    ) => Ok(false),
                    Err(error) => Err(failure::object(&self.object_uri(path), error)),
                }
            }
        }
    }

    /// Deletes an object; an absent one is fine. A failure leaves the outcome open.
    pub async fn delete(&self, path: &str) -> Result<()> {
        self.0.calls.count(Call::Delete);
        match &self.0.backend {
            Backend::Local { .. } => {
                let (file, sync) = (self.file(path)?, self.sync());
                let deleted = blocking(move || durable::delete(&file, sync)).await;
                deleted.map_err(|error| failure::file(&self.object_uri(path), &error))
            }
            Backend::Remote { store, prefix } => match store.inner.delete(&key(prefix, path)?).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(failure::object(&self.object_uri(path), error)),
            },
        }
    }

    /// Deletes objects, absent ones included; all are gone, durably, when this returns. Costs less than one by one.
    pub async fn delete_all(&self, paths: Vec<String>) -> Result<()> {
        self.0.calls.count_all(Call::Delete, paths.len());
        match &self.0.backend {
            Backend::Local { .. } => {
                let files = paths.iter().map(|path| self.file(path)).collect::<Result<Vec<_>>>()?;
                let sync = self.sync();
                let deleted = blocking(move || durable::delete_all(&files, sync)).await;
                deleted.map_err(|(file, error)| failure::file(&file.to_string_lossy(), &error))
            }
            Backend::Remote { store, prefix } => {
                let keys: Vec<Path> = paths.iter().map(|path| key(prefix, path)).collect::<Result<_>>()?;
                let keys = futures::stream::iter(keys.into_iter().map(Ok)).boxed();
                let mut deleted = store.inner.delete_stream(keys);
                while let Some(outcome) = deleted.next().await {
                    match outcome {
                        Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                        Err(error) => return Err(failure::object(&self.0.uri, error)),
                    }
                }
                Ok(())
            }
        }
    }

    /// Removes the empty directories at and below `path`, where the store has directories.
    pub(crate) async fn prune(&self, path: &str) -> Result<()> {
        if let Backend::Local { .. } = &self.0.backend {
            let directory = self.file(path)?;
            let pruned = blocking(move || durable::prune(&directory)).await;
            pruned.map_err(|error| failure::file(&self.object_uri(path), &error))?;
        }
        Ok(())
    }

    /// Lists every object below the directory `prefix` (empty: the whole root), in order of path.
    ///
    /// `a/b` lists `a/b/c` and `a/b/c/d`, never `a/bc`.
    pub async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        self.0.calls.count(Call::List);
        repeated(|| self.try_list(prefix.trim_matches('/'))).await
    }

    async fn try_list(&self, below: &str) -> Result<Vec<ObjectInfo>> {
        let mut objects = match &self.0.backend {
            Backend::Local { directory } => {
                let (start, top) = (self.file(below)?, directory.clone());
                let listed = blocking(move || durable::list(&start)).await;
                let listed = listed.map_err(|error| failure::file(&self.object_uri(below), &error))?;
                let described = listed.into_iter().map(|(path, metadata)| {
                    let relative = path.strip_prefix(&top).expect("a listed file is below the root");
                    let modified = metadata
                        .modified()
                        .map_err(|error| failure::file(&self.object_uri(below), &error))?;
                    let path = relative.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
                    Ok(ObjectInfo { path, size: metadata.len(), modified: modified.into() })
                });
                described.collect::<Result<Vec<_>>>()?
            }
            Backend::Remote { store, prefix } => {
                let start = key(prefix, below)?;
                let start = (!start.as_ref().is_empty()).then_some(start);
                let listed: std::result::Result<Vec<_>, _> =
                    store.inner.list(start.as_ref()).try_collect().await;
                let listed = listed.map_err(|error| failure::object(&self.object_uri(below), error))?;
                let skip = if prefix.as_ref().is_empty() { 0 } else { prefix.as_ref().len() + 1 };
                let described = listed.into_iter().map(|object| ObjectInfo {
                    path: object.location.as_ref()[skip..].to_owned(),
                    size: object.size,
                    modified: object.last_modified,
                });
                described.collect()
            }
        };
        objects.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(objects)
    }

    /// Returns the URI by which Lance opens the table at `path`.
    pub(crate) fn table_uri(&self, path: &str) -> String {
        format!("{}/{path}", self.0.lance_uri)
    }

    pub(crate) fn lance_params(&self) -> ObjectStoreParams {
        self.0.lance_params.clone()
    }

    pub(crate) fn caches(&self) -> &'static Caches {
        self.0.caches
    }

    pub(crate) fn identity(&self) -> &Arc<str> {
        &self.0.identity
    }

    /// Returns the local file of `path` if files must be synced before a write is acknowledged.
    pub(crate) fn synced_file(&self, path: &str) -> Option<PathBuf> {
        match (&self.0.backend, self.0.durability) {
            (Backend::Local { directory }, Durability::Full) => Some(directory.join(path)),
            (Backend::Local { .. }, Durability::Relaxed) | (Backend::Remote { .. }, _) => None,
        }
    }

    fn sync(&self) -> durable::Sync {
        match self.0.durability {
            Durability::Full => durable::Sync::Full,
            Durability::Relaxed => durable::Sync::Skip,
        }
    }

    fn file(&self, path: &str) -> Result<PathBuf> {
        let Backend::Local { directory } = &self.0.backend else {
            return Err(StorageError::internal("only a local root has files"));
        };
        let mut file = directory.clone();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            if matches!(segment, "." | "..") || segment.contains('\0') {
                return Err(StorageError::internal(format!("object path '{path}' leaves its root")));
            }
            file.push(segment);
        }
        Ok(file)
    }

    fn object_uri(&self, path: &str) -> String {
        format!("{}/{path}", self.0.uri)
    }
}

async fn remote(caches: &'static Caches, uri: &str, params: &ObjectStoreParams) -> Result<Backend> {
    let opened = LanceStore::from_uri_and_params(caches.session.store_registry(), uri, params).await;
    let (store, prefix) = opened.map_err(|error| failure::table(uri, error))?;
    Ok(Backend::Remote { store, prefix })
}

fn key(prefix: &Path, path: &str) -> Result<Path> {
    let joined = match (prefix.as_ref(), path.trim_matches('/')) {
        ("", path) => path.to_owned(),
        (prefix, "") => prefix.to_owned(),
        (prefix, path) => format!("{prefix}/{path}"),
    };
    Path::parse(&joined).map_err(|error| StorageError::internal(format!("object path '{path}': {error}")))
}

/// Runs blocking work on the threads that the runtime keeps for it; a panic there goes on here.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(output) => output,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("the runtime is shutting down: {error}"),
        },
    }
}
