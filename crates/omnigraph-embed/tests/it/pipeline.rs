//! The pipeline over files, with the mock and with a server.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use omnigraph_embed::pipeline::{
    self, Job, PipelineError, Progress, Report, Request, RowProblem, Selection, Work,
};
use omnigraph_embed::{EmbeddingClient, EmbeddingConfig, Limits, Provider};
use serde_json::{Value, json};

use crate::server::{Reply, Server};

const SPEC: &str = r#"{"dimension": 4, "types": {
    "Doc": {"target": "vec", "fields": ["title", "tags"]},
    "Person": {"target": "face", "fields": ["name"]}}}"#;

const SEED: &str = r#"{"type": "Doc", "data": {"slug": "a", "title": "Ferries", "tags": ["sea", "port"]}}

{"type": "Doc", "data": {"slug": "b", "vec": [1, 0, 0, 0], "title": "Trains"}, "note": 1.50}
{"type": "Doc", "data": {"slug": "c", "vec": [], "title": null}}
{"type": "Person", "data": {"name": "Ada", "face": null}}
{"type": "City", "data": {"slug": "a"}}
{"edge": "Wrote", "from": "Ada", "to": "a", "data": {}}
"#;

/// A folder with a seed and a spec.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new(seed: &str) -> Files {
        let files = Files { folder: tempfile::tempdir().unwrap() };
        std::fs::write(files.path("in.jsonl"), seed).unwrap();
        std::fs::write(files.path("spec.json"), SPEC).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn job(&self) -> Job {
        Job::from_files(&self.path("in.jsonl"), &self.path("out.jsonl"), &self.path("spec.json")).unwrap()
    }

    fn output(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("out.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Returns the names of the files, sorted.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn mock() -> EmbeddingClient {
    EmbeddingClient::new(EmbeddingConfig::from_parts(Provider::Mock, Some("mock-1"), None, None).unwrap())
        .unwrap()
}

fn remote(server: &Server) -> EmbeddingClient {
    let config =
        EmbeddingConfig::from_parts(Provider::OpenAi, Some("m"), Some(&server.url), Some("k")).unwrap();
    EmbeddingClient::new(config.with_limits(Limits { attempts: 1, ..Limits::default() })).unwrap()
}

fn select(types: &[&str], selectors: &[&str]) -> Selection {
    Selection {
        types: types.iter().map(|name| name.to_string()).collect(),
        selectors: selectors.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

async fn run(files: &Files, selection: Selection, work: Work<'_>) -> Result<Report, PipelineError> {
    let job = files.job();
    pipeline::run(Request { job: &job, selection, work, cache: None, progress: None }).await
}

fn counts(report: &Report) -> (u64, u64, u64, u64) {
    (report.records, report.selected_records, report.embedded_records, report.cleaned_records)
}

async fn vector(text: &str) -> Vec<f32> {
    mock().embed_document_text(text, 4).await.unwrap()
}

fn floats(value: &Value) -> Vec<f32> {
    serde_json::from_value(value.clone()).unwrap()
}

#[tokio::test]
async fn missing_vectors_are_filled_and_all_else_is_kept() {
    let files = Files::new(SEED);
    let client = mock();
    let report = run(&files, Selection::default(), Work::FillMissing(&client)).await.unwrap();
    assert_eq!(counts(&report), (6, 5, 3, 0));
    let (input, output) = (files.path("in.jsonl"), files.path("out.jsonl"));
    assert_eq!(
        serde_json::to_string(&report).unwrap(),
        format!(
            r#"{{"input":"{}","output":"{}","records":6,"selected_records":5,"embedded_records":3,"cleaned_records":0,"mode":"fill_missing","dimension":4,"model":"mock-1"}}"#,
            input.display(),
            output.display()
        )
    );
    assert_eq!(
        report.to_string(),
        format!(
            "embedded 3 records (selected 5, cleaned 0) from {} -> {} [fill_missing 4d]",
            input.display(),
            output.display()
        )
    );
    let text = std::fs::read_to_string(output).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(text.ends_with('\n') && lines.len() == 6);
    assert_eq!(
        lines[1],
        r#"{"type":"Doc","data":{"slug":"b","vec":[1,0,0,0],"title":"Trains"},"note":1.50}"#
    );
    assert!(lines[2].starts_with(r#"{"type":"Doc","data":{"slug":"c","vec":["#), "{}", lines[2]);
    assert_eq!(lines[4], r#"{"type":"City","data":{"slug":"a"}}"#);
    assert_eq!(lines[5], r#"{"edge":"Wrote","from":"Ada","to":"a","data":{}}"#);
    let rows = files.output();
    assert_eq!(floats(&rows[0]["data"]["vec"]), vector("type: Doc\ntitle: Ferries\ntags: sea, port").await);
    assert_eq!(floats(&rows[2]["data"]["vec"]), vector("type: Doc").await);
    assert_eq!(floats(&rows[3]["data"]["face"]), vector("type: Person\nname: Ada").await);
    assert_eq!(files.names(), ["in.jsonl", "out.jsonl", "spec.json"]);
}

#[tokio::test]
async fn types_narrow_what_is_filled() {
    let files = Files::new(SEED);
    let client = mock();
    let report = run(&files, select(&["Person", "City"], &[]), Work::FillMissing(&client)).await.unwrap();
    assert_eq!(counts(&report), (6, 2, 1, 0));
    assert_eq!(files.output()[0]["data"].get("vec"), None);
}

#[tokio::test]
async fn selected_rows_are_embedded_again() {
    let files = Files::new(SEED);
    let client = mock();
    let report =
        run(&files, select(&[], &["Doc:slug=b", "slug=a"]), Work::FillMissing(&client)).await.unwrap();
    // The city has slug a too: it is selected, but its type is not in the spec.
    assert_eq!(counts(&report), (6, 3, 2, 0));
    assert_eq!(serde_json::to_value(report.mode).unwrap(), "reembed_selected");
    let rows = files.output();
    assert_eq!(floats(&rows[1]["data"]["vec"]), vector("type: Doc\ntitle: Trains").await);
    assert_eq!(rows[2]["data"]["vec"], json!([]));
}

#[tokio::test]
async fn all_rows_are_embedded_again() {
    let files = Files::new(SEED);
    let client = mock();
    let report = run(&files, Selection::default(), Work::ReembedAll(&client)).await.unwrap();
    assert_eq!(counts(&report), (6, 5, 4, 0));
    assert_eq!(serde_json::to_value(report.mode).unwrap(), "reembed_all");
    assert_eq!(floats(&files.output()[1]["data"]["vec"]), vector("type: Doc\ntitle: Trains").await);
}

#[tokio::test]
async fn cleaning_removes_the_property_and_needs_no_client() {
    let files = Files::new(SEED);
    let report = run(&files, select(&["Doc"], &[]), Work::Clean).await.unwrap();
    assert_eq!(counts(&report), (6, 3, 0, 2));
    assert_eq!((report.model.as_str(), serde_json::to_value(report.mode).unwrap()), ("", json!("clean")));
    let rows = files.output();
    assert_eq!(rows[1], json!({"type": "Doc", "data": {"slug": "b", "title": "Trains"}, "note": 1.5}));
    assert_eq!(rows[2], json!({"type": "Doc", "data": {"slug": "c", "title": null}}));
    assert_eq!(rows[3]["data"], json!({"name": "Ada", "face": null}));
}

#[tokio::test]
async fn a_file_may_be_its_own_output_and_then_has_nothing_missing() {
    let files = Files::new(SEED);
    let job = Job { output: files.path("in.jsonl"), ..files.job() };
    let client = mock();
    let again = || {
        let work = Work::FillMissing(&client);
        Request { job: &job, selection: Selection::default(), work, cache: None, progress: None }
    };
    assert_eq!(pipeline::run(again()).await.unwrap().embedded_records, 3);
    let filled = std::fs::read_to_string(files.path("in.jsonl")).unwrap();
    assert_eq!(pipeline::run(again()).await.unwrap().embedded_records, 0);
    assert_eq!(std::fs::read_to_string(files.path("in.jsonl")).unwrap(), filled);
}

#[tokio::test]
async fn a_bad_line_costs_no_call_and_leaves_the_old_output() {
    let server = Server::start(|_, seen| Reply::vectors(seen)).await;
    let client = remote(&server);
    for (bad, check) in [
        (
            "{\"type\": \"Doc\", \"data\": {",
            (|p| matches!(p, RowProblem::InvalidJson(_))) as fn(&RowProblem) -> bool,
        ),
        ("[]", |p| matches!(p, RowProblem::NotAnObject)),
        ("{\"type\": \"Doc\"}", |p| matches!(p, RowProblem::NoData)),
    ] {
        let files = Files::new(&format!("{SEED}\n{bad}\n"));
        std::fs::write(files.path("out.jsonl"), "old").unwrap();
        let error = run(&files, Selection::default(), Work::FillMissing(&client)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("in.jsonl: line 9 (record 7): "), "{text}");
        let PipelineError::Row { line: 9, record: 7, problem, .. } = error else { panic!("{text}") };
        assert!(check(&problem), "{text}");
        assert_eq!(std::fs::read_to_string(files.path("out.jsonl")).unwrap(), "old");
        assert_eq!(files.names(), ["in.jsonl", "out.jsonl", "spec.json"]);
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_missing_input_is_named_and_makes_no_files() {
    let files = Files::new(SEED);
    let job = Job { input: files.path("none.jsonl"), output: files.path("new/out.jsonl"), ..files.job() };
    let request = Request {
        job: &job,
        selection: Selection::default(),
        work: Work::Clean,
        cache: None,
        progress: None,
    };
    let error = pipeline::run(request).await.unwrap_err();
    assert!(error.to_string().starts_with("seed input does not exist: "), "{error}");
    assert!(!files.path("new").exists());
}

#[tokio::test]
async fn the_input_is_not_overwritten_by_the_temporary_output() {
    let files = Files::new(SEED);
    let job = Job { output: files.path("in"), input: files.path("in.tmp"), ..files.job() };
    std::fs::write(&job.input, SEED).unwrap();
    let request = Request {
        job: &job,
        selection: Selection::default(),
        work: Work::Clean,
        cache: None,
        progress: None,
    };
    assert!(matches!(pipeline::run(request).await, Err(PipelineError::InputIsTemporary { .. })));
    assert_eq!(std::fs::read_to_string(&job.input).unwrap(), SEED);
}

#[tokio::test]
async fn a_failing_provider_leaves_the_old_output_and_names_the_lines() {
    let files = Files::new(SEED);
    std::fs::write(files.path("out.jsonl"), "old").unwrap();
    let server = Server::start(|_, _| Reply::status(401)).await;
    let client = remote(&server);
    let error = run(&files, Selection::default(), Work::FillMissing(&client)).await.unwrap_err();
    assert!(error.to_string().contains("status 401"), "{error}");
    assert!(matches!(error, PipelineError::Embed { first_line: 1, last_line: 5, .. }), "{error}");
    assert!(error.to_string().contains("in.jsonl: lines 1 to 5 cannot be embedded"), "{error}");
    assert_eq!(std::fs::read_to_string(files.path("out.jsonl")).unwrap(), "old");
    assert_eq!(files.names(), ["in.jsonl", "out.jsonl", "spec.json"]);
}

#[tokio::test]
async fn a_text_that_the_provider_refuses_is_named_by_its_line() {
    let files = Files::new(SEED);
    let server = Server::start(|_, seen| match seen.texts().iter().any(|text| text.contains("Ada")) {
        true => Reply::status(400),
        false => Reply::vectors(seen),
    });
    let server = server.await;
    let client = remote(&server);
    let error = run(&files, Selection::default(), Work::FillMissing(&client)).await.unwrap_err();
    assert!(error.to_string().contains("in.jsonl: line 5 cannot be embedded"), "{error}");
}

/// Returns a seed of documents with titles of different lengths.
fn documents(count: usize) -> String {
    (1..=count).map(|n| format!("{}\n", json!({"type": "Doc", "data": {"title": "x".repeat(n)}}))).collect()
}

#[tokio::test]
async fn long_files_keep_their_order_and_tell_progress() {
    let files = Files::new(&documents(600));
    let server = Server::start(|_, seen| Reply::vectors(seen)).await;
    let (client, job) = (remote(&server), files.job());
    let told: Mutex<Vec<Progress>> = Mutex::default();
    let progress = |progress: &Progress| told.lock().unwrap().push(*progress);
    let request = Request {
        job: &job,
        selection: Selection::default(),
        work: Work::FillMissing(&client),
        cache: None,
        progress: Some(&progress),
    };
    pipeline::run(request).await.unwrap();
    let rows = files.output();
    assert_eq!(rows.len(), 600);
    for (at, row) in rows.iter().enumerate() {
        let text = format!("type: Doc\ntitle: {}", "x".repeat(at + 1));
        assert_eq!(row["data"]["title"], "x".repeat(at + 1));
        let vector = &row["data"]["vec"];
        let ratio = vector[0].as_f64().unwrap() / vector[1].as_f64().unwrap();
        assert!((ratio - text.len() as f64).abs() < 0.1, "{ratio} in row {at}");
    }
    let told = told.into_inner().unwrap();
    let records: Vec<u64> = told.iter().map(|progress| progress.records).collect();
    assert_eq!(records, [256, 512, 600]);
    assert!(told.iter().all(|progress| progress.total_records == Some(600)));
    assert_eq!(told[2].embedded_records, 600);
}

async fn cached(files: &Files, client: &EmbeddingClient, cache: &Path) -> Result<Report, PipelineError> {
    let job = files.job();
    let work = Work::ReembedAll(client);
    pipeline::run(Request {
        job: &job,
        selection: Selection::default(),
        work,
        cache: Some(cache),
        progress: None,
    })
    .await
}

#[tokio::test]
async fn a_run_that_failed_resumes_from_its_cache() {
    let files = Files::new(&documents(600));
    let cache = files.path("cache/vectors");
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|_, seen| {
        // Four requests fill the first window; the second one fails once.
        match ASKED.fetch_add(1, Ordering::SeqCst) {
            0..4 => Reply::vectors(seen),
            4..8 => Reply::status(403),
            _ => Reply::vectors(seen),
        }
    });
    let server = server.await;
    let client = remote(&server);
    cached(&files, &client, &cache).await.unwrap_err();
    assert!(!files.path("out.jsonl").exists());
    ASKED.store(8, Ordering::SeqCst);
    let report = cached(&files, &client, &cache).await.unwrap();
    assert_eq!((report.embedded_records, report.cached_records), (600, 256));
    let first = std::fs::read(files.path("out.jsonl")).unwrap();

    let before = server.seen().len();
    let report = cached(&files, &client, &cache).await.unwrap();
    assert_eq!((report.embedded_records, report.cached_records), (600, 600));
    assert_eq!(server.seen().len(), before);
    assert_eq!(std::fs::read(files.path("out.jsonl")).unwrap(), first);
}

#[tokio::test]
async fn cached_and_fresh_vectors_are_the_same_bytes() {
    let files = Files::new(SEED);
    let client = mock();
    run(&files, Selection::default(), Work::ReembedAll(&client)).await.unwrap();
    let fresh = std::fs::read(files.path("out.jsonl")).unwrap();
    for reused in [0, 4] {
        let report = cached(&files, &client, &files.path("cache")).await.unwrap();
        assert_eq!(report.cached_records, reused);
        assert_eq!(std::fs::read(files.path("out.jsonl")).unwrap(), fresh);
    }
}
