//! `omnigraph schema show`, `schema plan` and `schema apply`.

use omnigraph::db::SchemaApplyOptions;
use omnigraph_api::{SchemaApplyOutput, SchemaApplyRequest};
use omnigraph_compiler::schema::MigrationStep;
use omnigraph_service as service;
use serde::Serialize;

use crate::address::{self, Access, Target};
use crate::args::Global;
use crate::args::schema::{Schema, SchemaApply, SchemaPlan, SchemaShow};
use crate::echo;
use crate::failure::Failure;
use crate::input;
use crate::operator;
use crate::output;

/// Shows the schema, plans a change of it, or makes it.
pub(crate) async fn run(args: &Schema, global: &Global) -> Result<(), Failure> {
    match args {
        Schema::Show(args) => show(args, global).await,
        Schema::Plan(args) => plan(args, global).await,
        Schema::Apply(args) => apply(args, global).await,
    }
}

async fn show(args: &SchemaShow, global: &Global) -> Result<(), Failure> {
    let schema = match address::target(args.uri.given(), global, Access::Read).await? {
        Target::Served(graph) => graph.schema().await?,
        Target::Direct(uri) => service::schema(&address::open(&uri, global, Access::Read).await?).await?,
    };
    if global.json {
        return output::json(&schema);
    }
    output::line(schema.schema_source.trim_end_matches('\n'))
}

#[derive(Serialize)]
struct PlanDocument<'a> {
    uri: &'a str,
    supported: bool,
    step_count: usize,
    steps: &'a [MigrationStep],
}

async fn plan(args: &SchemaPlan, global: &Global) -> Result<(), Failure> {
    let uri = &address::storage(args.uri.given(), global)?;
    let text = input::read_text(&args.schema)?;
    let graph = address::open(uri, global, Access::Read).await?;
    let options =
        SchemaApplyOptions { allow_data_loss: args.allow_data_loss, ..SchemaApplyOptions::default() };
    let plan = graph.plan_schema_with_options(&text, &options).await;
    let plan = plan.map_err(|error| Failure::with_text(error, &args.schema.display().to_string(), &text))?;
    if global.json {
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

async fn apply(args: &SchemaApply, global: &Global) -> Result<(), Failure> {
    let target = address::target(args.uri.given(), global, Access::Write).await?;
    if args.branch != "main" {
        target.storage("`schema apply --branch`")?;
    }
    let text = input::read_text(&args.schema)?;
    let request = SchemaApplyRequest { schema_source: text.clone(), allow_data_loss: args.allow_data_loss };
    let mut result = match &target {
        Target::Served(graph) => {
            echo::write("schema apply", &target, global);
            graph.apply_schema(&request).await.map_err(Failure::from_write)?
        }
        Target::Direct(uri) => {
            let graph = address::open(uri, global, Access::Write).await?;
            echo::write("schema apply", &target, global);
            let actor = operator::actor(global);
            let result = service::apply_schema(&graph, &request, &args.branch, actor, None).await;
            let label = args.schema.display().to_string();
            let result = result.map_err(|error| Failure::with_text(error, &label, &text))?;
            graph.close().await;
            result
        }
    };
    result.uri = target.uri();
    if global.json {
        return output::json(&result);
    }
    let mut lines = vec![
        format!("schema apply for {}", result.uri),
        format!("supported: {}", word(result.supported)),
        format!("applied: {}", word(result.applied)),
        format!("graph_manifest_version: {}", result.graph_manifest_version),
    ];
    lines.extend(step_lines(&applied_steps(&result)));
    output::line(&lines.join("\n"))
}

/// Returns the steps as text. Those of a server of another release may be unknown here and are shown as they came.
fn applied_steps(result: &SchemaApplyOutput) -> Vec<String> {
    let text = |step: &serde_json::Value| match serde_json::from_value::<MigrationStep>(step.clone()) {
        Ok(step) => step.to_string(),
        Err(_) => step.to_string(),
    };
    result.steps.iter().map(text).collect()
}

fn word(answer: bool) -> &'static str {
    if answer { "yes" } else { "no" }
}

fn step_lines<S: std::fmt::Display>(steps: &[S]) -> Vec<String> {
    match steps {
        [] => vec!["no schema changes".to_owned()],
        steps => steps.iter().map(|step| format!("- {step}")).collect(),
    }
}
