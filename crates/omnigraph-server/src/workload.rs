//! Admission control: how much one actor may have under way, over all graphs of the process.
//!
//! There is no queue: what does not fit is refused at once. An actor with nothing under way takes no memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::env::{Env, NotUnicode};
use crate::error::ApiError;

/// Key under which all callers of an open server are counted. A counter name, never an author.
pub const ANONYMOUS: &str = "anonymous";

/// When a refused caller should come back.
const RETRY_AFTER: Duration = Duration::from_secs(60);

const INFLIGHT_VARIABLE: &str = "OMNIGRAPH_PER_ACTOR_INFLIGHT_MAX";
const BYTES_VARIABLE: &str = "OMNIGRAPH_PER_ACTOR_BYTES_MAX";

/// Most that one actor may have under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkloadLimits {
    /// Admitted requests at one time.
    pub inflight: u64,
    /// Sum of their byte estimates.
    pub bytes: u64,
}

impl Default for WorkloadLimits {
    /// 16 requests, 4 GiB.
    fn default() -> Self {
        Self { inflight: 16, bytes: 4 << 30 }
    }
}

impl WorkloadLimits {
    /// Reads the limits, and returns a warning for each variable that is not a whole number; the default then holds.
    ///
    /// # Errors
    /// [`NotUnicode`].
    pub fn from_env(env: &Env<'_>) -> Result<(Self, Vec<String>), NotUnicode> {
        let mut warnings = Vec::new();
        let mut read = |name: &str, default: u64| -> Result<u64, NotUnicode> {
            let Some(text) = env.get(name)? else { return Ok(default) };
            Ok(text.trim().parse().unwrap_or_else(|_| {
                warnings
                    .push(format!("{name} is '{}', which is no whole number; using {default}", text.trim()));
                default
            }))
        };
        let defaults = Self::default();
        let inflight = read(INFLIGHT_VARIABLE, defaults.inflight)?;
        let bytes = read(BYTES_VARIABLE, defaults.bytes)?;
        Ok((Self { inflight, bytes }, warnings))
    }
}

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AdmissionResource {
    /// Requests at one time.
    Inflight,
    /// Bytes at one time.
    Bytes,
}

impl AdmissionResource {
    /// Returns the stable name: `per_actor_inflight` or `per_actor_bytes`.
    pub fn as_str(self) -> &'static str {
        match self {
            AdmissionResource::Inflight => "per_actor_inflight",
            AdmissionResource::Bytes => "per_actor_bytes",
        }
    }
}

/// A request that does not fit. `actual` is what the actor would have had under way; it is above `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionRefusal {
    /// Which limit.
    pub resource: AdmissionResource,
    /// The limit.
    pub limit: u64,
    /// The limit's unit as it would have been.
    pub actual: u64,
    /// When to try again.
    pub retry_after: Duration,
}

impl fmt::Display for AdmissionRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (limit, actual) = (self.limit, self.actual);
        match self.resource {
            AdmissionResource::Inflight => {
                write!(f, "too many concurrent writes of this actor: {actual}, the in-flight cap is {limit}")
            }
            AdmissionResource::Bytes => {
                write!(f, "too many bytes of this actor in flight: {actual}, the byte cap is {limit}")
            }
        }
    }
}

impl std::error::Error for AdmissionRefusal {}

impl From<AdmissionRefusal> for ApiError {
    fn from(refusal: AdmissionRefusal) -> Self {
        ApiError::too_many_requests(refusal.to_string(), refusal.retry_after)
    }
}

/// Counts what each actor has under way. Clones share the counts.
#[derive(Clone, Debug)]
pub struct WorkloadController {
    limits: WorkloadLimits,
    actors: Arc<Mutex<HashMap<Arc<str>, Usage>>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    inflight: u64,
    bytes: u64,
}

impl WorkloadController {
    /// Returns a controller with these limits.
    pub fn new(limits: WorkloadLimits) -> Self {
        Self { limits, actors: Arc::default() }
    }

    /// Returns a controller with the default limits.
    pub fn with_defaults() -> Self {
        Self::new(WorkloadLimits::default())
    }

    /// Returns the limits.
    pub fn limits(&self) -> WorkloadLimits {
        self.limits
    }

