//! What handlers take out of a request: its body, path and query. What is refused becomes an
//! [`ApiError`](crate::error::ApiError) that says where the problem is.

mod body;
mod escapes;
mod json;
mod path;
mod query;
mod rejection;

pub use body::{ApiBytes, JSON_LIMIT, LOAD_LIMIT, read_request};
pub use json::ApiJson;
pub use path::{ApiPath, RequestedGraph};
pub use query::{ApiQuery, query_pairs};
pub use rejection::ExtractError;
