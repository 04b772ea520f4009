//! Creating and opening graphs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use moka::sync::Cache;
#[cfg(feature = "failpoints")]
use object_store::ObjectStore;
use omnigraph_compiler::catalog::Catalog;
use omnigraph_compiler::{ir, query, schema};
use omnigraph_graph::branch;
use omnigraph_graph::commit::{BranchName, CommitId, Graph, Seq, Snapshot};
use omnigraph_policy::{Operation, PolicyChecker, enforce};
use omnigraph_query::embedding::Embed;
use omnigraph_storage::{Durability, INDEX_FROM_ROWS, Root, RootOptions, Tuning};

use super::types::{ReadTarget, SnapshotView};
use crate::blob::policy::ExternalBlobPolicy;
use crate::blob::source::Sources;
use crate::embedding::{Embedder, EmbeddingConfig};
use crate::error::{OmniError, Result};
use crate::feed::reader_cache::ReaderCache;

/// Names a compiled query: schema, text, name.
type CompiledKey = (String, String, Option<String>);

/// Bytes of the texts whose compiled form a handle keeps; the form takes a multiple of its text.
const COMPILED_TEXTS: u64 = 1 << 20;
/// What a short text counts for.
const SHORTEST_TEXT: usize = 512;

/// How a graph is opened or created.
///
/// ```
/// use omnigraph::db::OpenOptions;
///
/// let storage = [("aws_endpoint", "http://127.0.0.1:9000"), ("aws_allow_http", "true")];
/// let storage = storage.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
/// let options = OpenOptions { storage, ..OpenOptions::default() };
/// // Omnigraph::open_with("s3://bucket/graph", &options)
/// # assert_eq!(options.storage["aws_allow_http"], "true");
/// ```
#[derive(Clone)]
pub struct OpenOptions {
    /// Whether an acknowledged write survives power loss (the default).
    pub durability: Durability,
    /// Bytes that caches, sorts, joins and loads of this handle may hold together; default 1 GiB.
    pub memory_budget: u64,
    /// Open without any write to the store, recovery included.
    pub read_only: bool,
    /// Recorded as author of the first commit by [`Omnigraph::init_with`].
    pub actor: Option<String>,
    /// Settings of the client of an `s3://` root, as the crate `object_store` names them: `aws_endpoint`, `aws_region`,
    /// `aws_access_key_id`, `aws_secret_access_key`, `aws_allow_http`, …. Each wins over the `AWS_*` variable of the same
    /// meaning. Other roots ignore them.
    pub storage: BTreeMap<String, String>,
    /// Rows from which a data file is worth an index beside it; default 16 384.
    pub index_from_rows: u64,
    /// Which bytes outside the graph a write may refer to; none by default. What is stored stays readable.
    pub external_blobs: ExternalBlobPolicy,
    /// Whether loads and mutations fill the `@embed` vectors that they leave out, or whose source they change, with the
    /// embedding of the source; off by default. What embeds is what embeds the texts of queries
    /// ([`Omnigraph::with_embedding_config`]); if the schema records a model, it must have that one.
    pub embed_on_write: bool,
    /// Whether this handle compacts tables in the background once a good part of a large file is deleted; off by default.
    /// A compaction is a commit by `omnigraph:maintenance`; for a process that lives and does not count commits.
    pub compact_in_background: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions {
            durability: Durability::Full,
            memory_budget: 1 << 30,
            read_only: false,
            actor: None,
            storage: BTreeMap::new(),
            index_from_rows: INDEX_FROM_ROWS,
            external_blobs: ExternalBlobPolicy::deny(),
            embed_on_write: false,
            compact_in_background: false,
        }
    }
}

/// Shows which storage settings are made, never their values: some are secrets.
impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OpenOptions {
            durability,
            memory_budget,
            read_only,
            actor,
            storage,
            index_from_rows,
            external_blobs,
            embed_on_write,
            compact_in_background,
        } = self;
        f.debug_struct("OpenOptions")
            .field("durability", durability)
            .field("memory_budget", memory_budget)
            .field("read_only", read_only)
            .field("actor", actor)
            .field("storage", &storage.keys().collect::<Vec<_>>())
            .field("index_from_rows", index_from_rows)
            .field("external_blobs", &external_blobs.bases())
            .field("embed_on_write", embed_on_write)
            .field("compact_in_background", compact_in_background)
            .finish()
    }
}

