//! JWT authentication with keys and tokens that the tests make themselves.

mod fixtures;
mod judging;
mod sources;