    /// Admits a request of an actor, or refuses it at once. The slot is held until the guard is dropped.
    ///
    /// Both checks and both counts are one step: with a cap of n never more than n run.
    ///
    /// # Errors
    /// [`AdmissionRefusal`] names the first limit exceeded, requests before bytes.
    pub fn try_admit(&self, actor: &str, bytes: u64) -> Result<AdmissionGuard, AdmissionRefusal> {
        let mut actors = lock(&self.actors);
        let (key, usage) = match actors.get_key_value(actor) {
            Some((key, usage)) => (Arc::clone(key), *usage),
            None => (Arc::from(actor), Usage::default()),
        };
        let refuse = |resource, limit, actual| {
            Err(AdmissionRefusal { resource, limit, actual, retry_after: RETRY_AFTER })
        };
        let next =
            Usage { inflight: usage.inflight.saturating_add(1), bytes: usage.bytes.saturating_add(bytes) };
        if next.inflight > self.limits.inflight {
            return refuse(AdmissionResource::Inflight, self.limits.inflight, next.inflight);
        }
        // A sum that does not fit its counter does not fit any limit.
        if next.bytes > self.limits.bytes || usage.bytes.checked_add(bytes).is_none() {
            return refuse(AdmissionResource::Bytes, self.limits.bytes, next.bytes);
        }
        actors.insert(Arc::clone(&key), next);
        Ok(AdmissionGuard { actors: Arc::clone(&self.actors), actor: key, bytes })
    }

    /// Returns how many requests are under way, over all actors.
    pub fn inflight(&self) -> u64 {
        lock(&self.actors).values().map(|usage| usage.inflight).sum()
    }

    /// Returns the bytes under way, over all actors.
    pub fn bytes(&self) -> u64 {
        lock(&self.actors).values().map(|usage| usage.bytes).fold(0, u64::saturating_add)
    }
}

/// A slot. Dropping it, on whichever path, gives it back.
#[derive(Debug)]
#[must_use = "the slot is held only as long as the guard"]
pub struct AdmissionGuard {
    actors: Arc<Mutex<HashMap<Arc<str>, Usage>>>,
    actor: Arc<str>,
    bytes: u64,
}

impl Drop for AdmissionGuard {
    fn drop(&mut self) {
        let mut actors = lock(&self.actors);
        if let Entry::Occupied(mut entry) = actors.entry(Arc::clone(&self.actor)) {
            let usage = entry.get_mut();
            usage.inflight = usage.inflight.saturating_sub(1);
            usage.bytes = usage.bytes.saturating_sub(self.bytes);
            if usage.inflight == 0 {
                entry.remove();
            }
        }
    }
}