/// A handle on one graph. Cheap to clone; may be shared by many tasks.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use omnigraph::Omnigraph;
/// use omnigraph::db::Mutate;
///
/// let graph = Omnigraph::init("memory://doc", "node Person { name: String @key  age: I32? }").await?;
/// let text = r#"query add() { insert Person { name: "Ada", age: 36 } }"#;
/// graph.mutate(Mutate::new("main", text)).await?;
///
/// let read = "query all() { match { $p: Person } return { $p.name, $p.age } }";
/// let answer = graph.query("main", read, None, &Default::default()).await?;
/// assert_eq!(answer.row_count(), 1);
/// # Ok::<(), omnigraph::OmniError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Omnigraph {
    pub(super) graph: Graph,
    pub(super) readers: ReaderCache,
    pub(super) sources: Arc<Sources>,
    pub(super) embedder: Arc<Embedder>,
    pub(super) embed_on_write: bool,
    pub(super) compact: bool,
    policy: Option<Arc<dyn PolicyChecker>>,
    compiled: Cache<CompiledKey, Arc<ir::Query>>,
}

impl Omnigraph {
    /// Creates a graph at a local path, `file://…`, `s3://bucket/prefix` or `memory://name`, with default options.
    ///
    /// # Errors
    /// [`OmniError::Compiler`] when the schema is refused, [`OmniError::AlreadyInitialized`] when a graph is there.
    pub fn init<'a>(uri: &'a str, schema_source: &'a str) -> BoxFuture<'a, Result<Omnigraph>> {
        Box::pin(async move { Omnigraph::init_with(uri, schema_source, &OpenOptions::default()).await })
    }

