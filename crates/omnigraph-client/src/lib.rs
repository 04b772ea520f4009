//! The client side of Omnigraph's HTTP API.
//!
//! - [`http`] calls the operations of a served graph with the wire types of [`omnigraph_api`].
//! - [`operator`] reads the operator's configuration and credentials, and decides which graph a command line means.
//!
//! ```no_run
//! use omnigraph_api::{QueryRequest, RawJson};
//! use omnigraph_client::BearerToken;
//! use omnigraph_client::http::{ClientError, ServerClient};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server = ServerClient::new("https://graphs.example.org", Some(BearerToken::new("abc123")?))?;
//! let graph = server.graph("kb")?;
//! let request = QueryRequest {
//!     query: "query big($n: I64) { match { $c: City  $c.people > $n } return { $c.name } }".to_owned(),
//!     name: None,
//!     params: Some(RawJson::parse(r#"{"n": 500000}"#)?),
//!     branch: None,
//!     snapshot: None,
//! };
//! match graph.query(&request).await {
//!     Ok(read) => println!("{} rows as of {:?}", read.row_count, read.graph_commit_id),
//!     Err(ClientError::Api { status, error, .. }) => println!("refused with {status}: {}", error.error),
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Tokens and passwords of URLs are in no text of this crate.

pub mod http;
pub mod operator;
mod token;

pub use token::{BearerToken, TokenError};
