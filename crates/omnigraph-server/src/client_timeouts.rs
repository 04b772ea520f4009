//! Client timeouts: how long a client may stand still before it is cut off.
//!
//! What is bounded is the time without progress, not the time of a request: a slow client that goes on is served.

use std::time::Duration;

use axum::http::Extensions;

/// Times without progress after which a client is cut off.
///
/// A request carries them as an extension for what reads its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientTimeouts {
    /// For the head of a request, and between two pieces of its body.
    pub sending: Duration,
    /// For taking the next piece of an answer. The system buffers up to some MiB for a connection and takes more only when a
    /// good part of them is gone (about 1 MiB on Linux), so that is the piece.
    pub reading: Duration,
}

impl Default for ClientTimeouts {
    /// Half a minute for sending; two minutes for reading, since a reader may do something with what it has read.
    fn default() -> ClientTimeouts {
        ClientTimeouts { sending: Duration::from_secs(30), reading: Duration::from_secs(120) }
    }
}

impl ClientTimeouts {
    /// Bounds sending and reading by the same time.
    pub fn uniform(time: Duration) -> ClientTimeouts {
        ClientTimeouts { sending: time, reading: time }
    }

    /// Returns what a request carries, or the default.
    pub fn of(extensions: &Extensions) -> ClientTimeouts {
        extensions.get().copied().unwrap_or_default()
    }
}
