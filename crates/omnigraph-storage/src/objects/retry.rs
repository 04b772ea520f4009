//! When a request to the object store is made again, and after which pause.
//!
//! The S3 client repeats by itself what a server refuses (5xx, 429), what never left the machine, and, of what got no
//! answer, reads and unconditional puts; it goes on with a body that broke off. What gets through to us: a failure
//! that outlasts that, a conditional put or a bulk deletion without an answer, and a put-if-absent whose second attempt by
//! the client met the object of its first one. A store without such a client lets everything through.
//!
//! So requests that may be repeated are, a few times, with growing and jittered pauses: reads, listings, unconditional
//! puts, and a put-if-absent once its path was looked at. Deletions never are: another object may have taken the name.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::error::{Result, StorageError, StorageFailureKind};

/// Attempts at a request, at most.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// A request that the client repeats by itself and that has taken longer was repeated, in vain.
const REPEATED_BY_CLIENT: Duration = Duration::from_secs(5);

/// The attempts at one request, and whether another is worth while.
pub struct Retry {
    started: Instant,
    /// How long after the first attempt another may begin.
    limit: Duration,
    attempts: u32,
}

impl Retry {
    /// Begins the first attempt at a request that clients repeat too.
    #[expect(clippy::new_without_default, reason = "it reads the clock")]
    pub fn new() -> Retry {
        Retry { started: Instant::now(), limit: REPEATED_BY_CLIENT, attempts: 1 }
    }

    /// Begins the first attempt at a request that no client repeats.
    pub(crate) fn of_unrepeated() -> Retry {
        Retry { limit: Duration::MAX, ..Retry::new() }
    }

    /// Pauses before another attempt; tells whether there is to be one.
    pub async fn again(&mut self, error: &StorageError) -> bool {
        is_transient(error) && self.once_more().await
    }

    /// As [`Retry::again`], where the failure is known to be of the kind that goes away.
    pub async fn once_more(&mut self) -> bool {
        if self.attempts == ATTEMPTS || self.started.elapsed() > self.limit {
            return false;
        }
        let pause = jittered(FIRST_PAUSE * 2_u32.pow(self.attempts));
        self.attempts += 1;
        tokio::time::sleep(pause).await;
        true
    }
}

/// Makes a request until it succeeds, fails in a way that stays, or is not worth another attempt. For requests that may be
/// made twice.
pub(crate) async fn repeated<T, F>(request: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut retry = Retry::new();
    loop {
        match request().await {
            Err(error) if retry.again(&error).await => {}
            answer => return answer,
        }
    }
}

/// Returns a pause of which half is fixed and half random.
pub fn jittered(full: Duration) -> Duration {
    full.mul_f64(rand::rng().random_range(0.5..1.0))
}

fn is_transient(error: &StorageError) -> bool {
    matches!(error, StorageError::Storage(failure) if failure.kind == StorageFailureKind::Transient)
}
