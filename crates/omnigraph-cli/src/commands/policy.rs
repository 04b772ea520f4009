//! `omnigraph policy validate`, `test` and `explain`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use omnigraph_policy::{
    PolicyConfig, PolicyEffect, PolicyEngine, PolicyLoadError, PolicyRequest, PolicyResourceKind,
    PolicyTestConfig, PolicyTestReport,
};
use serde::Serialize;
use serde_json::Value;

use crate::args::Global;
use crate::args::policy::{Bundle, Policy, PolicyExplain, PolicyTest, PolicyValidate};
use crate::failure::{Failure, PolicyFailure};
use crate::input;
use crate::output;

/// The name of the graph towards Cedar. No decision depends on it.
const LABEL: &str = "graph";

/// Checks, tests or explains a bundle. Exits with 1 when the bundle is invalid or a test case fails.
pub(crate) fn run(args: &Policy, global: &Global) -> Result<ExitCode, Failure> {
    match args {
        Policy::Validate(args) => validate(args, global),
        Policy::Test(args) => test(args, global),
        Policy::Explain(args) => explain(args, global),
    }
}

/// A bundle that was read from a file.
struct Loaded {
    /// The file name without its extension.
    name: String,
    kind: PolicyResourceKind,
    engine: PolicyEngine,
}

/// Returns the path of the bundle.
fn file_of<'a>(bundle: &'a Bundle, global: &Global) -> Result<&'a Path, Failure> {
    if global.cluster.is_some() {
        return Err(Failure::usage(
            "this build has no cluster support, so `policy` cannot take its bundle from --cluster",
            "pass --file <bundle.yaml>",
        ));
    }
    bundle.file.as_deref().ok_or_else(|| {
        Failure::usage(
            "`policy` needs a cluster or a bundle: pass --cluster <dir|uri>, or --file <bundle.yaml>",
            "this build has no cluster support; --file works",
        )
    })
}

/// Reads and compiles a bundle, as the kind that was asked for or that its rules tell.
fn load(bundle: &Bundle, global: &Global) -> Result<Loaded, Failure> {
    let path = file_of(bundle, global)?;
    // Read once, so that a pipe works.
    let text = input::read_text(path)?;
    let compiled = || -> Result<_, PolicyLoadError> {
        let kind = match bundle.kind {
            Some(kind) => kind.into(),
            None => kind_of(&PolicyConfig::from_source(&text)?),
        };
        let engine = match kind {
            PolicyResourceKind::Graph => PolicyEngine::load_graph_from_source(&text, LABEL),
            PolicyResourceKind::Server => PolicyEngine::load_server_from_source(&text),
        };
        Ok((kind, engine?))
    };
    let (kind, engine) = compiled().map_err(|error| in_file(error, path))?;
    Ok(Loaded { name: name_of(path), kind, engine })
}

/// Returns what a bundle is for. One that mixes actions on graphs and on the server counts as one for graphs, so that
/// the problems name the rules that do not belong there.
fn kind_of(config: &PolicyConfig) -> PolicyResourceKind {
    let mut actions = config.rules.iter().flat_map(|rule| &rule.allow.actions).peekable();
    let for_server = actions.peek().is_some()
        && actions.all(|action| action.resource_kind() == PolicyResourceKind::Server);
    if for_server { PolicyResourceKind::Server } else { PolicyResourceKind::Graph }
}

fn name_of(path: &Path) -> String {
    match label_of(path).file_stem() {
        Some(stem) => stem.to_string_lossy().into_owned(),
        None => path.display().to_string(),
    }
}

/// Returns how messages call a file.
fn label_of(path: &Path) -> PathBuf {
    if path == Path::new("-") { PathBuf::from("<stdin>") } else { path.to_owned() }
}

/// Adds the file to problems of its text.
fn in_file(error: PolicyLoadError, path: &Path) -> PolicyFailure {
    match error {
        PolicyLoadError::Invalid { problems, .. } => {
            PolicyLoadError::Invalid { file: Some(label_of(path)), problems }.into()
        }
        other => other.into(),
    }
}

