//! A store that misbehaves as object stores do: for tests.
//!
//! Stands for what a client such as that of S3 hands on once it has repeated what it repeats: a failure that outlasts
//! that, a conditional put or a deletion without an answer. Each kind of fault has a rate; a seeded generator chooses, so the choices repeat, while the interleaving of requests need not.
//! What a request does stays true: a put is whole or absent, and a put-if-absent never replaces anything.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

const SHORT: Duration = Duration::from_millis(2);
/// Objects listed at once.
const PAGE: usize = 3;

/// How often a request goes wrong, by kind of fault; each from 0 to 1, and their sum at most 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rates {
    /// No answer in time, and nothing has happened.
    pub(crate) timeouts: f64,
    /// The server failed, and nothing has happened.
    pub(crate) refusals: f64,
    /// It took effect, and the answer got lost.
    pub(crate) lost: f64,
    /// No answer in time, and it takes effect after that; for puts-if-absent. Other requests have no answer in time.
    pub(crate) late: f64,
    /// It took effect, the answer got lost, and the client's second try met what the first one made; for puts-if-absent
    /// and the completion of uploads. Other requests succeed.
    pub(crate) echoes: f64,
    /// A put-if-absent of a commit object is refused because of another request for the path that makes nothing in the
    /// end. Other requests succeed.
    pub(crate) conflicts: f64,
    /// The body of an answer breaks off; for reads. Other requests succeed.
    pub(crate) breaks: f64,
    /// It takes a while.
    pub(crate) slow: f64,
    /// Only requests for the objects of commits go wrong, not those for tables.
    pub(crate) commits_only: bool,
    /// Listings come in small pages and any order; a rate of listings, beside the others.
    pub(crate) shuffled: f64,
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Timeout,
    Refusal,
    Lost,
    Late,
    Echo,
    Conflict,
    Break,
    Slow,
}

#[derive(Debug, thiserror::Error)]
enum Injected {
    #[error("injected: error performing {0}: operation timed out")]
    Timeout(String),
    #[error("injected: error performing {0}: server returned status 500")]
    Refusal(String),
    #[error("injected: error performing {0}: connection closed before the answer was complete")]
    Lost(String),
    #[error("injected: {0}: 409 conditional request conflict")]
    Conflict(String),
    #[error("injected: {0}: the body broke off")]
    Break(String),
    #[error("injected: {0}: the second try met what the first one made")]
    Echo(String),
}

impl From<Injected> for Error {
    fn from(injected: Injected) -> Error {
        Error::Generic { store: "unreliable", source: Box::new(injected) }
    }
}

#[derive(Debug)]
struct State {
    broken: AtomicBool,
    rates: Mutex<Rates>,
    generator: Mutex<StdRng>,
    injected: AtomicUsize,
    /// Requests that take effect later.
    under_way: AtomicUsize,
}

/// A store over another one. Clones share their state.
#[derive(Clone, Debug)]
pub(crate) struct Unreliable {
    inner: Arc<dyn ObjectStore>,
    state: Arc<State>,
}

