//! Omnigraph: a typed property graph in a directory or a bucket, with atomic commits over the whole graph.
//!
//! ```
//! use omnigraph::Omnigraph;
//! use omnigraph::db::{Load, LoadMode, LoadSource, MergeBranches, Mutate};
//!
//! const SCHEMA: &str = "
//!     node Person { name: String @key  age: I32? }
//!     edge Knows: Person -> Person
//! ";
//! const ROWS: &str = r#"
//!     {"type":"Person","data":{"name":"Ada","age":36}}
//!     {"type":"Person","data":{"name":"Bob"}}
//!     {"edge":"Knows","from":"Ada","to":"Bob"}
//! "#;
//! const BEFRIEND: &str = r#"query befriend() {
//!     insert Person { name: "Cleo" }
//!     insert Knows { from: "Bob", to: "Cleo" }
//! }"#;
//! const REACH: &str = r#"query reach() {
//!     match { $p: Person { name: "Ada" }  $p knows{1,3} $q }
//!     return { $q.name as name, $q.age as age }
//! }"#;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // A directory or s3://bucket/prefix keeps the graph; this one goes with the process.
//!     let graph = Omnigraph::init("memory://front-page", SCHEMA).await?;
//!     graph.load(Load::new("main", LoadSource::Text(ROWS.to_owned()), LoadMode::Append)).await?;
//!
//!     // A node and an edge in one commit, on a branch that main does not see until it is merged.
//!     graph.branch_create("review").await?;
//!     graph.mutate(Mutate::new("review", BEFRIEND)).await?;
//!     let params = Default::default();
//!     assert_eq!(graph.query("main", REACH, None, &params).await?.row_count(), 1);
//!     graph.branch_merge(MergeBranches::new("review", "main")).await?;
//!     assert_eq!(graph.query("main", REACH, None, &params).await?.row_count(), 2);
//!     Ok(())
//! }
//! ```
//!
//! [`Omnigraph`] is the handle on a graph: [`db`] has its requests and answers, [`changes`] the differences and feeds,
//! [`error`] what can go wrong, [`embedding`] the configuration of models that embed texts. The directory `examples/`
//! of this crate has longer programs.
//!
//! # What this crate owns
//!
//! Planning of writes, change feeds, maintenance, and the public handle. Tables and objects are the crate
//! `omnigraph-storage`, commits and branches `omnigraph-graph`, read queries `omnigraph-query`; only the second of
//! these can publish a commit. No type of Lance, the format of the tables, is named here.
//!
//! Inside, dependencies point one way:
//!
//! ```text
//! error ← blob ← write ← feed ← changes ← db
//!                write ← maintenance ← db
//! ```
//!
//! `blob` decides which bytes outside the graph may be referenced, and reads them. `write` plans loads, mutations,
//! merges and schema changes. `feed` computes what changed. `maintenance` compacts, indexes and removes garbage.
//! `embedding` is used by `db` only; `failpoints`, which exists with the crate feature of this name, stands above all.

// DataFusion's expression types nest deeper than the default when auto traits are proved for futures over them.
#![recursion_limit = "256"]

pub mod changes;
pub mod db;
pub mod embedding;
pub mod error;
#[cfg(feature = "failpoints")]
pub mod failpoints;

pub(crate) mod blob;
pub(crate) mod feed;
pub(crate) mod maintenance;
pub(crate) mod write;

pub use blob::policy::{ExternalBlobBase, ExternalBlobExecutionScope, ExternalBlobPolicy};
pub use db::Omnigraph;
pub use error::{OmniError, Result};
pub use omnigraph_storage::{GraphLocation, LocationError};
