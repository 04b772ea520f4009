//! Reads bytes outside the graph: files and objects that a policy allows, never others.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use omnigraph_storage::objects::stores::bucket;
use parking_lot::Mutex;

use super::policy::{Allowed, ExternalBlobPolicy, shown};
use super::uri::Scheme;
use crate::error::{OmniError, Result};

/// The sources of a handle: what it may refer to, and the clients that read it.
#[derive(Default)]
pub(crate) struct Sources {
    policy: ExternalBlobPolicy,
    settings: BTreeMap<String, String>,
    buckets: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

/// A source that is there.
pub(crate) struct Source {
    text: String,
    location: Location,
    /// Its size in bytes.
    pub(crate) size: u64,
}

enum Location {
    File(PathBuf),
    Object(Arc<dyn ObjectStore>, Path),
}

impl Sources {
    /// Joins a policy with the settings of bucket clients.
    pub(crate) fn new(policy: ExternalBlobPolicy, settings: BTreeMap<String, String>) -> Sources {
        Sources { policy, settings, buckets: Mutex::default() }
    }

    /// Checks that a URI may be referenced, without contacting it.
    ///
    /// # Errors
    /// [`OmniError::ExternalBlobPolicy`].
    pub(crate) fn check(&self, text: &str) -> Result<Allowed> {
        self.policy.check(text)
    }

    /// Looks whether what may be referenced is there.
    ///
    /// # Errors
    /// [`OmniError::ExternalBlobSource`].
    pub(crate) async fn probe(&self, text: &str, allowed: &Allowed) -> Result<Source> {
        let unavailable = |reason: String| OmniError::ExternalBlobSource { uri: shown(text), reason };
        let (location, size) = match allowed.uri.scheme() {
            Scheme::File => {
                let path = PathBuf::from(format!("/{}", allowed.uri.path()));
                let found =
                    tokio::fs::canonicalize(&path).await.map_err(|error| unavailable(error.to_string()))?;
                if !allowed.directory.as_ref().is_some_and(|directory| found.starts_with(directory)) {
                    return Err(unavailable("a link leads out of the allowed directory".to_owned()));
                }
                let metadata =
                    tokio::fs::metadata(&found).await.map_err(|error| unavailable(error.to_string()))?;
                if !metadata.is_file() {
                    return Err(unavailable("it is not a file".to_owned()));
                }
                (Location::File(found), metadata.len())
            }
            Scheme::S3 => {
                let store = self.bucket(allowed.uri.bucket())?;
                let path = Path::parse(allowed.uri.path()).map_err(|error| unavailable(error.to_string()))?;
                let found = store.head(&path).await.map_err(|error| unavailable(reason(&error)))?;
                (Location::Object(store, path), found.size)
            }
        };
        Ok(Source { text: text.to_owned(), location, size })
    }

    fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>> {
        if let Some(store) = self.buckets.lock().get(name) {
            return Ok(store.clone());
        }
        let store = bucket(name, &self.settings)?;
        self.buckets.lock().insert(name.to_owned(), store.clone());
        Ok(store)
    }
}

impl Source {
    /// Reads all bytes.
    ///
    /// # Errors
    /// [`OmniError::ExternalBlobSource`].
    pub(crate) async fn read(&self) -> Result<Bytes> {
        let unavailable = |reason| OmniError::ExternalBlobSource { uri: shown(&self.text), reason };
        match &self.location {
            Location::File(path) => {
                let bytes = tokio::fs::read(path).await.map_err(|error| unavailable(error.to_string()))?;
                Ok(bytes.into())
            }
            Location::Object(store, path) => {
                let found = store.get(path).await.map_err(|error| unavailable(reason(&error)))?;
                found.bytes().await.map_err(|error| unavailable(reason(&error)))
            }
        }
    }
}

/// Says what went wrong without the request, which may be signed.
fn reason(error: &object_store::Error) -> String {
    match error {
        object_store::Error::NotFound { .. } => "not found".to_owned(),
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            "permission denied".to_owned()
        }
        _ => "the store did not answer".to_owned(),
    }
}
