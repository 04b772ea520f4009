//! A sentence model on blocking threads: loaded once, by the first request, and shared by all of them.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tracing::debug;

use super::files;
use super::model::SentenceModel;
use crate::error::{EmbedError, Result};
use crate::model_error::ModelError;
use crate::tracing_target::TRACING_TARGET;
use crate::vector::Purpose;

/// The model of a directory, loaded or not. Clones share it.
///
/// As many requests are computed at a time as the machine has processors; the others wait in the order in which they
/// came. A request that is dropped while it waits leaves no trace; one that is computed then ends after its batch, and
/// holds its permit until it does.
#[derive(Clone)]
pub(crate) struct Worker {
    /// Limit of one request, loading and waiting included.
    deadline: Option<Duration>,
    /// One for each batch that may be computed at a time.
    permits: Arc<Semaphore>,
    shared: Arc<Shared>,
}

struct Shared {
    directory: PathBuf,
    /// `None` until the first request. A load that fails leaves it so, and the next request tries again.
    model: Mutex<Option<Arc<SentenceModel>>>,
}

/// Tells a computation to stop when the request that asked for it is dropped.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Worker {
    /// Makes a worker. Touches no file.
    pub(crate) fn new(directory: PathBuf, deadline: Option<Duration>) -> Worker {
        let permits = available_parallelism().map_or(1, NonZero::get);
        Worker {
            deadline,
            permits: Arc::new(Semaphore::new(permits)),
            shared: Arc::new(Shared { directory, model: Mutex::new(None) }),
        }
    }

    /// Embeds texts as unit vectors, in their order.
    ///
    /// # Errors
    /// [`EmbedError::Model`], [`EmbedError::DeadlineExceeded`], the refusals of a vector.
    pub(crate) async fn embed(
        &self,
        purpose: Purpose,
        texts: &[&str],
        dimension: usize,
    ) -> Result<Vec<Vec<f32>>> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let count = texts.len();
        let vectors =
            self.run(move |shared, stop| shared.model()?.embed(purpose, &texts, dimension, stop)).await?;
        if vectors.len() == count {
            Ok(vectors)
        } else {
            Err(EmbedError::Count { expected: count, actual: vectors.len() })
        }
    }

    /// Returns a digest of the files that decide the vectors. Loads no model.
    ///
    /// # Errors
    /// [`EmbedError::Model`], [`EmbedError::DeadlineExceeded`].
    pub(crate) async fn digest(&self) -> Result<String> {
        self.run(|shared, _| Ok(files::digest(&shared.directory)?)).await
    }

    /// Does work on a thread that may block, when a permit is free, and within the deadline.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, &AtomicBool) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permits = Arc::clone(&self.permits);
        let shared = Arc::clone(&self.shared);
        let stop = StopOnDrop(Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop.0);
        let done = async {
            let permit = permits.acquire_owned().await.expect("the semaphore is never closed");
            let job = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                work(&shared, &stopped)
            });
            let directory = self.shared.directory.clone();
            job.await
                .unwrap_or_else(|error| Err(ModelError::Run { directory, reason: error.to_string() }.into()))
        };
        let Some(deadline) = self.deadline else { return done.await };
        let ended = tokio::time::timeout(deadline, done).await;
        ended.unwrap_or(Err(EmbedError::DeadlineExceeded { deadline, attempts: 1, last: None }))
    }
}

impl Shared {
    /// Returns the model. Those who need it while it is loaded wait; no more of them than there are permits.
    fn model(&self) -> Result<Arc<SentenceModel>, ModelError> {
        // A load that panicked has stored nothing, so the value is whole.
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = &*model {
            return Ok(Arc::clone(model));
        }
        let started = Instant::now();
        let loaded = Arc::new(SentenceModel::load(&self.directory)?);
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        debug!(target: TRACING_TARGET, directory = %self.directory.display(), ms, "sentence model loaded");
        Ok(Arc::clone(model.insert(loaded)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures::FutureExt;

    use super::*;

    fn worker(deadline: Option<Duration>) -> (Worker, u32) {
        let worker = Worker::new(PathBuf::from("/nowhere"), deadline);
        let permits = u32::try_from(worker.permits.available_permits()).unwrap();
        (worker, permits)
    }

    /// Waits until every permit is free.
    async fn idle(worker: &Worker, permits: u32) {
        let all = Arc::clone(&worker.permits).acquire_many_owned(permits);
        drop(tokio::time::timeout(Duration::from_secs(30), all).await.expect("permits come back").unwrap());
    }

    #[tokio::test]
    async fn requests_dropped_while_they_wait_are_never_computed() {
        let (worker, permits) = worker(None);
        let busy = Arc::clone(&worker.permits).acquire_many_owned(permits).await.unwrap();
        let computed = Arc::new(AtomicUsize::new(0));
        let requests: Vec<_> = (0..100)
            .map(|_| {
                let computed = Arc::clone(&computed);
                let count = move |_: &Shared, _: &AtomicBool| Ok(computed.fetch_add(1, Ordering::Relaxed));
                Box::pin(worker.run(count))
            })
            .collect();
        for mut request in requests {
            assert!((&mut request).now_or_never().is_none());
        }
        drop(busy);
        assert_eq!(worker.run(|_, _| Ok(7)).await.unwrap(), 7);
        idle(&worker, permits).await;
        assert_eq!(computed.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_request_dropped_while_it_is_computed_is_told_to_stop() {
        let (worker, permits) = worker(None);
        let (started, start) = tokio::sync::oneshot::channel();
        let request = worker.run(move |_, stop| {
            started.send(()).unwrap();
            while !stop.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            Ok(())
        });
        tokio::select! {
            _ = request => panic!("it was not dropped"),
            started = start => started.unwrap(),
        }
        idle(&worker, permits).await;
    }

    #[tokio::test]
    async fn the_deadline_covers_waiting() {
        let deadline = Duration::from_millis(5);
        let (worker, permits) = worker(Some(deadline));
        let busy = Arc::clone(&worker.permits).acquire_many_owned(permits).await.unwrap();
        let error = worker.run(|_, _| Ok(())).await.unwrap_err();
        assert!(
            matches!(error, EmbedError::DeadlineExceeded { deadline: told, .. } if told == deadline),
            "{error}"
        );
        drop(busy);
        idle(&worker, permits).await;
    }

    #[tokio::test]
    async fn no_more_is_computed_at_a_time_than_there_are_permits() {
        let (worker, permits) = worker(None);
        let busy = Arc::new(AtomicUsize::new(0));
        let requests = (0..50).map(|_| {
            let busy = Arc::clone(&busy);
            worker.run(move |_, _| {
                let beside = busy.fetch_add(1, Ordering::SeqCst);
                std::thread::yield_now();
                busy.fetch_sub(1, Ordering::SeqCst);
                Ok(beside)
            })
        });
        let beside = futures::future::try_join_all(requests).await.unwrap();
        assert!(beside.into_iter().all(|beside| beside < permits as usize));
    }

    #[tokio::test]
    async fn a_defect_is_an_error_of_its_request_alone() {
        let (worker, permits) = worker(None);
        let error = worker.run(|_, _| -> Result<()> { panic!("no such case") }).await.unwrap_err();
        assert!(matches!(error, EmbedError::Model(inner) if matches!(*inner, ModelError::Run { .. })));
        idle(&worker, permits).await;
        assert_eq!(worker.run(|_, _| Ok(7)).await.unwrap(), 7);
    }
}
