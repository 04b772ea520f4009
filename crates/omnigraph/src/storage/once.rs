//! Building a cache entry once for all who ask for it at the same time.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use moka::future::Cache;

use crate::error::{OmniError, Result};

/// Returns the entry of `key`, built by `build` if need be; concurrent callers share one build.
///
/// The build runs as a task of its own. A caller that is not polled for a while (a stream behind a full buffer) or is
/// dropped would otherwise hold up every other caller that waits for the same entry, itself included.
///
/// # Errors
/// The error of the build; callers that shared it get an equivalent one. A failed build is not kept.
pub(crate) async fn build_once<K, V>(
    cache: &Cache<K, V>,
    key: K,
    build: impl Future<Output = Result<V>> + Send + 'static,
) -> Result<V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    if let Some(entry) = cache.get(&key).await {
        return Ok(entry);
    }
    let cache = cache.clone();
    match tokio::spawn(async move { cache.try_get_with(key, build).await }).await {
        Ok(built) => built.map_err(shared),
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(stopped) => {
                Err(OmniError::internal(format!("building a cache entry was cancelled: {stopped}")))
            }
        },
    }
}

/// Gives every waiter of a failed build an error of its own.
fn shared(error: Arc<OmniError>) -> OmniError {
    match Arc::try_unwrap(error) {
        Ok(error) => error,
        Err(error) => match error.as_ref() {
            OmniError::Storage(failure) => OmniError::storage(failure.kind, failure.message.clone()),
            other => OmniError::internal(other.to_string()),
        },
    }
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
            Ok(7)
        };
        let mut first = futures::stream::iter([build_once(&cache, 1, slow)]).buffered(1);
        // Starts the build, then never polls the first caller again.
        assert!(futures::poll!(first.next()).is_pending());
        assert_eq!(build_once(&cache, 1, async { Ok(8) }).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_failed_build_is_not_kept() {
        let cache: Cache<u8, u8> = Cache::new(10);
        assert!(build_once(&cache, 1, async { Err(OmniError::internal("no")) }).await.is_err());
        assert_eq!(build_once(&cache, 1, async { Ok(8) }).await.unwrap(), 8);
    }
}
