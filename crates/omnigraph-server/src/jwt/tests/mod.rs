//! Tokens signed in the test, by keys made in the test.

mod judging;
mod kit;
mod sources;
