//! Streamed bodies: bounded memory, back-pressure, and a broken body when something fails on the way.
//!
//! A body holds at most two chunks of at most [`CHUNK_BYTES`]; what makes them waits for the reader. A body
//! whose source fails ends without its last frame, which HTTP shows as a broken connection; only a complete body ends
//! cleanly. A reader that goes away ends its source at once, one that stands still is given up.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::{Stream, StreamExt, stream};
use omnigraph_api::{ErrorDetail, ResourceLimitOutput};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Most bytes of a chunk.
pub const CHUNK_BYTES: usize = 64 << 10;
/// Most chunks that wait for a reader.
const QUEUED_CHUNKS: usize = 2;
/// What one streamed response takes of the budget.
const RESERVED_BYTES: u64 = 256 << 10;
/// The budget of the process.
const BUDGET_BYTES: u64 = 2 << 20;
/// How long a response waits for its part of the budget.
const RESERVATION_WAIT: Duration = Duration::from_millis(250);

/// Responses that stream at the same time, over all graphs of the process.
#[derive(Clone, Debug)]
pub struct TransportBudget(Arc<Semaphore>);

/// A part of the budget, for the life of one body.
#[derive(Debug)]
pub struct Reservation(#[expect(dead_code, reason = "held, not looked at")] OwnedSemaphorePermit);

impl Default for TransportBudget {
    fn default() -> Self {
        TransportBudget(Arc::new(Semaphore::new((BUDGET_BYTES / RESERVED_BYTES) as usize)))
    }
}

impl TransportBudget {
    /// Reserves the memory of one response.
    ///
    /// # Errors
    /// The limit, when nothing became free for a quarter of a second.
    pub async fn reserve(&self) -> Result<Reservation, ErrorDetail> {
        let permit = tokio::time::timeout(RESERVATION_WAIT, Arc::clone(&self.0).acquire_owned()).await;
        match permit {
            Ok(Ok(permit)) => Ok(Reservation(permit)),
            _ => Err(ErrorDetail::ResourceLimit(ResourceLimitOutput {
                resource: "stream_export_transport_bytes".to_owned(),
                limit: BUDGET_BYTES,
                actual: BUDGET_BYTES + RESERVED_BYTES,
            })),
        }
    }

    /// Returns the responses that could begin now.
    pub fn free(&self) -> usize {
        self.0.available_permits()
    }
}

/// What the task behind a body tells it.
enum Message {
    Chunk(Bytes),
    /// Everything was sent.
    End,
}

/// Makes a body of a source. `last` is sent after everything the source gave, and only then. A reader may leave a chunk lying
/// for as long as `stall`.
pub fn body<E>(
    source: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    last: Option<Bytes>,
    reservation: Reservation,
    stall: Duration,
) -> Body
where
    E: std::fmt::Display + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(QUEUED_CHUNKS);
    let task = async move {
        let _reservation = reservation;
        feed(source, last, &Chunks { sender, stall }).await;
    };
    tokio::spawn(tracing::Instrument::in_current_span(task));
    Body::from_stream(frames(receiver))
}

async fn feed<E: std::fmt::Display>(
    source: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    last: Option<Bytes>,
    chunks: &Chunks,
) {
    let mut source = std::pin::pin!(source);
    loop {
        let piece = tokio::select! {
            piece = source.next() => piece,
            () = chunks.sender.closed() => return,
        };
        match piece {
            Some(Ok(piece)) => {
                if !chunks.send(piece).await {
                    return;
                }
            }
            Some(Err(error)) => {
                tracing::error!(%error, "a streamed answer broke off");
                return;
            }
            None => break,
        }
    }
    if let Some(last) = last
        && !chunks.send(last).await
    {
        return;
    }
    // When the reader is gone, nobody misses the end.
    let _ = chunks.sender.send_timeout(Message::End, chunks.stall).await;
}

/// The way to a body.
struct Chunks {
    sender: mpsc::Sender<Message>,
    stall: Duration,
}

impl Chunks {
    /// Sends a piece in chunks; false when nobody takes them.
    async fn send(&self, mut piece: Bytes) -> bool {
        while !piece.is_empty() {
            let chunk = piece.split_to(piece.len().min(CHUNK_BYTES));
            match self.sender.send_timeout(Message::Chunk(chunk), self.stall).await {
                Ok(()) => {}
                Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                    tracing::warn!("gave up a reader that stood still");
                    return false;
                }
                Err(mpsc::error::SendTimeoutError::Closed(_)) => return false,
            }
        }
        true
    }
}

