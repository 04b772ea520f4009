//! Objects under one root: where a root is, and reading, writing, listing and deleting whole objects there.
//!
//! [`root`] is the handle. [`location`] says where it is, [`stores`] and [`settings`] how its store is reached, [`durable`] how
//! local files survive power loss, [`retry`] which requests are made again, [`failure`] what they mean, [`stats`] what is
//! counted. [`fault`] names the points at which tests stop a writer.

pub(crate) mod durable;
pub mod failure;
pub mod fault;
pub mod location;
pub mod retry;
pub mod root;
mod settings;
pub mod stats;
pub mod stores;
