//! Creating a graph.
//!
//! The ref of `main` is what makes a root a graph: it is created last, by put-if-absent, so of concurrent creations
//! exactly one wins and an interrupted one left nothing that anybody reads. Everything before it has a name of its own:
//! the branch uid is minted per call, table paths end in a token minted per call, contracts are named by content.
//! Only the format stamp is shared; it says the same whoever wrote it. So a creation can always be repeated, beside a
//! dead or a live one, and never looks at what another left; `cleanup` removes that.

use std::sync::Arc;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use omnigraph_compiler::catalog::{Catalog, EntityKind, Incarnation, TypeId, TypeKey};
use omnigraph_storage::{Retry, Root, StorageError, StorageFailureKind, Table};

use super::failpoints;
use super::format::{self, STORAGE_FORMAT};
use super::ids::{BranchName, BranchUid, OperationId};
use super::log::{Append, Log};
use super::record::{Authorship, BranchTarget, CommitKind, CommitRecord, TablePin};
use super::refs::{self, BranchRef};
use super::schema::{SchemaContract, Schemas};
use crate::error::{GraphError, Result};
use crate::model::physical_schema;

/// Tables created at the same time.
const CREATED_AT_ONCE: usize = 8;
/// Version users see of the empty table of a new incarnation.
const FIRST_TABLE_VERSION: u64 = 1;

/// Creates everything a graph consists of; returns the ref of `main`.
pub(super) async fn create(
    root: &Root,
    source: &str,
    catalog: Catalog,
    actor: Option<&str>,
) -> Result<BranchRef> {
    let target = BranchTarget { uid: BranchUid::mint(), name: BranchName::main() };
    if refs::load(root, &target.name).await?.is_some() {
        return Err(already_initialized(root));
    }
    format::claim(root).await?;
    failpoints::hit(root, failpoints::INIT_CLAIMED)?;
    let author = Authorship {
        operation_id: OperationId::mint(),
        actor: actor.map(str::to_owned),
        created_at: format::now_micros(),
        kind: CommitKind::Init,
    };
    let main = BranchRef {
        format: STORAGE_FORMAT,
        name: target.name.clone(),
        uid: target.uid,
        inherited: Vec::new(),
        creator: author.actor.clone(),
        created_at: author.created_at,
    };
    let contract = Arc::new(SchemaContract::new(source, catalog));
    let schemas = Schemas::new(root.clone());
    let (tables, ()) =
        tokio::try_join!(create_tables(root, &contract.catalog), schemas.put(contract.clone()))?;
    let genesis = CommitRecord::genesis(&target, author, contract.hash.clone(), tables);
    match Log::new(root.clone()).append(genesis).await? {
        Append::Published(_) => {}
        Append::Lost => return Err(GraphError::internal("the log of a branch minted here was written to")),
    }
    failpoints::hit(root, failpoints::INIT_PREPARED)?;
    create_main(root, &main).await?;
    let exists = |source: StorageError| GraphError::InitializationCommitted {
        uri: root.uri().to_owned(),
        source: Box::new(source.into()),
    };
    failpoints::hit(root, failpoints::INIT_CREATED).map_err(exists)?;
    schemas.write_copy(source).await;
    failpoints::hit(root, failpoints::INIT_READY).map_err(exists)?;
    Ok(main)
}

/// Creates the ref that makes the graph.
async fn create_main(root: &Root, main: &BranchRef) -> Result<()> {
    match refs::create(root, main).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(already_initialized(root)),
        Err(source) => match refs::look(root, &main.name).await {
            Ok(Some(found)) if found.uid == main.uid => Ok(()),
            Ok(Some(_)) => Err(already_initialized(root)),
            Ok(None) => Err(source),
            Err(probe) => Err(GraphError::InitializationIndeterminate {
                uri: root.uri().to_owned(),
                source: source.into(),
                probe: probe.into(),
            }),
        },
    }
}

async fn create_tables(root: &Root, catalog: &Catalog) -> Result<Vec<TablePin>> {
    let creating: Vec<_> = catalog
        .type_keys()
        .map(|key| {
            async move {
                let pin = create_table(root, catalog, key).await?;
                failpoints::hit(root, failpoints::INIT_TABLE)?;
                Ok(pin)
            }
            .boxed()
        })
        .collect();
    stream::iter(creating).buffer_unordered(CREATED_AT_ONCE).try_collect().await
}

/// Creates the empty table of a type incarnation, and the first pin of it.
pub async fn create_table(root: &Root, catalog: &Catalog, key: TypeKey) -> Result<TablePin> {
    let unknown = || GraphError::internal(format!("the catalog has no type {key}"));
    let schema = physical_schema(catalog, &key).ok_or_else(unknown)?;
    let (type_id, incarnation) = identity(catalog, &key).ok_or_else(unknown)?;
    let mut retry = Retry::new();
    let table = loop {
        // No other call has this path: a table already there is what an unanswered request of this one made.
        let path = table_path(key.kind, type_id, incarnation);
        match Table::create(root, &path, schema.clone()).await {
            Err(error) if retry.again(&error).await || (is_taken(&error) && retry.once_more().await) => {}
            created => break created?,
        }
    };
    let stats = table.stats();
    Ok(TablePin {
        type_id,
        incarnation,
        alias: key.name,
        kind: key.kind,
        path: table.path().to_owned(),
        version: table.version(),
        table_version: FIRST_TABLE_VERSION,
        rows: stats.rows,
        bytes: stats.bytes,
        fragments: stats.fragments,
    })
}

fn is_taken(error: &StorageError) -> bool {
    matches!(error, StorageError::Storage(failure) if failure.kind == StorageFailureKind::Precondition)
}

fn identity(catalog: &Catalog, key: &TypeKey) -> Option<(TypeId, Incarnation)> {
    match key.kind {
        EntityKind::Node => catalog.nodes.get(&key.name).map(|node| (node.id, node.incarnation)),
        EntityKind::Edge => catalog.edges.get(&key.name).map(|edge| (edge.id, edge.incarnation)),
    }
}

/// Returns a path that no other call returns, so that a table made by a call that failed, or on another branch that
/// handed out the same numbers, is never mistaken for this one.
fn table_path(kind: EntityKind, type_id: TypeId, incarnation: Incarnation) -> String {
    let directory = match kind {
        EntityKind::Node => "nodes",
        EntityKind::Edge => "edges",
    };
    let token = OperationId::mint().to_string().to_lowercase();
    format!("{directory}/{type_id}-{incarnation}-{token}")
}

fn already_initialized(root: &Root) -> GraphError {
    GraphError::AlreadyInitialized { uri: root.uri().to_owned() }
}