fn frames(receiver: mpsc::Receiver<Message>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold(Some(receiver), |receiver| async move {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Message::Chunk(chunk)) => Some((Ok(chunk), Some(receiver))),
            Some(Message::End) => None,
            None => Some((Err(io::Error::other("the answer broke off")), None)),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body::Body as _;
    use tokio::sync::oneshot;

    use super::*;

    /// Makes a body whose reader has all the time there is.
    fn whole(
        source: impl Stream<Item = Result<Bytes, io::Error>> + Send + 'static,
        last: Option<Bytes>,
        reservation: Reservation,
    ) -> Body {
        body(source, last, reservation, Duration::MAX)
    }

    async fn read(body: Body) -> Result<Vec<Bytes>, axum::Error> {
        let mut chunks = Vec::new();
        let mut stream = body.into_data_stream();
        while let Some(chunk) = stream.next().await {
            chunks.push(chunk?);
        }
        Ok(chunks)
    }

    #[tokio::test]
    async fn everything_arrives_in_bounded_chunks_and_the_last_line_at_the_end() {
        let budget = TransportBudget::default();
        let pieces = [vec![1_u8; 200_000], Vec::new(), vec![2; 10]];
        let source = stream::iter(pieces.clone().map(|piece| Ok::<_, io::Error>(Bytes::from(piece))));
        let body = whole(source, Some(Bytes::from_static(b"last")), budget.reserve().await.unwrap());
        let chunks = read(body).await.unwrap();
        assert!(chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= CHUNK_BYTES));
        assert_eq!(chunks.concat(), [pieces.concat().as_slice(), b"last"].concat());
        tokio::task::yield_now().await;
        assert_eq!(budget.free(), 8);
    }

    #[tokio::test]
    async fn a_failing_source_breaks_the_body_and_leaves_the_last_line_out() {
        let source = stream::iter([Ok(Bytes::from_static(b"a")), Err(io::Error::other("disk"))]);
        let reservation = TransportBudget::default().reserve().await.unwrap();
        let mut stream = whole(source, Some(Bytes::from_static(b"last")), reservation).into_data_stream();
        assert_eq!(stream.next().await.unwrap().unwrap(), "a");
        assert!(stream.next().await.unwrap().is_err());
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn the_source_waits_for_the_reader() {
        let made = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&made);
        let source = stream::repeat_with(move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok::<_, io::Error>(Bytes::from(vec![0; CHUNK_BYTES]))
        });
        let body = whole(source, None, TransportBudget::default().reserve().await.unwrap());
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert!(made.load(Ordering::SeqCst) <= QUEUED_CHUNKS + 1, "{made:?}");
        assert!(!body.is_end_stream());
    }

    #[tokio::test]
    async fn a_reader_that_leaves_frees_the_budget_though_the_source_is_silent() {
        struct Dropped(Option<oneshot::Sender<()>>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                let _ = self.0.take().unwrap().send(());
            }
        }
        let budget = TransportBudget::default();
        let (sender, dropped) = oneshot::channel();
        let guard = Dropped(Some(sender));
        let source = stream::once(async move {
            let _guard = guard;
            std::future::pending::<Result<Bytes, io::Error>>().await
        });
        let body = whole(source, None, budget.reserve().await.unwrap());
        tokio::task::yield_now().await;
        assert_eq!(budget.free(), 7);
        drop(body);
        dropped.await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(budget.free(), 8);
    }

    #[tokio::test]
    async fn a_reader_that_stands_still_is_given_up() {
        let budget = TransportBudget::default();
        let source = stream::repeat_with(|| Ok::<_, io::Error>(Bytes::from(vec![0; CHUNK_BYTES])));
        let stall = Duration::from_millis(20);
        let body = body(source, None, budget.reserve().await.unwrap(), stall);
        while budget.free() < 8 {
            tokio::time::sleep(stall).await;
        }
        assert!(read(body).await.is_err(), "what is left of the body does not pass for a whole one");
    }

    #[tokio::test]
    async fn the_budget_is_for_eight_responses() {
        let budget = TransportBudget::default();
        let mut held = Vec::new();
        for _ in 0..8 {
            held.push(budget.reserve().await.unwrap());
        }
        let refused = budget.reserve().await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "resource limit exceeded for stream_export_transport_bytes: actual 2359296, limit 2097152"
        );
        held.pop();
        budget.reserve().await.unwrap();
    }
}
