//! A store that counts requests, holds the ones it is told to, and fails some, before or after they took effect.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// When a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Nothing happened.
    Before,
    /// It took effect, the answer was lost.
    After,
}

/// Which requests fail.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// `put` or `delete`.
    pub(super) request: &'static str,
    /// Part of the path.
    pub(super) path: &'static str,
    /// When.
    pub(super) when: When,
    /// How many.
    pub(super) times: u32,
}

/// Requests made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) gets: u64,
    pub(super) puts: u64,
    pub(super) lists: u64,
    pub(super) deletes: u64,
}

/// A put that waits before it takes effect.
#[derive(Clone, Debug)]
pub(super) struct Held {
    path: &'static str,
    arrived: Arc<Semaphore>,
    released: Arc<Semaphore>,
}

impl Held {
    /// Waits until the put was asked for.
    pub(super) async fn arrived(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    /// Lets it go on.
    pub(super) fn release(&self) {
        self.released.add_permits(1);
    }
}

#[derive(Debug, Default)]
struct State {
    held: Vec<Held>,
    faults: Vec<Fault>,
    counts: Counts,
}

#[derive(Clone, Debug)]
pub(super) struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    state: Arc<Mutex<State>>,
}

impl FaultyStore {
    pub(super) fn new() -> FaultyStore {
        FaultyStore { inner: Arc::new(object_store::memory::InMemory::new()), state: Arc::default() }
    }

    /// The same objects, counted and failed apart.
    pub(super) fn sibling(&self) -> FaultyStore {
        FaultyStore { inner: self.inner.clone(), state: Arc::default() }
    }

    pub(super) fn fail(&self, fault: Fault) {
        self.state.lock().faults.push(fault);
    }

    /// Holds the next put to a path with this part.
    pub(super) fn hold(&self, path: &'static str) -> Held {
        let held = Held { path, arrived: Arc::new(Semaphore::new(0)), released: Arc::new(Semaphore::new(0)) };
        self.state.lock().held.push(held.clone());
        held
    }

    async fn held(&self, path: &Path) {
        let held = {
            let mut state = self.state.lock();
            let found = state.held.iter().position(|held| path.as_ref().contains(held.path));
            found.map(|at| state.held.remove(at))
        };
        if let Some(held) = held {
            held.arrived.add_permits(1);
            held.released.acquire().await.unwrap().forget();
        }
    }

    pub(super) fn heal(&self) {
        self.state.lock().faults.clear();
    }

    /// Returns the requests since the last call.
    pub(super) fn take_counts(&self) -> Counts {
        std::mem::take(&mut self.state.lock().counts)
    }

    fn fault(&self, request: &str, path: &Path, when: When) -> Result<()> {
        let mut state = self.state.lock();
        let fault = state.faults.iter_mut().find(|f| {
            f.request == request && f.when == when && f.times > 0 && path.as_ref().contains(f.path)
        });
        match fault {
            Some(fault) => {
                fault.times -= 1;
                Err(Error::Generic { store: "faulty", source: format!("injected at {path}").into() })
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyStore")
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.state.lock().counts.puts += 1;
        tokio::task::yield_now().await;
        self.held(path).await;
        self.fault("put", path, When::Before)?;
        let result = self.inner.put_opts(path, payload, options).await?;
        self.fault("put", path, When::After)?;
        Ok(result)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.state.lock().counts.puts += 1;
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.state.lock().counts.gets += 1;
        tokio::task::yield_now().await;
        self.inner.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.state.lock().counts.gets += 1;
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let checked = paths.map(move |path| {
            let path = path?;
            store.state.lock().counts.deletes += 1;
            store.fault("delete", &path, When::Before)?;
            Ok(path)
        });
        let store = self.clone();
        let deleted = self.inner.delete_stream(checked.boxed()).map(move |deleted| {
            let path = deleted?;
            store.fault("delete", &path, When::After)?;
            Ok(path)
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.state.lock().counts.lists += 1;
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.state.lock().counts.lists += 1;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
