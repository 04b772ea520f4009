//! Calls against a server in this process that records requests and gives canned answers.

#![allow(clippy::unwrap_used)]

mod blobs;
mod failures;
mod fixtures;
mod requests;
mod streams;