/// Locks the counts. They are whole after every statement, so a panic elsewhere leaves them right.
fn lock(actors: &Mutex<HashMap<Arc<str>, Usage>>) -> MutexGuard<'_, HashMap<Arc<str>, Usage>> {
    actors.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use proptest::prelude::*;
    use tokio::sync::Barrier;

    use super::*;
    use crate::fixtures::env_of;

    fn controller(inflight: u64, bytes: u64) -> WorkloadController {
        WorkloadController::new(WorkloadLimits { inflight, bytes })
    }

    #[test]
    fn limits_come_from_the_environment() {
        let lookup = env_of(&[(INFLIGHT_VARIABLE, " 3 "), (BYTES_VARIABLE, "")]);
        let (limits, warnings) = WorkloadLimits::from_env(&Env::new(&lookup)).unwrap();
        assert_eq!(limits, WorkloadLimits { inflight: 3, bytes: 4_294_967_296 });
        assert!(warnings.is_empty());
    }

    #[test]
    fn a_limit_that_is_no_number_is_one_warning_and_the_default() {
        let lookup = env_of(&[(INFLIGHT_VARIABLE, "many"), (BYTES_VARIABLE, "-1")]);
        let (limits, warnings) = WorkloadLimits::from_env(&Env::new(&lookup)).unwrap();
        assert_eq!(limits, WorkloadLimits::default());
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].contains(INFLIGHT_VARIABLE) && warnings[0].contains("16"), "{warnings:?}");
    }

    #[test]
    fn a_request_above_either_limit_is_refused_with_numbers() {
        let controller = controller(2, 100);
        let first = controller.try_admit("ada", 60).unwrap();
        let refused = controller.try_admit("ada", 41).unwrap_err();
        assert_eq!((refused.resource, refused.limit, refused.actual), (AdmissionResource::Bytes, 100, 101));
        let second = controller.try_admit("ada", 40).unwrap();
        let refused = controller.try_admit("ada", 0).unwrap_err();
        assert_eq!((refused.resource, refused.limit, refused.actual), (AdmissionResource::Inflight, 2, 3));
        assert_eq!(refused.retry_after, Duration::from_secs(60));
        let other = controller.try_admit("lin", 100).unwrap();
        drop((first, second, other));
        assert_eq!((controller.inflight(), controller.bytes()), (0, 0));
        assert!(lock(&controller.actors).is_empty());
    }

    #[test]
    fn sums_that_do_not_fit_are_refused() {
        let controller = controller(9, u64::MAX);
        let _held = controller.try_admit("a", u64::MAX).unwrap();
        assert_eq!(controller.try_admit("a", 1).unwrap_err().resource, AdmissionResource::Bytes);
        let _zero = controller.try_admit("a", 0).unwrap();
    }

    #[test]
    fn a_refusal_is_a_429_that_says_when_to_come_back() {
        let refused = controller(0, 0).try_admit("a", 0).unwrap_err();
        let error = ApiError::from(refused);
        assert_eq!(error.status(), 429);
        assert!(error.to_string().contains("cap is 0"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn with_a_cap_of_n_never_more_than_n_run() {
        const TASKS: usize = 200;
        let controller = controller(7, u64::MAX);
        let (running, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let start = Arc::new(Barrier::new(TASKS));
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (controller, start) = (controller.clone(), Arc::clone(&start));
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                tokio::spawn(async move {
                    start.wait().await;
                    let mut admitted = 0;
                    for _ in 0..200 {
                        if let Ok(guard) = controller.try_admit("ada", 1) {
                            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                            most.fetch_max(now, Ordering::SeqCst);
                            tokio::task::yield_now().await;
                            running.fetch_sub(1, Ordering::SeqCst);
                            drop(guard);
                            admitted += 1;
                        }
                    }
                    admitted
                })
            })
            .collect();
        let mut admitted = 0;
        for task in tasks {
            admitted += task.await.unwrap();
        }
        assert!(admitted > 0);
        assert!((1..=7).contains(&most.load(Ordering::SeqCst)), "{most:?}");
        assert_eq!(controller.inflight(), 0);
    }

    #[tokio::test]
    async fn an_aborted_task_and_a_panic_give_their_slots_back() {
        let controller = controller(1, 10);
        let (entered, waiting) = tokio::sync::oneshot::channel();
        let task = tokio::spawn({
            let controller = controller.clone();
            async move {
                let _guard = controller.try_admit("a", 1).unwrap();
                entered.send(()).unwrap();
                std::future::pending::<()>().await;
            }
        });
        waiting.await.unwrap();
        assert!(controller.try_admit("a", 1).is_err());
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        let panicking = controller.clone();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = panicking.try_admit("a", 1).unwrap();
            panic!("on purpose");
        }));
        assert!(caught.is_err());
        assert_eq!(controller.inflight(), 0);
        let _again = controller.try_admit("a", 10).unwrap();
    }

    proptest! {
        #[test]
        fn counts_are_those_of_the_guards_held(steps in prop::collection::vec((0..3usize, 0..50u64, any::<bool>()), 0..60)) {
            let controller = controller(4, 100);
            let mut held: Vec<(usize, u64, AdmissionGuard)> = Vec::new();
            for (actor, bytes, release) in steps {
                if release && !held.is_empty() {
                    drop(held.remove(actor % held.len()));
                    continue;
                }
                let own = held.iter().filter(|(who, ..)| *who == actor);
                let (count, sum) = own.fold((0, 0), |(count, sum), (_, bytes, _)| (count + 1, sum + bytes));
                let admitted = controller.try_admit(&actor.to_string(), bytes);
                prop_assert_eq!(admitted.is_ok(), count < 4 && sum + bytes <= 100);
                if let Ok(guard) = admitted {
                    held.push((actor, bytes, guard));
                }
                prop_assert_eq!(controller.inflight(), held.len() as u64);
                prop_assert_eq!(controller.bytes(), held.iter().map(|(_, bytes, _)| bytes).sum::<u64>());
            }
        }
    }
}
