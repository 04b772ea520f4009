//! The keys in use. They are read again in the background when they have reached an age, and at once when a token names a key
//! that is not among them, within the bounds of [`JwksLimits`].

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::fetch::{self, JwksError};
use super::keys::KeySet;
use super::settings::JwksSource;

/// Bounds on reading keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JwksLimits {
    /// Most bytes of the document.
    pub size: usize,
    /// Longest time of one reading.
    pub time: Duration,
    /// Shortest time between two readings, whatever tokens ask for.
    pub min_interval: Duration,
    /// Age at which keys are read again, so that a withdrawn key stops counting.
    pub max_age: Duration,
    /// Age at which keys that could not be read again stop counting.
    pub max_stale: Duration,
}

impl Default for JwksLimits {
    /// 1 MiB within 5 s, at most every 10 s, at least every 5 minutes, useless after a day.
    fn default() -> Self {
        Self {
            size: 1 << 20,
            time: Duration::from_secs(5),
            min_interval: Duration::from_secs(10),
            max_age: Duration::from_secs(300),
            max_stale: Duration::from_secs(24 * 3600),
        }
    }
}

/// Keys of one source. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct KeyCache {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    source: JwksSource,
    limits: JwksLimits,
    client: reqwest::Client,
    current: RwLock<Current>,
    /// When the last reading began. Held while one is under way, so that there is never a second.
    last_attempt: Mutex<Instant>,
}

/// Keys and when their reading ended.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) keys: Arc<KeySet>,
    read_at: Instant,
}

impl KeyCache {
    /// Reads the keys for the first time.
    pub(super) async fn load(source: JwksSource, limits: JwksLimits) -> Result<Self, JwksError> {
        let client = fetch::client()?;
        let bytes = fetch::fetch(&client, &source, limits.size, limits.time).await?;
        let keys = Arc::new(KeySet::parse(&bytes)?);
        let now = Instant::now();
        let current = RwLock::new(Current { keys, read_at: now });
        let shared = Shared { source, limits, client, current, last_attempt: Mutex::new(now) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Returns the keys at hand; `None` if they are so old that they no longer count. Old ones are read again in the
    /// background.
    pub(super) async fn current(&self) -> Option<Current> {
        let mut current = self.snapshot();
        let age = current.read_at.elapsed();
        if age >= self.shared.limits.max_stale {
            self.refresh(&current).await;
            current = self.snapshot();
        } else if age >= self.shared.limits.max_age {
            let (cache, seen) = (self.clone(), current.clone());
            tokio::spawn(async move { cache.refresh(&seen).await });
        }
        (current.read_at.elapsed() < self.shared.limits.max_stale).then_some(current)
    }

    /// Returns keys newer than `seen`, if there are any and it is time to ask.
    pub(super) async fn newer_than(&self, seen: &Current) -> Option<Current> {
        self.refresh(seen).await;
        let current = self.snapshot();
        (current.read_at > seen.read_at).then_some(current)
    }

    /// Reads the keys again unless someone else just did. A failure is logged and changes nothing.
    ///
    /// Dropping the future abandons the reading; the next may begin after the shortest interval.
    async fn refresh(&self, seen: &Current) {
        let shared = &self.shared;
        let mut last_attempt = shared.last_attempt.lock().await;
        let done = self.snapshot().read_at > seen.read_at;
        if done || last_attempt.elapsed() < shared.limits.min_interval {
            return;
        }
        *last_attempt = Instant::now();
        let read = fetch::fetch(&shared.client, &shared.source, shared.limits.size, shared.limits.time).await;
        match read.and_then(|bytes| KeySet::parse(&bytes)) {
            Ok(keys) => {
                let next = Current { keys: Arc::new(keys), read_at: Instant::now() };
                *shared.current.write().unwrap_or_else(PoisonError::into_inner) = next;
            }
            Err(error) => tracing::warn!(%error, "the JWT keys could not be read again; the old ones stay"),
        }
    }

    fn snapshot(&self) -> Current {
        self.shared.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
