//! Names of headers and media types that server and client agree on.

/// Request header of the conditional write routes: the commit that must still be the branch's head.
pub const IF_GRAPH_COMMIT: &str = "Omnigraph-If-Graph-Commit";

/// Response header of the blob routes: the exact snapshot that was read.
pub const SNAPSHOT_ID: &str = "Omnigraph-Snapshot-Id";

/// Media type of the raw batch load.
pub const NDJSON: &str = "application/x-ndjson";

/// Media type of exports and baselines.
pub const NDJSON_UTF8: &str = "application/x-ndjson; charset=utf-8";

/// Header of requests and responses: the id of the request, under which logs have it.
pub const REQUEST_ID: &str = "X-Request-Id";

/// Response header of deprecated operations; its value is `true`. `Link` names the successor beside it.
pub const DEPRECATION: &str = "Deprecation";
