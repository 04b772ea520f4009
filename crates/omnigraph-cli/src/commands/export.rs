//! `omnigraph export`.

use std::io::{BufWriter, Write};

use omnigraph::Omnigraph;

use crate::address;
use crate::args::{self, Global};
use crate::failure::Failure;

/// Streams the graph to stdout as a strict graph batch.
pub(crate) async fn run(args: &args::Export, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.given(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout());
    graph.export(args.branch.as_str(), &args.types, &mut out).await?;
    out.flush().map_err(|e| Failure::io("writing to stdout", e))
}
