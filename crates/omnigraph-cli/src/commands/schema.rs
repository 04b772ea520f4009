//! `omnigraph schema show` and `schema plan`.

use omnigraph::Omnigraph;
use omnigraph_compiler::schema::{self, Step};
use serde::Serialize;
use serde_json::json;

use crate::address;
use crate::args::{self, Global, SchemaPlan, SchemaShow};
use crate::failure::Failure;
use crate::output;

/// Shows the schema, or plans a change of it.
pub(crate) async fn run(args: &args::Schema, global: &Global) -> Result<(), Failure> {
    match args {
        args::Schema::Show(args) => show(args, global).await,
        args::Schema::Plan(args) => plan(args, global).await,
    }
}

async fn show(args: &SchemaShow, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.given(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let snapshot = graph.snapshot_of("main").await?;
    if args.json {
        output::json(&json!({"schema_source": snapshot.schema_source()}))
    } else {
        output::line(snapshot.schema_source().trim_end_matches('\n'))
    }
}

#[derive(Serialize)]
struct Document<'a> {
    uri: &'a str,
    supported: bool,
    step_count: usize,
    steps: &'a [Step],
}

async fn plan(args: &SchemaPlan, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.given(), global)?;
    let text = output::read_text(&args.schema)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let accepted = graph.catalog("main").await?;
    let evolution = schema::evolve(&accepted, &text).map_err(|diagnostics| Failure::Text {
        label: args.schema.display().to_string(),
        source_text: text.clone(),
        diagnostics,
    })?;
    let plan = if args.allow_data_loss { evolution.plan.promote_drops_to_hard() } else { evolution.plan };
    if args.json {
        return output::json(&Document {
            uri,
            supported: plan.supported,
            step_count: plan.steps.len(),
            steps: &plan.steps,
        });
    }
    let mut lines = vec![
        format!("schema plan for {uri}"),
        format!("supported: {}", if plan.supported { "yes" } else { "no" }),
    ];
    if plan.steps.is_empty() {
        lines.push("no schema changes".to_owned());
    }
    lines.extend(plan.steps.iter().map(|step| format!("- {step}")));
    output::line(&lines.join("\n"))
}
