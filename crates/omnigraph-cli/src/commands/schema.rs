//! `omnigraph schema show`, `schema plan` and `schema apply`.

use omnigraph::Omnigraph;
use omnigraph::db::SchemaApplyOptions;
use omnigraph_compiler::schema::Step;
use serde::Serialize;
use serde_json::json;

use crate::address;
use crate::args::{self, Global, SchemaApply, SchemaPlan, SchemaShow};
use crate::failure::Failure;
use crate::output;

/// Shows the schema, plans a change of it, or makes it.
pub(crate) async fn run(args: &args::Schema, global: &Global) -> Result<(), Failure> {
    match args {
        args::Schema::Show(args) => show(args, global).await,
        args::Schema::Plan(args) => plan(args, global).await,
        args::Schema::Apply(args) => apply(args, global).await,
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
struct PlanDocument<'a> {
    uri: &'a str,
    supported: bool,
    step_count: usize,
    steps: &'a [Step],
}

async fn plan(args: &SchemaPlan, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.given(), global)?;
    let text = output::read_text(&args.schema)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let options =
        SchemaApplyOptions { allow_data_loss: args.allow_data_loss, ..SchemaApplyOptions::default() };
    let plan = graph.plan_schema_with_options(&text, &options).await;
    let plan = plan.map_err(|error| Failure::of_text(error, &args.schema.display().to_string(), &text))?;
    if args.json {
        return output::json(&PlanDocument {
            uri,
            supported: plan.supported,
            step_count: plan.steps.len(),
            steps: &plan.steps,
        });
    }
    let mut lines = vec![format!("schema plan for {uri}"), format!("supported: {}", word(plan.supported))];
    lines.extend(step_lines(&plan.steps));
    output::line(&lines.join("\n"))
}

#[derive(Serialize)]
struct ApplyDocument<'a> {
    uri: &'a str,
    supported: bool,
    applied: bool,
    step_count: usize,
    graph_manifest_version: u64,
    steps: &'a [Step],
}

async fn apply(args: &SchemaApply, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.given(), global)?;
    let text = output::read_text(&args.schema)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, false)).await?;
    output::echo("schema apply", uri, global.quiet);
    let options = SchemaApplyOptions {
        branch: &args.branch,
        actor: global.actor.as_deref(),
        allow_data_loss: args.allow_data_loss,
        ..SchemaApplyOptions::default()
    };
    let result = graph.apply_schema_with_options(&text, &options).await;
    let result =
        result.map_err(|error| Failure::of_text(error, &args.schema.display().to_string(), &text))?;
    graph.close().await;
    if args.json {
        return output::json(&ApplyDocument {
            uri,
            supported: result.supported,
            applied: result.applied,
            step_count: result.steps.len(),
            graph_manifest_version: result.graph_manifest_version,
            steps: &result.steps,
        });
    }
    let mut lines = vec![
        format!("schema apply for {uri}"),
        format!("supported: {}", word(result.supported)),
        format!("applied: {}", word(result.applied)),
        format!("graph_manifest_version: {}", result.graph_manifest_version),
    ];
    lines.extend(step_lines(&result.steps));
    output::line(&lines.join("\n"))
}

fn word(answer: bool) -> &'static str {
    if answer { "yes" } else { "no" }
}

fn step_lines(steps: &[Step]) -> Vec<String> {
    match steps {
        [] => vec!["no schema changes".to_owned()],
        steps => steps.iter().map(|step| format!("- {step}")).collect(),
    }
}
