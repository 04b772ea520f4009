//! The format stamp, and the decoding of every stored JSON object.
//!
//! Owns `__manifest/format.json`. It is the first object of a root, created only if absent and never changed: whatever
//! else stands at the root was written by a release that had read it. It does not yet make a graph: the ref of `main`
//! does (see [`super::init`]).
//!
//! Invariant: an object whose stamp is greater than [`STORAGE_FORMAT`] is refused before its other fields are looked at;
//! unknown fields of a readable object are ignored.

use bytes::Bytes;
use omnigraph_storage::{Created, Root, StorageFailureKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{GraphError, Result};

/// Storage format this release writes, and the newest it reads.
pub const STORAGE_FORMAT: u32 = 1;

/// Directory of all commit objects.
pub const MANIFEST: &str = "__manifest";
const PATH: &str = "__manifest/format.json";

/// The stamp of a root.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Format {
    /// Storage format of the graph.
    pub(crate) format: u32,
    /// ULID of the root.
    pub(crate) graph_id: String,
    /// Microseconds since the epoch.
    pub(crate) created_at: i64,
}

#[derive(Deserialize)]
struct Stamp {
    format: u32,
}

/// Reads the stamp; absent means that no graph was ever begun here.
pub(crate) async fn load(root: &Root) -> Result<Option<Format>> {
    match root.get(PATH).await? {
        Some(bytes) => decode(root, PATH, &bytes).map(Some),
        None => Ok(None),
    }
}

/// Stamps the root unless it has a stamp already.
///
/// # Errors
/// [`GraphError::UnsupportedFormat`] for a stamp of a newer release.
pub(crate) async fn claim(root: &Root) -> Result<()> {
    let stamp =
        Format { format: STORAGE_FORMAT, graph_id: ulid::Ulid::new().to_string(), created_at: now_micros() };
    match root.create(PATH, encode(&stamp)).await? {
        Created::Yes => Ok(()),
        Created::Taken(found) => decode::<Format>(root, PATH, &found).map(drop),
    }
}

/// Decodes a stored object after checking its stamp.
///
/// # Errors
/// [`GraphError::UnsupportedFormat`], or a permanent storage failure naming the object.
pub(crate) fn decode<T: DeserializeOwned>(root: &Root, path: &str, bytes: &[u8]) -> Result<T> {
    let stamp: Stamp = serde_json::from_slice(bytes).map_err(|error| damaged(root, path, &error))?;
    if stamp.format > STORAGE_FORMAT {
        return Err(GraphError::UnsupportedFormat {
            uri: root.uri().to_owned(),
            found: stamp.format,
            supported: STORAGE_FORMAT,
        });
    }
    serde_json::from_slice(bytes).map_err(|error| damaged(root, path, &error))
}

/// Encodes an object that is stored.
pub fn encode<T: Serialize>(value: &T) -> Bytes {
    serde_json::to_vec(value).expect("stored objects have string keys and finite numbers").into()
}

/// Returns the current time in microseconds since the epoch.
pub(crate) fn now_micros() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

fn damaged(root: &Root, path: &str, error: &serde_json::Error) -> GraphError {
    GraphError::storage(StorageFailureKind::Permanent, format!("{}/{path} is damaged: {error}", root.uri()))
}
