//! When a request of the object store is made again.
//!
//! The S3 client repeats by itself what a server refuses (5xx, 429), what never left the machine, and, of what got no
//! answer, reads and unconditional puts; it goes on with a body that broke off. What gets through to us: a failure
//! that outlasts that, a conditional put or a bulk deletion without an answer, and a put-if-absent whose second try by
//! the client met the object of its first one. A store without such a client lets everything through.
//!
//! So requests that may be repeated are, a few times, with growing and jittered pauses: reads, listings, unconditional
//! puts, and a put-if-absent once its path was looked at. Deletions never are: another object may have taken the name.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::error::{StorageError, StorageFailureKind};

/// Times a request is made at most.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// A request that the client repeats by itself and that has taken longer was repeated, in vain.
const PATIENCE: Duration = Duration::from_secs(5);

/// The tries of one request.
pub struct Tries {
    started: Instant,
    patience: Duration,
    made: u32,
}

impl Tries {
    /// Begins the first try of a request that clients repeat too.
    #[expect(clippy::new_without_default, reason = "it reads the clock")]
    pub fn new() -> Tries {
        Tries { started: Instant::now(), patience: PATIENCE, made: 1 }
    }

    /// Begins the first try of a request that no client repeats.
    pub(crate) fn of_unrepeated() -> Tries {
        Tries { patience: Duration::MAX, ..Tries::new() }
    }

    /// Pauses before another try; tells whether there is to be one.
    pub async fn again(&mut self, error: &StorageError) -> bool {
        is_transient(error) && self.once_more().await
    }

    /// As [`Tries::again`], where the failure is known to be of the kind that goes away.
    pub async fn once_more(&mut self) -> bool {
        if self.made == TRIES || self.started.elapsed() > self.patience {
            return false;
        }
        let pause = jittered(FIRST_PAUSE * 2_u32.pow(self.made));
        self.made += 1;
        tokio::time::sleep(pause).await;
        true
    }
}

/// Returns a pause of which half is fixed and half random.
pub fn jittered(full: Duration) -> Duration {
    full.mul_f64(rand::rng().random_range(0.5..1.0))
}

fn is_transient(error: &StorageError) -> bool {
    matches!(error, StorageError::Storage(failure) if failure.kind == StorageFailureKind::Transient)
}