#[derive(Serialize)]
struct ValidDocument {
    bundle: String,
    kind: PolicyResourceKind,
    valid: bool,
    actors: usize,
    rules: usize,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct InvalidDocument {
    bundle: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<PolicyResourceKind>,
    valid: bool,
    problems: Vec<Value>,
}

fn validate(args: &PolicyValidate, global: &Global) -> Result<ExitCode, Failure> {
    let Loaded { name, kind, engine } = match load(&args.bundle, global) {
        Err(Failure::Policy(failure)) if global.json && !failure.diagnostics().is_empty() => {
            let bundle = name_of(file_of(&args.bundle, global)?);
            let kind = args.bundle.kind.map(PolicyResourceKind::from);
            let problems = failure.diagnostics();
            output::json(&InvalidDocument { bundle, kind, valid: false, problems })?;
            return Ok(ExitCode::FAILURE);
        }
        loaded => loaded?,
    };
    let actors = engine.known_actor_count();
    let warnings: Vec<String> = engine.warnings().iter().map(ToString::to_string).collect();
    if global.json {
        let rules = engine.config().rules.len();
        output::json(&ValidDocument { bundle: name, kind, valid: true, actors, rules, warnings })?;
    } else {
        warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        output::line(&format!("policy valid: bundle '{name}' [{actors} actors]"))?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct TestsDocument<'a> {
    passed: usize,
    failed: usize,
    cases: Vec<CaseDocument<'a>>,
}

/// One case. `actual` is null for a request that could not be decided.
#[derive(Serialize)]
struct CaseDocument<'a> {
    id: &'a str,
    expected: PolicyEffect,
    actual: Option<PolicyEffect>,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

impl<'a> TestsDocument<'a> {
    fn new(tests: &'a PolicyTestConfig, report: &'a PolicyTestReport) -> TestsDocument<'a> {
        let failures: HashMap<&str, _> = report.failures.iter().map(|f| (f.id.as_str(), f)).collect();
        let cases = tests.cases.iter().map(|case| {
            let failure = failures.get(case.id.as_str());
            CaseDocument {
                id: &case.id,
                expected: case.expect,
                actual: failure.map_or(Some(case.expect), |failure| failure.actual),
                passed: failure.is_none(),
                message: failure.map(|failure| failure.message.as_str()),
            }
        });
        let failed = report.failures.len();
        TestsDocument { passed: report.cases - failed, failed, cases: cases.collect() }
    }
}

fn test(args: &PolicyTest, global: &Global) -> Result<ExitCode, Failure> {
    let stdin = Path::new("-");
    if args.tests == stdin && args.bundle.file.as_deref() == Some(stdin) {
        return Err(Failure::usage(
            "the bundle and its tests cannot both come from stdin",
            "give one of --file and --tests as a file",
        ));
    }
    let Loaded { engine, .. } = load(&args.bundle, global)?;
    let text = input::read_text(&args.tests)?;
    let tests = PolicyTestConfig::from_source(&text).map_err(|error| in_file(error, &args.tests))?;
    let report = engine.run_tests(&tests);
    if global.json {
        output::json(&TestsDocument::new(&tests, &report))?;
        return Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if !report.passed() {
        return Err(PolicyFailure::Tests(report).into());
    }
    output::line(&report.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the decision on stdout and its reasons as notes. A denial is a result, not a failure.
fn explain(args: &PolicyExplain, global: &Global) -> Result<ExitCode, Failure> {
    let Loaded { engine, .. } = load(&args.bundle, global)?;
    let request = PolicyRequest {
        action: args.action,
        branch: args.branch.clone(),
        target_branch: args.target_branch.clone(),
    };
    let explanation = engine.explain(&args.actor, &request).map_err(PolicyFailure::from)?;
    if global.json {
        output::json(&explanation)?;
    } else {
        output::line(&explanation.to_string())?;
        explanation.reasons().iter().for_each(|reason| eprintln!("note: {reason}"));
    }
    Ok(ExitCode::SUCCESS)
}
