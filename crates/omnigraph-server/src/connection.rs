//! Connections that end when their client stands still.
//!
//! The HTTP library bounds the head of an HTTP/1 request only. Here is what lies around it: a connection must begin to speak
//! HTTP, and must take what is written to it, within its [`ClientTimeouts`]. So no client can hold a connection, and the answer
//! in it, by doing nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::client_timeouts::ClientTimeouts;

/// Bytes after which the HTTP library knows the version and keeps its own times: the connection preface of HTTP/2
/// (RFC 9113 §3.4).
const PREFACE_BYTES: usize = 24;

/// Bounds the connections of another acceptor.
#[derive(Clone, Debug)]
pub struct ClientTimeoutAcceptor<A> {
    inner: A,
    client_timeouts: ClientTimeouts,
}

impl<A> ClientTimeoutAcceptor<A> {
    /// Bounds what `inner` accepts.
    pub fn new(inner: A, client_timeouts: ClientTimeouts) -> ClientTimeoutAcceptor<A> {
        ClientTimeoutAcceptor { inner, client_timeouts }
    }
}

impl<A, I, S> Accept<I, S> for ClientTimeoutAcceptor<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
{
    type Stream = Connection<A::Stream>;
    type Service = A::Service;
    type Future = BoxFuture<'static, io::Result<(Connection<A::Stream>, A::Service)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let client_timeouts = self.client_timeouts;
        let accepted = self.inner.accept(stream, service);
        async move {
            let (stream, service) = accepted.await?;
            Ok((Connection::new(stream, client_timeouts), service))
        }
        .boxed()
    }
}

/// A connection that ends with [`io::ErrorKind::TimedOut`] when its client stands still.
#[derive(Debug)]
pub struct Connection<I> {
    inner: I,
    /// Bytes that are missing until the client speaks HTTP, and until when it may take; absent once it does.
    opening: Option<(usize, Pin<Box<Sleep>>)>,
    write: Stall,
    flush: Stall,
    shutdown: Stall,
}

impl<I> Connection<I> {
    /// Bounds a connection that has just been made.
    pub fn new(inner: I, client_timeouts: ClientTimeouts) -> Connection<I> {
        let stall = || Stall { longest: client_timeouts.reading, since: None };
        Connection {
            inner,
            opening: Some((PREFACE_BYTES, Box::pin(tokio::time::sleep(client_timeouts.sending)))),
            write: stall(),
            flush: stall(),
            shutdown: stall(),
        }
    }
}

/// How long one kind of step has been waiting for the client.
#[derive(Debug)]
struct Stall {
    longest: Duration,
    since: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    fn watch<T>(&mut self, cx: &mut Context<'_>, step: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if step.is_ready() {
            self.since = None;
            return step;
        }
        let longest = self.longest;
        let since = self.since.get_or_insert_with(|| Box::pin(tokio::time::sleep(longest)));
        ready!(since.as_mut().poll(cx));
        tracing::warn!("closed a connection whose client takes nothing");
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Connection<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let step = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let Some((missing, until)) = &mut self.opening else { return step };
        if step.is_pending() {
            ready!(until.as_mut().poll(cx));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client sends nothing")));
        }
        let read = buffer.filled().len() - before;
        *missing = missing.saturating_sub(read);
        if *missing == 0 {
            self.opening = None;
        }
        step
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Connection<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let step = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.write.watch(cx, step)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let step = Pin::new(&mut self.inner).poll_write_vectored(cx, pieces);
        self.write.watch(cx, step)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let step = Pin::new(&mut self.inner).poll_flush(cx);
        self.flush.watch(cx, step)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let step = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.shutdown.watch(cx, step)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn client_timeouts(millis: u64) -> ClientTimeouts {
        ClientTimeouts::uniform(Duration::from_millis(millis))
    }

    #[tokio::test]
    async fn a_client_that_does_not_begin_is_cut_off() {
        for begin in ["", "P", "PRI * HTTP/2.0\r\n"] {
            let (mut client, server) = duplex(1024);
            let mut server = Connection::new(server, client_timeouts(20));
            client.write_all(begin.as_bytes()).await.unwrap();
            let error = server.read_to_end(&mut Vec::new()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{begin:?}");
        }
    }

    #[tokio::test]
    async fn a_client_that_has_begun_may_wait() {
        let (mut client, server) = duplex(1024);
        let mut server = Connection::new(server, client_timeouts(10));
        client.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").await.unwrap();
        let reading = async {
            let mut text = Vec::new();
            server.read_to_end(&mut text).await.map(|_| text)
        };
        let later = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            client.write_all(b"more").await.unwrap();
            drop(client);
        };
        let (text, ()) = tokio::join!(reading, later);
        assert!(text.unwrap().ends_with(b"more"));
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_cut_off_and_one_that_is_slow_is_not() {
        let (_client, server) = duplex(16);
        let mut server = Connection::new(server, client_timeouts(20));
        let error = server.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);

        let (mut client, server) = duplex(16);
        let mut server = Connection::new(server, client_timeouts(400));
        let slow = async {
            for _ in 0..8 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                client.read_exact(&mut [0; 16]).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(server.write_all(&[0; 128]), slow);
        written.unwrap();
    }
}
