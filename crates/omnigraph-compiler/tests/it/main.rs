//! Tests of both languages: text in, text out.

mod query;
mod schema;
