//! `omnigraph lint`.

use std::process::ExitCode;
use std::sync::Arc;

use omnigraph::Omnigraph;
use omnigraph_compiler::catalog::Catalog;
use omnigraph_compiler::query::{self, LintReport, QueryKind, SchemaSource, Severity};
use omnigraph_compiler::schema;

use crate::address;
use crate::args::Global;
use crate::args::schema::Lint;
use crate::failure::Failure;
use crate::input;
use crate::output;

/// Type-checks every query of a file. Exits with 1 when there is an error.
pub(crate) async fn run(args: &Lint, global: &Global) -> Result<ExitCode, Failure> {
    let path = args.query.display().to_string();
    let (catalog, source) = schema_of(args, global).await?;
    let text = input::read_text(&args.query)?;
    let report = query::lint(&path, &text, &catalog, source);
    if global.json {
        output::json(&report)?;
    } else {
        output::line(&human(&report))?;
    }
    Ok(if report.errors > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

async fn schema_of(args: &Lint, global: &Global) -> Result<(Arc<Catalog>, SchemaSource), Failure> {
    if let Some(path) = &args.schema {
        let label = path.display().to_string();
        let text = input::read_text(path)?;
        // Lint uses no identities, so any identity domain will do.
        let compiled = schema::compile(&text, "LINT").map_err(|diagnostics| Failure::Text {
            label: label.clone(),
            source_text: text.clone(),
            diagnostics,
        })?;
        return Ok((Arc::new(compiled.catalog), SchemaSource::File { path: label }));
    }
    if !address::is_addressed(args.uri.given(), global)? {
        return Err(Failure::usage(
            "lint requires --schema <schema.pg> or a graph, and no graph addressed",
            "pass --schema FILE, or the graph's URI",
        ));
    }
    let uri = &address::storage(args.uri.given(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    Ok((graph.catalog("main").await?, SchemaSource::Graph { uri: uri.to_owned() }))
}

/// Renders line and column of an error as a suffix of its message.
fn location(report: &LintReport, position: Option<(usize, usize)>) -> String {
    position.map(|(line, column)| format!(" ({}:{line}:{column})", report.query_path)).unwrap_or_default()
}

/// Renders queries in file order, each followed by its warnings, then findings, then the summary.
fn human(report: &LintReport) -> String {
    let mut lines = Vec::new();
    for result in &report.results {
        let name = &result.name;
        let kind = match result.kind {
            QueryKind::Read => "read",
            QueryKind::Mutation => "mutation",
        };
        lines.push(match &result.error {
            None => format!("OK    query `{name}` ({kind})"),
            Some(error) => format!("ERROR query `{name}`: {error}{}", location(report, result.place)),
        });
        lines.extend(result.warnings.iter().map(|warning| format!("WARN  query `{name}`: {warning}")));
    }
    lines.extend(report.findings.iter().map(|finding| {
        let label = match finding.severity {
            Severity::Error => "ERROR",
            Severity::Warning => "WARN ",
            Severity::Info => "INFO ",
        };
        format!("{label} {}{}", finding.message, location(report, finding.place))
    }));
    lines.push(format!(
        "INFO  Lint complete: {} queries processed ({} error(s), {} warning(s), {} info item(s))",
        report.queries_processed, report.errors, report.warnings, report.infos
    ));
    lines.join("\n")
}
