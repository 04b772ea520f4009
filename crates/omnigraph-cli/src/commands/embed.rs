//! `omnigraph embed`.

use omnigraph_embed::EmbeddingClient;
use omnigraph_embed::pipeline::{self, Job, Request, Selection, Work};

use crate::args::Global;
use crate::args::embed::Embed;
use crate::failure::Failure;
use crate::output;
use crate::progress::RowBar;

/// Fills vectors into a seed file.
pub(crate) async fn run(args: &Embed, global: &Global) -> Result<(), Failure> {
    let job = match (&args.seed, &args.input, &args.output, &args.spec) {
        (Some(seed), ..) => Job::from_manifest(seed)?,
        (None, Some(input), Some(output), Some(spec)) => Job::from_files(input, output, spec)?,
        _ => {
            return Err(Failure::usage(
                "embed needs --seed, or --input with --output and --spec",
                "try: omnigraph embed --seed seed.yaml",
            ));
        }
    };
    let client;
    let work = if args.clean {
        Work::Clean
    } else {
        client = EmbeddingClient::from_env()?;
        if args.reembed_all { Work::ReembedAll(&client) } else { Work::FillMissing(&client) }
    };
    let bar = RowBar::start(global.quiet || global.json);
    let report = pipeline::run(Request {
        job: &job,
        selection: Selection { types: args.types.clone(), selectors: args.selectors.clone() },
        work,
        cache: args.cache.as_deref(),
        progress: Some(&|progress| bar.show(progress.records, progress.total_records)),
    })
    .await?;
    drop(bar);
    if global.json { output::json(&report) } else { output::line(&report.to_string()) }
}
