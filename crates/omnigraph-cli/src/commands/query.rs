//! `omnigraph query`.

use omnigraph::Omnigraph;
use omnigraph::db::{ReadTarget, SnapshotId};

use super::source;
use crate::address;
use crate::args::{Format, Global, Query};
use crate::failure::Failure;
use crate::format::{self, ReadReport};
use crate::output;

/// Runs a read query, or explains it.
pub(crate) async fn run(args: &Query, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.as_deref(), global)?;
    let source = source::read(&args.source)?;
    let params = source::params(&args.source)?;
    let name = args.source.name.as_deref();
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let branch = args.branch.as_deref().unwrap_or("main");
    let target = match &args.snapshot {
        Some(id) => ReadTarget::Snapshot(SnapshotId::new(id.as_str())),
        None => ReadTarget::from(branch),
    };
    let of_text = |e| Failure::of_text(e, &source.label, &source.text);
    if args.explain || args.analyze {
        let plan = graph.explain(target, &source.text, name, &params, args.analyze).await.map_err(of_text)?;
        return output::line(plan.trim_end());
    }
    let result = graph.query(target, &source.text, name, &params).await.map_err(of_text)?;
    let report = match &args.snapshot {
        Some(id) => ReadReport::of_snapshot(&result, id),
        None => ReadReport::of_branch(&result, branch),
    };
    let format = if args.output.json { Format::Json } else { args.output.format.unwrap_or(Format::Table) };
    format::print(&report, format)
}