    /// Creates a graph. Its first commit names an empty table for each type.
    ///
    /// # Errors
    /// As [`Omnigraph::init`].
    pub fn init_with<'a>(
        uri: &'a str,
        schema_source: &'a str,
        options: &'a OpenOptions,
    ) -> BoxFuture<'a, Result<Omnigraph>> {
        Box::pin(async move {
            let domain = ulid::Ulid::new().to_string();
            let compiled = schema::compile(schema_source, &domain)?;
            let root = open_root(uri, options).await?;
            let graph = Graph::init(root, schema_source, compiled.catalog, options.actor.as_deref()).await?;
            Ok(Omnigraph::from_graph(graph, options))
        })
    }

    /// Opens a graph for reading and writing; finishes or discards writes that a crash left behind.
    ///
    /// # Errors
    /// [`OmniError::NotAGraph`], [`OmniError::UnsupportedFormat`], [`OmniError::Storage`].
    pub fn open<'a>(uri: &'a str) -> BoxFuture<'a, Result<Omnigraph>> {
        Box::pin(async move { Omnigraph::open_with(uri, &OpenOptions::default()).await })
    }

    /// Opens a graph for reading; the store is never written.
    ///
    /// # Errors
    /// As [`Omnigraph::open`].
    pub fn open_read_only<'a>(uri: &'a str) -> BoxFuture<'a, Result<Omnigraph>> {
        Box::pin(async move {
            Omnigraph::open_with(uri, &OpenOptions { read_only: true, ..OpenOptions::default() }).await
        })
    }

    /// Opens a graph.
    ///
    /// # Errors
    /// As [`Omnigraph::open`].
    pub fn open_with<'a>(uri: &'a str, options: &'a OpenOptions) -> BoxFuture<'a, Result<Omnigraph>> {
        Box::pin(async move {
            let root = open_root(uri, options).await?;
            let graph = if options.read_only {
                Graph::open_read_only(root).await?
            } else {
                Graph::open(root).await?
            };
            Ok(Omnigraph::from_graph(graph, options))
        })
    }

    fn from_graph(graph: Graph, options: &OpenOptions) -> Omnigraph {
        Omnigraph {
            graph,
            readers: ReaderCache::default(),
            sources: Arc::new(Sources::new(options.external_blobs.clone(), options.storage.clone())),
            embedder: Arc::new(Embedder::default()),
            embed_on_write: options.embed_on_write,
            compact: options.compact_in_background,
            policy: None,
            compiled: Cache::builder()
                .max_capacity(COMPILED_TEXTS)
                .weigher(|(_, source, _): &CompiledKey, _| {
                    u32::try_from(source.len().max(SHORTEST_TEXT)).unwrap_or(u32::MAX)
                })
                .build(),
        }
    }

    /// Embeds texts, of queries and of writes, by this configuration instead of that of the environment.
    pub fn with_embedding_config(mut self, config: Arc<EmbeddingConfig>) -> Omnigraph {
        self.embedder = Arc::new(Embedder::new(config));
        self
    }

    /// Asks a policy before every write of this handle and its clones, branches included; it then needs an actor. Reads
    /// and maintenance are not asked about.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use std::sync::Arc;
    /// use omnigraph::{OmniError, Omnigraph};
    /// use omnigraph_policy::PolicyEngine;
    ///
    /// let graph = Omnigraph::init("memory://guarded", "node Person { name: String @key }").await?;
    /// let nobody_may = PolicyEngine::load_graph_from_source("version: 1\n", "people").unwrap();
    /// let graph = graph.with_policy(Arc::new(nobody_may));
    /// let denied = graph.branch_create_from_as("main", "draft", Some("ada")).await;
    /// assert!(matches!(denied, Err(OmniError::Policy(_))));
    /// # Ok::<(), OmniError>(())
    /// # }).unwrap();
    /// ```
    pub fn with_policy(mut self, policy: Arc<dyn PolicyChecker>) -> Omnigraph {
        self.policy = Some(policy);
        self
    }

    /// Asks the policy, if there is one, whether an actor may do something. First of all in every writing method, so that
    /// what is denied reads and writes nothing.
    pub(super) fn allow(&self, operation: Operation<'_>, actor: Option<&str>) -> Result<()> {
        for (action, scope) in operation.questions() {
            enforce(self.policy.as_deref(), action, &scope, actor)?;
        }
        Ok(())
    }

    /// Returns what embeds the texts of writes, if anything does.
    pub(super) fn write_embedder(&self) -> Option<Arc<dyn Embed>> {
        self.embed_on_write.then(|| self.embedder.clone() as Arc<dyn Embed>)
    }

    /// Returns the root the graph lives in.
    pub fn uri(&self) -> &str {
        self.graph.root().uri()
    }

    /// Resolves a target to one snapshot: the newest commit of a branch, or a commit by id.
    ///
    /// # Errors
    /// [`OmniError::BranchNotFound`], or not found (`commit '<id>' not found`).
    pub fn snapshot_of<'a>(&'a self, target: impl Into<ReadTarget>) -> BoxFuture<'a, Result<SnapshotView>> {
        self.snapshot_of_boxed(target.into())
    }

    fn snapshot_of_boxed<'a>(&'a self, target: ReadTarget) -> BoxFuture<'a, Result<SnapshotView>> {
        Box::pin(async move { self.resolve(&target).await.map(SnapshotView) })
    }

    /// Returns the compiled schema of a target.
    ///
    /// # Errors
    /// As [`Omnigraph::snapshot_of`].
    pub fn catalog<'a>(&'a self, target: impl Into<ReadTarget>) -> BoxFuture<'a, Result<Arc<Catalog>>> {
        self.catalog_boxed(target.into())
    }

    fn catalog_boxed<'a>(&'a self, target: ReadTarget) -> BoxFuture<'a, Result<Arc<Catalog>>> {
        Box::pin(async move { Ok(self.resolve(&target).await?.catalog().clone()) })
    }

    /// Returns the names of the live branches, `main` first, the others ascending.
    ///
    /// # Errors
    /// [`OmniError::Storage`].
    pub fn branch_list<'a>(&'a self) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move { Ok(self.graph.branches().await?.iter().map(ToString::to_string).collect()) })
    }

    /// Returns the state a branch had at a version of it.
    ///
    /// # Errors
    /// [`OmniError::BranchNotFound`], or not found when the branch has no such version.
    pub fn snapshot_at<'a>(
        &'a self,
        branch: &'a str,
        graph_manifest_version: u64,
    ) -> BoxFuture<'a, Result<SnapshotView>> {
        Box::pin(async move {
            let branch = BranchName::parse(branch)?;
            Ok(SnapshotView(self.graph.at_seq(&branch, Seq(graph_manifest_version)).await?))
        })
    }

    /// Finishes or discards writes that other processes left behind, as opening does.
    ///
    /// # Errors
    /// [`OmniError::Storage`]; a bad request on a handle opened for reading.
    pub fn refresh<'a>(&'a self) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { Ok(self.graph.recover().await?) })
    }

    /// Waits until nothing runs in the background, so that the process may end without leaving work to recovery.
    pub fn close(self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.graph.finish().await;
            self.graph.root().parts_stored().await;
        })
    }

    pub(super) async fn resolve(&self, target: &ReadTarget) -> Result<Snapshot> {
        match target {
            ReadTarget::Branch(name) => Ok(self.graph.head(&BranchName::parse(name)?).await?),
            ReadTarget::Snapshot(id) => {
                Ok(branch::at_commit(&self.graph, &CommitId::parse(id.as_str())?).await?)
            }
        }
    }

    pub(super) fn compile(
        &self,
        snapshot: &Snapshot,
        source: &str,
        name: Option<&str>,
    ) -> Result<Arc<ir::Query>> {
        let key = (snapshot.record().schema.clone(), source.to_owned(), name.map(str::to_owned));
        if let Some(compiled) = self.compiled.get(&key) {
            return Ok(compiled);
        }
        let compiled = Arc::new(query::compile(source, name, snapshot.catalog())?);
        self.compiled.insert(key, compiled.clone());
        Ok(compiled)
    }
}

