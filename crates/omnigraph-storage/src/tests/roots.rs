//! The kinds of root that the contract suites run on.

use std::sync::Arc;

use object_store::memory::InMemory;
use tempfile::TempDir;

use super::server::Server;
use crate::Tuning;
use crate::objects::root::{Durability, Root, RootOptions};

/// A root with what must live as long as it. Its tables take the ways of large ones from tens of rows on.
pub(super) struct TestRoot {
    pub(super) root: Root,
    _directory: Option<TempDir>,
    _server: Option<Server>,
}

fn options() -> RootOptions {
    RootOptions { tuning: Tuning::small(), ..RootOptions::default() }
}

pub(super) async fn local_full() -> TestRoot {
    local(Durability::Full).await
}

pub(super) async fn local_relaxed() -> TestRoot {
    local(Durability::Relaxed).await
}

async fn local(durability: Durability) -> TestRoot {
    let directory = tempfile::tempdir().unwrap();
    let uri = directory.path().join("some graph").to_str().unwrap().to_owned();
    let root = Root::open(&uri, RootOptions { durability, ..options() }).await.unwrap();
    TestRoot { root, _directory: Some(directory), _server: None }
}

pub(super) async fn memory() -> TestRoot {
    let uri = format!("memory://{:x}", rand::random::<u64>());
    let root = Root::open(&uri, options()).await.unwrap();
    TestRoot { root, _directory: None, _server: None }
}

pub(super) async fn injected() -> TestRoot {
    let options = RootOptions { store: Some(Arc::new(InMemory::new())), ..options() };
    let root = Root::open("/nowhere/at/all", options).await.unwrap();
    TestRoot { root, _directory: None, _server: None }
}

/// A fresh prefix of the bucket that `OMNIGRAPH_S3_TEST_BUCKET` names, reached as the `AWS_…` variables say; none
/// without that variable.
pub(super) async fn external() -> Option<TestRoot> {
    let Ok(bucket) = std::env::var("OMNIGRAPH_S3_TEST_BUCKET") else {
        super::skip::skipped("OMNIGRAPH_S3_TEST_BUCKET is not set");
        return None;
    };
    let uri = format!("s3://{bucket}/contract-{:x}", rand::random::<u128>());
    let root = Root::open(&uri, options()).await.unwrap();
    Some(TestRoot { root, _directory: None, _server: None })
}

impl TestRoot {
    /// Removes every object.
    pub(super) async fn empty(&self) {
        for object in self.root.list("").await.unwrap() {
            self.root.delete(&object.path).await.unwrap();
        }
    }
}

pub(super) async fn s3() -> TestRoot {
    let server = Server::start().await;
    let options = RootOptions { storage: server.settings(), ..options() };
    let root = Root::open("s3://bucket/some/prefix", options).await.unwrap();
    TestRoot { root, _directory: None, _server: Some(server) }
}
