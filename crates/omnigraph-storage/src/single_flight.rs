//! Single flight: a cache entry is built once for all who ask for it at the same time.

use std::hash::Hash;
use std::sync::Arc;

use moka::future::Cache;

use crate::error::StorageError;

/// Returns the entry of `key`, built by `build` if need be; concurrent callers share one build.
///
/// The build runs as a task of its own. A caller that is not polled for a while (a stream behind a full buffer) or is
/// dropped would otherwise hold up every other caller that waits for the same entry, itself included.
///
/// # Errors
/// The error of the build; callers that shared it get an equivalent one. A failed build is not cached.
pub async fn build_once<K, V, E>(
    cache: &Cache<K, V>,
    key: K,
    build: impl Future<Output = Result<V, E>> + Send + 'static,
) -> Result<V, E>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: SharedError,
{
    if let Some(entry) = cache.get(&key).await {
        return Ok(entry);
    }
    let cache = cache.clone();
    match tokio::spawn(async move { cache.try_get_with(key, build).await }).await {
        Ok(built) => built.map_err(owned),
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(stopped) => {
                Err(StorageError::internal(format!("building a cache entry was cancelled: {stopped}")).into())
            }
        },
    }
}

/// An error that several waiters of one build get.
pub trait SharedError: From<StorageError> + Send + Sync + 'static {
    /// Makes an equivalent error for another waiter.
    fn share(&self) -> Self;
}

impl SharedError for StorageError {
    fn share(&self) -> StorageError {
        match self {
            StorageError::Storage(failure) => StorageError::storage(failure.kind, failure.message.clone()),
            StorageError::BadRequest(message) => StorageError::bad_request(message.clone()),
            other => StorageError::internal(other.to_string()),
        }
    }
}

/// Gives every waiter of a failed build an error of its own.
fn owned<E: SharedError>(error: Arc<E>) -> E {
    Arc::try_unwrap(error).unwrap_or_else(|error| error.share())
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_waiter_proceeds_while_the_first_caller_is_not_polled() {
        let cache: Cache<u8, u8> = Cache::new(10);
        let slow = async {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            Ok::<u8, StorageError>(7)
        };
        let mut first = futures::stream::iter([build_once(&cache, 1, slow)]).buffered(1);
        // Starts the build, then never polls the first caller again.
        assert!(futures::poll!(first.next()).is_pending());
        assert_eq!(build_once(&cache, 1, async { Ok::<u8, StorageError>(8) }).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_failed_build_is_not_cached() {
        let cache: Cache<u8, u8> = Cache::new(10);
        assert!(build_once(&cache, 1, async { Err(StorageError::internal("no")) }).await.is_err());
        assert_eq!(build_once(&cache, 1, async { Ok::<u8, StorageError>(8) }).await.unwrap(), 8);
    }
}