impl From<query::CompileError> for OmniError {
    fn from(error: query::CompileError) -> Self {
        match error {
            query::CompileError::Source(diagnostics) => OmniError::Compiler(diagnostics),
            query::CompileError::Select(select) => OmniError::bad_request(select.to_string()),
        }
    }
}

#[cfg(feature = "failpoints")]
impl Omnigraph {
    /// As [`Omnigraph::init_with`], in a store that a test supplies.
    pub(crate) async fn init_in(store: Arc<dyn ObjectStore>, schema_source: &str) -> Result<Omnigraph> {
        let compiled = schema::compile(schema_source, &ulid::Ulid::new().to_string())?;
        let root = supplied_root(store).await?;
        Ok(Omnigraph::from_graph(
            Graph::init(root, schema_source, compiled.catalog, None).await?,
            &OpenOptions::default(),
        ))
    }

    /// As [`Omnigraph::open`], in a store that a test supplies.
    pub(crate) async fn open_in(store: Arc<dyn ObjectStore>) -> Result<Omnigraph> {
        Ok(Omnigraph::from_graph(Graph::open(supplied_root(store).await?).await?, &OpenOptions::default()))
    }
}

#[cfg(feature = "failpoints")]
impl Omnigraph {
    /// Waits until what was derived from data files is kept, and drops what this process holds of it, of all graphs.
    pub fn forget_derived<'a>(&'a self) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.graph.finish().await;
            self.graph.root().parts_stored().await;
            self.graph.root().forget_derived();
        })
    }
}

#[cfg(feature = "failpoints")]
async fn supplied_root(store: Arc<dyn ObjectStore>) -> Result<Root> {
    Ok(Root::open("memory://supplied", RootOptions { store: Some(store), ..RootOptions::default() }).await?)
}

async fn open_root(uri: &str, options: &OpenOptions) -> Result<Root> {
    let root_options = RootOptions {
        durability: options.durability,
        memory_budget: options.memory_budget,
        store: None,
        storage: options.storage.clone(),
        stores_parts: !options.read_only,
        tuning: Tuning { index_from_rows: options.index_from_rows, ..Tuning::default() },
    };
    Ok(Root::open(uri, root_options).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_never_shows_the_value_of_a_storage_setting() {
        let storage = [("aws_secret_access_key".to_owned(), "hunter2".to_owned())].into();
        let shown = format!("{:?}", OpenOptions { storage, ..OpenOptions::default() });
        assert!(shown.contains("aws_secret_access_key") && !shown.contains("hunter2"), "{shown}");
    }
}
