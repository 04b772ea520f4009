//! How long a client may stand still before it is cut off.
//!
//! What is bounded is the time without progress, not the time of a request: a slow client that goes on is served.

use std::time::Duration;

use axum::http::Extensions;

/// Times without progress after which a client is cut off.
///
/// A request carries them as an extension for what reads its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the head of a request, and between two pieces of its body.
    pub sending: Duration,
    /// For taking the next piece of an answer. The system buffers up to some MiB for a connection and takes more only when a
    /// good part of them is gone (about 1 MiB on Linux), so that is the piece.
    pub reading: Duration,
}

impl Default for Patience {
    /// Half a minute for sending; two minutes for reading, since a reader may do something with what it has read.
    fn default() -> Patience {
        Patience { sending: Duration::from_secs(30), reading: Duration::from_secs(120) }
    }
}

impl Patience {
    /// Has the same patience for sending and for reading.
    pub fn of_both(time: Duration) -> Patience {
        Patience { sending: time, reading: time }
    }

    /// Returns what a request carries, or the default.
    pub fn of(extensions: &Extensions) -> Patience {
        extensions.get().copied().unwrap_or_default()
    }
}
