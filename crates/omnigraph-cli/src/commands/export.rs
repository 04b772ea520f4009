//! `omnigraph export`.

use std::io::{BufWriter, Write};

use omnigraph_api::ExportRequest;

use crate::address::{self, Access, Target};
use crate::args::Global;
use crate::args::data::Export;
use crate::failure::Failure;

/// Streams the graph to stdout as a strict graph batch.
pub(crate) async fn run(args: &Export, global: &Global) -> Result<(), Failure> {
    let target = address::target(args.uri.given(), global, Access::Read).await?;
    let failed = |error| Failure::io("writing to stdout", error);
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout());
    match target {
        Target::Direct(uri) => {
            let graph = address::open(&uri, global, Access::Read).await?;
            graph.export(args.branch.as_str(), &args.types, &mut out).await?;
        }
        Target::Served(graph) => {
            let request = ExportRequest { branch: Some(args.branch.clone()), type_names: args.types.clone() };
            let mut answer = graph.export(&request).await?;
            while let Some(chunk) = answer.next_chunk().await? {
                out.write_all(&chunk).map_err(failed)?;
            }
        }
    }
    out.flush().map_err(failed)
}
