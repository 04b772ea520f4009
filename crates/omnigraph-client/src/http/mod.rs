//! Calls of the HTTP API.
//!
//! A [`ServerClient`] stands for a server, a [`GraphClient`] for one of its graphs. Requests and answers are the types
//! of [`omnigraph_api`]; what goes wrong is a [`ClientError`].

mod baseline;
mod blob;
mod body;
mod changes;
mod connection;
mod error;
mod graph;
mod paths;
mod server;
mod stream;

pub use blob::{
    BlobAnswer, BlobContent, BlobRange, BlobRangeError, BlobRead, BlobSelector, ExternalBlob, ManagedBlob,
};
pub use body::{Sent, file_body};
pub use changes::{ChangeFilter, FeedPosition, FeedStart, FeedStartError};
pub use error::{AddressError, BlobFailure, ClientError};
pub use graph::GraphClient;
pub use reqwest::Body;
pub use server::{ServerClient, graph_base};
pub use stream::ByteStream;
