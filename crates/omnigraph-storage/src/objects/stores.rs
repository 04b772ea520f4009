//! The object stores of this process that Lance reaches by URI: memory roots by name, and stores that tests inject.
//!
//! Lance finds a store through a provider per URI scheme. We register our own provider under the scheme
//! `shared-memory`, which Lance already knows to support conditional put; a URI is `shared-memory://<store id>/<path>`.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use lance_io::object_store::{ObjectStore as LanceStore, ObjectStoreParams, ObjectStoreProvider};
use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::signer::Url;
use parking_lot::Mutex;

use crate::error::Result;
use crate::objects::{failure, settings};

/// URI scheme of registered stores.
pub(crate) const SCHEME: &str = "shared-memory";

const IO_PARALLELISM: usize = 16;
const DOWNLOAD_RETRIES: usize = 3;

static STORES: LazyLock<Mutex<Registered>> = LazyLock::new(Mutex::default);

/// Makes a client of a bucket outside the graph, from the environment and settings that win over it.
///
/// # Errors
/// `Storage` with kind `Configuration`.
pub fn bucket(name: &str, given: &BTreeMap<String, String>) -> Result<Arc<dyn ObjectStore>> {
    let known = settings::merged(given)?.into_iter().filter_map(|(key, value)| {
        // Settings of Lance's own do not concern this client.
        Some((AmazonS3ConfigKey::from_str(&key).ok()?, value))
    });
    let builder = known.fold(AmazonS3Builder::from_env().with_bucket_name(name), |builder, (key, value)| {
        builder.with_config(key, value)
    });
    let store = builder.build().map_err(|error| failure::object(&format!("s3://{name}"), error))?;
    Ok(Arc::new(store))
}

#[derive(Default)]
struct Registered {
    next: u64,
    stores: HashMap<String, Arc<dyn ObjectStore>>,
    memory: HashMap<String, String>,
}

impl Registered {
    fn add(&mut self, store: Arc<dyn ObjectStore>) -> String {
        self.next += 1;
        let id = format!("s{}", self.next);
        self.stores.insert(id.clone(), store);
        id
    }
}

/// A registered store; an injected one is forgotten when this is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    id: String,
    injected: bool,
}

impl Registration {
    /// Returns the in-memory store of that name, the same for the whole process and its whole life.
    pub(crate) fn memory(name: &str) -> Registration {
        let mut registered = STORES.lock();
        let id = match registered.memory.get(name) {
            Some(id) => id.clone(),
            None => {
                let id = registered.add(Arc::new(InMemory::new()));
                registered.memory.insert(name.to_owned(), id.clone());
                id
            }
        };
        Registration { id, injected: false }
    }

    /// Registers a store that a caller supplied.
    pub(crate) fn injected(store: Arc<dyn ObjectStore>) -> Registration {
        Registration { id: STORES.lock().add(store), injected: true }
    }

    /// Returns the URI by which Lance finds the store.
    pub(crate) fn uri(&self) -> String {
        format!("{SCHEME}://{}", self.id)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.injected {
            STORES.lock().stores.remove(&self.id);
        }
    }
}

/// Gives Lance the registered stores.
#[derive(Debug)]
pub(crate) struct Provider;

#[async_trait::async_trait]
impl ObjectStoreProvider for Provider {
    async fn new_store(&self, base: Url, params: &ObjectStoreParams) -> lance_core::Result<LanceStore> {
        let store = STORES.lock().stores.get(base.authority()).cloned();
        let store = store
            .ok_or_else(|| lance_core::Error::invalid_input(format!("no store is registered for {base}")))?;
        Ok(LanceStore::new(
            store,
            base,
            params.block_size,
            None,
            false,
            false,
            IO_PARALLELISM,
            DOWNLOAD_RETRIES,
            None,
        ))
    }

    fn extract_path(&self, url: &Url) -> lance_core::Result<Path> {
        Path::from_url_path(url.path()).map_err(|error| lance_core::Error::invalid_input(error.to_string()))
    }
}