impl Unreliable {
    /// Wraps a store; it behaves until [`Unreliable::misbehave`].
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, seed: u64) -> Unreliable {
        let state = State {
            broken: AtomicBool::new(false),
            rates: Mutex::new(Rates::default()),
            generator: Mutex::new(StdRng::seed_from_u64(seed)),
            injected: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
        };
        Unreliable { inner, state: Arc::new(state) }
    }

    /// Makes requests fail from now on.
    pub(crate) fn misbehave(&self, rates: Rates) {
        *self.state.rates.lock() = rates;
        self.state.broken.store(true, Ordering::SeqCst);
    }

    /// Stops failing, once what is under way has taken effect.
    pub(crate) async fn heal(&self) {
        self.state.broken.store(false, Ordering::SeqCst);
        self.quiet().await;
    }

    /// Returns when no request that was given up is under way.
    pub(crate) async fn quiet(&self) {
        while self.state.under_way.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(SHORT).await;
        }
    }

    /// Reads the objects below a directory; fails for none.
    pub(crate) async fn objects(&self, directory: &str) -> Vec<(String, bytes::Bytes)> {
        let mut listed = self.inner.list(Some(&Path::from(directory)));
        let mut objects = Vec::new();
        while let Some(object) = listed.try_next().await.unwrap() {
            let bytes = self.inner.get(&object.location).await.unwrap().bytes().await.unwrap();
            objects.push((object.location.to_string(), bytes));
        }
        objects
    }

    /// Returns how many requests were interfered with.
    pub(crate) fn injected(&self) -> usize {
        self.state.injected.load(Ordering::SeqCst)
    }

    fn fault(&self, path: &str) -> Fault {
        let rates = *self.state.rates.lock();
        let spared = rates.commits_only && !is_of_commits(path);
        if spared || !self.state.broken.load(Ordering::SeqCst) {
            return Fault::None;
        }
        let mut drawn: f64 = self.state.generator.lock().random();
        let table = [
            (rates.timeouts, Fault::Timeout),
            (rates.refusals, Fault::Refusal),
            (rates.lost, Fault::Lost),
            (rates.late, Fault::Late),
            (rates.echoes, Fault::Echo),
            (rates.conflicts, Fault::Conflict),
            (rates.breaks, Fault::Break),
            (rates.slow, Fault::Slow),
        ];
        for (rate, fault) in table {
            if drawn < rate {
                self.state.injected.fetch_add(1, Ordering::SeqCst);
                return fault;
            }
            drawn -= rate;
        }
        Fault::None
    }

    /// Fails what does not reach the store, and delays what is slow.
    async fn before(&self, fault: Fault, request: &str) -> Result<()> {
        match fault {
            Fault::Timeout | Fault::Late => {
                tokio::time::sleep(SHORT).await;
                Err(Injected::Timeout(request.to_owned()).into())
            }
            Fault::Refusal => Err(Injected::Refusal(request.to_owned()).into()),
            Fault::Slow => {
                tokio::time::sleep(SHORT).await;
                Ok(())
            }
            Fault::None | Fault::Lost | Fault::Echo | Fault::Conflict | Fault::Break => Ok(()),
        }
    }

    fn shuffles(&self) -> bool {
        let rate = self.state.rates.lock().shuffled;
        self.state.broken.load(Ordering::SeqCst) && self.state.generator.lock().random::<f64>() < rate
    }

    async fn create(
        &self,
        fault: Fault,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let request = format!("PUT {path}");
        match fault {
            Fault::Late => {
                let (store, path) = (self.clone(), path.clone());
                self.state.under_way.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    tokio::time::sleep(5 * SHORT).await;
                    let _ = store.inner.put_opts(&path, payload, options).await;
                    store.state.under_way.fetch_sub(1, Ordering::SeqCst);
                });
                Err(Injected::Timeout(request).into())
            }
            Fault::Conflict if is_of_commits(path.as_ref()) => Err(Error::AlreadyExists {
                path: path.to_string(),
                source: Box::new(Injected::Conflict(request)),
            }),
            Fault::Echo => {
                self.inner.put_opts(path, payload, options).await?;
                Err(Error::AlreadyExists {
                    path: path.to_string(),
                    source: Box::new(Injected::Echo(request)),
                })
            }
            _ => {
                self.before(fault, &request).await?;
                let put = self.inner.put_opts(path, payload, options).await?;
                if fault == Fault::Lost { Err(Injected::Lost(request).into()) } else { Ok(put) }
            }
        }
    }

    async fn delete_one(self, path: Path) -> Result<Path> {
        let (fault, request) = (self.fault(path.as_ref()), format!("DELETE {path}"));
        self.before(fault, &request).await?;
        self.inner.delete(&path).await?;
        if fault == Fault::Lost { Err(Injected::Lost(request).into()) } else { Ok(path) }
    }

    async fn pages(&self, prefix: &str, listed: Vec<ObjectMeta>) -> Vec<Result<ObjectMeta>> {
        let mut out = Vec::with_capacity(listed.len());
        for page in listed.chunks(PAGE) {
            if let Err(error) = self.before(self.fault(prefix), "LIST").await {
                out.push(Err(error));
                break;
            }
            out.extend(page.iter().cloned().map(Ok));
        }
        out
    }
}

