//! The pipeline with a model in this process.

use omnigraph_embed::pipeline::{self, Job, PipelineError, Report, Request, Selection, Work};
use omnigraph_embed::{EmbedError, EmbeddingClient, ModelError};
use serde_json::{Value, json};

use crate::local::tiny::{self, HIDDEN, TinyModel};

struct Files {
    folder: tempfile::TempDir,
    job: Job,
}

impl Files {
    fn new(dimension: usize) -> Files {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let rows =
            (0..300).map(|n| json!({"type": "Doc", "data": {"slug": n, "text": format!("ferry {n}")}}));
        let rows: Vec<String> = rows.map(|row| row.to_string()).collect();
        std::fs::write(path("in.jsonl"), rows.join("\n")).unwrap();
        let spec = json!({"dimension": dimension, "types": {"Doc": {"target": "vec", "fields": ["text"]}}});
        std::fs::write(path("spec.json"), spec.to_string()).unwrap();
        let job = Job::from_files(&path("in.jsonl"), &path("out.jsonl"), &path("spec.json")).unwrap();
        Files { folder, job }
    }

    async fn run(&self, client: &EmbeddingClient) -> Result<Report, PipelineError> {
        pipeline::run(Request {
            job: &self.job,
            selection: Selection::default(),
            work: Work::FillMissing(client),
            cache: Some(&self.folder.path().join("vectors.cache")),
            progress: None,
        })
        .await
    }

    fn output(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("out.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn a_model_fills_a_file_and_the_cache_knows_its_weights() {
    let files = Files::new(HIDDEN);
    let mut model = TinyModel::new();
    let report = files.run(&model.client()).await.unwrap();
    assert_eq!((report.embedded_records, report.cached_records), (300, 0));
    assert_eq!(report.model, "tiny-bert");
    let first = files.output();
    assert_eq!(first[8]["data"]["vec"].as_array().unwrap().len(), HIDDEN);

    // The same files under another path are the same model.
    let again = files.run(&model.client()).await.unwrap();
    assert_eq!((again.embedded_records, again.cached_records), (300, 300));
    assert_eq!(files.output(), first);

    model.weights.get_mut("embeddings.word_embeddings.weight").unwrap().1[4 * HIDDEN] += 0.5;
    model.write_weights("", candle_core::DType::F32);
    let changed = files.run(&model.client()).await.unwrap();
    assert_eq!(changed.cached_records, 0);
    assert_ne!(files.output(), first);
}

#[tokio::test]
async fn a_model_that_does_not_fit_leaves_no_output() {
    let files = Files::new(8);
    let model = TinyModel::new();
    let error = files.run(&model.client()).await.unwrap_err();
    let PipelineError::Embed { source, first_line: 1, .. } = error else { panic!("{error}") };
    assert!(matches!(tiny::model_error(source), ModelError::Dimension { asked: 8, .. }));
    std::fs::remove_file(model.path("config.json")).unwrap();
    let error = files.run(&model.client()).await.unwrap_err();
    assert!(matches!(error, PipelineError::Provider { source: EmbedError::Model(_) }), "{error}");
    assert!(!files.folder.path().join("out.jsonl").exists());
}
