//! The kinds of root that the contract suites run on.

use std::sync::Arc;

use object_store::memory::InMemory;
use tempfile::TempDir;

use super::server::Server;
use crate::objects::root::{Durability, Root, RootOptions};

/// A root with what must outlive it.
pub(super) struct Place {
    pub(super) root: Root,
    _directory: Option<TempDir>,
    _server: Option<Server>,
}

pub(super) async fn local_full() -> Place {
    local(Durability::Full).await
}

pub(super) async fn local_relaxed() -> Place {
    local(Durability::Relaxed).await
}

async fn local(durability: Durability) -> Place {
    let directory = tempfile::tempdir().unwrap();
    let uri = directory.path().join("some graph").to_str().unwrap().to_owned();
    let root = Root::open(&uri, RootOptions { durability, ..RootOptions::default() }).await.unwrap();
    Place { root, _directory: Some(directory), _server: None }
}

pub(super) async fn memory() -> Place {
    let uri = format!("memory://{:x}", rand::random::<u64>());
    let root = Root::open(&uri, RootOptions::default()).await.unwrap();
    Place { root, _directory: None, _server: None }
}

pub(super) async fn injected() -> Place {
    let options = RootOptions { store: Some(Arc::new(InMemory::new())), ..RootOptions::default() };
    let root = Root::open("/nowhere/at/all", options).await.unwrap();
    Place { root, _directory: None, _server: None }
}

/// A fresh prefix of the bucket that `OMNIGRAPH_S3_TEST_BUCKET` names, reached as the `AWS_…` variables say; none
/// without that variable.
pub(super) async fn external() -> Option<Place> {
    let Ok(bucket) = std::env::var("OMNIGRAPH_S3_TEST_BUCKET") else {
        super::skip::skipped("OMNIGRAPH_S3_TEST_BUCKET is not set");
        return None;
    };
    let uri = format!("s3://{bucket}/contract-{:x}", rand::random::<u128>());
    let root = Root::open(&uri, RootOptions::default()).await.unwrap();
    Some(Place { root, _directory: None, _server: None })
}

impl Place {
    /// Removes every object.
    pub(super) async fn empty(&self) {
        for object in self.root.list("").await.unwrap() {
            self.root.delete(&object.path).await.unwrap();
        }
    }
}

pub(super) async fn s3() -> Place {
    let server = Server::start().await;
    let options = RootOptions { storage: server.settings(), ..RootOptions::default() };
    let root = Root::open("s3://bucket/some/prefix", options).await.unwrap();
    Place { root, _directory: None, _server: Some(server) }
}
