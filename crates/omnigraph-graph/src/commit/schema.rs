//! Schema contracts: the accepted source text with its compiled catalog, stored once per content.
//!
//! Owns `__manifest/schema/<sha256>.json`, named by the hash of its own bytes and checked on reading, and `_schema.pg`
//! at the root, a copy of `main`'s source for people that is never read back.
//! Cost: one request per contract and handle; parsed contracts are kept in a bounded cache.

use std::sync::Arc;

use bytes::Bytes;
use moka::sync::Cache;
use omnigraph_compiler::catalog::Catalog;
use omnigraph_storage::{Root, StorageFailureKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::failpoints;
use super::format::{self, MANIFEST, STORAGE_FORMAT};
use crate::error::{GraphError, Result};

/// Contracts kept per handle.
const CACHED: u64 = 64;
/// Where people find the source text.
const COPY: &str = "_schema.pg";

/// An accepted schema.
#[derive(Debug)]
pub struct SchemaContract {
    /// Hash of the stored form.
    pub(crate) hash: String,
    /// Source text.
    pub(crate) source: String,
    /// Its compiled form.
    pub(crate) catalog: Arc<Catalog>,
    stored: Bytes,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    source: String,
    catalog: Arc<Catalog>,
}

impl SchemaContract {
    /// Builds the contract of a compiled source text.
    pub fn new(source: &str, catalog: Catalog) -> SchemaContract {
        let stored = Stored { format: STORAGE_FORMAT, source: source.to_owned(), catalog: Arc::new(catalog) };
        let bytes = format::encode(&stored);
        SchemaContract { hash: hash(&bytes), source: stored.source, catalog: stored.catalog, stored: bytes }
    }
}

/// The contracts of one root.
#[derive(Clone)]
pub struct Schemas {
    root: Root,
    cache: Cache<String, Arc<SchemaContract>>,
}

impl Schemas {
    /// Makes an empty cache over a root.
    pub fn new(root: Root) -> Schemas {
        Schemas { root, cache: Cache::new(CACHED) }
    }

    /// Returns the contract with this hash.
    ///
    /// # Errors
    /// A storage failure when it is missing or its bytes are not those that were hashed.
    pub(crate) async fn get(&self, wanted: &str) -> Result<Arc<SchemaContract>> {
        if let Some(contract) = self.cache.get(wanted) {
            return Ok(contract);
        }
        failpoints::hit(&self.root, failpoints::SCHEMA_READ)?;
        let path = path(wanted);
        let bytes = self.root.get(&path).await?.ok_or_else(|| {
            GraphError::storage(
                StorageFailureKind::NotFound,
                format!("schema contract {path} is missing at {}", self.root.uri()),
            )
        })?;
        if hash(&bytes) != wanted {
            return Err(GraphError::storage(
                StorageFailureKind::Permanent,
                format!("schema contract {path} at {} does not have the hash of its name", self.root.uri()),
            ));
        }
        let stored: Stored = format::decode(&self.root, &path, &bytes)?;
        let contract = Arc::new(SchemaContract {
            hash: wanted.to_owned(),
            source: stored.source,
            catalog: stored.catalog,
            stored: bytes,
        });
        self.cache.insert(wanted.to_owned(), contract.clone());
        Ok(contract)
    }

    /// Stores a contract; storing it twice is storing it once.
    pub(crate) async fn put(&self, contract: Arc<SchemaContract>) -> Result<()> {
        self.root.create(&path(&contract.hash), contract.stored.clone()).await?;
        self.cache.insert(contract.hash.clone(), contract);
        Ok(())
    }

    /// Refreshes the copy for people; a failure is logged, as nothing depends on it.
    pub async fn write_copy(&self, source: &str) {
        if let Err(error) = self.root.put(COPY, Bytes::copy_from_slice(source.as_bytes())).await {
            tracing::warn!(%error, "could not refresh {COPY}");
        }
    }
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn path(hash: &str) -> String {
    format!("{MANIFEST}/schema/{hash}.json")
}