fn is_of_commits(path: &str) -> bool {
    ["__manifest", "__recovery"].iter().any(|directory| path.contains(directory))
}

impl fmt::Display for Unreliable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unreliable({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Unreliable {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let fault = self.fault(path.as_ref());
        if options.mode == PutMode::Create {
            return self.create(fault, path, payload, options).await;
        }
        let request = format!("PUT {path}");
        self.before(fault, &request).await?;
        let put = self.inner.put_opts(path, payload, options).await?;
        if fault == Fault::Lost { Err(Injected::Lost(request).into()) } else { Ok(put) }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.before(self.fault(path.as_ref()), "POST ?uploads").await?;
        let inner = self.inner.put_multipart_opts(path, options).await?;
        Ok(Box::new(Upload { inner, store: self.clone(), path: path.clone() }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let (fault, request) = (self.fault(path.as_ref()), format!("GET {path}"));
        self.before(fault, &request).await?;
        let found = self.inner.get_opts(path, options).await?;
        match fault {
            Fault::Lost => Err(Injected::Lost(request).into()),
            Fault::Break => {
                let (meta, range) = (found.meta.clone(), found.range.clone());
                let (attributes, extensions) = (found.attributes.clone(), found.extensions.clone());
                let bytes = found.bytes().await?;
                let part = bytes.slice(..bytes.len() / 2);
                let body = stream::iter([Ok(part), Err(Injected::Break(request).into())]).boxed();
                Ok(GetResult { payload: GetResultPayload::Stream(body), meta, range, attributes, extensions })
            }
            _ => Ok(found),
        }
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        paths
            .then(move |path| {
                let store = store.clone();
                async move { store.delete_one(path?).await }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if !self.state.broken.load(Ordering::SeqCst) {
            return self.inner.list(prefix);
        }
        let (store, listing) = (self.clone(), self.inner.list(prefix));
        let prefix = prefix.map(ToString::to_string).unwrap_or_default();
        let pages = async move {
            let listed: Result<Vec<ObjectMeta>> = listing.try_collect().await;
            let mut listed = match listed {
                Ok(listed) => listed,
                Err(error) => return stream::iter(vec![Err(error)]),
            };
            if store.shuffles() {
                listed.shuffle(&mut *store.state.generator.lock());
            }
            stream::iter(store.pages(&prefix, listed).await)
        };
        pages.flatten_stream().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.before(self.fault(prefix.map_or("", Path::as_ref)), "LIST").await?;
        let mut listed = self.inner.list_with_delimiter(prefix).await?;
        if self.shuffles() {
            let mut generator = self.state.generator.lock();
            listed.objects.shuffle(&mut *generator);
            listed.common_prefixes.shuffle(&mut *generator);
        }
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (fault, request) = (self.fault(to.as_ref()), format!("COPY {to}"));
        self.before(fault, &request).await?;
        self.inner.copy_opts(from, to, options).await?;
        if fault == Fault::Lost { Err(Injected::Lost(request).into()) } else { Ok(()) }
    }
}

/// An upload in parts whose requests fail.
#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    store: Unreliable,
    path: Path,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        let (store, fault) = (self.store.clone(), self.store.fault(self.path.as_ref()));
        let part = self.inner.put_part(payload);
        let request = format!("PUT part of {}", self.path);
        Box::pin(async move {
            store.before(fault, &request).await?;
            part.await
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let (fault, request) = (self.store.fault(self.path.as_ref()), format!("POST {}", self.path));
        self.store.before(fault, &request).await?;
        let put = self.inner.complete().await?;
        match fault {
            Fault::Lost => Err(Injected::Lost(request).into()),
            Fault::Echo => Err(Error::NotFound {
                path: self.path.to_string(),
                source: Box::new(Injected::Echo(request)),
            }),
            _ => Ok(put),
        }
    }

    async fn abort(&mut self) -> Result<()> {
        self.store.before(self.store.fault(self.path.as_ref()), "DELETE of an upload").await?;
        self.inner.abort().await
    }
}
