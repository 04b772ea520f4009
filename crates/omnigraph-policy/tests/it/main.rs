//! The policy crate from outside: files, decisions, laws.

#![allow(clippy::unwrap_used)]

mod decisions;
mod guide;
mod hostile;
mod laws;
mod validation;
